//! Running a command as a process group of its own, which never outlives the one who waits for it.
//!
//! The child has no input, the environment it is given and nothing else, and a group of its own. Its two outputs are
//! drained to the end; a bounded part of each is kept, with the size and the hash of the whole. When the leader of the group has ended, or when the future is
//! dropped, the whole group is killed; what has left the group may hold the outputs open, but not for long.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{ChildStderr, ChildStdout};

use super::blocking::blocking;
use crate::event::Hash;

mod group;

pub(super) use group::Group;

/// How long the outputs may stay open after the group was killed.
const DRAIN_AT_MOST: Duration = Duration::from_secs(1);

/// What a command may see of the environment of this process, unless told otherwise.
pub(super) const DEFAULT_ENVIRONMENT: [&str; 5] =
    ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];

/// A command to run.
#[derive(Clone, Debug)]
pub(super) struct Invocation {
    pub(super) program: String,
    pub(super) arguments: Vec<String>,
    pub(super) directory: PathBuf,
    /// The names of the variables that are passed on.
    pub(super) inherited: Vec<String>,
    /// Where builds of cargo go.
    pub(super) target: PathBuf,
    /// How much of each output is kept, in bytes.
    pub(super) capture: usize,
}

/// What became of a command.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) status: ExitStatus,
    pub(super) stdout: Captured,
    pub(super) stderr: Captured,
}

impl Finished {
    /// How it ended and what it said, for a reader.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}\n", self.status);
        for (name, captured) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if captured.total > 0 {
                text.push_str("--- ");
                text.push_str(name);
                text.push('\n');
                text.push_str(&captured.text());
                if !text.ends_with('\n') {
                    text.push('\n');
                }
            }
        }
        text
    }

    /// Whether a part of its output was left out.
    pub(super) fn is_cut(&self) -> bool {
        self.stdout.left_out() > 0 || self.stderr.left_out() > 0
    }

    /// How much it wrote, kept or not, in bytes.
    pub(super) fn total(&self) -> u64 {
        self.stdout.total.saturating_add(self.stderr.total)
    }

    /// The hash of what it wrote, kept or not: that of the one output it wrote to; else that of the hashes of both,
    /// stdout first, since the order in which two outputs were written is not known.
    pub(super) fn hash(&self) -> Hash {
        match (self.stdout.total, self.stderr.total) {
            (_, 0) => self.stdout.hash(),
            (0, _) => self.stderr.hash(),
            _ => Hash::of([*self.stdout.hash().as_bytes(), *self.stderr.hash().as_bytes()].concat()),
        }
    }
}

/// Runs the command to its end.
///
/// # Cancel safety
/// Dropped, it kills the whole group.
pub(super) async fn run(invocation: &Invocation) -> io::Result<Finished> {
    let (mut stdout, mut stderr) = (Captured::new(invocation.capture), Captured::new(invocation.capture));
    let (group, mut child) = start(invocation)?;
    let pipes = (child.stdout.take(), child.stderr.take());
    let status = {
        let (out, err) = match pipes {
            (Some(out), Some(err)) => (ChildStdout::from_std(out)?, ChildStderr::from_std(err)?),
            _ => return Err(io::Error::other("the outputs of the command are not piped")),
        };
        let drained = async { tokio::join!(stdout.drain(out), stderr.drain(err)) };
        tokio::pin!(drained);
        let waiter = group.waiter(child);
        let ended = blocking(move |_stop| waiter());
        tokio::pin!(ended);
        tokio::select! {
            status = &mut ended => {
                // Whoever has left the group may hold the outputs open; nobody waits for them longer than this.
                drop(tokio::time::timeout(DRAIN_AT_MOST, drained).await);
                status?
            }
            ((), ()) = &mut drained => ended.await?,
        }
    };
    Ok(Finished { status, stdout, stderr })
}

fn start(invocation: &Invocation) -> io::Result<(Group, Child)> {
    let mut command = Command::new(&invocation.program);
    command.args(&invocation.arguments).current_dir(&invocation.directory);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    inherit(&mut command, &invocation.inherited);
    command.env("CARGO_TARGET_DIR", &invocation.target);
    Group::spawn(&mut command)
}

