//! Tokens that are forged, changed, out of time or meant for something else.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use hmac::{Hmac, Mac};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use teable_attachments::domain::{BaseScope, Sha256};
use teable_attachments::token::Keyring;

use super::print;
use crate::support::{App, access_token, eventually, text};

const KEY: [u8; 32] = [0x5a; 32];
const OTHER: [u8; 32] = [0xa5; 32];

fn kid(key: &[u8]) -> String {
    Sha256::of(key).to_string()[..16].to_owned()
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs()
}

fn signature(message: &str, key: &[u8]) -> String {
    let mac = Hmac::<sha2::Sha256>::new_from_slice(key).expect("a key");
    URL_SAFE_NO_PAD.encode(mac.chain_update(message).finalize().into_bytes())
}

fn forge(header: &Value, claims: &Value, key: &[u8]) -> String {
    forge_text(&header.to_string(), &claims.to_string(), key)
}

fn forge_text(header: &str, claims: &str, key: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = signature(&message, key);
    format!("{message}.{signature}")
}

/// A service whose key we know, with a private file, and the tokens to it.
struct Target {
    app: App,
    path: String,
    upload: String,
    read: String,
}

impl Target {
    async fn start() -> Self {
        let app = App::start_with(&["--signing-keys", &STANDARD.encode(KEY)]).await;
        let stored = app.store("text/plain", 1, b"the secret text").await;
        let read = text(&stored["presignedUrl"]).split_once("token=").expect("a token").1.to_owned();
        Self { path: text(&stored["url"]).to_owned(), upload: text(&stored["token"]).to_owned(), read, app }
    }

    fn claims(token: &str) -> Value {
        let claims = token.split('.').nth(1).expect("claims");
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64")).expect("JSON")
    }

    /// Fails if `token` opens anything: to read, to upload, to notify or to open.
    async fn refuses(&self, token: &str) {
        let encoded = utf8_percent_encode(token, NON_ALPHANUMERIC).to_string();
        let read = self.app.get(&format!("{}?token={encoded}", self.path), &[]).await;
        assert_eq!(read.status, 403, "{token}: {read:?}");
        let upload = format!("/api/attachments/upload/{encoded}");
        let upload = self.app.send("PUT", &upload, &[], "the secret text").await;
        assert!([403, 404].contains(&upload.status.as_u16()), "{token}: {upload:?}");
        let notify = self.app.notify(&encoded, "").await;
        assert!([403, 404].contains(&notify.status.as_u16()), "{token}: {notify:?}");
        let open = self.app.call("GET", &format!("/api/attachments/{encoded}")).await;
        assert_eq!(open.status, 404, "{token}: {open:?}");
    }
}

