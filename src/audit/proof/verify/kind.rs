//! What kind of change a damage is, told by the lines around it.

use std::collections::HashSet;

use super::found::{Change, ChangeKind};
use crate::event::Hash;
use crate::journal::line::{self, Line};
use crate::journal::manifest::Manifest;
use crate::journal::storage::{Open, read_whole};
use crate::journal::{Damage, DamageFault, JournalReader, Position, ReadError, layout};

/// The largest segment that is looked into, in bytes.
const MAX_BYTES: usize = 256 << 20;

/// How many lines behind a damage are looked at.
const AHEAD: usize = 10_000;

/// The change that a damage is.
pub(super) fn of(journal: &JournalReader, damage: &Damage) -> Change {
    let Damage { position, file, at, fault, .. } = damage;
    let (kind, first, last) = match fault {
        DamageFault::Line(_) | DamageFault::Chain => {
            around(journal, damage).unwrap_or((ChangeKind::LineChanged, *position, *position))
        }
        DamageFault::LinesMissing | DamageFault::SegmentMissing => {
            (ChangeKind::LinesRemoved, *position, *position)
        }
        DamageFault::SegmentUnlisted => (ChangeKind::SegmentAdded, *position, *position),
        DamageFault::ListedChain => (ChangeKind::ManifestChanged, *position, *position),
        DamageFault::Position | DamageFault::Newline => (ChangeKind::LineChanged, *position, *position),
    };
    Change::of(kind).at(first, last).in_file(file.clone(), *at)
}

/// The newest segment that is listed, if there is none at all. Who made the journal may have died before it was there,
/// so the chain takes that for a journal without lines; but one that was signed had it.
pub(super) fn no_segment(journal: &JournalReader) -> Result<Option<Change>, ReadError> {
    if !journal.segments()?.is_empty() {
        return Ok(None);
    }
    let storage = &**journal.storage();
    let listed = Manifest::read(storage)?.and_then(|manifest| Some(manifest.segments.last()?.first));
    let newest = listed.unwrap_or(Position::FIRST);
    let is_unnamed = storage.open(&layout::prepared(newest), Open::Read).is_ok();
    let change = Change::of(ChangeKind::LinesRemoved).at(newest, newest).in_file(layout::segment(newest), 0);
    Ok((!is_unnamed).then_some(change))
}

/// What the lines around a damaged one tell; `None` if they cannot be read.
fn around(journal: &JournalReader, damage: &Damage) -> Option<(ChangeKind, Position, Position)> {
    let bytes = read_whole(&**journal.storage(), &damage.file, MAX_BYTES).ok()?;
    let (good, rest) = bytes.split_at_checked(usize::try_from(damage.at).ok()?)?;
    let before = Neighbour::last_of(good).or_else(|| Neighbour::before_file(journal, &damage.file))?;
    let lines: Vec<_> = rest.split_inclusive(|byte| *byte == b'\n').take(AHEAD).collect();
    let (first, behind) = lines.split_first()?;
    let follows = |line: &&[u8]| Line::split(line).is_ok_and(|line| line.follows(&before.chain));
    let expected = Position::new(before.position + 1).unwrap_or(Position::MAX);
    let split = Line::split(first);
    if behind.iter().any(follows) {
        // The one that belongs here stands further behind: was this one put before it, or taken from behind it?
        let chains: HashSet<_> =
            behind.iter().filter_map(|line| line::chain_of(line)).map(|chain| *chain.as_bytes()).collect();
        let is_moved =
            split.is_ok_and(|line| chains.iter().any(|chain| line.follows(&Hash::from_bytes(*chain))));
        let kind = if is_moved { ChangeKind::LinesReordered } else { ChangeKind::LineAdded };
        let position = split.map_or(expected, |line| line.position);
        let position = if is_moved { expected.min(position) } else { position };
        return Some((kind, position, position));
    }
    match split {
        Ok(line) if line.position > expected => {
            let last = line.position.previous().unwrap_or(expected);
            Some((ChangeKind::LinesRemoved, expected, last))
        }
        Ok(line) if line.position < expected => Some((ChangeKind::LineAdded, line.position, line.position)),
        _ => Some((ChangeKind::LineChanged, damage.position, damage.position)),
    }
}

/// What stands before a damaged line.
struct Neighbour {
    /// 0 before the first.
    position: u64,
    chain: Hash,
}

impl Neighbour {
    fn last_of(good: &[u8]) -> Option<Self> {
        let end = good.strip_suffix(b"\n")?;
        let begin = memchr::memrchr(b'\n', end).map_or(0, |newline| newline + 1);
        let line = Line::split(good.get(begin..)?).ok()?;
        Some(Self { position: line.position.get(), chain: line.chain })
    }

    /// The last line of the segment before.
    fn before_file(journal: &JournalReader, file: &str) -> Option<Self> {
        let first = layout::segment_first(file.rsplit_once('/')?.1)?;
        let chain = Manifest::read(&**journal.storage()).ok()??.chain_at(first)?;
        Some(Self { position: first.get() - 1, chain })
    }
}
