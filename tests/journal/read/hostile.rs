//! Lines that are none: reading goes on behind them, and each is told once per read, never with its content.

use serde_json::json;

use super::*;

/// A journal of so many events in one segment, with something in place of some of its lines.
async fn damaged(
    events: u64,
    replace: impl Fn(u64) -> Option<Vec<u8>>,
) -> (TempDir, JournalReader, Vec<u64>) {
    let (directory, reader) = written(events, 1 << 30).await;
    let path = &segments(directory.path())[0];
    let bytes = fs::read(path).unwrap();
    let (mut text, mut places) = (Vec::new(), Vec::new());
    for (line, position) in bytes.split_inclusive(|byte| *byte == b'\n').zip(1..) {
        places.push(text.len() as u64);
        text.extend(replace(position).unwrap_or_else(|| line.to_owned()));
    }
    fs::write(path, text).unwrap();
    (directory, reader, places)
}

/// What is behind the position of a line, with a chain that is whole and wrong.
fn line(position: impl std::fmt::Display, body: impl AsRef<[u8]>) -> Vec<u8> {
    let beginning = format!("{{\"pos\":{position},");
    let ending = format!(",\"chain\":\"{}\"}}\n", Hash::of("forged"));
    [beginning.as_bytes(), body.as_ref(), ending.as_bytes()].concat()
}

/// The keys of an event, with one changed.
fn body(key: &str, value: &str) -> String {
    let id = "01JABCDEFGHJKMNPQRSTVWXYZ0";
    let keys = [
        ("id", json!(id).to_string()),
        ("event_type", json!("session.created").to_string()),
        ("timestamp", json!("2026-01-31T09:30:00Z").to_string()),
        ("correlation_id", json!("c").to_string()),
        ("session_id", json!("s-3").to_string()),
        ("details", json!({"forked": false}).to_string()),
    ];
    let is_known = keys.iter().any(|(known, _)| *known == key);
    let own = keys
        .into_iter()
        .map(|(known, text)| format!("\"{known}\":{}", if known == key { value } else { text.as_str() }));
    let added = (!is_known).then(|| format!("\"{key}\":{value}"));
    own.chain(added).collect::<Vec<_>>().join(",")
}

/// Puts a line in place of that of position 3 of 6, and expects it to be told once, however it is read.
async fn is_told_once(name: &str, hostile: Vec<u8>, fault: impl Fn(LineFault) -> bool) {
    let (directory, reader, places) = damaged(6, |position| (position == 3).then(|| hostile.clone())).await;
    let file = "segments/00000000000000000001.jsonl";
    let ways: [(&str, Got); 4] = [
        ("start", read(&reader, ReadFrom::Start)),
        ("after 1", read(&reader, ReadFrom::After(at(1)))),
        ("after 2", read(&reader, ReadFrom::After(at(2)))),
        ("tail", reader.tail(9, Filter::all()).unwrap().entries.into_iter().collect()),
    ];
    for (way, got) in ways {
        let first = match way {
            "after 1" => 2,
            "after 2" => 4,
            _ => 1,
        };
        let good: Vec<_> = (first..=6).filter(|position| *position != 3).collect();
        assert_eq!(got.positions, good, "{name}, {way}: {:?}", got.unreadable);
        let [told] = got.unreadable.as_slice() else { panic!("{name}, {way}: {:?}", got.unreadable) };
        assert_eq!(
            (told.after, told.file.as_str(), told.at),
            (Some(at(2)), file, places[2]),
            "{name}, {way}"
        );
        assert_eq!(told.expected(), at(3));
        assert!(fault(told.fault), "{name}, {way}: {:?}", told.fault);
        assert!(!format!("{told} {told:?}").contains(SECRET), "{told}");
    }
    assert_eq!(read(&reader, ReadFrom::After(at(3))), events(4..=6), "{name}");
    assert_eq!(reader.last().unwrap(), Some(at(6)));
    drop(directory);
}

#[tokio::test]
async fn what_has_no_position_is_passed() {
    let binary: Vec<u8> =
        (0..=255_u8).filter(|byte| *byte != b'\n').cycle().take(2_000).chain([b'\n']).collect();
    let whole = line(3, body("", "0"));
    for (name, hostile) in [
        ("binary", binary),
        ("zeros", [vec![0; 500], vec![b'\n']].concat()),
        ("an empty line", b"\n".to_vec()),
        ("a BOM", [b"\xEF\xBB\xBF".as_slice(), &whole].concat()),
        ("a space before", [b" ".as_slice(), &whole].concat()),
        ("6,000 digits", line("9".repeat(6_000), SECRET)),
        ("position 0", line(0, SECRET)),
        ("position 03", line("03", SECRET)),
        ("position 3.0", line("3.0", SECRET)),
        ("a position that is text", line("\"3\"", SECRET)),
        ("a position too great", line(1_u64 << 53, SECRET)),
        ("no JSON", format!("{SECRET}\n").into_bytes()),
    ] {
        is_told_once(name, hostile, |fault| fault == LineFault::NoPosition).await;
    }
}

