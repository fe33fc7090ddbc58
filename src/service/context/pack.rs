//! Which fragments have room, and in which detail.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Detail, DropReason, Fragment, SourceLimit, TokenCounter, render};
use crate::event::Hash;

/// A fragment that wants to be in the context.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) fragment: Fragment,
    pub(super) score: f64,
    pub(super) hash: Hash,
    /// Where its source stands among the sources.
    pub(super) source: usize,
    /// Where it stands among the fragments of its source.
    pub(super) place: usize,
    /// How many tokens its sections have, by detail, as far as they were counted; none if there is no such section.
    tokens: [OnceCell<Option<u64>>; 3],
}

impl Candidate {
    pub(super) fn new(fragment: Fragment, score: f64, source: usize, place: usize) -> Self {
        let hash = Hash::of(&*fragment.full);
        Self { fragment, score, hash, source, place, tokens: Default::default() }
    }

    /// The higher score first, then in the order of the context.
    pub(super) fn rank(&self, other: &Self) -> Ordering {
        let by_score = other.score.total_cmp(&self.score);
        by_score.then_with(|| (self.source, self.place).cmp(&(other.source, other.place)))
    }
}

/// What becomes of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    Held { detail: Detail, tokens: u64 },
    Dropped(DropReason),
}

/// Packs by one counter, under the limits of the sources.
pub(super) struct Packer<'a> {
    pub(super) counter: &'a Arc<dyn TokenCounter>,
    /// By source.
    pub(super) limits: &'a [SourceLimit],
    pub(super) stop: &'a CancellationToken,
}

/// How much of a source was taken.
#[derive(Clone, Copy, Default)]
struct Taken {
    fragments: usize,
    tokens: u64,
}

impl Packer<'_> {
    /// What becomes of each of the candidates, the best of which come first: each is taken in the fullest detail for
    /// which there is room in what those before it left.
    pub(super) fn pack(&self, candidates: &[Candidate], room: u64) -> Vec<Choice> {
        let mut taken = vec![Taken::default(); self.limits.len()];
        let mut room = room;
        let mut choose = |candidate: &Candidate| {
            let limit = self.limits.get(candidate.source).copied().unwrap_or_default();
            let Some(taken) = taken.get_mut(candidate.source) else {
                return Choice::Dropped(DropReason::Limit);
            };
            let left = limit.tokens().map_or(u64::MAX, |most| most.saturating_sub(taken.tokens));
            if limit.fragments().is_some_and(|most| taken.fragments >= most) {
                return Choice::Dropped(DropReason::Limit);
            }
            let choice = self.choose(candidate, room, left);
            if let Choice::Held { tokens, .. } = choice {
                room -= tokens;
                taken.tokens += tokens;
                taken.fragments += 1;
            }
            choice
        };
        candidates.iter().map(&mut choose).collect()
    }

    fn choose(&self, candidate: &Candidate, room: u64, left: u64) -> Choice {
        let mut reason = DropReason::Nothing;
        for (detail, counted) in Detail::ALL.into_iter().zip(&candidate.tokens) {
            // Nobody waits for what comes of it any more.
            if self.stop.is_cancelled() {
                break;
            }
            let fragment = &candidate.fragment;
            let count = || render::section(fragment, detail).map(|section| self.counter.count(&section));
            let Some(tokens) = *counted.get_or_init(count) else { continue };
            if tokens <= room && tokens <= left {
                return Choice::Held { detail, tokens };
            }
            reason = if tokens > room { DropReason::NoRoom } else { DropReason::Limit };
        }
        Choice::Dropped(reason)
    }
}
