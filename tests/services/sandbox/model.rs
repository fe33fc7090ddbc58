//! Sandboxes against a small model: random operations, of which those refused change nothing and tell nothing, and the
//! others tell exactly what they must.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agentbus::event::{CheckpointId, SandboxId};
use agentbus::testing::RecordingEventBus;
use agentbus::{DomainEvent, EventBus};
use proptest::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

use super::worktree::make_repository;
use super::*;

const FILES: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Op {
    /// In the sandbox; no content removes the file.
    Write(usize, Option<u8>),
    /// In the project, by somebody else.
    Outside(usize, Option<u8>),
    Diff,
    Commit,
    RollBack,
    RollBackTo(usize),
    Checkpoint,
    Restore(usize),
    Prune(usize),
    Close,
    Reopen,
}

fn op() -> impl Strategy<Value = Op> {
    let content = || prop::option::weighted(0.8, 0..3_u8);
    prop_oneof![
        8 => (0..FILES.len(), content()).prop_map(|(file, content)| Op::Write(file, content)),
        2 => (0..FILES.len(), content()).prop_map(|(file, content)| Op::Outside(file, content)),
        2 => Just(Op::Diff),
        2 => Just(Op::Commit),
        2 => Just(Op::RollBack),
        1 => (0..4_usize).prop_map(Op::RollBackTo),
        4 => Just(Op::Checkpoint),
        3 => (0..4_usize).prop_map(Op::Restore),
        1 => (0..3_usize).prop_map(Op::Prune),
        1 => Just(Op::Close),
        2 => Just(Op::Reopen),
    ]
}

/// File by file, what it holds.
type Files = BTreeMap<&'static str, String>;

fn content(number: u8) -> String {
    "line\n".repeat(usize::from(number) + 1)
}

fn put(files: &mut Files, file: usize, content_of: Option<u8>) {
    match content_of {
        Some(number) => drop(files.insert(FILES[file], content(number))),
        None => drop(files.remove(FILES[file])),
    }
}

/// Which files are different: whether each is there before and after.
fn changed(from: &Files, to: &Files) -> Vec<(&'static str, bool, bool)> {
    let differs = |file: &&'static str| from.get(file) != to.get(file);
    FILES
        .into_iter()
        .filter(differs)
        .map(|file| (file, from.contains_key(file), to.contains_key(file)))
        .collect()
}

fn count(changed: &[(&str, bool, bool)], before: bool, after: bool) -> usize {
    changed.iter().filter(|(_, was, is)| (*was, *is) == (before, after)).count()
}

struct Model {
    in_place: bool,
    state: SandboxState,
    base: Files,
    tree: Files,
    project: Files,
    stored: BTreeSet<String>,
    checkpoints: Vec<Files>,
}

impl Model {
    fn new(in_place: bool) -> Self {
        let base = Files::from([("a", content(0)), ("b", content(1))]);
        let stored = base.values().cloned().collect();
        let (tree, project) = (base.clone(), base.clone());
        Self { in_place, state: SandboxState::Created, base, tree, project, stored, checkpoints: Vec::new() }
    }

    fn is_open(&self) -> bool {
        !matches!(self.state, SandboxState::Committed | SandboxState::Closed)
    }

    fn store(&mut self) -> usize {
        let new = changed(&self.base, &self.tree).into_iter().filter_map(|(file, ..)| self.tree.get(file));
        let new: BTreeSet<_> = new.filter(|content| !self.stored.contains(*content)).cloned().collect();
        let bytes = new.iter().map(String::len).sum();
        self.stored.extend(new);
        bytes
    }

