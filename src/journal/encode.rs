//! What is between the braces of an event's line.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::kinds::{self, JournalGap, JournalRefused, Refusal};
use super::line::{self, MAX_BODY_BYTES, MAX_LINE_BYTES};
use crate::bus::report::panic_message;
use crate::event::{DomainEvent, Scope};
use crate::redact::Redactor;

/// Why an event was not encoded.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) reason: Refusal,
    /// How long its line would be, if that is known.
    pub(super) bytes: Option<usize>,
}

/// Whether the body tells the event as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    AsItIs,
    /// With its secrets masked.
    Masked,
}

/// Appends the body of an event to `into`: its JSON, redacted, without the braces. What is refused leaves `into` as
/// it was.
pub(super) fn body(redactor: &Redactor, event: &DomainEvent, into: &mut Vec<u8>) -> Result<Told, Refused> {
    // Whoever could write these could tell of losses that never were.
    if kinds::is_own(event) {
        return Err(Refused { reason: Refusal::ReservedKind, bytes: None });
    }
    any_body(redactor, event, into)
}

/// As [`body`], of the journal's own kinds too.
fn any_body(redactor: &Redactor, event: &DomainEvent, into: &mut Vec<u8>) -> Result<Told, Refused> {
    let start = into.len();
    let refused = |reason, bytes| Err(Refused { reason, bytes });
    if event.unknown_keys().any(line::is_reserved) {
        return refused(Refusal::ReservedKey, None);
    }
    // The details of custom kinds are foreign code.
    let written = catch_unwind(AssertUnwindSafe(|| redactor.write_event_json(event, into)));
    let told = match written {
        Ok(Ok(masked)) => {
            if masked {
                Told::Masked
            } else {
                Told::AsItIs
            }
        }
        Ok(Err(_no_json)) => {
            into.truncate(start);
            return refused(Refusal::NoJson, None);
        }
        Err(panic) => {
            drop(panic_message(panic));
            into.truncate(start);
            return refused(Refusal::NoJson, None);
        }
    };
    into.pop();
    into.remove(start);
    if let Some(body) = into.get_mut(start..).filter(|body| memchr::memchr(b'\n', body).is_some()) {
        // Raw JSON in details of custom kinds: inside a text a line break is escaped, so this one is between tokens.
        body.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
    }
    let len = into.len() - start;
    if len > MAX_BODY_BYTES {
        into.truncate(start);
        return refused(Refusal::TooLong, Some(len + (MAX_LINE_BYTES - MAX_BODY_BYTES)));
    }
    Ok(told)
}

/// The body of the event that stands for one that was refused: in the scope of what that caused.
pub(super) fn stub(redactor: &Redactor, event: &DomainEvent, refused: &Refused, into: &mut Vec<u8>) {
    let details = JournalRefused {
        event_id: event.id(),
        event_type: event.type_name().to_owned(),
        reason: refused.reason,
        bytes: refused.bytes.map(|bytes| bytes as u64),
    };
    let told = DomainEvent::new_in(&event.scope(), details.clone());
    if any_body(redactor, &told, into).is_err() {
        // Its scope alone is too long for a line.
        let told = DomainEvent::new_in(&Scope::new().with_causation_id(event.id()), details);
        any_body(redactor, &told, into).expect("what is left is short");
    }
}

/// The body of the line that tells of events that are missing.
pub(super) fn gap(redactor: &Redactor, events: u64, into: &mut Vec<u8>) {
    let told = DomainEvent::new_in(&Scope::new(), JournalGap { events });
    any_body(redactor, &told, into).expect("a number is short");
}
