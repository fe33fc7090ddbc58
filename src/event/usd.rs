//! Exact numbers of the domain: [`Usd`] and [`Fraction`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const MICROS: u64 = 1_000_000;
const PLACES: usize = 6;

/// An amount of US dollars, kept in whole micro-dollars.
///
/// On the wire a decimal in a string, with at most six places (`"0.25"`); it never passes through a float.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(i64);

/// Why a text is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseUsdError {
    /// It is not a decimal like `12.5`.
    #[error("must be a decimal such as 12.5")]
    NotDecimal,
    /// It has more than six places.
    #[error("must have at most {PLACES} decimal places")]
    TooPrecise,
    /// It does not fit: the largest amount is about nine trillion dollars.
    #[error("is too large an amount")]
    TooLarge,
}

impl Usd {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// The largest amount.
    pub const MAX: Self = Self(i64::MAX);

    /// The amount of so many micro-dollars.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Whole micro-dollars.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The sum, or `None` if it does not fit.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The difference, or `None` if it does not fit.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }

    /// The sum, or the nearest amount that fits.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, micros) = (self.0.unsigned_abs() / MICROS, self.0.unsigned_abs() % MICROS);
        let sign = if self.0 < 0 { "-" } else { "" };
        if micros == 0 {
            return f.pad(&format!("{sign}{whole}"));
        }
        let places = format!("{micros:06}");
        f.pad(&format!("{sign}{whole}.{}", places.trim_end_matches('0')))
    }
}

impl fmt::Debug for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} USD")
    }
}

impl FromStr for Usd {
    type Err = ParseUsdError;

    fn from_str(text: &str) -> Result<Self, ParseUsdError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, places) = digits.split_once('.').unwrap_or((digits, "0"));
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(whole) || !all_digits(places) {
            return Err(ParseUsdError::NotDecimal);
        }
        if places.len() > PLACES {
            return Err(ParseUsdError::TooPrecise);
        }
        let parse = |part: &str| part.parse::<i128>().map_err(|_overflow| ParseUsdError::TooLarge);
        let micros = parse(whole)?
            .checked_mul(i128::from(MICROS))
            .and_then(|whole| whole.checked_add(parse(&format!("{places:0<PLACES$}")).ok()?))
            .ok_or(ParseUsdError::TooLarge)?;
        let signed = if negative { -micros } else { micros };
        i64::try_from(signed).map(Self).map_err(|_overflow| ParseUsdError::TooLarge)
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Amount;
        impl de::Visitor<'_> for Amount {
            type Value = Usd;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal in a string, such as \"12.5\", or whole dollars")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Usd, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, dollars: i64) -> Result<Usd, E> {
                dollars.to_string().parse().map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, dollars: u64) -> Result<Usd, E> {
                dollars.to_string().parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Amount)
    }
}

/// A part of one, kept in millionths: a threshold, a confidence. Between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fraction(u32);

/// The number is not between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("must be between 0 and 1, is {actual}")]
pub struct FractionError {
    /// The number.
    pub actual: f64,
}

impl Fraction {
    /// The fraction of so many millionths; more than a million count as one.
    pub const fn from_millionths(millionths: u32) -> Self {
        Self(if millionths > 1_000_000 { 1_000_000 } else { millionths })
    }

    /// Whole millionths.
    pub const fn as_millionths(self) -> u32 {
        self.0
    }

    /// The part of `amount`, rounded towards zero to whole micro-dollars.
    pub fn of(self, amount: Usd) -> Usd {
        let micros = i128::from(amount.0) * i128::from(self.0) / i128::from(MICROS);
        // A part of an amount is no larger than the amount, so it always fits.
        Usd(i64::try_from(micros).unwrap_or(amount.0))
    }
}

impl TryFrom<f64> for Fraction {
    type Error = FractionError;
    fn try_from(number: f64) -> Result<Self, FractionError> {
        if !(0.0..=1.0).contains(&number) {
            return Err(FractionError { actual: number });
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and a million"
        )]
        let millionths = (number * 1e6).round() as u32;
        Ok(Self(millionths))
    }
}

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Usd(i64::from(self.0)), f)
    }
}

impl Serialize for Fraction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 1e6)
    }
}

impl<'de> Deserialize<'de> for Fraction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(f64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_in_text() {
        for (text, micros) in
            [("0", 0), ("0.000001", 1), ("12.5", 12_500_000), ("-3.25", -3_250_000), ("7", 7_000_000)]
        {
            assert_eq!(text.parse(), Ok(Usd::from_micros(micros)), "{text}");
            assert_eq!(Usd::from_micros(micros).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "-", ".", "1.", ".5", "1e3", "NaN", "inf", "+1", " 1", "--1", "1.-5"] {
            assert_eq!(text.parse::<Usd>(), Err(ParseUsdError::NotDecimal), "{text:?}");
        }
        assert_eq!("0.0000001".parse::<Usd>(), Err(ParseUsdError::TooPrecise));
        assert_eq!("9223372036855".parse::<Usd>(), Err(ParseUsdError::TooLarge));
        assert_eq!("9".repeat(60).parse::<Usd>(), Err(ParseUsdError::TooLarge));
    }

    #[test]
    fn a_float_is_no_amount_on_the_wire() {
        assert!(serde_json::from_str::<Usd>("0.1").is_err());
        assert_eq!(serde_json::from_str::<Usd>("3").unwrap(), Usd::from_micros(3_000_000));
        assert_eq!(serde_json::to_string(&Usd::from_micros(100_000)).unwrap(), r#""0.1""#);
    }

    #[test]
    fn a_fraction_lies_between_0_and_1() {
        assert_eq!(Fraction::try_from(0.8).unwrap().of(Usd::from_micros(10)), Usd::from_micros(8));
        for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(Fraction::try_from(bad).is_err());
        }
        assert_eq!(serde_json::to_string(&Fraction::from_millionths(800_000)).unwrap(), "0.8");
    }
}
