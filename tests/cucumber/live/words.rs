//! Texts: filters, events as JSON, what is redacted.

use agentbus::redact::{RedactError, RedactorBuilder, without_tags};
use agentbus::{DomainEvent, EventType, Filter, FilterError, Redactor};
use cucumber::{given, then, when};
use serde_json::value::RawValue;

use super::{Live, event};

/// What the scenario reads, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) refusal: Option<String>,
    event: Option<DomainEvent>,
    filter: Option<Filter>,
    fault: Option<FilterError>,
    redactor: Redactor,
    left: String,
    /// What was left before that.
    before: String,
}

/// The filter of a text, in which scenarios write `'` for `"`.
pub(super) fn filter(text: &str) -> Filter {
    text.replace('\'', "\"").parse().expect("the scenario has a good filter")
}

const HEAD: &str =
    r#""id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","timestamp":"2026-01-31T09:30:00Z","correlation_id":"c""#;

impl Words {
    fn read(&mut self, json: &str) {
        match serde_json::from_str(json) {
            Ok(event) => self.event = Some(event),
            Err(error) => self.refusal = Some(error.to_string()),
        }
    }

    fn event(&self) -> &DomainEvent {
        self.event.as_ref().unwrap_or_else(|| panic!("it was refused: {:?}", self.refusal))
    }
}

#[given(regex = r#"^a (\S+) of plan "(.+)", session "(.+)" and actor "(.+)"$"#)]
fn an_event(world: &mut Live, kind: String, plan: String, session: String, actor: String) {
    let event = event(&kind).with_plan_id(plan).with_session_id(session).with_actor_name(actor);
    world.words.event = Some(event);
}

#[then(regex = r#"^"(.*)" (takes|leaves out) it$"#)]
fn takes_it(world: &mut Live, text: String, answer: String) {
    assert_eq!(filter(&text).matches(world.words.event()), answer == "takes");
}

#[when(regex = r#"^the filter "(.*)" is read$"#)]
fn a_filter_is_read(world: &mut Live, text: String) {
    match text.replace('\'', "\"").parse() {
        Ok(filter) => world.words.filter = Some(filter),
        Err(fault) => world.words.fault = Some(fault),
    }
}

#[then(expr = "it is refused at byte {int}: {string}")]
fn refused_at(world: &mut Live, at: usize, why: String) {
    let fault = world.words.fault.as_ref().expect("it was refused");
    assert_eq!(fault.at(), Some(at), "{fault}");
    assert!(fault.to_string().contains(&why), "{fault}");
}

#[then(regex = r#"^its text is "(.*)"$"#)]
fn its_text_is(world: &mut Live, text: String) {
    let filter = world.words.filter.as_ref().expect("it was read");
    assert_eq!(filter.to_string(), text);
    assert_eq!(text.parse::<Filter>().as_ref(), Ok(filter));
}

#[when(regex = r#"^an event with "(\S+)" "(.*)" and details (.*) is read$"#)]
fn an_event_is_read(world: &mut Live, key: String, value: String, details: String) {
    world.words = Words::default();
    world.words.read(&format!(r#"{{{HEAD},"{key}":"{value}","details":{details}}}"#));
}

#[when(regex = "^an event of a plan called (nothing|a bell|a megabyte of x) is read$")]
fn an_event_of_a_plan_is_read(world: &mut Live, plan: String) {
    let plan = match plan.as_str() {
        "nothing" => String::new(),
        "a bell" => "\\u0007".to_owned(),
        _ => "x".repeat(1 << 20),
    };
    let rest = r#""event_type":"session.created","details":{"imported":true}"#;
    world.words.read(&format!(r#"{{{HEAD},"plan_id":"{plan}",{rest}}}"#));
}

#[then(regex = r#"^it is written back with "(\S+)" "(.*)" and details (.*)$"#)]
fn written_back(world: &mut Live, key: String, value: String, details: String) {
    let json = serde_json::to_string(world.words.event()).expect("an event has a JSON form");
    let written: std::collections::BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(&json).expect("an object");
    let raw = |key: &str| written.get(key).map(|value| value.get().to_owned());
    assert_eq!((raw(&key), raw("details")), (Some(format!("\"{value}\"")), Some(details)));
}

#[then(expr = "it is of kind {string}")]
fn of_kind(world: &mut Live, kind: String) {
    assert_eq!(world.words.event().event_type().as_str(), kind);
}

#[then(expr = "{string} is not a declared kind")]
fn not_declared(_world: &mut Live, name: String) {
    assert!(name.parse::<EventType>().is_err());
}

#[when(expr = "the kind {string} is declared")]
fn declared(_world: &mut Live, name: String) {
    EventType::declare(&name).expect("the name is free");
}

#[then(regex = r#"^it is refused: "(.*)"$"#)]
fn refused(world: &mut Live, why: String) {
    let refusal = world.words.refusal.as_ref().expect("it was refused");
    assert!(refusal.contains(&why), "refused for another reason: {refusal}");
}

impl Words {
    fn build(&mut self, builder: RedactorBuilder) {
        match builder.build() {
            Ok(redactor) => self.redactor = redactor,
            Err(error @ RedactError::Path { .. }) => self.refusal = Some(error.to_string()),
            Err(error) => panic!("{error}"),
        }
    }

    /// The masks that are left, with their tags.
    fn masks(&self) -> Vec<&str> {
        let parts = self.left.split("[redacted:").skip(1);
        parts.map(|behind| behind.split(']').next().unwrap_or_default()).collect()
    }
}

#[given(expr = "a redactor whose tags are made under key {int}")]
fn tags_under_a_key(world: &mut Live, key: u8) {
    world.words.build(Redactor::builder().tag_key([key; 32]));
}

#[given(regex = "^a redactor with the path (.*)$")]
fn with_a_path(world: &mut Live, path: String) {
    world.words.build(Redactor::builder().path(path));
}

#[given(expr = "a redactor that cuts texts to {int} bytes")]
fn cuts_texts(world: &mut Live, max: usize) {
    world.words.build(Redactor::builder().max_text_bytes(max));
}

#[when(regex = "^(\\{.*\\}) is redacted$")]
fn redacted(world: &mut Live, json: String) {
    world.words.left = world.words.redactor.redact_json(&json).into_owned();
}

#[when("what is left is redacted again")]
fn redacted_again(world: &mut Live) {
    world.words.before = world.words.left.clone();
    world.words.left = world.words.redactor.redact_json(&world.words.before).into_owned();
}

#[then("nothing more was masked")]
fn nothing_more(world: &mut Live) {
    assert_eq!(world.words.left, world.words.before);
}

#[then(regex = "^what is left is (.*)$")]
fn what_is_left(world: &mut Live, left: String) {
    assert_eq!(without_tags(&world.words.left), left);
}

#[then(regex = "^what is left, with its tags, is (.*)$")]
fn what_is_left_with_tags(world: &mut Live, left: String) {
    assert_eq!(world.words.left, left);
}

#[then(regex = r"^masks (\d) and (\d) (are the same|differ)$")]
fn masks(world: &mut Live, one: usize, other: usize, how: String) {
    let masks = world.words.masks();
    let [one, other] = [one, other].map(|number| masks.get(number - 1).expect("there is such a mask"));
    assert_eq!(one == other, how == "are the same", "{masks:?}");
}

#[then(expr = "rule {string} masked {int} times")]
fn masked_times(world: &mut Live, rule: String, times: u64) {
    assert_eq!(world.words.redactor.counts().of(&rule), times);
}
