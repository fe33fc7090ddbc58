use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

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
        "auth",
        "_auth",
        "proxyAuth",
        "basic_auth",
        "basicauth",
        "github-oauth",
        "authHeader",
        "auth_header",
        "AUTH_HEADERS",
        "xauthheader",
        "auth-key",
        "pass",
        "PASS",
        "pass2",
        "db_pass",
        "smtpPass",
        "dbpass",
        "pass_code",
        "creds",
        "dbCreds",
        "tokens",
        "Tokens",
        "csrf_tokens",
        "xsrfTokens",
        "bearer_tokens",
        "api.key",
        "db.api.key",
        "db-connection-str",
        "connectionStr",
        "connectionstr",
        "connection_str_2",
        "conn-str",
        "dsn",
        "SENTRY_DSN",
    ] {
        assert!(Keys::default().is_secret(key), "{key}");
        assert!(!Keys::default().is_surely_clean(format!("\"{key}").as_bytes()), "{key}");
    }
}

#[test]
fn secret_keys_are_known_run_together_and_with_a_value_or_a_version_behind_them() {
    for key in [
        "proxyauthorization",
        "authorizationheader",
        "usercredentials",
        "apicreds",
        "newpwd",
        "authTokenV2",
        "user_token_v2",
        "tokenval",
        "token_val",
        "cookievalue",
        "clientsecretvalue",
    ] {
        assert!(Keys::default().is_secret(key), "{key}");
        assert!(!Keys::default().is_surely_clean(format!("\"{key}").as_bytes()), "{key}");
    }
}

#[test]
fn near_misses_are_no_secret_keys() {
    for key in [
        "",
        "input_tokens",
        "outputTokens",
        "all_tokens",
        "max-tokens",
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
        "authors",
        "authored_by",
        "authority",
        "authenticated",
        "auth_method",
        "authType",
        "auth_header_name",
        "unauth",
        "passed",
        "passes",
        "bypass",
        "compass",
        "pass_count",
        "passRate",
        "token_id",
        "api_token_id",
        "connection_strategy",
        "connectionStream",
        "connection_structure",
        "dsn_count",
        "credit",
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

proptest! {
    /// What is told at a glance is told of any key that is made of the words, their letters and their beginnings.
    #[test]
    fn no_key_that_is_secret_is_told_to_be_clean(parts in vec((any::<Index>(), 0_usize..12, select(&MARKS_BETWEEN)), 1..4)) {
        let lists = [SECRET, SECRET_ALONE, SECRET_AT_THE_END, SECRET_LETTERS, SECRET_LAST_LETTERS];
        let all: Vec<_> = lists.concat().into_iter().chain(SECRET_PAIRS.iter().flat_map(|(a, b)| [*a, *b])).collect();
        let part = |(index, cut, between): &(Index, usize, &str)| {
            let word = index.get(&all);
            let (start, end) = word.split_at(word.len().min(*cut));
            [start, between, end].concat()
        };
        let key: String = parts.iter().map(part).collect();
        let quoted = format!("\"{key}");
        let keys = Keys::default();
        let is_one = is_secret(&key) || is_secret_alone(&key);
        prop_assert!(!(is_one && keys.is_surely_clean(quoted.as_bytes())), "{key}");
        prop_assert_eq!(is_one, keys.is_secret(&key), "{}", key);
    }
}

const MARKS_BETWEEN: [&str; 6] = ["", "_", "-", "2", "S", "\u{e9}"];

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
