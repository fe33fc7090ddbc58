//! [`Covering`]: compares the lines of a journal with what its heads say of them.

use std::sync::Arc;

use super::found::{Change, ChangeKind, Retired};
use crate::audit::proof::head::Head;
use crate::audit::proof::merkle::Tree;
use crate::event::Hash;
use crate::journal::{Position, Seen, Witness};

/// What a head that is believed says of its lines.
#[derive(Clone, Debug)]
pub(super) struct Covered {
    number: u64,
    from: Position,
    /// 0 if there was no line.
    position: u64,
    count: u64,
    chain: Hash,
    root: Hash,
    /// The last position that the head before covers, if that is believed.
    behind: u64,
}

impl Covered {
    /// `before` is the head before, if it is believed.
    pub(super) fn by(head: &Head, before: Option<&Head>) -> Self {
        let said = head.said();
        let (number, from, position, count) = (said.number, said.from, said.position, said.count);
        let behind = before.map_or(0, |before| before.said().position);
        Self { number, from, position, count, chain: said.chain, root: said.root, behind }
    }

    fn last(&self) -> Position {
        Position::new(self.position).unwrap_or(Position::FIRST)
    }
}

/// Hears of the lines of a journal and compares them with its heads.
#[derive(Clone, Debug)]
pub(super) struct Covering {
    heads: Arc<[Covered]>,
    /// Which of them comes next.
    at: usize,
    /// The first position of the oldest segment that is there.
    oldest: Option<Position>,
    /// The last line: its position and the chain behind it.
    last: Option<(Position, Hash)>,
    lines: Lines,
    /// Whether a chain was told to differ: then all behind it do.
    has_diverged: bool,
    pub(super) covered: u64,
    pub(super) uncovered: u64,
    pub(super) retired: Retired,
    pub(super) changes: Vec<Change>,
}

/// The lines since the head before.
#[derive(Clone, Debug, Default)]
struct Lines {
    tree: Tree,
    /// Those that the next head does not cover itself, as the head before is missing.
    outside: u64,
    /// One that was taken on trust.
    trusted: Option<Position>,
    /// Something among them is damaged: then the chain has told of it.
    damage: Option<Damaged>,
}

/// How far something that is damaged may reach.
#[derive(Clone, Copy, Debug)]
struct Damaged {
    /// The last line before it.
    after: Option<Position>,
    /// The last position that it says it has; `None` if it does not say.
    to: Option<Position>,
    /// The chain that it says stands behind it.
    chain: Option<Hash>,
}

impl Damaged {
    /// Whether it may lie behind the lines that a head covers.
    fn is_behind(&self, head: &Covered) -> bool {
        self.after.is_some_and(|after| after.get() >= head.position) || self.reaches(head)
    }

    /// Whether it may hold the last line that a head covers.
    fn reaches(&self, head: &Covered) -> bool {
        self.to.is_none_or(|to| to.get() >= head.position) || self.chain == Some(head.chain)
    }
}

impl Covering {
    pub(super) fn new(heads: Vec<Covered>, oldest: Option<Position>) -> Self {
        Self {
            heads: heads.into(),
            at: 0,
            oldest,
            last: None,
            lines: Lines::default(),
            has_diverged: false,
            covered: 0,
            uncovered: 0,
            retired: Retired::default(),
            changes: Vec::new(),
        }
    }

    /// No more lines come.
    pub(super) fn finish(&mut self) {
        self.conclude(None);
    }

    /// Compares the heads all of whose lines stand before that position.
    fn conclude(&mut self, next: Option<Position>) {
        let heads = Arc::clone(&self.heads);
        while let Some(head) = heads.get(self.at)
            && next.is_none_or(|next| head.position < next.get())
        {
            let lines = std::mem::take(&mut self.lines);
            self.compare(head, &lines);
            self.lines.damage = lines.damage.filter(|damage| damage.is_behind(head));
            self.at += 1;
        }
    }

