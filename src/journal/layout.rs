//! What lies where in a journal's directory.

use super::position::Position;

pub(crate) const MANIFEST: &str = "journal.json";
pub(crate) const LOCK: &str = "lock";
pub(crate) const SEGMENTS: &str = "segments";
pub(crate) const CURSORS: &str = "cursors";
pub(crate) const DEAD: &str = "dead";
pub(crate) const QUARANTINE: &str = "quarantine";
pub(crate) const HEADS: &str = "heads";

/// All folders.
pub(crate) const FOLDERS: [&str; 5] = [SEGMENTS, CURSORS, DEAD, QUARANTINE, HEADS];

/// The digits of a segment's name.
const DIGITS: usize = 20;

/// The file of the segment whose first line may have that position.
pub(crate) fn segment(first: Position) -> String {
    format!("{SEGMENTS}/{:0DIGITS$}.jsonl", first.get())
}

/// The file in which a segment is made before it gets its name.
pub(crate) fn prepared(first: Position) -> String {
    format!("{}.tmp", segment(first))
}

/// The first position of the segment whose file has that name, folder left out.
pub(crate) fn segment_first(file: &str) -> Option<Position> {
    let digits = file.strip_suffix(".jsonl").filter(|digits| digits.len() == DIGITS)?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok().and_then(Position::new)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_named_by_its_first_position() {
        let first = Position::new(42).unwrap();
        assert_eq!(segment(first), "segments/00000000000000000042.jsonl");
        assert_eq!(segment_first("00000000000000000042.jsonl"), Some(first));
        for name in [
            "42.jsonl",
            "00000000000000000000.jsonl",
            "00000000000000000042.json",
            "+0000000000000000042.jsonl",
        ] {
            assert_eq!(segment_first(name), None, "{name}");
        }
    }
}
