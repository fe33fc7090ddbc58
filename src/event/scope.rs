//! [`Scope`]: what runs now. Events take their plan, session, actor, correlation and cause from it, so that nobody
//! has to hand ids through every function.
//!
//! A scope belongs to the current task ([`Scope::run`], [`Scope::spawn`]) or thread ([`Scope::enter`]). Inside a
//! handler of a bus the scope is that of the event handled: what the handler emits is caused by it. A task that is
//! spawned in another way starts without a scope.
//!
//! A scope holds only what its events can be written with: a name or an id that no reader would take (empty, of more
//! than [`MAX_NAME_BYTES`](super::text::MAX_NAME_BYTES), with control characters) is not taken into it, and the log
//! says so (`scope_name_refused`). An event with it would be refused by every journal.

use std::cell::RefCell;
use std::future::Future;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::DomainEvent;
use super::id::{CorrelationId, EventId, PlanId, SessionId};
use super::text::{EnvelopeValue, Text};
use super::trace::TraceContext;

tokio::task_local! {
    static SCOPE: Scope;
}

crate::sync::thread_local! {
    /// The event whose handlers run on this thread; it stands above the scope of the task.
    static HANDLED: RefCell<Option<Arc<DomainEvent>>> = const { RefCell::new(None) };
}

/// What runs now: the part of the envelope that an event takes from where it is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    pub(super) plan_id: Option<PlanId>,
    pub(super) root_plan_id: Option<PlanId>,
    pub(super) session_id: Option<SessionId>,
    pub(super) actor_name: Option<Text>,
    pub(super) project_name: Option<Text>,
    pub(super) user_identity: Option<Text>,
    pub(super) correlation_id: Option<CorrelationId>,
    pub(super) causation_id: Option<EventId>,
    pub(super) trace: Option<TraceContext>,
}

impl Scope {
    /// A scope that says nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The scope of what runs now; an empty one outside of any.
    pub fn current() -> Self {
        Self::with_current(|scope, handled| match (handled, scope) {
            (Some(event), _) => event.scope(),
            (None, Some(scope)) => scope.clone(),
            (None, None) => Self::default(),
        })
    }

    /// Hands over the scope of the task and the event being handled, without copying either.
    pub(super) fn with_current<R>(read: impl FnOnce(Option<&Self>, Option<&DomainEvent>) -> R) -> R {
        // While a thread ends its locals may be gone; then there is no scope.
        let handled = HANDLED.try_with(|handled| handled.borrow().clone()).ok().flatten();
        let mut read = Some(read);
        let mut once = |scope: Option<&Self>| {
            let read = read.take().expect("called once: either inside the task's scope or outside");
            read(scope, handled.as_deref())
        };
        match SCOPE.try_with(|scope| once(Some(scope))) {
            Ok(result) => result,
            Err(_outside) => once(None),
        }
    }

    /// The same scope in that plan. Of another plan than before the root is not known any more, unless it is the
    /// root itself.
    #[must_use]
    pub fn within_plan(mut self, plan: &PlanId) -> Self {
        if self.plan_id.as_ref() != Some(plan) && self.root_plan_id.as_ref() != Some(plan) {
            self.root_plan_id = None;
        }
        self.with_plan_id(plan)
    }

    /// The same scope about no project.
    #[must_use]
    pub fn without_project_name(mut self) -> Self {
        self.project_name = None;
        self
    }

    /// Runs `future` in this scope.
    ///
    /// # Cancel safety
    /// As cancel safe as `future`.
    pub fn run<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        SCOPE.scope(self, Unhandled { future })
    }

    /// Runs `work` in this scope, on this thread.
    pub fn enter<R>(self, work: impl FnOnce() -> R) -> R {
        let _unhandled = Handling::set(None);
        SCOPE.sync_scope(self, work)
    }

    /// Spawns `future` on the current tokio runtime, in this scope.
    ///
    /// # Panics
    /// Outside a tokio runtime, as [`tokio::spawn`] does.
    pub fn spawn<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tokio::spawn(self.run(future))
    }
}

/// Runs `handle` as a handler of `event`: what it emits is caused by that event.
pub(crate) fn handling<R>(event: &Arc<DomainEvent>, handle: impl FnOnce() -> R) -> R {
    let _handling = Handling::set(Some(Arc::clone(event)));
    handle()
}

