//! Opening what a crash, or anybody, left.

use super::files::described;
use super::writing::goes_on;

/// Any files can lie in the directory: the journal is refused, or loses nothing that could be read, and goes on.
pub fn recovery(input: &[u8]) {
    goes_on(&described(input));
}
