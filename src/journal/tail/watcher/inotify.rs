//! What Linux tells of a folder.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use super::{Sight, Stop};
use crate::journal::layout;
use crate::journal::storage::Storage;

/// A file system that others write to from another machine tells nothing: it is looked at this often.
const AT_LEAST_EVERY: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// What to tell of: lines written or cut, segments begun and removed.
const OF_INTEREST: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::CREATE)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::ONLYDIR);

/// Rings in the ear of a thread that waits for the system.
#[derive(Clone, Debug)]
pub(super) struct Bell(Arc<OwnedFd>);

impl Bell {
    pub(super) fn ring(&self) {
        // It fails only if it rings already.
        rustix::io::write(&*self.0, &1_u64.to_ne_bytes()).ok();
    }
}

/// The ear.
#[derive(Debug)]
pub(super) struct Told {
    of_changes: OwnedFd,
    bell: Bell,
}

/// Asks to be told of a journal's segments; `None` if it cannot be had.
pub(super) fn watch(storage: &dyn Storage) -> Option<Told> {
    let folder = storage.directory()?.join(layout::SEGMENTS);
    let open = || -> Result<Told, Errno> {
        let of_changes = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        inotify::add_watch(&of_changes, &folder, OF_INTEREST)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Told { of_changes, bell: Bell(Arc::new(bell)) })
    };
    open().ok()
}

/// What a round of listening came to.
enum Heard {
    /// A file grew or shrank.
    Change,
    /// Files came or went, or nothing was heard for long.
    Files,
    /// The folder is gone.
    Nothing,
}

impl Told {
    pub(super) fn bell(&self) -> Bell {
        self.bell.clone()
    }

    /// Looks each time something is told, until it is to stop or nothing will be told any more.
    pub(super) fn run(&self, sight: &mut Sight, stop: &Stop) {
        // What was written before the folder was watched.
        sight.look_anew();
        loop {
            let heard = self.listen();
            if stop.is_asked() {
                return;
            }
            match heard {
                Ok(Heard::Change) => sight.look(),
                Ok(Heard::Files) => sight.look_anew(),
                Ok(Heard::Nothing) | Err(_) => return,
            }
        }
    }

    fn listen(&self) -> io::Result<Heard> {
        let mut ears =
            [PollFd::new(&self.of_changes, PollFlags::IN), PollFd::new(&*self.bell.0, PollFlags::IN)];
        match poll(&mut ears, Some(&AT_LEAST_EVERY)) {
            Ok(0) => return Ok(Heard::Files),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut told = Reader::new(&self.of_changes, &mut buffer);
        let mut heard = Heard::Change;
        loop {
            match told.next() {
                Ok(event) if event.events().contains(ReadFlags::IGNORED) => return Ok(Heard::Nothing),
                Ok(event) if event.events() == ReadFlags::MODIFY => {}
                Ok(_files_or_overflow) => heard = Heard::Files,
                Err(Errno::AGAIN) => return Ok(heard),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
