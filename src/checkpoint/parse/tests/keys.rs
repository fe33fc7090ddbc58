//! Keys that nobody knows, that stand there twice, that differ by case alone.

use super::*;

#[test]
fn all_keys_that_nobody_knows_are_named() {
    let refused =
        refusal(draft(&with(r#""one":1,"progress":{"two":2,"thr\"ee{}\n":3},"context":{"four":4}"#)));
    assert_eq!(
        refused,
        r#"what was given is no checkpoint: "progress.two" is unknown; "progress.thr\"ee{}\n" is unknown; "one" is unknown"#
    );
}

#[test]
fn a_key_that_stands_there_twice_is_refused_at_any_depth() {
    for (keys, name) in [
        (r#""agent":"b""#, r#""agent""#),
        (r#""progress":{"decisions":[],"decisions":[]}"#, r#""progress.decisions""#),
        (r#""context":{"x":{"y":[{"z":1,"z":1}]}}"#, r#""context.x.y.z""#),
        (r#""context":{"x":1,"\u0078":2}"#, r#""context.x""#),
    ] {
        let refused = refusal(draft(&with(keys)));
        assert!(refused.ends_with(&format!("{name} stands there more than once")), "{refused}");
    }
}

#[test]
fn a_key_that_differs_by_case_alone_is_refused_in_any_alphabet() {
    for (keys, name, like) in [
        (r#""Agent":"b""#, "Agent", "agent"),
        (r#""\u017fession_id":"b""#, "\u{17f}ession_id", "session_id"),
        (r#""context":{"ta\u017f\u212a_ids":[]}"#, "context.ta\u{17f}\u{212a}_ids", "context.task_ids"),
        (r#""context":{"\u03c3":1,"\u03c2":2}"#, "context.\u{3c2}", "context.\u{3c3}"),
        (r#""context":{"stra\u00dfe":1,"STRASSE":2}"#, "context.STRASSE", "context.stra\u{df}e"),
        (r#""context":{"\u1e9e":1,"ss":2}"#, "context.ss", "context.\u{1e9e}"),
        (r#""progress":{"DECISIONS":[]}"#, "progress.DECISIONS", "progress.decisions"),
        (r#""STATUS":"active""#, "STATUS", "status"),
        (r#""context":{"files":{"README":1,"readme":2}}"#, "context.files.readme", "context.files.README"),
        (r#""context":{"x":[[{"y":[{"\u212a":1,"k":2}]}]]}"#, "context.x.y.k", "context.x.y.\u{212a}"),
        (
            r#""context":{"context":{"Branch":1,"branch":2}}"#,
            "context.context.branch",
            "context.context.Branch",
        ),
        (r#""other":{"stra\u00dfe":1,"STRASSE":2}"#, "other.STRASSE", "other.stra\u{df}e"),
    ] {
        let refused = refusal(draft(&with(keys)));
        let told = [name, like].map(|key| {
            let told = |c: char| if c.is_ascii() { c.to_string() } else { c.escape_unicode().to_string() };
            key.chars().map(told).collect::<String>()
        });
        let expected = format!("\"{}\" differs from \"{}\" by case alone", told[0], told[1]);
        assert!(refused.contains(&expected), "{refused}");
    }
    // Neighbours alone, and deeper what is known at the top has no meaning.
    draft(&with(r#""context":{"x":{"a":1,"AGENT":2},"X1":[{"A":1},{"a":1,"Context":{}}]}"#)).unwrap();
}

#[test]
fn a_pair_of_keys_is_told_once_and_of_many_some() {
    let pair = r#"{"a":1,"A":2,"a":3,"A":4}"#;
    let refused = refusal(draft(&with(&format!(r#""context":{{"x":[{pair},{pair}]}}"#))));
    let expected = "what was given is no checkpoint: \"context.x.a\" stands there more than once; \
                    \"context.x.A\" stands there more than once; \
                    \"context.x.A\" differs from \"context.x.a\" by case alone";
    assert_eq!(refused, expected);
    let above = "k".repeat(20_000);
    let many: Vec<_> = (0..1_000).map(|n| format!(r#""a{n}":1,"A{n}":2"#)).collect();
    let Err(Refused::Invalid(told)) =
        draft(&with(&format!(r#""context":{{"{above}":{{{}}}}}"#, many.join(","))))
    else {
        panic!("it is refused");
    };
    assert_eq!(told.len(), 256);
}
