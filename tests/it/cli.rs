//! The command line, as its user has it: what it prints, and what it leaves behind.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::process::{Process, binary, run};
use crate::support::{send, text};

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// What differs from run to run.
fn redactions() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"tat_[0-9a-f]{12}_[0-9a-f]{64}", "tat_SECRET");
    settings.add_filter(r"\b[0-9a-f]{12}\b", "[id--------]");
    settings.add_filter(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT");
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[date and time-----]");
    settings
}

#[actix_web::test]
async fn the_first_start_says_what_to_try_and_that_works_as_pasted() {
    let folder = TempDir::new().expect("a folder");
    let service = Process::start(folder.path(), &[]);
    redactions().bind(|| insta::assert_snapshot!("welcome", service.welcome));

    let pasted = &service.welcome[service.welcome.find("curl").expect("a command")..];
    let pasted = &pasted[..pasted.find("\n\n").expect("its end")];
    let output = std::process::Command::new("sh").args(["-c", pasted]).output().expect("a shell");
    let signed: Value = serde_json::from_slice(&output.stdout).expect("a signature");
    assert_eq!(signed["uploadMethod"], "PUT", "{signed}");

    let key = folder.path().join("data/signing-key");
    assert_eq!(key.metadata().expect("a key").permissions().mode() & 0o777, 0o600);
    let data = folder.path().join("data").metadata().expect("a folder");
    assert_eq!(data.permissions().mode() & 0o777, 0o700);
    let kept = std::fs::read(&key).expect("a key");
    service.terminate();

    let again = Process::start(folder.path(), &["serve"]);
    redactions().bind(|| insta::assert_snapshot!("welcome_back", again.welcome));
    assert_eq!(std::fs::read(&key).expect("a key"), kept);
    again.terminate();
}

#[test]
fn two_keys_are_never_the_same() {
    let key = || {
        let folder = TempDir::new().expect("a folder");
        Process::start(folder.path(), &[]).terminate();
        std::fs::read(folder.path().join("data/signing-key")).expect("a key")
    };
    assert_ne!(key(), key());
}

#[actix_web::test]
async fn tokens_are_made_listed_and_revoked_beside_a_running_service() {
    let folder = TempDir::new().expect("a folder");
    let made = run(
        folder.path(),
        &["token", "create", "--name", "for CI", "--expires", "90d", "--base", "bseOne", "bseTwo"],
    );
    assert!(made.status.success(), "{made:?}");
    let secret = stdout(&made);
    assert!(secret.starts_with("tat_") && secret.ends_with('\n') && secret.lines().count() == 1, "{secret}");
    let other = stdout(&run(folder.path(), &["token", "create", "--name", "other"]));

    let service = Process::start(folder.path(), &[]);
    assert!(!service.welcome.contains("tat_"), "there were tokens already: {}", service.welcome);
    let sign = async |secret: &str| {
        let bearer = format!("Bearer {}", secret.trim());
        let body = json!({"contentType": "", "contentLength": 1, "type": 1, "baseId": "bseTwo"}).to_string();
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        send("POST", &format!("{}/api/attachments/signature", service.origin), &headers, body)
            .await
            .status
            .as_u16()
    };
    assert_eq!((sign(&secret).await, sign(&other).await), (201, 201));
    let id = other.split('_').nth(1).expect("an id");
    let revoked = run(folder.path(), &["token", "revoke", id]);
    assert!(revoked.status.success() && revoked.stdout.is_empty(), "{revoked:?}");
    let again = run(folder.path(), &["token", "revoke", id]);
    assert_eq!(again.status.code(), Some(1));
    crate::support::eventually("the token is refused", || async { sign(&other).await == 401 }).await;

    let list = run(folder.path(), &["token", "list"]);
    let all = format!(
        "{}{}{}\n{}{}",
        stderr(&made),
        stderr(&revoked),
        stderr(&again),
        stdout(&list),
        stderr(&list)
    );
    redactions().bind(|| insta::assert_snapshot!("tokens", all));
    service.terminate();
}

