//! Paths: places in JSON that the program says are secret.
//!
//! ```text
//! path = part *("." part)
//! part = "*"               any key, any item of an array
//!      | name              that key, or that item of an array by its number from 0
//!      | a JSON text       that key, in quotes: "a.b"
//! name = 1*(ASCII letter / digit / "_" / "-")
//! ```
//!
//! A path is taken from the root of the JSON, of an event from its envelope: `details.args.*.value`.

use super::error::PathFault;
use crate::event::DomainEvent;

/// How many paths there may be: one bit each.
pub(super) const MAX_PATHS: usize = 64;

/// How many parts a path may have.
const MAX_PARTS: usize = 32;

/// The keys of an envelope under which the program's own texts stand. The others must be read as they were written.
const CHOSEN: [&str; 5] = ["actor_name", "project_name", "user_identity", "attributes", "details"];

/// Whether it is a key of an envelope that no path masks.
pub(super) fn is_fixed(key: &str) -> bool {
    is_of_envelope(key) && !CHOSEN.contains(&key)
}

/// Whether it is a key of an envelope that this build knows: such a name says of no value that it is secret.
pub(super) fn is_of_envelope(key: &str) -> bool {
    DomainEvent::KEYS.contains(&key)
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Any,
    Name(String),
}

/// One path.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path(Vec<Part>);

impl Path {
    /// Reads a path; else what is wrong and where, in bytes.
    pub(super) fn parse(text: &str) -> Result<Self, (usize, PathFault)> {
        let (mut parts, mut at) = (Vec::new(), 0);
        loop {
            let (part, len) =
                part(text.get(at..).unwrap_or_default()).map_err(|(by, fault)| (at + by, fault))?;
            if parts.len() == MAX_PARTS {
                return Err((at, PathFault::TooLong { max: MAX_PARTS }));
            }
            parts.push(part);
            at += len;
            match text.get(at..).and_then(|rest| rest.chars().next()) {
                None => break,
                Some('.') => at += 1,
                Some(other) => return Err((at, PathFault::Unexpected(other))),
            }
        }
        match parts.first() {
            Some(Part::Name(first)) if is_fixed(first) => Err((0, PathFault::Fixed)),
            _ => Ok(Self(parts)),
        }
    }
}

/// The part that begins a text, and how long it is.
fn part(rest: &str) -> Result<(Part, usize), (usize, PathFault)> {
    if rest.starts_with('*') {
        return Ok((Part::Any, 1));
    }
    if rest.starts_with('"') {
        let mut read = serde_json::Deserializer::from_str(rest).into_iter::<String>();
        return match read.next() {
            Some(Ok(name)) => Ok((Part::Name(name), read.byte_offset())),
            _ => Err((0, PathFault::Quote)),
        };
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    match rest.find(|c| !is_name(c)).unwrap_or(rest.len()) {
        0 => Err((
            0,
            rest.chars().next().filter(|c| *c != '.').map_or(PathFault::Missing, PathFault::Unexpected),
        )),
        len => Ok((Part::Name(rest.get(..len).unwrap_or_default().to_owned()), len)),
    }
}

/// Which paths a place may still be on, a bit for each.
pub(super) type Alive = u64;

/// All paths of a redactor.
#[derive(Default)]
pub(super) struct Paths(Vec<Path>);

impl Paths {
    pub(super) fn new(paths: Vec<Path>) -> Self {
        Self(paths)
    }

    /// At the root.
    pub(super) fn at_root(&self) -> Alive {
        (0..self.0.len().min(MAX_PATHS)).fold(0, |alive, number| alive | (1 << number))
    }

    /// One step down, by `key`, from a place that is `depth` steps below the root: which paths go on there, and whether
    /// one ends.
    pub(super) fn step(&self, from: Alive, depth: usize, key: &str) -> (Alive, bool) {
        let (mut alive, mut ends) = (0, false);
        for (number, Path(parts)) in self.0.iter().enumerate().filter(|(number, _)| from >> number & 1 == 1) {
            let is_on = match parts.get(depth) {
                Some(Part::Any) => true,
                Some(Part::Name(name)) => name == key,
                None => false,
            };
            if is_on {
                ends |= parts.len() == depth + 1;
                alive |= 1 << number;
            }
        }
        (alive, ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_at(path: &str, place: &[&str]) -> bool {
        let paths = Paths::new(vec![Path::parse(path).unwrap()]);
        let mut here = (paths.at_root(), false);
        for (depth, key) in place.iter().enumerate() {
            here = paths.step(here.0, depth, key);
        }
        here.1
    }

    #[test]
    fn a_path_is_read_part_by_part() {
        for (path, place) in [
            ("details", vec!["details"]),
            ("details.args.*.value", vec!["details", "args", "7", "value"]),
            ("details.args.0", vec!["details", "args", "0"]),
            ("*.\"a.b\\n\\u0063\".x-y_z", vec!["any", "a.b\nc", "x-y_z"]),
            ("\"*\"", vec!["*"]),
            ("\"\"", vec![""]),
        ] {
            assert!(is_at(path, &place), "{path}");
            assert!(!is_at(path, &place[..place.len() - 1]), "{path} is not at its beginning");
            let below: Vec<_> = place.iter().copied().chain(["below"]).collect();
            assert!(!is_at(path, &below), "{path} ends above");
        }
        assert!(!is_at("details.args", &["details", "arg"]) && !is_at("\"*\"", &["any"]));
    }

    #[test]
    fn a_fault_in_a_path_has_its_place() {
        use PathFault::{Fixed, Missing, Quote, TooLong, Unexpected};
        for (path, at, fault) in [
            ("", 0, Missing),
            ("a.", 2, Missing),
            ("a..b", 2, Missing),
            (".a", 0, Missing),
            ("a b", 1, Unexpected(' ')),
            ("é", 0, Unexpected('é')),
            ("a.$", 2, Unexpected('$')),
            ("a.*b", 3, Unexpected('b')),
            ("a.\"b", 2, Quote),
            ("a.\"b\\x\"", 2, Quote),
            ("a[0]", 1, Unexpected('[')),
            ("id", 0, Fixed),
            ("session_id", 0, Fixed),
            ("\"seq\".x", 0, Fixed),
            (&"a.".repeat(40), 64, TooLong { max: 32 }),
        ] {
            assert_eq!(Path::parse(path), Err((at, fault)), "{path}");
        }
    }
}
