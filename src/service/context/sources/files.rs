//! [`FileSource`]: the files of a folder that are about what is asked.

use std::error::Error;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use super::{MAX_LINE_BYTES, beginning, first_line};
use crate::event::Timestamp;
use crate::redact::Redactor;
use crate::service::blocking::blocking;
use crate::service::context::search::{best_line, snippets as lines_of, unique_words};
use crate::service::context::{
    ContextRequest, ContextSource, Fragment, Hit, MAX_TEXT_BYTES, Query, SourceError, TextSearch,
};
use crate::service::resource::{Index, IndexedFile, Resource};
use crate::sync::{Mutex, lock};

mod outline;
mod shelf;
#[cfg(test)]
mod tests;

use outline::outline;
use shelf::{Listed, Shelf, Taken, text_of};

/// How many files are given for a context, unless another number is chosen: the best hundred.
pub const DEFAULT_FILES: NonZeroUsize = NonZeroUsize::new(100).expect("a hundred is not zero");

/// How many snippets of a file a query gives; a context has none.
const SNIPPETS: usize = 3;

/// How many files are taken apart before what was found out is put down, so that no more than that is done again if
/// nobody waits any more.
const BATCH: usize = 64;

/// Files with longer lines on average, in bytes, were hardly written by hand.
const LONG_LINES: usize = 120;

/// Gives the files of a folder that have words of what is asked, ranked by BM25 as in
/// [`TextIndex`](crate::service::context::TextIndex); for a context in the order of their paths, for a query the best
/// first. It is called `files`, unless it is given another name.
///
/// Which files there are says the last [index](Resource::index) of the resource; if there is none, one is made. Their
/// texts are read through the resource and taken apart once: a file whose hash is the same is neither read nor taken
/// apart again, except when its text is shown and there was no room to keep it, 64 MiB for all. The path of a file counts
/// as a part of its text. What is no UTF-8, has a zero byte or more than
/// [`MAX_TEXT_BYTES`](crate::service::context::MAX_TEXT_BYTES) is left out, and so is what cannot be read, which is tried
/// again the next time. Secrets are masked before a text is taken apart.
///
/// The outline of a file are its signatures, found by the words with which lines begin, or its headings, or how it
/// begins; its line is the one with most words of the query. It is as deep as its path has folders, and as old as the
/// file system says. Its quality is 1, or one half if its lines are very long on average or its name is that of a lock
/// file.
#[derive(Debug, Clone)]
pub struct FileSource {
    resource: Resource,
    name: Arc<str>,
    at_most: NonZeroUsize,
    redactor: Redactor,
    /// Where those who look for texts queue up, so that none is read twice and each finds those of its own index.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Guards what is known of the texts; held while words are put in or searched, never across an await.
    shelf: Arc<Mutex<Shelf>>,
}

impl FileSource {
    /// Gives what is in that folder, [`DEFAULT_FILES`] at most.
    pub fn new(resource: Resource) -> Self {
        Self {
            resource,
            name: "files".into(),
            at_most: DEFAULT_FILES,
            redactor: Redactor::untagged(),
            turn: Arc::default(),
            shelf: Arc::default(),
        }
    }

    /// The same source under another name, so that a service can have several.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// The same source, that gives at most so many files for a context.
    #[must_use]
    pub fn with_at_most(mut self, at_most: NonZeroUsize) -> Self {
        self.at_most = at_most;
        self
    }

    /// The same source, that masks secrets by another redactor. It begins anew.
    #[must_use]
    pub fn with_redactor(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self.turn = Arc::default();
        self.shelf = Arc::default();
        self
    }

    /// How many files have texts that are searched.
    pub fn texts(&self) -> usize {
        lock(&self.shelf).texts()
    }

    /// How many files are left out because they are no text, or too large.
    pub fn left_out(&self) -> usize {
        lock(&self.shelf).left_out()
    }

    /// Reads and takes apart what is new or has changed, as it is done for each context and query: so that the first of
    /// those need not wait for it.
    ///
    /// # Errors
    /// [`SourceError`] if the folder cannot be indexed.
    ///
    /// # Cancel safety
    /// Dropped, it stops soon; what was taken apart until then is kept.
    pub async fn catch_up(&self) -> Result<(), SourceError> {
        let index = self.index().await?;
        let _alone = self.turn.lock().await;
        self.read_missing(&listed(&index)).await;
        Ok(())
    }

