//! Steps of `features/context.feature`.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agentbus::event::{PlanId, Scope, Timestamp};
use agentbus::service::context::{
    AssembledContext, BreakerOptions, ContextRequest, ContextService, ContextServiceBuilder, ContextSource,
    Fragment, Query, SourceError, TextSearch,
};
use async_trait::async_trait;
use cucumber::gherkin::Step;
use cucumber::{World, given, then, when};
use tokio::runtime::Runtime;

use crate::told::{Told, told_steps};

pub(crate) async fn run() -> bool {
    crate::told::run::<Contexts>("context.feature").await
}

#[derive(Debug, World)]
#[world(init = Self::new)]
struct Contexts {
    told: Told,
    /// On whose paused clock everything runs.
    runtime: Option<Runtime>,
    sources: Vec<Shelf>,
    timeout: Duration,
    breaker: BreakerOptions,
    /// Made when it is first asked something.
    service: Option<ContextService>,
    context: Option<AssembledContext>,
    found: Vec<Fragment>,
    /// In what scope the service is asked.
    scope: Scope,
}

told_steps!(Contexts);

/// A source that does what it is told in words: `answers`, `hangs`, or `fails`, `refuses`, `panics` and behind a colon
/// why.
#[derive(Debug, Clone)]
struct Shelf {
    name: String,
    does: Arc<Mutex<String>>,
    holds: Arc<Mutex<Vec<Fragment>>>,
    asked: Arc<AtomicUsize>,
}

impl Shelf {
    async fn act(&self) -> Result<Vec<Fragment>, SourceError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let does = self.does.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (what, why) = does.split_once(": ").unwrap_or((&does, ""));
        match what {
            "answers" => Ok(self.holds.lock().unwrap_or_else(PoisonError::into_inner).clone()),
            "hangs" => std::future::pending().await,
            "fails" => Err(SourceError::failed(why)),
            "refuses" => Err(SourceError::refused(why)),
            _ => panic!("{why}"),
        }
    }
}

#[async_trait]
impl ContextSource for Shelf {
    fn name(&self) -> &str {
        &self.name
    }

    async fn gather(&self, _request: &ContextRequest) -> Result<Vec<Fragment>, SourceError> {
        self.act().await
    }
}

#[async_trait]
impl TextSearch for Shelf {
    async fn search(&self, _query: &Query) -> Result<Vec<Fragment>, SourceError> {
        self.act().await
    }
}

impl Contexts {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        Self {
            told: Told::default(),
            runtime: Some(runtime.expect("the system gives what a runtime needs")),
            sources: Vec::new(),
            timeout: Duration::from_secs(10),
            breaker: BreakerOptions::default(),
            service: None,
            context: None,
            found: Vec::new(),
            scope: Scope::new(),
        }
    }

    /// Runs `work` on the paused clock: on a thread of its own, because this one has a runtime whose clock goes on.
    fn on_clock<T: Send>(&self, work: impl Future<Output = T> + Send) -> T {
        let runtime = self.runtime.as_ref().expect("it is there until the world is dropped");
        let joined = std::thread::scope(|scope| scope.spawn(|| runtime.block_on(work)).join());
        joined.expect("no service panics")
    }

    fn service(&mut self) -> ContextService {
        let make = || {
            let builder = ContextService::builder(Some(self.told.bus()));
            let builder = builder.timeout(self.timeout).breaker(self.breaker);
            let all = self.sources.iter().cloned().fold(builder, ContextServiceBuilder::searchable);
            all.build().expect("the sources have different names")
        };
        let service = self.service.take().unwrap_or_else(make);
        self.service.insert(service).clone()
    }

    fn shelf(&self, name: &str) -> &Shelf {
        self.sources.iter().find(|shelf| shelf.name == name).expect("there is such a source")
    }
}

/// A runtime may not be dropped where another one runs.
impl Drop for Contexts {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A row of a table, by the names of its columns; `-` means that there is none.
struct Row(BTreeMap<String, String>);

impl Row {
    fn find(&self, column: &str) -> Option<&str> {
        self.0.get(column).map(String::as_str)
    }

