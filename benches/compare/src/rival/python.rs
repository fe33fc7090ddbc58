//! The Python rivals: a process each, which is told how many emissions a round has and tells how long they took.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A rival that runs in a process of its own.
pub(crate) struct Python {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
    subscribers: usize,
}

impl Python {
    /// Starts `python/<script>` with so many subscribers.
    pub(crate) fn start(program: &Path, script: &str, subscribers: usize) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(script);
        let mut command = Command::new(program);
        command.arg(script).arg(subscribers.to_string()).env("BUBUS_LOGGING_LEVEL", "ERROR");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (asks, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, asks, answers, subscribers }
    }

    /// Emits so often; returns how long it took, in seconds.
    pub(crate) fn round(&mut self, emissions: usize) -> f64 {
        writeln!(self.asks, "{emissions}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let (seconds, handled) = line.trim().split_once(' ').unwrap();
        assert_eq!(
            handled.parse(),
            Ok(emissions * self.subscribers),
            "every handler is called for every event"
        );
        seconds.parse().unwrap()
    }
}

impl Drop for Python {
    /// Not every one ends with its input.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
