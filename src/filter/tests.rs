use proptest::prelude::*;

use super::*;
use crate::event::{EventId, SessionCreated, ToolErrorKind, ToolErrored};

fn parsed(text: &str) -> Filter {
    text.parse().unwrap()
}

fn session_created() -> DomainEvent {
    DomainEvent::new(SessionCreated::new(false))
}

fn tool_errored() -> DomainEvent {
    DomainEvent::new(ToolErrored::new("cat", "call", "no such file", ToolErrorKind::ALL[0], 1, 1))
}

/// An event of that name as it is read from outside.
fn read(name: &str) -> DomainEvent {
    let mut json: serde_json::Value = serde_json::to_value(session_created()).unwrap();
    json["event_type"] = name.into();
    json["details"] = serde_json::json!({});
    serde_json::from_value(json).unwrap()
}

fn custom(name: &str) -> DomainEvent {
    DomainEvent::custom(EventType::declare(name).unwrap(), &()).unwrap()
}

macro_rules! assert_matches {
    ($event:expr, $($text:literal),+) => {$(
        assert!(parsed($text).matches(&$event), "{} should match", $text);
    )+};
}

macro_rules! assert_passes {
    ($event:expr, $($text:literal),+) => {$(
        assert!(!parsed($text).matches(&$event), "{} should not match", $text);
    )+};
}

#[test]
fn types_are_names_and_globs() {
    let event = session_created();
    assert_matches!(
        event,
        "",
        "*",
        "session.created",
        "session.*",
        "*.created",
        "tool.*,session.created",
        "*,a.b"
    );
    assert_matches!(event, "-tool.*", "session.* -session.message_sent", "-unknown");
    assert_passes!(
        event,
        "-*",
        "tool.*",
        "session.message_sent",
        "-session.*",
        "session.* -*.created",
        "unknown"
    );
}

#[test]
fn kinds_outside_the_domain_are_known_by_their_name() {
    for event in [custom("filter_tests.lane"), read("filter_tests.lane"), read("filter_tests2.lane")] {
        assert_matches!(event, "*.lane", "*", "-plan.*", "category=custom", "level=info", "-level>=warn");
        assert_passes!(event, "plan.*", "plan.created", "-*.lane", "level>=warn", "category=plan");
    }
    let kind = EventType::declare("filter_tests.late").unwrap();
    assert!(Filter::from(kind).matches(&custom("filter_tests.late")));
    assert!(!Filter::from(kind).matches(&custom("filter_tests.lane")));
    assert!(Filter::from(EventType::Unknown).matches(&read("filter_tests.nobody")));
    assert!(!Filter::from(EventType::Unknown).matches(&custom("filter_tests.lane")));
    assert_eq!(parsed("filter_tests.late"), Filter::from(kind));
}

#[test]
fn a_filter_made_before_anybody_declared_the_name_goes_on_matching() {
    let filter = parsed("filter_tests.undeclared");
    assert!(filter.matches(&read("filter_tests.undeclared")));
    let kind = EventType::declare("filter_tests.undeclared").unwrap();
    assert!(filter.matches(&read("filter_tests.undeclared")));
    assert_eq!(filter, Filter::from(kind));
}

#[test]
fn the_envelope_is_asked_by_key() {
    let event = session_created()
        .with_plan_id("p")
        .with_root_plan_id("r")
        .with_session_id("s")
        .with_actor_name("agents/the planner")
        .with_project_name("x,y")
        .with_user_identity("a\"b\\c")
        .with_correlation_id("c");
    assert_matches!(event, "plan=p", "plan=q,p", "root=r", "session=s", "correlation=c", "plan=p session=s");
    assert_matches!(
        event,
        "actor=\"agents/the planner\"",
        "project=\"x,y\"",
        "user=\"a\\\"b\\\\c\"",
        "plan=\"p\",q"
    );
    assert_matches!(event, "-plan=q", "-session=\"no such\"", "*.created -plan=a,b session=s");
    assert_passes!(
        event,
        "plan=q",
        "-plan=p",
        "-plan=q,p",
        "plan=p session=t",
        "root=p",
        "actor=agents/planner"
    );
    assert_passes!(session_created(), "plan=p", "root=p", "session=s", "actor=a", "project=x", "user=u");
    assert_matches!(session_created(), "-plan=p", "-root=p", "-actor=a");
}

