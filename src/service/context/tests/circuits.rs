//! Sources that fail again and again are left alone for a while.

use super::*;

const FAILURE: FailureReason = FailureReason::CircuitTried;

fn patient(source: &Told) -> ContextService {
    let breaker = BreakerOptions::default().with_failures(NonZeroU32::new(2).unwrap());
    let breaker = breaker.with_cool_down(Duration::from_mins(1));
    ContextService::builder(None).searchable(source.clone()).breaker(breaker).build().unwrap()
}

async fn ask(service: &ContextService) -> Option<FailureReason> {
    let context = service.build(request(1_000)).await.unwrap();
    failures(&context).pop().map(|(_, reason)| reason)
}

#[tokio::test(start_paused = true)]
async fn a_circuit_opens_cools_down_and_closes() {
    let source = Told::new("shelf", Does::Fails("it fell"));
    let service = patient(&source);
    let failed = Some(FailureReason::Failed("it fell".into()));
    assert_eq!(ask(&service).await, failed);
    assert_eq!(service.circuit("shelf"), Some(CircuitState::Closed { failures: 1 }));
    assert_eq!(ask(&service).await, failed);
    let minute = Duration::from_mins(1);
    assert_eq!(service.circuit("shelf"), Some(CircuitState::Open { cools_for: minute }));

    assert_eq!(ask(&service).await, Some(FailureReason::CircuitOpen(minute)));
    assert_eq!(source.asked(), 2);

    tokio::time::advance(minute).await;
    assert_eq!(service.circuit("shelf"), Some(CircuitState::HalfOpen));
    assert_eq!(ask(&service).await, failed);
    assert_eq!(service.circuit("shelf"), Some(CircuitState::Open { cools_for: minute }));

    tokio::time::advance(minute).await;
    source.does(Does::Gives(Vec::new()));
    assert_eq!(ask(&service).await, None);
    assert_eq!(service.circuit("shelf"), Some(CircuitState::Closed { failures: 0 }));
    assert_eq!((source.asked(), service.circuit("none")), (4, None));
}

#[tokio::test(start_paused = true)]
async fn an_answer_ends_the_row_of_failures() {
    let source = Told::new("shelf", Does::Fails("it fell"));
    let service = patient(&source);
    for does in [Does::Gives(Vec::new()), Does::Refuses] {
        source.does(Does::Fails("it fell"));
        ask(&service).await.unwrap();
        source.does(does);
        ask(&service).await;
        assert_eq!(service.circuit("shelf"), Some(CircuitState::Closed { failures: 0 }));
    }
}

#[tokio::test(start_paused = true)]
async fn panics_and_timeouts_are_failures() {
    for does in [Does::Panics, Does::Hangs] {
        let source = Told::new("shelf", does);
        let service = patient(&source);
        for _ in 0..2 {
            ask(&service).await.unwrap();
        }
        assert!(matches!(service.circuit("shelf"), Some(CircuitState::Open { .. })));
    }
}

#[tokio::test(start_paused = true)]
async fn while_one_tries_the_others_are_refused() {
    let source = Told::new("shelf", Does::Fails("it fell"));
    let service = patient(&source);
    for _ in 0..2 {
        ask(&service).await;
    }
    tokio::time::advance(Duration::from_mins(1)).await;
    source.does(Does::GivesAfter(Duration::from_secs(1), Vec::new()));
    let (first, second) = tokio::join!(ask(&service), ask(&service));
    assert_eq!((first, second), (None, Some(FAILURE)));
    assert_eq!((source.asked(), ask(&service).await), (3, None));
}

#[tokio::test(start_paused = true)]
async fn a_try_that_nobody_waits_for_leaves_it_to_the_next() {
    let source = Told::new("shelf", Does::Fails("it fell"));
    let service = patient(&source);
    for _ in 0..2 {
        ask(&service).await;
    }
    tokio::time::advance(Duration::from_mins(1)).await;
    source.does(Does::Hangs);
    let given_up = tokio::time::timeout(Duration::from_secs(1), service.build(request(1_000))).await;
    assert!(given_up.is_err());
    tokio::task::yield_now().await;
    assert_eq!((source.running(), service.circuit("shelf")), (0, Some(CircuitState::HalfOpen)));
    source.does(Does::Gives(Vec::new()));
    assert_eq!(ask(&service).await, None);
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_what_was_asked_before_the_circuit_opened_does_not_close_it() {
    let source = Told::new("shelf", Does::GivesAfter(Duration::from_secs(5), Vec::new()));
    let service = patient(&source);
    let early = tokio::spawn({
        let service = service.clone();
        async move { ask(&service).await }
    });
    while source.running() == 0 {
        tokio::task::yield_now().await;
    }
    source.does(Does::Fails("it fell"));
    for _ in 0..2 {
        ask(&service).await;
    }
    assert_eq!(early.await.unwrap(), None);
    assert_eq!(service.circuit("shelf"), Some(CircuitState::Open { cools_for: Duration::from_secs(55) }));
}

#[tokio::test(start_paused = true)]
async fn contexts_and_queries_share_a_circuit() {
    let source = Told::new("shelf", Does::Fails("it fell"));
    let service = patient(&source);
    for _ in 0..2 {
        let refused = service.query(Query::new("greet")).await.unwrap_err();
        let reason = FailureReason::Failed("it fell".into());
        assert_eq!(refused, ContextError::Source { name: "shelf".into(), reason });
    }
    assert!(matches!(ask(&service).await, Some(FailureReason::CircuitOpen(_))));
}

#[tokio::test(start_paused = true)]
async fn a_circuit_may_stay_open_for_ever() {
    let source = Told::new("shelf", Does::Panics);
    let breaker = BreakerOptions::default().with_failures(NonZeroU32::MIN).with_cool_down(Duration::MAX);
    let service = ContextService::builder(None).source(source).breaker(breaker).build().unwrap();
    assert_eq!(ask(&service).await, Some(FailureReason::Panicked("the shelf fell".into())));
    assert!(matches!(ask(&service).await, Some(FailureReason::CircuitOpen(_))));
}
