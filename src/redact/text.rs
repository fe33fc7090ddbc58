//! Secrets known by their looks.

use aho_corasick::{AhoCorasick, MatchKind};
use regex::Regex;

use super::counts::Rule;
use super::found::Found;
use crate::event::CUT_MARK;

/// What stands before a token: the start, or what cannot belong to it. In a text that is itself escaped (JSON in a
/// text, an URL, colours of a terminal) that may be the last letter of an escape.
const BOUNDARY: &str = concat!(
    r"(?:^|[^A-Za-z0-9]|\\[nrtbf]|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\0[0-7]{2}|%[0-9A-Fa-f]{2}",
    r"|(?:\x1b|\\u001[bB]|\\x1[bB]|\\033|\\e)\[[0-9;]{0,16}[A-Za-z])",
);

/// Private keys in PEM, and what is left of one that was cut.
const PRIVATE_KEY: &str = concat!(
    r"(-{4,5} ?BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)? ?-{4,5}(?s:.)*?",
    r"(?:-{4,5} ?END [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)? ?-{4,5}|\z)",
    // What is left of one whose beginning was cut.
    r"|[A-Za-z0-9+/=\\\r\n]+-{4,5} ?END [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)? ?-{4,5})",
);

/// The password before the last `@` of an authority.
const URL_PASSWORD: &str = r#":\\*/\\*/[^/?#:\x00-\x20"'<>]*:([^/?#\x00-\x20"<>]+)@"#;

/// The same of an authority that was cut before its `@`, as texts in events are. A few digits are a port.
const CUT_URL_PASSWORD: &str = concat!(
    r#":\\*/\\*/[^/?#:\[\x00-\x20"'<>\\]*:("#,
    r#"[^/?#@\x00-\x20"<>\\\u{2026}]*[^0-9/?#@\x00-\x20"<>\\\u{2026}][^/?#@\x00-\x20"<>\\\u{2026}]*"#,
    r#"|[0-9]{6,})\u{2026}"#,
);

/// A token is long, or has a digit: "bearer of news" has none.
const BEARER: &str = concat!(
    r#"(?i:bearer)(?:[ \t\r\n+]|%20|\\[nrt])+["']?("#,
    r"[A-Za-z0-9._~+/=|-]{16,}",
    r"|[A-Za-z._~+/=|-]{0,14}[0-9][A-Za-z0-9._~+/=|-]{4,}",
    r"|[A-Za-z._~+/=|-]{2,14}[0-9][A-Za-z0-9._~+/=|-]*)",
);

/// Keys that begin like words: those of `OpenAI` and their like (long, or with a digit: `sk-fading-circle` is none), of
/// AWS, of `SendGrid`.
const WORDY_KEY: &str = concat!(
    r"(sk-[A-Za-z0-9_-]{16,}",
    r"|sk-[A-Za-z_-]{0,14}[0-9][A-Za-z0-9_-]{4,}",
    r"|sk-[A-Za-z_-]{2,14}[0-9][A-Za-z0-9_-]*",
    r"|A[KS]IA[A-Z0-9]{16,}",
    r"|SG\.[A-Za-z0-9_-]{16,}(?:\.[A-Za-z0-9_-]+)?)",
);

/// Keys that begin like nothing else, whatever stands before them: those of Anthropic, GitHub, Google, Slack, and the
/// secret keys that sign heads of a journal.
const DISTINCT_KEY: &str = concat!(
    r"(sk-ant-[A-Za-z0-9_-]{16,}",
    r"|gh[opsur]_[A-Za-z0-9_]{16,}",
    r"|github_pat_[A-Za-z0-9_]{16,}",
    r"|AIza[A-Za-z0-9_-]{30,}",
    r"|xox[a-z0-9]-[A-Za-z0-9-]{10,}",
    r"|agentbus-ed25519-secret:[0-9A-Fa-f]{16,})",
);

/// What is left of a token that was cut, as texts in events are. Too short to be told from a word otherwise.
const CUT_TOKEN: &str = concat!(
    r"((?:sk-|gh[opsur]_|github_pat_|A[KS]IA|AIza|xox[a-z0-9]-|SG\.|eyJ)[A-Za-z0-9._-]+",
    r#"|(?i:bearer)(?:[ \t\r\n+]|%20|\\[nrt])+["']?[A-Za-z0-9._~+/=|-]+)\x{2026}"#,
);

/// JSON web tokens: their header is the Base64 of an object.
const WEB_TOKEN: &str = r"(eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)+)";

