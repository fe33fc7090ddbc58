//! What happens after a failed write or sync, under the lock.
//!
//! 1. What stands in the log behind the last believed line is read back: other writers may have gone on from there.
//! 2. Lines in memory that do not stand there, since they were torn, come behind it: at the positions they had, or at
//!    later ones where another writer has used those meanwhile, which it does only if nobody saw them whole.
//! 3. All of it is written to a new segment, synced, and listed in the manifest.
//! 4. Only then the old segment is cut back to its last believed line. A crash before that leaves lines in both; a
//!    reader takes those of the later segment.

use super::refresh::Reloaded;
use super::segment;
use super::{Log, Mark, Suspect, read_range};
use crate::journal::batch::Batch;
use crate::journal::health::Problem;
use crate::journal::line::Line;
use crate::journal::position::Position;

impl Log {
    /// Makes good what failed. Afterwards nothing is suspect, and `positions` are those of the batch.
    pub(super) fn settle(&mut self) -> Result<(), Problem> {
        let Some(suspect) = self.suspect.clone() else { return Ok(()) };
        self.positions.clone_from(&suspect.positions);
        let before = self.active.first;
        match self.reload_manifest()? {
            Reloaded::FoundedAgain => self.append_rest(suspect.lines),
            Reloaded::Current
                if self.manifest.segments.last().is_some_and(|newest| newest.first > before) =>
            {
                self.settle_behind_others(&suspect)
            }
            Reloaded::Current => self.settle_in_new_segment(&suspect),
        }
    }

    /// Another writer began a segment, and synced what was before it.
    fn settle_behind_others(&mut self, suspect: &Suspect) -> Result<(), Problem> {
        let mut found = self.read_back(&*self.active.file, self.believed.at)?;
        let later: Vec<_> = self.manifest.segments.iter().map(|start| start.first).collect();
        for first in later.into_iter().filter(|first| *first > self.active.first) {
            cut_behind(&mut found, first);
            if let Some(file) = segment::open_listed(&*self.storage, first)? {
                found.extend(self.read_back(&*file, 0)?);
            }
        }
        // Whoever settled before may have written lines again that are believed here.
        drop_up_to(&mut found, self.believed.last);
        let mine = self.lines_in_memory(suspect);
        let common = common_lines(&found, &mine);
        let rest = mine.get(common..).unwrap_or_default().to_vec();
        self.switch_segment()?;
        // From here on only the rest is suspect.
        self.suspect = Some(Suspect { lines: rest.clone(), positions: suspect.positions.clone() });
        self.refresh()?;
        self.append_rest(rest)
    }

    fn settle_in_new_segment(&mut self, suspect: &Suspect) -> Result<(), Problem> {
        let found = self.read_back(&*self.active.file, self.believed.at)?;
        let valid = self.chained_prefix(&found);
        let mine = self.lines_in_memory(suspect);
        let mine_follows = self.chained_prefix(&mine) == mine.len();
        let others = found.get(..valid).unwrap_or_default();
        let common = if mine_follows { common_lines(others, &mine) } else { 0 };
        if found.get(valid.max(mine.len())..).is_some_and(|behind| behind.contains(&b'\n')) {
            let at = self.believed.at + valid as u64;
            return Err(Problem::Foreign { file: self.active.name(), at });
        }
        let (lines, rest) = if mine_follows && common == valid {
            (mine.as_slice(), Vec::new())
        } else {
            (others, mine.get(common..).unwrap_or_default().to_vec())
        };
        self.move_to_new_segment(lines)?;
        self.append_rest(rest)
    }

