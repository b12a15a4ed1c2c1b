//! Cleaning up: exactly what nobody notified goes, while notifies race it.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use serde_json::Value;
use teable_attachments::domain::{Buckets, MediaType, ObjectKey, ObjectName, UploadType};
use teable_attachments::storage::s3::S3Store;
use teable_attachments::storage::{Direct, Expected, UploadAddress};
use teable_attachments::token::{Keyring, UploadGrant};
use tempfile::TempDir;

use crate::support::process::{Process, run};
use crate::support::s3::{Conditions, Store};
use crate::support::{App, eventually, postgres, send, text};

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const DAY: Duration = Duration::from_hours(24);

/// An upload of long ago.
struct Upload {
    key: ObjectKey,
    media_type: MediaType,
    body: Vec<u8>,
    token: String,
}

impl Upload {
    /// The `index`th upload that was signed `age` ago, by a server with our key.
    fn new(index: usize, age: Duration) -> Self {
        let upload_type = UploadType::ALL[index % UploadType::ALL.len()];
        let signed_at = SystemTime::now() - age;
        let milliseconds = signed_at.duration_since(SystemTime::UNIX_EPOCH).expect("a time").as_millis();
        let name = format!("{milliseconds:012x}7000{:016x}", 0x8000_0000_0000_0000 + index);
        let key = ObjectKey { upload_type, name: ObjectName::parse(&name).expect("a name") };
        let media_type = MediaType::parse("text/plain").expect("a type");
        let body = format!("upload {index}").into_bytes();
        let grant = UploadGrant {
            key,
            media_type: media_type.clone(),
            size: body.len() as u64,
            sha256: None,
            label: None,
            base: None,
            issued_to: "0123456789ab".to_owned(),
            expires_at: signed_at + DAY,
        };
        let token = Keyring::parse(KEY).expect("a key").sign_upload(&grant).expect("a token");
        Self { key, media_type, body, token }
    }
}

fn buckets() -> Buckets {
    Buckets { public: "public".to_owned(), private: "private".to_owned() }
}

/// Where uploads are put, past the server: its addresses would have expired.
enum Place {
    Folder(std::path::PathBuf),
    S3(Box<S3Store>, Store),
}

impl Place {
    async fn s3(conditions: Conditions) -> Self {
        let store = Store::start(conditions);
        let ours = S3Store::open(store.config(), buckets(), Duration::ZERO).await.expect("a store");
        Self::S3(Box::new(ours), store)
    }

    async fn put(&self, upload: &Upload) {
        match self {
            Self::Folder(folder) => {
                let place = folder.join(buckets().of(upload.key.upload_type)).join(upload.key.path());
                std::fs::write(place, &upload.body).expect("it is written");
            }
            Self::S3(ours, _) => {
                let expected = Expected {
                    key: upload.key,
                    media_type: &upload.media_type,
                    size: upload.body.len() as u64,
                    sha256: None,
                };
                let now = SystemTime::now();
                let UploadAddress { url, headers } =
                    ours.upload_address(&expected, now, now + DAY).expect("an address");
                let headers: Vec<(&str, &str)> =
                    headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                assert_eq!(send("PUT", &url, &headers, upload.body.clone()).await.status, 200);
            }
        }
    }

    /// The names of all objects.
    fn names(&self, app: &App) -> HashSet<String> {
        let paths = match self {
            Self::Folder(_) => app.files(),
            Self::S3(_, store) => store.objects(),
        };
        paths.iter().map(|path| path.rsplit('/').next().expect("a name").to_owned()).collect()
    }
}

#[actix_web::test]
async fn exactly_the_abandoned_go_from_a_folder() {
    let app = App::start_with(&["--signing-keys", KEY]).await;
    let place = Place::Folder(app.folder.path().join("data/files"));
    exactly_the_abandoned_go(&app, &place, &[]).await;
}

#[actix_web::test]
async fn exactly_the_abandoned_go_from_s3_with_postgresql() {
    let place = Place::s3(Conditions::Kept).await;
    let Place::S3(_, store) = &place else { unreachable!("it is S3") };
    let mut arguments = store.settings();
    arguments.extend(["--database-url".to_owned(), postgres::database()]);
    let app = start(&arguments).await;
    exactly_the_abandoned_go(&app, &place, &arguments).await;
}

