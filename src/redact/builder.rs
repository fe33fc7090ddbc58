//! [`RedactorBuilder`]: what a program adds to the built-in rules.

use std::sync::Arc;

use super::Redactor;
use super::counts::Counters;
use super::error::RedactError;
use super::keys::Keys;
use super::path::{MAX_PATHS, Path, Paths};
use super::pattern::Pattern;
use super::rules::Rules;
use super::size::MIN_TEXT_BYTES;
use super::tag::Tags;

/// Adds rules to the built-in ones; made by [`Redactor::builder`]. What is wrong with them is said by
/// [`build`](Self::build).
///
/// ```
/// use agentbus::Redactor;
/// use agentbus::redact::without_tags;
///
/// let redactor = Redactor::builder()
///     .key("ssn")
///     .path("patient.*.diagnosis")
///     .pattern("employee", r"\bEMP-[0-9]{6}\b")
///     .build()?;
/// let told = redactor.redact_json(r#"{"userSsn":"078-05-1120","patient":[{"diagnosis":"flu"}],"by":"EMP-004711"}"#);
/// assert_eq!(
///     without_tags(&told),
///     r#"{"userSsn":"[redacted]","patient":[{"diagnosis":"[redacted]"}],"by":"[redacted]"}"#
/// );
/// assert_eq!(redactor.counts().of("employee"), 1);
/// # Ok::<(), agentbus::redact::RedactError>(())
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until it builds"]
pub struct RedactorBuilder {
    paths: Vec<String>,
    keys: Vec<String>,
    patterns: Vec<(String, String)>,
    max_text_bytes: Option<usize>,
    tags: Tags,
}

impl RedactorBuilder {
    pub(super) fn new() -> Self {
        let (paths, keys, patterns) = (Vec::new(), Vec::new(), Vec::new());
        Self { paths, keys, patterns, max_text_bytes: None, tags: Tags::of_process() }
    }

    /// Masks all texts and numbers at that path and below it; true, false and null stay.
    ///
    /// A path is the keys from the root of the JSON, with dots between them: `details.args.*.value`. `*` stands for
    /// any key and any item of an array, a number for that item, counted from 0 (or for the key of that name). A key
    /// with other characters than ASCII letters, digits, `_` and `-` is written in quotes, as JSON has it:
    /// `attributes."a.b"`.
    ///
    /// Of an event the root is its envelope. Nothing could be read again without its ids, kind and time, so paths to
    /// them are refused and `*` does not stand for them. In the details of the domain's kinds numbers stay, as they
    /// could not be texts; a path to one of their texts that is no free text either, such as a phase or a hash, makes
    /// the event one that cannot be written ([`Redactor::event_json`]; a journal records that it was refused).
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.paths.push(path.into());
        self
    }

    /// Masks texts under keys that hold these words next to one another, in any case: `birth_date` stands for
    /// `BirthDate` and `user-birth-date` too. As with the built-in keys, the details of the domain's kinds are left
    /// alone; there, choose a [path](Self::path).
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.keys.push(key.into());
        self
    }

    /// Masks in every text what a regular expression (of the crate `regex`) matches: its first group, or all of it if
    /// it has none. [`Counts`](super::Counts) has it by that name.
    ///
    /// The time stays linear in the length of a text. Of a pattern whose matches have no longest length (`+`, `*`),
    /// 64 matches are looked for in one text and what follows them is masked whole: write `{1,200}` where more are to
    /// be expected.
    pub fn pattern(mut self, name: impl Into<String>, pattern: impl Into<String>) -> Self {
        self.patterns.push((name.into(), pattern.into()));
        self
    }

    /// Cuts texts that are longer than so many bytes, after their secrets were masked, and says how many bytes are
    /// gone. At least [`MIN_TEXT_BYTES`]. Keys are not cut.
    pub fn max_text_bytes(mut self, max: usize) -> Self {
        self.max_text_bytes = Some(max);
        self
    }

    /// Makes tags under that key, so that several processes and runs give equal secrets equal tags. Who has the key
    /// can try guesses against a tag: keep it as secret as what it masks.
    pub fn tag_key(mut self, key: [u8; 32]) -> Self {
        self.tags = Tags::Keyed(key);
        self
    }

    /// Masks without tags, by [`MASK`](super::MASK) alone.
    pub fn without_tags(mut self) -> Self {
        self.tags = Tags::None;
        self
    }

    /// Compiles the rules.
    ///
    /// # Errors
    /// [`RedactError`], if a rule cannot be followed.
    pub fn build(self) -> Result<Redactor, RedactError> {
        if self.paths.len() > MAX_PATHS {
            return Err(RedactError::TooManyPaths { max: MAX_PATHS });
        }
        let path =
            |path: String| Path::parse(&path).map_err(|(at, fault)| RedactError::Path { path, at, fault });
        let paths = self.paths.into_iter().map(path).collect::<Result<_, _>>()?;
        let mut keys = Keys::default();
        for key in self.keys {
            keys.add(&key).ok_or(RedactError::Key { key })?;
        }
        let numbered = self.patterns.iter().enumerate();
        let patterns = numbered.map(|(number, (name, pattern))| Pattern::new(number, name, pattern));
        let patterns = patterns.collect::<Result<_, _>>()?;
        let max_text_bytes = self.max_text_bytes.unwrap_or(usize::MAX);
        if max_text_bytes < MIN_TEXT_BYTES {
            return Err(RedactError::TextBytes { given: max_text_bytes, least: MIN_TEXT_BYTES });
        }
        let counters = Counters::new(self.patterns.into_iter().map(|(name, _)| name));
        let (paths, tags) = (Paths::new(paths), self.tags);
        let rules = Rules { patterns, keys, paths, max_text_bytes, tags, counters, ..Rules::built_in() };
        Ok(Redactor { rules: Some(Arc::new(rules)) })
    }
}

impl std::fmt::Debug for RedactorBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut builder = f.debug_struct("RedactorBuilder");
        let builder = builder.field("paths", &self.paths).field("keys", &self.keys);
        // The key of the tags is nobody's business.
        builder
            .field("patterns", &self.patterns)
            .field("max_text_bytes", &self.max_text_bytes)
            .finish_non_exhaustive()
    }
}
