//! Steps of `features/checkpoint.feature`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agentbus::DomainEvent;
use agentbus::checkpoint::{
    CheckpointDraft, CheckpointError, CheckpointFilter, CheckpointListing, CheckpointStore, CleanupReport,
    MAX_DRAFT_BYTES, NoPosition, Resumed, Since, StoredCheckpoint,
};
use agentbus::event::{SessionCreated, SessionId, Timestamp};
use agentbus::journal::{Entry, Journal, JournalReader};
use agentbus::testing::{FixedClock, RecordingEventBus};
use cucumber::{World, given, then, when};
use tempfile::TempDir;

pub(crate) async fn run() -> bool {
    crate::told::run::<Checkpoints>("checkpoint.feature").await
}

/// What is on disk: content and time of change of each file.
type Disk = BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)>;

#[derive(Debug, World)]
#[world(init = Self::new)]
struct Checkpoints {
    temp: TempDir,
    store: CheckpointStore,
    bus: RecordingEventBus,
    /// What the last verb told.
    told: Vec<Arc<DomainEvent>>,
    /// How long the scenario has lasted.
    elapsed: Duration,
    /// The file of the checkpoint that was saved last.
    last: String,
    /// What was read last.
    read: Option<StoredCheckpoint>,
    listing: CheckpointListing,
    report: CleanupReport,
    resumed: Option<Resumed>,
    refusal: Option<CheckpointError>,
    is_recorded: bool,
    /// What was on disk before the last verb.
    before: Disk,
}

impl Checkpoints {
    fn new() -> Self {
        let temp = TempDir::new().expect("a temporary directory can be made");
        let bus = RecordingEventBus::default();
        let store = CheckpointStore::open(temp.path().join("folder")).expect("it can be made");
        let store = store.with_bus(Some(Arc::new(bus.clone())));
        Self {
            temp,
            store,
            bus,
            told: Vec::new(),
            elapsed: Duration::ZERO,
            last: String::new(),
            read: None,
            listing: CheckpointListing::default(),
            report: CleanupReport::default(),
            resumed: None,
            refusal: None,
            is_recorded: false,
            before: Disk::new(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join("folder").join(name)
    }

    fn journal(&self) -> PathBuf {
        self.temp.path().join("journal")
    }

    /// The clock of the scenario, for the time of a step.
    fn clock(&self) -> FixedClock {
        let start = Timestamp::from_unix_nanos(1_700_000_000_000_000_000);
        FixedClock::at(start.saturating_add(self.elapsed))
    }

    /// Does what a verb does, and keeps what came of it.
    async fn act<T>(
        &mut self,
        verb: impl FnOnce(&CheckpointStore) -> Result<T, CheckpointError>,
    ) -> Option<T> {
        self.before = self.disk();
        self.refusal = None;
        let done = {
            let _clock = self.clock();
            verb(&self.store)
        };
        self.told = self.bus.take();
        if self.is_recorded {
            self.record(self.told.iter().map(|event| (**event).clone()).collect()).await;
        }
        match done {
            Ok(done) => Some(done),
            Err(error) => {
                self.refusal = Some(error);
                None
            }
        }
    }

    async fn record(&self, events: Vec<DomainEvent>) {
        let journal = Journal::open(self.journal()).expect("it can be opened");
        for event in events {
            journal.append(event).await.expect("it can be written");
        }
        journal.close(Duration::from_secs(5)).await.expect("it can be closed");
    }

    async fn save(&mut self, agent: &str, session: &str) {
        let mut draft = CheckpointDraft::new(agent, session, "action");
        draft.context.shipment_id = Some(format!("ship-{session}"));
        draft.context.feature_id = Some(format!("feature-{session}"));
        if let Some(stored) = self.act(|store| store.create(&draft)).await {
            self.last = stored.file;
        }
    }

    fn list(&mut self, filter: &CheckpointFilter) {
        self.before = self.disk();
        let _clock = self.clock();
        self.listing = self.store.list(filter).expect("it can be listed");
    }

    /// Everything in the folder, but the lock.
    fn disk(&self) -> Disk {
        let mut disk = Disk::new();
        read(&self.path(""), &mut disk);
        disk
    }
}

fn read(folder: &Path, disk: &mut Disk) {
    for entry in fs::read_dir(folder).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            read(&path, disk);
        } else if !path.ends_with(".lock") {
            let changed = fs::metadata(&path).and_then(|meta| meta.modified()).expect("it can be looked at");
            disk.insert(path.clone(), (fs::read(&path).expect("it can be read"), changed));
        }
    }
}

