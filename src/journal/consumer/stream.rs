//! [`ConsumerStream`]: what a consumer is given, live.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::Sleep;
use tokio_stream::Stream;

use super::{AckError, Consumer, NackError, Nacked};
use crate::event::Timestamp;
use crate::journal::position::Position;
use crate::journal::reader::Follow;
use crate::journal::record::{Entry, ReadError};

/// Gives a consumer what stands behind its cursor and matches its filter, in order, and then what comes.
///
/// Each event is given at least once: what is not [acknowledged](Self::ack) when the stream is dropped is given again
/// by the next. Any number of events may be taken before one is acknowledged. After [`nack`](Self::nack) the stream
/// goes back to the cursor: it gives the failed event again once its backoff is over, and then those behind it, also
/// those it had given before. It ends as [`Follow`](crate::journal::Follow) does.
///
/// It is polled inside a tokio runtime whose time is enabled. Waiting for the next entry is cancel safe.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct ConsumerStream {
    consumer: Consumer,
    /// None until it is polled, and after an event failed.
    follow: Option<Follow>,
    /// The event whose time has not come.
    waiting: Option<(Pin<Box<Sleep>>, Entry)>,
}

impl Consumer {
    /// What this consumer is given, live.
    pub fn into_stream(self) -> ConsumerStream {
        ConsumerStream { consumer: self, follow: None, waiting: None }
    }
}

impl ConsumerStream {
    /// The consumer, its lock still held.
    pub fn into_consumer(self) -> Consumer {
        self.consumer
    }

    /// The consumer.
    pub fn consumer(&self) -> &Consumer {
        &self.consumer
    }

    /// As [`Consumer::ack`].
    ///
    /// # Errors
    /// Those of [`Consumer::ack`].
    pub fn ack(&mut self, position: Position) -> Result<(), AckError> {
        self.consumer.ack(position)
    }

    /// As [`Consumer::nack`]. The stream goes back to the cursor.
    ///
    /// # Errors
    /// Those of [`Consumer::nack`].
    pub fn nack(&mut self, position: Position, reason: &str) -> Result<Nacked, NackError> {
        let nacked = self.consumer.nack(position, reason)?;
        (self.follow, self.waiting) = (None, None);
        Ok(nacked)
    }

    /// Follows the journal from the cursor on.
    fn begin(&mut self) -> Result<Option<Entry>, ReadError> {
        let consumer = &self.consumer;
        let filter = consumer.options.filter.clone();
        let follow = consumer.reader.follow(consumer.cursor.position.into(), filter)?;
        // Asked for last: what was removed before it could be read is seen.
        let removed = consumer.removed_before_start()?;
        self.follow = Some(follow);
        Ok(removed.map(|through| Entry::Removed { through }))
    }

    /// Lets a failed event wait until its time has come; any other is given back.
    fn hold_back(&mut self, entry: Entry) -> Option<Entry> {
        let now = Timestamp::now();
        let held = self.consumer.held_back(now);
        match (&entry, held, self.consumer.retry()) {
            (Entry::Event(recorded), Some(held), Some(retry)) if recorded.position == held => {
                let sleep = tokio::time::sleep(retry.not_before.since(now));
                self.waiting = Some((Box::pin(sleep), entry));
                None
            }
            _ => Some(entry),
        }
    }
}

impl Stream for ConsumerStream {
    type Item = Result<Entry, ReadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some((sleep, _)) = &mut self.waiting {
                ready!(sleep.as_mut().poll(context));
                return Poll::Ready(self.waiting.take().map(|(_, entry)| Ok(entry)));
            }
            let Some(follow) = &mut self.follow else {
                match self.begin() {
                    Ok(Some(removed)) => return Poll::Ready(Some(Ok(removed))),
                    Ok(None) => continue,
                    Err(error) => return Poll::Ready(Some(Err(error))),
                }
            };
            match ready!(Pin::new(follow).poll_next(context)) {
                Some(Ok(entry)) => {
                    if let Some(entry) = self.hold_back(entry) {
                        return Poll::Ready(Some(Ok(entry)));
                    }
                }
                other => return Poll::Ready(other),
            }
        }
    }
}