#[test]
fn levels_compare() {
    let error = tool_errored();
    assert_eq!(error.severity(), Severity::Error);
    assert_matches!(
        error,
        "level=error",
        "level>=warn",
        "level>info",
        "level>=error",
        "level=info,error",
        "-level<error"
    );
    assert_passes!(error, "level=warn", "level<=warn", "level<error", "-level>=info", "level=info,warn");
    assert_matches!(session_created(), "level<=info", "level<warn", "level>=info");
}

#[test]
fn a_plan_without_a_root_is_its_own() {
    assert_matches!(session_created().with_plan_id("p"), "root=p");
    assert_matches!(session_created().with_plan_id("p").with_root_plan_id("r"), "root=r", "-root=p");
}

#[test]
fn under_needs_history_unless_root_says_it_all() {
    for text in
        ["under=p", "-under=p", "under=p root=q", "under=p root=p,q", "under=p -root=p", "-under=p root=p"]
    {
        assert!(parsed(text).needs_history(), "{text}");
    }
    for text in ["", "root=p", "under=p root=p", "root=q under=p,q", "root=p,q under=q,p,r"] {
        assert!(!parsed(text).needs_history(), "{text}");
    }
    assert_eq!(parsed("under=p root=p"), Filter::all().root("p"));
}

#[test]
fn under_knows_what_an_event_tells_by_itself_and_asks_for_the_rest() {
    let cause = session_created();
    let filter = Filter::all().under(cause.id());
    assert!(filter.matches(&session_created().with_causation_id(cause.id())));
    assert!(!filter.matches(&session_created().with_causation_id(EventId::from_bytes([1; 16]))));
    assert_matches!(session_created().with_plan_id("p"), "under=p", "under=q,p", "-under=q");
    assert_matches!(session_created().with_root_plan_id("p"), "under=p");
}

#[test]
fn a_fault_is_told_with_its_place() {
    let bad = |text: &str| text.parse::<Filter>().unwrap_err();
    for (text, at) in [("plan.* lane=3", 7), ("-lane=3", 1), ("=3", 0), ("plan.*>3", 0)] {
        assert!(matches!(bad(text), FilterError::UnknownKey { at: found, .. } if found == at), "{text}");
    }
    for (text, at) in [("plan>=3", 4), ("plan", 4), ("plan.* session", 14), ("level warn", 5), ("plan<3", 4)]
    {
        assert!(matches!(bad(text), FilterError::BadOperator { at: found, .. } if found == at), "{text}");
    }
    for (text, at) in [
        ("plan=", 5),
        ("plan=a,", 7),
        ("plan=,a", 5),
        ("plan=\"\"", 5),
        ("a.b,", 4),
        (",a.b", 0),
        ("a.b, c.d", 4),
    ] {
        assert_eq!(bad(text), FilterError::EmptyValue { at }, "{text}");
    }
    for (text, at) in [("-", 1), ("a.b - c.d", 5)] {
        assert_eq!(bad(text), FilterError::EmptyTerm { at }, "{text}");
    }
    for (text, at) in [("plan=\"a", 5), ("plan=\"a\\", 5), ("plan=\"a\\\"", 5)] {
        assert_eq!(bad(text), FilterError::UnclosedQuote { at }, "{text}");
    }
    for (text, at) in
        [("Plan.*", 0), ("a.b plan.x!", 10), ("--a.b", 1), ("\"a.b\"", 0), ("a.b,level=warn", 9), ("é.*", 0)]
    {
        assert_eq!(bad(text), FilterError::BadGlob { at }, "{text}");
    }
    assert_eq!(bad(&format!("a.b {}*", "x".repeat(65))), FilterError::BadGlob { at: 4 });
    for (text, at) in [("created", 0), ("a.b -a..b", 5), ("a.b,.c", 4)] {
        assert_eq!(bad(text), FilterError::BadName { at }, "{text}");
    }
}