#[test]
fn wrong_settings_fail_at_the_start_with_one_sentence() {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("file"), "").expect("a file");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("an address").port().to_string();
    let cases: [&[&str]; 28] = [
        &["--port", "99999"],
        &["--host", "nowhere"],
        &["--port", &taken],
        &["--public-origin", "https://a.example/path"],
        &["--signing-keys", "secret"],
        &["--signing-keys", "c2VjcmV0"],
        &["--cors-allowed-origins", "a.example"],
        &["--storage-token-expire-in", "7d"],
        &["--storage-url-expire-in", "soon"],
        &["--storage-provider", "floppy"],
        &["--storage-provider", "minio"],
        &["--storage-provider", "s3", "--storage-s3-access-key", "id"],
        &["--storage-provider", "s3", "--storage-s3-endpoint", "https://s3.example.com/path"],
        &["--storage-overwrite-guard", "hope"],
        &["--storage-public-bucket", "private"],
        &["--max-attachment-upload-size", "5368709121"],
        &["--max-json-body", "16385"],
        &["--header-timeout", "0s"],
        &["--transfer-idle-timeout", "2h"],
        &["--max-connections", "0"],
        &["--rate-limit-per-token", "100"],
        &["--trusted-proxies", "10.0.0.0/33"],
        &["--trusted-proxy-header", "via"],
        &["--quota-per-base", "0"],
        &["--data-dir", "file/x"],
        &["--database-url", "mysql://db.example.com/files"],
        &["--database-url", "postgres://db.example.com/files"],
        &["--database-max-connections", "0"],
    ];
    let mut said = String::new();
    for arguments in cases {
        let output = run(folder.path(), arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        let error = stderr(&output).lines().next().unwrap_or_default().replace(&taken, "TAKEN");
        let shown = arguments.join(" ").replace(&taken, "TAKEN");
        writeln!(
            said,
            "{shown}
  {error}"
        )
        .expect("a string takes it");
    }
    insta::assert_snapshot!("wrong_settings", said);
}

#[test]
fn one_folder_is_served_by_one_process() {
    let folder = TempDir::new().expect("a folder");
    let service = Process::start(folder.path(), &[]);
    let second = run(folder.path(), &["--port", "0"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains("another process already serves"), "{second:?}");
    service.terminate();
}

#[test]
fn keys_from_outside_leave_none_behind() {
    let folder = TempDir::new().expect("a folder");
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    Process::start(folder.path(), &["--signing-keys", key]).terminate();
    assert!(!folder.path().join("data/signing-key").exists());
}

/// The whole flow and its refusals, and then: is any secret in the log?
#[actix_web::test]
async fn the_log_names_requests_and_no_secret() {
    let folder = TempDir::new().expect("a folder");
    let service = Process::start(folder.path(), &["--log", "trace"]);
    let bearer = format!("Bearer {}", service.token());
    let with_token = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = json!({"contentType": "text/plain", "contentLength": 4, "type": 1}).to_string();
    let signed = send("POST", &format!("{}/api/attachments/signature", service.origin), &with_token, body)
        .await
        .json();
    let upload_token = text(&signed["token"]).to_owned();
    send("PUT", text(&signed["url"]), &[], "text").await;
    send("PUT", text(&signed["url"]), &[], "other").await;
    send("PUT", &format!("{}x", text(&signed["url"])), &[], "text").await;
    let notify = format!("{}/api/attachments/notify/{upload_token}", service.origin);
    let stored = send("POST", &notify, &with_token, "").await.json();
    let read = text(&stored["presignedUrl"]).to_owned();
    let read_token = read.split_once("token=").expect("a token").1.to_owned();
    send("GET", &read, &[], "").await;
    send("GET", &format!("{read}x"), &[], "").await;
    let opened =
        send("GET", &format!("{}/api/attachments/{upload_token}", service.origin), &with_token, "").await;
    assert_eq!(opened.status, 302);
    let (secret, request_id) = (service.token().to_owned(), opened.header("x-request-id").to_owned());
    let key = std::fs::read_to_string(folder.path().join("data/signing-key")).expect("a key");
    let log = service.terminate();
    assert!(log.contains(&request_id), "the request is in the log");
    let line =
        log.lines().find(|line| line.contains(&request_id) && line.contains("answered")).expect("its line");
    let line: Value = serde_json::from_str(line).expect("JSON, away from a terminal");
    assert_eq!(line["status"], 302, "{line}");
    let signature = |jwt: &str| jwt.rsplit('.').next().unwrap_or_default().to_owned();
    for secret in [&secret[17..], &signature(&upload_token), &signature(&read_token), key.trim()] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
}

#[actix_web::test]
async fn a_running_upload_outlives_a_signal() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut stopping = Stopping::begin(signal).await;
        stopping.bytes.send("12345678".into()).await.expect("sent");
        drop(stopping.bytes);
        let status = stopping.upload.await.expect("it ran").expect("an answer");
        assert_eq!(status, 201, "{signal:?}");
        assert!(stopping.service.child.wait().expect("it ends").success());
    }
}

