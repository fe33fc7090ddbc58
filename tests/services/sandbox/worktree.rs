//! The strategy `git_worktree`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use super::*;

/// Runs git as a person does, and gives what it wrote.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let author = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "protocol.file.allow=always"];
    let output = Command::new("git").current_dir(folder).args(author).args(arguments).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// Makes a repository of a folder, with one commit of what stands there.
pub(crate) fn make_repository(project: &Path) {
    git(project, &["init", "-q", "-b", "main"]);
    git(project, &["add", "-A"]);
    git(project, &["commit", "-q", "-m", "first"]);
}

/// The project as a repository with one commit.
fn repository() -> World {
    let world = World::new();
    fs::write(world.project.path().join(".gitignore"), "*.log\n").unwrap();
    make_repository(world.project.path());
    world
}

async fn create(world: &World) -> Result<Sandbox, SandboxError> {
    let plan = PlanId::from("plan-7");
    world.sandboxes.create(&plan, world.project.path(), SandboxStrategy::GitWorktree).await
}

#[tokio::test]
async fn a_commit_is_recorded_on_the_branch_and_brought_into_the_working_tree() {
    let world = repository();
    let project = world.project.path();
    let sandbox = create(&world).await.unwrap();
    let branch = format!("agentbus/{}", sandbox.id());
    assert_eq!(git(&sandbox.tree(), &["branch", "--show-current"]), branch);
    assert_eq!(git(&sandbox.tree(), &["status", "--porcelain"]), "");
    write(&sandbox, "a.txt", "changed");
    fs::create_dir(sandbox.tree().join("new")).unwrap();
    write(&sandbox, "new/run.sh", "#!/bin/sh\n");
    fs::set_permissions(sandbox.tree().join("new/run.sh"), PermissionsExt::from_mode(0o755)).unwrap();
    symlink("run.sh", sandbox.tree().join("new/link")).unwrap();
    let odd = OsStr::from_bytes(b"-odd\n\"\\ \xff");
    fs::write(sandbox.tree().join(odd), "odd").unwrap();
    write(&sandbox, "build.log", "ignored");
    fs::remove_dir_all(sandbox.tree().join("src")).unwrap();
    assert_eq!(git(project, &["rev-parse", &branch]), git(project, &["rev-parse", "main"]));

    world.sandboxes.commit(sandbox.id()).await.unwrap();

    let listed = git(project, &["ls-tree", "-r", "--format=%(objectmode) %(path)", &branch]);
    let expected = [
        "100644 \"-odd\\n\\\"\\\\ \\377\"",
        "100644 .gitignore",
        "100644 a.txt",
        "120000 new/link",
        "100755 new/run.sh",
    ];
    assert_eq!(listed.lines().collect::<Vec<_>>(), expected);
    assert_eq!(git(project, &["show", &format!("{branch}:a.txt")]), "changed");
    let about = git(project, &["log", "-1", "--format=%an %ae %cn %P", &branch]);
    let parent = git(project, &["rev-parse", "main"]);
    assert_eq!(about, format!("agentbus agentbus@localhost agentbus {parent}"));
    assert_eq!(git(project, &["for-each-ref", "refs/agentbus"]), "");
    assert_eq!(world.read("a.txt"), "changed");
    assert_eq!(world.read("build.log"), "ignored");
    assert_eq!(fs::read_to_string(project.join(odd)).unwrap(), "odd");
    assert_eq!(mode_of(&project.join("new/run.sh")), 0o755);
    assert!(!project.join("src").exists());
    assert_eq!(git(project, &["branch", "--show-current"]), "main");

    world.sandboxes.close(sandbox.id()).await.unwrap();
    assert_eq!(git(project, &["worktree", "list"]).lines().count(), 1);
    git(project, &["rev-parse", "--verify", &branch]);
}

#[tokio::test]
async fn a_branch_on_which_nothing_was_committed_goes_with_its_sandbox() {
    let world = repository();
    let sandbox = create(&world).await.unwrap();
    write(&sandbox, "a.txt", "changed");
    world.sandboxes.rollback(sandbox.id(), "it was wrong").await.unwrap();
    assert_eq!(git(&sandbox.tree(), &["status", "--porcelain"]), "");
    world.sandboxes.close(sandbox.id()).await.unwrap();
    assert_eq!(git(world.project.path(), &["worktree", "list"]).lines().count(), 1);
    assert_eq!(git(world.project.path(), &["for-each-ref", "refs/heads/agentbus"]), "");
    assert_eq!(names(world.root.path()), ["CACHEDIR.TAG", "lock"]);
}