    /// Writes what is not believed to a segment of its own, and cuts it from the old one.
    fn move_to_new_segment(&mut self, lines: &[u8]) -> Result<(), Problem> {
        let new = self.make_segment(lines)?;
        let old = std::mem::replace(&mut self.active, new);
        if old.first != self.active.first
            && let Err(source) = old.file.cut(self.believed.at).and_then(|()| old.file.sync())
        {
            crate::journal::report::not_cut(&Problem::io("cut", old.name())(source));
        }
        let mut end = Mark { at: lines.len() as u64, ..self.believed };
        if let Some(last) = whole_lines(lines).last().and_then(|line| Line::split(line).ok()) {
            (end.last, end.chain) = (last.position.get(), last.chain);
        }
        self.end = end;
        self.believe();
        self.suspect = None;
        Ok(())
    }

    /// Writes lines that stand nowhere yet behind the last one. The last of `positions` are theirs.
    fn append_rest(&mut self, rest: Vec<u8>) -> Result<(), Problem> {
        let mut batch = Batch::default();
        for line in whole_lines(&rest).filter_map(|line| Line::split(line).ok()) {
            batch.push(|into| into.extend_from_slice(line.body()));
        }
        if batch.is_empty() {
            self.suspect = None;
            return self.sync_if_each_is();
        }
        let mut positions = std::mem::take(&mut self.positions);
        self.suspect = Some(Suspect { lines: rest, positions: positions.clone() });
        self.reserve(batch.len())?;
        let end = self.put_in_line(&batch)?;
        let moved = positions.len().min(batch.len());
        positions.truncate(positions.len() - moved);
        positions.extend(self.positions.iter().skip(batch.len() - moved));
        self.positions = positions;
        self.suspect = None;
        self.append(end, || {})
    }

    fn sync_if_each_is(&mut self) -> Result<(), Problem> {
        if self.settings.durability != super::Durability::Sync {
            return Ok(());
        }
        self.active.file.sync().map_err(|source| {
            self.suspect = Some(Suspect { lines: Vec::new(), positions: self.positions.clone() });
            Problem::io("sync", self.active.name())(source)
        })
    }

    fn lines_in_memory(&self, suspect: &Suspect) -> Vec<u8> {
        [self.retained.as_slice(), suspect.lines.as_slice()].concat()
    }

    /// What a segment holds from there on.
    fn read_back(
        &self,
        file: &dyn crate::journal::storage::StorageFile,
        from: u64,
    ) -> Result<Vec<u8>, Problem> {
        let read = file.len().and_then(|len| read_range(file, from, len.max(from)));
        read.map_err(Problem::io("read back", self.active.name()))
    }

    /// How many bytes of these are lines that follow from the believed ones.
    fn chained_prefix(&self, lines: &[u8]) -> usize {
        let (mut last, mut chain, mut len) = (self.believed.last, self.believed.chain, 0);
        for bytes in whole_lines(lines) {
            match Line::split(bytes) {
                Ok(line) if line.position.get() > last && line.follows(&chain) => {
                    (last, chain) = (line.position.get(), line.chain);
                    len += bytes.len();
                }
                _ => break,
            }
        }
        len
    }
}

/// The lines in these bytes that end in a newline, with it.
fn whole_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"))
}

/// How many bytes of lines both begin with.
fn common_lines(one: &[u8], other: &[u8]) -> usize {
    let same = whole_lines(one).zip(whole_lines(other)).take_while(|(one, other)| one == other);
    same.map(|(line, _)| line.len()).sum()
}

/// Drops the lines at the beginning whose positions are not behind that one.
fn drop_up_to(lines: &mut Vec<u8>, last: u64) {
    let is_known =
        |line: &&[u8]| crate::journal::line::position(line).is_some_and(|position| position.get() <= last);
    let len: usize = whole_lines(lines).take_while(is_known).map(<[u8]>::len).sum();
    lines.drain(..len);
}

/// Drops the lines that a segment beginning at `first` holds itself.
fn cut_behind(lines: &mut Vec<u8>, first: Position) {
    let before = |line: &&[u8]| crate::journal::line::position(line).is_some_and(|position| position < first);
    let len = whole_lines(lines).take_while(before).map(<[u8]>::len).sum();
    lines.truncate(len);
}
