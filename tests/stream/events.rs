//! Operators on what a bus delivers.

use std::sync::Arc;
use std::time::Duration;

use agentbus::event::{CallId, Hash, Origin, SessionCreated, ToolCompleted, ToolInvoked};
use agentbus::stream::Correlated;
use agentbus::{Delivery, DomainEvent, EventStream, Lag, StreamRx};
use tokio_stream::StreamExt;

fn lag(missed: u64) -> Lag {
    Lag { missed, origin: Origin::from_bytes([7; 16]), after: None, before: None, exact: true }
}

fn created() -> Arc<DomainEvent> {
    Arc::new(DomainEvent::new(SessionCreated::new(false)))
}

#[tokio::test(start_paused = true)]
async fn a_notice_of_loss_is_an_item_like_any_other() {
    let (first, lag, second) =
        (Delivery::Event(created()), Delivery::Lagged(lag(3)), Delivery::Event(created()));
    let deliveries = vec![first.clone(), first.clone(), lag.clone(), second.clone()];
    let stream = EventStream::new(tokio_stream::iter(deliveries));
    let windows: Vec<_> = stream.rx().distinct_until_changed().window(2).collect().await;
    assert_eq!(windows, [vec![first, lag], vec![second]]);
}

#[tokio::test(start_paused = true)]
async fn loss_can_be_heard_of_before_an_operator_leaves_it_out() {
    let last = created();
    let deliveries =
        vec![Delivery::Event(created()), Delivery::Lagged(lag(3)), Delivery::Event(Arc::clone(&last))];
    let mut missed = 0;
    let stream = EventStream::new(tokio_stream::iter(deliveries)).events_or(|lag| missed += lag.missed);
    let settled: Vec<_> = stream.rx().debounce(Duration::from_secs(1)).collect().await;
    assert_eq!(settled, [last]);
    assert_eq!(missed, 3);
}

#[tokio::test(start_paused = true)]
async fn calls_of_tools_are_paired_by_their_id() {
    let call_id = CallId::generate();
    let hash = Hash::of("{}");
    let invoked = ToolInvoked::new("read_file", &call_id, hash, 2_u64, true);
    let completed = ToolCompleted::new("read_file", &call_id, 1_u32, 5_u64, 2_u64, hash, false);
    let (invoked, completed) = (Arc::new(DomainEvent::new(invoked)), Arc::new(DomainEvent::new(completed)));
    let deliveries = vec![Delivery::Event(Arc::clone(&invoked)), Delivery::Event(Arc::clone(&completed))];
    let calls = EventStream::new(tokio_stream::iter(deliveries)).events().rx().correlate(
        |event| event.details().map(|invoked: &ToolInvoked| invoked.call_id.clone()),
        |event| event.details().map(|completed: &ToolCompleted| completed.call_id.clone()),
        Duration::from_secs(30),
    );
    let pair = Correlated::Pair { opening: invoked, closing: completed };
    assert_eq!(calls.collect::<Vec<_>>().await, [pair]);
}
