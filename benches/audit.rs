//! What the index of a journal costs: a million events indexed, and each kind of condition asked for.
//!
//! `cargo bench --bench audit`; `AGENTBUS_EVENTS` says how many events, a million unless it is set.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, and fails by a panic")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use agentbus::audit::{AuditIndex, AuditQuery, Order};
use agentbus::event::{
    CallId, EventId, Hash, MessageRole, PlanCreated, PlanPhase, Scope, SessionMessageSent, Timestamp,
    ToolCompleted, ToolErrorKind, ToolErrored, ToolInvoked,
};
use agentbus::journal::{Durability, Journal};
use agentbus::{Category, DomainEvent, EventBus, ReactiveEventBus, Severity};

/// How many events a plan has.
const OF_A_PLAN: u64 = 1_000;

/// When the first event happened; one comes every 30 ms.
const BEGINNING: i64 = 1_700_000_000_000_000_000;
const EVERY: i64 = 30_000_000;

/// How often each query is asked.
const ROUNDS: usize = 9;

/// The most that a query may usually take.
const BAR: Duration = Duration::from_millis(20);

const WORDS: [&str; 12] = [
    "file",
    "missing",
    "permission",
    "denied",
    "network",
    "timeout",
    "parser",
    "limit",
    "quota",
    "lock",
    "disk",
    "retry",
];

fn at(number: u64) -> Timestamp {
    Timestamp::from_unix_nanos(BEGINNING + i64::try_from(number).unwrap() * EVERY)
}

fn word(number: u64) -> &'static str {
    WORDS.get(usize::try_from(number).unwrap() % WORDS.len()).unwrap()
}

/// The event of that number: plans of a thousand events, whose every tenth is caused by the first, others by the one
/// before.
fn event(number: u64, last: Option<EventId>, first: Option<EventId>) -> DomainEvent {
    let plan = number / OF_A_PLAN;
    let scope = Scope::new()
        .with_plan_id(format!("plan-{plan}"))
        .with_root_plan_id(format!("plan-{}", plan / 10 * 10))
        .with_session_id(format!("session-{}", number / 400))
        .with_actor_name(format!("agents/worker-{}", number % 17))
        .with_project_name(format!("project-{}", plan % 5))
        .with_user_identity(format!("user-{}", plan % 40))
        .with_correlation_id(format!("request-{}", number / 25));
    let call = CallId::from(format!("call-{}", number / 2));
    let hash = Hash::of(number.to_le_bytes());
    let event = match number % OF_A_PLAN {
        0 => DomainEvent::new_in(
            &scope,
            PlanCreated::new(1, "mend the parser", PlanPhase::Action, ["parser"], 3),
        ),
        n if n % 50 == 49 => {
            let error = format!("{} {}: src/module-{}.rs", word(number), word(number / 7), number % 3_001);
            DomainEvent::new_in(
                &scope,
                ToolErrored::new("write_file", call, error, *ToolErrorKind::ALL.first().unwrap(), 1, 12),
            )
        }
        n if n % 10 == 8 => {
            let message = format!("message-{number}");
            DomainEvent::new_in(
                &scope,
                SessionMessageSent::new(message.as_str(), number, MessageRole::User, 90, 30, hash),
            )
        }
        n if n % 2 == 1 => {
            DomainEvent::new_in(&scope, ToolCompleted::new("read_file", call, 1, 12, 4_000, hash, false))
        }
        _ => DomainEvent::new_in(&scope, ToolInvoked::new("read_file", call, hash, 200, true)),
    };
    let cause = if number.is_multiple_of(10) { first } else { last };
    let event = if let Some(cause) = cause.filter(|_| !number.is_multiple_of(OF_A_PLAN)) {
        event.with_causation_id(cause)
    } else {
        event
    };
    event.with_timestamp(at(number))
}

/// Writes a journal; gives the ids of some of its events.
async fn make(directory: &Path, events: u64) -> Vec<EventId> {
    let journal = Journal::builder(directory).durability(Durability::Os).open().unwrap();
    let bus = ReactiveEventBus::builder().journal(journal).build();
    let (mut first, mut last, mut some) = (None, None, Vec::new());
    for number in 0..events {
        let event = event(number, last, first);
        last = Some(event.id());
        if number % OF_A_PLAN == 0 {
            first = last;
            some.extend(last);
        }
        bus.emit(event);
    }
    bus.close(Duration::from_mins(5)).await;
    some
}