    fn compare(&mut self, head: &Covered, lines: &Lines) {
        let is_whole = lines.tree.count() == head.count && lines.tree.root() == head.root;
        let oldest = self.oldest.map_or(0, Position::get);
        let is_gone = |position: u64| oldest > position;
        self.note_unsigned(head);
        match self.last {
            Some((last, chain)) if last.get() == head.position => {
                let is_partial = !is_whole && is_gone(head.from.get());
                self.compare_lines(head, lines, (is_whole || is_partial, chain == head.chain));
                if is_partial {
                    self.retired.partly = Some(head.number);
                }
            }
            _ if head.position == 0 => {}
            _ if is_gone(head.position) => {
                self.retired.heads += 1;
                self.retired.through = Position::new(head.position);
            }
            _ if lines.damage.is_some_and(|damage| damage.reaches(head)) => {}
            last => self.removed(head, last.map(|(last, _)| last)),
        }
    }

    /// The last line that the head covers is there: are they those that were signed, and is the chain?
    fn compare_lines(&mut self, head: &Covered, lines: &Lines, (fits, chain_fits): (bool, bool)) {
        let is_told = lines.damage.is_some() || (fits && self.has_diverged);
        let kind = match lines.tree.count() {
            _ if fits && chain_fits => None,
            count if !fits && count < head.count => Some(ChangeKind::LinesRemoved),
            count if !fits && count > head.count => Some(ChangeKind::LineAdded),
            _ => Some(ChangeKind::LinesRewritten),
        };
        self.has_diverged = !chain_fits;
        match kind {
            None => self.covered += lines.tree.count() + lines.outside,
            Some(_) if is_told => {}
            Some(kind) => self.tell(kind, head),
        }
        // Its content is in the root, if that could be compared, and else in no hash that is known.
        let is_unproven = lines.tree.count() != head.count || lines.outside > 0;
        if let Some(position) = lines.trusted.filter(|_| is_unproven && kind.is_none()) {
            let change = Change::of(ChangeKind::LineUnproven).at(position, position).by(head.number);
            self.changes.push(change);
        }
    }

    fn tell(&mut self, kind: ChangeKind, head: &Covered) {
        // Where a head before is missing, the change may lie in its lines.
        let first = Position::new(head.behind + 1).unwrap_or(head.from).min(head.from);
        self.changes.push(Change::of(kind).at(first, head.last()).by(head.number));
    }

    /// Lines are not there up to the head's position.
    fn removed(&mut self, head: &Covered, last: Option<Position>) {
        self.has_diverged = true;
        if let Some(change) = self.changes.last_mut()
            && change.kind == ChangeKind::LinesRemoved
            && let (Some(positions), Some(heads)) = (&change.positions, &change.heads)
            && positions.end().get() >= head.behind
        {
            let (first, first_head) = (*positions.start(), *heads.start());
            (change.positions, change.heads) = (Some(first..=head.last()), Some(first_head..=head.number));
            return;
        }
        let first = last.map_or(Some(Position::FIRST), Position::next).unwrap_or(Position::MAX);
        let change = Change::of(ChangeKind::LinesRemoved).at(first.min(head.last()), head.last());
        self.changes.push(change.by(head.number));
    }

    /// Lines between a head and the one before it were removed before they were signed.
    fn note_unsigned(&mut self, head: &Covered) {
        let is_next = self.at.checked_sub(1).and_then(|before| self.heads.get(before));
        let is_next = is_next.is_some_and(|before| before.number + 1 == head.number);
        let skipped = head.from.get().saturating_sub(head.behind + 1);
        if skipped > 0 && (is_next || head.number == 1) {
            let before = self.retired.unsigned.map_or(0, |(_, count)| count);
            self.retired.unsigned = head.from.previous().map(|last| (last, before + skipped));
        }
    }
}

impl Witness for Covering {
    fn line(&mut self, line: &Seen<'_>) {
        self.conclude(Some(line.position));
        match self.heads.get(self.at) {
            None => self.uncovered += 1,
            Some(head) if line.position < head.from => self.lines.outside += 1,
            Some(_) => self.lines.tree.push(&Hash::of(line.covered)),
        }
        if line.is_trusted {
            self.lines.trusted.get_or_insert(line.position);
        }
        self.last = Some((line.position, line.chain));
    }

    fn damage(&mut self, said: Option<Position>, chain: Option<Hash>) {
        let before = self.lines.damage.map_or(said, |before| before.to);
        let to = said.zip(before).map(|(said, before)| said.max(before));
        let after = self.last.map(|(last, _)| last);
        self.lines.damage = Some(Damaged { after, to, chain });
    }
}
