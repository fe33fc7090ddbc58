//! Secrets in several texts of an array.

use super::*;

fn list(texts: &[&str]) -> Vec<String> {
    let masked = json(&serde_json::to_string(texts).unwrap());
    serde_json::from_str(&masked).unwrap()
}

#[test]
fn what_a_secret_touches_is_masked_in_each_text() {
    for (texts, masked) in [
        (vec!["Bearer", "abcdefghijklmnop"], vec!["Bearer", MASK]),
        (vec!["-H", "Authorization: Bearer", "abc123x", "x"], vec!["-H", "Authorization: Bearer", MASK, "x"]),
        (
            vec!["--token=ghp_", "abcdefghijklmnopqrstuvwxyz0123456789", "-v"],
            vec!["--token=[redacted]", MASK, "-v"],
        ),
        (
            vec!["use gh", "p_abcdefghijklmnopq", "rstuvwxyz now"],
            vec!["use [redacted]", MASK, "[redacted] now"],
        ),
        (vec!["postgres://app:hun", "ter2@db/main"], vec!["postgres://app:[redacted]", "[redacted]@db/main"]),
        (vec!["postgres:", "//app:hunter2@db"], vec!["postgres:", "//app:[redacted]@db"]),
        (vec!["postgres:", "//app:hun", "ter2@db"], vec!["postgres:", "//app:[redacted]", "[redacted]@db"]),
        (vec!["postgres://app:hunter2", "@db/main"], vec!["postgres://app:[redacted]", "@db/main"]),
        (vec!["eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiIxIn0", ".dozjgNryP4J3jVmN"], vec![MASK; 3]),
        (vec!["a", "ghp_abcdefghijklmnopqrstuvwxyz0123456789", "status"], vec!["a", MASK, "status"]),
        (vec!["sk-1234567890", "", "abcdef"], vec![MASK, "", MASK]),
        (
            vec!["ghp_abcdef", "ghijklmnopqr", "stuvwxyz", "", "01234", "56789", "on"],
            vec![MASK, MASK, MASK, "", MASK, MASK, "on"],
        ),
        (vec!["--password=hunter2"], vec!["--password=[redacted]"]),
        (vec!["--db.password=hunter2", "x"], vec!["--db.password=[redacted]", "x"]),
    ] {
        assert_eq!(list(&texts), masked, "{texts:?}");
    }
}

#[test]
fn a_private_key_of_many_lines_is_read_once() {
    // Were it read once for each of its lines, this would not end.
    let mut lines = vec!["AAAA"; 30_000];
    lines[0] = "-----BEGIN PRIVATE KEY-----";
    assert!(list(&lines).iter().all(|line| line == MASK));
    assert!(list(&vec!["-----BEGIN PRIVATE KEY-----"; 8_000]).iter().all(|line| line == MASK));
    let patch = ["-----BEGIN RSA PRIVATE KEY-----", "+ MIIEpAIBAAKCAQEA", "12: 7bq", "done"];
    assert_eq!(list(&patch), [MASK, MASK, MASK, MASK]);
}

#[test]
fn a_private_key_is_masked_line_by_line() {
    let lines: Vec<_> = ["before"].into_iter().chain(PEM.lines()).chain(["after"]).collect();
    assert_eq!(list(&lines), ["before", MASK, MASK, MASK, MASK, "after"]);
    let words =
        ["-----BEGIN", "RSA", "PRIVATE", "KEY-----", "MIIE", "7bq+/=", "-----END RSA PRIVATE KEY-----", "x"];
    assert_eq!(list(&words), [MASK, MASK, MASK, MASK, MASK, MASK, MASK, "x"]);
    let cut = [
        "-----BEGIN PRIVATE KEY-----",
        "Proc-Type: 4,ENCRYPTED",
        "MIIE",
        "7bq+/=",
        "and then something else",
        "MIIF",
    ];
    assert_eq!(list(&cut), [MASK, MASK, MASK, MASK, "and then something else", "MIIF"]);
    let names = ["-----B", "EGIN PRIVATE KEY-----\u{FFFD}MIIEa+/", "7bq\u{2026}", "mine."];
    assert_eq!(list(&names), [MASK, MASK, MASK, "mine."]);
    for cut in ["EGIN PRIVATE KEY-----\nMIIE==\n-----E\u{2026}", "EGIN PRIVATE KEY-----\nMIIE==\n--\u{2026}"]
    {
        assert_eq!(list(&["-----B", cut, "mine."]), [MASK, MASK, "mine."]);
    }
    let masks = Redactor::new().redact_texts(&[PEM.into()]).concat();
    let split: Vec<Cow<'_, str>> = PEM.lines().map(Cow::from).collect();
    assert_eq!(Redactor::new().redact_texts(&split), [&*masks; 4], "it has the tag of the whole key");
}

