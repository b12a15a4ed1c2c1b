//! The file of the registry, damaged in each of the ways in which files are: the service says so, or serves what is right.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use tempfile::TempDir;

use crate::load::{Client, Excuse, Figures, Ledger, Load, Told};
use crate::service::Start;

/// The size of `SQLite`'s pages.
const PAGE: usize = 4096;

/// What stands nowhere in a registry.
const GARBAGE: [u8; PAGE] = [0xff; PAGE];

/// A damage to the file at a path.
type Damage = fn(&Path);

/// Each, and the beginning of what is said of it.
const DAMAGES: [(&str, Damage, &str); 6] = [
    ("garbage in the header", |path| overwrite(path, 0, &GARBAGE[..100]), "is damaged"),
    (
        "cut off in the middle",
        |path| cut(path, fs::metadata(path).expect("it is there").len() / 2),
        "is damaged",
    ),
    ("cut off in the header", |path| cut(path, 50), "is damaged"),
    ("empty", |path| cut(path, 0), "belong to another registry"),
    ("away", |path| fs::remove_file(path).expect("it is removed"), "belong to another registry"),
    (
        "a folder in its place",
        |path| {
            fs::remove_file(path).expect("it is removed");
            fs::create_dir(path).expect("a folder");
        },
        "cannot use the registry",
    ),
];

fn overwrite(path: &Path, at: usize, bytes: &[u8]) {
    let file = OpenOptions::new().write(true).open(path).expect("it opens");
    file.write_all_at(bytes, at as u64).expect("it is written");
}

fn cut(path: &Path, length: u64) {
    OpenOptions::new().write(true).open(path).expect("it opens").set_len(length).expect("it is cut");
}

pub async fn damaged_at_the_start() -> Figures {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let start = Start::on(&data);
    let service = start.start();
    let bearer = service.token();
    let ledger = Ledger::new(&data, 0);
    let load = Load::start(&Client::of(&service, &bearer), &ledger, Excuse::None);
    load.goes_on(100).await;
    load.stop().await;
    service.terminate();
    let path = data.join("registry.sqlite");
    let whole = fs::read(&path).expect("a registry");

    for (name, damage, said) in DAMAGES {
        damage(&path);
        let refusal = start.refusal();
        assert!(refusal.contains(said), "{name}: {refusal}");
        restore(&path, &whole);
    }
    let pages = whole.len() / PAGE;
    for page in 1..pages {
        overwrite(&path, page * PAGE, &GARBAGE);
        let refusal = start.refusal();
        assert!(refusal.contains("is damaged"), "page {page}: {refusal}");
        restore(&path, &whole);
    }
    for garbage in [true, false] {
        without_its_log(&start, &bearer, &path, garbage).await;
    }
    restore(&path, &whole);

    let service = start.start();
    let client = Client::of(&service, &bearer);
    let mut figures = ledger.verify(&client, &ledger.files(0)).await;
    figures.note =
        format!("{} damages and each of {pages} pages were refused in one sentence", DAMAGES.len());
    service.terminate();
    figures
}

fn restore(path: &Path, whole: &[u8]) {
    if path.is_dir() {
        fs::remove_dir(path).expect("it is removed");
    }
    for log in ["sqlite-wal", "sqlite-shm"] {
        let _ = fs::remove_file(path.with_extension(log));
    }
    fs::write(path, whole).expect("it is written");
}

/// What `SQLite` has not yet moved from its log is gone with the log, and then nobody is given anything else for it.
async fn without_its_log(start: &Start, bearer: &str, path: &Path, garbage: bool) {
    let service = start.start();
    let ledger = Ledger::new(path.parent().expect("a folder"), 1_000_000);
    let load = Load::start(&Client::of(&service, bearer), &ledger, Excuse::None);
    load.goes_on(20).await;
    load.stop().await;
    service.kill();
    let log = path.with_extension("sqlite-wal");
    fs::remove_file(&log).expect("there is a log");
    if garbage {
        fs::write(&log, GARBAGE.repeat(20)).expect("it is written");
    }
    match start.attempt() {
        Err(ended) => assert!(ended.sentence().contains("is damaged")),
        Ok(service) => {
            let client = Client::of(&service, bearer);
            for file in ledger.files(0) {
                let read = client.get(&ledger.address(&file)).await.expect("an answer");
                let right = read.status == 200 && read.body == file.plan.bytes();
                assert!(right || read.status == 404 || read.cannot(), "{read:?}");
            }
            service.terminate();
        }
    }
}

pub async fn damaged_while_running() -> Figures {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let start = Start::on(&data);
    let service = start.start();
    let bearer = service.token();
    let ledger = Ledger::new(&data, 0);
    let load = Load::start(&Client::of(&service, &bearer), &ledger, Excuse::None);
    load.goes_on(100).await;
    load.stop().await;
    // Its log is moved to the file.
    service.terminate();
    let path = data.join("registry.sqlite");
    let whole = fs::read(&path).expect("a registry");

    let service = start.start();
    let client = Client::of(&service, &bearer);
    for page in 1..whole.len() / PAGE {
        overwrite(&path, page * PAGE, &GARBAGE);
    }
    let (mut right, mut unavailable) = (0, 0);
    for file in ledger.files(0).iter().filter(|file| file.told() == Told::Notified) {
        let read = client.get(&ledger.address(file)).await.expect("an answer");
        match read.status {
            200 if read.body == file.plan.bytes() => right += 1,
            _ if read.cannot() => unavailable += 1,
            _ => panic!("neither right nor unavailable: {read:?}"),
        }
    }
    let ready = client.readyz().await;
    assert!(unavailable > 0, "a damage that nobody meets tells nothing");
    service.kill();
    restore(&path, &whole);
    let service = start.start();
    let mut figures = ledger.verify_all(&Client::of(&service, &bearer)).await;
    service.terminate();
    figures.note = format!("answered right {right}, 503 {unavailable}, wrong 0, /readyz {ready}");
    figures
}
