//! [`Watcher`]: a thread that sees what is written to a journal, by whatever process.
//!
//! On Linux the system tells it (inotify); where that cannot be had, and where a journal is not in a directory, it
//! looks every 5 ms.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::Tail;
use crate::journal::storage::Storage;

#[cfg(target_os = "linux")]
mod inotify;
mod sight;

use sight::Sight;

/// How often it looks where nobody tells it.
const EVERY: Duration = Duration::from_millis(5);

/// A thread that watches; dropping it tells the thread to end.
#[derive(Debug)]
pub(super) struct Watcher {
    stop: Arc<Stop>,
}

/// Ends the thread.
#[derive(Debug, Default)]
struct Stop {
    /// Whether to end; held for one move.
    is_asked: Mutex<bool>,
    asked: Condvar,
    /// Ends a wait for the system.
    #[cfg(target_os = "linux")]
    bell: Option<inotify::Bell>,
}

impl Watcher {
    /// Starts the thread. It tells `tail` of lines that were not published there.
    pub(super) fn start(tail: &Arc<Tail>, storage: &Arc<dyn Storage>) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        let told = inotify::watch(&**storage);
        #[cfg(target_os = "linux")]
        let stop = Arc::new(Stop { bell: told.as_ref().map(inotify::Told::bell), ..Stop::default() });
        #[cfg(not(target_os = "linux"))]
        let stop = Arc::new(Stop::default());
        let watcher = Self { stop: Arc::clone(&stop) };
        let mut sight = Sight::new(Arc::clone(tail), Arc::clone(storage));
        let run = move || {
            #[cfg(target_os = "linux")]
            if let Some(told) = told {
                told.run(&mut sight, &stop);
            }
            while !stop.wait(EVERY) {
                sight.look_anew();
            }
        };
        std::thread::Builder::new().name("journal-watch".into()).spawn(run)?;
        Ok(watcher)
    }
}

impl Stop {
    /// Waits for that long, or less if the thread is to end, and says whether it is.
    fn wait(&self, at_most: Duration) -> bool {
        let is_asked = self.is_asked.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.asked.wait_timeout_while(is_asked, at_most, |is_asked| !*is_asked);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    #[cfg(target_os = "linux")]
    fn is_asked(&self) -> bool {
        *self.is_asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self) {
        *self.is_asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.asked.notify_all();
        #[cfg(target_os = "linux")]
        self.bell.iter().for_each(inotify::Bell::ring);
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop.ask();
    }
}
