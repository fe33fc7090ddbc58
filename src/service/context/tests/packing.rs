//! Who gets how much room; who stays of those that say the same; in which order all stand.

use super::*;

/// Room for so many bytes beside the preamble, for sources of these names.
fn room(names: &[&str], bytes: u64) -> ContextRequest {
    let names: Vec<Text> = names.iter().map(|name| Text::from(*name)).collect();
    request(render::Tally::longest(&names).preamble().len() as u64 + bytes)
}

#[tokio::test]
async fn what_has_no_room_is_shown_shorter_or_not_at_all() {
    let long = "long\n".repeat(20);
    let all = |id: &str, relevance| {
        fragment(id, &format!("{id} {long}"), relevance)
            .with_outline(format!("outline {id}\nof it"))
            .with_line("line")
    };
    let notes = Told::gives("notes", [all("a", 0.9), all("b", 0.8), all("c", 0.7), all("d", 0.6)]);
    // "\n## notes a\n```\na " + 99 bytes without the last line break + "\n```\n", with the outline 15 + 10 + ...
    let (full, outline, line) = (11 + 1 + 4 + 2 + 99 + 5, 11 + 1 + 10 + 4 + 15 + 5, 16);
    for (bytes, expected) in [
        (full + outline + line, vec![("a", Detail::Full), ("b", Detail::Outline), ("c", Detail::Line)]),
        (full + outline + line - 1, vec![("a", Detail::Full), ("b", Detail::Outline)]),
        (full - 1, vec![("a", Detail::Outline), ("b", Detail::Outline), ("c", Detail::Line)]),
        (line - 1, vec![]),
    ] {
        let context = service(&[&notes]).build(room(&["notes"], bytes)).await.unwrap();
        assert_eq!(held(&context), expected, "{bytes}: {context}");
        assert!(dropped(&context).iter().all(|(_, reason)| *reason == DropReason::NoRoom));
        assert_eq!(context.fragments.len() + context.dropped.len(), 4);
        assert!(context.tokens <= context.budget && context.tokens == context.text.len() as u64);
    }
}

#[tokio::test]
async fn of_those_that_say_the_same_the_higher_score_stays_then_the_first_source() {
    let one = Told::gives("one", [fragment("low", "same", 0.1), fragment("equal", "other", 0.5)]);
    let two = Told::gives("two", [fragment("high", "same", 0.2), fragment("equal", "other", 0.5)]);
    let three = Told::gives("three", [fragment("x", "third", 0.0), fragment("y", "third", 0.0)]);
    let context = service(&[&one, &two, &three]).build(request(2_000)).await.unwrap();
    let stayed: Vec<_> = context.fragments.iter().map(|held| (held.source.as_str(), &*held.id)).collect();
    assert_eq!(stayed, [("one", "equal"), ("two", "high"), ("three", "x")]);
    let left: Vec<_> = context
        .duplicates
        .iter()
        .map(|left| (left.source.as_str(), &*left.id, left.same_source.as_str(), &*left.same_id))
        .collect();
    assert_eq!(
        left,
        [("two", "equal", "one", "equal"), ("one", "low", "two", "high"), ("three", "y", "three", "x")]
    );
    assert_eq!(context.deduplicated(), 3);
    assert!(context.text.starts_with("# Context: 3 of 3 fragments\nThere twice: 3.\n- one equal: other\n"));
}

#[tokio::test]
async fn what_differs_by_a_secret_only_says_the_same() {
    let keys = ["sk-live-51H8xQ2eZvKYlo2C", "sk-live-99H8xQ2eZvKYlo2D"];
    let notes = Told::gives("notes", keys.map(|key| fragment(key, &format!("the key is {key}."), 0.5)));
    let context = service(&[&notes]).build(request(1_000)).await.unwrap();
    assert_eq!((context.fragments.len(), context.deduplicated()), (1, 1));
    assert_eq!(&*context.duplicates[0].id, "[redacted]");
}

#[tokio::test]
async fn a_context_is_in_the_order_of_sources_and_theirs() {
    let talk = Told::gives("talk", [fragment("1", "first", 0.1), fragment("2", "second", 0.9)]);
    let notes = Told::gives("notes", [fragment("z", "zed", 1.0), fragment("a", "ay", 0.2)]);
    let context = service(&[&talk, &notes]).build(request(1_000)).await.unwrap();
    assert_eq!(
        context.to_string(),
        "# Context: 4 of 4 fragments\n- talk 1: first\n- talk 2: second\n- notes z: zed\n- notes a: ay\n"
    );
    assert_eq!(
        context.summary().to_string(),
        format!("4 of 4 fragments in {} of 1000 tokens", context.tokens)
    );
}

