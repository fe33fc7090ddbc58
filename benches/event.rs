//! What an event costs: building it, its JSON, masking secrets in it, matching it with filters.
//!
//! `cargo bench --bench event`. The typical event is `tool.completed` with short names, a plan, a session, an actor.

use std::hint::black_box;

use agentbus::event::{CallId, Hash, PlanId, Scope, SessionId, ToolCompleted, ToolErrorKind, ToolErrored};
use agentbus::{DomainEvent, EventType, Filter, Redactor};
use divan::Bencher;

#[global_allocator]
static ALLOC: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

fn details() -> ToolCompleted {
    ToolCompleted::new("edit_file", "call-7", 1, 12, 2_048, Hash::from_bytes([7; 32]), false)
}

fn scope() -> Scope {
    let scope = Scope::new().with_plan_id(PlanId::generate()).with_session_id(SessionId::generate());
    scope.with_actor_name("planner")
}

fn event() -> DomainEvent {
    DomainEvent::new_in(&scope(), details())
}

/// Building one.
mod build {
    use super::{Bencher, CallId, DomainEvent, Hash, ToolCompleted, details, scope};

    #[divan::bench]
    fn baseline_clock(bencher: Bencher) {
        bencher.bench_local(std::time::SystemTime::now);
    }

    #[divan::bench]
    fn baseline_details(bencher: Bencher) {
        let call = CallId::generate();
        bencher.bench_local(|| {
            ToolCompleted::new("edit_file", call.clone(), 1, 12, 1, Hash::from_bytes([7; 32]), false)
        });
    }

    #[divan::bench]
    fn in_a_scope_given(bencher: Bencher) {
        let scope = scope();
        bencher.bench_local(|| DomainEvent::new_in(&scope, details()));
    }

    #[divan::bench]
    fn in_the_current_scope(bencher: Bencher) {
        scope().enter(|| bencher.bench_local(|| DomainEvent::new(details())));
    }
}

/// To and from JSON, into memory that is there.
mod json {
    use super::{Bencher, DomainEvent, black_box, event};

    #[divan::bench]
    fn encode(bencher: Bencher) {
        let (event, mut line) = (event(), Vec::with_capacity(1_024));
        bencher.bench_local(|| {
            line.clear();
            serde_json::to_writer(&mut line, black_box(&event)).expect("it has a JSON form");
            line.len()
        });
    }

    #[divan::bench]
    fn baseline_encode_the_same_as_a_value(bencher: Bencher) {
        let value = serde_json::to_value(event()).expect("it has a JSON form");
        let mut line = Vec::with_capacity(1_024);
        bencher.bench_local(|| {
            line.clear();
            serde_json::to_writer(&mut line, black_box(&value)).expect("it is JSON");
            line.len()
        });
    }

    #[divan::bench]
    fn decode(bencher: Bencher) {
        let line = serde_json::to_string(&event()).expect("it has a JSON form");
        bencher
            .bench_local(|| serde_json::from_str::<DomainEvent>(black_box(&line)).expect("it was an event"));
    }

    #[divan::bench]
    fn baseline_decode_as_a_value(bencher: Bencher) {
        let line = serde_json::to_string(&event()).expect("it has a JSON form");
        bencher
            .bench_local(|| serde_json::from_str::<serde_json::Value>(black_box(&line)).expect("it is JSON"));
    }
}

/// Masking secrets, beside serialising alone.
mod redact {
    use super::{Bencher, DomainEvent, Redactor, ToolErrorKind, ToolErrored, black_box, event, scope};

    fn failed(error: &str) -> DomainEvent {
        let failed = ToolErrored::new("http_get", "call-7", error, ToolErrorKind::Failed, 3, 1_200);
        DomainEvent::new_in(&scope(), failed)
    }

    #[divan::bench]
    fn baseline_serialise(bencher: Bencher) {
        let event = event();
        bencher.bench_local(|| serde_json::to_string(black_box(&event)).expect("it has a JSON form"));
    }

    #[divan::bench]
    fn nothing_to_mask(bencher: Bencher) {
        let (redactor, event) = (Redactor::new(), event());
        bencher.bench_local(|| redactor.event_json(black_box(&event)).expect("it has a JSON form"));
    }

    #[divan::bench]
    fn an_error_text_without_a_secret(bencher: Bencher) {
        let (redactor, event) = (Redactor::new(), failed("connection refused: example.org:443"));
        bencher.bench_local(|| redactor.event_json(black_box(&event)).expect("it has a JSON form"));
    }

    #[divan::bench]
    fn an_error_text_with_a_secret(bencher: Bencher) {
        let (redactor, event) = (Redactor::new(), failed("401 for https://app:hunter2@example.org/v1"));
        bencher.bench_local(|| redactor.event_json(black_box(&event)).expect("it has a JSON form"));
    }

    #[divan::bench]
    fn an_attribute(bencher: Bencher) {
        let (redactor, event) = (Redactor::new(), event().with_attribute("lane", "left"));
        bencher.bench_local(|| redactor.event_json(black_box(&event)).expect("it has a JSON form"));
    }
}

/// Matching filters.
mod filter {
    use super::{Bencher, EventType, Filter, black_box, event};

    const FILTERS: [&str; 5] = [
        "",
        "tool.completed",
        "plan.*,tool.errored",
        "actor=planner",
        "tool.* actor=reviewer,planner -tool.invoked level>=info",
    ];

    #[divan::bench]
    fn baseline_compare_the_type(bencher: Bencher) {
        let event = event();
        bencher.bench_local(|| black_box(&event).event_type() == black_box(EventType::ToolCompleted));
    }

    #[divan::bench(args = FILTERS)]
    fn matches(bencher: Bencher, filter: &str) {
        let filter: Filter = filter.parse().expect("it is a filter");
        let event = event();
        bencher.bench_local(|| black_box(&filter).matches(black_box(&event)));
    }

    #[divan::bench]
    fn matches_its_plan(bencher: Bencher) {
        let event = event();
        let filter = Filter::all().plan(event.plan_id().expect("it has one").clone());
        bencher.bench_local(|| black_box(&filter).matches(black_box(&event)));
    }
}
