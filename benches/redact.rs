//! What masking costs beside serialising alone, and that no input makes it cost more than in proportion.
//!
//! `cargo bench --bench redact`. Both sides run in turns; each figure is the median of the ratios of all rounds. It
//! fails if clean events cost more than [`BAR`] times serialising alone, or if twice the input costs more than
//! [`LINEAR`] times.

#![expect(
    clippy::cast_precision_loss,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::wildcard_imports,
    reason = "a bench prints ratios, and fails by a panic"
)]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use agentbus::event::{
    CallId, Hash, PlanApplied, PlanId, Scope, SessionId, ToolCompleted, ToolErrorKind, ToolErrored,
};
use agentbus::{DomainEvent, Redactor};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[path = "../tests/journal/golden/events.rs"]
#[allow(dead_code, reason = "the golden journal has more than one event of each kind")]
mod events;

/// How much clean events may cost, in times of serialising alone.
const BAR: f64 = 1.5;

/// How much twice the input may cost, in times of the input.
const LINEAR: f64 = 3.0;

const ROUNDS: usize = 101;

fn main() -> ExitCode {
    let clean = clean_events();
    let linear = adversarial();
    if clean && linear { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or_default()
}

fn scope() -> Scope {
    let scope = Scope::new().with_plan_id(PlanId::generate()).with_session_id(SessionId::generate());
    scope.with_actor_name("planner")
}

fn typical() -> DomainEvent {
    let call = CallId::generate();
    let details = ToolCompleted::new("edit_file", call, 1, 12, 2_048, Hash::from_bytes([7; 32]), false);
    DomainEvent::new_in(&scope(), details)
}

fn failed(error: &str) -> DomainEvent {
    let failed = ToolErrored::new("http_get", "call-7", error, ToolErrorKind::Failed, 3, 1_200);
    DomainEvent::new_in(&scope(), failed)
}

agentbus::custom_kinds! { Step = "bench.step" }

/// Details of a kind of the program's own.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Step {
    command: Vec<String>,
    output: String,
    usage: Usage,
    files: Vec<File>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Usage {
    input_tokens: u64,
    output_tokens: u64,
    cached: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct File {
    path: String,
    lines: u64,
}

fn step() -> Step {
    let file = |path: &str, lines| File { path: path.to_owned(), lines };
    Step {
        command: ["cargo", "test", "--workspace", "--all-features"].map(str::to_owned).to_vec(),
        output: "test result: ok. 128 passed; 0 failed; 0 ignored".repeat(8),
        usage: Usage { input_tokens: 1_024, output_tokens: 256, cached: true },
        files: vec![file("src/lib.rs", 120), file("src/main.rs", 12)],
    }
}

/// Clean events of several sorts: whether none costs more than it may.
fn clean_events() -> bool {
    let attributes = typical().with_attribute("lane", "left").with_attribute("shard", 7);
    let names = ["greeter", "docs", "site", "tools", "bench", "fuzz", "core", "cli"];
    let listed = DomainEvent::new_in(&scope(), PlanApplied::new(1, names, 3, 20, 4, 2, 1_500));
    let rows = [
        ("a typical event, tool.completed", vec![typical()]),
        ("one of each of the 38 kinds", events::of_every_kind()),
        ("an error text with an address", vec![failed("connection refused: https://example.org:443/v1")]),
        ("a list of eight names", vec![listed]),
        ("attributes", vec![attributes]),
        ("typed custom details of 700 bytes", vec![DomainEvent::new(step())]),
    ];
    println!("| clean events | serialised | and redacted | ratio |\n|---|---|---|---|");
    let met = rows.iter().fold(true, |met, (name, events)| beside_serialising(name, events) && met);
    // They were serialised when they were made, and are copied: no bar is for them.
    let read = serde_json::to_string(&DomainEvent::new(step())).expect("it has a JSON form");
    let read = serde_json::from_str(&read.replace("bench.step", "bench.read")).expect("it is an event");
    beside_serialising("the same, held as JSON and only copied", &[read]);
    met
}

fn beside_serialising(name: &str, events: &[DomainEvent]) -> bool {
    let redactor = Redactor::new();
    let turns = 2_000 / events.len();
    let json = |event: &DomainEvent| serde_json::to_string(event).expect("it has a JSON form");
    let masked = |event: &DomainEvent| redactor.event_json(event).expect("it has a JSON form");
    for event in events {
        assert_eq!(masked(event), json(event), "it is clean");
    }
    let each = |of: &dyn Fn(&DomainEvent) -> String| {
        timed(|| {
            for event in (0..turns).flat_map(|_| events) {
                black_box(of(black_box(event)));
            }
        })
    };
    let (mut ratios, mut nanos) = (Vec::new(), (Vec::new(), Vec::new()));
    for _ in 0..ROUNDS {
        let (alone, with) = (each(&json), each(&masked));
        ratios.push(with.as_secs_f64() / alone.as_secs_f64());
        let per_event = |time: Duration| time.as_secs_f64() * 1e9 / (turns * events.len()) as f64;
        nanos.0.push(per_event(alone));
        nanos.1.push(per_event(with));
    }
    let ratio = median(ratios);
    println!("| {name} | {:.0} ns | {:.0} ns | {ratio:.2} |", median(nanos.0), median(nanos.1));
    ratio <= BAR
}

/// Texts in which a careless matcher reads the same again and again, for each rule: whether twice as long a text costs
/// about twice as much.
fn adversarial() -> bool {
    let own = Redactor::builder()
        .path("a.*.b")
        .key("ssn")
        .pattern("greedy", "x(?:[a-z]+!)?")
        .pattern("bounded", "(?:[a-z]{1,40}!|y)")
        .max_text_bytes(1_000)
        .build()
        .expect("the rules are good");
    println!("\n| repeated | 64 KB | twice that costs |\n|---|---|---|");
    SEEDS.iter().fold(true, |met, seed| {
        let text = |bytes: usize| {
            let long = json!(seed.repeat(bytes / seed.len()));
            let many = json!(vec![seed; bytes / 4 / seed.len()]);
            format!("{{\"a\":{long},\"b\":{many},{long}:[{long},{long}]}}")
        };
        is_linear(seed, &own, &text(1 << 14), &text(1 << 15)) && met
    })
}

const SEEDS: [&str; 27] = [
    "sk-",
    "-eyJ-ghp_aaaaaaaaaaaaaaaa",
    "://a:b",
    "://a:sk-aaaaaaaaaaaaaaaaaaa,",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY----- -----END ",
    "a:b@",
    "Bearer ",
    "Bearer a",
    "eyJaaaaaaaaaaa",
    "eyJaaaaaaaaaaa. ",
    "-eyJaaaaaaaa",
    " AKIA0000000000000000",
    "%20%20",
    "\\u0073",
    "\u{1b}[1;1;1;1",
    "a@",
    "{\"",
    "\\\"",
    "SG.aaaaaaaaaaaaaaaaaaaa.",
    "AIza0000000000000000",
    "xoxb-",
    "github_pat_",
    "--password",
    "[redacted:0123456789ab]",
    "x",
];

fn is_linear(seed: &str, own: &Redactor, once: &str, twice: &str) -> bool {
    let redact = |text: &str| timed(|| drop((Redactor::new().redact_json(text), own.redact_json(text))));
    let (mut ratios, mut times) = (Vec::new(), Vec::new());
    for _ in 0..15 {
        let (short, long) = (redact(once), redact(twice));
        ratios.push(long.as_secs_f64() / short.as_secs_f64());
        times.push(short.as_secs_f64() * 1e3);
    }
    let ratio = median(ratios);
    println!("| `{}` | {:.2} ms | {ratio:.2} |", seed.escape_debug(), median(times));
    ratio <= LINEAR
}