#[test]
fn a_bad_value_is_told_with_its_place() {
    for (text, at) in [
        ("category=tools", 9),
        ("level=warn,loud", 11),
        ("level>=warn,error", 12),
        ("level>error", 6),
        ("level<info", 6),
        ("plan=a,b\"c\"", 8),
        ("plan=\"a\"b", 8),
        ("plan=\"a\\n\"", 7),
        ("plan=\"a\tb\"", 5),
    ] {
        let error = text.parse::<Filter>().unwrap_err();
        assert!(matches!(error, FilterError::BadValue { at: found, .. } if found == at), "{text}: {error}");
        assert_eq!(error.at(), Some(at));
    }
    let error = "plan=a,".to_owned() + &"x".repeat(257);
    assert!(matches!(error.parse::<Filter>(), Err(FilterError::BadValue { at: 7, .. })));
}

#[test]
fn a_text_is_bounded() {
    let values = |count: usize| "plan=".to_owned() + &vec!["p"; count].join(",");
    assert!(values(256).parse::<Filter>().is_ok());
    assert_eq!(values(257).parse::<Filter>(), Err(FilterError::TooManyValues { at: 5 + 2 * 256 }));
    let types = vec!["a.b"; 257].join(" ");
    assert_eq!(types.parse::<Filter>(), Err(FilterError::TooManyValues { at: 4 * 256 }));
    assert_eq!(" ".repeat(8193).parse::<Filter>(), Err(FilterError::TooLong { actual: 8193 }));
    assert!(" ".repeat(8192).parse::<Filter>().is_ok());
}

#[test]
fn an_error_says_the_way_out() {
    let told = |text: &str| text.parse::<Filter>().unwrap_err().to_string();
    assert_eq!(
        told("lane=3"),
        "unknown key \"lane\" at byte 0 of the filter, must be one of \
         plan, root, session, actor, project, user, correlation, category, level, under"
    );
    assert_eq!(told("level=loud"), "bad value at byte 6 of the filter: must be one of info, warn, error");
    assert_eq!(told("plan>3"), "bad operator at byte 4 of the filter: `plan` takes =");
}

#[test]
fn the_text_is_canonical() {
    for (text, canonical) in [
        ("", ""),
        ("  ", ""),
        ("* level>=info", ""),
        ("plan.**,*", ""),
        ("-*", "-*"),
        ("-*,a.b", "-*"),
        ("session=s plan=b,a,b tool.*,plan.* tool.*,plan.*", "plan.*,tool.* plan=a,b session=s"),
        ("level>warn", "level=error"),
        ("level<error", "level<=warn"),
        ("level=error,info", "level=info,error"),
        ("-level>=info", "-level>=info"),
        ("plan=\"a b\",\"c\"", "plan=\"a b\",c"),
        ("a**b.*", "a*b.*"),
        ("category=tool,plan -unknown", "-unknown category=plan,tool"),
    ] {
        assert_eq!(parsed(text).to_string(), canonical, "{text}");
    }
}

#[test]
fn the_builder_and_the_text_say_the_same() {
    let id = EventId::from_bytes([7; 16]);
    let built = Filter::all()
        .types([EventType::PlanCreated, EventType::ToolErrored])
        .except(EventType::ToolInvoked)
        .category(Category::Plan)
        .level_at_least(Severity::Warn)
        .plan("p")
        .root("r")
        .session("s")
        .actor("a b")
        .project("x")
        .user("u")
        .correlation("c")
        .under(id)
        .glob("plan.*")
        .unwrap();
    let text = format!(
        "plan.*  plan.created,tool.errored -tool.invoked category=plan level>=warn plan=p root=r session=s \
         actor=\"a b\" project=x user=u correlation=c under={id}"
    );
    assert_eq!(built, parsed(&text));
    assert!(Filter::all().glob("a.b,c.d").is_err());
    assert_eq!(Filter::from(Category::Tool), parsed("category=tool"));
    assert_eq!(Filter::default(), Filter::all());
    let none = Filter::from_iter([]);
    assert_eq!(none, parsed("-*"));
    assert!(!none.matches(&session_created()));
    assert_eq!(serde_json::to_string(&none).unwrap(), "\"-*\"");
    assert_eq!(serde_json::from_str::<Filter>("\"-*\"").unwrap(), none);
    assert!(serde_json::from_str::<Filter>("\"plan\"").unwrap_err().to_string().contains("byte 4"));
}