/// Puts back the event handled before, also when a handler panics.
struct Handling {
    before: Option<Arc<DomainEvent>>,
}

impl Handling {
    fn set(event: Option<Arc<DomainEvent>>) -> Self {
        let before = HANDLED.try_with(|handled| handled.replace(event)).ok().flatten();
        Self { before }
    }
}

impl Drop for Handling {
    fn drop(&mut self) {
        let before = self.before.take();
        // The event handled is dropped outside the borrow: its details may be the embedder's and emit.
        drop(HANDLED.try_with(|handled| handled.replace(before)));
    }
}

pin_project_lite::pin_project! {
    /// A future whose scope counts, also when a handler polls it.
    struct Unhandled<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Unhandled<F> {
    type Output = F::Output;
    fn poll(self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<F::Output> {
        let _unhandled = Handling::set(None);
        self.project().future.poll(cx)
    }
}

/// The value, unless an event that carries it could not be read again.
fn writable<T: EnvelopeValue>(field: &'static str, value: T) -> Option<T> {
    match value.check() {
        Ok(()) => Some(value),
        Err(error) => {
            tracing::warn!(target: "agentbus::event", field, %error, "scope_name_refused");
            None
        }
    }
}

macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident, $with:ident: $type:ty;)+) => {
        impl Scope {
            $(
                $(#[$doc])*
                pub fn $field(&self) -> Option<&$type> {
                    self.$field.as_ref()
                }

                /// The same scope with another one; without one, if that is a name that no event can hold.
                #[must_use]
                pub fn $with(mut self, value: impl Into<$type>) -> Self {
                    self.$field = writable(stringify!($field), value.into());
                    self
                }
            )+
        }
    };
}

fields! {
    /// The plan.
    plan_id, with_plan_id: PlanId;
    /// The root of the plan's tree.
    root_plan_id, with_root_plan_id: PlanId;
    /// The session.
    session_id, with_session_id: SessionId;
    /// The actor.
    actor_name, with_actor_name: Text;
    /// The project.
    project_name, with_project_name: Text;
    /// On whose behalf.
    user_identity, with_user_identity: Text;
    /// What names everything that one request set off.
    correlation_id, with_correlation_id: CorrelationId;
    /// The event that caused what runs now.
    causation_id, with_causation_id: EventId;
    /// The place in a distributed trace.
    trace, with_trace: TraceContext;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_of_any_the_scope_is_empty() {
        assert_eq!(Scope::current(), Scope::new());
    }

    #[test]
    fn an_inner_scope_ends_with_its_work() {
        let outer = Scope::new().with_plan_id("outer");
        outer.clone().enter(|| {
            Scope::new().with_plan_id("inner").enter(|| {
                assert_eq!(Scope::current().plan_id().unwrap(), &"inner");
            });
            assert_eq!(Scope::current(), outer);
        });
    }

    #[test]
    fn a_scope_takes_no_name_that_no_event_can_hold() {
        let scope = Scope::new().with_user_identity("ada").with_user_identity("").with_actor_name("a\nb");
        assert_eq!((scope.user_identity(), scope.actor_name().unwrap().as_str()), (None, "a\u{FFFD}b"));
        let scope = Scope::new().with_plan_id("x".repeat(257)).with_session_id("s\n").with_correlation_id("");
        assert_eq!(scope, Scope::new());
        let event = scope.enter(|| DomainEvent::new(crate::event::SessionCreated::new(false)));
        assert!(serde_json::to_string(&event).is_ok());
    }

    #[test]
    fn another_plan_has_not_the_root_of_this_one() {
        let scope = Scope::new().with_plan_id("part").with_root_plan_id("whole").with_session_id("s");
        let root = |plan: &str| scope.clone().within_plan(&plan.into()).root_plan_id().cloned();
        assert_eq!((root("part"), root("whole")), (Some("whole".into()), Some("whole".into())));
        assert_eq!(root("other"), None);
        assert_eq!(scope.clone().within_plan(&"other".into()).session_id(), scope.session_id());
    }

    #[tokio::test]
    async fn a_spawned_task_has_the_scope_it_was_given() {
        let scope = Scope::new().with_session_id("s");
        let seen = scope.clone().spawn(async { Scope::current() }).await.unwrap();
        assert_eq!(seen, scope);
        let seen = tokio::spawn(async { Scope::current() }).await.unwrap();
        assert_eq!(seen, Scope::new());
    }
}
