use super::*;

fn keyring(keys: &str) -> Keyring {
    Keyring::parse(keys).expect("keys")
}

const ONE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const TWO: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

fn upload_grant() -> UploadGrant {
    UploadGrant {
        key: ObjectKey { upload_type: UploadType::Table, name: ObjectName::fresh() },
        media_type: MediaType::parse("image/png").expect("a media type"),
        size: 123,
        sha256: Some(Sha256::of(b"abc")),
        label: Some("xxxxxxxx".into()),
        base: None,
        issued_to: "id".into(),
        expires_at: time(1_800_000_000),
    }
}

fn read_grant() -> ReadGrant {
    ReadGrant { key: upload_grant().key, expires_at: time(1_800_000_000) }
}

#[test]
fn a_grant_comes_back_as_it_was_signed() {
    let keys = keyring(ONE);
    let grant = upload_grant();
    let token = keys.sign_upload(&grant).expect("a token");
    assert_eq!(format!("{:?}", keys.verify_upload(&token).expect("a grant")), format!("{grant:?}"));
}

#[test]
fn neither_token_passes_for_the_other() {
    let keys = keyring(ONE);
    let upload = keys.sign_upload(&upload_grant()).expect("a token");
    let read = keys.sign_read(&read_grant()).expect("a token");
    assert!(keys.verify_read(&upload).is_err());
    assert!(keys.verify_upload(&read).is_err());
    // The audience alone is enough to refuse it: these claims are of the right form.
    assert!(keys.verify::<UploadClaims>(&upload, UPLOAD).is_ok());
    assert!(keys.verify::<UploadClaims>(&upload, READ).is_err());
    assert!(keys.verify::<ReadClaims>(&read, UPLOAD).is_err());
}

#[test]
fn an_old_key_verifies_while_it_is_kept() {
    let token = keyring(ONE).sign_read(&read_grant()).expect("a token");
    assert!(keyring(&format!("{TWO},{ONE}")).verify_read(&token).is_ok());
    assert!(keyring(TWO).verify_read(&token).is_err());
}

#[test]
fn a_changed_token_is_refused() {
    let keys = keyring(ONE);
    let token = keys.sign_read(&read_grant()).expect("a token");
    for at in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at] ^= 1;
        if let Ok(changed) = String::from_utf8(bytes) {
            assert!(keys.verify_read(&changed).is_err(), "bit flipped at {at}");
        }
    }
}

#[test]
fn another_algorithm_is_refused() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let keys = keyring(ONE);
    let token = keys.sign_read(&read_grant()).expect("a token");
    let (_, rest) = token.split_once('.').expect("a JWT");
    let (claims, signature) = rest.split_once('.').expect("a JWT");
    let kid = &keys.signing().id;
    for alg in ["none", "HS384", "RS256"] {
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{alg}","kid":"{kid}"}}"#));
        assert!(keys.verify_read(&format!("{header}.{claims}.{signature}")).is_err(), "{alg}");
        assert!(keys.verify_read(&format!("{header}.{claims}.")).is_err(), "{alg}");
    }
}

/// RFC 7515, appendix A.1: the key and the signature of the first published example.
#[test]
fn hs256_agrees_with_the_published_example() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    hs256::install();
    let key = URL_SAFE_NO_PAD
        .decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
        .expect("base64");
    let message = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let encoding = jsonwebtoken::EncodingKey::from_secret(&key);
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &encoding, Algorithm::HS256).expect("a signature");
    assert_eq!(signature, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}
