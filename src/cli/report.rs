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

/// An error with all its causes, on one line. One that says again what the one before said is left out.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut before = error.to_string();
    let mut text = before.clone();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !said.ends_with(&before) {
            text = format!("{text}: {said}");
        }
        (before, cause) = (said, error.source());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Told(&'static str, #[source] Option<Box<Told>>);

    #[test]
    fn a_cause_that_says_the_same_again_is_told_once() {
        let code = Told("Error code 1544: it is read-only", None);
        let error = Told("cannot use it", Some(Box::new(Told("it is read-only", Some(Box::new(code))))));
        assert_eq!(with_causes(&error), "cannot use it: it is read-only");
    }
}
