//! Secrets are masked before anything is counted or compared: in all texts of a fragment, and where one begins in a
//! fragment and ends in the next of its source.

use std::borrow::Cow;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Fragment;
use crate::redact::Redactor;

/// Masks the fragments of one source, which are in its order.
pub(super) fn mask(redactor: &Redactor, fragments: &mut [Fragment], stop: &CancellationToken) {
    let raw: Vec<Arc<str>> = fragments.iter().map(|fragment| Arc::clone(&fragment.full)).collect();
    let raw: Vec<Cow<'_, str>> = raw.iter().map(|text| Cow::Borrowed(&**text)).collect();
    let together = redactor.redact_texts(&raw);
    for (fragment, together) in fragments.iter_mut().zip(together) {
        // Nobody waits for what comes of it any more.
        if stop.is_cancelled() {
            return;
        }
        mask_one(redactor, fragment);
        if *together != *fragment.full {
            replace(fragment, together.into_owned());
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

/// The whole text of a fragment, in which a part of a secret was masked. Its other texts may have what is on the seam
/// too.
fn replace(fragment: &mut Fragment, full: String) {
    fragment.full = full.into();
    fragment.outline = None;
    fragment.line = None;
    fragment.snippets.clear();
}
