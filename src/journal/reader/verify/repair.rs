//! Which position a line had before it was damaged, where the chain tells.

use super::before::Before;
use crate::journal::line::{self, ENDING_BYTES};
use crate::journal::position::Position;

/// What a line begins with, up to the comma behind its position, is shorter.
const BEGINNING_BYTES: usize = 24;

/// The position with which the line follows from what is before it: the one expected there, or the one it has when
/// one bit at its beginning is turned back. `None` if something else is damaged.
pub(super) fn position(bytes: &[u8], before: &Before, last: Option<Position>) -> Option<Position> {
    let stated = line::chain_of(bytes)?;
    let leaf = bytes.len().checked_sub(ENDING_BYTES).and_then(|len| bytes.get(..len))?;
    let follows = |leaf: &[u8]| before.leads_to_content(leaf, &stated);
    let expected = last.map_or(Some(Position::FIRST), Position::next);
    if let Some(expected) = expected.filter(|expected| follows(&with_position(leaf, *expected))) {
        return Some(expected);
    }
    let mut turned = leaf.to_owned();
    for bit in 0..BEGINNING_BYTES.min(leaf.len()) * 8 {
        turn(&mut turned, bit);
        let position = line::position(&turned);
        if position.is_some() && follows(&turned) {
            return position;
        }
        turn(&mut turned, bit);
    }
    None
}

fn turn(bytes: &mut [u8], bit: usize) {
    if let Some(byte) = bytes.get_mut(bit / 8) {
        *byte ^= 1 << (bit % 8);
    }
}

/// The same content with another position at its beginning.
fn with_position(leaf: &[u8], position: Position) -> Vec<u8> {
    let beginning = leaf.get(..BEGINNING_BYTES.min(leaf.len())).unwrap_or_default();
    let body = memchr::memchr(b',', beginning).and_then(|comma| leaf.get(comma..)).unwrap_or_default();
    [format!("{{\"pos\":{position}").as_bytes(), body].concat()
}
