//! [`InvariantService`]: the rules that plans must keep.
//!
//! An invariant demands something, as far as it reaches: of one plan, of one kind of action, of one project, of
//! everything. It is a statement for the model, or has an [`InvariantCheck`] that says whether it holds.
//!
//! Two invariants that hold for a plan and have one key conflict, and only the stronger one holds. The strongest
//! first:
//!
//! | strength | reaches |
//! |---|---|
//! | 1 | everything, and is marked [`non_overridable`](NewInvariant::non_overridable) |
//! | 2 | one [plan](Reach::Plan) |
//! | 3 | one kind of [action](Reach::Action) |
//! | 4 | one [project](Reach::Project) |
//! | 5 | [everything](Reach::Global) |
//!
//! Among equals the one that was added first holds: nobody gets rid of a rule by adding another. Of one key there is
//! at most one that is non-overridable, so that such a one never loses. Without a key an invariant conflicts with
//! none.
//!
//! - [`effective`](InvariantService::effective) says which hold, and tells nobody.
//! - [`reconcile`](InvariantService::reconcile) says the same and tells it, as `invariant.reconciled`.
//! - [`enforce`](InvariantService::enforce) reconciles, and runs the checks of those that hold: some at once, in tasks
//!   of their own, each with a timeout. When all have ended it tells, the strongest first, `invariant.enforced` for
//!   each that held and `invariant.violated` for each that did not, caused by the reconciliation. Of statements it
//!   tells nothing.
//!
//! The service is a [`Gate`](crate::gate::Gate): set before a [`PlanService`](super::plan::PlanService), it enforces
//! whenever a plan is to enter a phase, whose name is the action, and a violated invariant refuses the move.
//!
//! What goes wrong: a check that errors, panics, takes too long, is cancelled, or is missing since a snapshot was read
//! counts as violated, with the reason. What cannot be added, removed or told is an [`InvariantError`]; nothing
//! changes then, and nothing is told. What is added or removed while checks run counts from the next time on. The
//! service keeps every invariant it was given, those removed too; how many those are is up to the embedder. It cannot
//! be restored from its events: keep an [`InvariantSnapshot`], from which [`InvariantService::from_snapshot`] goes on.
//!
//! ```
//! use std::sync::Arc;
//! use agentbus::service::invariant::{
//!     InvariantCheck, InvariantCheckError, InvariantContext, InvariantService, NewInvariant, Reach, Verdict,
//! };
//! use agentbus::service::plan::{NewPlan, PlanError, PlanService};
//!
//! #[derive(Debug)]
//! struct Never;
//!
//! #[async_trait::async_trait]
//! impl InvariantCheck for Never {
//!     async fn check(&self, _: &InvariantContext) -> Result<Verdict, InvariantCheckError> {
//!         Ok(Verdict::Violated("it is Friday".to_owned()))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let invariants = InvariantService::new(None);
//! let rule = NewInvariant::new("no strategy on a Friday", Reach::Action("strategize".into()));
//! invariants.add(rule.with_check(Arc::new(Never)))?;
//!
//! let plans = PlanService::new(None).with_gate(Arc::new(invariants));
//! let plan = plans.create(NewPlan::new("mend the greeter"))?;
//! assert!(matches!(plans.advance(&plan.id).await, Err(PlanError::Gate { .. })));
//! # Ok(())
//! # }
//! ```

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::bus::EventBus;
use crate::emitter::{Emitter, Outbox};
use crate::event::{Few, InvariantEnforced, InvariantId, InvariantReconciled, InvariantViolated, Scope};
use crate::service::time::millis;

mod check;
mod enforce;
mod error;
mod gate;
mod input;
mod reconcile;
mod snapshot;
mod state;

#[cfg(test)]
mod tests;

pub use check::{InvariantCheck, InvariantCheckError, InvariantContext, Verdict};
use enforce::Enforcement;
pub use enforce::{Enforced, Outcome, Report};
pub use error::InvariantError;
pub use input::{NewInvariant, Setting, Subject};
pub use reconcile::{Overridden, Reconciled};
pub use snapshot::InvariantSnapshot;
pub use state::{CheckState, Invariant, Reach};
use state::{Entry, Invariants};

/// What holds for every enforcement of an [`InvariantService`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvariantOptions {
    /// How many checks of one enforcement run at once: 4.
    pub concurrency: NonZeroUsize,
    /// How long a check may take, from when it starts: 30 seconds.
    pub timeout: Duration,
}

impl Default for InvariantOptions {
    fn default() -> Self {
        Self {
            concurrency: NonZeroUsize::new(4).expect("four is not zero"),
            timeout: Duration::from_secs(30),
        }
    }
}

impl InvariantOptions {
    /// The same with that many checks at once.
    #[must_use]
    pub fn with_concurrency(mut self, concurrency: NonZeroUsize) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// The same with another timeout.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// Keeps invariants and enforces them. Cheap to clone; clones share their invariants.
#[derive(Clone, Debug)]
pub struct InvariantService {
    invariants: Arc<Outbox<Invariants>>,
    options: InvariantOptions,
}

impl InvariantService {
    /// A service without invariants.
    pub fn new(bus: Option<Arc<dyn EventBus>>) -> Self {
        let invariants = Arc::new(Outbox::new(Invariants::default(), Emitter::new(bus)));
        Self { invariants, options: InvariantOptions::default() }
    }

    /// The same service with other options. Clones made before keep theirs.
    #[must_use]
    pub fn with_options(mut self, options: InvariantOptions) -> Self {
        self.options = options;
        self
    }