#[tokio::test]
async fn what_has_no_chain_is_passed() {
    let whole = line(3, body("", "0"));
    let text = String::from_utf8(whole.clone()).unwrap();
    let torn = [&whole[..whole.len() / 2], b"\n"].concat();
    for (name, hostile) in [
        ("torn", torn),
        ("torn in its chain", [&whole[..whole.len() - 10], b"\n"].concat()),
        ("CRLF", text.replace('\n', "\r\n").into_bytes()),
        ("an upper-case chain", text.replace(&Hash::of("forged").to_string(), &"AB".repeat(32)).into_bytes()),
        ("a position alone", b"{\"pos\":3,\n".to_vec()),
    ] {
        is_told_once(name, hostile, |fault| fault == LineFault::NoChain).await;
    }
}

#[tokio::test]
async fn what_goes_back_is_passed() {
    for position in [1, 2] {
        let hostile = line(position, body("", "0"));
        is_told_once("backward", hostile, |fault| fault == LineFault::Backward).await;
    }
}

#[tokio::test]
async fn a_position_far_ahead_does_not_make_the_rest_go_back() {
    for position in [4, 6, 7, 1_000, Position::MAX.get()] {
        let hostile = line(position, body("", "0"));
        is_told_once("ahead", hostile, |fault| fault == LineFault::Unproven).await;
    }
}

#[tokio::test]
async fn what_is_too_long_is_passed_without_being_held() {
    let fill = MAX_LINE_BYTES + 1 - line(3, "").len();
    for more in [0, 1, 10 << 20] {
        let hostile = line(3, vec![b'x'; fill + more]);
        assert_eq!(hostile.len(), MAX_LINE_BYTES + 1 + more);
        is_told_once("too long", hostile, |fault| fault == LineFault::TooLong).await;
    }
    let longest = line(3, vec![b'x'; fill - 1]);
    assert_eq!(longest.len(), MAX_LINE_BYTES);
    is_told_once("not too long", longest, |fault| matches!(fault, LineFault::NoEvent { .. })).await;
}

#[tokio::test]
async fn what_holds_no_event_is_passed() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let half = [body("", "0").as_bytes(), b",\"x\":\"\xE2\x82\""].concat();
    let mut hostile = vec![
        ("half a UTF-8 sequence".to_owned(), half),
        ("100,000 brackets".to_owned(), body("attributes", &format!("{{\"deep\":{deep}}}")).into()),
        ("100,000 brackets, unclosed".to_owned(), format!("\"details\":{}", "[".repeat(100_000)).into()),
        ("6,000 digits".to_owned(), body("attributes", &format!("{{\"n\":{}}}", "9".repeat(6_000))).into()),
        ("1e400".to_owned(), body("attributes", "{\"n\":1e400}").into()),
        ("a second position".to_owned(), format!("{},\"pos\":3", body("", "0")).into()),
        ("a second chain".to_owned(), format!("{},\"chain\":\"{SECRET}\"", body("", "0")).into()),
        ("no event".to_owned(), format!("\"{SECRET}\":1").into()),
        ("no JSON".to_owned(), SECRET.into()),
        ("nothing".to_owned(), Vec::new()),
        ("a brace too many".to_owned(), format!("{}}}", body("", "0")).into()),
        ("two events".to_owned(), format!("{}}},{{{}", body("", "0"), body("", "0")).into()),
    ];
    let wrong = ["5", "[]", "{}", "true", "null", "\"\"", "-1.5"];
    for key in ["id", "event_type", "timestamp", "correlation_id", "details"] {
        // Text that is empty, null or a number is right for none of them.
        hostile.extend(wrong.map(|value| (format!("{key}: {value}"), body(key, value).into_bytes())));
    }
    for key in ["causation_id", "plan_id", "root_plan_id", "session_id", "traceparent", "origin", "seq"] {
        let values = ["[]", "{}", "true", "-1.5", "\"\""];
        hostile.extend(values.map(|value| (format!("{key}: {value}"), body(key, value).into_bytes())));
    }
    for key in ["id", "event_type", "timestamp", "correlation_id", "session_id", "details"] {
        let twice = format!("{},{}", body("", "0"), body(key, "\"x\""));
        hostile.push((format!("{key} twice"), twice.into_bytes()));
    }
    for (name, body) in hostile {
        is_told_once(&name, line(3, body), |fault| matches!(fault, LineFault::NoEvent { .. })).await;
    }
}
