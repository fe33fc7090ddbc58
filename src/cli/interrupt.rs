//! Ctrl-C and SIGTERM: the first asks for an end, the second gives up.
//!
//! What is given up is dropped where it stands: its processes are killed and its folders removed, as far as that takes
//! no longer than a few seconds. Then the program ends, whatever hangs.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::EXIT_NOT_DONE;
use super::report::say;

/// How long what was given up may take to be gone; a disk that hangs may take for ever.
const END_AT_MOST: Duration = Duration::from_secs(5);

/// Listens for signals; dropping it stops listening.
#[derive(Debug)]
#[must_use = "dropped, it does not listen"]
pub(crate) struct Interrupts {
    cancelled: CancellationToken,
    listener: JoinHandle<()>,
}

impl Interrupts {
    /// Starts to listen, on the current runtime. At the first signal it says what happens then, if that needs saying.
    /// The second signal cancels `given_up`; the program ends a few seconds after, if it has not yet.
    ///
    /// # Errors
    /// If the system does not let us.
    pub(crate) fn listen(given_up: CancellationToken, words: Option<&'static str>) -> io::Result<Self> {
        let signals = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let cancelled = CancellationToken::new();
        let listener = tokio::spawn(listen(signals, words, cancelled.clone(), given_up));
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

async fn listen(
    (mut interrupt, mut terminate): (Signal, Signal),
    words: Option<&'static str>,
    cancelled: CancellationToken,
    given_up: CancellationToken,
) {
    either(&mut interrupt, &mut terminate).await;
    if let Some(words) = words {
        say(&format!("{words}; once more to exit at once"));
    }
    cancelled.cancel();
    either(&mut interrupt, &mut terminate).await;
    // A thread, since whatever hangs may hang the runtime too.
    std::thread::spawn(|| {
        std::thread::sleep(END_AT_MOST);
        std::process::exit(i32::from(EXIT_NOT_DONE));
    });
    given_up.cancel();
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