#[test]
fn the_set_of_types_decides_alone_where_it_can() {
    for text in
        ["", "*", "-*", "plan.created", "plan.created,tool.errored", "plan.created level>=warn", "unknown"]
    {
        assert!(parsed(text).is_types_only(), "{text}");
    }
    for text in
        ["plan.*", "lane.entered", "-plan.*", "plan=p", "plan.created -plan=p", "category=tool", "level=warn"]
    {
        assert!(!parsed(text).is_types_only(), "{text}");
    }
    assert_eq!(
        parsed("plan.created,tool.errored level=error").type_set(),
        TypeSet::of(EventType::ToolErrored)
    );
    assert!(parsed("category=tool").type_set().contains(EventType::declare("filter_tests.any").unwrap()));
    assert!(!parsed("category=tool").type_set().contains(EventType::Unknown));
    assert_eq!(parsed("plan=p").type_set(), TypeSet::ALL);
}

#[test]
fn a_single_id_that_must_be_there_is_told() {
    let filter = parsed("plan=p -session=s correlation=c");
    assert_eq!(filter.only_plan().unwrap(), &"p");
    assert_eq!(filter.only_session(), None);
    assert_eq!(filter.only_correlation().unwrap(), &"c");
    assert_eq!(parsed("plan=p,q").only_plan(), None);
    assert_eq!(parsed("session=s,s").only_session().unwrap(), &"s");
}

fn filters() -> impl Strategy<Value = Filter> {
    let values = || {
        let value =
            "\\PC{1,8}".prop_map(|value| format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")));
        proptest::collection::vec(value, 1..4).prop_map(|values| values.join(","))
    };
    let keys = proptest::sample::select(vec![
        "plan",
        "root",
        "session",
        "actor",
        "project",
        "user",
        "correlation",
        "under",
    ]);
    let term = prop_oneof![
        (keys, values()).prop_map(|(key, values)| format!("{key}={values}")),
        proptest::collection::vec(
            "[a-z0-9_*.]{0,6}\\*|[a-z]{1,4}\\.[a-z_]{1,4}|unknown|tool\\.errored",
            1..4
        )
        .prop_map(|globs| globs.join(",")),
        "level(=|>=|<=)(info|warn|error)",
        proptest::sample::subsequence(Category::ALL.to_vec(), 1..4).prop_map(|all| format!(
            "category={}",
            all.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(",")
        )),
    ];
    let terms = proptest::collection::vec((any::<bool>(), term), 0..6);
    terms.prop_map(|terms| {
        let texts: Vec<_> =
            terms.into_iter().map(|(not, term)| format!("{}{term}", if not { "-" } else { "" })).collect();
        texts.join(" ").parse().unwrap()
    })
}

proptest! {
    #[test]
    fn a_filter_comes_back_from_its_text(filter in filters()) {
        prop_assert_eq!(&parsed(&filter.to_string()), &filter);
        prop_assert_eq!(parsed(&filter.to_string()).to_string(), filter.to_string());
    }

    #[test]
    fn any_text_is_read_or_refused_within_it(text in "[a-z=<>,\"\\\\ .*é-]{0,40}|\\PC{0,20}") {
        if let Err(error) = text.parse::<Filter>() {
            prop_assert!(error.at().unwrap() <= text.len());
        }
    }

    #[test]
    fn the_bits_decide_as_the_terms_do(filter in filters(), kind in 0..6_usize) {
        let events = [
            session_created(),
            tool_errored(),
            session_created().with_plan_id("p"),
            custom("filter_tests.bits"),
            read("filter_tests.bits"),
            read("ab.cd"),
        ];
        let event = &events[kind];
        prop_assert_eq!(filter.matches(event), filter.terms.iter().all(|term| term.holds(event, None)));
        if !filter.type_set().contains(event.event_type()) {
            prop_assert!(!filter.matches(event));
        } else if filter.is_types_only() {
            prop_assert!(filter.matches(event));
        }
    }
}
