//! Keys under which secrets stand.

use self::marks::MAY_BE_SECRET;
use super::tag::is_mask;

mod marks;

/// Words that make a key secret wherever they stand in it.
const SECRET: &[&str] = &[
    "password",
    "passwords",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "secrets",
    "credential",
    "credentials",
    "creds",
    "authorization",
    "cookie",
    "cookies",
    "apikey",
    "apikeys",
    "privatekey",
    "connectionstring",
];

/// Words that make a key secret only together, one right behind the other.
const SECRET_PAIRS: &[(&str, &str)] = &[
    ("api", "key"),
    ("api", "keys"),
    ("private", "key"),
    ("private", "keys"),
    ("connection", "string"),
    ("connection", "strings"),
    ("connection", "str"),
];

/// Makes a key secret as its last word only: `access_token` is one, `token_count` is none; `db_pass` and `proxyAuth`
/// are, `pass_count` and `auth_method` are none.
const SECRET_AT_THE_END: &[&str] = &[
    "token",
    "authtoken",
    "accesstoken",
    "auth",
    "basicauth",
    "oauth",
    "proxyauth",
    "pass",
    "dbpass",
    "userpass",
    "dsn",
];

/// Makes a key secret if it is all of it: what is counted stands under `input_tokens` and their like.
const SECRET_ALONE: &[&str] = &["tokens"];

/// Letters that make a key secret wherever they stand in it one behind the other, whatever stands between the letters
/// of the key: `dbpassword`, `PassWord` and `pass_word` are told by them.
const SECRET_LETTERS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "apikey",
    "authkey",
    "privatekey",
    "privkey",
    "secretkey",
    "accesskey",
    "connectionstring",
    "connstr",
    "authorization",
    "authorisation",
];

/// The same at its end only.
const SECRET_LAST_LETTERS: &[&str] = &[
    "secret",
    "secrets",
    "secretval",
    "secretvalue",
    "pwd",
    "creds",
    "credential",
    "credentials",
    "token",
    "tokenval",
    "tokenvalue",
    "accesstokens",
    "refreshtokens",
    "authtokens",
    "apitokens",
    "bearertokens",
    "csrftokens",
    "xsrftokens",
    "authheader",
    "authheaders",
    "connectionstr",
    "cookie",
    "cookies",
    "cookieval",
    "cookievalue",
];

/// Keys under which texts are secret: those that all redactors know, and the program's own.
#[derive(Default)]
pub(super) struct Keys {
    /// The words of each, in small letters.
    own: Vec<Vec<String>>,
}

impl Keys {
    /// Adds a key of the program's; `None` if it has no words.
    pub(super) fn add(&mut self, key: &str) -> Option<()> {
        let words: Vec<_> = words(key).map(str::to_lowercase).collect();
        let first = words.iter().map(String::len).next()?;
        (first > 0).then(|| self.own.push(words))
    }

    /// Whether the program added none.
    pub(super) fn is_empty(&self) -> bool {
        self.own.is_empty()
    }

    /// Whether a text under `key` is a secret.
    pub(super) fn is_secret(&self, key: &str) -> bool {
        is_secret_alone(key)
            || MAY_BE_SECRET.are_in(key) && is_secret(key)
            || !self.own.is_empty() && self.is_own(key)
    }

    /// Whether a key in JSON, of which `read` ends before the closing quote, is surely not secret, told at a glance.
    pub(super) fn is_surely_clean(&self, read: &[u8]) -> bool {
        let mut reading = MAY_BE_SECRET.read();
        let mut before = read.iter().rev();
        let stops = before.find(|byte| matches!(byte, b'"' | b'\\') || reading.finds(**byte));
        self.own.is_empty()
            && stops == Some(&b'"')
            && before.next() != Some(&b'\\')
            && !ends_with_one_alone(read)
    }

    fn is_own(&self, key: &str) -> bool {
        let all: Vec<_> = words(key).map(str::to_lowercase).collect();
        self.own.iter().any(|own| all.windows(own.len()).any(|some| some == own))
    }
}

fn is_secret_alone(key: &str) -> bool {
    SECRET_ALONE.iter().any(|one| key.eq_ignore_ascii_case(one))
}

/// Whether a quote and one of [`SECRET_ALONE`] behind it are the end of what was read.
fn ends_with_one_alone(read: &[u8]) -> bool {
    SECRET_ALONE.iter().any(|one| {
        let quoted = read.len().checked_sub(one.len() + 1).and_then(|start| read.get(start..));
        let key = quoted.and_then(|quoted| quoted.strip_prefix(b"\""));
        key.is_some_and(|key| key.eq_ignore_ascii_case(one.as_bytes()))
    })
}

fn is_secret(key: &str) -> bool {
    let is_one_of = |word: &str, list: &[&str]| list.iter().any(|one| word.eq_ignore_ascii_case(one));
    let mut previous = "";
    for word in words(key) {
        // Of `token_v2` the version says nothing.
        if previous.eq_ignore_ascii_case("token") && word.eq_ignore_ascii_case("v") {
            continue;
        }
        let is_pair = |(first, second): &(&str, &str)| {
            previous.eq_ignore_ascii_case(first) && word.eq_ignore_ascii_case(second)
        };
        if is_one_of(word, SECRET) || SECRET_PAIRS.iter().any(is_pair) {
            return true;
        }
        previous = word;
    }
    is_one_of(previous, SECRET_AT_THE_END) || has_secret_letters(key)
}

fn has_secret_letters(key: &str) -> bool {
    let letters = key.bytes().filter(u8::is_ascii_alphabetic);
    let letters: String = letters.map(|letter| char::from(letter.to_ascii_lowercase())).collect();
    SECRET_LETTERS.iter().any(|secret| letters.contains(secret))
        || SECRET_LAST_LETTERS.iter().any(|secret| letters.ends_with(secret))
}

/// The words of a key in snake, kebab or camel case; digits and marks separate them.
fn words(key: &str) -> impl Iterator<Item = &str> {
    key.split(|c: char| c.is_ascii() && !c.is_ascii_alphabetic())
        .flat_map(CamelWords)
        .filter(|word| !word.is_empty())
}

/// The words of a text in camel case, acronyms whole: `APIKey` is `API`, `Key`.
struct CamelWords<'a>(&'a str);

impl<'a> Iterator for CamelWords<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.0.is_empty() {
            return None;
        }
        let following = self.0.char_indices().skip(1);
        let end = following
            .zip(self.0.chars())
            .find(|((at, c), before)| {
                let next_is_lower = || self.0.get(at + 1..).is_some_and(|rest| rest.starts_with(is_lower));
                c.is_ascii_uppercase() && (!before.is_ascii_uppercase() || next_is_lower())
            })
            .map_or(self.0.len(), |((at, _), _)| at);
        let (word, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        Some(word)
    }
}

fn is_lower(c: char) -> bool {
    c.is_ascii_lowercase()
}

/// Whether a text under a secret key is masked for that.
pub(super) fn is_secret_text(text: &str) -> bool {
    !text.is_empty() && !is_mask(text) && !is_hash(text)
}

/// Whether it is a hash of 32 bytes, as events carry them.
fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests;
