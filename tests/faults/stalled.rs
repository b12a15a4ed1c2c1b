//! A disk that does not answer: an ext4 of the test's own, which is frozen.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tempfile::TempDir;

use crate::client::Answer;
use crate::content::Plan;
use crate::load::{Client, Excuse, Figures, File, Ledger, Load, eventually};
use crate::mount::Mount;
use crate::service::Start;

/// The service waits 60 s for the disk.
const LATE: Duration = Duration::from_secs(90);

/// Answered without a wait for the disk.
const AT_ONCE: Duration = Duration::from_secs(5);

pub async fn stalled_disk() -> Figures {
    let folder = TempDir::new().expect("a folder");
    let (data, files) = (folder.path().join("data"), folder.path().join("files"));
    std::fs::create_dir(&files).expect("a folder");
    let mount = Mount::ext4(&folder.path().join("disk"), &files);
    let place = files.display().to_string();
    let arguments = ["--storage-local-path", &place, "--min-free-disk", "0", "--max-parallel-uploads", "3"];
    let service = Start::on(&data).with(&arguments).start();
    let bearer = service.token();
    let (client, ledger) = (Client::patient(&service, &bearer, LATE), Ledger::of(&files, &data, 0, 300_000));
    let load = Load::start(&client, &ledger, Excuse::Cannot);
    load.goes_on(20).await;
    load.stop().await;
    let Some(mount) = mount else {
        let mut figures = ledger.verify_all(&client).await;
        figures.note = "NOT FROZEN: only root of the machine can mount an ext4".into();
        service.terminate();
        return figures;
    };

    // One waits for its block to be written, and two for their publish.
    let mut stuck = Vec::new();
    for size in [2_000_000, 10_000, 0] {
        let plan = Plan { size, ..ledger.fresh_plan() };
        let file = ledger.add(plan, &client.sign(&plan).await.expect("an answer"));
        stuck.push(file);
    }
    let frozen = mount.freeze();
    let begun = Instant::now();
    let send = |file: &std::rc::Rc<File>| {
        let (client, file) = (client.clone(), file.clone());
        async move { client.upload(&file, file.plan.bytes()).await.expect("an answer") }
    };
    let answers: Vec<Answer> = join_all(stuck.iter().map(send)).await;
    let waited = begun.elapsed();
    for answer in &answers {
        assert!(answer.cannot(), "{answer:?}");
    }
    // Their threads still wait for the disk, and no other upload may begin to.
    let begun = Instant::now();
    let busy = send(&stuck[1]).await;
    assert!(busy.cannot() && begun.elapsed() < AT_ONCE, "{busy:?} after {:?}", begun.elapsed());
    assert_eq!(client.get("/healthz").await.expect("an answer").status, 200);
    let read = ledger.files(0).into_iter().find(|file| file.told() == crate::load::Told::Notified);
    let read = client.get(&ledger.address(&read.expect("a file"))).await.expect("an answer");
    assert_eq!(read.status, 200, "what is in memory is read");
    drop(frozen);

    // An upload that was given up is published whole or not at all, and can be sent again.
    eventually("the threads go on", || ledger.places().iter().all(|place| !place.starts_with(".incoming")))
        .await;
    for file in &stuck {
        let again = send(file).await;
        assert_eq!(again.status, 201, "{again:?}");
    }
    // More at once than may upload.
    let load = Load::start(&client, &ledger, Excuse::Cannot);
    load.goes_on(20).await;
    load.stop().await;
    let mut figures = ledger.verify_all(&client).await;
    figures.note = format!("3 uploads answered 503 after {} s, the next at once", waited.as_secs());
    service.terminate();
    figures
}
