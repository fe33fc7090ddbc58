//! What streams yield: merged lanes, loss as a value, routes.

use agentbus::event::PlanId;
use agentbus::{Delivery, EventBus, EventBusExt, Filter, FilterError, Lag, ReactiveEventBus};
use tokio_stream::StreamExt;

use crate::{chatter, critical};

fn bus_of(capacity: usize) -> ReactiveEventBus {
    ReactiveEventBus::builder().capacity(capacity).id_capacity(capacity).build()
}

/// The turn of an event, or what was missed before which turn.
async fn next_turn(stream: &mut agentbus::EventStream) -> Result<u64, (u64, u64)> {
    match stream.next().await.expect("the bus lives") {
        Delivery::Event(event) => Ok(event.seq().expect("emitted").get()),
        Delivery::Lagged(lag) => Err((lag.missed, lag.before.expect("there is a next").get())),
    }
}

#[tokio::test]
async fn a_slow_stream_is_told_what_it_missed_and_goes_on() {
    let bus = bus_of(4);
    let mut stream = bus.stream(Filter::all());
    for _ in 0..10 {
        bus.emit(chatter());
    }
    let lag = Lag {
        missed: 6,
        origin: bus.origin(),
        after: None,
        before: agentbus::event::Turn::new(7),
        exact: true,
    };
    assert_eq!(stream.next().await, Some(Delivery::Lagged(lag)));
    for turn in 7..=10 {
        assert_eq!(next_turn(&mut stream).await, Ok(turn));
    }
    bus.emit(chatter());
    assert_eq!(next_turn(&mut stream).await, Ok(11));
}

#[tokio::test]
async fn chatter_does_not_overrun_what_is_critical() {
    let bus = bus_of(4);
    let mut stream = bus.stream(Filter::all());
    bus.emit(critical());
    for _ in 0..100 {
        bus.emit(chatter());
    }
    assert_eq!(next_turn(&mut stream).await, Ok(1), "the critical event outlives the flood");
    assert_eq!(next_turn(&mut stream).await, Err((96, 98)));
    assert_eq!(next_turn(&mut stream).await, Ok(98));
}

#[tokio::test]
async fn the_critical_ring_is_bounded_too_and_tells_its_own_loss() {
    let bus = bus_of(8);
    let mut stream = bus.stream(Filter::all());
    bus.emit(chatter());
    for _ in 0..5 {
        bus.emit(critical());
    }
    assert_eq!(next_turn(&mut stream).await, Ok(1));
    assert_eq!(next_turn(&mut stream).await, Err((3, 5)));
    assert_eq!(next_turn(&mut stream).await, Ok(5));
    assert_eq!(next_turn(&mut stream).await, Ok(6));
}

#[tokio::test]
async fn both_lanes_come_merged_in_order() {
    let bus = ReactiveEventBus::new();
    let mut stream = bus.stream(Filter::all());
    for round in 0..60 {
        bus.emit(if round % 7 == 0 || round % 5 == 2 { critical() } else { chatter() });
    }
    for turn in 1..=60 {
        assert_eq!(next_turn(&mut stream).await, Ok(turn));
    }
}

#[tokio::test]
async fn a_notice_on_a_shared_route_is_an_upper_bound() {
    let bus = bus_of(4);
    let filter: Filter = "session.created actor=a".parse().unwrap();
    let mut stream = bus.stream(filter);
    for _ in 0..6 {
        bus.emit(chatter());
    }
    bus.emit(chatter().with_actor_name("a"));
    let lag = stream.next().await.and_then(|delivery| delivery.lag().copied()).unwrap();
    assert_eq!((lag.missed, lag.exact), (3, false));
    assert_eq!(next_turn(&mut stream).await, Ok(7));
}

#[tokio::test]
async fn a_stream_of_one_plan_is_not_overrun_by_others() {
    let bus = bus_of(4);
    let mut one = bus.stream(Filter::all().plan(PlanId::from("one")));
    bus.emit(chatter().with_plan_id("one"));
    for _ in 0..100 {
        bus.emit(chatter().with_plan_id("two"));
    }
    bus.emit(chatter().with_plan_id("one"));
    assert_eq!(next_turn(&mut one).await, Ok(1));
    assert_eq!(next_turn(&mut one).await, Ok(102));
}

#[tokio::test]
async fn many_are_drained_at_once_and_an_empty_batch_is_the_end() {
    let bus = ReactiveEventBus::new();
    let mut stream = bus.stream(Filter::all());
    for _ in 0..10 {
        bus.emit(chatter());
    }
    assert_eq!(stream.next_many(4).await.len(), 4);
    assert_eq!(stream.next_many(100).await.len(), 6);
    drop(bus);
    assert_eq!(stream.next_many(100).await, []);
}