#[actix_web::test]
async fn a_second_signal_ends_what_runs() {
    let mut stopping = Stopping::begin(Signal::INT).await;
    stopping.service.signal(Signal::INT);
    assert!(stopping.upload.await.expect("it ran").is_err(), "the connection breaks");
    assert!(stopping.service.child.wait().expect("it ends").success());
    let incoming = stopping.folder.path().join("data/files/.incoming");
    let service = Process::start(stopping.folder.path(), &[]);
    assert_eq!(std::fs::read_dir(&incoming).expect("a folder").count(), 0, "nothing partial is left");
    service.terminate();
}

/// A service that was told to stop while an upload runs that lacks its last eight bytes.
struct Stopping {
    folder: TempDir,
    service: Process,
    bytes: tokio::sync::mpsc::Sender<actix_web::web::Bytes>,
    upload:
        actix_web::rt::task::JoinHandle<Result<actix_web::http::StatusCode, awc::error::SendRequestError>>,
}

impl Stopping {
    async fn begin(signal: Signal) -> Self {
        use futures_util::stream;
        use tokio::sync::mpsc;
        let folder = TempDir::new().expect("a folder");
        let service = Process::start(folder.path(), &[]);
        let bearer = format!("Bearer {}", service.token());
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = json!({"contentType": "", "contentLength": 600_008, "type": 1}).to_string();
        let signed = send("POST", &format!("{}/api/attachments/signature", service.origin), &headers, body)
            .await
            .json();
        let (bytes, arriving) = mpsc::channel::<actix_web::web::Bytes>(1);
        let body = stream::unfold(arriving, |mut arriving| async move {
            arriving.recv().await.map(|bytes| (Ok::<_, std::io::Error>(bytes), arriving))
        });
        let client = awc::Client::builder().timeout(std::time::Duration::from_secs(30)).finish();
        let url = text(&signed["url"]).to_owned();
        let upload = actix_web::rt::spawn(async move {
            client.put(url).send_stream(Box::pin(body)).await.map(|answer| answer.status())
        });
        bytes.send(vec![0; 600_000].into()).await.expect("sent");
        let incoming = folder.path().join("data/files/.incoming");
        let running = || async { std::fs::read_dir(&incoming).expect("a folder").count() > 0 };
        crate::support::eventually("the upload runs", running).await;
        let port = service.origin.rsplit(':').next().expect("a port").parse::<u16>().expect("a number");
        service.signal(signal);
        crate::support::eventually("it does not listen any more", || async move {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_err()
        })
        .await;
        Self { folder, service, bytes, upload }
    }
}

#[test]
fn a_token_lives_at_most_a_hundred_years() {
    let folder = TempDir::new().expect("a folder");
    for life in ["99999999y", "101y", "0s"] {
        let made = run(folder.path(), &["token", "create", "--name", "x", "--expires", life]);
        assert!(made.status.code() == Some(1) && made.stdout.is_empty(), "{life}: {made:?}");
        assert!(stderr(&made).starts_with("error: --expires must be"), "{made:?}");
    }
    assert!(run(folder.path(), &["token", "create", "--name", "x", "--expires", "99y"]).status.success());
    assert!(run(folder.path(), &["token", "list"]).status.success());
}