#[given("an empty folder of checkpoints")]
fn an_empty_folder(world: &mut Checkpoints) {
    assert_eq!(world.disk(), Disk::new());
}

#[given(expr = "only {string} is allowed")]
fn only_allowed(world: &mut Checkpoints, agent: String) {
    world.store = world.store.clone().with_agents([agent]);
}

#[given("the events are recorded in a journal")]
async fn are_recorded(world: &mut Checkpoints) {
    world.is_recorded = true;
    // A journal of nothing has no files.
    went_on(world, "another".to_owned()).await;
    let reader = JournalReader::open(world.journal()).expect("it can be read");
    world.store = world.store.clone().with_journal(reader);
}

#[given("the store knows no journal")]
fn knows_no_journal(world: &mut Checkpoints) {
    let store = CheckpointStore::open(world.path("")).expect("it can be opened");
    world.store = store.with_bus(Some(Arc::new(world.bus.clone())));
}

#[given("another journal is in its place")]
async fn another_journal(world: &mut Checkpoints) {
    let elsewhere = world.temp.path().join("the journal before");
    fs::rename(world.journal(), elsewhere).expect("it can be moved");
    // It comes as far as the one before had.
    went_on(world, "another".to_owned()).await;
}

#[given(expr = "the session {string} went on")]
async fn went_on(world: &mut Checkpoints, session: String) {
    let event = {
        let _clock = world.clock();
        DomainEvent::new(SessionCreated::new(false)).with_session_id(session)
    };
    world.record(vec![event]).await;
}

#[given(expr = "{int} hours passed")]
fn hours_pass(world: &mut Checkpoints, hours: u64) {
    world.elapsed += Duration::from_hours(hours);
}

#[given(expr = "the file {string} holds {string}")]
fn file_holds(world: &mut Checkpoints, name: String, content: String) {
    let path = world.path(&name);
    fs::create_dir_all(path.parent().expect("it is in the folder")).expect("it can be made");
    fs::write(path, content).expect("it can be written");
}

#[given(expr = "its place in the archive holds {string}")]
fn archive_holds(world: &mut Checkpoints, content: String) {
    let name = format!("archive/{}", world.last);
    file_holds(world, name, content);
}

#[given(expr = "{string} saved a checkpoint of the session {string}")]
#[when(expr = "{string} saves a checkpoint of the session {string}")]
async fn saves(world: &mut Checkpoints, agent: String, session: String) {
    world.save(&agent, &session).await;
}

#[when(expr = "{string} saves {int} checkpoints of the session {string} in one second")]
async fn saves_many(world: &mut Checkpoints, agent: String, count: usize, session: String) {
    let mut told = Vec::new();
    for _ in 0..count {
        world.save(&agent, &session).await;
        told.append(&mut world.told);
    }
    world.told = told;
    world.list(&CheckpointFilter::all());
}

#[when(expr = "this is to be saved: {string}")]
async fn is_to_be_saved(world: &mut Checkpoints, json: String) {
    world.act(|store| store.create_json(json.as_bytes())).await;
}

#[when(expr = "a checkpoint of {int} bytes is to be saved")]
async fn so_many_bytes(world: &mut Checkpoints, bytes: usize) {
    assert!(bytes > MAX_DRAFT_BYTES);
    let mut json = br#"{"agent":"a","session_id":"s","phase":"p"}"#.to_vec();
    json.resize(bytes, b' ');
    world.act(|store| store.create_json(&json)).await;
}

#[when("it is read")]
async fn it_is_read(world: &mut Checkpoints) {
    is_read(world, world.last.clone()).await;
}

#[when(expr = "{string} is read")]
async fn is_read(world: &mut Checkpoints, file: String) {
    world.read = world.act(|store| store.get(&file)).await;
}

#[then(expr = "it is of the session {string}, by {string}, on the shipment {string}")]
fn is_of(world: &mut Checkpoints, session: String, agent: String, shipment: String) {
    let read = &world.read.as_ref().expect("it was read").checkpoint.saved;
    assert_eq!((read.session_id.to_string(), read.agent.to_string()), (session, agent));
    assert_eq!(read.context.shipment_id.as_ref(), Some(&shipment));
}

#[given("it was resolved")]
#[when("it is resolved")]
async fn it_is_resolved(world: &mut Checkpoints) {
    is_resolved(world, world.last.clone()).await;
}

