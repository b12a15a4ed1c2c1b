//! Copies of a running registry: by `backup`, and by SQLite programs of other makers.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::process::{Process, run};
use crate::support::{put, send, text};

/// Copies `source` to `target` with SQLite's online backup, in a process of its own.
const FOREIGN_BACKUP: &str = "\
import sqlite3, sys
source, target = sqlite3.connect(sys.argv[1]), sqlite3.connect(sys.argv[2])
source.backup(target)
target.close()
source.close()
";

fn foreign_backup(source: &Path, target: &Path) {
    let status = Command::new("python3").args(["-c", FOREIGN_BACKUP]).arg(source).arg(target).status();
    assert!(status.expect("python3 runs").success());
}

/// Number of attachments that the registry in the file at `path` lists.
async fn count(path: &Path) -> i64 {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).read_only(true);
    let mut connection = sqlx::ConnectOptions::connect(&options).await.expect("a connection");
    let count = sqlx::query_scalar("SELECT COUNT(*) FROM attachments").fetch_one(&mut connection).await;
    sqlx::Connection::close(connection).await.expect("closed");
    count.expect("a count")
}

async fn post(service: &Process, path: &str, bearer: &str, body: &Value) -> Value {
    let bearer = format!("Bearer {bearer}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = send("POST", &format!("{}/api/attachments{path}", service.origin), &headers, body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

/// Takes one file through the whole flow, and returns its upload token.
async fn store(service: &Process, bearer: &str) -> String {
    let upload = json!({"contentType": "text/plain", "contentLength": 5, "type": 1});
    let signed = post(service, "/signature", bearer, &upload).await;
    assert_eq!(put(&signed, b"bytes", &[]).await.status, 201);
    let token = text(&signed["token"]).to_owned();
    post(service, &format!("/notify/{token}"), bearer, &Value::Null).await;
    token
}

#[actix_web::test]
async fn keeps_its_locks_on_the_registry_after_a_first_start() {
    let folder = TempDir::new().expect("a folder");
    let service = Process::start(folder.path(), &[]);
    let inode = fs::metadata(folder.path().join("data/registry.sqlite")).expect("a registry").ino();
    let locks = fs::read_to_string("/proc/locks").expect("the locks");
    let (process, file) = (format!(" {} ", service.child.id()), format!(":{inode} "));
    let is_locked = locks.lines().any(|line| {
        line.contains("POSIX") && line.contains("READ") && line.contains(&process) && line.contains(&file)
    });
    assert!(is_locked, "SQLite's shared lock is gone:\n{locks}");
    service.terminate();
}

#[actix_web::test]
async fn loses_nothing_to_a_foreign_backup_after_a_first_start() {
    let folder = TempDir::new().expect("a folder");
    let registry = folder.path().join("data/registry.sqlite");
    let service = Process::start(folder.path(), &[]);
    let bearer = service.token().to_owned();
    let mut tokens = Vec::new();
    for (copy, files) in [("first", 3), ("second", 5)] {
        for _ in 0..files {
            tokens.push(store(&service, &bearer).await);
        }
        let target = folder.path().join(copy);
        foreign_backup(&registry, &target);
        assert_eq!(count(&target).await, i64::try_from(tokens.len()).expect("few"), "in the {copy} backup");
    }
    service.kill();
    let service = Process::start(folder.path(), &[]);
    for token in tokens {
        post(&service, &format!("/notify/{token}"), &bearer, &Value::Null).await;
    }
    service.terminate();
}

#[actix_web::test]
async fn backup_copies_registry_and_key_of_a_running_service() {
    let folder = TempDir::new().expect("a folder");
    let service = Process::start(folder.path(), &[]);
    let bearer = service.token().to_owned();
    let tokens = [store(&service, &bearer).await, store(&service, &bearer).await];

    let output = run(folder.path(), &["backup", "copy"]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(said.contains("cp -a ./data/files copy/files"), "{said}");
    let copy = folder.path().join("copy");
    for (name, mode) in [("", 0o700), ("registry.sqlite", 0o600), ("signing-key", 0o600)] {
        let found = fs::metadata(copy.join(name)).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(found, mode, "{name:?}");
    }
    assert_eq!(fs::read_dir(&copy).expect("a folder").count(), 2, "nothing else is left there");

    let again = run(folder.path(), &["backup", "copy"]);
    assert_eq!(again.status.code(), Some(1), "an earlier backup is not overwritten: {again:?}");

    // The copy is a data folder once it has the files.
    store(&service, &bearer).await;
    service.terminate();
    let files = ["-a", "./data/files", "copy/files"];
    let copied = Command::new("cp").current_dir(folder.path()).args(files).status();
    assert!(copied.expect("cp runs").success());
    let service = Process::start(folder.path(), &["--data-dir", "copy", "--gc-interval", "off"]);
    for token in tokens {
        let stored = post(&service, &format!("/notify/{token}"), &bearer, &Value::Null).await;
        let read = send("GET", text(&stored["presignedUrl"]), &[], "").await;
        assert_eq!((read.status.as_u16(), &read.body[..]), (200, &b"bytes"[..]));
    }
    service.terminate();
}

#[test]
fn backup_needs_a_registry_in_a_folder() {
    let folder = TempDir::new().expect("a folder");
    for arguments in
        [&["backup", "copy"][..], &["backup", "copy", "--database-url", "postgres://me@db.example/files"]]
    {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(!folder.path().join("copy").exists(), "nothing is made");
    }
}
