//! Commands of git on repositories, good and hostile.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;

fn git(directory: &Path, arguments: &[&str]) -> Result<String, GitError> {
    Git::writing("test", directory).args(arguments).line(&CancellationToken::new())
}

/// A repository with one commit of `a.txt`.
fn repository() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "-q", "-b", "main"]).unwrap();
    fs::write(folder.path().join("a.txt"), "one\n").unwrap();
    git(folder.path(), &["add", "-A"]).unwrap();
    let author = ["-c", "user.name=t", "-c", "user.email=t@localhost"];
    git(folder.path(), &[&author[..], &["commit", "-q", "-m", "first"]].concat()).unwrap();
    folder
}

/// A program that leaves a mark where it ran.
fn trap(folder: &Path) -> (String, std::path::PathBuf) {
    let (program, mark) = (folder.join("trap.sh"), folder.join("mark"));
    fs::write(&program, format!("#!/bin/sh\ntouch '{}'\ncat\n", mark.display())).unwrap();
    fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    (program.display().to_string(), mark)
}

#[test]
fn what_git_writes_is_read_and_its_input_is_given() {
    let repository = repository();
    let tree = git(repository.path(), &["rev-parse", "HEAD^{tree}"]).unwrap();
    assert_eq!(tree.len(), 40, "{tree}");
    let batch =
        Git::reading("read", repository.path()).args(["cat-file", "--batch"]).input(&b"HEAD:a.txt\n"[..]);
    let read = batch.run(&CancellationToken::new()).unwrap();
    assert!(read.ends_with(b" blob 4\none\n\n"), "{read:?}");
}

#[test]
fn an_input_and_an_output_larger_than_the_pipes_do_not_wait_for_each_other() {
    let repository = repository();
    let wanted = "HEAD:a.txt\n".repeat(50_000);
    let git = Git::reading("read", repository.path()).args(["cat-file", "--batch"]).input(wanted.as_bytes());
    let read = git.run(&CancellationToken::new()).unwrap();
    assert_eq!(String::from_utf8(read).unwrap().lines().count(), 150_000);
}

#[test]
fn a_folder_that_is_no_repository_is_told_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let error = git(folder.path(), &["rev-parse", "HEAD"]).unwrap_err();
    assert!(matches!(error, GitError::NotARepository { .. }), "{error}");
    assert!(error.to_string().contains("git init"), "{error}");
}

#[test]
fn what_git_says_of_a_failure_is_told() {
    let error = git(repository().path(), &["rev-parse", "--verify", "nothing"]).unwrap_err();
    assert!(matches!(error, GitError::Failed { .. }), "{error}");
    assert!(error.to_string().contains("Needed a single revision"), "{error}");
}

#[test]
fn an_output_that_is_too_long_ends_the_command() {
    let git = Git::reading("read", Path::new("/")).args(["help", "-a"]).at_most(10);
    let error = git.run(&CancellationToken::new()).unwrap_err();
    assert!(matches!(error, GitError::TooMuch { at_most: 10, .. }), "{error}");
}

/// An input that never ends, so that the command does not either.
fn for_ever() -> impl Read {
    io::repeat(b'\n')
}

#[test]
fn a_command_that_takes_too_long_is_killed() {
    let repository = repository();
    let git = Git::reading("hash", repository.path()).args(["hash-object", "--stdin"]).input(for_ever());
    let error = git.within(Duration::from_millis(50)).run(&CancellationToken::new()).unwrap_err();
    assert!(matches!(error, GitError::TimedOut { .. }), "{error}");
}

#[test]
fn a_command_that_nobody_waits_for_is_killed() {
    let repository = repository();
    let stop = CancellationToken::new();
    // It is cancelled when its input is first asked for, so in the middle.
    let input = (&b"x"[..]).chain(Cancelling(stop.clone())).chain(for_ever());
    let git = Git::reading("hash", repository.path()).args(["hash-object", "--stdin"]).input(input);
    let error = git.run(&stop).unwrap_err();
    assert!(matches!(error, GitError::Cancelled { .. }), "{error}");
}

struct Cancelling(CancellationToken);

impl Read for Cancelling {
    fn read(&mut self, _into: &mut [u8]) -> io::Result<usize> {
        self.0.cancel();
        Ok(0)
    }
}

#[test]
fn an_output_that_is_not_read_to_its_end_ends_the_command() {
    let repository = repository();
    let git = Git::reading("read", repository.path()).args(["cat-file", "--batch"]).input(for_ever());
    let outcome = git.read(&CancellationToken::new(), |output| output.read_exact(&mut [0; 4]));
    assert!(matches!(outcome, Err(GitError::Failed { .. })), "{outcome:?}");
}

#[test]
fn no_program_of_a_hostile_repository_is_run() {
    let repository = repository();
    let (program, mark) = trap(repository.path());
    for key in
        ["core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "credential.helper", "gpg.program"]
    {
        git(repository.path(), &["config", key, &program]).unwrap();
    }
    for key in ["filter.trap.clean", "filter.trap.smudge", "diff.trap.textconv"] {
        git(repository.path(), &["config", key, &program]).unwrap();
    }
    git(repository.path(), &["config", "commit.gpgSign", "true"]).unwrap();
    fs::write(repository.path().join(".git/info/attributes"), "* filter=trap diff=trap\n").unwrap();
    let hooks = repository.path().join(".git/hooks");
    fs::create_dir_all(&hooks).unwrap();
    for hook in ["post-checkout", "reference-transaction", "post-index-change", "pre-auto-gc"] {
        fs::copy(&program, hooks.join(hook)).unwrap();
    }
    git(repository.path(), &["config", "core.hooksPath", &hooks.display().to_string()]).unwrap();

    let place = tempfile::tempdir().unwrap();
    let tree = place.path().join("tree").display().to_string();
    let import =
        "commit refs/heads/new\ncommitter a <a@localhost> 0 +0000\ndata 1\nx\nM 100644 inline f\ndata 1\ny\n";
    git(repository.path(), &["worktree", "add", "--no-checkout", "-q", "-b", "b", &tree, "HEAD"]).unwrap();
    git(repository.path(), &["ls-tree", "-r", "-z", "HEAD"]).unwrap();
    git(repository.path(), &["ls-files", "--others", "-z"]).unwrap();
    git(repository.path(), &["update-ref", "refs/heads/c", "HEAD"]).unwrap();
    let import =
        Git::writing("import", repository.path()).args(["fast-import", "--quiet"]).input(import.as_bytes());
    import.run(&CancellationToken::new()).unwrap();
    let batch =
        Git::reading("read", repository.path()).args(["cat-file", "--batch"]).input(&b"HEAD:a.txt\n"[..]);
    batch.run(&CancellationToken::new()).unwrap();
    assert!(!mark.exists(), "a program of the repository was run");
}

#[test]
fn a_bare_repository_inside_a_project_is_not_taken_for_its_own() {
    let repository = repository();
    let inner = repository.path().join("inner");
    fs::create_dir(&inner).unwrap();
    git(&inner, &["init", "-q", "--bare", "."]).unwrap();
    assert!(git(&inner, &["rev-parse", "--git-dir"]).is_err());
}

#[test]
fn versions_are_compared_by_their_numbers() {
    for said in
        ["git version 2.47.3", "git version 2.31.0", "git version 2.39.5 (Apple Git-154)", "git version 3.0"]
    {
        assert!(is_new_enough(said), "{said}");
    }
    for said in ["git version 2.30.9", "git version 1.99", "git version x", "", "something else"] {
        assert!(!is_new_enough(said), "{said}");
    }
    require("test", &CancellationToken::new()).unwrap();
}
