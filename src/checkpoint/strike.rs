//! [`Fault`]: what goes wrong at which step of a folder, for tests.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::folder::Seam;

/// What happens at a step, counted from 0.
enum Strike {
    Nothing,
    Fail(usize),
    Die(usize),
    Interfere(usize, Mutex<Box<dyn FnMut() + Send>>),
}

/// Lets a step fail, or all from one on as if the process had died there, or does something before it.
pub(super) struct Fault {
    strike: Strike,
    /// Whether the file system cannot rename without writing over.
    lacks_renames: bool,
    steps: AtomicUsize,
    told: Mutex<Vec<String>>,
}

impl Fault {
    fn of(strike: Strike) -> Arc<Self> {
        Arc::new(Self { strike, lacks_renames: false, steps: AtomicUsize::new(0), told: Mutex::default() })
    }

    pub(super) fn none() -> Arc<Self> {
        Self::of(Strike::Nothing)
    }

    /// One step fails.
    pub(super) fn failing(at: usize) -> Arc<Self> {
        Self::of(Strike::Fail(at))
    }

    /// No step is done from that one on.
    pub(super) fn dying(at: usize) -> Arc<Self> {
        Self::of(Strike::Die(at))
    }

    /// As [`Fault::dying`], on a file system that cannot rename without writing over.
    pub(super) fn dying_without_renames(at: usize) -> Arc<Self> {
        let (steps, told) = (AtomicUsize::new(0), Mutex::default());
        Arc::new(Self { strike: Strike::Die(at), lacks_renames: true, steps, told })
    }

    /// Somebody does something before a step.
    pub(super) fn interfering(at: usize, does: impl FnMut() + Send + 'static) -> Arc<Self> {
        Self::of(Strike::Interfere(at, Mutex::new(Box::new(does))))
    }

    /// Whether there were so many steps that it struck.
    pub(super) fn has_struck(&self) -> bool {
        let steps = self.steps.load(Ordering::Relaxed);
        match self.strike {
            Strike::Nothing => false,
            Strike::Fail(at) | Strike::Die(at) | Strike::Interfere(at, _) => steps > at,
        }
    }

    /// The number of the step that it strikes.
    pub(super) fn place(&self) -> usize {
        match self.strike {
            Strike::Fail(at) | Strike::Die(at) | Strike::Interfere(at, _) => at,
            Strike::Nothing => usize::MAX,
        }
    }

    /// The steps that there were.
    pub(super) fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    /// The step that it struck.
    pub(super) fn struck(&self) -> Option<String> {
        self.told().get(self.place()).cloned()
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fault").field(&self.struck()).finish()
    }
}

impl Seam for Fault {
    fn before(&self, step: &str) -> io::Result<()> {
        let number = self.steps.fetch_add(1, Ordering::Relaxed);
        self.told.lock().unwrap().push(step.to_owned());
        match &self.strike {
            Strike::Fail(at) if number == *at => Err(io::Error::other("failed by design")),
            Strike::Die(at) if number >= *at => Err(io::Error::other("dead by design")),
            Strike::Interfere(at, does) if number == *at => {
                (does.lock().unwrap())();
                Ok(())
            }
            _ if self.lacks_renames && step.starts_with("rename to") => {
                Err(io::ErrorKind::Unsupported.into())
            }
            _ => Ok(()),
        }
    }
}

/// Makes an attempt for each step there is, with the fault that is made for it; the last one is struck by none.
pub(super) fn at_every_step(fault: impl Fn(usize) -> Arc<Fault>, mut attempt: impl FnMut(&Arc<Fault>)) {
    for at in 0..1_000 {
        let fault = fault(at);
        attempt(&fault);
        if !fault.has_struck() {
            assert!(at > 3, "there were steps: {:?}", fault.told());
            return;
        }
    }
    panic!("there is no end of steps");
}
