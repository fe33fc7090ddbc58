//! Texts of which no key says anything: each for itself, and those of an array beside one another.

use std::borrow::Cow;

use super::escape::unescape;
use super::{Of, Scan};
use crate::event::text::MAX_NAME_BYTES;
use crate::redact::{adjacent, size};

/// A text in an array, until it is known what stands beside it.
pub(super) struct Piece<'a> {
    /// Where its quotes are.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) raw: &'a str,
}

impl<'a> Scan<'a> {
    /// A text of which no key says anything.
    pub(super) fn text(&mut self, piece: &Piece<'a>) {
        if self.may_change(piece)
            && let Cow::Owned(masked) = self.rules.mask(&unescape(piece.raw))
        {
            self.put(piece, masked);
        }
    }

    /// Puts a text in the place of a piece. A name of an event that a mask makes too long to be read is cut.
    fn put(&mut self, piece: &Piece<'a>, masked: String) {
        let has_names = self.is_typed || self.open.len() == 1 && matches!(self.of, Of::Event(_));
        let may_be_name = has_names && unescape(piece.raw).len() <= MAX_NAME_BYTES;
        let fitting = if may_be_name { size::cut(&masked, MAX_NAME_BYTES) } else { None };
        self.replace(piece.start, piece.end, &fitting.unwrap_or(masked));
    }

    fn may_change(&self, piece: &Piece<'a>) -> bool {
        self.has_looks || piece.raw.len() > self.rules.max_text_bytes
    }

    /// The texts of an array that stand one behind the other.
    pub(super) fn settle_pieces(&mut self) {
        let mut pieces = std::mem::take(&mut self.pieces);
        if let [piece] = &*pieces
            // An argument announces a secret also where it stands alone.
            && !piece.raw.starts_with(['-', '\\'])
        {
            self.text(piece);
        } else if !pieces.is_empty() {
            let texts: Vec<_> = pieces.iter().map(|piece| unescape(piece.raw)).collect();
            let may_change = pieces.iter().any(|piece| self.may_change(piece));
            if may_change || adjacent::may_find(self.rules, &texts) {
                let masked = self.rules.mask_adjacent(&texts);
                for (piece, masked) in pieces.iter().zip(masked) {
                    if let Cow::Owned(masked) = masked {
                        self.put(piece, masked);
                    }
                }
            }
        }
        pieces.clear();
        self.pieces = pieces;
    }
}