#[tokio::test]
async fn what_somebody_committed_in_the_worktree_stays_below_what_the_sandbox_records() {
    let world = repository();
    let sandbox = create(&world).await.unwrap();
    write(&sandbox, "a.txt", "step one");
    git(&sandbox.tree(), &["commit", "-q", "-a", "-m", "a step"]);
    write(&sandbox, "a.txt", "step two");
    world.sandboxes.commit(sandbox.id()).await.unwrap();
    let branch = format!("agentbus/{}", sandbox.id());
    let subjects = git(world.project.path(), &["log", "--format=%s", &branch]);
    let expected = [format!("Changes of sandbox {}", sandbox.id()), "a step".to_owned(), "first".to_owned()];
    assert_eq!(subjects.lines().collect::<Vec<_>>(), expected);
    assert_eq!(world.read("a.txt"), "step two");
}

#[tokio::test]
async fn a_worktree_whose_link_to_the_project_was_changed_is_still_committed_and_closed() {
    let world = repository();
    let elsewhere = tempfile::tempdir().unwrap();
    git(elsewhere.path(), &["init", "-q"]);
    let sandbox = create(&world).await.unwrap();
    write(&sandbox, "a.txt", "changed");
    let link = format!("gitdir: {}/.git\n", elsewhere.path().display());
    fs::write(sandbox.tree().join(".git"), link).unwrap();
    world.sandboxes.commit(sandbox.id()).await.unwrap();
    world.sandboxes.close(sandbox.id()).await.unwrap();
    assert_eq!(world.read("a.txt"), "changed");
    assert_eq!(git(world.project.path(), &["worktree", "list"]).lines().count(), 1);
    assert_eq!(git(elsewhere.path(), &["for-each-ref"]), "");
}

#[tokio::test]
async fn no_program_that_the_project_names_is_run() {
    let world = repository();
    let project = world.project.path();
    let traps = tempfile::tempdir().unwrap();
    let (trap, mark) = (traps.path().join("trap"), traps.path().join("mark"));
    fs::write(&trap, format!("#!/bin/sh\ntouch '{}'\ncat\n", mark.display())).unwrap();
    fs::set_permissions(&trap, PermissionsExt::from_mode(0o755)).unwrap();
    let program = trap.display().to_string();
    fs::write(project.join(".git/info/attributes"), "* filter=trap diff=trap merge=trap\n").unwrap();
    for key in ["filter.trap.clean", "filter.trap.smudge", "filter.trap.process", "diff.trap.textconv"] {
        git(project, &["config", key, &program]);
    }
    for key in ["core.fsmonitor", "core.editor", "core.pager", "gpg.program", "credential.helper"] {
        git(project, &["config", key, &program]);
    }
    git(project, &["config", "commit.gpgSign", "true"]);
    for hook in ["post-checkout", "reference-transaction", "pre-commit", "post-commit", "post-index-change"] {
        fs::copy(&trap, project.join(".git/hooks").join(hook)).unwrap();
    }

    let sandbox = create(&world).await.unwrap();
    write(&sandbox, "a.txt", "changed");
    world.sandboxes.commit(sandbox.id()).await.unwrap();
    world.sandboxes.close(sandbox.id()).await.unwrap();

    assert!(!mark.exists(), "a program of the project was run");
    assert_eq!(world.read("a.txt"), "changed");
}

#[tokio::test]
async fn another_project_inside_is_left_alone() {
    let (inner, world) = (repository(), repository());
    let project = world.project.path();
    git(project, &["submodule", "--quiet", "add", &inner.project.path().display().to_string(), "inner"]);
    git(project, &["commit", "-q", "-m", "an inner project"]);
    let sandbox = create(&world).await.unwrap();
    assert_eq!(names(&sandbox.tree().join("inner")), Vec::<String>::new());
    write(&sandbox, "a.txt", "changed");
    world.sandboxes.commit(sandbox.id()).await.unwrap();
    assert_eq!(world.read("inner/a.txt"), "one\ntwo\nthree\n");
    let branch = format!("agentbus/{}:inner", sandbox.id());
    assert_eq!(git(project, &["rev-parse", &branch]), git(project, &["rev-parse", "main:inner"]));
    world.sandboxes.close(sandbox.id()).await.unwrap();
}

#[tokio::test]
async fn a_folder_that_is_not_the_top_and_a_repository_without_a_commit_are_refused() {
    let world = repository();
    let plan = PlanId::from("p");
    let inside = world.project.path().join("src");
    let refused = world.sandboxes.create(&plan, &inside, SandboxStrategy::GitWorktree).await.unwrap_err();
    assert!(matches!(refused, SandboxError::Unsupported { .. }), "{refused}");
    assert!(refused.to_string().contains("name the top"), "{refused}");
    let empty = tempfile::tempdir().unwrap();
    git(empty.path(), &["init", "-q"]);
    let refused =
        world.sandboxes.create(&plan, empty.path(), SandboxStrategy::GitWorktree).await.unwrap_err();
    assert!(refused.to_string().contains("no commit yet"), "{refused}");
    world.bus.assert_nothing();
}
