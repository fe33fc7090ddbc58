//! `append`: records the events that come on stdin, and answers for each of them.
//!
//! A thread reads stdin and makes lines into events; so many are given to the journal at once that it can write them
//! in batches. Answers leave in the order of the lines, each as soon as it and those before it are durable.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use agentbus::event::EventId;
use agentbus::journal::{AppendError, Durability, Journal, Position};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::{Ended, VerbError, directory, print_json, runtime};
use crate::cli::args::journal::{AppendArgs, DurabilityKind};
use crate::cli::interrupt::Interrupts;
use crate::cli::report::{complain, with_causes};
use crate::cli::timeline::counted;

mod input;
mod line;

use input::{End, Input, Line};

/// How long the journal may take to come to its end.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);

/// How long what still runs after a second signal may take to end.
const GIVEN_UP_AT_MOST: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Answer {
    pos: Position,
    id: EventId,
}

/// Records what comes on stdin.
pub(super) fn main(args: &AppendArgs) -> Result<Ended, VerbError> {
    directory::check_for_writing(&args.directory)?;
    let durability = match args.durability {
        DurabilityKind::Os => Durability::Os,
        DurabilityKind::Interval => Durability::default(),
        DurabilityKind::Sync => Durability::Sync,
    };
    let journal = Journal::builder(&args.directory).durability(durability).open()?;
    let runtime = runtime(1)?;
    let ended = runtime.block_on(async {
        let given_up = CancellationToken::new();
        let words = Some("recording what was read");
        let interrupts = Interrupts::listen(given_up.clone(), words).map_err(VerbError::Start)?;
        tokio::select! {
            biased;
            () = given_up.cancelled() => Ok(Ended::Ill),
            ended = append(&journal, interrupts.token()) => ended,
        }
    });
    runtime.shutdown_timeout(GIVEN_UP_AT_MOST);
    ended
}

async fn append(journal: &Journal, interrupted: &CancellationToken) -> Result<Ended, VerbError> {
    let input = Input::start().map_err(VerbError::Start)?;
    let mut appending = Appending::new(journal);
    let end = appending.run(input, interrupted).await;
    let closed = journal.close(CLOSE_DEADLINE).await;
    let not_recorded = counted(appending.unrecorded, "line");
    let complaints = [
        (appending.unrecorded > 0).then(|| format!("not recorded: {not_recorded}")),
        appending.unanswered.map(|error| format!("cannot print answers any more: {error}")),
        closed.err().map(|error| with_causes(&error)),
        match end {
            End::OfInput => None,
            End::Early => Some("stdin was not read to its end".to_owned()),
            End::Failed(error) => Some(format!("cannot read stdin any more: {error}")),
        },
    ];
    let is_well = complaints.iter().all(Option::is_none);
    complaints.iter().flatten().for_each(|complaint| complain(complaint));
    Ok(Ended::well_if(is_well))
}

/// Lines on their way into the journal and back.
struct Appending<'a> {
    journal: &'a Journal,
    /// In the order of the lines.
    waiting: VecDeque<Waiting<'a>>,
    /// Answers that are to be printed.
    answers: Vec<u8>,
    /// How many lines were not recorded.
    unrecorded: u64,
    /// Why answers are not printed any more.
    unanswered: Option<io::Error>,
}

/// A line that the journal has.
struct Waiting<'a> {
    number: u64,
    id: EventId,
    append: Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>,
    /// What became of it, once that is known.
    outcome: Option<Outcome>,
    _room: OwnedSemaphorePermit,
}

type Outcome = Result<Position, AppendError>;

impl Waiting<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) {
        if self.outcome.is_none()
            && let Poll::Ready(outcome) = self.append.as_mut().poll(cx)
        {
            self.outcome = Some(outcome);
        }
    }
}

impl<'a> Appending<'a> {
    fn new(journal: &'a Journal) -> Self {
        let (waiting, answers) = (VecDeque::new(), Vec::new());
        Self { journal, waiting, answers, unrecorded: 0, unanswered: None }
    }

    /// Records and answers everything that is read; says how reading ended.
    async fn run(&mut self, mut input: Input, interrupted: &CancellationToken) -> End {
        let mut is_open = true;
        while is_open || !self.waiting.is_empty() {
            tokio::select! {
                biased;
                () = interrupted.cancelled(), if input.stop.is_some() => input.stop = None,
                () = self.settled(), if !self.waiting.is_empty() => {
                    self.print_answers();
                    if self.unanswered.is_some() {
                        input.stop = None;
                    }
                }
                line = input.lines.recv(), if is_open => match line {
                    Some(line) => self.take(line).await,
                    None => is_open = false,
                },
            }
        }
        input.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Gives a line to the journal.
    async fn take(&mut self, line: Line) {
        let Line { number, event, room } = line;
        let event = match event {
            Ok(event) => event,
            Err(error) => return self.refuse(number, &error.to_string()),
        };
        let (id, append) = (event.id(), Box::pin(self.journal.append(event)));
        let mut waiting = Waiting { number, id, append, outcome: None, _room: room };
        // Polled at once it is queued at once: positions are in the order of the lines.
        poll_fn(|cx| {
            waiting.poll(cx);
            Poll::Ready(())
        })
        .await;
        self.waiting.push_back(waiting);
    }

    /// Waits until it is known what became of the first line, and makes the answers of those of which it is.
    async fn settled(&mut self) {
        poll_fn(|cx| {
            let waiting = self.waiting.len();
            while let Some(first) = self.waiting.front_mut() {
                first.poll(cx);
                let Some(outcome) = first.outcome.take() else { break };
                let (number, id) = (first.number, first.id);
                self.waiting.pop_front();
                self.settle(number, id, outcome);
            }
            if self.waiting.len() < waiting { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn settle(&mut self, number: u64, id: EventId, outcome: Outcome) {
        match outcome {
            Ok(pos) => {
                print_json(&mut self.answers, &Answer { pos, id }).expect("a Vec takes any bytes");
            }
            Err(error) => self.refuse(number, &with_causes(&error)),
        }
    }

    fn refuse(&mut self, number: u64, reason: &str) {
        self.unrecorded += 1;
        complain(&format!("line {number}: {reason}"));
    }

    fn print_answers(&mut self) {
        if self.unanswered.is_none() {
            let mut out = io::stdout().lock();
            self.unanswered = out.write_all(&self.answers).and_then(|()| out.flush()).err();
        }
        self.answers.clear();
    }
}
