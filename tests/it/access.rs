//! Access tokens: who may act, where, and until when.

use std::time::{Duration, SystemTime};

use serde_json::json;
use teable_attachments::domain::BaseScope;
use teable_attachments::token::access::AccessSecret;

use crate::support::{App, access_token, eventually, send, text};

#[actix_web::test]
async fn a_token_bound_to_bases_acts_in_them_alone() {
    let app = App::start().await;
    let scope = BaseScope::of(vec!["bseOne".into(), "bseTwo".into()]);
    let bound = access_token(app.registry.as_ref(), scope, None).await;
    let wish = |base: Option<&str>| {
        let mut wish = json!({"contentType": "", "contentLength": 1, "type": 1});
        if let Some(base) = base {
            wish["baseId"] = json!(base);
        }
        wish
    };
    for base in [None, Some("bseThree"), Some("")] {
        app.sign_as(&bound, &wish(base)).await.problem(403, "restricted_resource");
    }
    let own = app.sign_as(&bound, &wish(Some("bseTwo"))).await.json();
    let foreign = app.sign(&wish(Some("bseThree"))).await.json();
    let bearer = format!("Bearer {bound}");
    let as_bound = async |method: &str, path: &str| {
        send(method, &app.url(path), &[("authorization", &bearer)], "").await
    };
    for signed in [&own, &foreign] {
        assert_eq!(app.send("PUT", text(&signed["url"]), &[], "x").await.status, 201);
    }
    let (own, foreign) = (text(&own["token"]), text(&foreign["token"]));
    assert_eq!(as_bound("POST", &format!("/api/attachments/notify/{own}")).await.status, 201);
    assert_eq!(as_bound("GET", &format!("/api/attachments/{own}")).await.status, 302);
    let notify = format!("/api/attachments/notify/{foreign}");
    as_bound("POST", &notify).await.problem(403, "restricted_resource");
    assert_eq!(app.call("POST", &notify).await.status, 201);
    as_bound("POST", &notify).await.problem(403, "restricted_resource");
    as_bound("GET", &format!("/api/attachments/{foreign}")).await.problem(403, "restricted_resource");
}

#[actix_web::test]
async fn a_revoked_token_is_refused_within_five_seconds() {
    let app = App::start().await;
    let token = access_token(app.registry.as_ref(), BaseScope::All, None).await;
    let wish = json!({"contentType": "", "contentLength": 1, "type": 1});
    assert_eq!(app.sign_as(&token, &wish).await.status, 201);
    let id = AccessSecret::parse(&token).expect("a token").id().to_owned();
    assert!(app.registry.revoke_access_token(&id, SystemTime::now()).await.expect("revoked"));
    let begun = std::time::Instant::now();
    eventually("the token is refused", || async { app.sign_as(&token, &wish).await.status == 401 }).await;
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
}

#[actix_web::test]
async fn an_expired_token_is_refused_at_once() {
    let app = App::start().await;
    let token = access_token(app.registry.as_ref(), BaseScope::All, Some(Duration::from_secs(1))).await;
    let wish = json!({"contentType": "", "contentLength": 1, "type": 1});
    assert_eq!(app.sign_as(&token, &wish).await.status, 201);
    eventually("the token is refused", || async { app.sign_as(&token, &wish).await.status == 401 }).await;
}

#[actix_web::test]
async fn signing_goes_on_without_disk_and_database() {
    let app = App::start().await;
    let wish = json!({"contentType": "", "contentLength": 1, "type": 1});
    assert_eq!(app.sign(&wish).await.status, 201);
    app.registry.close().await;
    std::fs::remove_dir_all(app.folder.path().join("data")).expect("removed");
    assert_eq!(app.sign(&wish).await.status, 201, "the access token is remembered for a moment");
}

#[actix_web::test]
async fn only_the_digest_of_a_secret_is_kept() {
    let app = App::start().await;
    app.registry.close().await;
    let secret = app.bearer.as_bytes();
    for file in ["registry.sqlite", "registry.sqlite-wal"] {
        let bytes = std::fs::read(app.folder.path().join("data").join(file)).unwrap_or_default();
        assert!(!bytes.windows(32).any(|window| secret.windows(32).any(|part| part == window)), "{file}");
    }
}
