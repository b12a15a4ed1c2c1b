//! A process that may open few files, and many clients.

use std::fs;
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, prlimit};
use tempfile::TempDir;

use crate::load::{Client, Excuse, Figures, Ledger, Load, eventually};
use crate::service::Start;

/// How many files the process may open beyond those of its start, whose number is that of its threads. Enough for the load alone.
const FILES: u64 = 120;

/// How many clients connect and say nothing.
const SILENT: usize = 300;

/// How often it is to be refused a file by the system, to accept a connection with.
const REFUSED: usize = 4;

/// What the system says to it.
const SAID: &str = "Too many open files";

pub async fn run_out() -> Figures {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let service = Start::on(&data).start();
    let open =
        fs::read_dir(format!("/proc/{}/fd", service.id().as_raw_nonzero())).expect("it is there").count();
    let current = Some(open as u64 + FILES);
    prlimit(Some(service.id()), Resource::Nofile, Rlimit { current, maximum: current }).expect("a limit");
    let bearer = service.token();
    // A connection that is not accepted is never answered.
    let client = Client::patient(&service, &bearer, Duration::from_secs(2));
    let ledger = Ledger::new(&data, 0);
    let load = Load::start(&client, &ledger, Excuse::Silence);
    load.goes_on(20).await;
    let address = service.origin.strip_prefix("http://").expect("an address");
    let silent: Vec<TcpStream> =
        (0..SILENT).map(|_| TcpStream::connect(address).expect("a connection")).collect();
    eventually("it runs out", || service.log().matches(SAID).count() >= REFUSED).await;
    drop(silent);
    load.goes_on(40).await;
    load.stop().await;

    let client = Client::of(&service, &bearer);
    let load = Load::start(&client, &ledger, Excuse::None);
    load.goes_on(40).await;
    load.stop().await;
    let log = service.log();
    let (lines, answers) = (log.lines().count(), ledger.answers() as usize);
    // One line for each answer and one for each failure, and no loop of them.
    assert!(lines < 3 * answers + SILENT, "{lines} lines of log for {answers} answers");
    let mut figures = ledger.verify_all(&client).await;
    figures.note = format!(
        "{SILENT} silent clients, {FILES} files: 503 {}, unanswered {}, {lines} lines of log for {answers} answers",
        ledger.count(503),
        ledger.unanswered()
    );
    service.terminate();
    figures
}