#[test]
fn looking_for_tokens_makes_no_registry() {
    let folder = TempDir::new().expect("a folder");
    for arguments in [&["token", "list"][..], &["token", "revoke", "0123456789ab"]] {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("no service has been started on ./data"), "{output:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

/// A secret that could not be written is a token that nobody has.
#[test]
fn a_token_that_cannot_be_shown_is_not_made() {
    let folder = TempDir::new().expect("a folder");
    let full = || std::fs::File::options().write(true).open("/dev/full").expect("a full device");
    let create = ["token", "create", "--name", "x"];
    let made = binary().current_dir(folder.path()).args(create).stdout(full()).output().expect("it runs");
    assert_eq!(made.status.code(), Some(1));
    assert!(stderr(&made).contains("so the token was not made"), "{made:?}");
    assert!(!stdout(&run(folder.path(), &["token", "list"])).contains("tat_"));

    let started =
        binary().current_dir(folder.path()).args(["--port", "0"]).stdout(full()).output().expect("it runs");
    assert_eq!(started.status.code(), Some(1));
    let service = Process::start(folder.path(), &[]);
    assert!(service.welcome.contains("tat_"), "the first token is still to be had");
    service.terminate();
}

/// A process that does not outlive its test.
struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the service with its welcome in a file, waits until it is there, and stops the service.
/// Gives the welcome.
async fn welcomed_in(folder: &TempDir, umask: &str, file: &std::path::Path) -> String {
    let script = format!("umask {umask}; exec \"$0\" \"$@\"");
    let mut service = Killed(
        std::process::Command::new("sh")
            .env_clear()
            .env("WELCOME_FILE", file)
            .current_dir(folder.path())
            .args(["-c", &script, env!("CARGO_BIN_EXE_teable-attachments"), "--port", "0"])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("it starts"),
    );
    let is_there = || async { std::fs::symlink_metadata(file).is_ok_and(|found| found.is_file()) };
    crate::support::eventually("the welcome is there", is_there).await;
    let welcome = std::fs::read_to_string(file).expect("text");
    rustix::process::kill_process(rustix::process::Pid::from_child(&service.0), Signal::TERM)
        .expect("a signal");
    let mut said = String::new();
    std::io::Read::read_to_string(&mut service.0.stdout.take().expect("stdout"), &mut said).expect("text");
    assert!(service.0.wait().expect("it ends").success());
    assert_eq!(said, "", "the journal would have the token");
    welcome
}

/// systemd opened this file as root in a folder of the service's user, and a link there led root to
/// any file.
#[actix_web::test]
async fn the_welcome_is_written_to_a_file_and_through_no_link() {
    for planted in ["welcome", "welcome.new"] {
        let folder = TempDir::new().expect("a folder");
        let (file, victim) = (folder.path().join("welcome"), folder.path().join("victim"));
        std::fs::write(&victim, "precious").expect("written");
        std::os::unix::fs::symlink(&victim, folder.path().join(planted)).expect("a link");
        let welcome = welcomed_in(&folder, "000", &file).await;
        assert!(welcome.contains("tat_") && welcome.ends_with("then notify.\n"), "{welcome}");
        assert_eq!(std::fs::read(&victim).expect("it is there"), b"precious", "{planted}");
        let found = std::fs::symlink_metadata(&file).expect("it is there");
        assert_eq!((found.is_file(), found.permissions().mode() & 0o7777), (true, 0o600));
        std::fs::symlink_metadata(folder.path().join("welcome.new")).expect_err("it is renamed");

        // The next start has no token to show, and replaces the file.
        std::fs::remove_file(&file).expect("removed");
        std::os::unix::fs::symlink(&victim, &file).expect("a link");
        let welcome = welcomed_in(&folder, "077", &file).await;
        assert!(!welcome.contains("tat_"), "{welcome}");
        assert_eq!(std::fs::read(&victim).expect("it is there"), b"precious");
    }
}

#[test]
fn a_welcome_that_cannot_be_written_leaves_no_token_behind() {
    let folder = TempDir::new().expect("a folder");
    let refused = run(folder.path(), &["--port", "0", "--welcome-file", "missing/welcome"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(stderr(&refused).starts_with("error: cannot write missing/welcome: "), "{}", stderr(&refused));
    std::fs::create_dir(folder.path().join("taken")).expect("a folder");
    let refused = run(folder.path(), &["--port", "0", "--welcome-file", "taken"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(!folder.path().join("taken.new").exists(), "the secret is left nowhere");
    let service = Process::start(folder.path(), &[]);
    assert!(service.welcome.contains("tat_"), "the next start makes another");
    service.terminate();
}

#[test]
fn a_link_in_place_of_a_lock_is_not_followed() {
    let folder = TempDir::new().expect("a folder");
    Process::start(folder.path(), &[]).terminate();
    let (lock, victim) = (folder.path().join("data/registry.gc-lock"), folder.path().join("victim"));
    let _ = std::fs::remove_file(&lock);
    std::os::unix::fs::symlink(&victim, &lock).expect("a link");
    let refused = run(folder.path(), &["gc", "--dry-run"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(!victim.exists(), "nothing is created behind the link");
}
