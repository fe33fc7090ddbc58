//! Steps of `features/journal_consumer.feature`.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use agentbus::DomainEvent;
use agentbus::event::{SessionCreated, Timestamp};
use agentbus::journal::{
    Collected, Consumer, ConsumerOptions, GcMode, Journal, JournalReader, Polled, Position, ReadFrom, Signal,
    SignalProvider,
};
use agentbus::redact::without_tags;
use agentbus::testing::FixedClock;
use cucumber::gherkin::Step;
use cucumber::{World, given, then, when};
use tempfile::TempDir;

pub(crate) async fn run() -> bool {
    crate::told::run::<Consumers>("journal_consumer.feature").await
}

#[derive(Debug, World)]
#[world(init = Self::new)]
struct Consumers {
    directory: TempDir,
    /// Those that are open in this process.
    open: BTreeMap<String, Consumer>,
    stalled: Option<Stalled>,
    /// How long the scenario has lasted.
    elapsed: Duration,
    polled: Polled,
    collected: Collected,
    refusal: Option<String>,
}

impl Consumers {
    fn new() -> Self {
        Self {
            directory: TempDir::new().expect("a temporary directory can be made"),
            open: BTreeMap::new(),
            stalled: None,
            elapsed: Duration::ZERO,
            polled: Polled::default(),
            collected: Collected::default(),
            refusal: None,
        }
    }

    /// The clock of the scenario, for the time of a step.
    fn clock(&self) -> FixedClock {
        let start = Timestamp::from_unix_nanos(1_700_000_000_000_000_000);
        FixedClock::at(start.saturating_add(self.elapsed))
    }

    fn reader(&self) -> JournalReader {
        JournalReader::open(self.directory.path()).expect("the scenario wrote a journal")
    }

    /// Does something with a consumer, which is opened first if it is not.
    fn with<T, E: Error>(
        &mut self,
        name: &str,
        act: impl FnOnce(&mut Consumer) -> Result<T, E>,
    ) -> Option<T> {
        let _clock = self.clock();
        if !self.open.contains_key(name) {
            let mut options = ConsumerOptions::new();
            if let Some(stalled) = self.stalled.clone() {
                options = options.signals(Arc::new(stalled));
            }
            let consumer = self.reader().consumer_with(name, options).expect("the consumer can be opened");
            self.open.insert(name.to_owned(), consumer);
        }
        let consumer = self.open.get_mut(name).expect("it was opened above");
        let result = act(consumer);
        self.outcome(result)
    }

    fn outcome<T, E: Error>(&mut self, result: Result<T, E>) -> Option<T> {
        self.refusal = result.as_ref().err().map(ToString::to_string);
        result.ok()
    }
}

/// A watchdog over one plan.
#[derive(Clone, Debug)]
struct Stalled {
    since: Timestamp,
}

impl SignalProvider for Stalled {
    fn name(&self) -> &'static str {
        "stalled_plans"
    }

    fn signals(&self, now: Timestamp) -> Vec<Signal> {
        let is_stalled = now.since(self.since) >= Duration::from_mins(1);
        let signal = Signal::new(self.name(), "plan-7", "nothing happened for a minute", self.since);
        is_stalled.then_some(signal).into_iter().collect()
    }
}

fn at(position: u64) -> Position {
    Position::new(position).expect("scenarios count from 1")
}

fn listed(numbers: impl IntoIterator<Item = u64>) -> String {
    numbers.into_iter().map(|number| number.to_string()).collect::<Vec<_>>().join(", ")
}

#[given(expr = "a journal of {int} events, each in a segment of its own")]
async fn a_journal(world: &mut Consumers, events: usize) {
    let journal = Journal::builder(world.directory.path()).segment_bytes(1).open().expect("it can be opened");
    for _ in 0..events {
        let event = {
            let _clock = world.clock();
            DomainEvent::new(SessionCreated::new(false))
        };
        journal.append(event).await.expect("it can be written");
    }
    journal.close(Duration::from_secs(5)).await.expect("it can be closed");
}

#[given(expr = "{string} acknowledged {int}")]
#[when(expr = "{string} acknowledges {int}")]
fn acknowledges(world: &mut Consumers, name: String, position: u64) {
    world.with(&name, |consumer| consumer.ack(at(position)));
}

#[when(expr = "{string} polls {int}")]
fn polls(world: &mut Consumers, name: String, max: usize) {
    world.polled = world.with(&name, |consumer| consumer.poll(max)).expect("it can be read");
}

#[when(expr = "{string} fails at {int} with {string}")]
fn fails(world: &mut Consumers, name: String, position: u64, reason: String) {
    world.with(&name, |consumer| consumer.nack(at(position), &reason));
}

#[when(expr = "{string} fails at {int} with {string} {int} times")]
fn fails_often(world: &mut Consumers, name: String, position: u64, reason: String, times: usize) {
    for _ in 0..times {
        world.with(&name, |consumer| consumer.nack(at(position), &reason)).expect("it is the next event");
    }
}

