//! What a program adds, tags, counts.

use super::*;

const KEY: [u8; 32] = [7; 32];

fn built(builder: RedactorBuilder) -> Redactor {
    builder.tag_key(KEY).build().unwrap()
}

fn told(builder: RedactorBuilder, json: &str) -> String {
    without_tags(&built(builder).redact_json(json)).into_owned()
}

#[test]
fn equal_secrets_have_equal_tags_whatever_rule_found_them() {
    let redactor = built(Redactor::builder().path("chosen").pattern("word", "sesame-[0-9]{3}"));
    let secret = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
    let mask = redactor.mask(secret);
    let line = json!({
        "password": secret, "Authorization": format!("Bearer {secret}"), "chosen": secret, "note": format!("has {secret}."),
        "url": format!("https://ann:{secret}@h/"), "split": [&secret[..9], &secret[9..]], "args": ["--token", secret],
        secret: 1,
    });
    let masked = redactor.redact_json(&line.to_string()).into_owned();
    assert_eq!(masked.matches(&mask).count(), 9, "{masked}");
    assert_eq!(without_tags(&masked).matches(MASK).count(), 9, "{masked}");
    let other = Redactor::builder().tag_key([8; 32]).build().unwrap();
    assert_ne!(other.mask(secret), mask);
    assert_eq!(other.redact_json(&masked), masked, "what is masked stays");
    assert_eq!(redactor.redact_text("sesame-123"), redactor.mask("sesame-123"));
}

#[test]
fn by_path_texts_and_numbers_are_masked_with_all_below() {
    let json = r#"{"a":{"b":["x",{"c":"y","n":-1.5e3,"t":true,"z":null,"s":""}],"d":"e"},"b":{"c":1},"x.y":{"0":"k"}}"#;
    for (path, left) in [
        (
            "a.b",
            r#"{"a":{"b":["M",{"c":"M","n":"M","t":true,"z":null,"s":""}],"d":"e"},"b":{"c":1},"x.y":{"0":"k"}}"#,
        ),
        (
            "a.*.1.c",
            r#"{"a":{"b":["x",{"c":"M","n":-1.5e3,"t":true,"z":null,"s":""}],"d":"e"},"b":{"c":1},"x.y":{"0":"k"}}"#,
        ),
        (
            "*.c",
            r#"{"a":{"b":["x",{"c":"y","n":-1.5e3,"t":true,"z":null,"s":""}],"d":"e"},"b":{"c":"M"},"x.y":{"0":"k"}}"#,
        ),
        (
            "\"x.y\".0",
            r#"{"a":{"b":["x",{"c":"y","n":-1.5e3,"t":true,"z":null,"s":""}],"d":"e"},"b":{"c":1},"x.y":{"0":"M"}}"#,
        ),
        (
            "a.b.0",
            r#"{"a":{"b":["M",{"c":"y","n":-1.5e3,"t":true,"z":null,"s":""}],"d":"e"},"b":{"c":1},"x.y":{"0":"k"}}"#,
        ),
        ("a.e", json),
    ] {
        assert_eq!(
            told(Redactor::builder().path(path), json),
            left.replace("\"M\"", "\"[redacted]\""),
            "{path}"
        );
        let mut value: Value = serde_json::from_str(json).unwrap();
        built(Redactor::builder().path(path)).redact_value(&mut value);
        assert_eq!(
            without_tags(&value.to_string()).matches(MASK).count(),
            left.matches("\"M\"").count(),
            "{path}"
        );
    }
}

