//! [`HeadSigner`]: signs how far a journal has come, again and again.

use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{sleep, timeout};

use super::head::Head;
use super::key::SecretKey;
use crate::event::Timestamp;
use crate::journal::{Health, JournalReader, Position};

mod error;
mod options;
mod pending;
mod signing;

pub use error::SignError;
pub use options::{DEFAULT_EVERY, DEFAULT_INTERVAL, HeadOptions, MAX_EVERY};
use signing::{Occasion, Signing};

/// How often it looks whether there is something to sign.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The pause after another signer had the lock, at the end.
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// Signs how far a journal has come: when so many lines came, after some time also if none came, and at the end.
///
/// It looks once a second at what is in the files, whoever wrote it: the journal of this process, or others. Any number
/// of signers with one key may sign one journal; who signs holds the lock of `heads/lock`. A journal without heads gets
/// one at once.
///
/// It signs only what is synced and follows, line by line, from the head before. While it does not, it signs nothing,
/// [`health`](Self::health) and one line in the log tell, and it looks again. Dropping it stops it, without a last head.
#[derive(Debug)]
#[must_use = "a dropped signer stops"]
pub struct HeadSigner {
    state: watch::Receiver<State>,
    /// Asks for the last head.
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<Head, SignError>>,
}

/// How it stands, for those who ask.
#[derive(Clone, Debug)]
struct State {
    newest: Option<Head>,
    health: Health,
}

impl HeadSigner {
    /// Starts to sign, on the current runtime. It reads the newest head first, and may block for that.
    ///
    /// # Errors
    /// [`SignError`], if there is no journal, or its newest head is not believed or signed with another key.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(
        journal: &impl AsRef<JournalReader>,
        key: SecretKey,
        options: HeadOptions,
    ) -> Result<Self, SignError> {
        let signing = Signing::open(journal.as_ref().clone(), key, options)?;
        let state = State { newest: signing.newest().cloned(), health: Health::Healthy };
        let (told, state) = watch::channel(state);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(run(signing, told, stopped));
        Ok(Self { state, stop: Some(stop), task })
    }

    /// The newest head that it knows: one that it signed, or another signer.
    pub fn newest(&self) -> Option<Head> {
        self.state.borrow().newest.clone()
    }

    /// Whether it signs.
    pub fn health(&self) -> Health {
        self.state.borrow().health.clone()
    }

    /// Waits until a head covers that position, and gives the newest.
    ///
    /// # Errors
    /// [`SignError::Stopped`], if the signer stopped before that.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn covered(&self, position: Position) -> Result<Head, SignError> {
        let mut state = self.state.clone();
        let covers = |head: &Head| head.position() >= Some(position);
        let seen = state.wait_for(|state| state.newest.as_ref().is_some_and(covers)).await;
        let newest = seen.ok().and_then(|state| state.newest.clone());
        newest.ok_or(SignError::Stopped)
    }

    /// Waits until it no longer is as healthy, or as failing, as it is, and tells how it is then.
    ///
    /// # Errors
    /// [`SignError::Stopped`], if the signer stopped before that.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn health_changed(&self) -> Result<Health, SignError> {
        let mut state = self.state.clone();
        let is_healthy = state.borrow().health.is_healthy();
        let seen = state.wait_for(|state| state.health.is_healthy() != is_healthy).await;
        seen.map(|state| state.health.clone()).map_err(|_gone| SignError::Stopped)
    }

    /// Signs a last head, also if nothing came since the one before, and gives it. It covers what is in the files: a
    /// journal is flushed or closed before.
    ///
    /// # Errors
    /// [`SignError`]: why there is no last head. The ones before stay.
    ///
    /// # Cancel safety
    /// If dropped, the signer stops; whether there is a last head is not known.
    pub async fn close(mut self, deadline: Duration) -> Result<Head, SignError> {
        if let Some(stop) = self.stop.take() {
            // If it is gone, the task tells why.
            let _gone_already = stop.send(());
        }
        match timeout(deadline, &mut self.task).await {
            Ok(Ok(signed)) => signed,
            Ok(Err(failed)) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_aborted) => Err(SignError::Stopped),
            },
            Err(_elapsed) => Err(SignError::Late { deadline }),
        }
    }
}

impl Drop for HeadSigner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Signs until it is told to stop; the last head.
async fn run(
    mut signing: Signing,
    told: watch::Sender<State>,
    mut stop: oneshot::Receiver<()>,
) -> Result<Head, SignError> {
    loop {
        let (back, looked) = look(signing, Occasion::Look).await?;
        signing = back;
        // Busy: somebody else signs, and it will be seen.
        tell(&told, &signing, looked.or_else(|error| if_busy(error, ())));
        tokio::select! {
            biased;
            asked = &mut stop => match asked {
                Ok(()) => break,
                Err(_dropped) => return Err(SignError::Stopped),
            },
            () = sleep(LOOK_EVERY) => {}
        }
    }
    loop {
        let (back, looked) = look(signing, Occasion::Close).await?;
        signing = back;
        match looked {
            Err(SignError::Busy) => sleep(BUSY_PAUSE).await,
            Err(error) => return Err(error),
            Ok(()) => {
                tell(&told, &signing, Ok(()));
                return signing.newest().cloned().ok_or(SignError::Stopped);
            }
        }
    }
}

fn if_busy<T>(error: SignError, instead: T) -> Result<T, SignError> {
    if matches!(error, SignError::Busy) { Ok(instead) } else { Err(error) }
}

/// Looks on a thread that may block.
async fn look(
    mut signing: Signing,
    occasion: Occasion,
) -> Result<(Signing, Result<(), SignError>), SignError> {
    let looking = spawn_blocking(move || {
        let looked = signing.look(occasion);
        (signing, looked)
    });
    looking.await.or_else(|failed| match failed.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        // The runtime is shut down.
        Err(_cancelled) => Err(SignError::Stopped),
    })
}

/// Tells how it stands; a line in the log if that has changed.
fn tell(told: &watch::Sender<State>, signing: &Signing, looked: Result<(), SignError>) {
    let reason = looked.err().map(|error| with_causes(&error));
    told.send_modify(|state| {
        state.newest = signing.newest().cloned();
        match (reason, &state.health) {
            (Some(reason), Health::Failing { since, .. }) => {
                state.health = Health::Failing { since: *since, reason };
            }
            (Some(reason), Health::Healthy) => {
                tracing::error!(target: "agentbus::audit", reason, "head_signer_failing");
                state.health = Health::Failing { since: Timestamp::now(), reason };
            }
            (None, Health::Failing { .. }) => {
                tracing::info!(target: "agentbus::audit", "head_signer_healthy");
                state.health = Health::Healthy;
            }
            (None, Health::Healthy) => {}
        }
    });
}

/// An error and all that caused it, in one text.
fn with_causes(error: &SignError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
