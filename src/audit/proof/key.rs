//! [`SecretKey`] and [`PublicKey`]: who signs, and by what others check it.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use crate::event::Hash;

mod file;

pub use file::{KeyError, KeyFile};

/// What the text of a secret key begins with; 64 lower-case hex digits follow.
const SECRET: &str = "agentbus-ed25519-secret:";

/// What the text of a public key begins with; 64 lower-case hex digits follow.
const PUBLIC: &str = "agentbus-ed25519-public:";

/// The text is no key of that kind. It never holds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseKeyError {
    /// It is no secret key.
    #[error("must be agentbus-ed25519-secret: and 64 lower-case hex digits")]
    Secret,
    /// It is no public key.
    #[error("must be agentbus-ed25519-public: and 64 lower-case hex digits")]
    Public,
    /// It is a secret key where a public one is wanted.
    #[error("it is a secret key: give the public one, agentbus-ed25519-public:")]
    SecretForPublic,
    /// The digits are no key that anybody could sign with alone.
    #[error("the digits are no public key of Ed25519")]
    NotAKey,
}

/// A key of Ed25519 to sign heads with. Wiped from memory when it is dropped, never shown.
pub struct SecretKey(SigningKey);

/// The key by which signatures are checked. Its text is `agentbus-ed25519-public:` and 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl SecretKey {
    /// A fresh one, made of the system's randomness.
    ///
    /// # Errors
    /// [`KeyError::Random`] if the system has none.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(|error| KeyError::Random(error.into()))?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// The key by which others check what this one signs.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Its text: `agentbus-ed25519-secret:` and 64 lower-case hex digits. Whoever has it can sign.
    pub fn reveal(&self) -> Zeroizing<String> {
        let seed = Zeroizing::new(self.0.to_bytes());
        let mut text = Zeroizing::new(String::with_capacity(SECRET.len() + 2 * seed.len()));
        text.push_str(SECRET);
        for byte in seed.iter() {
            for digit in [byte >> 4, byte & 0xF] {
                text.push(char::from_digit(u32::from(digit), 16).unwrap_or_default());
            }
        }
        text
    }

    /// A key for the tags of masks ([`RedactorBuilder::tag_key`](crate::redact::RedactorBuilder::tag_key)), derived from
    /// this one. Nobody who has it can sign.
    pub fn tag_key(&self) -> [u8; 32] {
        let seed = Zeroizing::new(self.0.to_bytes());
        blake3::derive_key("agentbus 2026 tags of masked secrets under a key", &*seed)
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").field("public", &self.public()).finish_non_exhaustive()
    }
}

impl FromStr for SecretKey {
    type Err = ParseKeyError;
    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        let digits = text.strip_prefix(SECRET).and_then(|digits| Hash::from_digits(digits.as_bytes()));
        let seed = Zeroizing::new(*digits.ok_or(ParseKeyError::Secret)?.as_bytes());
        Ok(Self(SigningKey::from_bytes(&seed)))
    }
}

impl PublicKey {
    /// The key of these bytes, which have to be those of a point that is of use.
    pub(super) fn from_bytes(bytes: &[u8; 32]) -> Result<Self, ParseKeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_no_point| ParseKeyError::NotAKey)?;
        // Of a weak one anybody can make signatures; others have a second form.
        let is_plain = !key.is_weak() && key.to_edwards().compress().as_bytes() == bytes;
        if is_plain { Ok(Self(key)) } else { Err(ParseKeyError::NotAKey) }
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Whether that is a signature of the message, in its only form.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC}{}", Hash::from_bytes(*self.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = ParseKeyError;
    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        if text.starts_with(SECRET) {
            return Err(ParseKeyError::SecretForPublic);
        }
        let digits = text.strip_prefix(PUBLIC).and_then(|digits| Hash::from_digits(digits.as_bytes()));
        Self::from_bytes(digits.ok_or(ParseKeyError::Public)?.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_what_it_wrote_and_nothing_else() {
        let key = SecretKey::generate().unwrap();
        let text = key.reveal();
        assert_eq!(text.parse::<SecretKey>().unwrap().public(), key.public());
        let public = key.public().to_string();
        assert_eq!(public.parse(), Ok(key.public()));
        assert_eq!(text.parse::<PublicKey>(), Err(ParseKeyError::SecretForPublic));
        assert_eq!(public.parse::<SecretKey>().unwrap_err(), ParseKeyError::Secret);
        for text in
            ["", "agentbus-ed25519-public:", &public.to_uppercase(), &format!("{public}0"), &public[..80]]
        {
            assert_eq!(text.parse::<PublicKey>(), Err(ParseKeyError::Public), "{text}");
        }
    }

    #[test]
    fn a_secret_key_is_never_shown() {
        let key = SecretKey::generate().unwrap();
        let digits = key.reveal().split_once(':').unwrap().1.to_owned();
        assert!(!format!("{key:?}").contains(&digits));
        let wrong = format!("{SECRET}{}x", &digits[..63]).parse::<SecretKey>().unwrap_err();
        assert!(!format!("{wrong} {wrong:?}").contains(&digits[..8]));
    }

    #[test]
    fn points_of_which_anybody_can_sign_are_no_keys() {
        // The neutral element, and a point of order 8.
        let weak = [
            "0100000000000000000000000000000000000000000000000000000000000000",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            // The neutral element in its other form, p + 1.
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            // No point.
            "0200000000000000000000000000000000000000000000000000000000000000",
        ];
        for digits in weak {
            assert_eq!(
                format!("{PUBLIC}{digits}").parse::<PublicKey>(),
                Err(ParseKeyError::NotAKey),
                "{digits}"
            );
        }
    }

    /// RFC 8032, section 7.1, test 2.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
        let key: SecretKey = format!("{SECRET}{seed}").parse().unwrap();
        let public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
        assert_eq!(key.public().to_string(), format!("{PUBLIC}{public}"));
        let signature = key.sign(&[0x72]);
        assert_eq!(signature[..4], [0x92, 0xa0, 0x09, 0xa9]);
        assert!(key.public().has_signed(&[0x72], &signature));
        for bit in 0..512 {
            let mut flipped = signature;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.public().has_signed(&[0x72], &flipped), "{bit}");
        }
    }
}
