//! [`Waiting`]: lines that the journal has, or has handed back, in their order.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use agentbus::DomainEvent;
use agentbus::event::EventId;
use agentbus::journal::{AppendError, Journal, Position};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::coop::unconstrained;

use crate::cli::report::with_causes;

/// What became of a line in the end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Recorded(Position),
    /// It is not recorded.
    Refused(String),
    /// The journal was closed before that was known.
    Unknown(String),
}

pub(super) struct Waiting<'a> {
    journal: &'a Journal,
    lines: VecDeque<Line<'a>>,
    /// How many of them were handed back and not given again.
    held: usize,
}

struct Line<'a> {
    number: u64,
    id: EventId,
    state: State<'a>,
    _room: OwnedSemaphorePermit,
}

enum State<'a> {
    /// The journal has it.
    Given(Pin<Box<dyn Future<Output = Result<Position, AppendError>> + Send + 'a>>),
    /// The journal has it, and cannot write it now.
    Unsettled {
        reason: String,
        settled: Pin<Box<dyn Future<Output = Vec<Option<Position>>> + Send>>,
    },
    /// The journal cannot write and has handed it back.
    Held {
        reason: String,
        event: Box<DomainEvent>,
    },
    Known(Fate),
}

impl<'a> Waiting<'a> {
    pub(super) fn new(journal: &'a Journal) -> Self {
        Self { journal, lines: VecDeque::new(), held: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether some were handed back and not given again.
    pub(super) fn holds_any(&self) -> bool {
        self.held > 0
    }

    /// Why the journal cannot write, if it cannot: its first line tells.
    pub(super) fn trouble(&self) -> Option<&str> {
        match &self.lines.front()?.state {
            State::Unsettled { reason, .. } | State::Held { reason, .. } => Some(reason),
            State::Given(_) | State::Known(_) => None,
        }
    }

    /// Gives a line to the journal, behind all those before it.
    pub(super) async fn push(&mut self, number: u64, event: DomainEvent, room: OwnedSemaphorePermit) {
        let reason = self.trouble().unwrap_or_default().to_owned();
        let (id, event) = (event.id(), Box::new(event));
        let mut line = Line { number, id, state: State::Held { reason, event }, _room: room };
        let is_ahead = self.held == 0;
        if is_ahead {
            line.give(self.journal).await;
        }
        self.held += usize::from(line.is_held());
        self.lines.push_back(line);
    }

    /// Waits until something is known of the first line; gives those of which it is known what became of them.
    pub(super) async fn settled(&mut self) -> Vec<(u64, EventId, Fate)> {
        poll_fn(|cx| {
            let (was_in_trouble, mut settled) = (self.trouble().is_some(), Vec::new());
            while let Some(mut first) = self.lines.pop_front() {
                self.poll(&mut first, cx);
                let State::Known(fate) = first.state else {
                    self.lines.push_front(first);
                    break;
                };
                settled.push((first.number, first.id, fate));
            }
            let is_new = !settled.is_empty() || self.trouble().is_some() != was_in_trouble;
            if is_new { Poll::Ready(settled) } else { Poll::Pending }
        })
        .await
    }

    /// Gives the journal what it handed back, in order, until it fails once more. Waits for nothing.
    pub(super) async fn give_again(&mut self) {
        // All are looked at first: no line is to be given before one in front of it.
        let mut lines = std::mem::take(&mut self.lines);
        self.look_at(&mut lines).await;
        for line in lines.iter_mut().filter(|line| line.is_held()) {
            line.give(self.journal).await;
            if line.is_held() {
                break;
            }
            self.held -= 1;
        }
        self.lines = lines;
    }

    /// What became of those that are left, now that the journal is closed.
    pub(super) async fn let_go(&mut self) -> Vec<(u64, EventId, Fate)> {
        let mut lines = std::mem::take(&mut self.lines);
        self.look_at(&mut lines).await;
        let fate = |state| match state {
            State::Known(fate) => fate,
            State::Held { reason, .. } => Fate::Refused(format!("the journal cannot write: {reason}")),
            State::Unsettled { reason, .. } => Fate::Unknown(reason),
            State::Given(_) => Fate::Unknown("the journal was closed".to_owned()),
        };
        lines.into_iter().map(|line| (line.number, line.id, fate(line.state))).collect()
    }

    /// Learns what there is to know of each.
    async fn look_at(&mut self, lines: &mut VecDeque<Line<'a>>) {
        // Without the runtime's budget: behind so many it would leave out the rest.
        unconstrained(poll_fn(|cx| {
            for line in lines.iter_mut() {
                self.poll(line, cx);
            }
            Poll::Ready(())
        }))
        .await;
    }

    fn poll(&mut self, line: &mut Line<'a>, cx: &mut Context<'_>) {
        let was_held = line.is_held();
        line.poll(cx);
        self.held += usize::from(line.is_held() && !was_held);
    }
}

impl<'a> Line<'a> {
    fn is_held(&self) -> bool {
        matches!(self.state, State::Held { .. })
    }

    /// Gives it to the journal, if it is held.
    async fn give(&mut self, journal: &'a Journal) {
        match std::mem::replace(&mut self.state, State::Known(Fate::Unknown(String::new()))) {
            State::Held { event, .. } => self.state = State::Given(Box::pin(journal.append(*event))),
            other => self.state = other,
        }
        // Polled at once it is queued at once, or handed back: positions are in the order of the lines.
        unconstrained(poll_fn(|cx| {
            self.poll(cx);
            Poll::Ready(())
        }))
        .await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        if let State::Given(append) = &mut self.state
            && let Poll::Ready(outcome) = append.as_mut().poll(cx)
        {
            self.state = State::of(outcome);
        }
        if let State::Unsettled { reason, settled } = &mut self.state
            && let Poll::Ready(positions) = settled.as_mut().poll(cx)
        {
            let position = positions.first().copied().flatten();
            let unknown = std::mem::take(reason);
            self.state = State::Known(position.map_or(Fate::Unknown(unknown), Fate::Recorded));
        }
    }
}

impl State<'_> {
    fn of(outcome: Result<Position, AppendError>) -> Self {
        match outcome {
            Ok(position) => Self::Known(Fate::Recorded(position)),
            Err(AppendError::Unsettled { reason, settling }) => {
                Self::Unsettled { reason, settled: Box::pin(settling.settled()) }
            }
            Err(AppendError::Failing { reason, mut events }) if events.len() == 1 => {
                let event = Box::new(events.remove(0));
                Self::Held { reason, event }
            }
            Err(error) => Self::Known(Fate::Refused(with_causes(&error))),
        }
    }
}
