//! Scopes: what an event takes from where it is made.

use std::sync::{Arc, Mutex};

use agentbus::event::{Scope, SessionCreated};
use agentbus::{DomainEvent, EventBus, EventBusExt, Filter, ReactiveEventBus};

fn event() -> DomainEvent {
    DomainEvent::new(SessionCreated::new(false))
}

fn plan() -> Option<String> {
    event().plan_id().map(ToString::to_string)
}

#[tokio::test]
async fn a_task_spawned_in_a_scope_takes_it_along_and_any_other_does_not() {
    let scope = Scope::new().with_plan_id("p").with_user_identity("ann").with_correlation_id("c");
    let inside = scope.clone().run(async {
        let taken = Scope::current().spawn(async {
            tokio::task::yield_now().await;
            event()
        });
        let left = tokio::spawn(async { event() });
        (taken.await.unwrap(), left.await.unwrap(), event())
    });
    let (taken, left, own) = inside.await;
    for event in [taken, own] {
        assert_eq!(event.plan_id().unwrap(), &"p");
        assert_eq!(event.user_identity().unwrap(), &"ann");
        assert_eq!(event.correlation_id(), &"c");
    }
    assert_eq!(left.plan_id(), None);
    assert_eq!(plan(), None, "and it ends with its work");
}

#[tokio::test]
async fn scopes_of_tasks_that_take_turns_do_not_mix() {
    let work = |name: &'static str| {
        Scope::new().with_plan_id(name).run(async move {
            for _ in 0..10 {
                assert_eq!(plan().as_deref(), Some(name));
                tokio::task::yield_now().await;
            }
        })
    };
    tokio::join!(work("a"), work("b"), work("c"));
}

#[tokio::test]
async fn an_inner_scope_hides_the_outer_one_and_gives_it_back() {
    Scope::new()
        .with_plan_id("outer")
        .run(async {
            let inner = Scope::current().with_plan_id("inner");
            assert_eq!(inner.clone().run(async { plan() }).await.as_deref(), Some("inner"));
            assert_eq!(inner.enter(plan).as_deref(), Some("inner"));
            assert_eq!(Scope::new().enter(plan), None);
            assert_eq!(plan().as_deref(), Some("outer"));
        })
        .await;
}

#[test]
fn a_scope_is_given_back_when_its_work_panics() {
    Scope::new().with_plan_id("outer").enter(|| {
        let inner = Scope::new().with_plan_id("inner");
        let panicked =
            std::panic::catch_unwind(|| inner.enter(|| std::panic::resume_unwind(Box::new("by design"))));
        assert!(panicked.is_err());
        assert_eq!(plan().as_deref(), Some("outer"));
    });
}

#[test]
fn inside_a_handler_the_scope_is_that_of_its_event_alone() {
    let bus = ReactiveEventBus::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    let _handler = bus.on(Filter::all(), move |cause| {
        let in_own = Scope::new().with_plan_id("own").enter(event);
        note.lock().unwrap().push((Arc::clone(cause), event(), in_own, Scope::current()));
    });
    let ambient = Scope::new().with_plan_id("ambient").with_user_identity("ann");
    ambient.enter(|| {
        bus.emit(event().with_plan_id("of the event"));
        assert_eq!(plan().as_deref(), Some("ambient"), "the emitter has its own again");
    });
    let seen = seen.lock().unwrap();
    let [(cause, effect, in_own, scope)] = seen.as_slice() else { panic!("handled once") };
    assert_eq!(effect.plan_id().unwrap(), &"of the event");
    assert_eq!((effect.causation_id(), effect.user_identity()), (Some(cause.id()), cause.user_identity()));
    assert_eq!(scope, &cause.scope());
    assert_eq!(in_own.plan_id().unwrap(), &"own", "a scope entered within the handler counts");
    assert_eq!(in_own.causation_id(), None);
}

#[tokio::test]
async fn a_future_with_a_scope_keeps_it_when_a_handler_polls_it() {
    let bus = ReactiveEventBus::new();
    let polled = Arc::new(Mutex::new(None));
    let result = Arc::clone(&polled);
    let _handler = bus.on(Filter::all(), move |_| {
        let mut work = std::pin::pin!(Scope::new().with_plan_id("of the future").run(async { plan() }));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        *result.lock().unwrap() = Some(work.as_mut().poll(&mut cx));
    });
    bus.emit(event().with_plan_id("of the event"));
    let expected = std::task::Poll::Ready(Some("of the future".to_owned()));
    assert_eq!(*polled.lock().unwrap(), Some(expected));
}
