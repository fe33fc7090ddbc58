//! Waiting for stdin, or for stdout to be gone, so that the wait can be ended.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd as _, BorrowedFd};

use rustix::event::{PollFd, PollFlags, poll};

/// What a wait came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// Stdin can be read, or is at its end.
    Readable,
    /// [`Stop`] was dropped.
    Stopped,
    /// Nobody reads stdout any more.
    OutputGone,
}

/// Dropped, it ends the waits of its [`Waiter`], now and later.
#[derive(Debug)]
pub(crate) struct Stop {
    _held: PipeWriter,
}

/// Waits, on a thread that may block.
#[derive(Debug)]
pub(crate) struct Waiter {
    stop: PipeReader,
}

/// A waiter and what ends it.
///
/// # Errors
/// If the system has no more files to open.
pub(crate) fn waiter() -> io::Result<(Waiter, Stop)> {
    let (stop, held) = io::pipe()?;
    Ok((Waiter { stop }, Stop { _held: held }))
}

impl Waiter {
    /// Waits until stdin can be read.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn for_input(&self) -> io::Result<Woken> {
        self.wait(Some(io::stdin().as_fd()))
    }

    /// Waits until nobody reads stdout any more.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn for_output_gone(&self) -> io::Result<Woken> {
        self.wait(None)
    }

    fn wait(&self, input: Option<BorrowedFd<'_>>) -> io::Result<Woken> {
        let output = io::stdout();
        loop {
            // That the reader of stdout is gone is told unasked.
            let mut watched =
                vec![PollFd::new(&self.stop, PollFlags::IN), PollFd::new(&output, PollFlags::empty())];
            watched.extend(input.map(|input| PollFd::from_borrowed_fd(input, PollFlags::IN)));
            match poll(&mut watched, None) {
                Err(rustix::io::Errno::INTR) => {}
                polled => drop(polled?),
            }
            let what = [Woken::Stopped, Woken::OutputGone, Woken::Readable];
            let mut told = watched.iter().zip(what).filter(|(watched, _)| !watched.revents().is_empty());
            if let Some((_, woken)) = told.next() {
                return Ok(woken);
            }
        }
    }
}