#[actix_web::test]
async fn no_other_algorithm_and_no_other_key_signs() {
    let target = Target::start().await;
    let mut refused = 0;
    for genuine in [&target.upload, &target.read] {
        let claims = Target::claims(genuine);
        let mut tokens = Vec::new();
        for alg in [
            "none", "None", "NONE", "nOnE", "", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256",
            "ES384", "PS256", "EdDSA", "hs256", "HS256 ", "dir", "A128KW",
        ] {
            let header = json!({"typ": "JWT", "alg": alg, "kid": kid(&KEY)});
            let signed = forge(&header, &claims, &KEY);
            let unsigned = signed.rsplit_once('.').expect("a signature").0.to_owned();
            tokens.extend([signed, format!("{unsigned}."), unsigned]);
        }
        // Our own algorithm, and a key that is anybody's.
        let empty: &[u8] = b"";
        for key in [empty, &OTHER, kid(&KEY).as_bytes(), STANDARD.encode(KEY).as_bytes(), b"secret", &[0; 32]]
        {
            for id in [
                kid(&KEY),
                kid(&OTHER),
                kid(key),
                String::new(),
                "../../../../dev/null".to_owned(),
                "' OR 1=1 --".to_owned(),
            ] {
                tokens.push(forge(&json!({"typ": "JWT", "alg": "HS256", "kid": id}), &claims, key));
            }
            // A key that the token brings along (RFC 7515, sections 4.1.2 to 4.1.6).
            let own = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(key)});
            for (name, value) in [
                ("jwk", own),
                ("jku", json!("https://evil.example/keys")),
                ("x5u", json!("https://evil.example/key.pem")),
                ("x5c", json!([STANDARD.encode(key)])),
            ] {
                let mut header = json!({"typ": "JWT", "alg": "HS256", "kid": kid(&KEY)});
                header[name] = value;
                tokens.push(forge(&header, &claims, key));
            }
        }
        // The right key, and a header that does not say so.
        for header in [
            json!({"alg": "HS256"}).to_string(),
            json!({"kid": kid(&KEY)}).to_string(),
            json!({"alg": ["HS256"], "kid": kid(&KEY)}).to_string(),
            json!({"alg": "HS256", "kid": [kid(&KEY)]}).to_string(),
            json!({"alg": "HS256", "kid": kid(&OTHER)}).to_string(),
            format!(r#"{{"alg":"none","alg":"HS256","kid":"{}"}}"#, kid(&KEY)),
            "[]".to_owned(),
            "null".to_owned(),
            String::new(),
        ] {
            tokens.push(forge_text(&header, &claims.to_string(), &KEY));
        }
        for token in &tokens {
            target.refuses(token).await;
        }
        refused += tokens.len();
    }
    print("tokens of another algorithm or key", refused, "refused in 4 places");
}

#[actix_web::test]
async fn a_token_serves_its_one_purpose() {
    let target = Target::start().await;
    let header = json!({"typ": "JWT", "alg": "HS256", "kid": kid(&KEY)});
    let mut refused = 0;
    for (genuine, other) in [(&target.upload, "read"), (&target.read, "upload")] {
        // Under the signature of the purpose that it had.
        let mut parts: Vec<String> = genuine.split('.').map(str::to_owned).collect();
        let mut claims = Target::claims(genuine);
        claims["aud"] = json!(other);
        parts[1] = URL_SAFE_NO_PAD.encode(claims.to_string());
        target.refuses(&parts.join(".")).await;
        refused += 1;
        for audience in [
            json!(["upload", "read"]),
            json!([]),
            json!(""),
            json!(null),
            json!(1),
            json!("UPLOAD"),
            json!("read "),
            json!(["read"]),
            json!({"upload": true}),
        ] {
            let mut claims = Target::claims(genuine);
            claims["aud"] = audience;
            target.refuses(&forge(&header, &claims, &KEY)).await;
            refused += 1;
        }
        let mut claims = Target::claims(genuine);
        claims.as_object_mut().expect("claims").remove("aud");
        target.refuses(&forge(&header, &claims, &KEY)).await;
        refused += 1;
    }
    // And each as it is, where the other belongs.
    let bearer = &target.app.bearer;
    for (place, tokens) in [("read", [&target.upload, bearer]), ("upload", [&target.read, bearer])] {
        for token in tokens {
            let answer = match place {
                "read" => target.app.get(&format!("{}?token={token}", target.path), &[]).await,
                _ => {
                    target
                        .app
                        .send("PUT", &format!("/api/attachments/upload/{token}"), &[], "the secret text")
                        .await
                }
            };
            answer.problem(403, "restricted_resource");
            refused += 1;
        }
    }
    for token in [&target.upload, &target.read] {
        let wish = json!({"contentType": "", "contentLength": 1, "type": 1});
        target.app.sign_as(token, &wish).await.problem(401, "unauthorized");
        refused += 1;
    }
    print("tokens for another purpose", refused, "refused");
}

