//! The envelope, whatever stands in it.

use agentbus::event::{CorrelationId, DecisionId, EventId, PlanId, SessionId, Text, Timestamp, TraceContext};
use agentbus::{DomainEvent, EventBus, Filter, ReactiveEventBus};
use proptest::prelude::*;
use serde_json::{Map, Value};
use tokio_stream::StreamExt;

use crate::strategies::{Any, events};
use crate::through_json;

/// Any JSON value, a few levels deep.
pub(crate) fn values() -> BoxedStrategy<Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no NaN", |number| number.is_finite()).prop_map(Value::from),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number,
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
    .boxed()
}

fn traces() -> BoxedStrategy<TraceContext> {
    let parts = (any::<[u8; 16]>(), any::<[u8; 8]>(), any::<u8>());
    parts
        .prop_filter_map("an id of zeros is none", |(trace, span, flags)| {
            TraceContext::new(trace, span, flags)
        })
        .boxed()
}

prop_compose! {
    /// Events with any of their envelope set.
    pub(crate) fn whole_events()(
        event in events(),
        (id, time, correlation) in (EventId::any(), Timestamp::any(), CorrelationId::any()),
        (cause, plan, root, session) in (
            prop::option::of(EventId::any()), prop::option::of(PlanId::any()),
            prop::option::of(PlanId::any()), prop::option::of(SessionId::any()),
        ),
        (actor, project, user, trace) in (
            prop::option::of(Text::any()), prop::option::of(Text::any()),
            prop::option::of(Text::any()), prop::option::of(traces()),
        ),
        attributes in prop::collection::vec((any::<String>(), values()), 0..4),
    ) -> DomainEvent {
        let mut event = event.with_id(id).with_timestamp(time).with_correlation_id(correlation);
        macro_rules! set {
            ($($with:ident: $value:ident),+) => {
                $(if let Some(value) = $value { event = event.$with(value); })+
            };
        }
        set!(with_causation_id: cause, with_plan_id: plan, with_root_plan_id: root, with_session_id: session);
        set!(with_actor_name: actor, with_project_name: project, with_user_identity: user, with_trace: trace);
        attributes.into_iter().fold(event, |event, (key, value)| event.with_attribute(key, value))
    }
}

/// The object with its keys in the order of `by`.
pub(crate) fn shuffled(object: &Map<String, Value>, by: &[u32]) -> String {
    let mut entries: Vec<_> = object.iter().enumerate().collect();
    entries.sort_by_key(|(place, _)| (by.get(*place).copied(), *place));
    let entries = entries.iter().map(|(_, (key, value))| match value {
        Value::Object(inner) if *key == "details" => {
            format!("{}:{}", Value::from(key.as_str()), shuffled(inner, by))
        }
        value => format!("{}:{value}", Value::from(key.as_str())),
    });
    format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
}

proptest! {
    #[test]
    fn the_whole_envelope_survives_json(event in whole_events()) {
        prop_assert_eq!(through_json(&event), event);
    }

    #[test]
    fn keys_come_in_any_order(event in whole_events(), by in prop::collection::vec(any::<u32>(), 30)) {
        let Value::Object(object) = serde_json::to_value(&event).unwrap() else { panic!("an object") };
        let read: DomainEvent = serde_json::from_str(&shuffled(&object, &by)).unwrap();
        prop_assert_eq!(read, event);
    }

    #[test]
    fn an_event_is_one_line(event in whole_events()) {
        prop_assert!(!serde_json::to_string(&event).unwrap().contains(['\n', '\r']));
    }

    #[test]
    fn what_is_not_set_is_not_written(event in events()) {
        let json: Value = serde_json::to_value(&event).unwrap();
        let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        prop_assert_eq!(keys, ["correlation_id", "details", "event_type", "id", "timestamp"]);
    }
}

#[tokio::test]
async fn the_place_survives_json_and_a_flag_of_memory_does_not() {
    let bus = ReactiveEventBus::new();
    let mut stream = bus.stream(Filter::all()).events();
    bus.emit(crate::strategies::example(agentbus::EventType::PlanCreated, 0.0).with_replayed(true));
    let event = stream.next().await.unwrap();
    let json: Value = serde_json::to_value(&*event).unwrap();
    assert_eq!((&json["origin"], &json["seq"]), (&Value::from(bus.origin().to_string()), &Value::from(1)));
    let read = through_json(&event);
    assert_eq!((read.origin(), read.seq()), (event.origin(), event.seq()));
    assert!(event.is_replayed() && !read.is_replayed());
}

#[test]
fn ids_of_different_things_are_different_types_with_one_form() {
    assert_eq!(PlanId::from("x").to_string(), DecisionId::from("x").to_string());
}
