//! One enforcement: the checks of the invariants that hold, several at once, and what came of each.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::state::Entry;
use super::{
    CheckState, Invariant, InvariantCheck, InvariantContext, InvariantOptions, Reconciled, Setting, Subject,
    Verdict,
};
use crate::event::{Brief, PlanId, Scope};
use crate::service::tool::panic_text;

/// What came of an enforcement.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The plan.
    pub plan_id: PlanId,
    /// Which invariants held for it, and which lost.
    pub reconciled: Reconciled,
    /// What came of each invariant that held for it, in the order of [`Reconciled::effective`].
    pub results: Vec<Enforced>,
    /// How long it took.
    pub duration: Duration,
}

impl Report {
    /// Whether none is violated.
    pub fn is_kept(&self) -> bool {
        self.violated().next().is_none()
    }

    /// Those that are violated, and by what.
    pub fn violated(&self) -> impl Iterator<Item = (&Invariant, &Brief)> {
        self.results.iter().filter_map(|result| match &result.outcome {
            Outcome::Violated(reason) => Some((&result.invariant, reason)),
            Outcome::Stated | Outcome::Held => None,
        })
    }
}

/// What came of one invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Enforced {
    /// The invariant.
    pub invariant: Invariant,
    /// What was found.
    pub outcome: Outcome,
    /// How long its check took.
    pub duration: Duration,
}

/// What was found about an invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing: it is a statement, which only a model can keep.
    Stated,
    /// Its check says that it holds.
    Held,
    /// Its check says that it does not hold, or could not say; and why.
    Violated(Brief),
}

/// What the checks of one enforcement have in common.
pub(super) struct Enforcement<'a> {
    pub(super) setting: &'a Setting,
    pub(super) subject: &'a Subject,
    pub(super) options: &'a InvariantOptions,
    /// In which the checks run: caused by the reconciliation.
    pub(super) inside: &'a Scope,
}

/// An invariant whose outcome is known, or is being found.
enum Found {
    Known(Outcome),
    Later(AbortOnDropHandle<(Outcome, Duration)>),
}

impl Enforcement<'_> {
    /// Checks what holds. Dropped, it stops the checks.
    pub(super) async fn run(&self, holding: Vec<Entry>) -> Vec<Enforced> {
        let places = self.options.concurrency.get().min(Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(places));
        let started: Vec<_> = holding.into_iter().map(|entry| self.start(entry, &places)).collect();
        let mut results = Vec::with_capacity(started.len());
        for (invariant, found) in started {
            let (outcome, duration) = match found {
                Found::Known(outcome) => (outcome, Duration::ZERO),
                // Nobody else has the handle and it catches panics, so only a runtime that shuts down ends it.
                Found::Later(task) => {
                    task.await.unwrap_or_else(|_shutting_down| (violated("it was cancelled"), Duration::ZERO))
                }
            };
            results.push(Enforced { invariant, outcome, duration });
        }
        results
    }

    fn start(&self, entry: Entry, places: &Arc<Semaphore>) -> (Invariant, Found) {
        let Entry { invariant, check } = entry;
        let found = match check {
            Some(check) => {
                let (setting, subject) = (self.setting.clone(), self.subject.clone());
                let context = InvariantContext { invariant: invariant.clone(), setting, subject };
                let one = One { check, context, limit: self.options.timeout, places: Arc::clone(places) };
                Found::Later(AbortOnDropHandle::new(self.inside.clone().spawn(one.run())))
            }
            None if invariant.check == CheckState::Statement => Found::Known(Outcome::Stated),
            None => Found::Known(violated("its check is missing since it was read from a snapshot")),
        };
        (invariant, found)
    }
}

fn violated(reason: &str) -> Outcome {
    Outcome::Violated(reason.into())
}

/// One check that waits for its place, and then runs.
struct One {
    check: Arc<dyn InvariantCheck>,
    context: InvariantContext,
    limit: Duration,
    places: Arc<Semaphore>,
}

impl One {
    async fn run(self) -> (Outcome, Duration) {
        let Self { check, context, limit, places } = self;
        let cancellation = context.subject.cancellation().clone();
        let Some(_place) = unless_cancelled(&cancellation, places.acquire()).await else {
            return (violated("it was cancelled"), Duration::ZERO);
        };
        let started = Instant::now();
        // In a task of its own, so that a panic ends it alone and one that blocks is still timed.
        let task = Scope::current().spawn(async move { check.check(&context).await });
        let ended = tokio::time::timeout(limit, AbortOnDropHandle::new(task));
        let outcome = match unless_cancelled(&cancellation, ended).await {
            None => violated("it was cancelled"),
            Some(Err(_elapsed)) => violated(&format!("its check took longer than {} s", limit.as_secs_f64())),
            Some(Ok(Err(failed))) => {
                let text = failed.try_into_panic().map(|panic| panic_text(&*panic).to_owned());
                violated(&format!("its check panicked: {}", text.as_deref().unwrap_or("without a text")))
            }
            Some(Ok(Ok(Err(error)))) => violated(&format!("its check could not say: {error}")),
            Some(Ok(Ok(Ok(Verdict::Held)))) => Outcome::Held,
            Some(Ok(Ok(Ok(Verdict::Violated(reason))))) => violated(&reason),
        };
        (outcome, started.elapsed())
    }
}

async fn unless_cancelled<T>(cancellation: &CancellationToken, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = cancellation.cancelled() => None,
        done = future => Some(done),
    }
}
