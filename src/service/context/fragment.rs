//! [`Fragment`]: a piece of what a model may get to see.

use std::fmt;
use std::sync::Arc;

use super::Snippet;
use crate::event::{Text, Timestamp};

/// How much of a fragment is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Detail {
    /// All of it.
    Full,
    /// What it is made of: headings, signatures, its beginning.
    Outline,
    /// One line about it.
    Line,
}

impl Detail {
    /// All of them, the fullest first.
    pub const ALL: [Self; 3] = [Self::Full, Self::Outline, Self::Line];

    /// The word that stands for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Outline => "outline",
            Self::Line => "line",
        }
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A piece of what a model may get to see, as a source gives it: a file, a decision, a message, an event.
///
/// How good it is, is said by four figures. Relevance and quality are between 0 and 1; what is beyond counts as the
/// nearer of both, and what is not a number as 0. Time and depth become such figures by the rules of
/// [`Weights`](super::Weights).
#[derive(Clone, PartialEq)]
pub struct Fragment {
    /// Empty until a service has gathered it.
    pub(super) source: Text,
    pub(super) id: Arc<str>,
    pub(super) title: Arc<str>,
    pub(super) full: Arc<str>,
    pub(super) outline: Option<Arc<str>>,
    pub(super) line: Option<Arc<str>>,
    pub(super) snippets: Vec<Snippet>,
    relevance: f64,
    quality: f64,
    time: Option<Timestamp>,
    depth: u32,
}

impl Fragment {
    /// A fragment with all of its text. `id` names it within its source; it is called by that too, until it is given a
    /// title. It has relevance and quality 0, depth 0 and no time.
    pub fn new(id: impl Into<Arc<str>>, full: impl Into<Arc<str>>) -> Self {
        let id = id.into();
        Self {
            source: Text::from(""),
            title: Arc::clone(&id),
            id,
            full: full.into(),
            outline: None,
            line: None,
            snippets: Vec::new(),
            relevance: 0.0,
            quality: 0.0,
            time: None,
            depth: 0,
        }
    }

    /// The same fragment, called that to the model.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<Arc<str>>) -> Self {
        self.title = title.into();
        self
    }

    /// The same fragment, with an outline for when all of it has no room.
    #[must_use]
    pub fn with_outline(mut self, outline: impl Into<Arc<str>>) -> Self {
        self.outline = Some(outline.into());
        self
    }

    /// The same fragment, with a line for when not even its outline has room. Breaks in it become spaces.
    #[must_use]
    pub fn with_line(mut self, line: impl Into<Arc<str>>) -> Self {
        self.line = Some(line.into());
        self
    }

    /// The same fragment, with the lines of it that have what was asked for.
    #[must_use]
    pub fn with_snippets(mut self, snippets: impl IntoIterator<Item = Snippet>) -> Self {
        self.snippets = snippets.into_iter().collect();
        self
    }

    /// The same fragment, that is so much about what was asked for: between 0 and 1.
    #[must_use]
    pub fn with_relevance(mut self, relevance: f64) -> Self {
        self.relevance = part(relevance);
        self
    }

    /// The same fragment, that is so good by itself, whatever was asked for: between 0 and 1.
    #[must_use]
    pub fn with_quality(mut self, quality: f64) -> Self {
        self.quality = part(quality);
        self
    }

    /// The same fragment, last changed then.
    #[must_use]
    pub fn with_time(mut self, time: Timestamp) -> Self {
        self.time = Some(time);
        self
    }

    /// The same fragment, that deep below the top of what it is part of: 0 at the top.
    #[must_use]
    pub fn with_depth(mut self, depth: u32) -> Self {
        self.depth = depth;
        self
    }

    /// The source that gave it; empty before a service has gathered it.
    pub fn source(&self) -> &Text {
        &self.source
    }

    /// What names it within its source.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it is called: a path, or a few words.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Its text in that detail, if it has one.
    pub fn text(&self, detail: Detail) -> Option<&str> {
        match detail {
            Detail::Full => Some(&self.full),
            Detail::Outline => self.outline.as_deref(),
            Detail::Line => self.line.as_deref(),
        }
    }

    /// The lines of it that have what was asked for.
    pub fn snippets(&self) -> &[Snippet] {
        &self.snippets
    }

    /// How much it is about what was asked for, between 0 and 1.
    pub fn relevance(&self) -> f64 {
        self.relevance
    }

    /// How good it is by itself, between 0 and 1.
    pub fn quality(&self) -> f64 {
        self.quality
    }

    /// When it was last changed.
    pub fn time(&self) -> Option<Timestamp> {
        self.time
    }

    /// How deep it is below the top.
    pub fn depth(&self) -> u32 {
        self.depth
    }
}

/// Without its texts: they may be long, and nobody's business in a log.
impl fmt::Debug for Fragment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fragment")
            .field("source", &self.source)
            .field("id", &self.id)
            .field("bytes", &self.full.len())
            .field("relevance", &self.relevance)
            .field("quality", &self.quality)
            .field("time", &self.time)
            .field("depth", &self.depth)
            .finish_non_exhaustive()
    }
}

/// A figure as a part of 1: the nearest there is, and 0 for what is no number.
fn part(figure: f64) -> f64 {
    if figure.is_nan() { 0.0 } else { figure.clamp(0.0, 1.0) }
}
