//! Running the `git` of the machine on repositories that nobody trusts.
//!
//! [`Git`] is one command of git, run to its end on the calling thread, which may block.
//!
//! # What it promises
//! - The command is told nothing of this process's environment but `PATH` and `HOME`: no `GIT_*` variable, no system
//!   wide configuration, no terminal, no input unless one is given.
//! - No program that the repository's configuration names is run as a hook, a file system monitor, a pager, an
//!   editor, a credential helper, a signer or a transport; nothing is fetched, not even what a partial clone lacks.
//!   Paths are no patterns, replaced objects are not looked at, and a bare repository inside a project is not taken
//!   for the project's own.
//! - It has a process group of its own, which is killed whole when the time is over, when nobody waits any more, when
//!   too much was written, and when its output is not read to the end.
//!
//! # What it does not promise
//! Filters (`clean`, `smudge`, `process`), `textconv` and external diffs are named by attributes and configuration
//! that no switch turns off together. They run when git converts a file, so the commands to use are those that do not:
//! `rev-parse`, `ls-tree`, `cat-file` without `--filters` and `--textconv`, `ls-files`, `update-ref`, `fast-import`,
//! `worktree add --no-checkout`; not `checkout`, `add`, `status`, `diff`, `commit`, `stash`, `archive`. What comes
//! from outside stands behind `--end-of-options` or `--`. The configuration in `HOME` is the person's own and holds.
//!
//! # When it goes wrong
//! [`GitError`] says what could not be done for which purpose, and the way out.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use self::running::{Running, Stopped};

mod error;
mod running;

pub use error::GitError;

/// The oldest git that understands all of this.
const OLDEST: (u32, u32) = (2, 31);

/// How long a command may take unless told otherwise.
const WITHIN: Duration = Duration::from_mins(1);

/// How many bytes a command may write unless told otherwise.
const AT_MOST: u64 = 64 << 20;

/// How much of what git says of a failure is kept, in bytes.
const SAID: usize = 4096;

/// What is configured for every command, over what the repository says.
const CONFIGURED: [&str; 17] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.pager=cat",
    "core.editor=:",
    "core.askPass=",
    "core.sshCommand=false",
    "core.alternateRefsCommand=true",
    "credential.helper=",
    "protocol.allow=never",
    "commit.gpgSign=false",
    "tag.gpgSign=false",
    "gpg.program=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "diff.external=",
    "safe.bareRepository=explicit",
];

/// One command of git.
pub(super) struct Git<'a> {
    /// What it is for, as it stands behind "cannot".
    purpose: &'static str,
    command: Command,
    input: Box<dyn Read + 'a>,
    at_most: u64,
    within: Duration,
}

impl<'a> Git<'a> {
    /// A command that only reads, run in `directory`. It takes no lock of the repository. `purpose` stands behind
    /// "cannot" in errors.
    pub(super) fn reading(purpose: &'static str, directory: &Path) -> Self {
        let mut git = Self::writing(purpose, directory);
        git.command.env("GIT_OPTIONAL_LOCKS", "0");
        git
    }

