//! The text form of a filter, read.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::event::{Severity, Text};

use super::error::FilterError;
use super::term::{Term, Test};
use super::types::Pattern;

/// The longest text of a filter, in bytes.
pub const MAX_FILTER_BYTES: usize = 8 * 1024;

/// How many values the terms of a text may have together; a type is a value.
pub const MAX_FILTER_VALUES: usize = 256;

/// What stands before an operator.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Plan,
    Root,
    Session,
    Actor,
    Project,
    User,
    Correlation,
    Category,
    Level,
    Under,
}

impl Key {
    const ALL: [(&'static str, Self); 10] = [
        ("plan", Self::Plan),
        ("root", Self::Root),
        ("session", Self::Session),
        ("actor", Self::Actor),
        ("project", Self::Project),
        ("user", Self::User),
        ("correlation", Self::Correlation),
        ("category", Self::Category),
        ("level", Self::Level),
        ("under", Self::Under),
    ];

    /// All keys, for an error.
    pub(super) fn list() -> String {
        Self::ALL.map(|(name, _)| name).join(", ")
    }

    fn named(word: &str) -> Option<(&'static str, Self)> {
        Self::ALL.into_iter().find(|(name, _)| *name == word)
    }

    fn operators(self) -> &'static str {
        if self == Self::Level { "=, >=, <=, > or <" } else { "=" }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    AtLeast,
    AtMost,
    Above,
    Below,
}

impl Operator {
    /// The levels that a comparison with `level` leaves.
    fn levels(self, level: Severity) -> Vec<Severity> {
        let holds = |other: &Severity| match self {
            Self::Equal => *other == level,
            Self::AtLeast => *other >= level,
            Self::AtMost => *other <= level,
            Self::Above => *other > level,
            Self::Below => *other < level,
        };
        Severity::ALL.iter().copied().filter(holds).collect()
    }
}

/// A value and where it stands.
type Value<'a> = (usize, Cow<'a, str>);

/// Reads the terms of a filter.
pub(super) fn parse(text: &str) -> Result<Vec<Term>, FilterError> {
    if text.len() > MAX_FILTER_BYTES {
        return Err(FilterError::TooLong { actual: text.len() });
    }
    let mut parser = Parser { text, at: 0, values: 0 };
    let mut terms = Vec::new();
    loop {
        parser.take_while(is_space);
        if parser.rest().is_empty() {
            return Ok(terms);
        }
        terms.push(parser.term()?);
    }
}

fn is_space(c: char) -> bool {
    c.is_ascii_whitespace()
}