#[given("the process restarts")]
#[when("the process restarts")]
fn restarts(world: &mut Consumers) {
    world.open.clear();
}

#[given(expr = "{int} second(s) passed")]
#[when(expr = "{int} second(s) pass(es)")]
fn time_passes(world: &mut Consumers, seconds: u64) {
    world.elapsed += Duration::from_secs(seconds);
}

#[when(expr = "somebody else opens {string}")]
fn somebody_opens(world: &mut Consumers, name: String) {
    let opened = world.reader().consumer(name).map(drop);
    world.outcome(opened);
}

#[given(expr = "the cursor of {string} is damaged")]
fn cursor_is_damaged(world: &mut Consumers, name: String) {
    let file = world.directory.path().join(format!("cursors/{name}.json"));
    fs::write(file, "\0\0\0").expect("it can be written");
}

#[when(expr = "{string} is reset to after {int}")]
fn is_reset(world: &mut Consumers, name: String, position: u64) {
    let reset = world.reader().reset_consumer(name, ReadFrom::After(at(position)));
    world.outcome(reset);
}

#[given(expr = "the line at {int} is damaged")]
fn line_is_damaged(world: &mut Consumers, position: u64) {
    let file = world.directory.path().join(format!("segments/{position:020}.jsonl"));
    let text = fs::read_to_string(&file).expect("there is such a segment");
    fs::write(file, text.replace("\"details\"", "\"details")).expect("it can be written");
}

#[given("a plan that has stood still since now")]
fn a_stalled_plan(world: &mut Consumers) {
    let _clock = world.clock();
    world.stalled = Some(Stalled { since: Timestamp::now() });
}

#[given(expr = "garbage older than {int} second(s) is collected")]
#[when(expr = "garbage older than {int} second(s) is collected")]
fn garbage_is_collected(world: &mut Consumers, seconds: u64) {
    let _clock = world.clock();
    let collected = world.reader().collect_garbage(Duration::from_secs(seconds), GcMode::Remove);
    world.collected = collected.expect("it can be collected");
}

#[then("it is done")]
fn it_is_done(world: &mut Consumers) {
    assert_eq!(world.refusal, None, "it was refused");
}

#[then(expr = "it is refused: {string}")]
fn it_is_refused(world: &mut Consumers, reason: String) {
    let refusal = world.refusal.as_ref().expect("it was not refused");
    assert!(refusal.contains(&reason), "refused for another reason: {refusal}");
}

#[then(expr = "it is given {string}")]
fn it_is_given(world: &mut Consumers, expected: String) {
    assert_eq!(listed(world.polled.events.iter().map(|recorded| recorded.position.get())), expected);
}

#[then(expr = "the dead letters of {string} are")]
fn dead_letters_are(world: &mut Consumers, name: String, step: &Step) {
    let letters = world.reader().dead_letters(name).expect("they can be read").letters;
    let table = step.table.as_ref().expect("the step has a table");
    let rows: Vec<_> = letters
        .iter()
        .map(|letter| {
            [
                letter.position.to_string(),
                letter.attempts.to_string(),
                without_tags(&letter.reason).into_owned(),
            ]
            .to_vec()
        })
        .collect();
    assert_eq!(rows, table.rows.iter().skip(1).cloned().collect::<Vec<_>>());
}

#[then(expr = "the line at {int} is told as unreadable")]
fn line_is_told(world: &mut Consumers, position: u64) {
    assert_eq!(
        listed(world.polled.unreadable.iter().map(|line| line.expected().get())),
        position.to_string()
    );
}

#[then("there is no signal")]
fn no_signal(world: &mut Consumers) {
    assert_eq!(world.polled.signals, []);
}

#[then(expr = "there is the signal {string}")]
fn the_signal(world: &mut Consumers, expected: String) {
    let signals = world.polled.signals.iter().map(|signal| format!("{}: {}", signal.provider, signal.key));
    assert_eq!(signals.collect::<Vec<_>>(), [expected]);
}

#[then(expr = "segments {string} are left")]
fn segments_left(world: &mut Consumers, expected: String) {
    let folder = fs::read_dir(world.directory.path().join("segments")).expect("there is a folder");
    let mut names: Vec<_> = folder
        .map(|entry| entry.expect("it can be listed").path())
        .filter_map(|path| path.file_stem()?.to_str()?.parse::<u64>().ok())
        .collect();
    names.sort_unstable();
    assert_eq!(listed(names), expected);
}

#[then(expr = "it was kept for {string}")]
fn kept_for(world: &mut Consumers, expected: String) {
    let names: Vec<_> = world.collected.kept_for.iter().map(|kept| kept.consumer.as_str()).collect();
    assert_eq!(names, [expected.as_str()]);
}

#[then(expr = "lines up to {int} are told as removed")]
fn told_as_removed(world: &mut Consumers, position: u64) {
    assert_eq!(world.polled.removed, Some(at(position)));
}
