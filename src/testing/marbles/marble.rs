//! [`Marble`]: how a value is written in marble text.

use std::fmt::{self, Write as _};

use crate::stream::rx::{Group, Heard};
use crate::stream::{Correlated, Delivery};

/// A value that marble text can show.
pub trait Marble {
    /// Appends the value: as it is if it is a letter or digit, else in brackets.
    fn write_marble(&self, text: &mut String);
}

/// Writes `value` in brackets, unless it is one letter or digit.
fn write_value(value: &str, text: &mut String) {
    let mut chars = value.chars();
    match (chars.next(), chars.next()) {
        (Some(only), None) if only.is_alphanumeric() => text.push(only),
        _ => write!(text, "[{value}]").expect("a String takes any text"),
    }
}

macro_rules! marble_by_display {
    ($($type:ty)*) => {$(
        impl Marble for $type {
            fn write_marble(&self, text: &mut String) {
                write_value(&self.to_string(), text);
            }
        }
    )*};
}

marble_by_display!(char str String bool u8 u16 u32 u64 usize i8 i16 i32 i64 isize);

impl<T: Marble + ?Sized> Marble for &T {
    fn write_marble(&self, text: &mut String) {
        (**self).write_marble(text);
    }
}

/// `[ab]`.
impl<T: Marble> Marble for Vec<T> {
    fn write_marble(&self, text: &mut String) {
        text.push('[');
        for item in self {
            item.write_marble(text);
        }
        text.push(']');
    }
}

/// `[ab]`.
impl<A: Marble, B: Marble> Marble for (A, B) {
    fn write_marble(&self, text: &mut String) {
        text.push('[');
        self.0.write_marble(text);
        self.1.write_marble(text);
        text.push(']');
    }
}

/// The item, or `[!what went wrong]`.
impl<T: Marble, E: fmt::Display> Marble for Result<T, E> {
    fn write_marble(&self, text: &mut String) {
        match self {
            Ok(item) => item.write_marble(text),
            Err(error) => write!(text, "[!{error}]").expect("a String takes any text"),
        }
    }
}

/// The item, or `[~3]` for three missed.
impl<T: Marble> Marble for Heard<T> {
    fn write_marble(&self, text: &mut String) {
        match self {
            Self::Item(item) => item.write_marble(text),
            Self::Missed(missed) => write!(text, "[~{missed}]").expect("a String takes any text"),
        }
    }
}

/// `[a:]`, the key.
impl<K: fmt::Display, T> Marble for Group<K, T> {
    fn write_marble(&self, text: &mut String) {
        write!(text, "[{}:]", self.key()).expect("a String takes any text");
    }
}

/// The event, or `[~3]` for three missed.
impl<T: Marble> Marble for Delivery<T> {
    fn write_marble(&self, text: &mut String) {
        match self {
            Self::Event(event) => event.write_marble(text),
            Self::Lagged(lag) => write!(text, "[~{}]", lag.missed).expect("a String takes any text"),
        }
    }
}

/// `[ab]` for a pair, `[a?]` for an opening alone, `[?b]` for a closing alone.
impl<T: Marble> Marble for Correlated<T> {
    fn write_marble(&self, text: &mut String) {
        text.push('[');
        match self {
            Self::Pair { opening, closing } => {
                opening.write_marble(text);
                closing.write_marble(text);
            }
            Self::Unanswered(opening) => {
                opening.write_marble(text);
                text.push('?');
            }
            Self::Orphan(closing) => {
                text.push('?');
                closing.write_marble(text);
            }
        }
        text.push(']');
    }
}