    /// Does it. None if it is refused; else what is told.
    fn act(&mut self, op: &Op) -> Option<Vec<String>> {
        let (is_open, different) = (self.is_open(), changed(&self.base, &self.tree));
        let is_dirty = !different.is_empty() || self.state == SandboxState::Active;
        let told = |text: String| Some(vec![text]);
        match *op {
            Op::Write(file, content) if is_open => {
                put(&mut self.tree, file, content);
                self.state = SandboxState::Active;
                Some(Vec::new())
            }
            Op::Outside(file, content) => {
                let place = if self.in_place { &mut self.tree } else { &mut self.project };
                put(place, file, content);
                Some(Vec::new())
            }
            Op::Diff if is_open => Some(Vec::new()),
            Op::Commit if is_open && is_dirty => {
                let is_in_the_way = |file: &str| {
                    let now = self.project.get(file);
                    now != self.base.get(file) && now != self.tree.get(file)
                };
                if !self.in_place && different.iter().any(|(file, ..)| is_in_the_way(file)) {
                    return None;
                }
                self.store();
                for (file, ..) in &different {
                    match self.tree.get(file) {
                        Some(content) => drop(self.project.insert(file, content.clone())),
                        None => drop(self.project.remove(file)),
                    }
                }
                self.state = SandboxState::Committed;
                let [added, altered, removed] =
                    [(false, true), (true, true), (true, false)].map(|(was, is)| count(&different, was, is));
                told(format!("sandbox.committed {added} {altered} {removed}"))
            }
            Op::RollBack if is_open && is_dirty => self.roll_back(self.base.clone(), None),
            Op::RollBackTo(which) if is_open && which < self.checkpoints.len() => {
                self.roll_back(self.checkpoints[which].clone(), Some(which))
            }
            Op::Checkpoint if is_open => {
                let bytes = self.store();
                self.checkpoints.push(self.tree.clone());
                told(format!("checkpoint.created {} {bytes}", different.len()))
            }
            Op::Restore(which) if is_open && which < self.checkpoints.len() => {
                let back = changed(&self.tree, &self.checkpoints[which]);
                self.tree = self.checkpoints[which].clone();
                self.state = SandboxState::Active;
                let restored = count(&back, true, true) + count(&back, false, true);
                told(format!("checkpoint.restored #{which} {restored} {}", count(&back, true, false)))
            }
            Op::Prune(keep) if self.state != SandboxState::Closed => {
                self.checkpoints.drain(..self.checkpoints.len().saturating_sub(keep));
                let kept = self.checkpoints.iter().chain([&self.base]).flat_map(Files::values);
                self.stored = kept.cloned().collect();
                Some(Vec::new())
            }
            Op::Close if !matches!(self.state, SandboxState::Active | SandboxState::Closed) => {
                self.state = SandboxState::Closed;
                Some(Vec::new())
            }
            Op::Reopen => Some(Vec::new()),
            _ => None,
        }
    }

    fn roll_back(&mut self, to: Files, which: Option<usize>) -> Option<Vec<String>> {
        let back = changed(&self.tree, &to);
        if back.is_empty() && self.state != SandboxState::Active {
            return None;
        }
        self.tree = to;
        self.state = SandboxState::RolledBack;
        let which = which.map_or("-".to_owned(), |which| format!("#{which}"));
        Some(vec![format!("sandbox.rolled_back {} {which}", back.len())])
    }
}

/// The real one.
struct Real {
    bus: RecordingEventBus,
    project: TempDir,
    root: TempDir,
    service: SandboxService,
    id: SandboxId,
    checkpoints: Vec<CheckpointId>,
}

