//! The log, on stderr: what the logging bus says, and what the library has to warn of.
//!
//! `RUST_LOG` chooses what is logged. Lines have no colours: everything in them that a terminal would act on is
//! escaped.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, ParseError};
use tracing_subscriber::fmt::MakeWriter;

use super::args::BusKind;
use super::escape::Escaped;

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    #[error("cannot read RUST_LOG; expected directives such as agentbus::plan=info")]
    Directives(#[source] ParseError),
}

/// What is logged, unless `RUST_LOG` says otherwise, where there is that bus.
pub(crate) fn level_of(bus: BusKind) -> LevelFilter {
    if bus == BusKind::Logging { LevelFilter::INFO } else { LevelFilter::WARN }
}

/// Starts the log, for the whole process.
///
/// # Errors
/// [`LogError`], if `RUST_LOG` cannot be read.
pub(crate) fn start(level: LevelFilter) -> Result<(), LogError> {
    let filter = EnvFilter::builder().with_default_directive(level.into());
    let directives = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default();
    let filter = filter.parse(directives).map_err(LogError::Directives)?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(Stderr);
    // Somebody else's log, were there one, would do as well.
    drop(log.try_init());
    Ok(())
}

/// Writes log lines to stderr, escaped.
#[derive(Clone, Copy, Debug)]
struct Stderr;

impl MakeWriter<'_> for Stderr {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        Self
    }
}

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        writeln!(io::stderr().lock(), "{}", Escaped(text))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}