#[tokio::test]
async fn a_source_gets_no_more_than_its_limit() {
    let notes = ["a", "b", "c"].map(|id| fragment(id, &format!("{id} says"), 0.5).with_line("."));
    let notes = Told::gives("notes", notes);
    let service = service(&[&notes]);
    let limit = SourceLimit::none().with_fragments(2);
    let context = service.build(request(1_000).with_limit("notes", limit)).await.unwrap();
    assert_eq!(dropped(&context), [("c", DropReason::Limit)]);
    assert!(context.text.starts_with("# Context: 2 of 3 fragments\nLeft out, by a limit: notes 1.\n"));
    // "- notes a: a says\n" has 18 bytes, "- notes a: .\n" has 13.
    let limit = SourceLimit::none().with_tokens(18 + 13);
    let context = service.build(request(1_000).with_limit("notes", limit)).await.unwrap();
    assert_eq!(held(&context), [("a", Detail::Full), ("b", Detail::Line)]);
    assert_eq!(dropped(&context), [("c", DropReason::Limit)]);
}

#[tokio::test]
async fn of_a_source_without_measure_the_first_are_looked_at() {
    let many = (0..=MAX_SOURCE_FRAGMENTS).map(|n| fragment(&n.to_string(), &format!("note {n}"), 0.0));
    let context = service(&[&Told::gives("notes", many)]).build(request(10_000_000)).await.unwrap();
    assert_eq!(context.fragments.len(), MAX_SOURCE_FRAGMENTS);
    assert_eq!(dropped(&context), [(MAX_SOURCE_FRAGMENTS.to_string().as_str(), DropReason::Limit)]);
}

#[tokio::test]
async fn what_has_nothing_to_show_is_said_to() {
    let long = "x".repeat(MAX_SHOWN_BYTES + 1);
    let notes = Told::gives(
        "notes",
        [
            fragment("empty", " \n ", 0.9),
            fragment("long", &long, 0.8),
            fragment("long with a line", &format!("{long}."), 0.7).with_outline("").with_line("it is long"),
        ],
    );
    let context = service(&[&notes]).build(request(10_000_000)).await.unwrap();
    assert_eq!(held(&context), [("long with a line", Detail::Line)]);
    assert_eq!(dropped(&context), [("empty", DropReason::Nothing), ("long", DropReason::Nothing)]);
    assert!(context.text.contains("Left out, with nothing to show: notes 2.\n"));
}

/// Counts more for the whole than for its parts.
#[derive(Debug)]
struct Square;

impl TokenCounter for Square {
    fn count(&self, text: &str) -> u64 {
        (text.len() as u64).pow(2) / 100
    }
}

#[tokio::test]
async fn the_whole_fits_also_if_it_counts_more_than_its_parts() {
    let notes = (0..200).map(|n| fragment(&n.to_string(), &format!("note number {n}"), 0.5));
    let builder = ContextService::builder(None).counter(Square).source(Told::gives("notes", notes));
    let context = builder.build().unwrap().build(request(20_000)).await.unwrap();
    assert!(context.tokens <= 20_000, "{} tokens", context.tokens);
    assert!(context.fragments.len() > 5, "{} fragments", context.fragments.len());
    assert_eq!(context.fragments.len() + context.dropped.len(), 200);
}

/// Counts what only a whole context has.
#[derive(Debug)]
struct Whole;

impl TokenCounter for Whole {
    fn count(&self, text: &str) -> u64 {
        if text.contains("# Context: 0 of 1") { 500 } else { 10 }
    }
}

#[tokio::test]
async fn a_counter_that_no_context_pleases_is_refused_and_not_told() {
    let (some, told) = bus();
    let notes = Told::gives("notes", [fragment("a", "", 0.5)]);
    let service = ContextService::builder(some).counter(Whole).source(notes).build().unwrap();
    let refused = service.build(request(100)).await.unwrap_err();
    assert_eq!(refused, ContextError::BudgetTooSmall { budget: 100, needed: 500 });
    told.assert_nothing();
}
