//! The index: scores by hand, what words are, and that what was there before leaves no trace.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::words::each_word;
use super::*;

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    each_word(text, &mut |word| words.push(word.to_owned()));
    words
}

fn index(texts: &[(&str, &str)]) -> TextIndex {
    let mut index = TextIndex::new();
    for (key, text) in texts {
        assert!(index.insert(key, Hash::of(text), text));
    }
    index
}

fn keys(hits: &[Hit]) -> Vec<&str> {
    hits.iter().map(|hit| &*hit.key).collect()
}

#[test]
fn scores_are_those_computed_by_hand() {
    let index = index(&[("a", "red fox red"), ("b", "red dog"), ("c", "a blue bird sings")]);
    // Three texts of 3, 2 and 4 words, 3 on average. "red" stands in two of them, "fox" in one:
    // idf(red) = ln(1 + 1.5 / 2.5) = ln 1.6, idf(fox) = ln(1 + 2.5 / 1.5) = ln(8/3).
    let (red, fox) = (1.6_f64.ln(), (8.0_f64 / 3.0).ln());
    // In "a", as long as the average, k1 * (1 - b + b * 1) = 1.2: "red" twice weighs 2 * 2.2 / 3.2, "fox" 2.2 / 2.2.
    // In "b" k1 * (1 - 0.75 + 0.75 * 2 / 3) = 0.9: "red" weighs 2.2 / 1.9.
    let (in_a, in_b) = (red * 1.375 + fox, red * 2.2 / 1.9);
    let hits = index.search("red fox", 10);
    assert_eq!(keys(&hits), ["a", "b"]);
    for (hit, score) in hits.iter().zip([in_a, in_b]) {
        assert!((hit.score - score).abs() < 1e-12, "{hit:?}, by hand {score}");
        let relevance = score / (2.2 * (red + fox));
        assert!((hit.relevance - relevance).abs() < 1e-12, "{hit:?}, by hand {relevance}");
    }
    // The figures themselves, so that nobody changes the formula on both sides.
    assert!((hits[0].score - 1.627_084_3).abs() < 1e-6 && (hits[1].score - 0.544_214_7).abs() < 1e-6);
}

#[test]
fn a_word_that_no_text_has_lowers_the_relevance_and_not_the_score() {
    let index = index(&[("a", "red fox"), ("b", "dog")]);
    let (with, without) = (index.search("fox unicorn", 1), index.search("fox", 1));
    assert_eq!(with[0].score.to_bits(), without[0].score.to_bits());
    assert!(with[0].relevance < without[0].relevance);
    assert_eq!(index.search("fox fox FOX", 1), without);
    assert!(index.search("unicorn", 1).is_empty() && index.search("", 1).is_empty());
    assert!(TextIndex::new().search("fox", 1).is_empty());
}

#[test]
fn equals_are_in_the_order_of_their_keys() {
    let index = index(&[("c", "fox"), ("a", "fox"), ("b", "fox")]);
    assert_eq!(keys(&index.search("fox", 10)), ["a", "b", "c"]);
    assert_eq!(keys(&index.search("fox", 2)), ["a", "b"]);
}

#[test]
fn words_are_those_of_prose_and_of_code() {
    assert_eq!(words("It's a Fox, isn't it?"), ["it", "s", "a", "fox", "isn", "t", "it"]);
    assert_eq!(words("parseHttpRequest"), ["parsehttprequest", "parse", "http", "request"]);
    assert_eq!(words("parse_http_request"), ["parsehttprequest", "parse", "http", "request"]);
    assert_eq!(words("HTTPServer2 MAX_LEN"), ["httpserver2", "http", "server2", "maxlen", "max", "len"]);
    assert_eq!(words("std::fmt::Display.fmt(x.y)"), ["std", "fmt", "display", "fmt", "x", "y"]);
    assert_eq!(words("__init__ _ ___"), ["init"]);
    assert_eq!(words("GRÜSSE Straßenbahn 東京 кот"), ["grüsse", "straßenbahn", "東", "京", "кот"]);
    assert_eq!(words("3.14 v2.0"), ["3", "14", "v2", "0"]);
}