#[actix_web::test]
async fn a_token_that_is_out_of_time_is_refused() {
    let target = Target::start().await;
    let header = json!({"typ": "JWT", "alg": "HS256", "kid": kid(&KEY)});
    let now = seconds(SystemTime::now());
    let mut refused = 0;
    for end in [
        json!(0),
        json!(1),
        json!(now - 1),
        json!(now - 86_400),
        json!(-1),
        json!(1.5e300),
        json!("99999999999"),
        json!(null),
        json!([now + 60]),
        json!(u64::MAX),
        json!(i64::MAX),
        json!(now.saturating_mul(1_000_000_000_000)),
    ] {
        for (genuine, place) in [(&target.read, "read"), (&target.upload, "upload")] {
            let mut claims = Target::claims(genuine);
            claims["exp"] = end.clone();
            let token = forge(&header, &claims, &KEY);
            let answer = match place {
                "read" => target.app.get(&format!("{}?token={token}", target.path), &[]).await,
                _ => {
                    target
                        .app
                        .send("PUT", &format!("/api/attachments/upload/{token}"), &[], "the secret text")
                        .await
                }
            };
            // A time that no clock of ours shows may be refused as any kind of nonsense, or be far away; it never fails.
            let far = end.as_u64().is_some_and(|end| end > now + 60);
            assert!(answer.status == 403 || (far && answer.status.is_success()), "{end}: {answer:?}");
            refused += usize::from(answer.status == 403);
        }
    }
    assert!(refused >= 18, "{refused}");
    // A longer life, under the signature of the shorter one.
    for genuine in [&target.read, &target.upload] {
        let mut parts: Vec<String> = genuine.split('.').map(str::to_owned).collect();
        let mut claims = Target::claims(genuine);
        claims["exp"] = json!(now + 10_000_000);
        parts[1] = URL_SAFE_NO_PAD.encode(claims.to_string());
        target.refuses(&parts.join(".")).await;
        refused += 1;
    }
    print("tokens out of time", refused, "refused");
}

#[actix_web::test]
async fn a_token_is_whole_or_nothing() {
    let target = Target::start().await;
    let keys = Keyring::parse(&STANDARD.encode(KEY)).expect("keys");
    let verifies = |token: &str| keys.verify_upload(token).is_ok() || keys.verify_read(token).is_ok();
    let mut refused = 0;
    for genuine in [&target.upload, &target.read] {
        assert!(verifies(genuine));
        // Every bit of every letter, where it is verified; and every letter once, where it is asked.
        for at in 0..genuine.len() {
            for bit in 0..7 {
                let mut bytes = genuine.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let changed = String::from_utf8(bytes).expect("ASCII");
                assert!(!verifies(&changed), "bit {bit} of letter {at}");
                refused += 1;
                if at % 7 == bit {
                    let encoded = utf8_percent_encode(&changed, NON_ALPHANUMERIC);
                    let answer = if genuine == &target.read {
                        target.app.get(&format!("{}?token={encoded}", target.path), &[]).await
                    } else {
                        target
                            .app
                            .send(
                                "PUT",
                                &format!("/api/attachments/upload/{encoded}"),
                                &[],
                                "the secret text",
                            )
                            .await
                    };
                    assert_eq!(answer.status, 403, "bit {bit} of letter {at}: {answer:?}");
                }
            }
        }
        for end in 0..genuine.len() {
            assert!(!verifies(&genuine[..end]) && !verifies(&genuine[end + 1..]), "cut at {end}");
            refused += 2;
        }
        for around in [
            format!("{genuine}."),
            format!("{genuine}=").clone(),
            format!("{genuine}\0"),
            format!(" {genuine}"),
            format!("{genuine} "),
            format!("{genuine}.{genuine}"),
            format!(".{genuine}"),
            genuine.replace('.', ".."),
            genuine.to_uppercase(),
            genuine.replace('.', "%2e%2e"),
            format!("Bearer {genuine}"),
            format!("{genuine}\r\n"),
            genuine.repeat(20),
        ] {
            assert!(!verifies(&around), "{around:?}");
            target.refuses(&around).await;
            refused += 1;
        }
    }
    // The halves of two tokens.
    let (upload, read): (Vec<&str>, Vec<&str>) =
        (target.upload.split('.').collect(), target.read.split('.').collect());
    for mixed in [[upload[0], read[1], upload[2]], [read[0], upload[1], read[2]]] {
        target.refuses(&mixed.join(".")).await;
        refused += 1;
    }
    print("tokens truncated, changed or pieced together", refused, "refused");
}

