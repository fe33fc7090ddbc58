//! [`Settling`]: what becomes of events of which an append could not tell.

use tokio::sync::{oneshot, watch};

use super::position::Position;
use super::queued::Unanswered;
use super::shared::Progress;

/// Events of an append that were being written when the journal began to fail.
///
/// They are in the journal's memory and are recorded once it writes again; dropping this changes nothing of that.
#[derive(Debug)]
pub struct Settling {
    answers: Vec<Answer>,
    progress: watch::Receiver<Progress>,
}

/// The answer for one event, or what it will come by.
#[derive(Debug)]
pub(super) enum Answer {
    Known(Position),
    First(oneshot::Receiver<Result<Position, Unanswered>>),
    Later(oneshot::Receiver<Position>),
}

impl Settling {
    pub(super) fn new(answers: Vec<Answer>, progress: watch::Receiver<Progress>) -> Self {
        Self { answers, progress }
    }

    /// Waits until it is known of each event, in their order, where it is recorded; its place tells as much as that of
    /// [`append`](super::Journal::append).
    ///
    /// `None` stands for one of which that cannot be told any more: the journal was closed before, or the event was
    /// taken back as those before it failed. The former may be on disk all the same, if its write was cut short.
    ///
    /// # Cancel safety
    /// Dropped, it is not known what became of them; they are recorded all the same.
    pub async fn settled(mut self) -> Vec<Option<Position>> {
        let mut settled = Vec::with_capacity(self.answers.len());
        for answer in std::mem::take(&mut self.answers) {
            settled.push(self.settle(answer).await);
        }
        settled
    }

    async fn settle(&mut self, answer: Answer) -> Option<Position> {
        let later = match answer {
            Answer::Known(position) => return Some(position),
            Answer::First(first) => match self.unless_closed(first).await? {
                Ok(position) => return Some(position),
                Err(Unanswered::Unsettled(_, later)) => later,
                Err(Unanswered::Withdrawn(_)) => return None,
            },
            Answer::Later(later) => later,
        };
        self.unless_closed(later).await
    }

    /// What comes before the journal is closed.
    async fn unless_closed<T>(&mut self, mut answer: oneshot::Receiver<T>) -> Option<T> {
        tokio::select! {
            biased;
            answer = &mut answer => answer.ok(),
            // What was answered before it was closed is there by now.
            _closed_or_gone = self.progress.wait_for(|seen| seen.closed.is_some()) => {
                answer.try_recv().ok()
            }
        }
    }
}
