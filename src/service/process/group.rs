//! [`Group`]: a process with all that it starts.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// A process group, until its leader is reaped. Dropping kills it.
#[derive(Debug)]
pub(in crate::service) struct Group {
    leader: Arc<Leader>,
}

#[derive(Debug)]
struct Leader {
    pid: Pid,
    /// Whether the leader was reaped: its id may be another's from then on. Guards the moves of killing and reaping.
    is_reaped: Mutex<bool>,
}

impl Group {
    /// Starts a command as the leader of a group of its own.
    pub(in crate::service) fn spawn(command: &mut Command) -> io::Result<(Self, Child)> {
        let child = command.process_group(0).spawn()?;
        let leader = Leader { pid: Pid::from_child(&child), is_reaped: Mutex::new(false) };
        Ok((Self { leader: Arc::new(leader) }, child))
    }

    /// Waits for the end of the leader, kills what is left of the group, and reaps the leader. It blocks.
    pub(in crate::service) fn waiter(
        &self,
        mut child: Child,
    ) -> impl FnOnce() -> io::Result<ExitStatus> + Send + 'static {
        let leader = Arc::clone(&self.leader);
        move || {
            // The leader stays a zombie here, so that its id still names this group and no other.
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while let Err(error) = waitid(WaitId::Pid(leader.pid), options) {
                if error != rustix::io::Errno::INTR {
                    return Err(error.into());
                }
            }
            leader.kill(|| child.wait())
        }
    }
}

impl Leader {
    /// Kills the group, unless its leader was reaped; `reap` runs before anybody else may kill.
    fn kill<R>(&self, reap: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        let mut is_reaped = self.is_reaped.lock().unwrap_or_else(PoisonError::into_inner);
        self.signal(*is_reaped);
        *is_reaped = true;
        reap()
    }

    fn signal(&self, is_reaped: bool) {
        if !is_reaped {
            // It fails only if nobody is left in the group, which is what is wanted.
            let _nobody_is_left = kill_process_group(self.pid, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let is_reaped = self.leader.is_reaped.lock().unwrap_or_else(PoisonError::into_inner);
        self.leader.signal(*is_reaped);
    }
}