/// Of 128 events a task of tokio may take in a row, 64 at once are the half.
#[tokio::test]
async fn who_takes_many_at_once_pays_for_each_of_them() {
    let bus = bus_of(4_096);
    let mut stream = bus.stream(Filter::all());
    for _ in 0..4_096 {
        bus.emit(chatter());
    }
    let reader = tokio::spawn(async move {
        let mut taken = 0;
        while taken < 4_096 {
            taken += stream.next_many(64).await.len();
        }
    });
    let mut turns = 0;
    while !reader.is_finished() {
        tokio::task::yield_now().await;
        turns += 1;
    }
    reader.await.unwrap();
    assert!(turns >= 4_096 / 128, "others had {turns} turns");
}

#[tokio::test]
async fn a_dropped_wait_takes_nothing() {
    let bus = ReactiveEventBus::new();
    let mut stream = bus.stream(Filter::all());
    tokio::select! {
        biased;
        _ = stream.next_many(8) => panic!("nothing was emitted"),
        () = std::future::ready(()) => {}
    }
    bus.emit(chatter());
    assert_eq!(next_turn(&mut stream).await, Ok(1));
}

#[tokio::test]
async fn typed_views_give_details_beside_their_envelope() {
    let bus = ReactiveEventBus::new();
    let mut errors = bus.stream(Filter::all()).of::<agentbus::event::ToolErrored>();
    bus.emit(chatter());
    bus.emit(critical().with_plan_id("p"));
    let Some(Delivery::Event(error)) = errors.next().await else { panic!("an event is there") };
    assert_eq!(error.tool, "tool");
    assert_eq!(error.event().plan_id().unwrap(), &"p");
}

#[tokio::test]
async fn the_loss_of_a_view_is_passed_over_or_heard() {
    let bus = bus_of(2);
    let mut events = bus.stream(Filter::all()).events();
    let mut heard = 0;
    let stream = bus.stream(Filter::all());
    for _ in 0..5 {
        bus.emit(chatter());
    }
    assert_eq!(events.next().await.unwrap().seq().unwrap().get(), 4);
    let mut listened = stream.events_or(|lag| heard += lag.missed);
    assert_eq!(listened.next().await.unwrap().seq().unwrap().get(), 4);
    drop(listened);
    assert_eq!(heard, 3);
}

#[tokio::test]
async fn a_live_bus_refuses_a_filter_that_needs_history() {
    let bus = ReactiveEventBus::new();
    let under = "under=01ARZ3NDEKTSV4RRFFQ69G5FAV";
    assert!(matches!(bus.watch(under), Err(FilterError::NeedsHistory)));
    let mut stream = bus.stream(under.parse().unwrap());
    assert_eq!(stream.next().await, None, "where there is no room for an error the stream is at its end");
    assert!(bus.watch("plan.* level>=warn").is_ok());
}

#[tokio::test]
async fn a_foreign_event_keeps_its_place_and_takes_a_turn() {
    let (theirs, ours) = (ReactiveEventBus::new(), ReactiveEventBus::new());
    let mut from_theirs = theirs.stream(Filter::all());
    for _ in 0..3 {
        theirs.emit(chatter());
    }
    let foreign = (&mut from_theirs).skip(2).next().await.and_then(Delivery::into_event).unwrap();
    let mut stream = ours.stream(Filter::all());
    let receipt = ours.emit((*foreign).clone());
    assert_eq!(receipt.seq, foreign.seq());
    ours.emit(chatter());
    let passed_on = stream.next().await.and_then(Delivery::into_event).unwrap();
    assert_eq!((passed_on.origin(), passed_on.seq()), (Some(theirs.origin()), foreign.seq()));
    let own = stream.next().await.and_then(Delivery::into_event).unwrap();
    assert_eq!((own.origin(), own.seq().unwrap().get()), (Some(ours.origin()), 2), "it had turn 1");
}

#[test]
fn a_hundred_thousand_short_lived_plan_streams_leave_nothing_behind() {
    let bus = ReactiveEventBus::new();
    for round in 0..100_000 {
        let plan = PlanId::from(format!("plan-{round}"));
        let stream = bus.stream(Filter::all().plan(plan.clone()));
        bus.emit(chatter().with_plan_id(plan));
        drop(stream);
    }
    let ledger = bus.ledger();
    assert_eq!((ledger.rows.len(), bus.stats().streams), (0, 0));
    assert_eq!((ledger.departed.offered, ledger.departed.abandoned), (100_000, 100_000));
}
