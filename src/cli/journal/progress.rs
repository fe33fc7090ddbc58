//! A bar on stderr for what takes longer than a second, if a terminal is there.
//!
//! How far a verb has come is how much it has read: the storage of the journal is wrapped, and counts.

use std::fs;
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use agentbus::journal::{FileSystem, Storage};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

mod metered;

use metered::Metered;

/// What takes no longer has no bar.
const BEGIN_AFTER: Duration = Duration::from_secs(1);

/// How often the bar is drawn.
const EVERY: Duration = Duration::from_millis(100);

/// The journal of a directory, and how much of it was read.
#[derive(Debug)]
pub(super) struct Meter {
    directory: PathBuf,
    read: Arc<AtomicU64>,
}

impl Meter {
    pub(super) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), read: Arc::default() }
    }

    /// The journal, counted.
    pub(super) fn storage(&self) -> Arc<dyn Storage> {
        Arc::new(Metered { files: FileSystem::new(&self.directory), read: Arc::clone(&self.read) })
    }

    /// Shows how far it is, until what is returned is dropped; nothing if no terminal is on stderr.
    pub(super) fn show(&self) -> Progress {
        if !io::stderr().is_terminal() {
            return Progress::hidden();
        }
        let directory = self.directory.clone();
        let bar = move || {
            let style = ProgressStyle::with_template("{bar:30} {decimal_bytes} of {decimal_total_bytes}");
            let bar = ProgressBar::with_draw_target(Some(size_of(&directory)), ProgressDrawTarget::stderr());
            bar.with_style(style.unwrap_or_else(|_no_template| ProgressStyle::default_bar()))
        };
        Progress::start(bar, BEGIN_AFTER, Arc::clone(&self.read))
    }
}

/// How much the segments hold, in bytes.
fn size_of(directory: &Path) -> u64 {
    let Ok(segments) = fs::read_dir(directory.join("segments")) else { return 0 };
    segments.filter_map(|segment| Some(segment.ok()?.metadata().ok()?.len())).sum()
}

/// A bar that may be there. Dropping it takes it away.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Arc<OnceLock<ProgressBar>>,
    thread: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// None.
    pub(super) fn hidden() -> Self {
        Self { bar: Arc::default(), thread: None }
    }

    fn start(
        make: impl FnOnce() -> ProgressBar + Send + 'static,
        begin_after: Duration,
        done: Arc<AtomicU64>,
    ) -> Self {
        let (end, ended) = channel();
        let shared = Arc::new(OnceLock::new());
        let bar = Arc::clone(&shared);
        let draw = move || {
            if ended.recv_timeout(begin_after) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let bar = bar.get_or_init(make);
            loop {
                bar.set_position(done.load(Ordering::Relaxed));
                if ended.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
            bar.finish_and_clear();
        };
        let thread = std::thread::Builder::new().name("progress".into()).spawn(draw).ok();
        Self { bar: shared, thread: thread.map(|thread| (end, thread)) }
    }

    /// Prints while the bar is out of the way.
    pub(super) fn aside<R>(&self, print: impl FnOnce() -> R) -> R {
        match self.bar.get() {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.thread.take() {
            drop(end);
            if let Err(panic) = thread.join() {
                drop(panic);
            }
        }
    }
}

/// Writes while the bar is out of the way.
#[derive(Debug)]
pub(super) struct Aside<W> {
    out: W,
    progress: Arc<Progress>,
}

impl<W: Write> Aside<W> {
    pub(super) fn new(out: W, progress: Arc<Progress>) -> Self {
        Self { out, progress }
    }
}

impl<W: Write> Write for Aside<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.progress.aside(|| self.out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.progress.aside(|| self.out.flush())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use indicatif::TermLike;

    use super::*;

    /// A terminal that tells whenever something is drawn.
    #[derive(Debug)]
    struct Screen(Mutex<Sender<String>>);

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            80
        }
        fn move_cursor_up(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            drop(self.0.lock().unwrap().send(text.to_owned()));
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            self.write_str("cleared")
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn bar_of(drawn: Sender<String>) -> impl FnOnce() -> ProgressBar + Send {
        let target = ProgressDrawTarget::term_like(Box::new(Screen(Mutex::new(drawn))));
        let style = ProgressStyle::with_template("{pos} of {len}").unwrap();
        move || ProgressBar::with_draw_target(Some(10), target).with_style(style)
    }

    #[test]
    fn a_bar_is_drawn_moves_aside_and_goes() {
        let (sender, drawn) = channel();
        let done = Arc::new(AtomicU64::new(3));
        let progress = Progress::start(bar_of(sender), Duration::ZERO, Arc::clone(&done));
        assert!(drawn.iter().any(|text| text.contains("3 of 10")));
        done.store(7, Ordering::Relaxed);
        assert!(drawn.iter().any(|text| text.contains("7 of 10")));
        assert_eq!(progress.aside(|| 42), 42);
        drop(progress);
        assert_eq!(drawn.iter().last().as_deref(), Some("cleared"));
    }

    #[test]
    fn what_takes_less_than_a_second_has_no_bar() {
        let (sender, drawn) = channel();
        let progress = Progress::start(bar_of(sender), Duration::from_hours(1), Arc::default());
        drop(progress);
        assert_eq!(drawn.iter().next(), None);
    }
}
