//! The audit log: who did what, without a secret, and what becomes of it when its file is moved or cannot be written.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::process::{Process, binary};
use crate::support::{App, access_token, eventually, hex_sha256, text};
use teable_attachments::domain::BaseScope;

fn records(path: &Path) -> Vec<Value> {
    let lines = fs::read_to_string(path).expect("an audit log");
    lines.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

async fn flushed(app: &App, path: &Path) -> Vec<Value> {
    app.audit.as_ref().expect("an audit log is wanted").flush().await;
    records(path)
}

async fn start(path: &Path) -> App {
    App::start_with(&["--audit-log", &path.display().to_string(), "--metrics-address", "127.0.0.1:0"]).await
}

#[actix_web::test]
async fn who_did_what_is_written_and_no_secret_is() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("audit.jsonl");
    let app = start(&path).await;
    let bytes = b"hello";
    let wish = json!({
        "contentType": "text/plain", "contentLength": 5, "type": 7, "baseId": "bseOne", "hash": hex_sha256(bytes)
    });
    let signed = app.sign(&wish).await;
    let request = signed.header("x-request-id").to_owned();
    let signed = signed.json();
    let token = text(&signed["token"]);
    app.send("PUT", text(&signed["url"]), &[], bytes.to_vec()).await;
    let stored = app.notify(token, "?filename=a.txt").await.json();
    assert_eq!(app.call("GET", &format!("/api/attachments/{token}")).await.status, 302);
    app.get(text(&stored["presignedUrl"]), &[]).await;

    // Refused: by the contract, by the token's bases, by an unknown upload token.
    app.sign(&json!({"contentType": "", "contentLength": -1, "type": 1}))
        .await
        .problem(400, "validation_error");
    let bound = access_token(app.registry.as_ref(), BaseScope::Only(vec!["bseTwo".into()]), None).await;
    app.sign_as(&bound, &wish).await.problem(403, "restricted_resource");
    app.notify("unknown", "").await.problem(403, "restricted_resource");
    let id = app.bearer.split('_').nth(1).expect("an id").to_owned();
    // Nobody is known who asked these: an id stands in every upload token, and its secret alone is its holder's.
    app.sign_as(&format!("tat_{id}_{}", "0".repeat(64)), &wish).await.problem(401, "unauthorized");
    app.sign_as(&format!("tat_000000000000_{}", "0".repeat(64)), &wish).await.problem(401, "unauthorized");
    app.send("POST", "/api/attachments/signature", &[], "").await.problem(401, "unauthorized");

    let records = flushed(&app, &path).await;
    let short: Vec<_> = records
        .iter()
        .map(|record| {
            let of = |name: &str| record[name].as_str().unwrap_or("-").to_owned();
            [of("action"), of("outcome"), of("code"), of("base")].join(" ")
        })
        .collect();
    assert_eq!(
        short,
        [
            "getSignature allowed - bseOne",
            "notifyUpload allowed - bseOne",
            "openAttachment allowed - bseOne",
            "getSignature refused validation_error -",
            "getSignature refused restricted_resource bseOne",
            "notifyUpload refused restricted_resource -",
        ]
    );
    let first = &records[0];
    assert_eq!(first["request"], request.as_str());
    assert_eq!(first["actor"], json!({"accessToken": id}));
    for record in &records[..3] {
        assert_eq!(record["path"], stored["path"], "{record}");
        assert_eq!(
            (&record["size"], &record["type"], &record["mediaType"]),
            (&json!(5), &json!(7), &json!("text/plain"))
        );
    }
    assert_eq!(records[4]["actor"]["accessToken"], bound.split('_').nth(1).expect("an id"));

    let written = fs::read_to_string(&path).expect("an audit log");
    let read_token = text(&stored["presignedUrl"]).rsplit_once("token=").expect("a token").1.to_owned();
    for secret in [app.bearer.as_str(), &bound, token, &read_token, &"0".repeat(64)] {
        let tail = &secret[secret.len() - 20..];
        assert!(!written.contains(tail), "{secret} stands in {written}");
    }
    assert_eq!(path.metadata().expect("a file").permissions().mode() & 0o777 & !0o027, 0o640);
    assert_eq!(path.metadata().expect("a file").permissions().mode() & 0o007, 0);
}

