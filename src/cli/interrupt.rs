//! Ctrl-C and SIGTERM: the first cancels the run, the second ends the program at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::EXIT_NOT_APPLIED;
use super::report::say;

/// Listens for signals; dropping it stops listening.
#[derive(Debug)]
#[must_use = "dropped, it does not listen"]
pub(crate) struct Interrupts {
    cancelled: CancellationToken,
    listener: JoinHandle<()>,
}

impl Interrupts {
    /// Starts to listen, on the current runtime.
    ///
    /// # Errors
    /// If the system does not let us.
    pub(crate) fn listen() -> io::Result<Self> {
        let signals = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let cancelled = CancellationToken::new();
        let listener = tokio::spawn(listen(signals, cancelled.clone()));
        Ok(Self { cancelled, listener })
    }

    /// Is cancelled by the first signal.
    pub(crate) fn token(&self) -> &CancellationToken {
        &self.cancelled
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn listen((mut interrupt, mut terminate): (Signal, Signal), cancelled: CancellationToken) {
    either(&mut interrupt, &mut terminate).await;
    say("cancelling the run; once more to exit at once");
    cancelled.cancel();
    either(&mut interrupt, &mut terminate).await;
    // The user has asked twice: nothing is waited for, and what is still running is not ours any more.
    std::process::exit(i32::from(EXIT_NOT_APPLIED));
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
