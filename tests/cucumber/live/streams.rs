//! What streams yield, and what the log says.

use std::future::poll_fn;
use std::io::Write;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use agentbus::redact::without_tags;
use agentbus::{Delivery, EventBus, EventBusExt, EventStream, ReactiveEventBus};
use cucumber::gherkin::Step;
use cucumber::{given, then, when};
use serde_json::Value;
use tokio::task::coop::unconstrained;
use tokio_stream::Stream;

use super::{Live, words};

/// The log of what the scenario emits, as JSON lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Keeps what is logged while `work` runs.
    pub(super) fn during(&self, work: impl FnOnce()) {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt().json().with_writer(move || log.clone()).finish();
        tracing::subscriber::with_default(subscriber, work);
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

#[given(expr = "a bus whose routes hold {int} events")]
fn a_small_bus(world: &mut Live, capacity: usize) {
    world.take(ReactiveEventBus::builder().capacity(capacity).id_capacity(capacity).build());
}

#[given(expr = "a stream {string} of {string}")]
fn a_stream(world: &mut Live, name: String, filter: String) {
    let stream = world.bus().stream(words::filter(&filter));
    world.streams.insert(name, stream);
}

#[when(expr = "the stream {string} is dropped")]
fn dropped(world: &mut Live, name: String) {
    drop(world.streams.remove(&name).expect("the scenario opened it"));
}

#[when(expr = "a stream is asked for by {string}")]
fn asked_for(world: &mut Live, filter: String) {
    world.words.refusal = world.bus().watch(&filter).err().map(|error| error.to_string());
}

fn poll(stream: &mut EventStream) -> Poll<Option<Delivery>> {
    // Polled by hand there is no task whose budget could be used up.
    let polled = unconstrained(poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)));
    pin!(polled).poll(&mut Context::from_waker(Waker::noop()))
}

/// Everything that a stream has ready.
fn ready(world: &mut Live, name: &str) -> Vec<Delivery> {
    let stream = world.streams.get_mut(name).expect("the scenario opened it");
    std::iter::from_fn(|| match poll(stream) {
        Poll::Ready(delivery) => delivery,
        Poll::Pending => None,
    })
    .collect()
}

#[then(expr = "{string} yields {string}")]
fn yields(world: &mut Live, name: String, expected: String) {
    let kind = |delivery: &Delivery| match delivery {
        Delivery::Event(event) => event.type_name().to_owned(),
        Delivery::Lagged(lag) => lag.to_string(),
    };
    let yielded: Vec<_> = ready(world, &name).iter().map(kind).collect();
    assert_eq!(yielded.join(", "), expected);
}

#[then(expr = "{string} yields {string} by seq")]
fn yields_by_seq(world: &mut Live, name: String, expected: String) {
    let place = |delivery: &Delivery| match delivery {
        Delivery::Event(event) => event.seq().expect("it was emitted").to_string(),
        Delivery::Lagged(lag) => {
            format!("missed {} before {}", lag.missed, lag.before.expect("something came behind it"))
        }
    };
    let yielded: Vec<_> = ready(world, &name).iter().map(place).collect();
    assert_eq!(yielded.join(", "), expected);
}

#[then(expr = "{string} and {string} yield the same {int} events, in the order of seq")]
fn yield_the_same(world: &mut Live, left: String, right: String, count: usize) {
    let (left, right) = (ready(world, &left), ready(world, &right));
    assert_eq!(left, right);
    let seqs: Vec<_> = left.iter().filter_map(|delivery| delivery.event()?.seq()).collect();
    assert_eq!(seqs.len(), count);
    assert!(seqs.is_sorted_by(|before, after| before < after), "{seqs:?}");
}

#[then(expr = "{string} is at its end")]
fn is_at_its_end(world: &mut Live, name: String) {
    let stream = world.streams.get_mut(&name).expect("the scenario opened it");
    assert_eq!(poll(stream), Poll::Ready(None));
}

#[then("the log says")]
fn the_log_says(world: &mut Live, step: &Step) {
    let text = world.log.text();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("the log is JSON lines"));
    let said = |line: Value| {
        let parts = [line.get("target"), line.get("level"), line.pointer("/fields/event_type")];
        parts.map(|part| part.and_then(Value::as_str).unwrap_or("-").to_owned()).to_vec()
    };
    let said: Vec<_> = lines.map(said).collect();
    assert_eq!(said, step.table.as_ref().expect("the step has a table").rows);
}

#[then(expr = "the log holds {string}")]
fn the_log_holds(world: &mut Live, text: String) {
    assert!(without_tags(&world.log.text()).contains(&text), "{}", world.log.text());
}

#[then(expr = "the log does not hold {string}")]
fn the_log_does_not_hold(world: &mut Live, text: String) {
    assert!(!world.log.text().is_empty(), "nothing was logged at all");
    assert!(!world.log.text().contains(&text));
}
