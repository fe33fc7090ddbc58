//! Secrets that stand in several texts of an array: the arguments of a command, lines of output, parts of a message.
//!
//! Texts that follow one another directly are looked at together twice: as if nothing stood between them (`"ghp_01"`,
//! `"23.."`; a private key line by line), and as if a space did (`"Bearer"`, `"abc.."`). What a secret touches is
//! masked in each of them, with the tag of the whole secret.
//!
//! A token of a kind that has no fixed length is followed into two further texts at most, so that what only follows it
//! is not taken for a part of it; one of a fixed length into seven. A private key is followed to its end; one without an
//! end as far as the texts can belong to it. What is as long as its kind always is ends where it ends.
//!
//! In arguments, the one behind `--password`, or what stands behind its `=`, is masked, whatever it looks like, unless it
//! is an option too, with `--` before it.

use std::borrow::Cow;
use std::ops::Range;

use super::counts::Rule;
use super::found::{Found, Whole, settle};
use super::rules::Rules;
use super::tag::is_mask;
use super::text::{has_fixed_length, is_complete};
use crate::event::CUT_MARK;

/// In how many texts a token stands at most.
const MAX_TEXTS: usize = 8;

/// In how many one stands of which nothing tells how long it is.
const MAX_TEXTS_OF_ANY_LENGTH: usize = 3;

/// What is to be masked in each of the texts.
pub(super) fn find(rules: &Rules, texts: &[Cow<'_, str>]) -> Vec<Vec<Found>> {
    let mut all: Vec<_> = texts.iter().map(|text| rules.find(text)).collect();
    let is_key = |found: &Found| found.rule == Rule::PrivateKey;
    let together = Together::new(texts, 0, "");
    if rules.may_find(&together.text) {
        together.spread(rules, rules.find(&together.text).into_iter().filter(is_key), &mut all);
        // A token may begin with any text, whatever the one before ends with.
        for first in 0..texts.len() {
            let some = texts.get(first..texts.len().min(first + MAX_TEXTS)).unwrap_or_default();
            let some = Together::new(some, first, "");
            let tokens = rules.find(&some.text).into_iter().filter(|found| !is_key(found));
            some.spread(rules, tokens, &mut all);
        }
    }
    let apart = Together::new(texts, 0, " ");
    apart.spread(rules, rules.find(&apart.text).into_iter(), &mut all);
    arguments(rules, texts, &mut all);
    all.into_iter().zip(texts).map(|(found, text)| settle(text, found)).collect()
}

/// Whether a secret may stand in several of the texts, or an argument announce one; false is certain.
pub(super) fn may_find(rules: &Rules, texts: &[Cow<'_, str>]) -> bool {
    texts.iter().any(|text| text.starts_with('-')) || rules.may_find(&texts.concat())
}

/// Texts put together.
struct Together<'a> {
    texts: &'a [Cow<'a, str>],
    /// The place of the first of them among all.
    first: usize,
    text: String,
    /// Where each begins.
    starts: Vec<usize>,
}

impl<'a> Together<'a> {
    fn new(texts: &'a [Cow<'a, str>], first: usize, glue: &str) -> Self {
        let (mut text, mut starts) = (String::new(), Vec::with_capacity(texts.len()));
        for one in texts {
            starts.push(text.len());
            text.push_str(one);
            text.push_str(glue);
        }
        Self { texts, first, text, starts }
    }

    /// Gives each text what of the secrets stands in it.
    fn spread(&self, rules: &Rules, secrets: impl Iterator<Item = Found>, all: &mut [Vec<Found>]) {
        for secret in secrets {
            let from = self.starts.partition_point(|start| *start <= secret.range.start).saturating_sub(1);
            let touched: Vec<_> =
                (from..).map_while(|at| Some((at, self.part(at, &secret.range)?))).collect();
            let count = self.followed(&secret, &touched);
            let touched = touched.get(..count).unwrap_or_default();
            let parts = touched.iter().filter_map(|(at, part)| self.texts.get(*at)?.get(part.clone()));
            let secret_text: String = parts.collect();
            // Made once: a private key may stand in any number of texts.
            let whole = Whole { len: secret_text.len(), mask: rules.tags.mask(&secret_text).into() };
            for (at, part) in touched.iter().filter(|(_, part)| !part.is_empty()) {
                let whole = (part.len() < whole.len).then(|| whole.clone());
                if let Some(of_text) = all.get_mut(self.first + at) {
                    of_text.push(Found { range: part.clone(), rule: secret.rule, whole });
                }
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
    fn followed(&self, secret: &Found, touched: &[(usize, Range<usize>)]) -> usize {
        let part = |(at, part): &(usize, Range<usize>)| self.texts.get(*at)?.get(part.clone());
        if secret.rule != Rule::PrivateKey {
            let most = if has_fixed_length(secret.rule) { MAX_TEXTS } else { MAX_TEXTS_OF_ANY_LENGTH };
            let most = touched.len().min(most);
            let (mut so_far, mut parts) = (String::new(), touched.iter().take(most));
            let ends = parts.position(|touched| {
                so_far.push_str(part(touched).unwrap_or_default());
                is_complete(&so_far, secret.rule)
            });
            return ends.map_or(most, |at| at + 1);
        }
        if self.text.get(secret.range.clone()).is_some_and(|key| is_complete(key, Rule::PrivateKey)) {
            return touched.len();
        }
        // The header itself may be in several texts, and what follows it may be anything.
        1 + touched.iter().skip(1).take_while(|touched| part(touched).is_some_and(may_be_of_a_key)).count()
    }
}

/// Whether a text may stand in a private key: of its header, of what describes it, of its Base64, of its footer, or
/// several of these.
fn may_be_of_a_key(text: &str) -> bool {
    let is_of_header =
        |text: &str| text.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b' ' | b'-'));
    // Lines may be numbered, quoted, or those of a patch.
    let text = text.trim_start_matches(|c: char| c.is_ascii_digit() || "+->|: \t".contains(c));
    text.split("-----").all(|part| is_of_header(part) || part.chars().all(may_be_of_base64))
        || text.starts_with("Proc-Type:")
        || text.starts_with("DEK-Info:")
}

/// Whether it is of Base64, of the end of a line, also an escaped one, of the dashes of a footer that was cut, or what a
/// name or a cut text has in the place of others.
fn may_be_of_base64(c: char) -> bool {
    let stands_for_others = [CUT_MARK, "\u{FFFD}"].iter().any(|mark| mark.contains(c));
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '\\' | '\r' | '\n' | '-') || stands_for_others
}

/// Adds what arguments say to be secret.
fn arguments(rules: &Rules, texts: &[Cow<'_, str>], all: &mut [Vec<Found>]) {
    for (at, text) in texts.iter().enumerate().filter(|(_, text)| text.starts_with('-')) {
        let (name, value) = text.split_once('=').map_or((&**text, None), |(name, value)| (name, Some(value)));
        let is_name =
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
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
