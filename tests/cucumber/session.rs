//! Steps of `features/session.feature`.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use agentbus::event::{MessageRole, PlanId, SessionId};
use agentbus::service::session::{Page, SessionService};
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
        }
    }

    fn id(&self, title: &str) -> SessionId {
        self.ids.get(title).expect("the scenario created it").clone()
    }

    fn create(&mut self, title: &str, actor: &str) {
        self.told.listen();
        let result = self.service.create(actor, Some(title));
        if let Some(session) = self.told.outcome(result) {
            self.told.call(&session.id, title);
            self.ids.insert(title.to_owned(), session.id);
        }
    }

    fn say(&mut self, role: MessageRole, content: &str, title: &str) {
        let id = self.id(title);
        self.told.listen();
        let result = self.service.append(&id, role, content, None);
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
    let changed = world.export.replace(&from.replace("\\\"", "\""), &to.replace("\\\"", "\""));
    assert_ne!(changed, world.export, "nothing was changed");
    world.export = changed;
}

#[when(expr = "session {string} is created by {string}")]
fn created(world: &mut Sessions, title: String, actor: String) {
    world.create(&title, &actor);
}

#[when(expr = "{word} says {string} in {string}")]
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
