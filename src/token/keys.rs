//! The keys that sign and verify tokens.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use base64::{alphabet, engine::DecodePaddingMode};
use jsonwebtoken::{DecodingKey, EncodingKey};

use crate::domain::Sha256;

/// RFC 7518, section 3.2: an HS256 key is at least as long as the hash.
const KEY_MIN: usize = 32;

/// The keys: the first signs, all verify.
#[derive(Clone)]
pub struct Keyring {
    first: Key,
    others: Vec<Key>,
}

/// One key.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) encoding: EncodingKey,
    pub(super) decoding: DecodingKey,
}

/// The text holds no usable keys.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeys {
    /// There is none.
    #[error("no signing key is given; `openssl rand -base64 32` makes one")]
    None,
    /// One is not base64.
    #[error("signing key {0} is not base64; `openssl rand -base64 32` makes one")]
    NotBase64(usize),
    /// One could be guessed.
    #[error("signing key {0} is shorter than 32 bytes; `openssl rand -base64 32` makes one")]
    TooShort(usize),
}

impl Keyring {
    /// The keys in `text`: each in base64, separated by commas or white space.
    pub fn parse(text: &str) -> Result<Self, InvalidKeys> {
        let keys = text
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|key| !key.is_empty())
            .enumerate()
            .map(|(index, key)| {
                let secret = decode(key).ok_or(InvalidKeys::NotBase64(index + 1))?;
                if secret.len() < KEY_MIN {
                    return Err(InvalidKeys::TooShort(index + 1));
                }
                Ok(Key::new(&secret))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut keys = keys.into_iter();
        Ok(Self { first: keys.next().ok_or(InvalidKeys::None)?, others: keys.collect() })
    }

    /// A new random key, as [`Keyring::parse`] reads it.
    pub fn generate() -> Result<String, getrandom::Error> {
        let mut secret = [0; KEY_MIN];
        getrandom::fill(&mut secret)?;
        Ok(URL_SAFE_NO_PAD.encode(secret))
    }

    pub(super) fn signing(&self) -> &Key {
        &self.first
    }

    pub(super) fn find(&self, id: &str) -> Option<&Key> {
        std::iter::once(&self.first).chain(&self.others).find(|key| key.id == id)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} keys)", self.others.len() + 1)
    }
}

impl Key {
    fn new(secret: &[u8]) -> Self {
        // The id is public. A hash of a random key says nothing of the key.
        let id = Sha256::of(secret).to_string()[..16].to_owned();
        Self { id, encoding: EncodingKey::from_secret(secret), decoding: DecodingKey::from_secret(secret) }
    }
}

/// Base64 of either alphabet, with or without padding: `openssl`, Python and Node each write another.
fn decode(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [alphabet::STANDARD, alphabet::URL_SAFE]
        .iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, config).decode(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_generated_can_be_read() {
        let key = Keyring::generate().expect("randomness");
        assert!(Keyring::parse(&format!("{key}\n")).is_ok());
    }

    #[test]
    fn weak_or_broken_keys_are_refused() {
        assert_eq!(Keyring::parse(" , ").err(), Some(InvalidKeys::None));
        assert_eq!(Keyring::parse("change-me!").err(), Some(InvalidKeys::NotBase64(1)));
        let good = Keyring::generate().expect("randomness");
        assert_eq!(Keyring::parse(&format!("{good},c2hvcnQ=")).err(), Some(InvalidKeys::TooShort(2)));
    }
}