#[actix_web::test]
async fn a_file_that_was_moved_is_made_anew_and_one_that_was_emptied_goes_on() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("audit.jsonl");
    let app = start(&path).await;
    let wish = json!({"contentType": "", "contentLength": 1, "type": 1});
    app.sign(&wish).await;
    assert_eq!(flushed(&app, &path).await.len(), 1);

    let moved = folder.path().join("audit.jsonl.1");
    fs::rename(&path, &moved).expect("it is moved");
    app.sign(&wish).await;
    assert_eq!(flushed(&app, &path).await.len(), 1);
    assert_eq!(records(&moved).len(), 1);

    fs::File::options().write(true).truncate(true).open(&path).expect("it is emptied");
    app.sign(&wish).await;
    assert_eq!(flushed(&app, &path).await.len(), 1);
}

#[actix_web::test]
async fn a_full_disk_costs_records_that_are_counted_and_no_request() {
    let app = start(Path::new("/dev/full")).await;
    let wish = json!({"contentType": "", "contentLength": 1, "type": 1});
    assert_eq!(app.sign(&wish).await.status, 201);
    assert_eq!(app.sign(&wish).await.status, 201);
    let address = app.metrics.as_ref().expect("metrics").address;
    eventually("they are counted", async || {
        let page = app.get(&format!("http://{address}/metrics"), &[]).await.body;
        String::from_utf8_lossy(&page).contains("attachments_audit_records_total{result=\"lost\"} 2\n")
    })
    .await;
}

#[test]
fn commands_write_who_ran_them() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("audit.jsonl");
    let run = |arguments: &[&str]| {
        let mut command = binary();
        command.current_dir(folder.path()).env("AUDIT_LOG", &path).args(arguments).output().expect("it runs")
    };
    let made = run(&["token", "create", "--name", "one"]);
    let secret = String::from_utf8(made.stdout).expect("text");
    let id = secret.split('_').nth(1).expect("an id").to_owned();
    assert!(run(&["token", "revoke", &id]).status.success());
    assert!(!run(&["token", "revoke", &id]).status.success(), "it is revoked already");

    let uid = rustix::process::getuid().as_raw();
    let mut records = records(&path);
    for record in &mut records {
        assert!(record.as_object_mut().expect("an object").remove("time").is_some());
    }
    let of =
        |action| json!({"action": action, "outcome": "allowed", "actor": {"uid": uid}, "accessToken": id});
    assert_eq!(records, [of("createAccessToken"), of("revokeAccessToken")]);
    assert!(!fs::read_to_string(&path).expect("a log").contains(secret.trim()));

    // What cannot be written is not done.
    let mut command = binary();
    command
        .current_dir(folder.path())
        .env("AUDIT_LOG", "/dev/full")
        .args(["token", "create", "--name", "two"]);
    let refused = command.output().expect("it runs");
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{refused:?}");
    let list = run(&["token", "list"]);
    assert!(!String::from_utf8_lossy(&list.stdout).contains("two"), "{list:?}");
}

#[test]
fn the_last_record_is_written_before_the_service_stops() {
    let folder = TempDir::new().expect("a folder");
    let service = Process::start(folder.path(), &["--audit-log", "audit.jsonl"]);
    let bearer = format!("authorization: Bearer {}", service.token());
    let url = format!("{}/api/attachments/signature", service.origin);
    let body = r#"{"contentType":"","contentLength":1,"type":1}"#;
    let answer = std::process::Command::new("curl")
        .args(["-sS", &url, "-H", &bearer, "-H", "content-type: application/json", "-d", body])
        .output()
        .expect("curl runs");
    assert!(answer.status.success(), "{answer:?}");
    service.terminate();
    let actions: Vec<_> = records(&folder.path().join("audit.jsonl"))
        .iter()
        .map(|record| text(&record["action"]).to_owned())
        .collect();
    assert_eq!(actions, ["createAccessToken", "getSignature"]);
}
