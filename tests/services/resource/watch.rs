//! What others change in a folder that is watched, on a real file system with the system's own notices.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;

use agentbus::event::{ResourceModified, ResourceSource};
use agentbus::service::resource::{DirHandler, ResourceService, WatchError};
use agentbus::service::tool::{ToolCall, ToolContext, ToolRuntime, built_in};
use serde_json::json;

use super::Notes;
use crate::support::World;

impl Notes {
    /// What was told since the last time: `created a`, `moved a to b`, in the order of their words.
    fn told(&self) -> Vec<String> {
        let told = self.bus.all::<ResourceModified>();
        let mut words: Vec<_> = told
            .iter()
            .map(|one| match &one.from_path {
                Some(from) => format!("{} {from} to {}", one.change.as_str(), one.path),
                None => format!("{} {}", one.change.as_str(), one.path),
            })
            .collect();
        words.sort_unstable();
        self.bus.take();
        words
    }
}

#[tokio::test]
async fn what_others_create_modify_move_and_delete_is_told() {
    let it = Notes::new();
    it.put("old", "old");
    let watch = it.resource.watch().await.unwrap();
    it.put("new", "new");
    it.put("old", "other");
    watch.caught_up().await.unwrap();
    assert!(it.bus.all::<ResourceModified>().iter().all(|one| one.source == ResourceSource::Watcher));
    assert_eq!(it.told(), ["created new", "modified old"]);
    fs::rename(it.at("new"), it.at("newer")).unwrap();
    watch.caught_up().await.unwrap();
    assert_eq!(it.told(), ["moved new to newer"]);
    fs::remove_file(it.at("newer")).unwrap();
    watch.caught_up().await.unwrap();
    assert_eq!(it.told(), ["deleted newer"]);
    watch.close().await;
    it.put("late", "");
    it.bus.assert_nothing();
}

#[tokio::test]
async fn new_folders_are_seen_with_what_is_made_in_them_at_once_and_moved_with_what_they_hold() {
    let it = Notes::new();
    let watch = it.resource.watch().await.unwrap();
    it.put("a/b/c/d", "deep");
    watch.caught_up().await.unwrap();
    assert_eq!(it.told(), ["created a/b/c/d"]);
    it.put("a/b/c/e", "deep too");
    watch.caught_up().await.unwrap();
    assert_eq!(it.told(), ["created a/b/c/e"]);
    fs::rename(it.at("a"), it.at("z")).unwrap();
    watch.caught_up().await.unwrap();
    assert_eq!(it.told(), ["moved a/b/c/d to z/b/c/d", "moved a/b/c/e to z/b/c/e"]);
    it.put("z/b/c/d", "another");
    watch.caught_up().await.unwrap();
    assert_eq!(it.told(), ["modified z/b/c/d"]);
    fs::remove_dir_all(it.at("z")).unwrap();
    watch.caught_up().await.unwrap();
    assert_eq!(it.told(), ["deleted z/b/c/d", "deleted z/b/c/e"]);
}

#[tokio::test]
async fn a_save_by_rename_is_a_modification_and_moves_over_the_border_are_creations_and_deletions() {
    let it = Notes::new();
    it.put("text", "old");
    let outside = tempfile::tempdir().unwrap();
    let watch = it.resource.watch().await.unwrap();
    it.put(".text.swap", "new");
    fs::rename(it.at(".text.swap"), it.at("text")).unwrap();
    watch.caught_up().await.unwrap();
    assert_eq!(it.told(), ["modified text"]);
    fs::rename(it.at("text"), outside.path().join("text")).unwrap();
    watch.caught_up().await.unwrap();
    assert_eq!(it.told(), ["deleted text"]);
    fs::rename(outside.path().join("text"), it.at("back")).unwrap();
    watch.caught_up().await.unwrap();
    assert_eq!(it.told(), ["created back"]);
}

#[tokio::test]
async fn of_what_is_ignored_or_has_the_same_content_nothing_is_told() {
    let it = Notes::new();
    it.put(".gitignore", "build/\n*.log\n");
    it.put("a", "a");
    let watch = it.resource.watch().await.unwrap();
    it.put("build/x", "x");
    it.put("x.log", "x");
    it.put(".hidden/x", "x");
    it.put("a", "a");
    fs::set_permissions(it.at("a"), fs::Permissions::from_mode(0o600)).unwrap();
    watch.caught_up().await.unwrap();
    it.put("build/y", "y");
    watch.caught_up().await.unwrap();
    assert!(it.told().is_empty());
    it.put(".gitignore", "build/\na\n");
    watch.caught_up().await.unwrap();
    assert_eq!(it.told(), ["created x.log"], "it came into view; of what was hidden nothing is told");
}

#[tokio::test]
async fn an_ignore_file_that_leads_out_or_never_ends_hides_nothing_and_hinders_nothing() {
    let (it, outside) = (Notes::new(), tempfile::tempdir().unwrap());
    fs::write(outside.path().join("rules"), "*\n").unwrap();
    symlink(outside.path().join("rules"), it.at(".gitignore")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(it.at(".ignore")).status().unwrap().success());
    let watch = it.resource.watch().await.unwrap();
    it.put("a", "a");
    watch.caught_up().await.unwrap();
    assert_eq!(it.told(), ["created a"]);
    fs::remove_file(it.at(".gitignore")).unwrap();
    symlink("/dev/zero", it.at(".gitignore")).unwrap();
    it.put("sub/b", "b");
    watch.caught_up().await.unwrap();
    assert_eq!(it.told(), ["created sub/b"]);
}

