//! Why a redactor is not made.

/// Why the rules of a [`RedactorBuilder`](super::RedactorBuilder) were refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RedactError {
    /// A path cannot be read.
    #[error("cannot read the path {path:?} at byte {at}: {fault}")]
    Path {
        /// The path as it was given.
        path: String,
        /// Where the fault is, in bytes from its start.
        at: usize,
        /// What is wrong there.
        fault: PathFault,
    },
    /// There are too many paths.
    #[error("cannot look for more than {max} paths; put `*` for the parts that differ")]
    TooManyPaths {
        /// How many there may be.
        max: usize,
    },
    /// A key has no word that keys could be compared with.
    #[error("cannot know keys by {key:?}: give a word of letters, such as \"ssn\"")]
    Key {
        /// The key as it was given.
        key: String,
    },
    /// A pattern is no regular expression of the crate `regex`, or too large when compiled.
    #[error("cannot compile the pattern {name:?}")]
    Pattern {
        /// What it was to be called.
        name: String,
        /// What is wrong with it.
        source: regex::Error,
    },
    /// A pattern matches where nothing stands.
    #[error("cannot mask by the pattern {name:?}: it matches the empty text, demand at least one character")]
    EmptyPattern {
        /// What it was to be called.
        name: String,
    },
    /// Texts were to be cut so short that hashes and ids would be lost.
    #[error("cannot cut texts to {given} bytes, give at least {least}")]
    TextBytes {
        /// The length that was given, in bytes.
        given: usize,
        /// The least, in bytes.
        least: usize,
    },
}

/// What is wrong with a path, at the place that [`RedactError::Path`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathFault {
    /// A part is missing.
    #[error("a name, a quoted name or `*` must stand there")]
    Missing,
    /// A character cannot stand there.
    #[error(
        "{0:?} cannot stand there; put names with other characters than letters, digits, _ and - in quotes"
    )]
    Unexpected(char),
    /// A quoted name has no end, or is no JSON text.
    #[error("the quoted name is no JSON text")]
    Quote,
    /// It has too many parts.
    #[error("a path has at most {max} parts")]
    TooLong {
        /// How many it may have.
        max: usize,
    },
    /// It names what an event cannot be read without.
    #[error(
        "no event could be read without it; choose among details, attributes, actor_name, project_name and user_identity"
    )]
    Fixed,
}
