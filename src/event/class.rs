//! How kinds of events are classed: category, severity, flags.

use super::wire::wire_enum;

wire_enum! {
    /// The part of the domain that an event belongs to.
    #[derive(PartialOrd, Ord)]
    Category {
        /// Plans.
        Plan = "plan",
        /// Decisions.
        Decision = "decision",
        /// Invariants.
        Invariant = "invariant",
        /// The actor loop.
        Actor = "actor",
        /// Calls of tools.
        Tool = "tool",
        /// Resources.
        Resource = "resource",
        /// Sandboxes and their checkpoints.
        Sandbox = "sandbox",
        /// What a model gets to see.
        Context = "context",
        /// Validations.
        Validation = "validation",
        /// Conversations.
        Session = "session",
        /// Budgets.
        Cost = "cost",
        /// Kinds that the embedder declared, and unknown ones.
        Custom = "custom",
    }
}

wire_enum! {
    /// How much an event asks for attention; in ascending order.
    #[derive(PartialOrd, Ord)]
    Severity {
        /// It went as it should.
        Info = "info",
        /// Somebody may want to look.
        Warn = "warn",
        /// Something failed.
        Error = "error",
    }
}

/// What follows from a kind alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traits {
    pub(super) category: Category,
    pub(super) severity: Severity,
    pub(super) is_critical: bool,
    pub(super) is_security: bool,
}

impl Traits {
    pub(super) const CUSTOM: Self = Self::new(Category::Custom, Severity::Info);

    pub(super) const fn new(category: Category, severity: Severity) -> Self {
        Self { category, severity, is_critical: false, is_security: false }
    }

    pub(super) const fn critical(self) -> Self {
        Self { is_critical: true, ..self }
    }

    pub(super) const fn security(self) -> Self {
        Self { is_security: true, ..self }
    }
}
