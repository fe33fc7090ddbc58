//! From what the sources gave to a context: masked, without duplicates, scored, packed, and written down.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::gather::Gathered;
use super::mask::mask;
use super::pack::{Candidate, Choice, Packer};
use super::render::{Tally, section};
use super::{
    AssembledContext, ContextError, ContextRequest, Detail, DropReason, DroppedFragment, DuplicateFragment,
    FailedSource, Fragment, HeldFragment, SourceLimit, TokenCounter, Weights,
};
use crate::event::Text;
use crate::redact::Redactor;

/// How many fragments of one source are looked at; what it gives beyond is dropped.
pub const MAX_SOURCE_FRAGMENTS: usize = 10_000;

/// What a context is assembled by.
pub(super) struct Assembly {
    pub(super) request: ContextRequest,
    pub(super) redactor: Redactor,
    pub(super) counter: Arc<dyn TokenCounter>,
    pub(super) weights: Weights,
}

/// What came of gathering, in the order of sources and masked.
struct Collected {
    names: Vec<Text>,
    candidates: Vec<Candidate>,
    beyond: Vec<Candidate>,
    failed: Vec<FailedSource>,
}

impl Assembly {
    /// Assembles. Once `stop` is cancelled, what it returns means nothing any more.
    pub(super) fn run(
        self,
        gathered: Vec<Gathered>,
        stop: &CancellationToken,
    ) -> Result<AssembledContext, ContextError> {
        let Collected { names, mut candidates, beyond, failed } = self.collect(gathered, stop);
        candidates.sort_by(Candidate::rank);
        let (candidates, duplicates) = without_duplicates(candidates);
        let limits: Vec<SourceLimit> = names.iter().map(|name| self.request.limit_of(name)).collect();
        let packer = Packer { counter: &self.counter, limits: &limits, stop };
        let draft = Draft { names: &names, beyond: &beyond, duplicates: &duplicates, failed: &failed };
        let (text, tokens, choices) = self.fit(&packer, &candidates, &draft)?;
        let (fragments, mut dropped) = told(&candidates, &choices);
        dropped.extend(beyond.iter().map(|candidate| dropped_by(candidate, DropReason::Limit)));
        Ok(AssembledContext {
            text,
            tokens,
            budget: self.request.budget(),
            fragments,
            dropped,
            duplicates,
            sources: names.len() as u64,
            failed_sources: failed,
        })
    }

    fn collect(&self, gathered: Vec<Gathered>, stop: &CancellationToken) -> Collected {
        let mut collected = Collected {
            names: gathered.iter().map(|gathered| gathered.name.clone()).collect(),
            candidates: Vec::new(),
            beyond: Vec::new(),
            failed: Vec::new(),
        };
        for (source, Gathered { name, result }) in gathered.into_iter().enumerate() {
            let mut fragments = match result {
                Ok(fragments) => fragments,
                Err(reason) => {
                    collected.failed.push(FailedSource { source: name, reason });
                    continue;
                }
            };
            mask(&self.redactor, &mut fragments, stop);
            for (place, mut fragment) in fragments.into_iter().enumerate() {
                fragment.source = name.clone();
                let score = self.weights.score(&fragment, &self.request);
                let candidate = Candidate::new(fragment, score, source, place);
                let is_beyond = place >= MAX_SOURCE_FRAGMENTS;
                if is_beyond { &mut collected.beyond } else { &mut collected.candidates }.push(candidate);
            }
        }
        collected
    }

    /// Packs until the text as a whole has no more tokens than the budget: parts may count less than what they make.
    fn fit(
        &self,
        packer: &Packer<'_>,
        candidates: &[Candidate],
        draft: &Draft<'_>,
    ) -> Result<(String, u64, Vec<Choice>), ContextError> {
        let budget = self.request.budget();
        let longest = self.counter.count(&Tally::longest(draft.names).preamble());
        let mut room = budget.saturating_sub(longest);
        let mut less = 1;
        loop {
            let choices = packer.pack(candidates, room);
            let text = draft.text(candidates, &choices);
            let text = self.redactor.redact_text(&text).into_owned();
            let tokens = self.counter.count(&text);
            if tokens <= budget {
                return Ok((text, tokens, choices));
            }
            if room == 0 {
                return Err(ContextError::BudgetTooSmall { budget, needed: tokens });
            }
            // As much less as was too much, and each time more; half of it if that is far too much. So the end comes
            // soon whatever the counter says.
            let excess = (tokens - budget).max(less);
            room = if excess <= room / 8 { room - excess } else { room / 2 };
            less = less.saturating_mul(2);
        }
    }
}