/// Gives the command these variables of the environment of this process, and no others.
pub(super) fn inherit(command: &mut Command, names: &[String]) {
    command.env_clear();
    for name in names {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
}

/// The beginning and the end of an output, and the size and the hash of the whole.
#[derive(Debug)]
pub(super) struct Captured {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    /// How much of each is kept.
    half: usize,
    total: u64,
    hasher: blake3::Hasher,
}

impl Captured {
    fn new(limit: usize) -> Self {
        let (head, tail, hasher) = (Vec::new(), VecDeque::new(), blake3::Hasher::new());
        Self { head, tail, half: limit / 2, total: 0, hasher }
    }

    /// Reads `output` to its end. An output that cannot be read any more has ended.
    async fn drain(&mut self, mut output: impl AsyncRead + Unpin) {
        // On the heap: the future that holds it is large enough.
        let mut buffer = vec![0; 8192];
        while let Ok(read @ 1..) = output.read(&mut buffer).await {
            self.take(buffer.get(..read).unwrap_or_default());
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(bytes.len() as u64);
        self.hasher.update(bytes);
        let (first, rest) = bytes.split_at(bytes.len().min(self.half - self.head.len()));
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        self.tail.drain(..self.tail.len().saturating_sub(self.half));
    }

    fn hash(&self) -> Hash {
        Hash::from_bytes(*self.hasher.finalize().as_bytes())
    }

    /// How many bytes between the beginning and the end are not kept.
    fn left_out(&self) -> u64 {
        self.total - (self.head.len() + self.tail.len()) as u64
    }

    fn text(&self) -> String {
        let left_out = self.left_out();
        if left_out == 0 {
            // One text, since a character may lie across the middle.
            let whole: Vec<u8> = self.head.iter().chain(&self.tail).copied().collect();
            return String::from_utf8_lossy(&whole).into_owned();
        }
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        let (head, tail) = (String::from_utf8_lossy(&self.head), String::from_utf8_lossy(&tail));
        format!("{head}\n[{left_out} bytes left out]\n{tail}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_and_the_end_of_an_output_are_kept() {
        let mut captured = Captured::new(8);
        for byte in b'a'..=b'z' {
            captured.take(&[byte]);
        }
        assert_eq!(captured.text(), "abcd\n[18 bytes left out]\nwxyz");
    }

    #[test]
    fn the_hash_is_that_of_all_that_was_written() {
        use std::os::unix::process::ExitStatusExt;

        let captured = |pieces: &[&[u8]]| {
            let mut captured = Captured::new(4);
            for piece in pieces {
                captured.take(piece);
            }
            captured
        };
        let hash = |stdout: &[&[u8]], stderr: &[&[u8]]| {
            let (stdout, stderr) = (captured(stdout), captured(stderr));
            Finished { status: ExitStatus::from_raw(0), stdout, stderr }.hash()
        };
        assert_eq!(hash(&[b"01234", b"56789"], &[]), Hash::of("0123456789"));
        assert_eq!(hash(&[], &[b"0123456789"]), Hash::of("0123456789"));
        let both = hash(&[b"0123456789"], &[b"abcdefgh"]);
        assert_eq!(both, hash(&[b"0123", b"456789"], &[b"abcdefg", b"h"]));
        assert_ne!(both, hash(&[b"abcdefgh"], &[b"0123456789"]));
    }

    #[test]
    fn an_output_that_fits_is_whole() {
        let mut captured = Captured::new(8);
        captured.take("ab\u{e9}\u{e9}".as_bytes());
        assert_eq!((captured.text().as_str(), captured.left_out()), ("abéé", 0));
    }

    #[test]
    fn an_output_of_one_piece_larger_than_the_limit_is_cut_the_same() {
        let mut captured = Captured::new(4);
        captured.take(b"0123456789");
        assert_eq!(captured.text(), "01\n[6 bytes left out]\n89");
    }
}
