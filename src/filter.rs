//! Stand-in until the real one lands.
use crate::event::{Category, DomainEvent, EventType};
/// Which events.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter;
/// A fault.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FilterError {
    /// History.
    #[error("needs history")]
    NeedsHistory,
}
impl Filter {
    /// All.
    pub fn all() -> Self {
        Self
    }
    /// Matches.
    pub fn matches(&self, _event: &DomainEvent) -> bool {
        true
    }
    /// History.
    pub fn needs_history(&self) -> bool {
        false
    }
}
impl From<EventType> for Filter {
    fn from(_: EventType) -> Self {
        Self
    }
}
impl From<Category> for Filter {
    fn from(_: Category) -> Self {
        Self
    }
}
impl std::str::FromStr for Filter {
    type Err = FilterError;
    fn from_str(_: &str) -> Result<Self, FilterError> {
        Ok(Self)
    }
}
