//! What was logged, by all tests together; each finds its own lines by the address of its server.

use std::io::{self, Write};
use std::sync::{LazyLock, Mutex};

use tokio::sync::watch;
use tracing_subscriber::filter::LevelFilter;

struct Log {
    text: Mutex<String>,
    /// Changes with each line.
    grown: watch::Sender<()>,
}

static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_ansi(false);
    log.with_writer(|| Line).init();
    Log { text: Mutex::default(), grown: watch::Sender::new(()) }
});

struct Line;

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.text.lock().unwrap().push_str(std::str::from_utf8(bytes).unwrap());
        LOG.grown.send_replace(());
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Begins to log, if nobody did.
pub(crate) fn start() {
    LazyLock::force(&LOG);
}

/// Everything that was logged so far.
pub(crate) fn all() -> String {
    LOG.text.lock().unwrap().clone()
}

/// The lines that hold all of these texts.
pub(crate) fn lines(texts: &[&str]) -> Vec<String> {
    let holds = |line: &&str| texts.iter().all(|text| line.contains(text));
    all().lines().filter(holds).map(str::to_owned).collect()
}

/// Waits until there is a line that holds all of these texts.
pub(crate) async fn until_line(texts: &[&str]) -> String {
    let mut grown = LOG.grown.subscribe();
    loop {
        grown.mark_unchanged();
        if let Some(line) = lines(texts).pop() {
            return line;
        }
        grown.changed().await.unwrap();
    }
}
