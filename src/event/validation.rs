//! What is told about validations.

use super::wire::details;
use super::{Few, RunId, Text};

details! {
    /// A run of validations began.
    ValidationStarted {
        /// The run.
        run_id: RunId,
        /// How many must pass.
        required: u64,
        /// How many need not.
        informational: u64,
        /// Which run of a fix loop it is, from 1.
        attempt: u32,
    }

    /// No required validation failed.
    ValidationPassed {
        /// The run.
        run_id: RunId,
        /// How many passed.
        passed: u64,
        /// How many that need not pass did not.
        informational_failed: u64,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    }

    /// A required validation failed, or one could not say.
    ValidationFailed {
        /// The run.
        run_id: RunId,
        /// Those that said no and had to pass.
        failed: Few<Text>,
        /// Those that could not say.
        errored: Few<Text>,
        /// How many passed.
        passed: u64,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    }
}
