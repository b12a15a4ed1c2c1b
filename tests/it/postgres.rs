//! The whole application over PostgreSQL, and what it does without it for a while.

use std::time::{Duration, Instant};

use serde_json::json;
use teable_attachments::domain::BaseScope;
use tempfile::TempDir;

use crate::support::postgres::{Cluster, database};
use crate::support::process::{Process, run};
use crate::support::{App, access_token, eventually, png, send, text};

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

async fn start(url: &str) -> App {
    App::start_with(&["--database-url", url, "--signing-keys", KEY]).await
}

#[actix_web::test]
async fn the_flow_goes_over_postgresql_and_a_restart() {
    let app = start(&database()).await;
    let image = png(30, 20);
    let stored = app.store("image/png", 1, &image).await;
    assert_eq!((&stored["width"], &stored["height"]), (&json!(30), &json!(20)));
    let unfinished = app.upload("text/plain", 1, b"text").await;
    assert!(!app.folder.path().join("data/registry.sqlite").exists());

    let app = app.restart().await;
    let notified = app.notify(&unfinished, "").await;
    assert_eq!(notified.status, 201, "{notified:?}");
    for (token, bytes) in [(text(&stored["token"]), &image[..]), (&unfinished, b"text")] {
        let again = app.notify(token, "?filename=again.txt").await.json();
        let address = text(&again["presignedUrl"]);
        let path = &address[address.find("/api").expect("a path")..];
        assert!(app.get(path, &[]).await.body == bytes, "the bytes are equal");
    }
    assert_eq!(app.get("/readyz", &[]).await.status, 200);
}

#[actix_web::test]
async fn a_database_that_is_gone_is_a_503_until_it_is_back() {
    let cluster = Cluster::start();
    survives(&cluster, Cluster::crash, Cluster::begin).await;
}

#[actix_web::test]
async fn a_database_that_stalls_is_a_503_until_it_goes_on() {
    let cluster = Cluster::start();
    survives(&cluster, Cluster::stall, Cluster::resume).await;
}

async fn survives(cluster: &Cluster, take_away: fn(&Cluster), bring_back: fn(&Cluster)) {
    let app = start(&cluster.database()).await;
    let token = app.upload("text/plain", 1, b"text").await;
    let wish = json!({"contentType": "", "contentLength": 1, "type": 1});
    let unasked = access_token(app.registry.as_ref(), BaseScope::All, None).await;
    let remembered = access_token(app.registry.as_ref(), BaseScope::All, None).await;
    assert_eq!(app.sign_as(&remembered, &wish).await.status, 201);
    take_away(cluster);
    assert_eq!(app.sign_as(&remembered, &wish).await.status, 201, "signing goes on");

    // More than there are connections, one after another and at once.
    for _ in 0..2 {
        let at_once = (0..15).map(|_| async {
            let begun = Instant::now();
            let answer = app.notify(&token, "").await;
            answer.problem(503, "service_unavailable");
            assert_eq!(answer.header("retry-after"), "5");
            assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        });
        futures_util::future::join_all(at_once).await;
    }
    app.sign_as(&unasked, &wish).await.problem(503, "service_unavailable");
    let begun = Instant::now();
    let readyz = app.get("/readyz", &[]).await;
    assert!(begun.elapsed() < Duration::from_millis(2500), "{:?}", begun.elapsed());
    assert_eq!((readyz.status.as_u16(), &readyz.body[..]), (503, &b"storage ok\nregistry failed\n"[..]));
    assert_eq!(app.get("/healthz", &[]).await.status, 200);

    bring_back(cluster);
    eventually("the registry is back", || async { app.get("/readyz", &[]).await.status == 200 }).await;
    let notified = app.notify(&token, "").await;
    assert_eq!(notified.status, 201, "{notified:?}");
    assert_eq!(app.sign_as(&unasked, &wish).await.status, 201);
}

/// Leaving ends in time even then.
#[actix_web::test]
async fn a_database_that_stalls_does_not_hold_up_the_end() {
    let cluster = Cluster::start();
    let app = start(&cluster.database()).await;
    app.store("text/plain", 1, b"text").await;
    cluster.stall();
    let begun = Instant::now();
    app.registry.close().await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[actix_web::test]
async fn tokens_are_made_in_the_database_and_never_by_a_start() {
    let url = database();
    let folder = TempDir::new().expect("a folder");
    let service = Process::start(folder.path(), &["--database-url", &url, "--signing-keys", KEY]);
    assert!(!service.welcome.contains("tat_"), "{}", service.welcome);
    assert!(service.welcome.contains("`teable-attachments token create --name NAME` makes one"));

    // Another folder: the commands need none.
    let elsewhere = TempDir::new().expect("a folder");
    let token = |arguments: &[&str]| {
        let output = run(elsewhere.path(), &[&["token"], arguments, &["--database-url", &url]].concat());
        assert!(output.status.success(), "{output:?}");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (text(output.stdout), text(output.stderr))
    };
    let (secret, said) = token(&["create", "--name", "for CI"]);
    let place = url.split('@').nth(1).expect("a place");
    assert!(said.contains(&format!("for the service on {place}.")), "{said}");
    assert!(token(&["list"]).0.contains("for CI"));
    assert_eq!(std::fs::read_dir(elsewhere.path()).expect("a folder").count(), 0);

    let bearer = format!("Bearer {}", secret.trim());
    let sign = async || {
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let wish = json!({"contentType": "", "contentLength": 1, "type": 1}).to_string();
        send("POST", &format!("{}/api/attachments/signature", service.origin), &headers, wish).await.status
    };
    assert_eq!(sign().await, 201);
    token(&["revoke", secret.split('_').nth(1).expect("an id")]);
    eventually("the token is refused", || async { sign().await == 401 }).await;
    service.terminate();
}

#[test]
fn a_password_is_not_told() {
    let folder = TempDir::new().expect("a folder");
    for (url, sentence) in [
        ("mysql://me:hunter2@127.0.0.1/files", "error: invalid value for '--database-url <URL>': must be"),
        ("postgres://me:hunter2@127.0.0.1:1/files", "error: cannot use the database 127.0.0.1:1/files: "),
    ] {
        let output = run(folder.path(), &["token", "list", "--database-url", url]);
        let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
        assert!(!output.status.success() && said.starts_with(sentence), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let help = crate::support::process::binary()
        .arg("--help")
        .env("DATABASE_URL", "postgres://me:hunter2@127.0.0.1/files")
        .output()
        .expect("it runs");
    let help = String::from_utf8(help.stdout).expect("text");
    assert!(help.contains("DATABASE_URL") && !help.contains("hunter2"), "{help}");
}