#[tokio::test]
async fn a_folder_that_vanishes_ends_the_watch_with_a_reason() {
    let it = Notes::new();
    it.put("sub/a", "a");
    let watch = it.resource.watch().await.unwrap();
    assert!(matches!(it.resource.watch().await, Err(WatchError::Watched { .. })));
    fs::remove_dir_all(it.folder.path()).unwrap();
    assert!(matches!(*watch.ended().await, WatchError::Vanished { .. }));
    assert!(watch.caught_up().await.is_err() && watch.error().is_some());
    assert_eq!(it.told(), ["deleted sub/a"]);
}

#[tokio::test]
async fn what_a_tool_writes_is_told_as_its_own_and_what_a_command_writes_by_the_watcher() {
    let world = World::new();
    let resources = ResourceService::new(world.bus());
    let sandbox = world.sandbox().await;
    let watch = resources.tree_of(&sandbox).unwrap().watch().await.unwrap();
    let (tools, context) =
        (ToolRuntime::new(None), ToolContext::in_sandbox(sandbox).with_resources(resources));
    for tool in built_in() {
        tools.register(tool).unwrap();
    }
    for (tool, input) in [
        ("write_file", json!({"path": "new/by-tool", "content": "x"})),
        ("replace_in_file", json!({"path": "a.txt", "old": "two", "new": "2"})),
        ("run_command", json!({"command": ["touch", "by-command"]})),
    ] {
        tools.call(ToolCall::new(tool, input), &context).await.unwrap();
    }
    watch.caught_up().await.unwrap();
    let told = world.bus.all::<ResourceModified>();
    let told: Vec<_> = told.iter().map(|one| (one.source.as_str(), one.path.as_str())).collect();
    assert_eq!(told, [("tool", "new/by-tool"), ("tool", "a.txt"), ("watcher", "by-command")]);
}

#[tokio::test]
async fn what_the_service_changes_over_links_is_told_once_and_where_it_stands() {
    let it = Notes::new();
    it.put("real/a", "a");
    it.put("real/old", "old");
    symlink("real/a", it.at("link")).unwrap();
    symlink("real/none", it.at("dangling")).unwrap();
    symlink("real", it.at("way")).unwrap();
    let watch = it.resource.watch().await.unwrap();
    it.resource.write("link", "b").await.unwrap();
    it.resource.write("dangling", "made").await.unwrap();
    it.resource.write("way/new/c", "c").await.unwrap();
    watch.caught_up().await.unwrap();
    assert_eq!(it.told(), ["created real/new/c", "created real/none", "modified real/a"]);
    it.resource.rename("way/old", "way/new/old").await.unwrap();
    it.resource.rename("link", "way/link").await.unwrap();
    it.resource.delete("way/a").await.unwrap();
    it.resource.delete("real/link").await.unwrap();
    watch.caught_up().await.unwrap();
    let told =
        ["deleted real/a", "deleted real/link", "moved link to real/link", "moved real/old to real/new/old"];
    assert_eq!(it.told(), told);
}

#[tokio::test]
async fn what_a_sandbox_puts_back_is_told_as_changed_by_the_service_and_the_rest_by_the_watcher() {
    let world = World::new();
    let resources = ResourceService::new(world.bus());
    let sandbox = world.sandbox().await;
    let tree = resources.tree_of(&sandbox).unwrap();
    let access = sandbox.write_access().unwrap();
    tree.write("a.txt", "changed").await.unwrap();
    drop(access);
    let checkpoint = world.sandboxes.checkpoint(sandbox.id(), "so far").await.unwrap();
    let watch = tree.watch().await.unwrap();
    let told = || {
        let told = world.bus.all::<ResourceModified>();
        let mut told: Vec<_> = told
            .iter()
            .map(|one| format!("{} {} {}", one.source.as_str(), one.change.as_str(), one.path))
            .collect();
        told.sort_unstable();
        world.bus.take();
        told
    };
    told();
    fs::write(sandbox.tree().join("a.txt"), "by a command").unwrap();
    fs::write(sandbox.tree().join("more"), "by a command").unwrap();
    watch.caught_up().await.unwrap();
    assert_eq!(told(), ["watcher created more", "watcher modified a.txt"]);
    world.sandboxes.restore(sandbox.id(), &checkpoint.id).await.unwrap();
    watch.caught_up().await.unwrap();
    assert_eq!(told(), ["service deleted more", "service modified a.txt"]);
    world.sandboxes.rollback(sandbox.id(), "all of it").await.unwrap();
    fs::write(sandbox.tree().join("more"), "once more").unwrap();
    watch.caught_up().await.unwrap();
    assert_eq!(told(), ["service modified a.txt", "watcher created more"]);
}

#[tokio::test]
async fn a_single_file_cannot_be_watched_and_a_folder_without_a_bus_can() {
    let folder = tempfile::tempdir().unwrap();
    let resources = ResourceService::new(None);
    let resource = resources.register("a", Arc::new(DirHandler::open(folder.path()).unwrap())).unwrap();
    let watch = resource.watch().await.unwrap();
    fs::write(folder.path().join("a"), "a").unwrap();
    watch.caught_up().await.unwrap();
    let file = agentbus::service::resource::FileHandler::open(folder.path().join("a")).unwrap();
    let file = resources.register("b", Arc::new(file)).unwrap();
    assert!(matches!(file.watch().await, Err(WatchError::Resource(_))));
}
