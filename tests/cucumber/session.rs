//! Steps of `features/session.feature`.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use agentbus::event::{CallId, MessageRole, PlanCreated, PlanId, PlanPhase, Scope, SessionId, Text};
use agentbus::service::session::{Page, SessionService};
use agentbus::{DomainEvent, EventBus as _};
use cucumber::{World, given, then, when};

use crate::told::{Told, told_steps};

pub(crate) async fn run() -> bool {
    crate::told::run::<Sessions>("session.feature").await
}

#[derive(Debug, World)]
#[world(init = Self::new)]
struct Sessions {
    told: Told,
    service: SessionService,
    elsewhere: SessionService,
    /// By title.
    ids: BTreeMap<String, SessionId>,
    export: String,
    /// What runs now.
    scope: Scope,
}

told_steps!(Sessions);

impl Sessions {
    fn new() -> Self {
        let told = Told::default();
        Self {
            service: SessionService::new(Some(told.bus())),
            elsewhere: SessionService::new(Some(told.bus())),
            told,
            ids: BTreeMap::new(),
            export: String::new(),
            scope: Scope::new(),
        }
    }

    fn id(&self, title: &str) -> SessionId {
        self.ids.get(title).cloned().unwrap_or_else(|| SessionId::from(title))
    }

    fn create(&mut self, title: &str, actor: &str) {
        self.told.listen();
        let result = self.scope.clone().enter(|| self.service.create(actor, Some(title)));
        if let Some(session) = self.told.outcome(result) {
            self.told.call(&session.id, title);
            self.ids.insert(title.to_owned(), session.id);
        }
    }

    fn say(&mut self, role: MessageRole, content: &str, title: &str) {
        self.say_in(&self.service.clone(), role, content, (title, None));
    }

    fn say_in(
        &mut self,
        service: &SessionService,
        role: MessageRole,
        content: &str,
        (title, call): (&str, Option<CallId>),
    ) {
        let id = self.id(title);
        self.told.listen();
        let result = self.scope.clone().enter(|| service.append(&id, role, content, call));
        if let Some(message) = self.told.outcome(result) {
            self.told.call(message.id, "the message");
        }
    }
}

#[given(expr = "session {string}")]
fn a_session(world: &mut Sessions, title: String) {
    world.create(&title, "planner");
    world.told.expect_done();
}

#[given(expr = "{word} said {string} in {string}")]
fn said(world: &mut Sessions, role: MessageRole, content: String, title: String) {
    world.say(role, &content, &title);
    world.told.expect_done();
}

#[given(expr = "{string} is closed")]
fn closed(world: &mut Sessions, title: String) {
    world.service.close(&world.id(&title)).expect("there is such a session");
}

#[given(expr = "{string} was exported")]
fn exported(world: &mut Sessions, title: String) {
    world.export = world.service.export(&world.id(&title)).expect("there is such a session");
}

#[given(expr = "{string} in the export was changed to {string}")]
fn changed(world: &mut Sessions, from: String, to: String) {
    // A cell of a table takes no quotation mark, and an export has none but those.
    let quoted = |text: String| text.replace("\\\"", "\"").replace('\'', "\"");
    let changed = world.export.replace(&quoted(from), &quoted(to));
    assert_ne!(changed, world.export, "nothing was changed");
    world.export = changed;
}

#[given(expr = "the plan {string} was opened")]
fn the_plan_was_opened(world: &mut Sessions, plan: PlanId) {
    let created = PlanCreated::new(1, plan.to_string(), PlanPhase::Action, Vec::<Text>::new(), 3);
    let event = DomainEvent::new(created).with_plan_id(&plan).with_root_plan_id(&plan);
    world.scope = event.scope();
    world.told.bus().emit(event);
}

#[given(expr = "elsewhere a message has at most {int} bytes")]
fn at_most_elsewhere(world: &mut Sessions, bytes: usize) {
    world.elsewhere = SessionService::with_max_content_bytes(bytes, Some(world.told.bus()));
}

#[when(expr = "an untitled session is created by {string}")]
fn created_untitled(world: &mut Sessions, actor: String) {
    world.told.listen();
    let result = world.service.create(actor, None);
    world.told.outcome(result);
}