#[actix_web::test]
async fn exactly_the_abandoned_go_from_an_s3_with_staging() {
    let place = Place::s3(Conditions::Ignored).await;
    let Place::S3(_, store) = &place else { unreachable!("it is S3") };
    let arguments = store.settings();
    let app = start(&arguments).await;
    exactly_the_abandoned_go(&app, &place, &arguments).await;
}

async fn start(arguments: &[String]) -> App {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(["--signing-keys", KEY]).collect();
    App::start_with(&arguments).await
}

/// 1,000 abandoned uploads among 1,000 claimed ones, and 100 that are notified while they are collected.
async fn exactly_the_abandoned_go(app: &App, place: &Place, arguments: &[String]) {
    let old = |range: std::ops::Range<usize>| -> Vec<Upload> {
        range.map(|index| Upload::new(index, 9 * DAY)).collect()
    };
    let (claimed, abandoned, racing) = (old(0..1000), old(1000..2000), old(2000..2100));
    let young: Vec<Upload> = (3000..3010).map(|index| Upload::new(index, 7 * DAY)).collect();
    for upload in claimed.iter().chain(&abandoned).chain(&racing).chain(&young) {
        place.put(upload).await;
    }
    let notify = async |upload: &Upload| app.notify(&upload.token, "").await;
    let answers: Vec<_> = stream::iter(&claimed).map(notify).buffer_unordered(16).collect().await;
    assert!(answers.iter().all(|answer| answer.status == 201));

    let collection = async {
        let mut all = vec!["gc", "--json"];
        all.extend(arguments.iter().map(String::as_str));
        let folder = app.folder.path().to_owned();
        let all: Vec<String> = all.into_iter().map(str::to_owned).collect();
        let run = move || run(&folder, &all.iter().map(String::as_str).collect::<Vec<_>>());
        let output = actix_web::rt::task::spawn_blocking(run).await.expect("it runs");
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    let race = async {
        // One after the other, so that some come before it, some after it, and some meet it.
        let mut answers = Vec::new();
        for upload in &racing {
            answers.push(notify(upload).await.status);
        }
        answers
    };
    let (tally, raced) = futures_util::future::join(collection, race).await;

    let names = place.names(app);
    let is_there = |upload: &Upload| names.contains(&upload.key.name.to_string());
    assert!(claimed.iter().all(is_there), "what was claimed stays");
    assert!(young.iter().all(is_there), "what is not old enough stays");
    assert_eq!(abandoned.iter().filter(|upload| is_there(upload)).count(), 0, "what was abandoned is gone");
    let mut won = 0;
    for (upload, status) in racing.iter().zip(&raced) {
        match status.as_u16() {
            201 => {
                won += 1;
                let read = notify(upload).await;
                assert_eq!(read.status, 201, "what was acknowledged stays");
                assert!(is_there(upload));
            }
            404 => assert_eq!(notify(upload).await.status, 404, "what was refused stays refused"),
            other => panic!("{other}"),
        }
    }
    println!("{tally}, {won} of {} notifies came first, the others were refused", racing.len());
    assert_eq!(tally["missing"], 0);
    assert_eq!(tally["removed"], tally["abandoned"]);
    let checks = join_all(claimed.iter().step_by(50).map(async |upload| {
        let stored = notify(upload).await.json();
        let url = text(&stored["presignedUrl"]).to_owned();
        assert!(send("GET", &url, &[], "").await.body == upload.body, "the bytes are equal");
    }));
    checks.await;
}

#[actix_web::test]
async fn a_registry_does_not_meet_files_that_are_not_its_own() {
    let [one, other] = [TempDir::new().expect("a folder"), TempDir::new().expect("a folder")];
    let files = one.path().join("data/files").display().to_string();
    let service = Process::start(one.path(), &[]);
    service.terminate();
    let service = Process::start(other.path(), &[]);
    service.terminate();
    let said = |folder: &TempDir, arguments: &[&str]| {
        let output = run(folder.path(), arguments);
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).expect("text")
    };
    let elsewhere = ["--storage-local-path", &files];
    for command in [&["serve", "--port", "0"][..], &["gc"]] {
        let refusal = said(&other, &[command, &elsewhere].concat());
        assert!(refusal.contains("the files belong to another registry"), "{refusal}");
    }
    // A folder that a registry was lost of, and files that were brought here.
    let upload = Upload::new(0, 9 * DAY);
    Place::Folder(files.clone().into()).put(&upload).await;
    std::fs::remove_file(format!("{files}/.owner")).expect("it is nobody's");
    let refusal = said(&one, &["gc", "--dry-run"]);
    assert!(refusal.contains("no service has been started on these files"), "{refusal}");
    let refusal = said(&one, &["serve", "--port", "0"]);
    assert!(refusal.contains("there are files that no registry owns"), "{refusal}");
    let id = refusal.split("this one, ").nth(1).and_then(|rest| rest.split(',').next()).expect("an id");
    std::fs::write(format!("{files}/.owner"), id).expect("it is given");
    Process::start(one.path(), &[]).terminate();
}