/// What was done once with a token is not undone or changed by doing it again.
#[actix_web::test]
async fn a_token_that_is_used_again_changes_nothing() {
    let target = Target::start().await;
    let url = format!("/api/attachments/upload/{}", target.upload);
    let read = format!("{}?token={}", target.path, target.read);
    for (body, status) in [("the secret text", 201), ("another  text!!", 409), ("the secret text", 201)] {
        for method in ["PUT", "POST"] {
            assert_eq!(target.app.send(method, &url, &[], body).await.status, status, "{body}");
            assert_eq!(target.app.get(&read, &[]).await.body, "the secret text");
        }
    }
    // Another file's claims under a token of ours are that file's, and no others.
    let other = target.app.store("text/plain", 1, b"another").await;
    let place = text(&other["url"]);
    target.app.get(&format!("{place}?token={}", target.read), &[]).await.problem(403, "restricted_resource");
    // Who may act in one base alone cannot use the token that somebody else's client let go of.
    let scope = teable_attachments::domain::BaseScope::of(vec!["bseOther".into()]);
    let bound = access_token(target.app.registry.as_ref(), scope, Some(Duration::from_hours(1))).await;
    let bearer = format!("Bearer {bound}");
    for (method, path) in [("POST", format!("notify/{}", target.upload)), ("GET", target.upload.clone())] {
        let path = format!("/api/attachments/{path}");
        let answer = target.app.send(method, &path, &[("authorization", &bearer)], "").await;
        answer.problem(403, "restricted_resource");
    }
    print("tokens used again", 9, "without effect");
}

#[actix_web::test]
async fn an_access_token_is_its_one_text() {
    let app = App::start().await;
    let wish = json!({"contentType": "", "contentLength": 1, "type": 1});
    let genuine = app.bearer.clone();
    let id = genuine.split('_').nth(1).expect("an id").to_owned();
    let mut wrong: Vec<String> = (0..genuine.len()).map(|end| genuine[..end].to_owned()).collect();
    for at in 0..genuine.len() {
        let mut bytes = genuine.clone().into_bytes();
        bytes[at] ^= 1;
        wrong.push(String::from_utf8(bytes).expect("ASCII"));
    }
    wrong.extend([
        genuine.to_uppercase(),
        format!("{genuine}0"),
        format!("tat_{id}_"),
        format!("tat_{id}_{}", "0".repeat(64)),
        format!("tat_{}_{}", "' OR '1'='1", "0".repeat(64)),
        format!("tat_%_{}", "0".repeat(64)),
        format!("tat_{id}' --_{}", "0".repeat(64)),
        format!("tat_{}_{}", "a".repeat(4000), "0".repeat(4000)),
        format!("{genuine},{genuine}"),
        format!("{genuine} {genuine}"),
        STANDARD.encode(&genuine),
    ]);
    for token in &wrong {
        app.sign_as(token, &wish).await.problem(401, "unauthorized");
    }
    // Of two headers neither counts: a proxy may have judged the other.
    let (one, two) = (format!("Bearer {genuine}"), format!("Bearer {}", wrong[5]));
    for pair in [[&one, &two], [&two, &one], [&one, &one]] {
        let headers: Vec<(&str, &str)> = pair.iter().map(|value| ("authorization", value.as_str())).collect();
        app.send("POST", "/api/attachments/signature", &headers, wish.to_string())
            .await
            .problem(401, "unauthorized");
    }
    // Nor does it count anywhere else than in its header.
    for (path, headers) in [
        (format!("/api/attachments/signature?access_token={genuine}"), vec![]),
        ("/api/attachments/signature".to_owned(), vec![("cookie", format!("token={genuine}"))]),
        ("/api/attachments/signature".to_owned(), vec![("x-authorization", one.clone())]),
        ("/api/attachments/signature".to_owned(), vec![("proxy-authorization", one.clone())]),
    ] {
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        app.send("POST", &path, &headers, wish.to_string()).await.problem(401, "unauthorized");
    }
    assert_eq!(app.sign(&wish).await.status, 201);
    print("access tokens", wrong.len() + 7, "refused");
}

