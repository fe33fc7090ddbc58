//! What is told about contexts.

use super::wire::details;
use super::{Hash, Text};

details! {
    /// A context was assembled.
    ContextBuilt {
        /// How many fragments it holds.
        fragments: u64,
        /// How many did not fit.
        dropped: u64,
        /// How many were there twice.
        deduplicated: u64,
        /// How many tokens it has.
        tokens: u64,
        /// How many it may have.
        budget: u64,
        /// How many sources were asked.
        sources: u64,
        /// How many of them did not answer.
        failed_sources: u64,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    }

    /// The context was queried.
    ContextQueryExecuted {
        /// The source.
        source: Text,
        /// The hash of the query.
        query_hash: Hash,
        /// How many fragments were found.
        results: u64,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    }
}