#[actix_web::test]
async fn what_cannot_be_removed_does_not_keep_the_rest() {
    let app = App::start_with(&["--signing-keys", KEY]).await;
    let folder = app.folder.path().join("data/files");
    let place = Place::Folder(folder.clone());
    let uploads: Vec<Upload> = (0..28).map(|index| Upload::new(index, 9 * DAY)).collect();
    for upload in &uploads {
        place.put(upload).await;
    }
    // A folder cannot be removed as a file can, not even by root.
    let stuck = folder.join("private").join(uploads[0].key.path());
    std::fs::remove_file(&stuck).expect("it was there");
    std::fs::create_dir(&stuck).expect("a folder");
    let output = run(app.folder.path(), &["gc", "--json"]);
    let tally: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&tally["removed"], &tally["failed"]), (&27.into(), &1.into()), "{tally}");
}

#[actix_web::test]
async fn a_person_is_told_what_goes_and_what_is_gone() {
    let folder = TempDir::new().expect("a folder");
    let service = Process::start(folder.path(), &["--signing-keys", KEY]);
    let bearer = format!("Bearer {}", service.token());
    let files = folder.path().join("data/files");
    let place = Place::Folder(files.clone());
    let uploads: Vec<Upload> = (0..4).map(|index| Upload::new(index, 9 * DAY)).collect();
    for upload in &uploads {
        place.put(upload).await;
    }
    for upload in &uploads[2..] {
        let notify = format!("{}/api/attachments/notify/{}", service.origin, upload.token);
        assert_eq!(send("POST", &notify, &[("authorization", &bearer)], "").await.status, 201);
    }
    let path = |upload: &Upload| files.join(buckets().of(upload.key.upload_type)).join(upload.key.path());
    std::fs::remove_file(path(&uploads[3])).expect("it is lost");
    std::fs::write(files.join("private/table/notes.txt"), "somebody's").expect("it is written");

    let mut said = String::new();
    for arguments in [
        &["gc", "--dry-run"][..],
        &["gc"],
        &["gc", "--json"],
        &["gc", "--older-than", "7d"],
        &["gc", "--data-dir", "elsewhere"],
    ] {
        let output = run(folder.path(), arguments);
        let stderr = String::from_utf8(output.stderr).expect("text");
        let first = stderr.lines().next().map(|line| format!("{line}\n")).unwrap_or_default();
        let stdout = String::from_utf8(output.stdout).expect("text");
        write!(said, "$ teable-attachments {}\n{stdout}{first}\n", arguments.join(" ")).expect("a string");
    }
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"[0-9a-f]{12}70008[0-9a-f]{15}", "[NAME]");
    settings.bind(|| insta::assert_snapshot!("gc", said));
    assert!(!path(&uploads[0]).exists() && path(&uploads[2]).exists());
    assert!(files.join("private/table/notes.txt").exists());
    service.terminate();
}

#[actix_web::test]
async fn the_service_cleans_up_by_itself_and_one_at_a_time() {
    let arguments = ["--signing-keys", KEY, "--gc-interval", "200ms"];
    let app = App::start_with(&arguments).await;
    let place = Place::Folder(app.folder.path().join("data/files"));
    let lock = app.registry.collector().await.expect("a lock");
    let lock = match lock {
        Some(lock) => lock,
        // It is cleaning up right now.
        None => loop {
            if let Some(lock) = app.registry.collector().await.expect("a lock") {
                break lock;
            }
        },
    };
    let upload = Upload::new(0, 9 * DAY);
    place.put(&upload).await;
    let output = run(app.folder.path(), &["gc"]);
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(said.contains("another process is cleaning up"), "{said}");
    assert_eq!(app.files().len(), 1);
    drop(lock);
    eventually("it is collected", || async { app.files().is_empty() }).await;
    app.notify(&upload.token, "").await.problem(404, "not_found");
}