fn size(folder: &Path) -> u64 {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

/// Each kind of condition, with values that are rare, common and not there.
fn queries(events: u64, ids: &[EventId]) -> Vec<(&'static str, AuditQuery)> {
    let all = AuditQuery::new;
    let id = *ids.get(ids.len() / 2).unwrap();
    let plan = format!("plan-{}", ids.len() / 2);
    vec![
        ("everything", all()),
        ("type", all().types("plan.created").unwrap()),
        ("type that is not there", all().types("budget.*").unwrap()),
        ("type glob", all().types("tool.*").unwrap()),
        ("category", all().category(Category::Session)),
        ("severity", all().level_at_least(Severity::Error)),
        ("security flag", all().security(true)),
        ("event", all().id(id)),
        ("plan", all().plan(plan.as_str())),
        ("plan that is not there", all().plan("nobody")),
        ("root", all().root("plan-0")),
        ("session", all().session(format!("session-{}", events / 800))),
        ("correlation", all().correlation(format!("request-{}", events / 50))),
        ("cause", all().caused_by(id)),
        ("actor", all().actor("agents/worker-3")),
        ("project", all().project("project-1")),
        ("user", all().user("user-7")),
        ("under a plan", all().under(plan.as_str())),
        ("under an event", all().under(id)),
        ("time", all().since(at(events / 2)).until(at(events / 2 + 5_000))),
        ("time at the end", all().since(at(events - 50))),
        ("rare word", all().text("module-77").unwrap()),
        ("common words", all().text("read_file").unwrap()),
        ("words that never meet", all().text("write_file user").unwrap()),
        ("phrase and beginning", all().text("\"permission denied\" modul*").unwrap()),
        (
            "plan, level and words",
            all().plan(plan.as_str()).level_at_least(Severity::Error).text("src").unwrap(),
        ),
        ("two that never meet", all().project("project-1").user("user-7")),
        ("a thousand", all().actor("agents/worker-3").limit(1_000)),
    ]
}

/// How long a query takes: at first, when it may have to be read from the disk, and usually.
struct Took {
    first: Duration,
    median: Duration,
    events: usize,
}

fn ask(index: &mut AuditIndex, query: &AuditQuery) -> Took {
    let mut events = 0;
    let mut times: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            events = index.query(query).unwrap().events.len();
            started.elapsed()
        })
        .collect();
    let first = *times.first().unwrap();
    times.sort_unstable();
    Took { first, median: *times.get(ROUNDS / 2).unwrap(), events }
}

#[tokio::main]
async fn main() {
    let events = std::env::var("AGENTBUS_EVENTS").map_or(1_000_000, |events| events.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let ids = make(folder.path(), events).await;
    let journal = size(&folder.path().join("segments"));
    let started = Instant::now();
    let mut index = AuditIndex::open(folder.path()).unwrap();
    let indexed = index.index().unwrap();
    let took = started.elapsed();
    assert_eq!(indexed.events, events);
    println!(
        "{events} events, {} MB, indexed in {took:.2?}: {:.0} thousand a second; the index has {} MB",
        journal / 1_000_000,
        f64::from(u32::try_from(events).unwrap()) / took.as_secs_f64() / 1_000.0,
        size(&folder.path().join("audit")) / 1_000_000,
    );
    println!(
        "{:<26}{:>13}  oldest first: {:>9} {:>9}  newest first: {:>9} {:>9}",
        "", "", "first", "median", "first", "median"
    );
    for (name, query) in queries(events, &ids) {
        let old = ask(&mut index, &query);
        let new = ask(&mut index, &query.order(Order::NewestFirst));
        let slow = if old.median.max(new.median) > BAR { "  over the bar" } else { "" };
        println!(
            "{name:<26}{:>6} events                {:>9.2?} {:>9.2?}                {:>9.2?} {:>9.2?}{slow}",
            old.events, old.first, old.median, new.first, new.median
        );
    }
}
