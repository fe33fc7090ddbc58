//! [`Steps`]: a seam before every call of the system that a folder makes, where a test fails, dies or interferes.

use std::fmt;
use std::io;
use std::sync::Arc;

/// Who is asked before each step.
pub(in crate::checkpoint) trait Seam: fmt::Debug + Send + Sync {
    /// An error is taken for that of the step, which is not done then. `step` says what is about to be done.
    fn before(&self, step: &str) -> io::Result<()>;
}

/// The steps of a folder, and who is asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps {
    seam: Option<Arc<dyn Seam>>,
}

impl Steps {
    #[cfg(test)]
    pub(super) fn asking(seam: Arc<dyn Seam>) -> Self {
        Self { seam: Some(seam) }
    }

    pub(super) fn before(&self, what: &str, name: &str) -> io::Result<()> {
        match &self.seam {
            None => Ok(()),
            Some(seam) => seam.before(format!("{what} {name}").trim_end()),
        }
    }
}
