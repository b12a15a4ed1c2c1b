//! Tokens: what nobody signed is refused, and what was signed with our key is believed only as far as it says what we say.
//!
//! The input is tried as it stands; and it is signed, its first line as the header and the rest as the claims.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use teable_attachments::domain::Sha256;
use teable_attachments::token::Keyring;
use teable_attachments::token::access::{AccessSecret, PREFIX};

const SECRET: [u8; 32] = [7; 32];

static KEYS: LazyLock<Keyring> =
    LazyLock::new(|| Keyring::parse(&STANDARD.encode(SECRET)).expect("a key of 32 bytes"));

/// Runs the target on one input.
///
/// # Panics
/// If a property does not hold.
pub fn run(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        assert!(KEYS.verify_upload(text).is_err() && KEYS.verify_read(text).is_err(), "{text:?}");
        access(text);
        // The settings' own text.
        let _ = Keyring::parse(text);
    }
    let at = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (header, claims) = (&input[..at], input.get(at + 1..).unwrap_or_default());
    let token = signed(header, claims);
    let (upload, read) = (KEYS.verify_upload(&token), KEYS.verify_read(&token));
    assert!(upload.is_err() || read.is_err(), "for two purposes: {token}");
    if let Ok(grant) = upload {
        judge_header(header);
        let again = KEYS.sign_upload(&grant).expect("a token");
        let back = KEYS.verify_upload(&again).expect("it is authentic");
        assert_eq!(format!("{back:?}"), format!("{grant:?}"));
        assert!(KEYS.verify_upload(&flipped(&again, input)).is_err());
    }
    if let Ok(grant) = read {
        judge_header(header);
        let again = KEYS.sign_read(&grant).expect("a token");
        let back = KEYS.verify_read(&again).expect("it is authentic");
        assert_eq!(format!("{back:?}"), format!("{grant:?}"));
        assert!(KEYS.verify_read(&flipped(&again, input)).is_err());
    }
}

fn access(text: &str) {
    let Some(secret) = AccessSecret::parse(text) else { return };
    assert!(text.starts_with(&format!("{PREFIX}{}_", secret.id())));
    assert!(secret.matches(&Sha256::of(text.as_bytes())));
    assert!(!secret.matches(&Sha256::of(format!("{text}0").as_bytes())));
    assert_eq!(format!("{secret:?}"), format!("{PREFIX}{}_…", secret.id()));
}

fn signed(header: &[u8], claims: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let mac = Hmac::<sha2::Sha256>::new_from_slice(&SECRET).expect("a key of any length");
    let signature = mac.chain_update(&message).finalize().into_bytes();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Whatever else an accepted header says, it names our algorithm and our key.
fn judge_header(header: &[u8]) {
    let header: serde_json::Value = serde_json::from_slice(header).expect("JSON");
    assert_eq!(header["alg"], "HS256");
    assert_eq!(header["kid"], Sha256::of(&SECRET).to_string()[..16]);
}

/// `token` with another bit, which the input chooses.
fn flipped(token: &str, input: &[u8]) -> String {
    let number = input.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()));
    let mut bytes = token.as_bytes().to_vec();
    let at = number % bytes.len();
    bytes[at] ^= 1 << (number / bytes.len() % 7);
    String::from_utf8(bytes).expect("ASCII")
}
