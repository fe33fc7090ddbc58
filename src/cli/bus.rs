//! The bus of a run, and who watches it.
//!
//! A reactive bus is watched through a stream, which a thread of its own drains and prints: what is slow there, a
//! pager for example, slows down nobody else. The logging bus logs by itself; where JSON is asked for, a handler
//! hands its events to the same kind of thread. Without a bus there is nothing to see. A journal goes with the reactive
//! bus alone, and with a journal goes telemetry, which is recorded there.

use std::io::Write;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use agentbus::bus::{CloseReport, Ledger, LoggingEventBus, ReactiveEventBus};
use agentbus::journal::Journal;
use agentbus::redact::Counts;
use agentbus::telemetry::Telemetry;
use agentbus::{Delivery, DomainEvent, EventBus, Filter, Subscription};
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_stream::StreamExt as _;

use super::args::BusKind;
use super::report::complain;
use super::timeline::{Format, Printer, Seen, counted};

/// How many events the printing may lag behind before it misses some.
const CAPACITY: usize = 16_384;

/// How long is waited for the bus to come to its end.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);

/// How often telemetry is recorded: what a run that is killed had counted since is lost.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// How long telemetry may count what it has not counted when the run has ended.
const COUNT_DEADLINE: Duration = Duration::from_secs(1);

/// The bus of a run.
#[derive(Debug)]
pub(crate) struct RunBus {
    bus: Option<Arc<dyn EventBus>>,
    watch: Watch,
}

/// Who watches it.
#[derive(Debug)]
enum Watch {
    Stream { bus: ReactiveEventBus, kept: Option<Kept>, drain: JoinHandle<Seen> },
    Handler { subscription: Subscription, drain: JoinHandle<Seen> },
    Nobody,
}

/// Where events are kept.
#[derive(Debug)]
struct Kept {
    journal: Journal,
    telemetry: Telemetry,
}

/// What was seen of a run, and what the bus says of it.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    pub(crate) seen: Seen,
    pub(crate) ledger: Option<Ledger>,
    /// Why not every event was recorded, where there is a journal.
    pub(crate) not_recorded: Option<String>,
    /// How often which rule masked a secret: in the journal, or where there is none in what was printed.
    pub(crate) masked: Counts,
}

impl RunBus {
    /// Makes the bus and starts to print what is emitted on it to `out`. A reactive bus records it in `journal`.
    pub(crate) fn start(
        kind: BusKind,
        format: Format,
        journal: Option<Journal>,
        out: impl Write + Send + 'static,
    ) -> Self {
        match kind {
            BusKind::Reactive => Self::reactive(Printer::new(out, format), journal),
            BusKind::Logging => Self::logging(Printer::new(out, format), format),
            BusKind::None => Self { bus: None, watch: Watch::Nobody },
        }
    }

    fn reactive(mut printer: Printer<impl Write + Send + 'static>, journal: Option<Journal>) -> Self {
        let builder = ReactiveEventBus::builder().capacity(CAPACITY);
        let bus = match journal.clone() {
            Some(journal) => builder.journal(journal).build(),
            None => builder.build(),
        };
        let kept = journal.map(|journal| {
            let telemetry = Telemetry::builder().interval(TELL_EVERY).start(Arc::new(bus.clone()));
            Kept { journal, telemetry }
        });
        let mut stream = bus.stream(Filter::all());
        let runtime = Handle::current();
        let drain = spawn_blocking(move || {
            while let Some(delivery) = runtime.block_on(stream.next()) {
                printer.take(&delivery);
            }
            printer.finish()
        });
        Self { bus: Some(Arc::new(bus.clone())), watch: Watch::Stream { bus, kept, drain } }
    }

    fn logging(mut printer: Printer<impl Write + Send + 'static>, format: Format) -> Self {
        let bus: Arc<dyn EventBus> = Arc::new(LoggingEventBus::new());
        if format != Format::Json {
            return Self { bus: Some(bus), watch: Watch::Nobody };
        }
        let (sender, receiver) = mpsc::channel();
        let handler = move |event: &Arc<DomainEvent>| {
            // The thread that prints ends only after this handler is gone.
            drop(sender.send(Delivery::Event(Arc::clone(event))));
        };
        let subscription = bus.subscribe(Filter::all(), Arc::new(handler));
        let drain = spawn_blocking(move || {
            for delivery in receiver {
                printer.take(&delivery);
            }
            printer.finish()
        });
        Self { bus: Some(bus), watch: Watch::Handler { subscription, drain } }
    }

    /// The bus, for the services.
    pub(crate) fn bus(&self) -> Option<Arc<dyn EventBus>> {
        self.bus.clone()
    }

    /// Ends the bus, waits until everything is printed, and says what was seen.
    pub(crate) async fn close(self) -> Watched {
        drop(self.bus);
        match self.watch {
            Watch::Nobody => Watched::default(),
            Watch::Handler { subscription, drain } => {
                drop(subscription);
                let seen = joined(drain.await);
                Watched { masked: seen.masked.clone(), seen, ..Watched::default() }
            }
            Watch::Stream { bus, kept, drain } => {
                let journal = match kept {
                    Some(Kept { journal, telemetry }) => {
                        // Before the bus: closed, it takes nothing more.
                        telemetry.close(COUNT_DEADLINE).await;
                        Some(journal)
                    }
                    None => None,
                };
                let report = bus.close(CLOSE_DEADLINE).await;
                if !report.is_complete() {
                    complain(&format!("the bus did not come to its end: {}", in_words(&report)));
                }
                let closed = match &journal {
                    Some(journal) => journal.close(CLOSE_DEADLINE).await.err().map(|error| error.to_string()),
                    None => None,
                };
                let not_recorded = report.not_recorded.or(closed);
                let seen = joined(drain.await);
                let recorded = journal.map(|journal| journal.redactor().counts());
                let masked = recorded.unwrap_or_else(|| seen.masked.clone());
                Watched { seen, ledger: Some(bus.ledger()), not_recorded, masked }
            }
        }
    }
}

/// What was left when a bus was closed.
fn in_words(report: &CloseReport) -> String {
    let mut left = Vec::new();
    if !report.unfinished.is_empty() {
        left.push(format!("still at work: {}", report.unfinished.join(", ")));
    }
    if report.abandoned > 0 {
        left.push(format!("given up: {}", counted(report.abandoned, "event")));
    }
    if report.sync_handler_hangs {
        left.push("a handler hangs".to_owned());
    }
    left.extend(report.not_recorded.as_ref().map(|reason| format!("not recorded: {reason}")));
    left.join("; ")
}

/// What a thread that prints returned.
fn joined<T>(result: Result<T, tokio::task::JoinError>) -> T {
    match result {
        Ok(value) => value,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_aborted) => unreachable!("nobody aborts a thread that prints"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_is_told_in_words() {
        let mut report = CloseReport::default();
        report.abandoned = 1;
        report.not_recorded = Some("the journal cannot write: no space left".to_owned());
        let told = in_words(&report);
        assert_eq!(told, "given up: 1 event; not recorded: the journal cannot write: no space left");
        report.unfinished = vec!["a".to_owned(), "b".to_owned()];
        report.sync_handler_hangs = true;
        assert!(in_words(&report).starts_with("still at work: a, b; given up: 1 event; a handler hangs; "));
    }
}
