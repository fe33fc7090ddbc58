//! Secrets of every kind, and JSON with one of them somewhere in it.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// A secret as it stands in a text.
#[derive(Clone, Debug)]
pub(crate) struct Secret {
    /// What nobody may hear.
    pub(crate) secret: String,
    /// The text by whose looks it is known; none if it has none, and stands under a key.
    text: Option<String>,
}

/// How it stands in JSON.
#[derive(Clone, Debug)]
pub(crate) enum How {
    Text,
    Within,
    /// In so many neighbours of an array, cut at these places.
    Split(Vec<usize>),
    /// Under a key that says so.
    Under(&'static str),
}

impl Secret {
    /// A text in which it is known by its looks.
    pub(crate) fn text(&self) -> String {
        self.text.clone().unwrap_or_else(|| format!("https://ann:{}@example.org/", self.secret))
    }

    /// The text in two or three parts.
    pub(crate) fn parts(&self, cuts: &[usize]) -> Vec<String> {
        let text = self.text();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % text.len()).chain([0, text.len()]).collect();
        cuts.sort_unstable();
        cuts.windows(2).map(|cut| text[cut[0]..cut[1]].to_owned()).collect()
    }

    pub(crate) fn value(&self, how: &How) -> Value {
        match how {
            How::Text => json!(self.text()),
            How::Within => json!(format!("before {} behind", self.text())),
            How::Split(cuts) => {
                let parts = self.parts(cuts).into_iter();
                json!(
                    ["before"]
                        .map(String::from)
                        .into_iter()
                        .chain(parts)
                        .chain([" behind".into()])
                        .collect::<Vec<_>>()
                )
            }
            How::Under(key) => json!({ "n": 1, *key: self.secret }),
        }
    }
}

/// Secrets with looks, of every kind.
pub(crate) fn secrets() -> BoxedStrategy<Secret> {
    let bare = prop_oneof![
        "sk-[A-Za-z0-9]{20,48}",
        "sk-proj-[A-Za-z0-9_-]{24,64}",
        "sk-ant-api03-[A-Za-z0-9_-]{24,64}",
        "gh[opsur]_[A-Za-z0-9]{36}",
        "github_pat_[A-Za-z0-9_]{22,60}",
        "A[KS]IA[A-Z0-9]{16}",
        "AIza[A-Za-z0-9_-]{35}",
        "xox[abprs]-[A-Za-z]{10}-[A-Za-z0-9]{24}",
        "SG\\.[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}",
        "eyJ[A-Za-z0-9_-]{12,30}\\.eyJ[A-Za-z0-9_-]{12,30}\\.[A-Za-z0-9_-]{20,43}",
        "-----BEGIN PRIVATE KEY-----\n([A-Za-z0-9+/]{64}\n){1,3}[A-Za-z0-9+/]{20}==\n-----END PRIVATE KEY-----",
    ];
    prop_oneof![
        8 => bare.prop_map(|secret| Secret { text: Some(secret.clone()), secret }),
        1 => ("[A-Za-z0-9._~+-]{16,40}", select(vec!["Bearer ", "bearer ", "Authorization: Bearer "]))
            .prop_map(|(secret, before)| Secret { text: Some(format!("{before}{secret}")), secret }),
        1 => "[A-Za-z0-9!$&*+,;=_~.-]{8,24}"
            .prop_map(|secret| Secret { text: Some(format!("postgres://app:{secret}@db/main")), secret }),
        1 => "[A-Za-z0-9!$&*+,;=_~.-]{8,24}".prop_map(|secret| Secret { text: None, secret }),
    ]
    .boxed()
}

/// Ways in which a secret stands in what the embedder writes.
pub(crate) fn ways() -> BoxedStrategy<How> {
    let keys = [
        "password",
        "apiKey",
        "client_secret",
        "Authorization",
        "Set-Cookie",
        "private_key",
        "connectionString",
    ];
    prop_oneof![
        Just(How::Text),
        Just(How::Within),
        proptest::collection::vec(0..400_usize, 1..3).prop_map(How::Split),
        select(keys.to_vec()).prop_map(How::Under),
    ]
    .boxed()
}

/// JSON without secrets.
pub(crate) fn clean() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-h \"\\\\\n\u{1}é\u{1f600}/@]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map("[a-h_ \"\\\\é]{0,6}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
    .boxed()
}

/// Puts `planted` somewhere into `value`.
pub(crate) fn plant(value: &mut Value, planted: Value, path: &[usize]) {
    let Some((at, path)) = path.split_first() else {
        *value = planted;
        return;
    };
    match value {
        Value::Array(items) if !items.is_empty() => {
            let at = at % items.len();
            plant(&mut items[at], planted, path);
        }
        Value::Object(map) if !map.is_empty() => {
            let at = at % map.len();
            plant(map.values_mut().nth(at).unwrap(), planted, path);
        }
        leaf => *leaf = planted,
    }
}

/// What says of which kind a secret is. A text that was cut within it tells nothing of the secret.
const KINDS: [&str; 3] = ["-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "github_pat_"];

/// Fails if six bytes of the secret, one behind the other, stand in what was told.
pub(crate) fn assert_untold(secret: &str, sink: &str, told: &str) {
    let told = agentbus::redact::without_tags(told);
    for part in secret.as_bytes().windows(6) {
        let part = std::str::from_utf8(part).unwrap();
        // Six digits may be of a time.
        if part.bytes().all(|byte| byte.is_ascii_digit()) || KINDS.iter().any(|kind| kind.contains(part)) {
            continue;
        }
        assert!(!told.contains(part), "{sink} tells {part:?} of {secret:?}: {told}");
    }
}
