//! SIGKILL at any moment: under load, and during a start.

use std::env;
use std::path::Path;
use std::time::Duration;

use actix_web::rt::time::sleep;
use tempfile::TempDir;

use crate::backup::Backup;
use crate::content::Random;
use crate::load::{Client, Excuse, Figures, Ledger, Load};
use crate::service::Start;

/// Number of kills if `FAULTS_KILLS` names no other. One in eight is during a start, the others are
/// under load.
const KILLS: u64 = 40;

/// How often the first start is killed.
const FIRST_STARTS: u64 = 12;

/// The longest time under load.
const LOAD: u64 = 400;

/// The longest time of a start, which is over in less.
const START: u64 = 120;

/// The number in an environment variable.
fn given(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

/// The seed of the moments, to have them again.
fn seed() -> u64 {
    given("FAULTS_SEED").unwrap_or_else(|| u64::from(std::process::id()))
}

async fn kill_after(random: &mut Random, start: &Start) {
    let mut child = start.spawn();
    // The moment is the fault itself.
    sleep(Duration::from_millis(random.below(START))).await;
    child.kill().expect("SIGKILL");
    child.wait().expect("it ends");
}

pub async fn killed_again_and_again() -> Figures {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let (seed, start) = (seed(), Start::on(&data));
    let mut random = Random::new(seed);
    let ledger = Ledger::new(&data, 0);
    let mut service = start.start();
    let bearer = service.token();
    let (mut from, mut during_starts, mut underway) = (0, 0, 0);
    let (mut backups, mut in_backups) = (0, 0);
    let mut worst = Figures::default();
    let kills = given("FAULTS_KILLS").unwrap_or(KILLS);
    for kill in 0..kills {
        if kill % 8 == 7 {
            service.kill();
            kill_after(&mut random, &start).await;
            during_starts += 1;
        } else {
            let load = Load::start(&Client::of(&service, &bearer), &ledger, Excuse::Silence);
            let before = ledger.unanswered();
            // The backup begins before the kill, and may end after it.
            let life = random.below(LOAD);
            let delay = random.below(life + 1);
            let backup = Backup::start(&data, folder.path(), &ledger, Duration::from_millis(delay)).await;
            sleep(Duration::from_millis(life - delay)).await;
            load.begin_to_stop();
            service.kill();
            load.stop().await;
            underway += ledger.unanswered() - before;
            let (had, missing) = backup.end().await;
            (backups, in_backups, worst.lost) = (backups + 1, in_backups + had, worst.lost + missing);
        }
        service = start.start();
        nothing_comes(&ledger);
        let figures = ledger.verify(&Client::of(&service, &bearer), &ledger.files(from)).await;
        worst.lost += figures.lost;
        worst.partial += figures.partial;
        from = ledger.len();
    }
    let mut figures = ledger.verify_all(&Client::of(&service, &bearer)).await;
    service.terminate();
    figures.lost += worst.lost;
    figures.partial += worst.partial;
    figures.note = format!(
        "{kills} kills, {during_starts} of them during a start, {underway} requests cut off, {backups} foreign backups that had to \
         have {in_backups} files, FAULTS_SEED={seed}"
    );
    assert!(underway > 0, "a kill that cuts nothing off tells nothing");
    figures
}

/// What was still coming is cleared at the start.
fn nothing_comes(ledger: &Ledger) {
    let coming = ledger.places().into_iter().filter(|place| place.starts_with(".incoming")).count();
    assert_eq!(coming, 0, "what was unfinished is cleared");
}

pub async fn killed_at_the_first_start() -> Figures {
    let seed = seed();
    let mut random = Random::new(!seed);
    let mut whole = Figures::default();
    let mut in_backups = 0;
    for round in 0..FIRST_STARTS {
        let folder = TempDir::new().expect("a folder");
        let data = folder.path().join("data");
        let start = Start::on(&data);
        // In every other round the first start is the one that serves.
        if round % 2 == 0 {
            kill_after(&mut random, &start).await;
        }
        let service = start.start();
        // The first token may have been made and not been shown.
        let bearer = new_token(&data);
        let (client, ledger) = (Client::of(&service, &bearer), Ledger::new(&data, 0));
        let load = Load::start(&client, &ledger, Excuse::None);
        for _ in 0..2 {
            load.goes_on(1).await;
            let backup = Backup::start(&data, folder.path(), &ledger, Duration::ZERO).await;
            let (had, missing) = backup.end().await;
            (in_backups, whole.lost) = (in_backups + had, whole.lost + missing);
        }
        load.goes_on(1).await;
        load.stop().await;
        service.kill();
        let service = start.start();
        whole = whole.and(&ledger.verify_all(&Client::of(&service, &bearer)).await);
        service.kill();
    }
    whole.note = format!(
        "{FIRST_STARTS} first starts, half of them killed, each with 2 foreign backups that had to have {in_backups} files in all"
    );
    whole
}

fn new_token(data: &Path) -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_teable-attachments"))
        .env_clear()
        .args(["token", "create", "--name", "faults", "--data-dir"])
        .arg(data)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}
