//! [`TiktokenCounter`]: the tokens of `OpenAI`'s models.

use tiktoken_rs::{CoreBPE, cl100k_base_singleton, o200k_base_singleton};

use super::TokenCounter;

/// How much is counted at once, in bytes: what the expressions of an encoding can read in any text.
const MAX_PIECE_BYTES: usize = 16 << 10;

/// A vocabulary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// That of GPT-4o and what came after it.
    #[default]
    O200kBase,
    /// That of GPT-4 and GPT-3.5.
    Cl100kBase,
}

/// Counts by a vocabulary that is part of the program: nothing is ever loaded.
///
/// Names of special tokens count as the text that they are. A text of more than 16 KiB is counted in pieces, cut behind
/// a line break if there is one; each cut may make a token more or less. The first count of an encoding in a process
/// reads its vocabulary, which takes a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TiktokenCounter {
    encoding: Encoding,
}

impl TiktokenCounter {
    /// Counts by that encoding.
    pub const fn new(encoding: Encoding) -> Self {
        Self { encoding }
    }

    /// By which encoding it counts.
    pub const fn encoding(self) -> Encoding {
        self.encoding
    }

    fn vocabulary(self) -> &'static CoreBPE {
        match self.encoding {
            Encoding::O200kBase => o200k_base_singleton(),
            Encoding::Cl100kBase => cl100k_base_singleton(),
        }
    }
}

impl TokenCounter for TiktokenCounter {
    fn count(&self, text: &str) -> u64 {
        let (vocabulary, mut rest, mut count) = (self.vocabulary(), text, 0);
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(end_of_piece(rest));
            count += vocabulary.count_ordinary(piece) as u64;
            rest = behind;
        }
        count
    }
}

/// Where a piece ends: behind the last line break that is not too far, else as far as may be.
fn end_of_piece(text: &str) -> usize {
    if text.len() <= MAX_PIECE_BYTES {
        return text.len();
    }
    let most = text.floor_char_boundary(MAX_PIECE_BYTES);
    text.get(..most).and_then(|piece| piece.rfind('\n')).map_or(most, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::context::EstimatingCounter;

    fn count(encoding: Encoding, text: &str) -> u64 {
        TiktokenCounter::new(encoding).count(text)
    }

    /// The first of each three is from `OpenAI`'s own tests and cookbook.
    #[test]
    fn counts_are_those_of_the_vocabularies() {
        for (text, o200k, cl100k) in [
            ("hello world", 2, 2),
            ("tiktoken is great!", 6, 6),
            ("antidisestablishmentarianism", 6, 6),
            ("2 + 2 = 4", 7, 7),
            ("お誕生日おめでとう", 8, 9),
            ("<|endoftext|>", 7, 7),
            ("", 0, 0),
        ] {
            assert_eq!(
                (count(Encoding::O200kBase, text), count(Encoding::Cl100kBase, text)),
                (o200k, cl100k),
                "{text}"
            );
        }
    }

    #[test]
    fn a_long_text_counts_about_as_much_as_its_lines() {
        let line = "fn greet(name: &str) -> String { format!(\"hello {name}\") }\n";
        let one = count(Encoding::O200kBase, line);
        let many = count(Encoding::O200kBase, &line.repeat(2_000));
        assert_eq!(many, one * 2_000);
    }

    #[test]
    fn no_text_is_too_much() {
        for text in [" ", "\n", "a", "ab ", "\u{3042}", "\u{1F600}", "\r\n \t", "'s", "9"] {
            let long = text.repeat(100_000 / text.len());
            assert!(count(Encoding::O200kBase, &format!("{long}x")) > 1, "{text:?}");
            assert!(count(Encoding::Cl100kBase, &format!("{long}x")) > 1, "{text:?}");
        }
    }

    #[test]
    fn what_is_estimated_is_not_less() {
        let code = include_str!("tiktoken.rs");
        let prose = include_str!("../../../../README.md");
        let others = "Zwölf Boxkämpfer jagen Viktor quer über den Sylter Deich. Съешь же ещё этих мягких французских \
                      булок. いろはにほへと ちりぬるを 我能吞下玻璃而不伤身体 🎉👍🏽";
        let json = r#"{"pos":42,"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","details":{"duration_ms":1234}}"#;
        for text in [code, prose, others, json] {
            for encoding in [Encoding::O200kBase, Encoding::Cl100kBase] {
                let (estimated, counted) = (EstimatingCounter.count(text), count(encoding, text));
                assert!(estimated >= counted, "{estimated} is less than {counted} of {encoding:?}");
                assert!(estimated <= counted * 5, "{estimated} is far more than {counted} of {encoding:?}");
            }
        }
    }
}
