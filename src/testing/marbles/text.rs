//! Marble text, read and written.

use std::fmt;

/// What happens, and in which frame, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Timeline {
    pub(super) moments: Vec<(u32, Moment)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// A value, as marble text shows it.
    Value(String),
    End,
}

/// What is wrong with a marble text, and where: the number of characters before it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) position: usize,
    pub(super) reason: &'static str,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at position {}", self.reason, self.position)
    }
}

impl Timeline {
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        Parser::new(text).parse()
    }

    /// The frame of the last moment.
    pub(super) fn last_frame(&self) -> u32 {
        self.moments.last().map_or(0, |(frame, _)| *frame)
    }
}

/// The shortest text that says it: without spaces, and without frames behind the last moment.
impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut next_frame = 0;
        for together in self.moments.chunk_by(|(frame, _), (next, _)| frame == next) {
            let frame = together.first().map_or(0, |(frame, _)| *frame);
            (next_frame..frame).try_for_each(|_| f.write_str("-"))?;
            next_frame = frame + 1;
            let in_group = together.len() > 1;
            f.write_str(if in_group { "(" } else { "" })?;
            for (_, moment) in together {
                match moment {
                    Moment::Value(value) => f.write_str(value)?,
                    Moment::End => f.write_str("|")?,
                }
            }
            f.write_str(if in_group { ")" } else { "" })?;
        }
        Ok(())
    }
}

/// The characters of a text, with their positions.
type Chars<'t> = std::iter::Enumerate<std::str::Chars<'t>>;

struct Parser<'t> {
    chars: Chars<'t>,
    timeline: Timeline,
    frame: u32,
    ended: bool,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Self {
        Self { chars: text.chars().enumerate(), timeline: Timeline::default(), frame: 0, ended: false }
    }

    fn parse(mut self) -> Result<Timeline, Fault> {
        while let Some((position, char)) = self.chars.next() {
            match char {
                char if char.is_whitespace() => continue,
                '-' => {}
                '(' => self.take_group(position)?,
                char => self.take_moment(char, position)?,
            }
            self.frame += 1;
        }
        Ok(self.timeline)
    }

    fn take_group(&mut self, opened: usize) -> Result<(), Fault> {
        let before = self.timeline.moments.len();
        while let Some((position, char)) = self.chars.next() {
            match char {
                char if char.is_whitespace() => {}
                '-' => {
                    return Err(Fault {
                        position,
                        reason: "a group takes one frame, but there is a `-` in it",
                    });
                }
                '(' => return Err(Fault { position, reason: "a group within a group" }),
                ')' if self.timeline.moments.len() == before => {
                    return Err(Fault { position: opened, reason: "a group of nothing" });
                }
                ')' => return Ok(()),
                char => self.take_moment(char, position)?,
            }
        }
        Err(Fault { position: opened, reason: "a `(` that is never closed" })
    }

    fn take_moment(&mut self, char: char, position: usize) -> Result<(), Fault> {
        if self.ended {
            return Err(Fault { position, reason: "something behind the end" });
        }
        let moment = match char {
            '|' => Moment::End,
            '[' => Moment::Value(self.take_brackets(position)?),
            char if char.is_alphanumeric() => Moment::Value(char.to_string()),
            ')' => return Err(Fault { position, reason: "a `)` without a `(`" }),
            _ => return Err(Fault { position, reason: "neither a letter nor a digit, nor in brackets" }),
        };
        self.ended = moment == Moment::End;
        self.timeline.moments.push((self.frame, moment));
        Ok(())
    }

    fn take_brackets(&mut self, opened: usize) -> Result<String, Fault> {
        let mut value = String::from("[");
        let mut depth = 1_usize;
        for (_, char) in self.chars.by_ref() {
            value.push(char);
            match char {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Ok(value);
            }
        }
        Err(Fault { position: opened, reason: "a `[` that is never closed" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_and_written_the_same() {
        for text in ["", "|", "a|", "--a-(bc)-|", "(a|)", "-[ab]([][[c]d]|)", "--1-\u{e9}", "[a b]-[~3]"] {
            assert_eq!(Timeline::parse(text).map(|timeline| timeline.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn spaces_and_frames_behind_the_last_moment_say_nothing() {
        for (text, same) in
            [(" a  - b ", "a-b"), ("a-----", "a"), ("( a b )", "(ab)"), ("(a)-", "a"), ("---", "")]
        {
            assert_eq!(Timeline::parse(text).map(|timeline| timeline.to_string()), Ok(same.to_owned()));
        }
    }

    #[test]
    fn a_fault_is_told_with_its_position() {
        let cases = [
            ("a#b", 1, "neither"),
            ("a|-b", 3, "behind the end"),
            ("||", 1, "behind the end"),
            ("(|a)", 2, "behind the end"),
            ("-(ab", 1, "never closed"),
            ("-(a[b)", 3, "never closed"),
            ("--[[a]", 2, "never closed"),
            ("a)", 1, "without"),
            ("(a(b))", 2, "within"),
            ("(a-b)", 2, "one frame"),
            ("-()", 1, "nothing"),
            ("a]", 1, "neither"),
            ("a\0", 1, "neither"),
        ];
        for (text, position, reason) in cases {
            let fault = Timeline::parse(text).unwrap_err();
            assert_eq!(fault.position, position, "{text:?}: {fault}");
            assert!(fault.reason.contains(reason), "{text:?}: {fault}");
        }
    }
}