#[when(expr = "{word} says {string} in {string} elsewhere")]
fn says_elsewhere(world: &mut Sessions, role: MessageRole, content: String, title: String) {
    world.say_in(&world.elsewhere.clone(), role, &content, (&title, None));
}

#[when(expr = "tool answers call {string} with {string} in {string}")]
fn answers(world: &mut Sessions, call: String, content: String, title: String) {
    let service = world.service.clone();
    world.say_in(&service, MessageRole::Tool, &content, (&title, Some(CallId::from(call))));
}

#[when(expr = "{string} closes")]
fn closes(world: &mut Sessions, title: String) {
    let id = world.id(&title);
    world.told.listen();
    let result = world.service.close(&id);
    world.told.outcome(result);
}

#[when(expr = "{string} is exported")]
fn is_exported(world: &mut Sessions, title: String) {
    let id = world.id(&title);
    world.told.listen();
    let result = world.service.export(&id);
    world.told.outcome(result);
}

#[when(expr = "session {string} is created by {string}")]
#[when(expr = "session {string} is created by {string} inside the plan")]
fn created(world: &mut Sessions, title: String, actor: String) {
    world.create(&title, &actor);
}

#[when(expr = "{word} says {string} in {string}")]
#[when(expr = "{word} says {string} in {string} inside the plan")]
fn says(world: &mut Sessions, role: MessageRole, content: String, title: String) {
    world.say(role, &content, &title);
}

#[when(expr = "{word} says {int} bytes in {string}")]
fn says_bytes(world: &mut Sessions, role: MessageRole, bytes: usize, title: String) {
    world.say(role, &"x".repeat(bytes), &title);
}

#[when(expr = "{string} is linked to plan {string}")]
fn linked(world: &mut Sessions, title: String, plan: PlanId) {
    let id = world.id(&title);
    world.told.listen();
    let result = world.service.link_plan(&id, &plan);
    world.told.outcome(result);
}

#[given("the export is imported elsewhere")]
#[when("the export is imported elsewhere")]
fn imported_elsewhere(world: &mut Sessions) {
    world.told.listen();
    let result = world.elsewhere.import(&world.export);
    world.told.outcome(result);
}

#[when("the export is imported")]
fn imported(world: &mut Sessions) {
    world.told.listen();
    let result = world.service.import(&world.export);
    world.told.outcome(result);
}

/// The service goes on from what `change` makes of its snapshot.
fn go_on(world: &mut Sessions, change: impl FnOnce(String) -> String) {
    world.told.listen();
    let text = serde_json::to_string(&world.service.snapshot(None)).expect("it has a JSON form");
    let read = serde_json::from_str(&change(text));
    if let Some(snapshot) = world.told.outcome(read) {
        world.service = SessionService::from_snapshot(snapshot, Some(world.told.bus()));
    }
}

#[when("the sessions go on from a snapshot")]
fn from_snapshot(world: &mut Sessions) {
    go_on(world, |text| text);
}

#[when(expr = "the sessions go on from a snapshot in which {string} is {string}")]
fn from_changed_snapshot(world: &mut Sessions, from: String, to: String) {
    go_on(world, |text| text.replace(&from.replace("\\\"", "\""), &to.replace("\\\"", "\"")));
}

#[then(expr = "pages of {int} of {string} are {string}")]
fn pages_are(world: &mut Sessions, size: NonZeroUsize, title: String, expected: String) {
    let (id, mut next, mut pages) = (world.id(&title), Some(Page::first(size)), Vec::new());
    while let Some(page) = next {
        let found = world.service.messages(&id, page).expect("there is such a session");
        let contents: Vec<_> = found.messages.iter().map(|message| &*message.content).collect();
        pages.push(contents.join(", "));
        next = found.next;
    }
    assert_eq!(pages.join("; "), expected);
}

#[then(expr = "elsewhere {string} has {int} message(s)")]
fn has_messages(world: &mut Sessions, title: String, expected: u64) {
    let session = world.elsewhere.get(&world.id(&title)).expect("it was imported");
    assert_eq!(session.messages, expected);
}