#[test]
fn a_path_into_an_event_leaves_it_readable_or_refuses_it() {
    let failed = ToolErrored::new("http_get", "call-1", "no route", ToolErrorKind::Failed, 3, 1_200);
    let event =
        DomainEvent::new(failed).with_attribute("lane", json!({"by": "ann", "n": 4})).with_actor_name("ann");
    let line = |path: &str| built(Redactor::builder().path(path)).event_json(&event);
    let told = |path: &str| without_tags(&line(path).unwrap()).into_owned();
    assert!(told("details.error").contains(r#""error":"[redacted]""#));
    assert!(
        told("attributes.lane").contains(r#"{"by":"[redacted]","n":"[redacted]"}"#),
        "{}",
        told("attributes.lane")
    );
    assert!(told("actor_name").contains(r#""actor_name":"[redacted]""#));
    for path in ["details.attempts", "details.duration_ms", "nothing.here"] {
        assert_eq!(
            line(path).unwrap(),
            serde_json::to_string(&event).unwrap(),
            "{path}: a number has its type"
        );
    }
    let all = serde_json::from_str::<DomainEvent>(&line("*.error").unwrap()).unwrap();
    assert_eq!(all.id(), event.id());
    for path in ["details.error_kind", "details", "*"] {
        let error = line(path).unwrap_err().to_string();
        assert!(error.contains("could not be read without"), "{error}");
    }
}

#[test]
fn a_name_that_a_mask_makes_too_long_is_cut_so_that_it_can_be_read() {
    let name = format!("{} x://u:p@h {}", "a".repeat(120), "b".repeat(120));
    let failed = ToolErrored::new(name.as_str(), "call-1", "no", ToolErrorKind::Failed, 1, 1);
    let event = DomainEvent::new(failed).with_project_name(name.as_str()).with_plan_id(name.as_str());
    let masked = Redactor::new().redact_event(&event).unwrap().into_owned();
    let name = masked.project_name().unwrap().as_str();
    assert!(name.len() <= 256 && name.contains("more bytes)") && name.contains("x://u:[redacted:"), "{name}");
}

#[test]
fn a_kind_that_is_called_like_a_secret_is_refused() {
    let kind = "lane.ghp_abcdefghijklmnopqrstuvwxyz";
    let event = DomainEvent::new(SessionCreated::new(false));
    let mut value = serde_json::to_value(&event).unwrap();
    value["event_type"] = kind.into();
    let event: DomainEvent = serde_json::from_value(value).unwrap();
    let error = Redactor::new().event_json(&event).unwrap_err().to_string();
    assert!(error.contains("name of its kind") && !error.contains("ghp_"), "{error}");
}

#[test]
fn keys_of_the_program_hold_everywhere_but_in_the_details_of_the_domain() {
    let builder = || Redactor::builder().key("error").key("ssn");
    assert_eq!(
        told(builder(), r#"{"userSsn":"1","ssn":2,"all_tokens":"3"}"#),
        r#"{"userSsn":"[redacted]","ssn":2,"all_tokens":"3"}"#
    );
    let event = DomainEvent::new(ToolErrored::new("t", "c", "no route", ToolErrorKind::Failed, 3, 1_200));
    let line = built(builder()).event_json(&event).unwrap();
    assert_eq!(line, serde_json::to_string(&event).unwrap());
}

#[test]
fn a_pattern_masks_its_first_group_or_all_of_it() {
    let builder = Redactor::builder().pattern("employee", r"\bEMP-\d{6}\b").pattern("pin", r"pin: (\d{4})");
    let redactor = built(builder);
    let masked = redactor.redact_text("EMP-123456 has pin: 1234, pin: x").into_owned();
    assert_eq!(without_tags(&masked), "[redacted] has pin: [redacted], pin: x");
    let counts = redactor.counts();
    assert_eq!((counts.of("employee"), counts.of("pin"), counts.total()), (1, 1, 2));
    assert_eq!(without_tags(&redactor.redact_json(r#"["EMP-12","3456"]"#)), r#"["[redacted]","[redacted]"]"#);
    assert_eq!(redactor.redact_text(&masked), masked, "what is masked stays");
}

#[test]
fn a_pattern_without_a_longest_length_is_looked_for_so_many_times() {
    let greedy = Redactor::builder().pattern("greedy", "x(?:[a-z]+!)?");
    let redactor = built(greedy);
    let masked = without_tags(&redactor.redact_text(&"x".repeat(100_000))).into_owned();
    assert_eq!(
        (masked, redactor.counts().of("greedy")),
        (MASK.repeat(65), 65),
        "what follows is masked whole"
    );
    let spaced = "x y ".repeat(1_000);
    let masked = without_tags(&redactor.redact_text(&spaced)).into_owned();
    assert_eq!(masked.matches(MASK).count(), 65);
    let bounded = built(Redactor::builder().pattern("bounded", "x(?:[a-z]{1,9}!)?"));
    assert_eq!(without_tags(&bounded.redact_text(&spaced)), "[redacted] y ".repeat(1_000));
}

#[test]
fn a_long_text_is_cut_wherever_it_stands() {
    let long = "y".repeat(200);
    let cut = format!("{}\u{2026} (156 more bytes)", "y".repeat(44));
    let builder = || Redactor::builder().max_text_bytes(80);
    assert_eq!(
        told(builder(), &format!(r#"{{"a":"{long}","b":["{long}","z"],"{long}":1}}"#)),
        format!(r#"{{"a":"{cut}","b":["{cut}","z"],"{long}":1}}"#)
    );
    let redactor = built(builder());
    assert_eq!(redactor.redact_text(&cut), cut);
    assert_eq!(redactor.redact_text(&long), cut);
    assert_eq!(redactor.counts().of("size"), 1);
    let failed = ToolErrored::new("t", "c", long.as_str(), ToolErrorKind::Failed, 3, 1_200);
    let line = redactor.event_json(&DomainEvent::new(failed)).unwrap();
    assert!(line.contains(&format!(r#""error":"{cut}""#)), "{line}");
}

#[test]
fn a_rule_that_cannot_be_followed_is_refused_with_what_is_wrong() {
    let refused = |builder: RedactorBuilder| builder.build().unwrap_err();
    let path = refused(Redactor::builder().path("details..x"));
    assert_eq!(
        path.to_string(),
        "cannot read the path \"details..x\" at byte 8: a name, a quoted name or `*` must stand there"
    );
    assert_eq!(refused(Redactor::builder().key("12")), RedactError::Key { key: "12".into() });
    let many = (0..65).fold(Redactor::builder(), |builder, number| builder.path(format!("a.b{number}")));
    assert_eq!(refused(many), RedactError::TooManyPaths { max: 64 });
    for pattern in ["(", r"(?:\w{500}){500}"] {
        let error = refused(Redactor::builder().pattern("mine", pattern));
        assert!(matches!(error, RedactError::Pattern { .. }), "{error}");
    }
    for pattern in ["", "x*", r"\b", "(?:)|y"] {
        let error = refused(Redactor::builder().pattern("mine", pattern));
        assert_eq!(error, RedactError::EmptyPattern { name: "mine".into() });
    }
    assert_eq!(
        refused(Redactor::builder().max_text_bytes(79)),
        RedactError::TextBytes { given: 79, least: 80 }
    );
    let debug = format!("{:?}", Redactor::builder().tag_key([42; 32]));
    assert!(!debug.contains("42"), "{debug}");
}

#[test]
fn each_rule_counts_what_it_masked_and_clean_texts_cost_no_count() {
    let redactor = Redactor::new();
    for (rule, text) in [
        ("openai_key", OPENAI),
        ("anthropic_key", "sk-ant-api03-abcdefghijklmnop"),
        ("github_token", "github_pat_11ABCDEFG0abcdefghijkl"),
        ("github_token", "gho_abcdefghijklmnopqrstuvwxyz0123456789"),
        ("aws_key", "ASIAIOSFODNN7EXAMPLE"),
        ("google_key", "AIzaSyA1234567890abcdefghijklmnopqrstuv"),
        ("slack_token", "xoxb-123456789012-abcdefghijkl"),
        ("sendgrid_key", "SG.abcdefghijklmnopqrstuv"),
        ("web_token", JWT),
        ("private_key", PEM),
        ("bearer", "Bearer abcdefghijklmnop"),
        ("url_password", "x://u:p@h"),
        ("key", r#"{"password":"a"}"#),
        ("argument", r#"["--password","a"]"#),
    ] {
        let before = redactor.counts();
        let masked = redactor.redact_json(text).into_owned();
        assert_eq!(redactor.redact_json(&masked), masked);
        redactor.redact_json(r#"{"clean":["a","b"]}"#);
        let after = redactor.clone().counts();
        assert_eq!((after.of(rule), after.total()), (before.of(rule) + 1, before.total() + 1), "{rule}");
    }
    let sum: u64 = redactor.counts().iter().map(|(_, count)| count).sum();
    assert_eq!((sum, Redactor::new().counts().total(), Redactor::none().counts().total()), (14, 0, 0));
}