    /// A command that may write, run in `directory`.
    pub(super) fn writing(purpose: &'static str, directory: &Path) -> Self {
        let mut command = Command::new("git");
        command.current_dir(directory).env_clear();
        for name in ["PATH", "HOME"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        for name in [
            "GIT_CONFIG_NOSYSTEM",
            "GIT_ATTR_NOSYSTEM",
            "GIT_NO_REPLACE_OBJECTS",
            "GIT_NO_LAZY_FETCH",
            "GIT_LITERAL_PATHSPECS",
        ] {
            command.env(name, "1");
        }
        command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
        for setting in CONFIGURED {
            command.args(["-c", setting]);
        }
        Self { purpose, command, input: Box::new(io::empty()), at_most: AT_MOST, within: WITHIN }
    }

    /// The same with one more argument.
    pub(super) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// The same with more arguments.
    pub(super) fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// The same with that as its input; without it, the input is empty. `input` must not wait for long.
    pub(super) fn input(mut self, input: impl Read + 'a) -> Self {
        self.input = Box::new(input);
        self
    }

    /// The same, but it may write that many bytes; without it 64 MiB.
    pub(super) fn at_most(mut self, bytes: u64) -> Self {
        self.at_most = bytes;
        self
    }

    /// The same with that much time; without it a minute.
    pub(super) fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Runs it and returns what it wrote.
    ///
    /// # Errors
    /// [`GitError`]; whatever it had done by then is done.
    pub(super) fn run(self, stop: &CancellationToken) -> Result<Vec<u8>, GitError> {
        self.read(stop, |output| {
            let mut whole = Vec::new();
            output.read_to_end(&mut whole)?;
            Ok(whole)
        })
    }

    /// Runs it and returns what it wrote as one line of text, without its end.
    ///
    /// # Errors
    /// As [`Git::run`], and `InvalidData` if it is no text.
    pub(super) fn line(self, stop: &CancellationToken) -> Result<String, GitError> {
        let purpose = self.purpose;
        let text = String::from_utf8(self.run(stop)?)
            .map_err(|error| GitError::io(purpose)(io::Error::new(io::ErrorKind::InvalidData, error)))?;
        Ok(text.trim_end_matches('\n').to_owned())
    }

    /// Runs it and gives what it writes to `consume`, which need not hold it all. What `consume` leaves is not waited
    /// for: the command is killed.
    ///
    /// # Errors
    /// [`GitError`]; an error of `consume` is [`GitError::Io`], unless it came of the command's own end.
    pub(super) fn read<T>(
        mut self,
        stop: &CancellationToken,
        consume: impl FnOnce(&mut dyn Read) -> io::Result<T>,
    ) -> Result<T, GitError> {
        let purpose = self.purpose;
        self.command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = self.command.spawn().map_err(GitError::start(purpose))?;
        let until = Instant::now().checked_add(self.within);
        let mut running = Running::of(child, self.input, self.at_most, (until, stop.clone()))
            .map_err(GitError::io(purpose))?;
        let consumed = consume(&mut running);
        let outcome = match consumed {
            Ok(consumed) => running.end().map(|ended| (consumed, ended)),
            // A consumer stumbles over an output that ends early: the reason for that is the one that counts.
            Err(error) => match running.end() {
                Ok((status, said)) if !status.success() => return Err(failed(purpose, status, &said)),
                Ok(_) => return Err(GitError::io(purpose)(error)),
                Err(stopped) => Err(stopped),
            },
        };
        match outcome {
            Ok((consumed, (status, _))) if status.success() => Ok(consumed),
            Ok((_, (status, said))) => Err(failed(purpose, status, &said)),
            Err(Stopped::Cancelled) => Err(GitError::Cancelled { purpose }),
            Err(Stopped::TimedOut) => Err(GitError::TimedOut { purpose, within: self.within }),
            Err(Stopped::TooMuch) => Err(GitError::TooMuch { purpose, at_most: self.at_most }),
            Err(Stopped::Io(error)) => Err(GitError::io(purpose)(error)),
        }
    }
}

/// Makes sure that there is a git on this machine, and one that is new enough.
///
/// # Errors
/// [`GitError::Missing`], [`GitError::TooOld`], or why it could not be asked.
pub(super) fn require(purpose: &'static str, stop: &CancellationToken) -> Result<(), GitError> {
    let said = Git::reading(purpose, Path::new("/")).arg("version").line(stop)?;
    if is_new_enough(&said) {
        Ok(())
    } else {
        Err(GitError::TooOld { purpose, found: brief(said.as_bytes()) })
    }
}

fn is_new_enough(said: &str) -> bool {
    let mut numbers = said.strip_prefix("git version ").unwrap_or_default().split('.');
    let mut next = || numbers.next().and_then(|number| number.parse::<u32>().ok());
    matches!((next(), next()), (Some(major), Some(minor)) if (major, minor) >= OLDEST)
}

fn failed(purpose: &'static str, status: ExitStatus, said: &[u8]) -> GitError {
    let said = brief(said);
    if said.contains("not a git repository") {
        return GitError::NotARepository { purpose };
    }
    GitError::Failed { purpose, status, said }
}

/// The last line of what git said that is not empty, for a reader.
fn brief(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let line = text.lines().rev().find(|line| line.starts_with("fatal: ") || line.starts_with("error: "));
    let line = line.or_else(|| text.lines().rev().find(|line| !line.trim().is_empty())).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(300).collect()
}

impl std::fmt::Debug for Git<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let arguments: Vec<&OsStr> = self.command.get_args().skip(2 * CONFIGURED.len()).collect();
        f.debug_struct("Git")
            .field("purpose", &self.purpose)
            .field("arguments", &arguments)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