struct Parser<'a> {
    text: &'a str,
    /// How far it was read, in bytes.
    at: usize,
    /// How many values were read.
    values: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take_while(&mut self, take: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !take(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn eat(&mut self, expected: char) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.at += expected.len_utf8();
        }
        found
    }

    fn term(&mut self) -> Result<Term, FilterError> {
        let excluded = self.eat('-');
        let start = self.at;
        let word = self.take_while(|c| !is_space(c) && !matches!(c, '=' | '<' | '>' | ',' | '"'));
        let test = if self.rest().starts_with(['=', '<', '>']) {
            self.keyed(word, start)?
        } else if let Some((key, known)) = Key::named(word) {
            return Err(FilterError::BadOperator { at: self.at, key, expected: known.operators() });
        } else if excluded && word.is_empty() && !self.rest().starts_with([',', '"']) {
            return Err(FilterError::EmptyTerm { at: start });
        } else {
            self.at = start;
            self.types()?
        };
        Ok(Term { test, excluded })
    }

    fn types(&mut self) -> Result<Test, FilterError> {
        let mut patterns = Vec::new();
        loop {
            let at = self.at;
            self.count(at)?;
            match self.take_while(|c| !is_space(c) && c != ',') {
                "" => return Err(FilterError::EmptyValue { at }),
                glob => patterns.push(Pattern::new(glob, at)?),
            }
            if !self.eat(',') {
                return Ok(Test::Types(patterns));
            }
        }
    }

    fn keyed(&mut self, word: &str, start: usize) -> Result<Test, FilterError> {
        let unknown = || FilterError::UnknownKey { at: start, key: Text::from(word) };
        let (name, key) = Key::named(word).ok_or_else(unknown)?;
        let at = self.at;
        let operator = self.operator();
        if operator != Operator::Equal && key != Key::Level {
            return Err(FilterError::BadOperator { at, key: name, expected: key.operators() });
        }
        let values = self.values()?;
        Ok(match key {
            Key::Plan => Test::Plan(read(&values)?),
            Key::Root => Test::Root(read(&values)?),
            Key::Session => Test::Session(read(&values)?),
            Key::Actor => Test::Actor(read(&values)?),
            Key::Project => Test::Project(read(&values)?),
            Key::User => Test::User(read(&values)?),
            Key::Correlation => Test::Correlation(read(&values)?),
            Key::Category => Test::Category(read(&values)?),
            Key::Level => Test::Level(levels(operator, &values)?),
            Key::Under => Test::Under(read(&values)?),
        })
    }

    fn operator(&mut self) -> Operator {
        if self.eat('>') {
            return if self.eat('=') { Operator::AtLeast } else { Operator::Above };
        }
        if self.eat('<') {
            return if self.eat('=') { Operator::AtMost } else { Operator::Below };
        }
        self.eat('=');
        Operator::Equal
    }

    fn values(&mut self) -> Result<Vec<Value<'a>>, FilterError> {
        let mut values = Vec::new();
        loop {
            let at = self.at;
            self.count(at)?;
            let value = if self.eat('"') { self.quoted(at)? } else { self.bare()? };
            if value.is_empty() {
                return Err(FilterError::EmptyValue { at });
            }
            values.push((at, value));
            if !self.eat(',') {
                return Ok(values);
            }
        }
    }

    fn bare(&mut self) -> Result<Cow<'a, str>, FilterError> {
        let value = self.take_while(|c| !is_space(c) && c != ',' && c != '"');
        if self.rest().starts_with('"') {
            let expected = "a quote must enclose the whole value".into();
            return Err(FilterError::BadValue { at: self.at, expected });
        }
        Ok(Cow::Borrowed(value))
    }

    /// The rest of a value whose opening quote stands at `open`.
    fn quoted(&mut self, open: usize) -> Result<Cow<'a, str>, FilterError> {
        let mut value = String::new();
        loop {
            value.push_str(self.take_while(|c| c != '"' && c != '\\'));
            if self.eat('"') {
                break;
            }
            let escape = self.at;
            if !self.eat('\\') {
                return Err(FilterError::UnclosedQuote { at: open });
            }
            let escaped = ['"', '\\'].into_iter().find(|c| self.eat(*c));
            match escaped {
                Some(c) => value.push(c),
                None if self.rest().is_empty() => return Err(FilterError::UnclosedQuote { at: open }),
                None => {
                    let expected = "in quotes a backslash must stand before \" or \\".into();
                    return Err(FilterError::BadValue { at: escape, expected });
                }
            }
        }
        if self.rest().starts_with(|c| !is_space(c) && c != ',') {
            let expected = "a quoted value must be followed by a space or a comma".into();
            return Err(FilterError::BadValue { at: self.at, expected });
        }
        Ok(Cow::Owned(value))
    }

    /// Counts a value that stands at `at`.
    fn count(&mut self, at: usize) -> Result<(), FilterError> {
        self.values += 1;
        if self.values > MAX_FILTER_VALUES { Err(FilterError::TooManyValues { at }) } else { Ok(()) }
    }
}

fn read<T: FromStr<Err: fmt::Display>>(values: &[Value<'_>]) -> Result<Vec<T>, FilterError> {
    let read_one = |(at, value): &Value<'_>| {
        value
            .parse()
            .map_err(|error: T::Err| FilterError::BadValue { at: *at, expected: error.to_string().into() })
    };
    values.iter().map(read_one).collect()
}

fn levels(operator: Operator, values: &[Value<'_>]) -> Result<Vec<Severity>, FilterError> {
    let levels: Vec<Severity> = read(values)?;
    if operator == Operator::Equal {
        return Ok(levels);
    }
    let fault = |at: usize, expected: &'static str| FilterError::BadValue { at, expected: expected.into() };
    match (levels.as_slice(), values) {
        ([level], [(at, _)]) => {
            let levels = operator.levels(*level);
            let none = || fault(*at, "there must be a level on that side of it: info < warn < error");
            if levels.is_empty() { Err(none()) } else { Ok(levels) }
        }
        (_, [_, (at, _), ..]) => Err(fault(*at, "a comparison must have one level")),
        _ => Err(fault(0, "a comparison must have one level")),
    }
}
