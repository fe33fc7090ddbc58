//! Secrets known by their looks.

use std::borrow::Cow;

use regex::Regex;

use super::MASK;

/// What stands before a token: the start, or what cannot belong to it. In a text that is itself escaped (JSON in a
/// text, an URL, colours of a terminal) that may be the last letter of an escape.
const BOUNDARY: &str =
    r"(?:^|[^A-Za-z0-9]|\\[nrtbf]|\\u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2}|\x1b\[[0-9;]{0,16}[A-Za-z])";

/// Private keys in PEM, and what is left of one that was cut.
const PRIVATE_KEY: &str = concat!(
    r"(-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----(?s:.)*?",
    r"(?:-----END [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----|\z))",
);

/// The password before the last `@` of an authority.
const URL_PASSWORD: &str = r#":\\*/\\*/[^/?#:\x00-\x20"'<>\\]*:([^/?#\x00-\x20"<>\\]+)@"#;

/// The same of an authority that was cut before its `@`, as texts in events are. A few digits are a port.
const CUT_URL_PASSWORD: &str = concat!(
    r#":\\*/\\*/[^/?#:\[\x00-\x20"'<>\\]*:("#,
    r#"[^/?#@\x00-\x20"<>\\\u{2026}]*[^0-9/?#@\x00-\x20"<>\\\u{2026}][^/?#@\x00-\x20"<>\\\u{2026}]*"#,
    r#"|[0-9]{6,})\u{2026}"#,
);

/// A token is long, or has a digit: "bearer of news" has none.
const BEARER: &str = concat!(
    r"(?:[Bb]earer|BEARER)(?:[ \t]|%20)+(",
    r"[A-Za-z0-9._~+/=-]{16,}",
    r"|[A-Za-z._~+/=-]{0,14}[0-9][A-Za-z0-9._~+/=-]{4,}",
    r"|[A-Za-z._~+/=-]{2,14}[0-9][A-Za-z0-9._~+/=-]*)",
);

/// Keys of providers: `OpenAI`, Anthropic and their like (long, or with a digit: `sk-fading-circle` is none);
/// GitHub; AWS; Google; Slack; `SendGrid`.
const PROVIDER_KEY: &str = concat!(
    r"(sk-[A-Za-z0-9_-]{16,}",
    r"|sk-[A-Za-z_-]{0,14}[0-9][A-Za-z0-9_-]{4,}",
    r"|sk-[A-Za-z_-]{2,14}[0-9][A-Za-z0-9_-]*",
    r"|gh[opsur]_[A-Za-z0-9_]{16,}",
    r"|github_pat_[A-Za-z0-9_]{16,}",
    r"|A[KS]IA[A-Z0-9]{16,}",
    r"|AIza[A-Za-z0-9_-]{30,}",
    r"|xox[a-z]-[A-Za-z0-9-]{10,}",
    r"|SG\.[A-Za-z0-9_-]{16,}(?:\.[A-Za-z0-9_-]+)?)",
);

/// JSON web tokens: their header is the Base64 of an object.
const WEB_TOKEN: &str = r"(eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)+)";

/// Texts of which one stands in every secret above. Found in one pass, many bytes at a time.
const MARKERS: &str = concat!(
    r"sk-|gho_|ghp_|ghs_|ghu_|ghr_|github_pat_|AKIA|ASIA|AIza|xox|SG\.",
    r"|eyJ|earer|EARER|PRIVATE KEY|://|:\\",
);

/// In JSON a letter or a slash of a marker may be written as an escape.
const ESCAPES: &str = r"\\u|\\/";

/// The rules, each a pattern whose first group is masked.
///
/// Each runs for itself: no match of one pattern can lie within what another attempt of the same pattern must
/// first read to its end, which keeps the whole linear.
pub(super) struct TextRules {
    markers: Regex,
    json_markers: Regex,
    rules: Vec<Regex>,
}

impl TextRules {
    pub(super) fn built_in() -> Self {
        let behind_boundary =
            [BEARER, PROVIDER_KEY, WEB_TOKEN].map(|rule| compile(&[BOUNDARY, rule].concat()));
        Self {
            markers: compile(MARKERS),
            json_markers: compile(&[MARKERS, "|", ESCAPES].concat()),
            rules: [PRIVATE_KEY, URL_PASSWORD, CUT_URL_PASSWORD]
                .map(compile)
                .into_iter()
                .chain(behind_boundary)
                .collect(),
        }
    }

    /// Whether a JSON text may hold a secret; false is certain.
    pub(super) fn may_mask_json(&self, json: &str) -> bool {
        self.json_markers.is_match(json)
    }

    /// Masks what looks like a secret.
    pub(super) fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !self.markers.is_match(text) {
            return Cow::Borrowed(text);
        }
        self.rules.iter().fold(Cow::Borrowed(text), |text, rule| match mask_by(rule, &text) {
            Some(masked) => Cow::Owned(masked),
            None => text,
        })
    }
}

fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the patterns are constants, and a test compiles them")
}

/// The text with what `rule` finds masked, if it finds anything that is not masked yet.
fn mask_by(rule: &Regex, text: &str) -> Option<String> {
    let mut masked = String::new();
    let mut copied = 0;
    for secret in rule.captures_iter(text).filter_map(|found| found.get(1)) {
        if secret.as_str() != MASK {
            masked.push_str(text.get(copied..secret.start())?);
            masked.push_str(MASK);
            copied = secret.end();
        }
    }
    if copied == 0 {
        return None;
    }
    masked.push_str(text.get(copied..)?);
    Some(masked)
}
