//! [`Witness`]: who hears of the lines of a journal while it is verified.

use crate::event::Hash;
use crate::journal::position::Position;

/// Who hears of each line, in order, while a journal is verified.
///
/// The newest segment may be read more than once, if it is written to meanwhile: then a clone from before its start
/// hears of it again, and the first is dropped.
pub(crate) trait Witness: Clone {
    /// A line counts: it is in its place and follows from the one before.
    fn line(&mut self, line: &Seen<'_>);

    /// Something is damaged, behind the lines told so far. If it is a line, it may say which position it has, and which
    /// chain stands behind it.
    fn damage(&mut self, said: Option<Position>, chain: Option<Hash>);
}

/// A line that counts.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "audit"), expect(dead_code, reason = "nobody else asks for the lines"))]
pub(crate) struct Seen<'a> {
    pub(crate) position: Position,
    /// What its leaf covers.
    pub(crate) covered: &'a [u8],
    /// The chain behind it, as it says.
    pub(crate) chain: Hash,
    /// Whether no chain before it is known, so that what it says was taken on trust.
    pub(crate) is_trusted: bool,
}

/// Nobody.
impl Witness for () {
    fn line(&mut self, _line: &Seen<'_>) {}

    fn damage(&mut self, _said: Option<Position>, _chain: Option<Hash>) {}
}
