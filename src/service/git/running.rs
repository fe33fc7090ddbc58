//! [`Running`]: a command that runs, and its three pipes served by one thread.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio_util::sync::CancellationToken;

use super::SAID;

/// How long a look at the token and the clock may be put off.
const TICK: Duration = Duration::from_millis(20);

/// Why a command was killed.
pub(super) enum Stopped {
    Cancelled,
    TimedOut,
    TooMuch,
    Io(io::Error),
}

/// A command that runs. Reading from it gives what it writes; its input is written and what it says of failures is
/// kept meanwhile. Dropping kills its process group.
pub(super) struct Running<'a> {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    input: Box<dyn Read + 'a>,
    /// What of the input was read and not yet written.
    pending: Vec<u8>,
    said: Vec<u8>,
    /// How much it may still write.
    left: u64,
    until: Option<Instant>,
    stop: CancellationToken,
    stopped: Option<Stopped>,
    is_reaped: bool,
}

impl<'a> Running<'a> {
    pub(super) fn of(
        mut child: Child,
        input: Box<dyn Read + 'a>,
        at_most: u64,
        (until, stop): (Option<Instant>, CancellationToken),
    ) -> io::Result<Self> {
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let running = Self {
            child,
            stdin,
            stdout,
            stderr,
            input,
            pending: Vec::new(),
            said: Vec::new(),
            left: at_most,
            until,
            stop,
            stopped: None,
            is_reaped: false,
        };
        // No pipe that is full or empty, or held open by somebody else, must keep this thread from the others.
        let stdin = running.stdin.as_ref().map(AsFd::as_fd);
        let stdout = running.stdout.as_ref().map(AsFd::as_fd);
        let stderr = running.stderr.as_ref().map(AsFd::as_fd);
        for pipe in [stdin, stdout, stderr].into_iter().flatten() {
            fcntl_setfl(pipe, fcntl_getfl(pipe)? | OFlags::NONBLOCK)?;
        }
        Ok(running)
    }

    /// How it ended, and the end of what it said of failures; or why it was killed.
    pub(super) fn end(mut self) -> Result<(ExitStatus, Vec<u8>), Stopped> {
        if let Some(stopped) = self.stopped.take() {
            return Err(stopped);
        }
        // Nobody reads what still comes: a command that writes on is told so by its pipe.
        self.stdout = None;
        let ended = loop {
            match self.has_ended() {
                Ok(true) => break self.reap(),
                Ok(false) => {}
                Err(error) => break Err(error),
            }
            if let Some(stopped) = self.overdue() {
                return Err(stopped);
            }
            if let Err(error) = self.serve() {
                break Err(error);
            }
        };
        ended.map(|status| (status, std::mem::take(&mut self.said))).map_err(Stopped::Io)
    }

    /// Whether the leader of the group has ended; it stays a zombie, so that its id still names this group.
    fn has_ended(&self) -> io::Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        Ok(waitid(WaitId::Pid(Pid::from_child(&self.child)), options)?.is_some())
    }

    fn reap(&mut self) -> io::Result<ExitStatus> {
        self.kill();
        self.is_reaped = true;
        while self.serve_stderr()? > 0 {}
        self.child.wait()
    }

    fn kill(&self) {
        // It fails only if nobody is left in the group, which is what is wanted.
        let _nobody_is_left = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
    }

    fn overdue(&self) -> Option<Stopped> {
        if self.stop.is_cancelled() {
            return Some(Stopped::Cancelled);
        }
        self.until.is_some_and(|until| Instant::now() >= until).then_some(Stopped::TimedOut)
    }

    /// Waits for one of the pipes, at most a tick, and serves input and failures. Whether there is output to read.
    fn serve(&mut self) -> io::Result<bool> {
        let tick = Timespec::try_from(TICK).map_err(io::Error::other)?;
        let (mut can_write, mut can_read, mut has_said) = (false, false, false);
        {
            let mut polled = Vec::with_capacity(3);
            let stdin = self.stdin.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::OUT, &mut can_write));
            let stdout = self.stdout.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::IN, &mut can_read));
            let stderr = self.stderr.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::IN, &mut has_said));
            let mut ready = Vec::with_capacity(3);
            for (pipe, flags, is_ready) in [stdin, stdout, stderr].into_iter().flatten() {
                polled.push(PollFd::from_borrowed_fd(pipe, flags));
                ready.push(is_ready);
            }
            match poll(&mut polled, Some(&tick)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for (polled, is_ready) in polled.iter().zip(ready) {
                *is_ready = !polled.revents().is_empty();
            }
        }
        if can_write {
            self.serve_stdin()?;
        }
        if has_said {
            self.serve_stderr()?;
        }
        Ok(can_read)
    }

    /// Writes a piece of the input, and closes it at its end.
    fn serve_stdin(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            (&mut self.input).take(64 << 10).read_to_end(&mut self.pending)?;
        }
        let Some(stdin) = self.stdin.as_mut().filter(|_| !self.pending.is_empty()) else {
            self.stdin = None;
            return Ok(());
        };
        match stdin.write(&self.pending) {
            Ok(written) => drop(self.pending.drain(..written)),
            Err(error) if is_passing(&error) => {}
            // It wants no more; whether that is a failure its status says.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.stdin = None,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Reads a piece of what it says of failures; keeps the end of it.
    fn serve_stderr(&mut self) -> io::Result<usize> {
        let Some(stderr) = &mut self.stderr else { return Ok(0) };
        let mut piece = [0; 2048];
        let read = match stderr.read(&mut piece) {
            Ok(read) => read,
            Err(error) if is_passing(&error) => return Ok(0),
            Err(error) => return Err(error),
        };
        if read == 0 {
            self.stderr = None;
        }
        self.said.extend_from_slice(piece.get(..read).unwrap_or_default());
        self.said.drain(..self.said.len().saturating_sub(SAID));
        Ok(read)
    }

    /// Reads what it wrote, when there is something.
    fn output(&mut self, into: &mut [u8]) -> Result<usize, Stopped> {
        loop {
            if let Some(stopped) = self.overdue() {
                return Err(stopped);
            }
            if self.stdout.is_none() {
                return Ok(0);
            }
            if !self.serve().map_err(Stopped::Io)? {
                continue;
            }
            let Some(stdout) = &mut self.stdout else { return Ok(0) };
            match stdout.read(into) {
                Ok(0) => self.stdout = None,
                Ok(read) if read as u64 > self.left => return Err(Stopped::TooMuch),
                Ok(read) => {
                    self.left -= read as u64;
                    return Ok(read);
                }
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(Stopped::Io(error)),
            }
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

impl Read for Running<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        if self.stopped.is_some() {
            return Err(io::Error::other("the command was stopped"));
        }
        self.output(into).map_err(|stopped| {
            self.kill();
            self.stopped = Some(stopped);
            io::Error::other("the command was stopped")
        })
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.is_reaped {
            self.kill();
            // Killed, it is about to end; not reaped, it would stay.
            drop(self.child.wait());
        }
    }
}