/// A secret of the right form that nobody was given.
fn made_up(number: usize) -> String {
    format!("tat_{number:012x}_{}", "0".repeat(64))
}

/// Number of look-ups of access tokens in the registry.
async fn look_ups(app: &App) -> u64 {
    let series = "attachments_registry_call_duration_seconds_count{operation=\"access_token\"} ";
    let address = app.metrics.as_ref().expect("metrics are wanted").address;
    let page = app.get(&format!("http://{address}/metrics"), &[]).await.body;
    let page = String::from_utf8(page.to_vec()).expect("text");
    let count = page.lines().find_map(|line| line.strip_prefix(series)).expect("a series");
    count.parse().expect("a number")
}

#[actix_web::test]
async fn made_up_tokens_of_an_exhausted_address_are_not_looked_up() {
    let arguments = ["--rate-limit-per-address", "5/h", "--metrics-address", "127.0.0.1:0"];
    let app = App::start_with(&arguments).await;
    let wish = json!({"contentType": "", "contentLength": 1, "type": 1});
    assert_eq!(app.sign(&wish).await.status, 201);
    assert_eq!(look_ups(&app).await, 1);
    let mut told = [0; 2];
    for number in 0..300 {
        match app.sign_as(&made_up(number), &wish).await.status.as_u16() {
            401 => told[0] += 1,
            429 => told[1] += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!((told, look_ups(&app).await), ([5, 295], 6));
    print("requests with made-up access tokens", 300, "cost 5 look-ups");

    // A token that is known goes on working from there, and is looked up again.
    assert_eq!(app.sign(&wish).await.status, 201);
    eventually("the known token is looked up again", || async {
        assert_eq!(app.sign(&wish).await.status, 201);
        look_ups(&app).await == 7
    })
    .await;
    let id = app.bearer.split('_').nth(1).expect("an id");
    let refused = app.sign_as(&format!("tat_{id}_{}", "0".repeat(64)), &wish).await;
    refused.problem(429, "too_many_requests");
    let unseen = access_token(app.registry.as_ref(), BaseScope::All, None).await;
    let refused = app.sign_as(&unseen, &wish).await;
    refused.problem(429, "too_many_requests");
    assert!(!refused.header("retry-after").is_empty());
    assert_eq!(look_ups(&app).await, 7);

    // A registry that is away makes no known token an unknown one.
    app.registry.close().await;
    eventually("the registry is asked", || async {
        let status = app.sign(&wish).await.status;
        assert!(status == 201 || status == 503, "{status}");
        status == 503
    })
    .await;
    assert_eq!(app.sign(&wish).await.status, 503);
}

#[actix_web::test]
async fn many_requests_with_one_token_look_it_up_once() {
    let app = App::start_with(&["--metrics-address", "127.0.0.1:0"]).await;
    let wish = json!({"contentType": "", "contentLength": 1, "type": 1});
    let at_once = || join_all((0..50).map(|_| app.sign(&wish)));
    assert!(at_once().await.iter().all(|answer| answer.status == 201));
    assert_eq!(look_ups(&app).await, 1);
    eventually("it is looked up again", || async {
        assert!(at_once().await.iter().all(|answer| answer.status == 201));
        look_ups(&app).await > 1
    })
    .await;
    assert_eq!(look_ups(&app).await, 2);
}
