//! `replay`: tells a journal's events on a bus again, and shows them as they come there.
//!
//! An async handler of the bus hands them to a thread that prints. The replay waits for its handlers, so that nothing
//! is missed however slow stdout is, and little is kept in memory.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use agentbus::journal::{Pace, ReadFrom, Replay, Replayed};
use agentbus::{
    Delivery, DomainEvent, EventBus, EventBusExt as _, Filter, LoggingEventBus, ReactiveEventBus,
};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{Sender, channel};
use tokio_util::sync::CancellationToken;

use super::progress::{Aside, Progress};
use super::show::complain_removed;
use super::{Ended, VerbError, directory, runtime};
use crate::cli::args::journal::{ReplayArgs, ReplayBusKind};
use crate::cli::interrupt::Interrupts;
use crate::cli::report::{complain, say};
use crate::cli::timeline::{Format, Printer, Seen, counted};

/// How many events wait to be printed.
const WAITING: usize = 256;

/// How long what still runs at the end may take.
const END_AT_MOST: Duration = Duration::from_secs(1);

/// To the thread that prints.
type Events = Sender<Arc<DomainEvent>>;

/// How a replay came to its end.
enum End {
    OfJournal(Replayed),
    Interrupted,
    /// Nobody reads, or stdout takes no more.
    OutputGone,
}

pub(super) fn main(args: &ReplayArgs) -> Result<Ended, VerbError> {
    let (reader, meter) = directory::metered(&args.directory)?;
    let replay =
        reader.replay(ReadFrom::from(args.after), args.filter.clone().unwrap_or_else(Filter::all), args.pace);
    let progress = Arc::new(if args.pace == Pace::Immediate { meter.show() } else { Progress::hidden() });
    let runtime = runtime(2)?;
    let (events, printing) = printing(args, &progress).map_err(VerbError::Start)?;
    let end = tell(&runtime, args.bus, replay, events.as_ref());
    drop(events);
    // The handler goes with its runtime, and then the printing comes to its end.
    runtime.shutdown_timeout(END_AT_MOST);
    let seen = printing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    drop(progress);
    Ok(conclude(&end?, &seen, args.json))
}

/// Starts the thread that prints what it is sent.
fn printing(args: &ReplayArgs, progress: &Arc<Progress>) -> io::Result<(Option<Events>, JoinHandle<Seen>)> {
    let (sender, mut events) = channel(WAITING);
    let (out, format): (Box<dyn Write + Send>, _) = if args.json {
        (Box::new(io::stdout()), Format::Json)
    } else {
        (Box::new(anstream::stdout()), Format::Timeline)
    };
    let mut printer = Printer::new(Aside::new(out, Arc::clone(progress)), format);
    let print = move || {
        while let Some(event) = events.blocking_recv() {
            printer.take(&Delivery::Event(event));
            if !printer.is_printing() {
                break;
            }
        }
        printer.finish()
    };
    let thread = std::thread::Builder::new().name("printing".into()).spawn(print)?;
    // The log lines of a logging bus are what there is to see of it, unless JSON is asked for.
    let is_wanted = args.json || args.bus == ReplayBusKind::Reactive;
    Ok((is_wanted.then_some(sender), thread))
}

/// Tells the events on a bus of that kind; hands them to `events` too.
fn tell(
    runtime: &Runtime,
    kind: ReplayBusKind,
    replay: Replay,
    events: Option<&Events>,
) -> Result<End, VerbError> {
    runtime.block_on(async {
        let given_up = CancellationToken::new();
        let interrupts = Interrupts::listen(given_up, None).map_err(VerbError::Start)?;
        let bus: Box<dyn EventBus> = match kind {
            ReplayBusKind::Reactive => Box::new(ReactiveEventBus::new()),
            ReplayBusKind::Logging => Box::new(LoggingEventBus::new()),
        };
        let _handler = events.cloned().map(|events| {
            let handler = move |event| {
                let events = events.clone();
                // That nobody prints any more ends the replay below.
                async move { drop(events.send(event).await) }
            };
            bus.spawn(Filter::all(), handler).expect("this is within a runtime")
        });
        let output_gone = async {
            match events {
                Some(events) => events.closed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = interrupts.token().cancelled() => Ok(End::Interrupted),
            () = output_gone => Ok(End::OutputGone),
            replayed = replay.into_bus(&*bus) => Ok(End::OfJournal(replayed?)),
        }
    })
}

/// Says how it ended.
fn conclude(end: &End, seen: &Seen, json: bool) -> Ended {
    match end {
        End::OfJournal(replayed) => {
            if !json {
                say(&format!("replayed {}", counted(replayed.events, "event")));
            }
            if replayed.unreadable > 0 {
                complain(&format!(
                    "cannot read {}; `query` names them",
                    counted(replayed.unreadable, "line")
                ));
            }
            if let Some(through) = replayed.removed {
                complain_removed(through);
            }
            let is_all = replayed.unreadable == 0 && replayed.removed.is_none();
            Ended::well_if(is_all && seen.broken.is_none())
        }
        End::OutputGone => Ended::well_if(seen.broken.is_none()),
        End::Interrupted => {
            complain("the replay was ended by a signal");
            Ended::Ill
        }
    }
}
