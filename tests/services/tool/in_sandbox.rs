//! The built-in tools, in a sandbox on a real file system and with real processes.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use agentbus::event::{
    Hash, ResourceAccessed, ResourceChange, ResourceModified, ResourceSource, SandboxCreated, ToolCompleted,
    ToolErrorKind, ToolInvoked,
};
use agentbus::service::resource::ResourceService;
use agentbus::service::tool::{ToolCall, ToolContext, ToolOptions, ToolRuntime, built_in};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::{World, is_running, until};

/// The built-in tools in a sandbox.
struct InSandbox {
    world: World,
    tools: ToolRuntime,
    context: ToolContext,
}

async fn in_sandbox() -> InSandbox {
    let world = World::new();
    let context =
        ToolContext::in_sandbox(world.sandbox().await).with_resources(ResourceService::new(world.bus()));
    let tools = ToolRuntime::new(world.bus());
    for tool in built_in() {
        tools.register(tool).expect("each has its name");
    }
    InSandbox { world, tools, context }
}

impl InSandbox {
    async fn call(&self, tool: &str, input: Value) -> Result<String, String> {
        let called = self.tools.call(ToolCall::new(tool, input), &self.context).await;
        called.map(|result| result.output).map_err(|failure| failure.message)
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.context.sandbox().expect("it has one").tree().join(path)
    }
}

#[tokio::test]
async fn files_are_written_read_changed_listed_found_and_deleted() {
    let it = in_sandbox().await;
    it.call("write_file", json!({"path": "new/b.txt", "content": "x = 1\ny = 1\n"})).await.unwrap();
    assert_eq!(it.call("read_file", json!({"path": "new/b.txt"})).await.unwrap(), "x = 1\ny = 1\n");
    let some = it.call("read_file", json!({"path": "a.txt", "first_line": 2, "lines": 1})).await;
    assert_eq!(some.unwrap(), "two\n");
    let twice = it.call("replace_in_file", json!({"path": "new/b.txt", "old": "= 1", "new": "= 2"})).await;
    assert!(twice.unwrap_err().contains("occurs 2 times"));
    let none = it.call("replace_in_file", json!({"path": "new/b.txt", "old": "z", "new": ""})).await;
    assert!(none.unwrap_err().contains("occurs 0 times"));
    let all = json!({"path": "new/b.txt", "old": "= 1", "new": "= 2", "all": true});
    it.call("replace_in_file", all).await.unwrap();
    let once = json!({"path": "new/b.txt", "old": "x = 2", "new": "x = 3"});
    it.call("replace_in_file", once).await.unwrap();
    assert_eq!(fs::read_to_string(it.path("new/b.txt")).unwrap(), "x = 3\ny = 2\n");
    assert_eq!(it.call("list_files", json!({})).await.unwrap(), "a.txt\nnew/b.txt\nsrc/lib.rs\n");
    assert_eq!(it.call("list_files", json!({"glob": "**/*.rs"})).await.unwrap(), "src/lib.rs\n");
    assert_eq!(it.call("list_files", json!({"max": 1})).await.unwrap(), "a.txt\n(there is more)\n");
    let literal = it.call("search_files", json!({"pattern": "= 2"})).await;
    assert_eq!(literal.unwrap(), "new/b.txt:2: y = 2\n");
    let regex = json!({"pattern": "^T(WO|HREE)$", "regex": true, "ignore_case": true, "path": "."});
    assert_eq!(it.call("search_files", regex).await.unwrap(), "a.txt:2: two\na.txt:3: three\n");
    let bad = it.call("search_files", json!({"pattern": "(", "regex": true})).await;
    assert!(bad.unwrap_err().contains("cannot read the pattern"));
    it.call("delete_file", json!({"path": "new/b.txt"})).await.unwrap();
    assert_eq!(it.call("list_files", json!({"path": "new"})).await.unwrap(), "no file");
}

