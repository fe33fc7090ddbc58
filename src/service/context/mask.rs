//! Secrets are masked before anything is counted or compared: in all texts of a fragment, and where one begins in a
//! fragment and ends in the next of its source.

use std::borrow::Cow;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Fragment;
use crate::redact::{MASK, Redactor};

/// How far from the seam of two fragments a secret is looked for, in bytes on either side.
const SEAM_BYTES: usize = 4 << 10;

/// Masks the fragments of one source, which are in its order.
pub(super) fn mask(redactor: &Redactor, fragments: &mut [Fragment], stop: &CancellationToken) {
    let raw: Vec<Arc<str>> = fragments.iter().map(|fragment| Arc::clone(&fragment.full)).collect();
    for fragment in fragments.iter_mut() {
        // Nobody waits for what comes of it any more.
        if stop.is_cancelled() {
            return;
        }
        mask_one(redactor, fragment);
    }
    let mut was_changed = false;
    for (at, seam) in raw.windows(2).enumerate() {
        let Some((before, behind)) = seam_of(redactor, seam) else {
            was_changed = false;
            continue;
        };
        if let Some([one, next]) = fragments.get_mut(at..at + 2) {
            // Of one that lost both its ends nothing is sure.
            replace(one, if was_changed { MASK.to_owned() } else { before });
            replace(next, behind);
            was_changed = true;
        }
    }
}

/// Masks fragments that are not neighbours.
pub(super) fn mask_each(redactor: &Redactor, fragments: &mut [Fragment]) {
    for fragment in fragments {
        mask_one(redactor, fragment);
    }
}

fn mask_one(redactor: &Redactor, fragment: &mut Fragment) {
    let texts = [Some(&mut fragment.id), Some(&mut fragment.title), Some(&mut fragment.full)];
    let shallower = [fragment.outline.as_mut(), fragment.line.as_mut()];
    for text in texts.into_iter().chain(shallower).flatten() {
        if let Cow::Owned(masked) = redactor.redact_text(text) {
            *text = masked.into();
        }
    }
    for snippet in &mut fragment.snippets {
        if let Cow::Owned(masked) = redactor.redact_text(&snippet.text) {
            snippet.text = masked;
        }
    }
}

/// The whole text of a fragment, in which a seam was masked. Its other texts may have what is on the seam too.
fn replace(fragment: &mut Fragment, full: String) {
    fragment.full = full.into();
    fragment.outline = None;
    fragment.line = None;
    fragment.snippets.clear();
}

/// The two texts, masked, if a secret begins in the first and ends in the second.
fn seam_of(redactor: &Redactor, seam: &[Arc<str>]) -> Option<(String, String)> {
    let [one, next] = seam else { return None };
    let tail = one.get(one.ceil_char_boundary(one.len().saturating_sub(SEAM_BYTES))..)?;
    let head = next.get(..next.floor_char_boundary(SEAM_BYTES))?;
    let joined = [tail, head].concat();
    let Cow::Owned(masked) = redactor.redact_text(&joined) else { return None };
    if masked == [redactor.redact_text(tail), redactor.redact_text(head)].concat() {
        return None;
    }
    // A key that nobody closes is masked to the end of the text that it stands in, and not of the next.
    if masked.ends_with(MASK) && tail.contains("-----BEGIN ") && !head.contains("-----END ") {
        return None;
    }
    let joined = [&**one, &**next].concat();
    let masked = redactor.redact_text(&joined);
    let (one, next) = (redactor.redact_text(one), redactor.redact_text(next));
    let same = one.char_indices().zip(masked.chars()).find(|((_, one), other)| one != other);
    let before = same.map_or(one.len().min(masked.len()), |((at, _), _)| at);
    let (kept, rest) = masked.split_at(before);
    let same =
        next.char_indices().rev().zip(rest.chars().rev()).take_while(|((_, next), other)| next == other);
    let behind = same.last().and_then(|((at, _), _)| next.get(at..)).unwrap_or_default();
    let before = if kept.ends_with(MASK) { kept.to_owned() } else { [kept, MASK].concat() };
    Some((before, [MASK, behind].concat()))
}