    fn cell(&self, column: &str) -> &str {
        self.find(column).expect("it stands in the table")
    }
}

fn rows(step: &Step) -> Vec<Row> {
    let rows = &step.table.as_ref().expect("the step has a table").rows;
    let (head, rows) = rows.split_first().expect("a table has a head");
    let read = |row: &Vec<String>| {
        let cells = head.iter().cloned().zip(row.iter().cloned());
        Row(cells.filter(|(_, cell)| cell != "-").collect())
    };
    rows.iter().map(read).collect()
}

#[given("these sources")]
fn these_sources(world: &mut Contexts, step: &Step) {
    for row in rows(step) {
        let (name, does) = (row.cell("source").to_owned(), Arc::new(Mutex::new(row.cell("does").to_owned())));
        world.sources.push(Shelf { name, does, holds: Arc::default(), asked: Arc::default() });
    }
}

/// The text `n words` is one of so many words.
#[given("these fragments")]
fn these_fragments(world: &mut Contexts, step: &Step) {
    for row in rows(step) {
        let text = match row.cell("text").strip_suffix(" words").map(str::parse) {
            Some(Ok(words)) => vec!["word"; words].join(" "),
            _ => row.cell("text").to_owned(),
        };
        let relevance = row.cell("relevance").parse().expect("it is a number");
        let mut fragment = Fragment::new(row.cell("id"), text).with_relevance(relevance);
        if let Some(outline) = row.find("outline") {
            fragment = fragment.with_outline(outline);
        }
        if let Some(line) = row.find("line") {
            fragment = fragment.with_line(line);
        }
        world.shelf(row.cell("source")).holds.lock().expect("nobody panics").push(fragment);
    }
}

#[given(expr = "a source may take {int} seconds")]
fn may_take(world: &mut Contexts, seconds: u64) {
    world.timeout = Duration::from_secs(seconds);
}

#[given(expr = "a source is left alone for {int} seconds after {int} failures")]
fn left_alone(world: &mut Contexts, seconds: u64, failures: u32) {
    let failures = NonZeroU32::new(failures).expect("it is not zero");
    let cool_down = Duration::from_secs(seconds);
    world.breaker = BreakerOptions::default().with_failures(failures).with_cool_down(cool_down);
}

#[given(expr = "the plan {string} was opened")]
fn the_plan_was_opened(world: &mut Contexts, plan: PlanId) {
    world.scope = world.told.opens_plan(&plan);
}

#[when(expr = "a context of {int} tokens about {string} is built for plan {string} and session {string}")]
fn is_built(world: &mut Contexts, tokens: u64, query: String, plan: String, session: String) {
    let service = world.service();
    let request = ContextRequest::new(query, tokens).with_plan(plan).with_session(session);
    let request = request.with_now(Timestamp::from_unix_nanos(0));
    world.told.listen();
    let result = world.on_clock(world.scope.clone().run(service.build(request)));
    world.context = world.told.outcome(result);
}

#[when(expr = "{string} is queried")]
fn is_queried(world: &mut Contexts, query: String) {
    let service = world.service();
    world.told.listen();
    let result = world.on_clock(world.scope.clone().run(service.query(Query::new(query))));
    world.found = world.told.outcome(result).unwrap_or_default();
}

#[when(expr = "{int} seconds pass")]
fn seconds_pass(world: &mut Contexts, seconds: u64) {
    world.on_clock(tokio::time::advance(Duration::from_secs(seconds)));
}

#[when(expr = "source {string} answers from now on")]
fn answers_from_now_on(world: &mut Contexts, source: String) {
    "answers".clone_into(&mut world.shelf(&source).does.lock().expect("nobody panics"));
}

#[then("the context reads")]
fn context_reads(world: &mut Contexts, step: &Step) {
    let expected = step.docstring.as_ref().expect("the step has a text").trim();
    let context = world.context.as_ref().expect("it was built");
    assert_eq!(context.text.trim(), expected);
}

#[then(expr = "source {string} failed: {string}")]
fn source_failed(world: &mut Contexts, source: String, reason: String) {
    let context = world.context.as_ref().expect("it was built");
    let failed = context.failed_sources.iter().find(|failed| failed.source == source.as_str());
    assert_eq!(failed.expect("it failed").reason.to_string(), reason);
}

#[then(expr = "source {string} was asked {int} times")]
fn was_asked(world: &mut Contexts, source: String, times: usize) {
    assert_eq!(world.shelf(&source).asked.load(Ordering::SeqCst), times);
}

#[then(expr = "it finds {string}")]
fn it_finds(world: &mut Contexts, ids: String) {
    let found: Vec<_> = world.found.iter().map(Fragment::id).collect();
    assert_eq!(found.join(", "), ids);
}
