//! Folders of checkpoints, and runs of the program on them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use agentbus::checkpoint::{CheckpointDraft, CheckpointStore};
use tempfile::TempDir;

/// The least that an agent may say.
pub(crate) const DRAFT: &str = r#"{"agent":"agents/planner","session_id":"s-1","phase":"action"}"#;

/// A folder of checkpoints, in a directory that holds nothing else but a file that nobody may touch.
pub(crate) struct Home {
    temp: TempDir,
}

/// What is on disk, but the lock: content, mode, and when each was changed.
pub(crate) type Tree = BTreeMap<PathBuf, (Vec<u8>, u32, i64)>;

impl Home {
    pub(crate) fn new() -> Self {
        let temp = TempDir::new().unwrap();
        fs::create_dir(temp.path().join("folder")).unwrap();
        fs::write(temp.path().join("outside"), "outside").unwrap();
        Self { temp }
    }

    /// One with a checkpoint of the session s-1, and its file.
    pub(crate) fn with_checkpoint() -> (Self, String) {
        let home = Self::new();
        let file = home.store().create(&draft("s-1")).unwrap().file;
        (home, file)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.temp.path().join("folder")
    }

    pub(crate) fn outside(&self) -> PathBuf {
        self.temp.path().join("outside")
    }

    pub(crate) fn file(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.path().join(name.as_ref())
    }

    pub(crate) fn store(&self) -> CheckpointStore {
        CheckpointStore::open_existing(self.path()).unwrap()
    }

    pub(crate) fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        read(&self.path(), Path::new(""), &mut tree);
        tree
    }

    #[track_caller]
    pub(crate) fn assert_outside_untouched(&self) {
        assert_eq!(fs::read_to_string(self.outside()).unwrap(), "outside");
        assert_eq!(fs::read_dir(self.temp.path()).unwrap().count(), 2, "nothing was made outside");
    }

    /// The program with a verb on this folder.
    pub(crate) fn command(&self, verb: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agentbus"));
        command.args(["checkpoint", verb]).arg(self.path()).args(args);
        command.env_remove("RUST_LOG").stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, verb: &str, args: &[&str]) -> Output {
        self.command(verb, args).output().unwrap()
    }
}

/// A draft of a session.
pub(crate) fn draft(session: &str) -> CheckpointDraft {
    CheckpointDraft::new("agents/planner", session, "action")
}

/// Runs a command with that on stdin.
pub(crate) fn fed(command: &mut Command, input: &[u8]) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // One that reads no further is not at fault here.
    drop(stdin.write_all(input));
    drop(stdin);
    child.wait_with_output().unwrap()
}

fn read(root: &Path, below: &Path, tree: &mut Tree) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let (path, meta) = (below.join(entry.file_name()), entry.metadata().unwrap());
        if meta.is_dir() {
            read(root, &path, tree);
        } else if path != Path::new(".lock") {
            let content = if meta.is_file() && meta.len() < 1 << 20 {
                fs::read(entry.path()).unwrap()
            } else {
                Vec::new()
            };
            tree.insert(path, (content, meta.mode(), meta.ctime_nsec() ^ meta.ctime()));
        }
    }
}