/// Texts of which one stands in every secret of a kind, found all in one pass. None is shorter than three bytes: the
/// search is by their first ones, which should be rare. None has a quote, a comma or space.
pub(super) const MARKERS: [(&str, Hints); 22] = [
    ("PRIVATE", Hints::PRIVATE_KEY),
    ("://", Hints::URL),
    (r":/\", Hints::URL),
    (r":\/", Hints::URL),
    (r":\\", Hints::URL),
    ("earer", Hints::BEARER),
    ("EARER", Hints::BEARER),
    ("sk-", Hints::PROVIDER),
    ("gho_", Hints::PROVIDER),
    ("ghp_", Hints::PROVIDER),
    ("ghs_", Hints::PROVIDER),
    ("ghu_", Hints::PROVIDER),
    ("ghr_", Hints::PROVIDER),
    ("b_pat_", Hints::PROVIDER),
    ("AKIA", Hints::PROVIDER),
    ("ASIA", Hints::PROVIDER),
    ("AIza", Hints::PROVIDER),
    ("xox", Hints::PROVIDER),
    ("SG.", Hints::PROVIDER),
    ("519-s", Hints::PROVIDER),
    ("eyJ", Hints::WEB_TOKEN),
    // In JSON any of their letters may be written so.
    (r"\u00", Hints::ESCAPE),
];

/// How many bytes the longest marker has.
pub(super) const MAX_MARKER_BYTES: usize = 7;

/// Which kinds of secrets may stand in a text; what is not there certainly does not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Hints(u8);

impl Hints {
    pub(super) const NONE: Self = Self(0);
    const PRIVATE_KEY: Self = Self(1);
    const URL: Self = Self(2);
    const CUT_URL: Self = Self(4);
    const BEARER: Self = Self(8);
    const PROVIDER: Self = Self(16);
    const WEB_TOKEN: Self = Self(32);
    const ESCAPE: Self = Self(64);
    const CUT_TOKEN: Self = Self(128);

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// Those of which a part has its looks.
const TOKENS: Hints = Hints::BEARER.or(Hints::PROVIDER).or(Hints::WEB_TOKEN);

/// The rules, each a pattern whose first group is masked.
///
/// Each runs for itself: no match of one pattern can lie within what another attempt of the same pattern must
/// first read to its end, which keeps the whole linear.
pub(super) struct Looks {
    markers: AhoCorasick,
    rules: [(Hints, Regex); 8],
}

impl Looks {
    pub(super) fn built_in() -> Self {
        let behind_boundary = |rule: &str| compile(&[BOUNDARY, rule].concat());
        Self {
            // This kind has the vectorised search.
            markers: AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostFirst)
                .build(MARKERS.map(|(marker, _)| marker))
                .expect("the markers are short and few"),
            rules: [
                (Hints::PRIVATE_KEY, compile(PRIVATE_KEY)),
                (Hints::URL, compile(URL_PASSWORD)),
                (Hints::CUT_URL, compile(CUT_URL_PASSWORD)),
                (Hints::BEARER, behind_boundary(BEARER)),
                (Hints::PROVIDER, behind_boundary(WORDY_KEY)),
                (Hints::PROVIDER, compile(DISTINCT_KEY)),
                (Hints::WEB_TOKEN, behind_boundary(WEB_TOKEN)),
                (Hints::CUT_TOKEN, behind_boundary(CUT_TOKEN)),
            ],
        }
    }

    /// Which kinds of secrets may stand in a text, or in the texts of a line of JSON.
    pub(super) fn hints(&self, text: &str) -> Hints {
        self.hints_in(text.as_bytes(), text)
    }

    /// The same of parts of it in which all markers stand that say something.
    pub(super) fn hints_in(&self, parts: &[u8], text: &str) -> Hints {
        let mut hints = Hints::NONE;
        for found in self.markers.find_iter(parts) {
            let (_, kind) = MARKERS.get(found.pattern().as_usize()).unwrap_or(&("", Hints::NONE));
            hints.0 |= kind.0;
        }
        // In JSON the mark may be written as an escape.
        let is_cut = |text: &str| text.contains(CUT_MARK) || text.contains(r"\u2026");
        if hints.has(TOKENS) && is_cut(text) {
            hints.0 |= Hints::CUT_TOKEN.0;
        }
        if hints.has(Hints::URL) {
            // Most addresses have no user.
            let user = if memchr::memchr(b'@', text.as_bytes()).is_some() { Hints::URL.0 } else { 0 };
            let cut = if is_cut(text) { Hints::CUT_URL.0 } else { 0 };
            hints.0 = hints.0 & !Hints::URL.0 | user | cut;
        }
        hints
    }

    /// What looks like a secret, rule by rule.
    pub(super) fn find(&self, text: &str, hints: Hints) -> Vec<Found> {
        let mut found = Vec::new();
        for (kind, rule) in self.rules.iter().filter(|(kind, _)| hints.has(*kind)) {
            let secrets = rule.captures_iter(text).filter_map(|found| found.get(1));
            found.extend(secrets.map(|secret| Found::new(secret.range(), rule_of(*kind, secret.as_str()))));
        }
        found
    }
}

fn rule_of(kind: Hints, secret: &str) -> Rule {
    match kind {
        Hints::PRIVATE_KEY => Rule::PrivateKey,
        Hints::URL | Hints::CUT_URL => Rule::UrlPassword,
        Hints::BEARER => Rule::Bearer,
        Hints::WEB_TOKEN => Rule::WebToken,
        Hints::CUT_TOKEN if secret.starts_with("eyJ") => Rule::WebToken,
        Hints::CUT_TOKEN if secret.starts_with(['B', 'b']) => Rule::Bearer,
        _ => Rule::of_provider_key(secret),
    }
}

/// Whether nearly all secrets of a kind are of one length, by which the end of one is told.
pub(super) fn has_fixed_length(rule: Rule) -> bool {
    matches!(rule, Rule::GitHubToken | Rule::AwsKey | Rule::GoogleKey | Rule::SendGridKey)
}

/// Whether a secret is as long as its kind always is, so that what follows in another text is no part of it.
pub(super) fn is_complete(secret: &str, rule: Rule) -> bool {
    let len = secret.len();
    match rule {
        Rule::GitHubToken => len == 40 && secret.starts_with("gh"),
        Rule::AwsKey => len == 20,
        Rule::GoogleKey => len == 39,
        Rule::SendGridKey => len == 69,
        Rule::PrivateKey => secret.contains("-----END "),
        _ => false,
    }
}

fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the patterns are constants, and a test compiles them")
}