#[when(expr = "{string} is resolved")]
async fn is_resolved(world: &mut Checkpoints, file: String) {
    world.act(|store| store.resolve(&file)).await;
}

#[given("it was abandoned")]
async fn it_was_abandoned(world: &mut Checkpoints) {
    it_is_abandoned(world, "nobody wants it".to_owned(), "kim".to_owned()).await;
}

#[when(expr = "it is abandoned for {string} by {string}")]
async fn it_is_abandoned(world: &mut Checkpoints, reason: String, operator: String) {
    let file = world.last.clone();
    world.act(|store| store.abandon(&file, &reason, &operator)).await;
}

#[when(expr = "it is put in quarantine for {string} by {string}")]
async fn it_is_put_away(world: &mut Checkpoints, reason: String, operator: String) {
    is_put_away(world, world.last.clone(), reason, operator).await;
}

#[when(expr = "{string} is put in quarantine for {string} by {string}")]
async fn is_put_away(world: &mut Checkpoints, file: String, reason: String, operator: String) {
    world.act(|store| store.quarantine(&file, &reason, &operator)).await;
}

#[when(expr = "what is older than {int} hours is cleaned up")]
async fn is_cleaned_up(world: &mut Checkpoints, hours: u64) {
    let done = world.act(|store| store.cleanup(Duration::from_hours(hours))).await;
    world.report = done.expect("the folder can be worked on");
    let before = std::mem::take(&mut world.before);
    world.list(&CheckpointFilter::all());
    world.before = before;
}

#[when(expr = "the session {string} is resumed")]
async fn is_resumed(world: &mut Checkpoints, session: String) {
    world.resumed = world.act(|store| store.resume(&SessionId::from(session))).await;
}

#[when(expr = "the session {string} is resumed with the journal")]
async fn is_resumed_with_journal(world: &mut Checkpoints, session: String) {
    let reader = JournalReader::open(world.journal()).expect("it can be read");
    world.store = world.store.clone().with_journal(reader);
    is_resumed(world, session).await;
}

#[when("all are listed")]
fn all_are_listed(world: &mut Checkpoints) {
    world.list(&CheckpointFilter::all());
}

#[when(expr = "those of the agent {string} are listed")]
fn of_agent(world: &mut Checkpoints, agent: String) {
    world.list(&CheckpointFilter::all().agent(agent));
}

#[when(expr = "those of the last {int} hours are listed")]
fn of_age(world: &mut Checkpoints, hours: u64) {
    world.list(&CheckpointFilter::all().max_age(Duration::from_hours(hours)));
}

#[when(expr = "those on the shipment {string} are listed")]
fn on_shipment(world: &mut Checkpoints, shipment: String) {
    world.list(&CheckpointFilter::all().shipment(shipment));
}

#[when(expr = "those on the feature {string} are listed")]
fn on_feature(world: &mut Checkpoints, feature: String) {
    world.list(&CheckpointFilter::all().feature(feature));
}

#[then(expr = "it is told {string}")]
fn is_told(world: &mut Checkpoints, kind: String) {
    let told: Vec<_> = world.told.iter().map(|event| event.type_name()).collect();
    assert_eq!(told, [kind], "refused: {:?}", world.refusal);
}

#[then(expr = "it is told {string} of the session {string}")]
fn is_told_of(world: &mut Checkpoints, kind: String, session: String) {
    is_told(world, kind);
    let told: Vec<_> = world.told.iter().filter_map(|event| event.session_id()).collect();
    assert_eq!(told, [&SessionId::from(session)]);
}

#[then(expr = "it was told {int} times")]
fn was_told(world: &mut Checkpoints, times: usize) {
    assert_eq!(world.told.len(), times);
}

#[then("nothing is told")]
fn nothing_is_told(world: &mut Checkpoints) {
    assert_eq!(world.told, Vec::new());
}

#[then("nothing has changed on disk")]
fn nothing_has_changed(world: &mut Checkpoints) {
    assert_eq!(world.disk(), world.before);
}

#[then("the folder holds no checkpoint")]
#[then("nothing is listed")]
fn holds_none(world: &mut Checkpoints) {
    world.list(&CheckpointFilter::all());
    assert!(world.listing.checkpoints.is_empty() && world.listing.malformed.is_empty());
}

#[then(expr = "the last checkpoint is {string}")]
fn last_is(world: &mut Checkpoints, status: String) {
    let stored = world.store.get(&world.last).expect("it can be read");
    assert_eq!(stored.checkpoint.status.as_str(), status);
}