#[test]
fn long_words_and_texts_count_up_to_their_bound() {
    let long = "ü".repeat(1_000);
    assert_eq!(words(&long), ["ü".repeat(32)]);
    let text = format!("{}needle", " ".repeat(MAX_TEXT_BYTES));
    assert_eq!(words(&text), Vec::<String>::new());
}

#[test]
fn the_same_hash_is_not_looked_at() {
    let mut index = index(&[("a", "fox")]);
    assert!(!index.insert("a", Hash::of("fox"), "not what has that hash"));
    assert_eq!(keys(&index.search("fox", 1)), ["a"]);
    assert!(index.insert("a", Hash::of("dog"), "dog"));
    assert!(index.search("fox", 1).is_empty() && index.len() == 1);
    assert!(index.remove("a") && !index.remove("a") && index.is_empty());
}

#[test]
fn snippets_are_the_lines_with_most_words() {
    let text = "one\ntwo fox\nthree\nfour\nfive\nsix\nred fox\neight";
    let words = unique_words("red fox");
    let found = snippets(text, &words, 1);
    assert_eq!(found, [Snippet::new(6, "six\nred fox\neight")]);
    assert_eq!(found[0].to_string(), "6: six\n7: red fox\n8: eight");
    assert_eq!(snippets(text, &words, 2)[0], Snippet::new(1, "one\ntwo fox\nthree"));
    assert_eq!(best_line(text, &words), Some((7, "red fox")));
    assert_eq!((best_line("dog", &words), snippets("dog", &words, 3)), (None, Vec::new()));
    let touching = snippets("fox\nfox\nfox", &words, 3);
    assert_eq!(touching, [Snippet::new(1, "fox\nfox\nfox")]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Each operation puts a text in or takes one out; an index that went through all of them finds what one that was
    /// made of what is left finds, to the last bit.
    #[test]
    fn what_was_there_before_leaves_no_trace(
        ops in prop::collection::vec((0..12_u8, prop::option::of("[a-d]{1,2}( [a-d]{1,2}){0,6}")), 0..400),
        query in "[a-d]{1,2}( [a-d]{1,2}){0,3}",
    ) {
        let (mut index, mut texts) = (TextIndex::new(), BTreeMap::new());
        for (key, text) in ops {
            let key = format!("k{key}");
            if let Some(text) = text {
                let is_new = index.insert(&key, Hash::of(&text), &text);
                prop_assert_eq!(is_new, texts.insert(key, text.clone()) != Some(text));
            } else {
                prop_assert_eq!(index.remove(&key), texts.remove(&key).is_some());
            }
        }
        let mut fresh = TextIndex::new();
        for (key, text) in texts.iter().rev() {
            fresh.insert(key, Hash::of(text), text);
        }
        prop_assert_eq!(index.search(&query, 100), fresh.search(&query, 100));
        prop_assert_eq!(index.keys().collect::<Vec<_>>(), fresh.keys().collect::<Vec<_>>());
        prop_assert!(index.slots.len() <= 2 * index.len() + 64);
    }

    #[test]
    fn any_text_has_words(text in any::<String>()) {
        for word in words(&text) {
            prop_assert!(!word.is_empty() && word.len() <= MAX_WORD_BYTES);
        }
        snippets(&text, &unique_words(&text), 3);
    }

    #[test]
    fn relevance_is_a_part(texts in prop::collection::vec("[a-c]( [a-c]){0,40}", 1..20), query in "[a-e]( [a-e]){0,4}") {
        let mut index = TextIndex::new();
        for (number, text) in texts.iter().enumerate() {
            index.insert(&number.to_string(), Hash::of(text), text);
        }
        for hit in index.search(&query, 100) {
            prop_assert!(hit.score > 0.0 && hit.relevance > 0.0 && hit.relevance < 1.0);
        }
    }
}
