//! A clock that jumps under a running service, by days, and back.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tempfile::TempDir;

use crate::content::Fate;
use crate::load::{Client, Excuse, Figures, File, Ledger, Load, Told, eventually};
use crate::service::Start;

/// The clock of a service, as an offset in a file that it reads each time it looks.
struct Clock(PathBuf);

impl Clock {
    /// Shows the time with `offset`, such as `+1d`.
    fn set(&self, offset: &str) {
        let fresh = self.0.with_extension("new");
        fs::write(&fresh, offset).expect("it is written");
        fs::rename(fresh, &self.0).expect("it is in place");
    }

    /// A start that looks at this clock. What is measured and not dated does not jump.
    fn given_to(&self, start: Start) -> Start {
        start
            .environment("LD_PRELOAD", &library())
            .environment("FAKETIME_TIMESTAMP_FILE", &self.0.display().to_string())
            .environment("FAKETIME_NO_CACHE", "1")
            .environment("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .environment("DONT_FAKE_MONOTONIC", "1")
            .environment("NO_FAKE_STAT", "1")
    }
}

/// The library of Debian's package `faketime`, or where `LIBFAKETIME` says.
fn library() -> String {
    let architecture = std::env::consts::ARCH;
    let debian = format!("/usr/lib/{architecture}-linux-gnu/faketime/libfaketime.so.1");
    let library = std::env::var("LIBFAKETIME").unwrap_or(debian);
    assert!(Path::new(&library).exists(), "install the package faketime: there is no {library}");
    library
}

pub async fn jumps() -> Figures {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let clock = Clock(folder.path().join("clock"));
    clock.set("+0");
    let start = clock.given_to(Start::on(&data).with(&["--gc-interval", "1s"]));
    let service = start.start();
    let bearer = service.token();
    let (client, ledger) = (Client::of(&service, &bearer), Ledger::new(&data, 0));
    let works = async |flows| {
        let load = Load::start(&client, &ledger, Excuse::None);
        load.goes_on(flows).await;
        load.stop().await;
    };
    works(30).await;
    let (early, late) = (signed(&client, &ledger).await, signed(&client, &ledger).await);
    let shown = ledger.files(0).into_iter().find(|file| file.told() == Told::Notified).expect("one");
    let address = address(&client, &shown).await;

    // By a day: nothing has expired, and nothing is old.
    for offset in ["+1d", "+0", "-1d"] {
        clock.set(offset);
        works(20).await;
        assert_eq!(client.get(&address).await.expect("an answer").status, 200, "{offset}");
    }
    assert_eq!(client.upload(&early, early.plan.bytes()).await.expect("an answer").status, 201);

    // What is older than 8 days at +9 d; all that comes after is younger.
    let old = ledger.len();
    // By more than tokens live, and less than what nobody notified is kept.
    clock.set("+156h");
    works(20).await;
    let refused = client.upload(&late, late.plan.bytes()).await.expect("an answer");
    assert_eq!((refused.status, refused.code().as_str()), (403, "token_expired"));
    let refused = client.get(&address).await.expect("an answer");
    assert_eq!((refused.status, refused.code().as_str()), (403, "token_expired"));
    assert_eq!(client.open(&shown).await.expect("an answer").status, 302, "and is given a new address");
    assert_eq!(
        client.notify(&early).await.expect("an answer").status,
        201,
        "what came in time is notified late"
    );

    // By more than what nobody notified is kept: that goes, and nothing else.
    let removed = abandoned(&ledger, 0..old);
    assert!(removed > 0, "there is something to be removed");
    clock.set("+9d");
    works(20).await;
    let young = abandoned(&ledger, old..ledger.len());
    eventually("what nobody notified is removed", || abandoned(&ledger, 0..old) == 0).await;
    assert_eq!(abandoned(&ledger, old..ledger.len()), young, "what is young stays");

    // And back: what was made meanwhile is of the future.
    clock.set("+0");
    works(20).await;
    let log = service.terminate();
    assert!(!log.contains("\"level\":\"ERROR\""), "{log}");

    let service = start.start();
    let kept: Vec<Rc<File>> =
        ledger.files(0).into_iter().filter(|file| file.told() == Told::Notified).collect();
    let mut figures = ledger.verify(&Client::of(&service, &bearer), &kept).await;
    figures.note = format!(
        "by +1 d, -1 d, +6.5 d, +9 d and back under load; of what nobody notified {removed} removed at +9 d"
    );
    service.terminate();
    figures
}

/// How many files that nobody notified are stored, of a part of all.
fn abandoned(ledger: &Ledger, part: Range<usize>) -> usize {
    let places = ledger.places();
    ledger.files(0)[part]
        .iter()
        .filter(|file| file.plan.fate == Fate::Abandoned && file.told() == Told::Uploaded)
        .filter(|file| places.iter().any(|place| *place == file.place()))
        .count()
}

/// A file that is signed and not yet sent, and is going to be notified.
async fn signed(client: &Client, ledger: &Ledger) -> Rc<File> {
    loop {
        let plan = ledger.fresh_plan();
        if plan.fate == Fate::Notified {
            return ledger.add(plan, &client.sign(&plan).await.expect("an answer"));
        }
    }
}

/// Where the service says that a file can be read.
async fn address(client: &Client, file: &File) -> String {
    let notified = client.notify(file).await.expect("an answer").json();
    let address = notified["presignedUrl"].as_str().expect("an address");
    address[address.find("/api/").expect("a path")..].to_owned()
}
