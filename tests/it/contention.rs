//! Several processes that start on one data folder, and many clients of one registry.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use futures_util::future::join_all;
use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::support::process::{Process, binary};
use crate::support::s3::{Conditions, Store};
use crate::support::{put, send, text};

/// Number of processes that start at once.
const STARTS: usize = 5;

/// Number of clients that take files through the flow at once, and of flows of each.
const CLIENTS: usize = 64;
const FLOWS: usize = 2;

/// Makes every sync of a file take 20 ms longer, as a slow disk does.
const SLOW_DISK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
static int slowly(const char *name, int fd) {
    usleep(20000);
    return ((int (*)(int))dlsym(RTLD_NEXT, name))(fd);
}
int fsync(int fd) { return slowly("fsync", fd); }
int fdatasync(int fd) { return slowly("fdatasync", fd); }
"#;

/// Compiles [`SLOW_DISK`] to a library for `LD_PRELOAD`.
fn slow_disk(folder: &Path) -> PathBuf {
    let (source, library) = (folder.join("slow.c"), folder.join("slow.so"));
    fs::write(&source, SLOW_DISK).expect("it is written");
    let arguments: [OsString; 6] =
        ["-shared".into(), "-fPIC".into(), "-o".into(), library.clone().into(), source.into(), "-ldl".into()];
    assert!(Command::new("cc").args(arguments).status().expect("cc runs").success());
    library
}

/// The access tokens and keys of processes that start at once on an empty folder, over an object
/// store.
#[actix_web::test]
async fn starts_that_race_on_one_folder_share_key_registry_and_first_token() {
    for _ in 0..4 {
        let (folder, store) = (TempDir::new().expect("a folder"), Store::start(Conditions::Kept));
        let settings = store.settings();
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let started = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..STARTS)
                .map(|_| scope.spawn(|| Process::try_start_at(0, folder.path(), &settings)))
                .collect();
            starts.into_iter().map(|start| start.join().expect("it ends")).collect::<Vec<_>>()
        });
        let services: Vec<Process> =
            started.into_iter().map(|start| start.unwrap_or_else(|said| panic!("{said}"))).collect();
        let bearers: Vec<&str> = services
            .iter()
            .filter(|service| service.welcome.contains("  Token     tat_"))
            .map(Process::token)
            .collect();
        let [bearer] = bearers[..] else { panic!("{} first tokens", bearers.len()) };

        // One process signs and every other one verifies, so all have the same key and the same
        // registry.
        let bearer = format!("Bearer {bearer}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let upload = json!({"contentType": "text/plain", "contentLength": 5, "type": 1}).to_string();
        for (signer, verifier) in services.iter().zip(services.iter().cycle().skip(1)) {
            let url = format!("{}/api/attachments/signature", signer.origin);
            let signed = send("POST", &url, &headers, upload.clone()).await;
            assert_eq!(signed.status, 201, "{signed:?}");
            let signed = signed.json();
            assert_eq!(put(&signed, b"bytes", &[]).await.status, 200);
            let url = format!("{}/api/attachments/notify/{}", verifier.origin, text(&signed["token"]));
            let notified = send("POST", &url, &headers, "").await;
            assert_eq!(notified.status, 201, "{notified:?}");
        }
        let mut left: Vec<String> = fs::read_dir(folder.path().join("data"))
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .filter(|name| name.starts_with("signing-key"))
            .collect();
        left.sort();
        assert_eq!(left, ["signing-key"], "no unfinished key is left");
    }
}

#[test]
fn commands_that_race_on_an_empty_folder_create_one_registry() {
    let folder = TempDir::new().expect("a folder");
    let create = || {
        let mut command = binary();
        command.current_dir(folder.path()).args(["token", "create", "--name", "test"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    };
    let commands: Vec<_> = (0..8).map(|_| create()).collect();
    for command in commands {
        let Output { status, stderr, .. } = command.wait_with_output().expect("it ends");
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    }
}

#[actix_web::test]
async fn many_clients_on_a_slow_disk_are_all_answered() {
    let folder = TempDir::new().expect("a folder");
    let mut command = binary();
    command.env("LD_PRELOAD", slow_disk(folder.path()));
    let service = Process::start_as(command, 0, folder.path(), &["--log", "off"]);
    let bearer = format!("Bearer {}", service.token());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let upload = json!({"contentType": "text/plain", "contentLength": 5, "type": 1}).to_string();
    let url = |path: &str| format!("{}/api/attachments{path}", service.origin);
    let flow = async || {
        let signed = send("POST", &url("/signature"), &headers, upload.clone()).await;
        assert_eq!(signed.status, 201, "{signed:?}");
        let signed = signed.json();
        let sent = put(&signed, b"bytes", &[]).await;
        assert_eq!(sent.status, 201, "{sent:?}");
        let notified = send("POST", &url(&format!("/notify/{}", text(&signed["token"]))), &headers, "").await;
        assert_eq!(notified.status, 201, "{notified:?}");
    };
    // A command is a process of its own, for which SQLite has no queue.
    let (mut command, target) = (binary(), folder.path().to_owned());
    let creating = actix_web::rt::task::spawn_blocking(move || {
        command.current_dir(target).args(["token", "create", "--name", "test"]).output().expect("it runs")
    });
    join_all((0..CLIENTS).map(|_| async {
        for _ in 0..FLOWS {
            flow().await;
        }
    }))
    .await;
    let created = creating.await.expect("it ends");
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    service.signal(Signal::TERM);
}
