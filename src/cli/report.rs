//! What is told on stderr: that something went wrong, how a run ended, where its result is. Without secrets, whatever
//! an error may say.

use std::io::Write as _;

use agentbus::Redactor;

use super::escape::Escaped;

/// Says that something is wrong.
pub(crate) fn complain(what: &str) {
    line("agentbus: ", what);
}

/// Says how things stand.
pub(crate) fn say(what: &str) {
    line("", what);
}

fn line(prefix: &str, what: &str) {
    let what = Redactor::new().redact_text(what).into_owned();
    // There is nobody left to tell that stderr is gone.
    drop(writeln!(std::io::stderr().lock(), "{prefix}{}", Escaped(&what)));
}

/// An error with all its causes, on one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