#[tokio::test]
async fn a_number_that_is_none_of_things_is_refused_by_its_key_and_the_least_value() {
    let it = in_sandbox().await;
    for (tool, mut input, key) in [
        ("read_file", json!({"path": "a.txt"}), "first_line"),
        ("read_file", json!({"path": "a.txt"}), "lines"),
        ("list_files", json!({}), "max"),
        ("search_files", json!({"pattern": "t"}), "max"),
    ] {
        for number in [json!(-1), json!(0), json!(-1e300)] {
            input[key] = number;
            assert_eq!(
                it.call(tool, input.clone()).await.unwrap_err(),
                format!("`{key}` must be at least 1")
            );
        }
        for number in [json!(1), json!(1.0), json!(1e300)] {
            input[key] = number;
            it.call(tool, input.clone()).await.unwrap();
        }
    }
    let some = it.call("read_file", json!({"path": "a.txt", "first_line": 2.0, "lines": 1e30})).await;
    assert_eq!(some.unwrap(), "two\nthree\n");
}

#[tokio::test]
async fn a_path_that_leaves_the_sandbox_is_refused_and_nothing_outside_is_touched() {
    let it = in_sandbox().await;
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    fs::write(&secret, "secret\n").unwrap();
    symlink(&secret, it.path("link")).unwrap();
    symlink(outside.path(), it.path("folder")).unwrap();
    symlink("../../..", it.path("up")).unwrap();
    fs::write(it.path("../store/beside"), "secret\n").unwrap();
    let absolute = secret.to_str().unwrap().to_owned();
    let paths = [
        "../store/beside",
        &absolute,
        "link",
        "folder/secret",
        "up/x",
        "src/../../store/beside",
        "a\0b",
        "folder/new/deep",
    ];
    for path in paths {
        for (tool, input) in [
            ("read_file", json!({"path": path})),
            ("write_file", json!({"path": path, "content": "gotcha"})),
            ("replace_in_file", json!({"path": path, "old": "secret", "new": "gotcha"})),
            ("list_files", json!({"path": path})),
            ("search_files", json!({"path": path, "pattern": "secret"})),
            ("run_command", json!({"directory": path, "command": ["pwd"]})),
        ] {
            let failure = it.call(tool, input).await.unwrap_err();
            if matches!(tool, "read_file" | "write_file") && !path.contains('\0') {
                assert!(failure.contains("leads out of the sandbox"), "{path}: {failure}");
            }
        }
        if path != "link" {
            assert!(it.call("delete_file", json!({"path": path})).await.is_err(), "{path}");
        }
    }
    it.call("delete_file", json!({"path": "link"})).await.unwrap();
    assert_eq!(fs::read_to_string(&secret).unwrap(), "secret\n");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(it.path("../store/beside")).unwrap(), "secret\n");
    assert_eq!(it.call("search_files", json!({"pattern": "secret"})).await.unwrap(), "no match");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_swapped_in_again_and_again_never_lets_a_write_out() {
    let it = in_sandbox().await;
    let outside = tempfile::tempdir().unwrap();
    let (inside, target) = (it.path("dir"), outside.path().to_owned());
    fs::create_dir(&inside).unwrap();
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let (aside, swapped) = (it.path("aside"), inside.clone());
    let swapping = tokio::task::spawn_blocking(move || {
        while !stopped.is_cancelled() {
            // A write in the middle may have made the folder anew, so that a step here fails; the next round mends it.
            let steps = [
                fs::rename(&swapped, &aside),
                symlink(&target, &swapped),
                fs::remove_file(&swapped),
                fs::rename(&aside, &swapped),
            ];
            if steps.iter().any(Result::is_err) {
                drop(fs::remove_dir_all(&swapped));
                drop(fs::rename(&aside, &swapped));
            }
        }
    });
    for nth in 0..300 {
        // Each write comes before, after or within a swap: it succeeds inside, or fails.
        drop(it.call("write_file", json!({"path": format!("dir/{nth}"), "content": "x"})).await);
    }
    stop.cancel();
    swapping.await.unwrap();
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_pipe_or_binary_or_missing_file_is_refused_and_not_waited_for() {
    let it = in_sandbox().await;
    it.call("run_command", json!({"command": ["mkfifo", "pipe"]})).await.unwrap();
    fs::write(it.path("binary"), [0xff, 0xfe]).unwrap();
    assert!(it.call("read_file", json!({"path": "pipe"})).await.unwrap_err().contains("not a regular file"));
    assert!(it.call("write_file", json!({"path": "pipe", "content": ""})).await.is_err());
    assert!(it.call("read_file", json!({"path": "binary"})).await.unwrap_err().contains("not text"));
    assert!(it.call("read_file", json!({"path": "missing"})).await.unwrap_err().contains("missing"));
    assert!(it.call("read_file", json!({"path": "src"})).await.is_err());
    assert_eq!(it.call("search_files", json!({"pattern": "one"})).await.unwrap(), "a.txt:1: one\n");
}

#[tokio::test]
async fn a_command_has_the_folder_and_environment_of_the_sandbox_and_no_input() {
    let it = in_sandbox().await;
    let script = "pwd; env | sort; cat; echo oops >&2; exit 3";
    let output =
        it.call("run_command", json!({"command": ["sh", "-c", script], "directory": "src"})).await.unwrap();
    let sandbox = it.context.sandbox().unwrap();
    assert!(output.starts_with("exit status: 3\n--- stdout\n"), "{output}");
    assert!(output.contains(&format!("{}\n", it.path("src").display())), "{output}");
    assert!(output.contains(&format!("CARGO_TARGET_DIR={}\n", sandbox.target().display())), "{output}");
    assert!(output.ends_with("--- stderr\noops\n"), "{output}");
    let allowed = [
        "PATH",
        "HOME",
        "CARGO_HOME",
        "RUSTUP_HOME",
        "RUSTUP_TOOLCHAIN",
        "CARGO_TARGET_DIR",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
    ];
    for name in output.lines().filter_map(|line| line.split_once('=').map(|(name, _)| name)) {
        assert!(allowed.contains(&name), "{name} was passed on");
    }
    for command in [json!([]), json!([""]), json!(["no-such-program-anywhere"])] {
        assert!(it.call("run_command", json!({"command": command})).await.is_err(), "{command}");
    }
}

#[tokio::test]
async fn a_flood_of_output_is_drained_and_cut() {
    let it = in_sandbox().await;
    let command = json!({"command": ["sh", "-c", "yes | head -c 5000000; echo the end"]});
    let output = it.call("run_command", command).await.unwrap();
    assert!(output.len() < 64 << 10 && output.contains("bytes left out]"), "{}", output.len());
    assert!(output.ends_with("the end\n"));
    assert!(it.world.bus.only::<ToolCompleted>().truncated);
}

/// Starts a command that leaves a grandchild, and returns the future of the call.
fn family(it: &InSandbox, timeout: Duration) -> (ToolRuntime, ToolCall) {
    let tools = ToolRuntime::with_options(ToolOptions::default().with_timeout(timeout), it.world.bus());
    for tool in built_in() {
        tools.register(tool).expect("each has its name");
    }
    let script = "sh -c 'echo $$ > child; echo ready > ready; sleep 1000' & echo $$ > leader; wait";
    (tools, ToolCall::new("run_command", json!({"command": ["sh", "-c", script]})))
}

fn pid(it: &InSandbox, name: &str) -> String {
    fs::read_to_string(it.path(name)).expect("it was written").trim().to_owned()
}

async fn assert_gone(it: &InSandbox) {
    for name in ["leader", "child"] {
        let pid = pid(it, name);
        until(|| !is_running(&pid)).await;
    }
}

fn is_ready(it: &InSandbox) -> bool {
    let written = |name| fs::read_to_string(it.path(name)).is_ok_and(|text| text.ends_with('\n'));
    written("ready") && written("leader") && written("child")
}

#[tokio::test]
async fn a_command_that_hangs_is_killed_with_its_children_at_the_timeout() {
    let it = in_sandbox().await;
    let (tools, call) = family(&it, Duration::from_secs(1));
    let failure = tools.call(call, &it.context).await.unwrap_err();
    assert_eq!(failure.kind, ToolErrorKind::Timeout);
    assert_gone(&it).await;
    // What it held is free again.
    until(|| it.context.sandbox().unwrap().state() == agentbus::service::sandbox::SandboxState::Active).await;
    assert!(it.world.sandboxes.diff(it.context.sandbox().unwrap().id()).await.is_ok());
}

#[tokio::test]
async fn a_cancelled_command_and_a_dropped_one_are_killed_with_their_children() {
    let it = in_sandbox().await;
    let (tools, call) = family(&it, Duration::from_mins(10));
    let token = CancellationToken::new();
    let context = it.context.clone().with_cancellation(token.clone());
    let (called, ()) = tokio::join!(tools.call(call.clone(), &context), async {
        until(|| is_ready(&it)).await;
        token.cancel();
    });
    assert_eq!(called.unwrap_err().kind, ToolErrorKind::Cancelled);
    assert_gone(&it).await;

    fs::remove_file(it.path("ready")).unwrap();
    tokio::select! {
        called = tools.call(call, &it.context) => panic!("{called:?}"),
        () = until(|| is_ready(&it)) => {}
    }
    assert_gone(&it).await;
}

#[tokio::test]
async fn a_grandchild_that_keeps_the_output_open_does_not_hold_the_call() {
    let it = in_sandbox().await;
    let script = "sleep 1000 & echo $! > child; echo done";
    let output = it.call("run_command", json!({"command": ["sh", "-c", script]})).await.unwrap();
    assert!(output.contains("done"));
    let child = pid(&it, "child");
    until(|| !is_running(&child)).await;
    let escaped = "setsid sleep 3 & echo free";
    let output = it.call("run_command", json!({"command": ["sh", "-c", escaped]})).await.unwrap();
    assert!(output.contains("free"));
}

#[tokio::test]
async fn of_an_output_that_was_cut_the_whole_is_measured() {
    let it = in_sandbox().await;
    let script = "head -c 3000000 /dev/zero";
    let call = ToolCall::new("run_command", json!({"command": ["sh", "-c", script]}));
    let result = it.tools.call(call, &it.context).await.unwrap();
    assert!(result.truncated && result.output.len() < 64 << 10, "{} bytes", result.output.len());
    assert_eq!((result.bytes, result.hash), (3_000_000, Hash::of(vec![0; 3_000_000])));
    let told = it.world.bus.only::<ToolCompleted>();
    assert_eq!((told.output_bytes, told.output_hash, told.truncated), (result.bytes, result.hash, true));
}

#[tokio::test]
async fn a_write_makes_the_sandbox_active_and_a_read_does_not() {
    use agentbus::service::sandbox::SandboxState;
    let it = in_sandbox().await;
    let sandbox = it.context.sandbox().unwrap();
    it.call("read_file", json!({"path": "a.txt"})).await.unwrap();
    it.call("list_files", json!({})).await.unwrap();
    assert_eq!(sandbox.state(), SandboxState::Created);
    it.call("write_file", json!({"path": "a.txt", "content": "x"})).await.unwrap();
    assert_eq!(sandbox.state(), SandboxState::Active);
    assert_eq!(it.world.bus.only::<SandboxCreated>().files, 2);
    it.world.sandboxes.commit(sandbox.id()).await.unwrap();
    let late = it.call("write_file", json!({"path": "a.txt", "content": "y"})).await;
    assert!(late.unwrap_err().contains("while it is committed"));
    assert_eq!(it.world.read("a.txt"), "x");
}

#[tokio::test]
async fn what_a_tool_writes_and_reads_is_told_in_its_call() {
    let it = in_sandbox().await;
    it.call("write_file", json!({"path": "src/../b.txt", "content": "one"})).await.unwrap();
    let invoked = it.world.bus.only::<ToolInvoked>();
    let told = it.world.bus.only::<ResourceModified>();
    assert_eq!(told.event().causation_id(), Some(invoked.event().id()));
    assert_eq!(told.event().plan_id(), invoked.event().plan_id());
    let sandbox = it.context.sandbox().unwrap().id();
    assert_eq!((told.resource.as_str(), told.path.as_str()), (&*format!("sandbox://{sandbox}"), "b.txt"));
    assert_eq!(
        (told.change, told.source, told.bytes),
        (ResourceChange::Created, ResourceSource::Tool, Some(3))
    );
    it.call("replace_in_file", json!({"path": "b.txt", "old": "one", "new": "three"})).await.unwrap();
    it.call("search_files", json!({"pattern": "three"})).await.unwrap();
    it.call("list_files", json!({})).await.unwrap();
    it.call("delete_file", json!({"path": "b.txt"})).await.unwrap();
    let changes: Vec<_> = it.world.bus.all::<ResourceModified>().iter().map(|one| one.change).collect();
    assert_eq!(changes, [ResourceChange::Created, ResourceChange::Modified, ResourceChange::Deleted]);
    let read: Vec<_> = it
        .world
        .bus
        .all::<ResourceAccessed>()
        .iter()
        .map(|one| (one.operation.as_str(), one.bytes))
        .collect();
    let searched = "one\ntwo\nthree\n".len() + "//! A library.\n".len() + "three".len();
    assert_eq!(read, [("read", 3), ("read", searched as u64), ("list", 0)]);
}

#[tokio::test]
async fn what_a_tool_is_refused_is_not_told_as_a_change() {
    let it = in_sandbox().await;
    it.call("write_file", json!({"path": "../x", "content": "x"})).await.unwrap_err();
    it.call("delete_file", json!({"path": "none"})).await.unwrap_err();
    it.call("replace_in_file", json!({"path": "a.txt", "old": "none", "new": ""})).await.unwrap_err();
    assert!(it.world.bus.all::<ResourceModified>().is_empty());
    assert_eq!(it.world.bus.only::<ResourceAccessed>().bytes, 14, "it was read to be looked through");
}

#[tokio::test]
async fn without_a_service_of_resources_tools_do_the_same_and_tell_nothing_of_files() {
    let mut it = in_sandbox().await;
    it.context = ToolContext::in_sandbox(it.context.sandbox().unwrap().clone());
    it.call("write_file", json!({"path": "b.txt", "content": "one"})).await.unwrap();
    assert_eq!(it.call("read_file", json!({"path": "b.txt"})).await.unwrap(), "one");
    assert!(it.world.bus.all::<ResourceModified>().is_empty());
}

#[tokio::test]
async fn a_write_keeps_the_mode_of_a_file_and_reaches_no_other_name_of_it_outside() {
    let it = in_sandbox().await;
    let outside = it.world.root.path().join("outside");
    fs::write(&outside, "old").unwrap();
    fs::set_permissions(&outside, fs::Permissions::from_mode(0o750)).unwrap();
    fs::hard_link(&outside, it.path("run")).unwrap();
    it.call("write_file", json!({"path": "run", "content": "new"})).await.unwrap();
    assert_eq!(
        (fs::read_to_string(&outside).unwrap(), fs::read_to_string(it.path("run")).unwrap()),
        ("old".into(), "new".into())
    );
    assert_eq!(fs::metadata(it.path("run")).unwrap().permissions().mode() & 0o777, 0o750);
}

#[tokio::test]
async fn what_would_grow_or_compile_without_bound_is_refused() {
    let it = in_sandbox().await;
    let long = "a".repeat(1 << 20);
    let call = |tool: &str, input: Value| {
        let (tools, context, call) = (it.tools.clone(), it.context.clone(), ToolCall::new(tool, input));
        async move { tools.call(call, &context).await }
    };
    call("write_file", json!({"path": "long.txt", "content": long})).await.unwrap();
    let replace = json!({"path": "long.txt", "old": "a", "new": long, "all": true});
    let refused = call("replace_in_file", replace).await.unwrap_err();
    assert!(refused.message.contains("too long to be put 1048576 times"), "{refused}");
    let refused = call("list_files", json!({"glob": "?".repeat(1_000_000)})).await.unwrap_err();
    assert!(refused.message.contains("cannot read the glob"), "{refused}");
}
