//! Keys under which secrets stand.

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

/// Whether a text under `key` is a secret.
pub(super) fn is_secret(key: &str) -> bool {
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
    is_one_of(previous, SECRET_AT_THE_END)
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

/// Whether it is a hash of 32 bytes, as events carry them.
pub(super) fn is_hash(text: &str) -> bool {
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
        ] {
            assert!(is_secret(key), "{key}");
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
        ] {
            assert!(!is_secret(key), "{key}");
        }
    }
}