#[test]
fn a_token_is_followed_into_two_more_texts_and_no_further() {
    let texts = ["Bearer abcdefghijklmnop", "b", "c", "d", "e"];
    assert_eq!(list(&texts), ["Bearer [redacted]", MASK, MASK, "d", "e"]);
}

#[test]
fn of_arguments_what_a_secret_name_announces_is_masked() {
    for (arguments, masked) in [
        (vec!["--password", "correct horse"], vec!["--password", MASK]),
        (vec!["--db-password=hunter2", "x"], vec!["--db-password=[redacted]", "x"]),
        (vec!["-token", "a", "b"], vec!["-token", MASK, "b"]),
        (vec!["--api-key", "--verbose"], vec!["--api-key", "--verbose"]),
        (vec!["--password"], vec!["--password"]),
        (vec!["--password", ""], vec!["--password", ""]),
        (vec!["--max-tokens", "7"], vec!["--max-tokens", "7"]),
        (vec!["--password is what it asks for", "x"], vec!["--password is what it asks for", "x"]),
        (vec!["password", "x"], vec!["password", "x"]),
    ] {
        assert_eq!(list(&arguments), masked, "{arguments:?}");
    }
}

#[test]
fn what_is_no_neighbour_in_an_array_of_texts_makes_no_secret() {
    for clean in [
        r#"{"a":"Bearer","b":"abcdefghijklmnop"}"#,
        r#"["Bearer",1,"abcdefghijklmnop"]"#,
        r#"["Bearer",null,"abcdefghijklmnop"]"#,
        r#"["Bearer",["abcdefghijklmnop"]]"#,
        r#"[["Bearer"],["abcdefghijklmnop"]]"#,
        r#"["Bearer",{},"abcdefghijklmnop"]"#,
        r#"["a","b","task","force"]"#,
    ] {
        assert!(matches!(Redactor::new().redact_json(clean), Cow::Borrowed(_)), "{clean}");
    }
}

#[test]
fn arrays_in_the_details_of_the_domain_are_looked_at_so() {
    let names = ["gh", "p_abcdefghijklmnopqrstuvwxyz0123456789", "mine"];
    let event = DomainEvent::new(crate::event::PlanApplied::new(1, names, 1, 1, 1, 1, 1));
    let line = Redactor::new().event_json(&event).unwrap();
    assert!(without_tags(&line).contains(r#"["[redacted]","[redacted]","mine"]"#), "{line}");
    let clean = DomainEvent::new(crate::event::PlanApplied::new(1, ["a", "b"], 1, 1, 1, 1, 1));
    assert_eq!(Redactor::new().event_json(&clean).unwrap(), serde_json::to_string(&clean).unwrap());
}

proptest! {
    #[test]
    fn a_secret_split_over_neighbours_is_gone(
        secret in secrets(),
        cuts in proptest::collection::vec(0..200_usize, 1..3),
        before in "[a-h ]{0,8}",
        after in "[a-h]{0,8}",
    ) {
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut % secret.len()).chain([0, secret.len()]).collect();
        cuts.sort_unstable();
        let parts = cuts.windows(2).map(|cut| secret[cut[0]..cut[1]].to_owned());
        let texts: Vec<_> = [before].into_iter().chain(parts).chain([format!(" {after}")]).collect();
        let masked = json(&json!({ "list": texts }).to_string());
        for part in secret.as_bytes().windows(6) {
            prop_assert!(!masked.contains(std::str::from_utf8(part).unwrap()), "{}", masked);
        }
    }
}
