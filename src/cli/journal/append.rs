//! `append`: records the events that come on stdin, and answers for each of them.
//!
//! A thread reads stdin and makes lines into events; so many are given to the journal at once that it can write them
//! in batches. Answers leave in the order of the lines, each as soon as it and those before it are durable.
//!
//! While the journal cannot write, no line is lost: what it hands back is kept and given again, what it cannot tell of
//! is waited for, and stdin is read no further than a few thousand lines. After the end of the input that is waited
//! for no longer than the journal may take to close; what is left then is told line by line.

use std::time::Duration;

use agentbus::audit::proof::{HeadOptions, HeadSigner, SecretKey};
use agentbus::event::EventId;
use agentbus::journal::{Durability, Journal, Position};
use serde::Serialize;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Ended, VerbError, directory, print_json, runtime};
use crate::cli::args::journal::{AppendArgs, DurabilityKind};
use crate::cli::interrupt::Interrupts;
use crate::cli::report::{complain, with_causes};
use crate::cli::timeline::counted;

mod answers;
mod input;
mod line;
mod waiting;

use answers::Answers;
use input::{End, Input, Line};
use waiting::{Fate, Waiting};

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
    let key = args.sign_with.as_deref().map(SecretKey::read).transpose()?;
    let journal = Journal::builder(&args.directory).durability(durability).open()?;
    let runtime = runtime(1)?;
    let ended = runtime.block_on(async {
        let given_up = CancellationToken::new();
        let words = Some("recording what was read");
        let interrupts = Interrupts::listen(given_up.clone(), words).map_err(VerbError::Start)?;
        tokio::select! {
            biased;
            () = given_up.cancelled() => Ok(Ended::Ill),
            ended = append(&journal, key, interrupts.token()) => ended,
        }
    });
    runtime.shutdown_timeout(GIVEN_UP_AT_MOST);
    ended
}

async fn append(
    journal: &Journal,
    key: Option<SecretKey>,
    interrupted: &CancellationToken,
) -> Result<Ended, VerbError> {
    let signer = key.map(|key| HeadSigner::start(journal, key, HeadOptions::new())).transpose()?;
    let mut input = Input::start().map_err(VerbError::Start)?;
    let mut appending = Appending::new(journal);
    let left = appending.run(&mut input, interrupted).await;
    let closed = journal.close(left).await;
    let unsigned = match signer {
        Some(signer) => signer.close(CLOSE_DEADLINE).await.err(),
        None => None,
    };
    appending.let_go(&mut input).await;
    let end = input.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let Answers { unrecorded, unknown, broken, .. } = appending.answers;
    let complaints = [
        (unrecorded > 0).then(|| format!("not recorded: {}", counted(unrecorded, "line"))),
        (unknown > 0).then(|| format!("not known whether recorded: {}", counted(unknown, "line"))),
        broken.map(|error| format!("cannot print answers any more: {error}")),
        closed.err().map(|error| with_causes(&error)),
        unsigned.map(|error| format!("the last head was not signed: {}", with_causes(&error))),
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
    waiting: Waiting<'a>,
    answers: Answers,
    /// Whether it was said that the journal cannot write.
    is_told: bool,
    /// When waiting for the journal to write again ends, if nothing more is to be read.
    ends_at: Option<Instant>,
}

impl<'a> Appending<'a> {
    fn new(journal: &'a Journal) -> Self {
        let (waiting, answers) = (Waiting::new(journal), Answers::default());
        Self { journal, waiting, answers, is_told: false, ends_at: None }
    }

    /// Records and answers everything that is read, unless the journal cannot write for too long after that; how long
    /// it may take to close.
    async fn run(&mut self, input: &mut Input, interrupted: &CancellationToken) -> Duration {
        let mut is_open = true;
        while is_open || !self.waiting.is_empty() {
            let ends_at = self.end_if(!is_open || input.stop.is_none());
            tokio::select! {
                biased;
                () = interrupted.cancelled(), if input.stop.is_some() => input.stop = None,
                () = sleep_until(ends_at.unwrap_or_else(Instant::now)), if ends_at.is_some() => break,
                settled = self.waiting.settled(), if !self.waiting.is_empty() => {
                    for (number, id, fate) in settled {
                        self.settle(number, id, fate);
                    }
                    self.tell();
                    if !self.answers.print() {
                        input.stop = None;
                    }
                }
                Ok(()) = self.journal.healthy(), if self.waiting.holds_any() => self.waiting.give_again().await,
                line = input.lines.recv(), if is_open => match line {
                    Some(line) => self.take(line).await,
                    None => is_open = false,
                },
            }
        }
        self.ends_at.map_or(CLOSE_DEADLINE, |at| at.saturating_duration_since(Instant::now()))
    }

    /// When waiting ends: at some time, once nothing more is to be read and the journal cannot write.
    fn end_if(&mut self, is_ending: bool) -> Option<Instant> {
        let is_short = is_ending && self.waiting.trouble().is_some();
        self.ends_at = is_short.then(|| self.ends_at.unwrap_or_else(|| Instant::now() + CLOSE_DEADLINE));
        self.ends_at
    }

    /// Gives a line to the journal.
    async fn take(&mut self, line: Line) {
        let Line { number, event, room } = line;
        match event {
            Ok(event) => self.waiting.push(number, event, room).await,
            Err(error) => self.answers.refuse(number, &error.to_string()),
        }
        self.tell();
    }

    /// Says that the journal cannot write, once until it writes again.
    fn tell(&mut self) {
        match self.waiting.trouble() {
            Some(reason) if !self.is_told => {
                complain(&format!("waiting, as the journal cannot write: {reason}"));
                self.is_told = true;
            }
            Some(_) => {}
            None => self.is_told = false,
        }
    }

    fn settle(&mut self, number: u64, id: EventId, fate: Fate) {
        match fate {
            Fate::Recorded(pos) => self.answers.push(&Answer { pos, id }),
            Fate::Refused(reason) => self.answers.refuse(number, &reason),
            Fate::Unknown(reason) => self.answers.doubt(number, &reason),
        }
    }

    /// Answers for what is left when the journal is closed, and for what was read and not given to it.
    async fn let_go(&mut self, input: &mut Input) {
        input.stop = None;
        for (number, id, fate) in self.waiting.let_go().await {
            self.settle(number, id, fate);
        }
        self.answers.print();
        while let Some(line) = input.lines.recv().await {
            let reason = line.event.map_or_else(|error| error.to_string(), |_| NOT_GIVEN.to_owned());
            self.answers.refuse(line.number, &reason);
        }
    }
}

/// Why a line that was read was not recorded.
const NOT_GIVEN: &str = "it was read while the journal could not write";