    /// The last index of the folder, or the first.
    async fn index(&self) -> Result<Arc<Index>, SourceError> {
        match self.resource.indexed() {
            Some(index) => Ok(index),
            None => match self.resource.index().await {
                Ok(report) => Ok(report.index),
                Err(error) => Err(SourceError::failed(in_one_line(&error))),
            },
        }
    }

    async fn find(
        &self,
        query: &str,
        at_most: NonZeroUsize,
        snippets: usize,
    ) -> Result<Vec<Fragment>, SourceError> {
        let index = self.index().await?;
        let listed = listed(&index);
        let hits = {
            let _alone = self.turn.lock().await;
            self.read_missing(&listed).await;
            let mut texts = lock(&self.shelf);
            texts.retain(&listed);
            texts.search(query, at_most.get())
        };
        let mut found = Vec::with_capacity(hits.len());
        for (hit, text) in hits {
            let text = match text {
                Some(text) => Some(text),
                None => self.read(&hit.key).await.and_then(|content| text_of(content, &self.redactor)),
            };
            let time = index.file(&*hit.key).map(IndexedFile::modified);
            found.extend(text.map(|text| (hit, text, time)));
        }
        let query = query.to_owned();
        Ok(blocking(move |_stop| {
            let words = unique_words(&query);
            found
                .iter()
                .map(|(hit, text, time)| {
                    fragment(hit, text, *time, &words).with_snippets(lines_of(text, &words, snippets))
                })
                .collect()
        })
        .await)
    }

    async fn read_missing(&self, listed: &[Listed]) {
        let missing = lock(&self.shelf).missing(listed);
        for batch in missing.chunks(BATCH) {
            let mut contents = Vec::with_capacity(batch.len());
            for file in batch {
                let is_large = file.bytes > MAX_TEXT_BYTES as u64;
                let content = if is_large { None } else { self.read(&file.path).await };
                if is_large || content.is_some() {
                    contents.push((file.clone(), content));
                }
            }
            let redactor = self.redactor.clone();
            let taken: Vec<Taken> = blocking(move |_stop| {
                let taken = contents.into_iter().map(|(file, content)| match content {
                    Some(content) => Taken::of(file, content, &redactor),
                    None => Taken::too_large(file),
                });
                taken.collect()
            })
            .await;
            let mut texts = lock(&self.shelf);
            for taken in taken {
                texts.put(taken);
            }
        }
    }

    /// The content of a file, unless it cannot be read.
    async fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.resource.read(path).await.ok()
    }
}

#[async_trait]
impl ContextSource for FileSource {
    fn name(&self) -> &str {
        &self.name
    }

    async fn gather(&self, request: &ContextRequest) -> Result<Vec<Fragment>, SourceError> {
        let mut found = self.find(request.query(), self.at_most, 0).await?;
        found.sort_by(|one, other| one.id().cmp(other.id()));
        Ok(found)
    }
}

#[async_trait]
impl TextSearch for FileSource {
    async fn search(&self, query: &Query) -> Result<Vec<Fragment>, SourceError> {
        self.find(query.text(), query.at_most(), SNIPPETS).await
    }
}

/// The files of an index whose paths are text.
fn listed(index: &Index) -> Vec<Listed> {
    let listed = index.files().iter().filter_map(|file| {
        Some(Listed { path: file.path().to_str()?.into(), hash: *file.hash(), bytes: file.bytes() })
    });
    listed.collect()
}

fn fragment(hit: &Hit, text: &Arc<str>, time: Option<Timestamp>, words: &[Box<str>]) -> Fragment {
    let path = Path::new(&*hit.key);
    let best = best_line(text, words).map(|(number, line)| format!("{number}: {}", line.trim()));
    let line = best.unwrap_or_else(|| first_line(text));
    let folders = path.components().count().saturating_sub(1);
    let mut fragment = Fragment::new(Arc::clone(&hit.key), Arc::clone(text))
        .with_line(beginning(&line, MAX_LINE_BYTES))
        .with_relevance(hit.relevance)
        .with_quality(if is_by_hand(path, text) { 1.0 } else { 0.5 })
        .with_depth(u32::try_from(folders).unwrap_or(u32::MAX));
    if let Some(outline) = outline(&hit.key, text) {
        fragment = fragment.with_outline(outline);
    }
    match time {
        Some(time) => fragment.with_time(time),
        None => fragment,
    }
}

fn is_by_hand(path: &Path, text: &str) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_lock = path.extension().is_some_and(|ending| ending == "lock") || name.contains("-lock.");
    !is_lock && text.len() <= LONG_LINES * text.lines().count().max(1)
}

fn in_one_line(error: &dyn Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