/// Of those that say the same, the first; the others, and which one says the same.
fn without_duplicates(ranked: Vec<Candidate>) -> (Vec<Candidate>, Vec<DuplicateFragment>) {
    let (mut seen, mut kept, mut duplicates) = (HashMap::new(), Vec::<Candidate>::new(), Vec::new());
    for candidate in ranked {
        let first = *seen.entry(candidate.hash).or_insert(kept.len());
        match kept.get(first) {
            Some(same) => duplicates.push(DuplicateFragment {
                source: candidate.fragment.source,
                id: candidate.fragment.id,
                same_source: same.fragment.source.clone(),
                same_id: Arc::clone(&same.fragment.id),
            }),
            None => kept.push(candidate),
        }
    }
    (kept, duplicates)
}

/// What is written down besides the fragments.
struct Draft<'a> {
    names: &'a [Text],
    beyond: &'a [Candidate],
    duplicates: &'a [DuplicateFragment],
    failed: &'a [FailedSource],
}

impl Draft<'_> {
    fn text(&self, candidates: &[Candidate], choices: &[Choice]) -> String {
        let mut text = self.tally(candidates, choices).preamble();
        for (candidate, detail, _tokens) in in_order(candidates, choices) {
            text.push_str(&section(&candidate.fragment, detail).unwrap_or_default());
        }
        text
    }

    fn tally(&self, candidates: &[Candidate], choices: &[Choice]) -> Tally {
        let mut counts = HashMap::<(usize, DropReason), u64>::new();
        for (candidate, choice) in candidates.iter().zip(choices) {
            if let Choice::Dropped(reason) = choice {
                *counts.entry((candidate.source, *reason)).or_default() += 1;
            }
        }
        for candidate in self.beyond {
            *counts.entry((candidate.source, DropReason::Limit)).or_default() += 1;
        }
        let left_out: u64 = counts.values().sum();
        let all = (candidates.len() + self.beyond.len()) as u64;
        let by_source = self.names.iter().enumerate().flat_map(|(source, name)| {
            let count = |reason| counts.get(&(source, reason)).copied().unwrap_or_default();
            DropReason::ALL.map(|reason| (name.clone(), reason, count(reason)))
        });
        Tally {
            held: all - left_out,
            all,
            duplicates: self.duplicates.len() as u64,
            left_out: by_source.collect(),
            failed: self.failed.iter().map(|failed| failed.source.clone()).collect(),
        }
    }
}

/// What is held, in the order of the context.
fn in_order<'a>(candidates: &'a [Candidate], choices: &[Choice]) -> Vec<(&'a Candidate, Detail, u64)> {
    let held = candidates.iter().zip(choices).filter_map(|(candidate, choice)| match choice {
        Choice::Held { detail, tokens } => Some((candidate, *detail, *tokens)),
        Choice::Dropped(_) => None,
    });
    let mut held: Vec<_> = held.collect();
    held.sort_by_key(|(candidate, ..)| (candidate.source, candidate.place));
    held
}

fn told(candidates: &[Candidate], choices: &[Choice]) -> (Vec<HeldFragment>, Vec<DroppedFragment>) {
    let held = in_order(candidates, choices).into_iter().map(|(candidate, detail, tokens)| {
        let Candidate { fragment: Fragment { source, id, title, .. }, score, hash, .. } = candidate;
        let (source, id, title) = (source.clone(), Arc::clone(id), Arc::clone(title));
        HeldFragment { source, id, title, detail, tokens, score: *score, content_hash: *hash }
    });
    let dropped = candidates.iter().zip(choices).filter_map(|(candidate, choice)| match choice {
        Choice::Held { .. } => None,
        Choice::Dropped(reason) => Some(dropped_by(candidate, *reason)),
    });
    (held.collect(), dropped.collect())
}

fn dropped_by(candidate: &Candidate, reason: DropReason) -> DroppedFragment {
    let Candidate { fragment: Fragment { source, id, title, .. }, score, .. } = candidate;
    let (source, id, title) = (source.clone(), Arc::clone(id), Arc::clone(title));
    DroppedFragment { source, id, title, score: *score, reason }
}
