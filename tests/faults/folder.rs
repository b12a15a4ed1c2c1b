//! The data folder: read-only, moved away, wanted by two; and a process that is stopped for a while.

use std::fs;
use std::time::{Duration, Instant};

use actix_web::rt::time::sleep;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::load::{Client, Excuse, Figures, File, Ledger, Load, Told};
use crate::mount::Mount;
use crate::room::without;
use crate::service::{Service, Start};

/// How long the process is stopped.
const STOPPED: Duration = Duration::from_secs(3);

/// A service that has some files, on a folder.
struct Ground {
    folder: TempDir,
    start: Start,
    service: Service,
    bearer: String,
    client: Client,
    ledger: Ledger,
}

impl Ground {
    async fn with_files() -> Self {
        let folder = TempDir::new().expect("a folder");
        let data = folder.path().join("data");
        let start = Start::on(&data);
        let service = start.start();
        let bearer = service.token();
        let (client, ledger) = (Client::of(&service, &bearer), Ledger::new(&data, 0));
        let ground = Self { folder, start, service, bearer, client, ledger };
        ground.works(30).await;
        ground
    }

    /// All goes well again.
    async fn works(&self, flows: u32) {
        let load = Load::start(&self.client, &self.ledger, Excuse::None);
        load.goes_on(flows).await;
        load.stop().await;
    }

    /// Ends it and starts it again: it has one connection to its registry then.
    fn restarted(self) -> Self {
        let Self { folder, start, service, bearer, ledger, .. } = self;
        service.terminate();
        let service = start.start();
        let client = Client::of(&service, &bearer);
        Self { folder, start, service, bearer, client, ledger }
    }

    fn notified(&self) -> Vec<std::rc::Rc<File>> {
        self.ledger.files(0).into_iter().filter(|file| file.told() == Told::Notified).collect()
    }
}

pub async fn read_only() -> Figures {
    let ground = Ground::with_files().await;
    let Ground { folder, client, ledger, .. } = &ground;
    let data = folder.path().join("data");

    // The files alone.
    let mount = Mount::read_only(&data.join("files"));
    let load = Load::start(client, ledger, Excuse::Cannot);
    load.meets(&[503, 507]).await;
    load.stop().await;
    let ready = client.readyz().await;
    assert_eq!(ready, "503 storage failed, registry ok");
    reads_go_on(&ground).await;
    drop(mount);
    ground.works(20).await;
    // One probe a second answers all.
    let begun = Instant::now();
    while client.readyz().await != "200 storage ok, registry ok" {
        assert!(begun.elapsed() < Duration::from_secs(10), "the storage is ready again");
        ground.works(1).await;
    }

    // The registry too: what it opens from now on can only be read.
    let ground = ground.restarted();
    let Ground { client, ledger, .. } = &ground;
    let mount = Mount::read_only(&data);
    let load = Load::start(client, ledger, Excuse::Cannot);
    load.meets(&[503, 507]).await;
    load.stop().await;
    reads_go_on(&ground).await;
    drop(mount);
    // Each connection of that time may fail once.
    let load = Load::start(client, ledger, Excuse::Cannot);
    load.is_well_again().await;
    load.stop().await;
    ground.works(50).await;

    let Ground { folder, start, service, bearer, ledger, .. } = ground;
    service.terminate();
    let mount = Mount::read_only(&data);
    let refusal = start.refusal();
    drop(mount);
    let service = start.start();
    let mut figures = ledger.verify_all(&Client::of(&service, &bearer)).await;
    service.terminate();
    figures.note = format!(
        "refused with 503: {}, /readyz {ready}, started on it: \"{}\"",
        ledger.count(503),
        without(&refusal, folder.path())
    );
    figures
}

async fn reads_go_on(ground: &Ground) {
    for file in ground.notified() {
        let read = ground.client.get(&ground.ledger.address(&file)).await.expect("an answer");
        assert!(read.status == 200 && read.body == file.plan.bytes(), "{read:?}");
    }
}

pub async fn moved_away() -> Figures {
    let ground = Ground::with_files().await;
    let Ground { folder, client, ledger, .. } = &ground;
    let (data, away) = (folder.path().join("data"), folder.path().join("away"));
    let files = ground.notified();
    for (place, elsewhere) in [(data.join("files"), &away), (data.clone(), &away)] {
        let addresses: Vec<String> = files.iter().map(|file| ledger.address(file)).collect();
        fs::rename(&place, elsewhere).expect("it is moved");
        for (file, address) in files.iter().zip(&addresses).take(10) {
            for answer in [client.get(address).await, client.open(file).await, client.notify(file).await] {
                let answer = answer.expect("an answer");
                assert!(answer.cannot(), "a file on a disk that is away is not missing: {answer:?}");
            }
        }
        let plan = ledger.fresh_plan();
        let refused = client.sign(&plan).await.expect("an answer");
        assert_eq!(refused.status, 201, "{refused:?}");
        assert!(!place.exists(), "nothing is made in its place");
        fs::rename(elsewhere, &place).expect("it is moved back");
        ground.works(20).await;
    }
    let mut figures = ledger.verify_all(client).await;
    figures.note += "503 while it was away, for files and for all";
    ground.service.terminate();
    figures
}

pub async fn stopped_and_doubled() -> Figures {
    let ground = Ground::with_files().await;
    let load = Load::start(&ground.client, &ground.ledger, Excuse::Cannot);
    load.goes_on(10).await;
    // What waits for the registry for so long is told that it cannot now.
    ground.service.signal(Signal::STOP);
    // The time is the fault itself.
    sleep(STOPPED).await;
    ground.service.signal(Signal::CONT);
    load.goes_on(10).await;
    let refusal = ground.start.refusal();
    assert!(refusal.starts_with("another process already serves the files"), "{refusal}");
    load.goes_on(10).await;
    load.stop().await;
    let mut figures = ground.ledger.verify_all(&ground.client).await;
    figures.note = format!(
        "stopped for {} s, the second process: \"{}\"",
        STOPPED.as_secs(),
        without(&refusal, ground.folder.path())
    );
    ground.service.terminate();
    figures
}
