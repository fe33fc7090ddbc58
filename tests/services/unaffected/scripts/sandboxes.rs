use std::fs;

use agentbus::event::{CheckpointId, PlanId, SandboxStrategy};
use agentbus::service::sandbox::{SandboxDiff, SandboxService};

use super::{Bus, Lines};
use crate::support::write;

fn tell(diff: &SandboxDiff) -> Vec<String> {
    diff.files
        .iter()
        .map(|file| format!("{} {:?} {}", file.path.display(), file.kind, file.lines_added))
        .collect()
}

pub(super) async fn script(bus: Bus) -> Lines {
    let mut lines = Lines::new("sandboxes");
    let (project, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(project.path().join("a.txt"), "one\n").unwrap();
    let sandboxes = SandboxService::new(root.path(), bus);
    let plan = PlanId::from("mend");
    let sandbox = sandboxes.create(&plan, project.path(), SandboxStrategy::Copy).await.unwrap();
    let id = sandbox.id().clone();
    lines.say(sandbox.state());
    write(&sandbox, "b.txt", "two\n");
    lines.came(sandboxes.diff(&id).await, |diff| tell(&diff));
    let checkpoint = sandboxes.checkpoint(&id, "so far").await.unwrap();
    lines.say((&checkpoint.reason, checkpoint.files, checkpoint.new_bytes));
    write(&sandbox, "a.txt", "three\n");
    lines.came(sandboxes.diff(&id).await, |diff| tell(&diff));
    lines.came(sandboxes.restore(&id, &checkpoint.id).await, |()| "restored");
    lines.came(sandboxes.restore(&id, &CheckpointId::from("nobody")).await, |()| "restored");
    lines.came(sandboxes.diff(&id).await, |diff| tell(&diff));
    lines.came(sandboxes.rollback(&id, "not so").await, |()| "rolled back");
    lines.say((sandbox.state(), sandboxes.list_checkpoints(&id).unwrap().len()));
    write(&sandbox, "c.txt", "four\n");
    fs::write(project.path().join("c.txt"), "mine\n").unwrap();
    lines.came(sandboxes.commit(&id).await, |diff| tell(&diff));
    fs::remove_file(project.path().join("c.txt")).unwrap();
    lines.came(sandboxes.commit(&id).await, |diff| tell(&diff));
    lines.came(sandboxes.commit(&id).await, |diff| tell(&diff));
    lines.came(sandboxes.close(&id).await, |()| "closed");
    lines.came(sandboxes.diff(&id).await, |diff| tell(&diff));
    lines.say((sandbox.state(), fs::read_to_string(project.path().join("c.txt")).unwrap()));
    lines.call(id, "the sandbox");
    lines.call(project.path().display(), "the project");
    lines
}
