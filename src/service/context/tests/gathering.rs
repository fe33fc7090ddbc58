//! Sources are asked at once, in tasks that end with the request.

use tokio::sync::Notify;

use super::*;
use crate::bus::EventBusExt as _;
use crate::event::ContextBuilt;
use crate::filter::Filter;

#[tokio::test(start_paused = true)]
async fn all_are_asked_at_once() {
    let second = Duration::from_secs(1);
    let sources = ["a", "b", "c"].map(|name| Told::new(name, Does::GivesAfter(second, Vec::new())));
    let started = Instant::now();
    let context = service(&sources.each_ref()).build(request(1_000)).await.unwrap();
    assert_eq!((started.elapsed(), context.sources, failures(&context)), (second, 3, Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_hangs_panics_or_fails_is_missing_and_named() {
    let good = Told::gives("good", [fragment("one", "hello", 1.0)]);
    let (hangs, panics) = (Told::new("hangs", Does::Hangs), Told::new("panics", Does::Panics));
    let fails = Told::new("fails", Does::Fails("no key sk-live-51H8xQ2eZvKYlo2C"));
    let refuses = Told::new("refuses", Does::Refuses);
    let (some, told) = bus();
    let builder = ContextService::builder(some).source(hangs.clone()).source(panics).source(good);
    let builder = builder.source(fails).source(refuses).timeout(Duration::from_secs(9));
    let service = builder.timeout_of("hangs", Duration::from_millis(2_500)).build().unwrap();
    let started = Instant::now();
    let context = service.build(request(1_000)).await.unwrap();
    assert_eq!(started.elapsed(), Duration::from_millis(2_500));
    assert_eq!(
        failures(&context),
        [
            ("hangs", FailureReason::TimedOut(Duration::from_millis(2_500))),
            ("panics", FailureReason::Panicked("the shelf fell".into())),
            ("fails", FailureReason::Failed("no key [redacted]".into())),
            ("refuses", FailureReason::Refused("not for you".into())),
        ]
    );
    assert_eq!(
        context.text,
        "# Context: 1 of 1 fragments\nNo answer from: hangs, panics, fails, refuses.\n- good one: hello\n"
    );
    assert_eq!(hangs.running(), 0, "its task was ended and joined");
    let built = told.only::<ContextBuilt>();
    let expected = ContextBuilt::new(1, 0, 0, context.tokens, 1_000, 5, 4, 2_500);
    assert_eq!(*built, expected);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_dropped() {
    let late = Told::new("late", Does::GivesAfter(Duration::from_secs(2), vec![fragment("x", "late", 1.0)]));
    let slow = Told::new("slow", Does::GivesAfter(Duration::from_secs(5), Vec::new()));
    let builder = ContextService::builder(None).source(slow).source(late);
    let service = builder.timeout_of("late", Duration::from_secs(1)).build().unwrap();
    let context = service.build(request(1_000)).await.unwrap();
    assert!(context.fragments.is_empty());
    assert_eq!(failures(&context), [("late", FailureReason::TimedOut(Duration::from_secs(1)))]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_build_tells_nothing_and_ends_its_tasks() {
    let (hangs, gives) = (Told::new("hangs", Does::Hangs), Told::gives("gives", []));
    let (some, told) = bus();
    let builder = ContextService::builder(some).searchable(hangs.clone()).source(gives.clone());
    let service = builder.timeout(Duration::from_hours(1)).build().unwrap();
    let wait = Duration::from_secs(1);
    assert!(tokio::time::timeout(wait, service.build(request(1_000))).await.is_err());
    assert!(tokio::time::timeout(wait, service.query(Query::new("greet"))).await.is_err());
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    assert_eq!((hangs.asked(), gives.asked(), hangs.running()), (2, 1, 0));
    assert_eq!(service.circuit("hangs"), Some(CircuitState::Closed { failures: 0 }));
    told.assert_nothing();
}

#[tokio::test]
async fn sources_run_in_the_scope_of_the_request() {
    #[derive(Debug)]
    struct Scoped(Arc<Mutex<Option<Scope>>>);

    #[async_trait]
    impl ContextSource for Scoped {
        fn name(&self) -> &'static str {
            "scoped"
        }

        async fn gather(&self, _request: &ContextRequest) -> Result<Vec<Fragment>, SourceError> {
            *lock(&self.0) = Some(Scope::current());
            Ok(Vec::new())
        }
    }

    let seen = Arc::default();
    let (some, told) = bus();
    let service = ContextService::builder(some).source(Scoped(Arc::clone(&seen))).build().unwrap();
    let outer = Scope::new().with_actor_name("planner").with_plan_id("outer");
    let request = request(1_000).with_plan("p").with_session("s");
    outer.run(service.build(request)).await.unwrap();
    let expected = Scope::new().with_actor_name("planner").with_plan_id("p").with_session_id("s");
    assert_eq!(lock(&seen).take(), Some(expected));
    let event = told.events().remove(0);
    assert_eq!((event.plan_id().unwrap(), event.session_id().unwrap()), (&"p".into(), &"s".into()));
    assert_eq!(event.event_type(), EventType::ContextBuilt);
}

#[tokio::test]
async fn whatever_the_bus_does_the_context_is_the_same() {
    let source = Told::gives("notes", [fragment("one", "hello", 0.5), fragment("two", "hello", 0.4)]);
    let without = service(&[&source]).build(request(1_000)).await.unwrap();
    let bus = crate::bus::ReactiveEventBus::new();
    let _panics = bus.on(Filter::all(), |_event| panic!("a handler"));
    let _never_polled = bus.stream(Filter::all());
    let never = Arc::new(Notify::new());
    let hangs = bus.spawn(Filter::all(), move |_event| {
        let never = Arc::clone(&never);
        async move { never.notified().await }
    });
    let _hangs = hangs.unwrap();
    let builder = ContextService::builder(Some(Arc::new(bus))).counter(Bytes).searchable(source.clone());
    let service = builder.build().unwrap();
    assert_eq!(service.build(request(1_000)).await.unwrap(), without);
    assert_eq!(service.query(Query::new("greet")).await.unwrap().len(), 2);
}
