//! Secrets are masked in all texts, and over the seams of fragments.

use super::*;
use crate::event::text::MAX_BRIEF_BYTES;

const KEY: &str = "sk-live-51H8xQ2eZvKYlo2C";

async fn texts(fragments: impl IntoIterator<Item = Fragment>) -> String {
    let notes = Told::gives("notes", fragments);
    service(&[&notes]).build(request(100_000)).await.unwrap().text
}

#[tokio::test]
async fn secrets_are_masked_in_every_text_before_they_are_counted() {
    let secret = format!("the key {KEY}");
    let all = Fragment::new(secret.as_str(), secret.as_str()).with_title(format!("keys/{KEY}.txt"));
    let all = all.with_outline(secret.as_str()).with_line(secret.as_str());
    let notes = Told::gives("notes", [all]);
    for budget in [1_000, 260, 240] {
        let Ok(context) = service(&[&notes]).build(request(budget)).await else { continue };
        assert!(!format!("{context} {context:?}").contains(KEY), "{context}");
        assert_eq!(context.tokens, context.text.len() as u64);
    }
    let context = service(&[&notes]).build(request(1_000)).await.unwrap();
    assert_eq!(&*context.fragments[0].id, "the key [redacted]");
    assert!(context.text.ends_with("- notes keys/[redacted].txt: the key [redacted]\n"), "{context}");
}

#[tokio::test]
async fn a_secret_that_straddles_two_fragments_is_masked_in_both() {
    let (begin, end) = KEY.split_at(9);
    let one = fragment("1", &format!("the key is {begin}"), 0.5).with_line(begin);
    let two = fragment("2", &format!("{end} and so on"), 0.5).with_outline(end);
    let text = texts([one, two]).await;
    assert!(text.ends_with("- notes 1: the key is [redacted]\n- notes 2: [redacted] and so on\n"), "{text}");
}

#[tokio::test]
async fn a_private_key_that_straddles_two_fragments_is_masked_in_both() {
    let (begin, end) = ("-----BEGIN PRIVATE KEY-----\nMIIEvQ", "IBADANBg\n-----END PRIVATE KEY-----\n");
    let text =
        texts([fragment("1", &format!("before\n{begin}"), 0.5), fragment("2", &format!("{end}behind"), 0.5)])
            .await;
    for part in ["MIIEvQ", "IBADANBg"] {
        assert!(!text.contains(part), "{text}");
    }
    assert!(text.contains("before") && text.contains("behind"), "{text}");
}

#[tokio::test]
async fn a_key_that_nobody_closes_does_not_take_the_next_fragment_with_it() {
    let one = fragment("1", "how keys begin: -----BEGIN PRIVATE KEY----- and so on", 0.5);
    let text = texts([one, fragment("2", "something else", 0.5)]).await;
    assert!(text.ends_with("- notes 1: how keys begin: [redacted]\n- notes 2: something else\n"), "{text}");
}

#[tokio::test]
async fn a_fragment_with_a_secret_at_both_seams_keeps_what_is_between() {
    let (begin, end) = KEY.split_at(12);
    let middle = format!("{end} then {begin}");
    let text = texts([
        fragment("1", &format!("one {begin}"), 0.5),
        fragment("2", &middle, 0.5),
        fragment("3", &format!("{end} three"), 0.5),
    ])
    .await;
    assert!(
        text.ends_with(
            "- notes 1: one [redacted]\n- notes 2: [redacted] then [redacted]\n- notes 3: [redacted] three\n"
        ),
        "{text}"
    );
}

#[tokio::test]
async fn seams_of_long_fragments_are_masked_too() {
    let (begin, end) = KEY.split_at(12);
    let (before, behind) = ("\u{fc}ber ".repeat(5_000), " \u{e9}t\u{e9}".repeat(5_000));
    let text = texts([
        fragment("1", &format!("{before}{begin}"), 0.5),
        fragment("2", &format!("{end}{behind}"), 0.5),
    ])
    .await;
    assert!(!text.contains(end) && !text.contains(begin));
    assert!(text.contains(before.trim()) && text.contains(behind.trim()));
}

#[tokio::test]
async fn why_a_source_failed_is_masked_before_it_is_cut() {
    let reason = format!("{} postgres://app:hunter2hunter2@db", "x".repeat(MAX_BRIEF_BYTES - 25));
    let notes = Told::new("notes", Does::Fails(reason.leak()));
    let context = service(&[&notes]).build(request(1_000)).await.unwrap();
    let failures = failures(&context);
    let [(_, FailureReason::Failed(told))] = failures.as_slice() else { panic!("{failures:?}") };
    assert!(told.contains("postgres://app:") && !told.contains("hunt"), "{told}");
}

#[tokio::test]
async fn whoever_wants_no_mask_gets_none() {
    let notes = Told::gives("notes", [fragment("1", KEY, 0.5)]);
    let service = ContextService::builder(None).redactor(Redactor::none()).source(notes).build().unwrap();
    assert!(service.build(request(1_000)).await.unwrap().text.contains(KEY));
}