impl Real {
    async fn new(strategy: SandboxStrategy) -> Self {
        let (project, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (file, number) in [("a", 0), ("b", 1)] {
            fs::write(project.path().join(file), content(number)).unwrap();
        }
        if strategy == SandboxStrategy::GitWorktree {
            make_repository(project.path());
        }
        let bus = RecordingEventBus::new();
        let service = SandboxService::new(root.path(), Some(Arc::new(bus.clone())));
        let id = service.create(&PlanId::from("p"), project.path(), strategy).await.unwrap().id().clone();
        bus.take();
        Self { bus, project, root, service, id, checkpoints: Vec::new() }
    }

    fn tree(&self) -> Option<std::path::PathBuf> {
        self.service.get(&self.id).ok().map(|sandbox| sandbox.tree())
    }

    /// Does it; whether it was done.
    async fn act(&mut self, op: &Op) -> Result<(), SandboxError> {
        let no_such = CheckpointId::from("none");
        let checkpoint = |which: usize| self.checkpoints.get(which).unwrap_or(&no_such);
        match *op {
            Op::Write(file, content) => {
                let sandbox = self.service.get(&self.id)?;
                let _access = sandbox.write_access()?;
                write_file(&sandbox.tree().join(FILES[file]), content);
                Ok(())
            }
            Op::Outside(file, content) => {
                write_file(&self.project.path().join(FILES[file]), content);
                Ok(())
            }
            Op::Diff => self.service.diff(&self.id).await.map(drop),
            Op::Commit => self.service.commit(&self.id).await.map(drop),
            Op::RollBack => self.service.rollback(&self.id, "test").await,
            Op::RollBackTo(which) => self.service.rollback_to(&self.id, checkpoint(which), "test").await,
            Op::Checkpoint => {
                let made = self.service.checkpoint(&self.id, "test").await?;
                self.checkpoints.push(made.id);
                Ok(())
            }
            Op::Restore(which) => self.service.restore(&self.id, checkpoint(which)).await,
            Op::Prune(keep) => {
                let forgotten = self.service.prune(&self.id, keep).await?;
                self.checkpoints.drain(..forgotten);
                Ok(())
            }
            Op::Close => self.service.close(&self.id).await,
            Op::Reopen => {
                self.service = SandboxService::new(self.root.path(), None);
                let bus: Arc<dyn EventBus> = Arc::new(self.bus.clone());
                let (service, recovered) = SandboxService::open(self.root.path(), Some(bus)).await?;
                assert!(recovered.unreadable.is_empty() && recovered.in_use.is_empty(), "{recovered:?}");
                self.service = service;
                Ok(())
            }
        }
    }

    /// What was told since it was last asked.
    fn told(&self) -> Vec<String> {
        self.bus.take().iter().map(|event| in_words(event, &self.checkpoints)).collect()
    }
}

fn write_file(path: &Path, content_of: Option<u8>) {
    match content_of {
        Some(number) => fs::write(path, content(number)).unwrap(),
        None => drop(fs::remove_file(path)),
    }
}

/// An event as the model tells it: its kind and the details that count.
fn in_words(event: &DomainEvent, checkpoints: &[CheckpointId]) -> String {
    let json = serde_json::to_value(event).unwrap();
    let detail = |key: &str| match &json["details"][key] {
        Value::Number(number) => number.to_string(),
        Value::String(id) => {
            let which = checkpoints.iter().position(|checkpoint| checkpoint.to_string() == *id);
            which.map_or(format!("unknown {id}"), |which| format!("#{which}"))
        }
        _ => "-".to_owned(),
    };
    let keys: &[&str] = match event.type_name() {
        "sandbox.committed" => &["files_added", "files_changed", "files_removed"],
        "sandbox.rolled_back" => &["files_reverted", "to_checkpoint"],
        "checkpoint.created" => &["files", "new_bytes"],
        "checkpoint.restored" => &["checkpoint_id", "files_restored", "files_removed"],
        _ => &[],
    };
    let details: Vec<_> = keys.iter().map(|key| detail(key)).collect();
    format!("{} {}", event.type_name(), details.join(" "))
}

/// What stands in a folder, as the model has it.
fn files_in(folder: &Path) -> Files {
    let found = names(folder).into_iter().filter(|name| name != ".git");
    found
        .map(|name| {
            let file =
                FILES.into_iter().find(|file| *file == name).unwrap_or_else(|| panic!("{name} is there"));
            (file, fs::read_to_string(folder.join(name)).unwrap())
        })
        .collect()
}

async fn keep_to_the_model(strategy: SandboxStrategy, ops: &[Op]) {
    let mut real = Real::new(strategy).await;
    let mut model = Model::new(strategy == SandboxStrategy::InPlace);
    for op in ops {
        let expected = model.act(op);
        let outcome = real.act(op).await;
        assert_eq!(outcome.is_ok(), expected.is_some(), "{op:?}: {outcome:?}");
        assert_eq!(real.told(), expected.unwrap_or_default(), "{op:?}");
        let found = real.service.get(&real.id).map_or(SandboxState::Closed, |sandbox| sandbox.state());
        assert_eq!(found, model.state, "after {op:?}");
        if let Some(tree) = real.tree().filter(|_| model.is_open()) {
            assert_eq!(files_in(&tree), model.tree, "after {op:?}");
        }
        if !model.in_place {
            assert_eq!(files_in(real.project.path()), model.project, "after {op:?}");
        }
    }
}

fn run(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_copy_does_and_tells_what_the_model_does(ops in prop::collection::vec(op(), 1..25)) {
        run(keep_to_the_model(SandboxStrategy::Copy, &ops));
    }

    #[test]
    fn a_sandbox_in_place_does_and_tells_what_the_model_does(ops in prop::collection::vec(op(), 1..25)) {
        run(keep_to_the_model(SandboxStrategy::InPlace, &ops));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn a_worktree_does_and_tells_what_the_model_does(ops in prop::collection::vec(op(), 1..25)) {
        run(keep_to_the_model(SandboxStrategy::GitWorktree, &ops));
    }

    #[test]
    fn what_several_tasks_do_at_once_is_told_once_each_in_an_order_that_the_states_allow(
        tasks in prop::collection::vec(prop::collection::vec(op(), 1..12), 3),
    ) {
        tokio::runtime::Runtime::new().unwrap().block_on(at_once(tasks));
    }
}

/// Several tasks use one sandbox; whoever comes while another is at it is refused.
async fn at_once(tasks: Vec<Vec<Op>>) {
    let real = Real::new(SandboxStrategy::Copy).await;
    let start = Arc::new(tokio::sync::Barrier::new(tasks.len()));
    let running: Vec<_> = tasks
        .into_iter()
        .map(|ops| {
            let (service, id, start) = (real.service.clone(), real.id.clone(), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                let mut done = BTreeMap::<&str, usize>::new();
                for op in ops {
                    let outcome = match op {
                        Op::Write(file, content) => {
                            if let Ok(access) = service.get(&id).and_then(|sandbox| sandbox.write_access()) {
                                write_file(&access.sandbox().tree().join(FILES[file]), content);
                            }
                            continue;
                        }
                        Op::Commit => ("sandbox.committed", service.commit(&id).await.is_ok()),
                        Op::RollBack => ("sandbox.rolled_back", service.rollback(&id, "test").await.is_ok()),
                        Op::Checkpoint => {
                            ("checkpoint.created", service.checkpoint(&id, "test").await.is_ok())
                        }
                        Op::Restore(which) => {
                            let listed = service.list_checkpoints(&id).unwrap_or_default();
                            let Some(checkpoint) = listed.get(which) else { continue };
                            ("checkpoint.restored", service.restore(&id, &checkpoint.id).await.is_ok())
                        }
                        _ => continue,
                    };
                    if outcome.1 {
                        *done.entry(outcome.0).or_default() += 1;
                    }
                }
                done
            })
        })
        .collect();
    let mut done = BTreeMap::<String, usize>::new();
    for task in running {
        for (kind, times) in task.await.unwrap() {
            *done.entry(kind.to_owned()).or_default() += times;
        }
    }
    let events = real.bus.take();
    let mut told = BTreeMap::<String, usize>::new();
    for event in &events {
        *told.entry(event.type_name().to_owned()).or_default() += 1;
    }
    assert_eq!(told, done);
    let committed = events.iter().position(|event| event.type_name() == "sandbox.committed");
    assert!(committed.is_none_or(|place| place + 1 == events.len()), "nothing is told after the commit");
}