#[then(expr = "the last checkpoint has the mode {int}")]
fn last_has_mode(world: &mut Checkpoints, mode: String) {
    let meta = fs::metadata(world.path(&world.last)).expect("it is there");
    assert_eq!(format!("{:o}", meta.permissions().mode() & 0o7777), mode);
}

#[then(expr = "it was abandoned for {string} by {string}")]
fn was_abandoned(world: &mut Checkpoints, reason: String, operator: String) {
    let stored = world.store.get(&world.last).expect("it can be read");
    let why = stored.checkpoint.abandonment.expect("it says why");
    assert_eq!((why.reason, why.operator.to_string()), (reason, operator));
}

#[then(expr = "it is refused as {string}: {string}")]
fn is_refused(world: &mut Checkpoints, kind: String, reason: String) {
    let refusal = world.refusal.as_ref().expect("it was not refused");
    assert_eq!(refusal.kind(), kind, "{refusal}");
    assert!(refusal.to_string().contains(&reason), "refused for another reason: {refusal}");
}

#[then(expr = "{int} checkpoints are listed")]
fn so_many_are_listed(world: &mut Checkpoints, count: usize) {
    assert_eq!(world.listing.checkpoints.len(), count);
}

#[then(expr = "these sessions are listed: {string}")]
fn are_listed(world: &mut Checkpoints, expected: String) {
    let sessions = world.listing.checkpoints.iter();
    let sessions: Vec<_> = sessions.map(|stored| stored.checkpoint.saved.session_id.to_string()).collect();
    assert_eq!(sessions.join(", "), expected);
}

#[then(expr = "these cannot be used: {string}")]
fn cannot_be_used(world: &mut Checkpoints, expected: String) {
    let malformed = world.listing.malformed.iter();
    let malformed: Vec<_> = malformed.map(|bad| format!("{} {}", bad.file, bad.error.kind())).collect();
    assert_eq!(malformed.join(", "), expected);
    assert!(world.listing.malformed.iter().all(|bad| bad.error.advice().contains("quarantine")));
}

#[then(expr = "the file {string} holds exactly {string}")]
fn holds_exactly(world: &mut Checkpoints, name: String, content: String) {
    assert_eq!(fs::read_to_string(world.path(&name)).expect("it can be read"), content);
}

#[then(expr = "the record beside it says {string}, {string}, {string}")]
fn record_says(world: &mut Checkpoints, fault: String, reason: String, operator: String) {
    let record = fs::read(world.path("quarantine/checkpoint-broken.json.record")).expect("it can be read");
    let record: serde_json::Value = serde_json::from_slice(&record).expect("it is JSON");
    let said = ["fault", "reason", "operator"].map(|key| record.get(key).and_then(|value| value.as_str()));
    assert_eq!(said, [Some(&*fault), Some(&*reason), Some(&*operator)]);
}

#[then(
    regex = r"^(\d+) (?:was|were) archived, (\d+) (?:was|were) skipped, (\d+) (?:is an error|are errors)$"
)]
fn was_cleaned_up(world: &mut Checkpoints, archived: usize, skipped: usize, errors: usize) {
    let CleanupReport { archived: a, skipped: s, errors: e, .. } = &world.report;
    assert_eq!((a.len(), s.len(), e.len()), (archived, skipped, errors), "{:?}", world.report);
}

#[then("it goes on from the checkpoint saved last")]
fn goes_on_from(world: &mut Checkpoints) {
    assert_eq!(world.resumed.as_ref().map(|resumed| &resumed.stored.file), Some(&world.last));
}

#[then(expr = "since then there was {string}, by the time")]
fn since_then_by_time(world: &mut Checkpoints, expected: String) {
    let events = world.resumed.as_ref().and_then(|resumed| resumed.events.as_ref());
    let since = events.expect("there is a journal").since();
    assert!(matches!(since, Since::Time(_, NoPosition::OtherJournal)), "{since:?}");
    since_then(world, expected);
}

#[then(expr = "since then there was {string}")]
fn since_then(world: &mut Checkpoints, expected: String) {
    let events = world.resumed.take().and_then(|resumed| resumed.events).expect("there is a journal");
    let entries = events.map(|entry| entry.expect("it can be read"));
    let kinds: Vec<_> =
        entries.filter_map(Entry::into_event).map(|recorded| recorded.event.type_name().to_owned()).collect();
    assert_eq!(kinds.join(", "), expected);
}
