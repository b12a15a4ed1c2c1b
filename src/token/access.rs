//! The secrets of access tokens: `tat_{id}_{random}`, both in hexadecimal. The id is public and finds the token; the whole is hashed and
//! compared in constant time.

use std::fmt;

use subtle::ConstantTimeEq;

use crate::domain::Sha256;

/// What a secret begins with, so that a leaked one is recognised for what it is.
pub const PREFIX: &str = "tat_";

/// Bytes of the public id.
const ID: usize = 6;
/// Random bytes of the secret part.
const RANDOM: usize = 32;

/// The secret of an access token, well-formed but not known to be valid.
#[derive(Clone)]
pub struct AccessSecret {
    id: String,
    digest: Sha256,
}

impl AccessSecret {
    /// Makes a secret. The text is shown once and not kept.
    pub fn generate() -> Result<(String, Self), getrandom::Error> {
        let (mut id, mut random) = ([0; ID], [0; RANDOM]);
        getrandom::fill(&mut id)?;
        getrandom::fill(&mut random)?;
        let text = format!("{PREFIX}{}_{}", encode(&id), encode(&random));
        let secret = Self { id: encode(&id), digest: Sha256::of(text.as_bytes()) };
        Ok((text, secret))
    }

    /// The secret that `text` is, if it has the form of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, random) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_hex = |text: &str, bytes: usize| {
            text.len() == 2 * bytes && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        (is_hex(id, ID) && is_hex(random, RANDOM))
            .then(|| Self { id: id.to_owned(), digest: Sha256::of(text.as_bytes()) })
    }

    /// The public id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The SHA-256 of the whole secret.
    #[must_use]
    pub fn digest(&self) -> Sha256 {
        self.digest
    }

    /// Whether this is the secret with that digest. Takes the same time whatever the answer.
    #[must_use]
    pub fn matches(&self, digest: &Sha256) -> bool {
        self.digest.as_bytes().ct_eq(digest.as_bytes()).into()
    }
}

impl fmt::Debug for AccessSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}_…", self.id)
    }
}

fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_secret_is_parsed_and_matches_itself_alone() {
        let (text, made) = AccessSecret::generate().expect("randomness");
        let parsed = AccessSecret::parse(&text).expect("a secret");
        assert_eq!(parsed.id(), made.id());
        assert!(parsed.matches(&made.digest()));
        let (rest, last) = text.split_at(text.len() - 1);
        let other = format!("{rest}{}", if last == "0" { "1" } else { "0" });
        let other = AccessSecret::parse(&other).expect("a secret");
        assert_eq!(other.id(), made.id());
        assert!(!other.matches(&made.digest()));
        for other in [format!("{text}x"), text[1..].to_owned(), text.to_uppercase(), "tat_x_y".to_owned()] {
            assert!(AccessSecret::parse(&other).is_none(), "{other}");
        }
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    }

    #[test]
    fn debug_output_does_not_hold_the_secret() {
        let (text, made) = AccessSecret::generate().expect("randomness");
        assert!(!format!("{made:?}").contains(&text[20..]));
    }
}
