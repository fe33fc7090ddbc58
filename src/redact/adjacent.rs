//! Secrets that stand in several texts of an array: the arguments of a command, lines of output, parts of a message.
//!
//! Texts that follow one another directly are looked at together twice: as if nothing stood between them (`"ghp_01"`,
//! `"23.."`), and as if a space did (`"Bearer"`, `"abc.."`; a private key line by line). What a secret touches is masked
//! in each of them, with the tag of the whole secret.
//!
//! A token is followed into two further texts at most. A private key is followed to its end; one without an end as far
//! as the texts can belong to it. What is as long as its kind always is ends where it ends.
//!
//! In arguments, the one behind `--password`, or what stands behind its `=`, is masked, whatever it looks like.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::counts::Rule;
use super::found::{Found, settle};
use super::rules::Rules;
use super::tag::is_mask;
use super::text::is_complete;

/// In how many texts a token stands at most.
const MAX_TEXTS: usize = 3;

/// What is to be masked in each of the texts.
pub(super) fn find(rules: &Rules, texts: &[Cow<'_, str>]) -> Vec<Vec<Found>> {
    let mut all: Vec<_> = texts.iter().map(|text| rules.find(text)).collect();
    let complete: Vec<Vec<Range<usize>>> = all.iter().zip(texts).map(|(own, text)| complete(own, text)).collect();
    for glue in ["", " "] {
        let together = Together::new(texts, glue);
        for found in rules.find(&together.text) {
            together.spread(found, &complete, &mut all);
        }
    }
    arguments(rules, texts, &mut all);
    all.into_iter().zip(texts).map(|(found, text)| settle(text, found)).collect()
}

/// Whether what stands between them could make a secret of several texts that are none by themselves.
pub(super) fn may_find(rules: &Rules, texts: &[Cow<'_, str>]) -> bool {
    rules.may_find(&texts.concat()) || texts.iter().any(|text| text.starts_with('-'))
}

/// Where secrets end that are as long as their kind always is.
fn complete(own: &[Found], text: &str) -> Vec<Range<usize>> {
    let is_whole = |found: &&Found| {
        text.get(found.range.clone()).is_some_and(|secret| is_complete(secret, found.rule))
    };
    own.iter().filter(is_whole).map(|found| found.range.clone()).collect()
}

/// Texts put together.
struct Together<'a> {
    texts: &'a [Cow<'a, str>],
    text: String,
    /// Where each begins.
    starts: Vec<usize>,
}

impl<'a> Together<'a> {
    fn new(texts: &'a [Cow<'a, str>], glue: &str) -> Self {
        let (mut text, mut starts) = (String::new(), Vec::with_capacity(texts.len()));
        for one in texts {
            starts.push(text.len());
            text.push_str(one);
            text.push_str(glue);
        }
        Self { texts, text, starts }
    }

    /// Gives each text what of a secret stands in it.
    fn spread(&self, found: Found, complete: &[Vec<Range<usize>>], all: &mut [Vec<Found>]) {
        let first = self.starts.partition_point(|start| *start <= found.range.start).saturating_sub(1);
        let touched: Vec<_> = (first..).map_while(|at| Some((at, self.part(at, &found.range)?))).collect();
        let is_whole = |(at, part): &(usize, Range<usize>)| {
            complete.get(*at).is_some_and(|ranges| ranges.iter().any(|range| range.start == part.start))
        };
        if touched.len() < 2 && found.rule != Rule::UrlPassword || touched.first().is_some_and(is_whole) {
            return;
        }
        let count = self.followed(&found, &touched);
        let touched = touched.get(..count).unwrap_or_default();
        let parts = touched.iter().filter_map(|(at, part)| self.texts.get(*at)?.get(part.clone()));
        let whole: Arc<str> = parts.collect::<String>().into();
        for (at, part) in touched.iter().filter(|(_, part)| !part.is_empty()) {
            if let Some(of_text) = all.get_mut(*at) {
                of_text.push(Found {
                    range: part.clone(),
                    rule: found.rule,
                    whole: (count > 1).then(|| Arc::clone(&whole)),
                });
            }
        }
    }

    /// What of `range` stands in the text at that place; `None` behind its end.
    fn part(&self, at: usize, range: &Range<usize>) -> Option<Range<usize>> {
        let (start, len) = (*self.starts.get(at)?, self.texts.get(at)?.len());
        if start >= range.end {
            return None;
        }
        Some(range.start.saturating_sub(start).min(len)..(range.end - start).min(len))
    }

    /// Into how many of the texts that it touches a secret is followed.
    fn followed(&self, found: &Found, touched: &[(usize, Range<usize>)]) -> usize {
        if found.rule != Rule::PrivateKey {
            return touched.len().min(MAX_TEXTS);
        }
        let key = self.text.get(found.range.clone()).unwrap_or_default();
        if is_complete(key.trim_end(), Rule::PrivateKey) {
            return touched.len();
        }
        // The header itself may be in several texts, and what follows it may be anything.
        let is_key = |(at, part): &&(usize, Range<usize>)| {
            self.texts.get(*at).and_then(|text| text.get(part.clone())).is_some_and(may_be_of_a_key)
        };
        1 + touched.iter().skip(1).take_while(is_key).count()
    }
}

/// Whether a text may stand in a private key: of its header, of what describes it, of its Base64.
fn may_be_of_a_key(text: &str) -> bool {
    let is_of_header = text.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b' ' | b'-'));
    let is_base64 = text.bytes().all(|byte| {
        byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || matches!(byte, b'+' | b'/' | b'=' | b'\\')
    });
    is_of_header || is_base64 || text.starts_with("Proc-Type:") || text.starts_with("DEK-Info:")
}

/// Adds what arguments say to be secret.
fn arguments(rules: &Rules, texts: &[Cow<'_, str>], all: &mut [Vec<Found>]) {
    for (at, text) in texts.iter().enumerate().filter(|(_, text)| text.starts_with('-')) {
        let (name, value) = text.split_once('=').map_or((&**text, None), |(name, value)| (name, Some(value)));
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !is_name || !rules.keys.is_secret(name) {
            continue;
        }
        let (of, range) = match value {
            Some(value) => (at, text.len() - value.len()..text.len()),
            None => (at + 1, 0..texts.get(at + 1).map_or(0, |next| next.len())),
        };
        let is_secret = |secret: &str| !secret.is_empty() && !is_mask(secret) && !secret.starts_with("--");
        let secret = texts.get(of).and_then(|text| text.get(range.clone()));
        if let Some(of_text) = all.get_mut(of).filter(|_| secret.is_some_and(is_secret)) {
            of_text.push(Found::new(range, Rule::Argument));
        }
    }
}
