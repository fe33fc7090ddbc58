use std::borrow::Cow;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::event::{EventType, SessionCreated, ToolErrorKind, ToolErrored};

const OPENAI: &str = "sk-proj-Ab0_x-Yz9876543210";
const PEM: &str = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n7bq+/=\n-----END RSA PRIVATE KEY-----";
const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmN";

mod adjacent;
mod own;

fn text(text: &str) -> String {
    without_tags(&Redactor::new().redact_text(text)).into_owned()
}

fn json(json: &str) -> String {
    without_tags(&Redactor::new().redact_json(json)).into_owned()
}

#[test]
fn provider_keys_are_masked() {
    for secret in [
        OPENAI,
        "sk-ant-api03-abcdefghijklmnop",
        "sk-abc123",
        "sk-1234567890abcdef",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "gho_abcdefghijklmnopqrstuvwxyz0123456789",
        "ghs_abcdefghijklmnopqrstuvwxyz0123456789",
        "ghu_abcdefghijklmnopqrstuvwxyz0123456789",
        "ghr_abcdefghijklmnopqrstuvwxyz0123456789",
        "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz",
        "AKIAIOSFODNN7EXAMPLE",
        "ASIAIOSFODNN7EXAMPLE",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv",
        "xoxb-123456789012-abcdefghijkl",
        "xoxp-123456789012-abcdefghijkl",
        "xoxa-2-abcdefghijkl",
        "SG.abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
        JWT,
        "eyJhbGciOiJSU0EtT0FFUCJ9..48V1_ALb6US04U3b.5eym8TW_c8SuK0lt.XFBoMYUZodetZdvT",
        PEM,
    ] {
        assert_eq!(text(secret), MASK);
        for (before, after) in
            [("key=", " in"), ("(", ")"), ("\"", "\""), ("é", "é"), ("x_", "\n"), ("%3D", "&")]
        {
            assert_eq!(
                text(&format!("{before}{secret}{after}")),
                format!("{before}{MASK}{after}"),
                "{secret}"
            );
        }
        assert_eq!(text(&format!("{secret},{secret} {secret}")), format!("{MASK},{MASK} {MASK}"));
        assert_eq!(text(&format!(r#"{{"log":"a\n{secret}"#)), format!(r#"{{"log":"a\n{MASK}"#), "{secret}");
        assert_eq!(text(&format!("\u{1b}[31m{secret}")), format!("\u{1b}[31m{MASK}"), "{secret}");
    }
}

#[test]
fn what_only_resembles_a_provider_key_stays() {
    for clean in [
        "",
        "task-force of the secretary",
        "task-1234567890abcdefghij",
        "sk-",
        "sk-learn and sk-fading-circle",
        "sk-SK",
        "disk-0123456789abcdef",
        "ghp_short",
        "AKIA",
        "AKIAIOSFODNN7",
        "AIza",
        "xoxb",
        "XOXO-1234567890",
        "SG.1",
        "MSG.abcdefghijklmnopqrstuv",
        "eyJ",
        "heyJupiterAndMars.withDots",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----",
        "the PRIVATE KEY is elsewhere",
        "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    ] {
        assert!(
            matches!(Redactor::new().redact_text(clean), Cow::Borrowed(same) if same == clean),
            "{clean}"
        );
    }
}

#[test]
fn what_begins_like_nothing_else_is_masked_whatever_stands_before_it() {
    let own = ["agentbus-ed25519-secret:", &"5e".repeat(32)].concat();
    let github = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
    for secret in ["sk-ant-api03-abcdefghijklmnop", github, "xox1-123456789012-abcdefghijkl", &own] {
        for before in ["token", "7", "\\x0a", "\\033[0m", "\\u001b[32m"] {
            assert_eq!(text(&format!("{before}{secret}")), format!("{before}{MASK}"));
        }
    }
    for before in ["\\x0a", "\\033[0m", "\\u001b[1;32m", "\\e[m"] {
        assert_eq!(text(&format!("{before}{OPENAI}")), format!("{before}{MASK}"));
    }
}

#[test]
fn what_is_left_of_a_private_key_or_another_sort_of_one_is_masked() {
    for (key, masked) in [
        ("MIIEpAIBAAKCAQEA\n7bq+/=\n-----END RSA PRIVATE KEY-----\nx", "[redacted]\nx"),
        ("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nAAAA\n---- END SSH2 ENCRYPTED PRIVATE KEY ----", MASK),
        ("a -----END PRIVATE KEY----- alone", "a -----END PRIVATE KEY----- alone"),
    ] {
        assert_eq!(text(key), masked);
    }
}

#[test]
fn a_cut_that_is_written_as_an_escape_is_a_cut() {
    let cut = |mark: &str| json(&format!(r#"{{"v":"postgres://app:hunter2sec{mark}","k":"sk-abc{mark}"}}"#));
    let masked = r#"{"v":"postgres://app:[redacted]…","k":"[redacted]…"}"#;
    assert_eq!([cut("…"), cut(r"\u2026")], [masked, masked]);
}

#[test]
fn bearer_tokens_are_masked_and_news_are_not() {
    for token in ["abcdefghijklmnop", "abc123", "s3cr3t", "AbC.dEf-1~+/=", JWT] {
        for bearer in ["Bearer", "bearer", "BEARER"] {
            assert_eq!(
                text(&format!("Authorization: {bearer} {token}")),
                format!("Authorization: {bearer} {MASK}")
            );
        }
    }
    for (told, masked) in [
        ("Bearer 1|abcdefghijklmnopqrst", "Bearer [redacted]"),
        ("Bearer \"abcdefghijklmnopqrst\"", "Bearer \"[redacted]\""),
        ("bEARER\nabc123def", "bEARER\n[redacted]"),
        ("q=Bearer+abc123def&", "q=Bearer+[redacted]&"),
        ("postgres://dom\\app:hunter2@db", "postgres://dom\\app:[redacted]@db"),
        ("postgres://app:hun\\ter2@db", "postgres://app:[redacted]@db"),
    ] {
        assert_eq!(text(told), masked);
    }
    for clean in ["a bearer of bad news", "Bearer authentication", "Bearer", "Bearer 401", "bearer token"] {
        assert_eq!(text(clean), clean);
    }
}

#[test]
fn of_a_url_only_the_password_is_masked() {
    for (url, masked) in [
        ("postgres://app:hunter2@db:5432/main?x=1", "postgres://app:[redacted]@db:5432/main?x=1"),
        ("redis://:hunter2@cache", "redis://:[redacted]@cache"),
        ("smtp://me@x.org:p@ss:w@mail", "smtp://me@x.org:[redacted]@mail"),
        ("https:\\/\\/u:p\\/", "https:\\/\\/u:p\\/"),
        ("https:\\/\\/u:p@h", "https:\\/\\/u:[redacted]@h"),
        ("a http://u:p@h, b ftp://v:q@i", "a http://u:[redacted]@h, b ftp://v:[redacted]@i"),
        ("postgres://app:hunt\u{2026}", "postgres://app:[redacted]\u{2026}"),
        ("postgres://app:123456\u{2026} and so on", "postgres://app:[redacted]\u{2026} and so on"),
        ("https://ghp_abcdefghijklmnopqrst@github.com/o/r", "https://[redacted]@github.com/o/r"),
    ] {
        assert_eq!(text(url), masked);
    }
    for clean in [
        "https://example.org/a:b@c",
        "http://localhost:8080/path?to=me@x.org",
        "http://[::1]:80/@",
        "http://localhost:8080\u{2026}",
        "http://[::1]:80\u{2026}",
        "postgres://app\u{2026}",
        "ssh://git@github.com/o/r",
        "git@github.com:o/r",
        "https://user@host",
        "12:30 me@x.org",
        "std::fmt://",
    ] {
        assert_eq!(text(clean), clean);
    }
}

#[test]
fn a_private_key_is_masked_even_if_its_end_is_cut() {
    assert_eq!(text(&format!("a {PEM} b {PEM} c")), "a [redacted] b [redacted] c");
    let cut = "a -----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkq\u{2026}";
    assert_eq!(text(cut), "a [redacted]");
    let pgp = "-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQ\n-----END PGP PRIVATE KEY BLOCK-----.";
    assert_eq!(text(pgp), "[redacted].");
}

#[test]
fn what_is_left_of_a_token_that_was_cut_is_masked() {
    for cut in
        ["ghp_a", "sk-ant-a", "sk-learn", "AKIAIO", "AIzaSy", "xoxb-1", "SG.ab", "eyJh", "github_pat_1"]
    {
        assert_eq!(text(&format!("401 for {cut}\u{2026}")), "401 for [redacted]\u{2026}", "{cut}");
        let told = json!(format!("{cut}\u{2026}")).to_string();
        assert_eq!(json(&told.replace('\u{2026}', "\\u2026")), "\"[redacted]\u{2026}\"", "{cut}");
    }
    assert_eq!(text("as bearer ab\u{2026}"), "as [redacted]\u{2026}");
    for clean in ["task-a\u{2026}", "sk-\u{2026}", "a bearer\u{2026}", "a bearer of news\u{2026}"] {
        assert_eq!(text(clean), clean);
    }
}

#[test]
fn masking_twice_changes_nothing_more() {
    for secret in
        [OPENAI, PEM, "Bearer abc12345", "x://u:p@h", "https://ghp_abcdefghijklmnopqrst@h", "a [redacted]"]
    {
        let once = Redactor::new().redact_text(secret).into_owned();
        assert!(matches!(Redactor::new().redact_text(&once), Cow::Borrowed(_)), "{once}");
        let once = json!({ "password": secret, secret: secret, "all": [secret, secret] }).to_string();
        let once = Redactor::new().redact_json(&once).into_owned();
        assert!(matches!(Redactor::new().redact_json(&once), Cow::Borrowed(_)), "{once}");
    }
}

#[test]
fn by_key_texts_are_masked_and_nothing_else() {
    let hash = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
    let clean = format!(
        r#"{{"password":null, "token" : 1.50, "secret":[true,-0,1e400,""], "api_key":"{hash}","tokens":[1,2.5],
            "all_tokens":"a","input_tokens":"b","secretary":"c","x":{{"\u0070ublic_key":"d\/\ud800"}}}}"#
    );
    assert!(matches!(Redactor::new().redact_json(&clean), Cow::Borrowed(_)));
    assert_eq!(
        json(
            r#" {"pass\u0077ord" : "a\"b" , "n":1.0, "apiKey":["a",{"b":"c"}], "tokens" : ["c"], "b":"c"} "#
        ),
        r#" {"pass\u0077ord" : "[redacted]" , "n":1.0, "apiKey":["[redacted]",{"b":"[redacted]"}], "tokens" : ["[redacted]"], "b":"c"} "#
    );
}

#[test]
fn a_value_is_masked_as_its_text_is() {
    let mut value = json!({
        "password": "a", "nested": [{"Set-Cookie": "b", "count": 1}], "token": {"deep": ["c", null]},
        "log": format!("used {OPENAI}"), OPENAI: 1, "clean": "d",
    });
    let masked = Redactor::new().redact_json(&value.to_string()).into_owned();
    Redactor::new().redact_value(&mut value);
    assert_eq!(value, serde_json::from_str::<Value>(&masked).unwrap());
    assert_eq!(
        serde_json::from_str::<Value>(&without_tags(&masked)).unwrap(),
        json!({
            "password": MASK, "nested": [{"Set-Cookie": MASK, "count": 1}], "token": {"deep": [MASK, null]},
            "log": "used [redacted]", MASK: 1, "clean": "d",
        })
    );
}

#[test]
fn a_secret_is_found_behind_escapes() {
    assert_eq!(json(r#"["a\nsk-1234567890abcdef"]"#), r#"["a\n[redacted]"]"#);
    assert_eq!(json(r#""\u0073\u006b-1234567890abcdef\ud83d\ude00""#), "\"[redacted]\u{1f600}\"");
    assert_eq!(json(r#"["x:\/\/u:p@h\/\ud800"]"#), "[\"x://u:[redacted]@h/\u{fffd}\"]");
}

#[test]
fn secrets_in_keys_are_masked_and_stay_apart() {
    let other = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
    let line = format!(r#"{{"{OPENAI}":1,"a":{{"{other}":2}},"{other}":3,"{MASK}#1":4}}"#);
    let masked = Redactor::untagged().redact_json(&line).into_owned();
    assert_eq!(masked, r#"{"[redacted]":1,"a":{"[redacted]":2},"[redacted]#2":3,"[redacted]#1":4}"#);
    let taken = r#"{"[redacted]#2":0,"sk-1234567890abcdef":1,"sk-1234567890abcdeg":2,"[redacted]":3}"#;
    let apart = r#"{"[redacted]#2":0,"[redacted]":1,"[redacted]#3":2,"[redacted]#4":3}"#;
    assert_eq!(Redactor::untagged().redact_json(taken), apart);
    let mut value: Value = serde_json::from_str(&line).unwrap();
    Redactor::new().redact_value(&mut value);
    assert_eq!(value.as_object().unwrap().len(), 4);
    assert!(!value.to_string().contains("ghp_") && !value.to_string().contains("sk-"));
}

#[test]
fn what_is_no_json_is_a_plain_text() {
    assert_eq!(json("use sk-1234567890abcdef"), "use [redacted]");
    assert_eq!(json(r#"{"a":"sk-1234567890abcdef""#), r#"{"a":"[redacted]""#);
    assert_eq!(json(""), "");
}

#[test]
fn what_is_nested_too_deep_is_masked_whole() {
    let nest = |levels: usize, inner: &str| "[".repeat(levels) + inner + &"]".repeat(levels);
    let deepest = nest(MAX_DEPTH, "1");
    assert!(serde_json::from_str::<Value>(&deepest).is_ok());
    assert!(matches!(Redactor::new().redact_json(&deepest), Cow::Borrowed(_)));
    for levels in [MAX_DEPTH + 1, MAX_DEPTH + 2, 100_000] {
        let masked = json(&nest(levels, r#"{"a":"hid]den\""},"[","hidden""#));
        assert_eq!(masked, nest(MAX_DEPTH, "\"[redacted]\""));
        assert!(serde_json::from_str::<Value>(&masked).is_ok());
    }
    let mut value = (0..200).fold(json!("hidden"), |inner, _| json!([inner]));
    Redactor::new().redact_value(&mut value);
    assert_eq!(without_tags(&value.to_string()), nest(MAX_DEPTH, "\"[redacted]\""));
}

#[test]
fn the_details_of_the_domain_are_masked_by_looks_only() {
    let error = format!("401 for {OPENAI}");
    let event = DomainEvent::new(ToolErrored::new("token", "call", error, ToolErrorKind::ALL[0], 1, 1));
    let line = Redactor::new().event_json(&event).unwrap();
    let expected = serde_json::to_string(&event).unwrap().replace(OPENAI, &Redactor::new().mask(OPENAI));
    assert_eq!(line, expected);

    let mut value = serde_json::to_value(DomainEvent::new(SessionCreated::new(false))).unwrap();
    value["details"]["password"] = "newer build".into();
    value["future_secret"] = "x".into();
    let event: DomainEvent = serde_json::from_value(value).unwrap();
    let line = Redactor::new().event_json(&event.with_attribute("apiKey", "y")).unwrap();
    let line = without_tags(&line);
    assert!(line.contains(r#""password":"newer build""#), "{line}");
    assert!(line.contains(r#""future_secret":"[redacted]""#), "{line}");
    assert!(line.contains(r#""attributes":{"apiKey":"[redacted]"}"#), "{line}");
}

#[test]
fn custom_details_are_masked_by_key_too() {
    let kind = EventType::declare("redact_tests.login").unwrap();
    let event = DomainEvent::custom(kind, &json!({"password": "hunter2", "n": 1})).unwrap();
    let line = Redactor::new().event_json(&event).unwrap();
    let told = without_tags(&line);
    assert!(told.ends_with(r#""details":{"n":1,"password":"[redacted]"}}"#), "{line}");
    let read: DomainEvent = serde_json::from_str(&line).unwrap();
    assert_eq!(read.id(), event.id());
    assert_eq!(Redactor::none().event_json(&event).unwrap(), serde_json::to_string(&event).unwrap());
}

#[test]
fn a_clean_event_is_written_as_it_is() {
    let event = DomainEvent::new(SessionCreated::new(false)).with_actor_name("agents/planner");
    assert_eq!(Redactor::new().event_json(&event).unwrap(), serde_json::to_string(&event).unwrap());
}

#[test]
fn none_masks_nothing() {
    let none = Redactor::none();
    let mut value = json!({ "password": OPENAI });
    none.redact_value(&mut value);
    assert_eq!(value, json!({ "password": OPENAI }));
    assert_eq!(none.redact_text(OPENAI), OPENAI);
    assert_eq!(none.redact_json(r#"{"password":"a"}"#), r#"{"password":"a"}"#);
    assert_eq!(format!("{none:?} {:?}", Redactor::default()), "Redactor(no rules) Redactor(built-in rules)");
}

#[test]
fn whatever_is_repeated_is_taken_and_taken_again() {
    let seeds = [
        "sk-",
        "-eyJ-ghp_aaaaaaaaaaaaaaaa",
        "://a:b",
        "://a:sk-aaaaaaaaaaaaaaaaaaa,",
        "-----BEGIN ",
        "a:b@",
        "-----BEGIN PRIVATE KEY-----",
        "Bearer ",
        "eyJaaaaaaaaaaa",
        "eyJaaaaaaaaaaa. ",
        " AKIA0000000000000000",
        "%20%20",
        "\\u0073",
        "\u{1b}[1;1;1;1",
        "a@",
        "{\"",
        "[\"token\",",
        "{\"token\":",
        "\\\"",
        "SG.aaaaaaaaaaaaaaaaaaaa.",
    ];
    for seed in seeds {
        // What it costs is measured by the bench `redact`.
        let long = seed.repeat(10_000 / seed.len());
        let quoted = serde_json::to_string(&long).unwrap();
        let texts = [
            long.clone(),
            format!("://a:{long}"),
            quoted.clone(),
            format!("{{{quoted}:[{quoted},{quoted}]}}"),
        ];
        for text in texts {
            let once = Redactor::new().redact_json(&text).into_owned();
            assert_eq!(Redactor::new().redact_json(&once), once, "{seed:?}");
        }
    }
}

/// JSON without anything that is or resembles a secret.
fn clean_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|number| Value::from(f64::from(number) / 8.0)),
        "[a-h0-9 \"\\\\\n\u{1}é\u{1f600}/@]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map("[a-h_ \"\\\\é]{0,6}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn secrets() -> impl Strategy<Value = String> {
    prop_oneof![
        "sk-(ant-)?[A-Za-z0-9_-]{16,40}",
        "gh[opsur]_[A-Za-z0-9]{36}",
        "github_pat_[A-Za-z0-9_]{30}",
        "AKIA[A-Z0-9]{16}",
        "AIza[A-Za-z0-9_-]{35}",
        "xox[bpa]-[0-9]{10}-[A-Za-z0-9]{12}",
        "SG\\.[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}",
        "eyJ[A-Za-z0-9_-]{12,30}\\.eyJ[A-Za-z0-9_-]{12,30}\\.[A-Za-z0-9_-]{20,43}",
    ]
}

/// Puts `secret` somewhere into `value`: as a text, within one, or as a key.
fn plant(value: &mut Value, secret: &str, path: &[usize], around: &str) {
    let (at, path) = path.split_first().unwrap_or((&0, &[]));
    match value {
        Value::Array(items) if !items.is_empty() && !path.is_empty() => {
            let at = at % items.len();
            plant(&mut items[at], secret, path, around);
        }
        Value::Object(map) if at % 7 == 6 => drop(map.insert(secret.to_owned(), json!(1))),
        Value::Object(map) if !map.is_empty() && !path.is_empty() => {
            let at = at % map.len();
            plant(map.values_mut().nth(at).unwrap(), secret, path, around);
        }
        leaf => *leaf = json!(format!("{around}{secret}{around}")),
    }
}

proptest! {
    #[test]
    fn clean_json_is_borrowed(value in clean_json(), pretty: bool) {
        let json = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        prop_assert!(matches!(Redactor::new().redact_json(&json), Cow::Borrowed(same) if same == json));
        let mut same = value.clone();
        Redactor::new().redact_value(&mut same);
        prop_assert_eq!(same, value);
    }

    #[test]
    fn a_planted_secret_is_gone(
        mut value in clean_json(),
        secret in secrets(),
        path in proptest::collection::vec(0..32_usize, 0..8),
        around in proptest::sample::select(vec!["", " ", "\n", "\"", "é", ": "]),
    ) {
        plant(&mut value, &secret, &path, around);
        let masked = Redactor::new().redact_json(&value.to_string()).into_owned();
        prop_assert!(!masked.contains(&secret), "{}", masked);
        let read: Value = serde_json::from_str(&masked).unwrap();
        Redactor::new().redact_value(&mut value);
        prop_assert_eq!(value, read);
    }

    #[test]
    fn a_text_under_a_secret_key_is_gone(mut value in clean_json(), path in proptest::collection::vec(0..32_usize, 0..8)) {
        plant(&mut value, "correct horse", &path, "");
        let masked = json(&json!([{ "clientSecret": value }]).to_string());
        let but_keys = masked.replace("\"correct horse\":1", "");
        prop_assert!(!but_keys.contains("correct horse"), "{}", masked);
    }

    #[test]
    fn any_text_is_taken(text in "\\PC{0,40}|[{}\\[\\],:\"\\\\u0a-]{0,40}") {
        let masked = json(&text);
        if serde_json::from_str::<IgnoredAny>(&text).is_ok() {
            prop_assert!(serde_json::from_str::<IgnoredAny>(&masked).is_ok(), "{}", masked);
        }
    }
}