    /// Adds an invariant, behind all that are there.
    ///
    /// # Errors
    /// [`InvariantError::Exists`], also if the one of that id was removed; [`InvariantError::KeyTaken`],
    /// [`InvariantError::NotGlobal`], [`InvariantError::Invalid`].
    pub fn add(&self, invariant: NewInvariant) -> Result<Invariant, InvariantError> {
        invariant.validate()?;
        let entry = Entry::new(invariant);
        self.invariants.change(|all, _events| all.add(&entry))?;
        Ok(entry.invariant)
    }

    /// Removes an invariant: it is kept, and holds no more.
    ///
    /// # Errors
    /// [`InvariantError::Removed`] if it was removed before; [`InvariantError::Unknown`].
    pub fn remove(&self, invariant: &InvariantId) -> Result<Invariant, InvariantError> {
        self.invariants.change(|all, _events| all.remove(invariant))
    }

    /// Gives an invariant that was read from a snapshot its check back.
    ///
    /// Which check is whose, the embedder knows by id: those that lack one are
    /// [`CheckState::Missing`] in [`InvariantService::list`].
    ///
    /// # Errors
    /// [`InvariantError::CheckNotMissing`] if it has one or is a statement; [`InvariantError::Removed`],
    /// [`InvariantError::Unknown`].
    pub fn give_check(
        &self,
        invariant: &InvariantId,
        check: Arc<dyn InvariantCheck>,
    ) -> Result<Invariant, InvariantError> {
        let mut check = Some(check);
        self.invariants.change(|all, _events| all.give_check(invariant, &mut check))
    }

    /// The invariant of that id, removed or not.
    pub fn get(&self, invariant: &InvariantId) -> Option<Invariant> {
        self.invariants.read(|all| all.find(invariant).cloned().ok())
    }

    /// All invariants, those removed too, in the order in which they were added.
    pub fn list(&self) -> Vec<Invariant> {
        self.invariants.read(|all| all.all().iter().map(|entry| entry.invariant.clone()).collect())
    }

    /// Which invariants hold for a plan, and which lost to which. Nothing is told.
    ///
    /// # Errors
    /// [`InvariantError::UnnamedProjects`], [`InvariantError::Invalid`].
    pub fn effective(&self, plan: impl Into<Setting>) -> Result<Reconciled, InvariantError> {
        let setting = plan.into();
        setting.validate()?;
        self.invariants.read(|all| all.reconcile(&setting)).map(|(reconciled, _holding)| reconciled)
    }

    /// Says which invariants hold for a plan, and tells it.
    ///
    /// # Errors
    /// [`InvariantError::UnnamedProjects`], [`InvariantError::Invalid`].
    pub fn reconcile(&self, plan: impl Into<Setting>) -> Result<Reconciled, InvariantError> {
        self.open(&plan.into()).map(|(reconciled, _holding, _inside)| reconciled)
    }

    /// Reconciles, runs the checks of the invariants that hold, and tells what came of each.
    ///
    /// When `subject` is cancelled, the checks that have not ended are stopped and count as violated, which is told.
    ///
    /// # Errors
    /// [`InvariantError::UnnamedProjects`], [`InvariantError::Invalid`].
    ///
    /// # Panics
    /// Outside of a Tokio runtime with time, if there is something to check.
    ///
    /// # Cancel safety
    /// Dropped, it stops the checks. Nothing but the reconciliation was told then: no invariant held or was violated.
    pub async fn enforce(
        &self,
        plan: impl Into<Setting>,
        subject: &Subject,
    ) -> Result<Report, InvariantError> {
        let (setting, started) = (plan.into(), Instant::now());
        let (reconciled, holding, inside) = self.open(&setting)?;
        let enforcement = Enforcement { setting: &setting, subject, options: &self.options, inside: &inside };
        let results = enforcement.run(holding).await;
        self.tell(&results, &inside);
        let (plan_id, duration) = (setting.plan_id().clone(), started.elapsed());
        Ok(Report { plan_id, reconciled, results, duration })
    }

    /// Reconciles and tells it: what holds, with the checks, and the scope of what that causes.
    fn open(&self, setting: &Setting) -> Result<(Reconciled, Vec<Entry>, Scope), InvariantError> {
        setting.validate()?;
        let scope = setting.scope();
        self.invariants.change(|all, events| {
            let (reconciled, holding) = all.reconcile(setting)?;
            let inside = events.open(&scope, || {
                let Reconciled { effective, overridden, conflicts } = &reconciled;
                let ids: Few<InvariantId> = effective.iter().map(|invariant| &invariant.id).collect();
                let (overridden, conflicts) = (overridden.len() as u64, conflicts.len() as u64);
                InvariantReconciled::new(effective.len() as u64, overridden, conflicts, ids)
            });
            Ok((reconciled, holding, inside))
        })
    }

    /// Tells what came of an enforcement, in one piece.
    fn tell(&self, results: &[Enforced], inside: &Scope) {
        self.invariants.change(|_all, events| {
            for Enforced { invariant, outcome, duration } in results {
                let (id, scope) = (&invariant.id, invariant.reach.scope());
                match outcome {
                    Outcome::Stated => {}
                    Outcome::Held => {
                        events.emit_in(inside, || InvariantEnforced::new(id, scope, millis(*duration)));
                    }
                    Outcome::Violated(reason) => events.emit_in(inside, || {
                        InvariantViolated::new(id, scope, invariant.text.clone(), reason.clone())
                    }),
                }
            }
        });
    }
}
