//! No room: on the disk of the files, on that of the registry, by a limit of the process, and for the log.

use std::fs;
use std::path::Path;

use rustix::process::{Resource, Rlimit, prlimit};
use tempfile::TempDir;

use crate::content::{Fate, Plan};
use crate::load::{Client, Excuse, Figures, Ledger, Load, Told, eventually};
use crate::mount::{Mount, ballast};
use crate::service::{Service, Start};

/// What every start here is given beside the rest.
const ARGUMENTS: [&str; 2] = ["--min-free-disk", "0"];

/// The size of an upload that has no room.
const LARGE: usize = 2_000_000;

pub async fn full_disk() -> Figures {
    let folder = TempDir::new().expect("a folder");
    let _mount = Mount::tmpfs(folder.path(), "32m");
    let data = folder.path().join("data");
    let service = Start::on(&data).with(&ARGUMENTS).start();
    let bearer = service.token();
    let (client, ledger) = (Client::of(&service, &bearer), Ledger::new(&data, 0));
    let taken = ballast(folder.path().join("ballast"), 24 * 1024 * 1024);
    let load = Load::start(&client, &ledger, Excuse::Cannot);
    load.meets(&[507]).await;
    load.goes_on(5).await;
    load.stop().await;

    let rest = ballast(folder.path().join("rest"), usize::MAX);
    let refused = upload(&client, &ledger, LARGE).await;
    assert_eq!(refused, (507, "insufficient_storage".to_owned()));
    assert_eq!(ledger.places().iter().filter(|place| place.starts_with(".incoming")).count(), 0);
    let ready = client.readyz().await;
    assert!(ready.starts_with("503 storage failed"), "{ready}");
    let notified =
        ledger.files(0).into_iter().filter(|file| file.told() == Told::Notified).collect::<Vec<_>>();
    for file in &notified {
        let read = client.get(&ledger.address(file)).await.expect("an answer");
        assert!(read.status == 200 && read.body == file.plan.bytes(), "reading goes on");
    }
    rest.release();
    taken.release();
    let load = Load::start(&client, &ledger, Excuse::None);
    load.goes_on(20).await;
    load.stop().await;
    let mut figures = ledger.verify_all(&client).await;
    figures.note = format!(
        "refused with 507: {}, with 503: {}, read while full: {}, /readyz {ready}",
        ledger.count(507),
        ledger.count(503),
        notified.len()
    );
    service.terminate();
    figures
}

/// Signs and sends so many bytes.
async fn upload(client: &Client, ledger: &Ledger, size: usize) -> (u16, String) {
    let plan = Plan { size, ..ledger.fresh_plan() };
    let file = ledger.add(plan, &client.sign(&plan).await.expect("an answer"));
    let answer = client.upload(&file, plan.bytes()).await.expect("an answer");
    (answer.status, answer.code())
}

pub async fn full_registry() -> Figures {
    let folder = TempDir::new().expect("a folder");
    let (small, files) = (folder.path().join("small"), folder.path().join("files"));
    fs::create_dir(&small).expect("a folder");
    // Room for the log that SQLite writes before it empties it into the registry, 4 MB, when the ballast is gone.
    let _mount = Mount::tmpfs(&small, "16m");
    let data = small.join("data");
    let place = files.display().to_string();
    let start = Start::on(&data).with(&ARGUMENTS).with(&["--storage-local-path", &place]);
    let service = start.start();
    let bearer = service.token();
    let (client, ledger) = (Client::of(&service, &bearer), Ledger::of(&files, &data, 0, 10_000));
    let load = Load::start(&client, &ledger, Excuse::Cannot);
    load.goes_on(20).await;
    let taken = ballast(small.join("ballast"), usize::MAX);
    load.meets(&[503, 507]).await;
    load.begin_to_stop();
    load.stop().await;
    service.kill();
    let refusal = match start.attempt() {
        Ok(service) => {
            service.terminate();
            "it starts".to_owned()
        }
        Err(ended) => ended.sentence(),
    };
    taken.release();
    let service = start.start();
    let client = Client::of(&service, &bearer);
    // Full once more, and free again without a start.
    let taken = ballast(small.join("ballast"), usize::MAX);
    let load = Load::start(&client, &ledger, Excuse::Cannot);
    load.meets(&[503, 507]).await;
    taken.release();
    load.goes_on(20).await;
    load.stop().await;
    let load = Load::start(&client, &ledger, Excuse::None);
    load.goes_on(20).await;
    load.stop().await;
    let mut figures = ledger.verify_all(&client).await;
    figures.note = format!(
        "refused with 503: {}, with 507: {}, started while full: \"{}\"",
        ledger.count(503),
        ledger.count(507),
        without(&refusal, folder.path())
    );
    service.terminate();
    figures
}

/// A sentence without the name of the test's own folder.
pub fn without(sentence: &str, folder: &Path) -> String {
    sentence.replace(&folder.display().to_string(), "…")
}

pub async fn limited_files() -> Figures {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let service = Start::on(&data).with(&ARGUMENTS).start();
    let bearer = service.token();
    let (client, ledger) = (Client::of(&service, &bearer), Ledger::new(&data, 0));
    limit_files(&service, Some(300_000));
    let load = Load::start(&client, &ledger, Excuse::Cannot);
    load.meets(&[507]).await;
    load.stop().await;
    assert_eq!(upload(&client, &ledger, LARGE).await, (507, "insufficient_storage".to_owned()));
    // Nothing can be written, and the registry neither.
    let load = Load::start(&client, &ledger, Excuse::Cannot);
    load.goes_on(5).await;
    limit_files(&service, Some(0));
    load.meets(&[503, 507]).await;
    limit_files(&service, None);
    load.goes_on(20).await;
    load.stop().await;
    let load = Load::start(&client, &ledger, Excuse::None);
    load.goes_on(20).await;
    load.stop().await;
    eventually("nothing is left behind", || {
        !ledger.places().iter().any(|place| place.starts_with(".incoming"))
    })
    .await;
    let mut figures = ledger.verify_all(&client).await;
    figures.note = format!("refused with 507: {}, with 503: {}", ledger.count(507), ledger.count(503));
    service.terminate();
    figures
}

/// `ulimit -f` of a running process, in bytes.
fn limit_files(service: &Service, current: Option<u64>) {
    let limit = Rlimit { current, maximum: None };
    prlimit(Some(service.id()), Resource::Fsize, limit).expect("a limit");
}

pub async fn full_log() -> Figures {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let start = Start::on(&data).with(&ARGUMENTS).unlogged();
    let service = start.start();
    let bearer = service.token();
    let (client, ledger) = (Client::of(&service, &bearer), Ledger::new(&data, 0));
    let load = Load::start(&client, &ledger, Excuse::None);
    load.goes_on(40).await;
    load.stop().await;
    let figures = ledger.verify_all(&client).await;
    let second = start.attempt().err().expect("the folder is in use");
    assert_eq!(second.status.code(), Some(1), "no panic, though nobody hears why");
    service.terminate();
    assert!(ledger.files(0).iter().any(|file| file.plan.fate == Fate::Abandoned));
    Figures { note: "every line of the log failed".to_owned(), ..figures }
}
