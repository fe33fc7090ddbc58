//! What was found in a text, and the text without it.

use std::ops::Range;
use std::sync::Arc;

use super::counts::Rule;
use super::rules::Rules;
use super::tag::masks;

/// A secret, or what of one stands in a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    /// Where it stands, in bytes.
    pub(super) range: Range<usize>,
    pub(super) rule: Rule,
    /// The whole secret, if it stands in several texts.
    pub(super) whole: Option<Whole>,
}

/// A secret that stands in several texts: each of them gets the mask of all of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Whole {
    pub(super) len: usize,
    pub(super) mask: Arc<str>,
}

impl Found {
    pub(super) fn new(range: Range<usize>, rule: Rule) -> Self {
        Self { range, rule, whole: None }
    }
}

/// What is to be masked in `text`, in its order: what overlaps is one secret, and masks that stand there stay.
pub(super) fn settle(text: &str, mut found: Vec<Found>) -> Vec<Found> {
    if found.is_empty() {
        return found;
    }
    found.sort_by_key(|found| (found.range.start, usize::MAX - found.range.end));
    let mut settled: Vec<Found> = Vec::with_capacity(found.len());
    for next in found {
        match settled.last_mut().filter(|last| next.range.start < last.range.end) {
            Some(last) => {
                last.range.end = last.range.end.max(next.range.end);
                // The longer it is, the more of it was seen.
                let length = |whole: &Option<Whole>| whole.as_ref().map_or(0, |whole| whole.len);
                if length(&next.whole) > length(&last.whole) {
                    last.whole = next.whole;
                }
            }
            None => settled.push(next),
        }
    }
    without_masks(text, settled)
}

/// The same without what is masked already.
fn without_masks(text: &str, found: Vec<Found>) -> Vec<Found> {
    let mut masks = masks(text).peekable();
    if masks.peek().is_none() {
        return found;
    }
    let mut left = Vec::with_capacity(found.len());
    for mut secret in found {
        while let Some(mask) = masks.peek() {
            if mask.end <= secret.range.start {
                masks.next();
                continue;
            }
            if mask.start >= secret.range.end {
                break;
            }
            if mask.start > secret.range.start {
                left.push(Found { range: secret.range.start..mask.start, ..secret.clone() });
            }
            secret.range.start = mask.end.min(secret.range.end);
            if secret.range.is_empty() {
                break;
            }
        }
        if !secret.range.is_empty() {
            left.push(secret);
        }
    }
    left
}

/// The text with masks for what was found in it; `None` if that is nothing.
pub(super) fn render(rules: &Rules, text: &str, found: &[Found]) -> Option<String> {
    if found.is_empty() {
        return None;
    }
    let (mut masked, mut copied) = (String::with_capacity(text.len()), 0);
    for Found { range, rule, whole } in found {
        masked.push_str(text.get(copied..range.start)?);
        match whole {
            Some(whole) => {
                rules.counters.add(*rule);
                masked.push_str(&whole.mask);
            }
            None => masked.push_str(&rules.secret(text.get(range.clone())?, *rule)),
        }
        copied = range.end;
    }
    masked.push_str(text.get(copied..)?);
    Some(masked)
}
