//! Keys under which secrets stand.

use super::tag::is_mask;

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
];

/// Makes a key secret as its last word only: `access_token` is one, `token_count` is none.
const SECRET_AT_THE_END: &[&str] = &["token", "authtoken", "accesstoken"];

/// Letters that make a key secret wherever they stand in it one behind the other, whatever stands between the letters
/// of the key: `dbpassword`, `PassWord` and `pass_word` are told by them.
const SECRET_LETTERS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "apikey",
    "privatekey",
    "privkey",
    "secretkey",
    "accesskey",
    "connectionstring",
    "connstr",
    "authorisation",
];

/// The same at its end only.
const SECRET_LAST_LETTERS: &[&str] = &[
    "secret",
    "secrets",
    "token",
    "tokenvalue",
    "accesstokens",
    "refreshtokens",
    "authtokens",
    "apitokens",
    "cookie",
    "cookies",
];

/// Letters of which some stand one behind the other in every key that a word above makes secret.
const MARKS: &[&str] =
    &["passw", "passp", "pwd", "secret", "credent", "authori", "cookie", "key", "string", "connstr", "token"];

/// Finds texts of letters in either case, all at once, whatever stands between the letters: each of their letters, of
/// which there are 128 at most, has a bit, which is set in `of` for the bytes that it may be.
struct Marks {
    of: [u128; 256],
    first: u128,
    last: u128,
}

static MAY_BE_SECRET: Marks = Marks::new(MARKS);

static IS_SECRET: Marks = Marks::new(SECRET_LETTERS);

impl Marks {
    #[expect(clippy::indexing_slicing, reason = "it is compiled in: what is out of bounds does not compile")]
    const fn new(marks: &[&str]) -> Self {
        let (mut of, mut first, mut last) = ([0; 256], 0, 0);
        let (mut mark, mut bit) = (0, 0);
        while mark < marks.len() {
            let letters = marks[mark].as_bytes();
            first |= 1 << bit;
            let mut at = 0;
            while at < letters.len() {
                of[letters[at] as usize] |= 1 << bit;
                of[letters[at].to_ascii_uppercase() as usize] |= 1 << bit;
                at += 1;
                bit += 1;
            }
            last |= 1 << (bit - 1);
            mark += 1;
        }
        Self { of, first, last }
    }

    /// Whether one of them stands in a text, whatever stands between its letters.
    fn are_in(&self, text: &str) -> bool {
        let mut seen = 0;
        text.bytes().filter(u8::is_ascii_alphabetic).any(|byte| {
            let may_be = self.of.get(usize::from(byte)).copied().unwrap_or_default();
            seen = (seen << 1 | self.first) & may_be;
            seen & self.last != 0
        })
    }
}

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
        MAY_BE_SECRET.are_in(key) && is_secret(key) || !self.own.is_empty() && self.is_own(key)
    }

    fn is_own(&self, key: &str) -> bool {
        let all: Vec<_> = words(key).map(str::to_lowercase).collect();
        self.own.iter().any(|own| all.windows(own.len()).any(|some| some == own))
    }
}

fn is_secret(key: &str) -> bool {
    let is_one_of = |word: &str, list: &[&str]| list.iter().any(|one| word.eq_ignore_ascii_case(one));
    let mut previous = "";
    for word in words(key) {
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
    let ends_with = |secret: &&str| {
        let letters = key.bytes().rev().filter(u8::is_ascii_alphabetic);
        secret
            .bytes()
            .rev()
            .zip(letters.map(Some).chain(std::iter::repeat(None)))
            .all(|(wanted, letter)| letter.is_some_and(|letter| letter.eq_ignore_ascii_case(&wanted)))
    };
    IS_SECRET.are_in(key) || SECRET_LAST_LETTERS.iter().any(ends_with)
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
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_every_case() {
        for (key, expected) in [
            ("api_key", vec!["api", "key"]),
            ("x-api-key", vec!["x", "api", "key"]),
            ("apiKey", vec!["api", "Key"]),
            ("APIKey", vec!["API", "Key"]),
            ("OPENAI_API_KEY", vec!["OPENAI", "API", "KEY"]),
            ("userAPIKey2Old", vec!["user", "API", "Key", "Old"]),
            ("a", vec!["a"]),
            ("", vec![]),
            ("éClé", vec!["é", "Clé"]),
        ] {
            assert_eq!(words(key).collect::<Vec<_>>(), expected, "{key}");
        }
    }

    #[test]
    fn secret_keys_are_known_by_their_words() {
        for key in [
            "password",
            "Password:",
            "db_password",
            "dbPassword",
            "password2",
            "PASSWD",
            "client_secret",
            "clientSecret",
            "secrets",
            "token",
            "access-token",
            "refreshToken",
            "X-Auth-Token",
            "api key",
            "apikey",
            "APIKEY",
            "api_key",
            "api-key",
            "apiKey",
            "APIKey",
            "ANTHROPIC_API_KEY",
            "credential",
            "credentials",
            "aws_credentials_file",
            "Authorization",
            "proxy-authorization",
            "cookie",
            "Set-Cookie",
            "private_key",
            "privateKeyPem",
            "ssh-private-key",
            "connection_string",
            "ConnectionString",
            "connectionstring",
            "APIkey",
            "DBpassword",
            "PRIVATEkey",
            "PassWord",
            "pass_word",
            "dbpassword",
            "clientsecret",
            "secretkey",
            "aws_secret_access_key",
            "refreshtoken",
            "access_tokens",
            "tokenValue",
            "setcookie",
            "privkey",
            "conn_str",
            "authorisation",
            "password\u{ff1a}",
            "\u{43c}\u{43e}\u{439}password",
        ] {
            assert!(Keys::default().is_secret(key), "{key}");
        }
    }

    #[test]
    fn near_misses_are_no_secret_keys() {
        for key in [
            "",
            "tokens",
            "input_tokens",
            "outputTokens",
            "token_count",
            "tokenBudget",
            "token_type",
            "tokenizer",
            "secretary",
            "secretariat_name",
            "passage",
            "api",
            "key",
            "key_api",
            "apiVersionKey",
            "primary_key",
            "public_key",
            "authorized",
            "author",
            "connection",
            "string",
            "cookiecutter",
            "credentialed",
            "tokens_read",
            "sort_keys",
        ] {
            assert!(!Keys::default().is_secret(key) && !is_secret(key), "{key}");
        }
    }

    #[test]
    fn a_key_of_the_program_is_known_by_its_words() {
        let mut keys = Keys::default();
        keys.add("ssn").unwrap();
        keys.add("birth_date").unwrap();
        for key in ["ssn", "SSN", "userSsn2", "date-ssn", "birthDate", "x_BIRTH_DATE", "password"] {
            assert!(keys.is_secret(key), "{key}");
        }
        for key in ["ssnx", "birth", "date", "dateBirth", "birth_of_date", "input_tokens"] {
            assert!(!keys.is_secret(key), "{key}");
        }
        assert_eq!(["", "12", "_-"].map(|key| keys.add(key)), [None; 3]);
    }
}
