//! [`Shared`]: what the handles of a journal and its thread have in common, and that thread.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::durability::Durability;
use super::health::{Health, Problem};
use super::queue::{Queue, Ticket};
use super::queued::{Queued, Unanswered};
use super::report;
use super::writer::{Ahead, Writer, Written};
use crate::event::Timestamp;

/// How long the writing thread tries for the lock at once.
const PATIENCE: Duration = Duration::from_millis(200);

/// How long an emitting thread helps or waits.
const HELP: Duration = Duration::from_millis(100);

/// The pause before the first attempt after a failure; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) queue: Queue<Queued>,
    pub(super) durability: Durability,
    /// For the log.
    pub(super) directory: String,
    /// Held while a batch is written: by the thread, or by an emitting one that helps.
    writer: Mutex<Writer>,
    pub(super) progress: watch::Sender<Progress>,
}

/// How far the journal is, for those who wait.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    pub(super) written: Written,
    pub(super) health: Health,
    /// How much was left when it was closed; none while it is open.
    pub(super) closed: Option<u64>,
}

impl Shared {
    pub(super) fn new(writer: Writer, queue_bytes: usize, durability: Durability, directory: String) -> Self {
        let progress = Progress { written: Written::default(), health: Health::Healthy, closed: None };
        Self {
            queue: Queue::new(queue_bytes),
            durability,
            directory,
            writer: Mutex::new(writer),
            progress: watch::Sender::new(progress),
        }
    }

    /// A panic in there would be ours; what was taken is kept and tried again.
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a batch on an emitting thread if nobody writes, else waits a little.
    pub(super) fn relieve(&self) {
        if !self.queue.is_past_bound() || self.queue.is_failing() {
            return;
        }
        let mut writer = match self.writer.try_lock() {
            Ok(writer) => writer,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return self.queue.wait_until_eased(HELP),
        };
        let worked = writer.write(&self.queue, HELP, Ahead::Leave);
        self.conclude(&mut writer, worked);
        if writer.has_begun() {
            // The thread goes on with it.
            self.queue.wake();
        }
    }

    /// Writes until told to stop and done. Runs on a thread of its own.
    pub(super) fn run(&self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let (synced, patience) = {
                let writer = self.writer();
                let patience = if writer.has_begun() { Some(Duration::ZERO) } else { writer.sync_due_in() };
                (writer.written().synced, patience)
            };
            let asked = self.queue.wait(self.synced_as_far_as_goes(synced), patience);
            let mut writer = self.writer();
            let worked = writer
                .write(&self.queue, PATIENCE, Ahead::Encode)
                .and_then(|()| writer.sync_if_due(asked.sync_through, PATIENCE));
            let mut works = self.conclude(&mut writer, worked);
            if let Some(at) = asked.stop_at {
                let is_done = works && !writer.has_begun() && self.queue.len() == 0;
                if is_done || Instant::now() >= at {
                    let closed = writer.close(PATIENCE);
                    if closed.is_ok() || Instant::now() >= at {
                        return self.end(&mut writer, closed);
                    }
                    works = self.conclude(&mut writer, closed);
                }
            }
            drop(writer);
            if works {
                pause = FIRST_PAUSE;
            } else {
                let left = asked.stop_at.map(|at| at.saturating_duration_since(Instant::now()));
                self.queue.pause(left.map_or(pause, |left| left.min(pause)), asked.stop_at);
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    /// Without an interval nobody asks for a sync.
    fn synced_as_far_as_goes(&self, synced: Ticket) -> Ticket {
        match self.durability {
            Durability::Interval(_) => synced,
            Durability::Os | Durability::Sync => Ticket::MAX,
        }
    }

    /// Lets go of what could not be written in time, and tells how much that is.
    fn end(&self, writer: &mut Writer, closed: Result<(), Problem>) {
        let mut left = self.queue.close() + writer.unwritten();
        writer.leave_unsettled("the journal was closed");
        if let Err(problem) = closed {
            // Then the next start looks closer; only what was to be synced may be lost.
            if self.progress.borrow().health.is_healthy() {
                report::failing(&self.directory, &problem.reason());
            }
            if self.durability != Durability::Os && writer.has_unsynced() {
                left = left.max(1);
            }
        }
        self.progress.send_modify(|progress| {
            progress.written = writer.written();
            progress.closed = Some(left);
        });
    }

    /// Tells how an attempt to write went; whether it went well.
    fn conclude(&self, writer: &mut Writer, worked: Result<(), Problem>) -> bool {
        match worked {
            Ok(()) => {
                let written = writer.written();
                let was_failing = !self.progress.borrow().health.is_healthy();
                if was_failing {
                    // First: whoever learns that it writes again may append at once.
                    self.queue.set_failing(false, |_| false);
                }
                self.progress.send_if_modified(|progress| {
                    let is_new = progress.written != written || was_failing;
                    progress.written = written;
                    progress.health = Health::Healthy;
                    is_new
                });
                if was_failing {
                    report::healthy(&self.directory);
                }
                true
            }
            Err(Problem::Busy) => true,
            Err(problem) => {
                self.fail(writer, &problem.reason());
                false
            }
        }
    }

    fn fail(&self, writer: &mut Writer, reason: &str) {
        let withdrawn = self.queue.set_failing(true, Queued::has_reply);
        let written = writer.written();
        let is_new = self.progress.send_if_modified(|progress| {
            progress.written = written;
            match &mut progress.health {
                Health::Failing { reason: last, .. } => {
                    reason.clone_into(last);
                    false
                }
                healthy @ Health::Healthy => {
                    *healthy = Health::Failing { since: Timestamp::now(), reason: reason.to_owned() };
                    true
                }
            }
        });
        // Answered last: whoever waits then for it to write again finds that it does not.
        for queued in withdrawn {
            queued.answer(Unanswered::Withdrawn(reason.to_owned()));
        }
        writer.leave_unsettled(reason);
        if is_new {
            report::failing(&self.directory, reason);
        }
    }
}

/// The thread that writes, for as long as the handles live.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) shared: Arc<Shared>,
    /// Its other end goes with the thread.
    ended: Mutex<Receiver<()>>,
}

/// How long dropping the last handle writes.
const DROP_PATIENCE: Duration = Duration::from_secs(5);

impl Handle {
    pub(super) fn start(shared: Shared) -> std::io::Result<Self> {
        let shared = Arc::new(shared);
        let (end, ended) = std::sync::mpsc::channel();
        let writing = Arc::clone(&shared);
        let name = "agentbus-journal".to_owned();
        std::thread::Builder::new().name(name).spawn(move || {
            writing.run();
            drop(end);
        })?;
        Ok(Self { shared, ended: Mutex::new(ended) })
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.shared.progress.borrow().closed.is_some() {
            return;
        }
        self.shared.queue.stop(Instant::now() + DROP_PATIENCE);
        // The thread keeps to the deadline by itself, unless the system holds it up.
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ended_or_late = ended.recv_timeout(DROP_PATIENCE + PATIENCE);
        let left = self.shared.progress.borrow().closed.unwrap_or_else(|| self.shared.queue.len());
        if left > 0 {
            report::remainder(&self.shared.directory, left);
        }
    }
}
