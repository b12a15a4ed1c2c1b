//! The log and the audit log of the real binary while nobody reads them: no request waits for a
//! reader.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::process::{Process, binary, run};
use crate::support::{eventually, send};

/// More lines than the pipe (64 KiB), the writer's buffer and the queue hold together.
const REQUESTS: usize = 20_000;

/// A request that is not answered for as long as this is one that waits for the log.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends so many requests for `/healthz` on one connection, some at a time, and reads every answer.
fn ask(service: &Process, requests: usize) {
    const AT_ONCE: usize = 20;
    let request = "GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n";
    let address = service.origin.trim_start_matches("http://");
    let mut connection = TcpStream::connect(address).expect("a connection");
    connection.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut block = vec![0; 64 * 1024];
    for done in (0..requests).step_by(AT_ONCE) {
        connection.write_all(request.repeat(AT_ONCE).as_bytes()).expect("it is sent");
        let mut answers = Vec::new();
        while answers.windows(7).filter(|part| part == b"\r\n\r\nok\n").count() < AT_ONCE {
            let read = connection.read(&mut block);
            let read = read.unwrap_or_else(|error| panic!("no answer after {done} requests: {error}"));
            assert!(read > 0, "the connection ended after {done} requests");
            answers.extend_from_slice(&block[..read]);
        }
    }
}

async fn metric(service: &Process, name: &str) -> u64 {
    let page = send("GET", service.metrics_url(), &[], "").await.body;
    let page = String::from_utf8(page.to_vec()).expect("text");
    let line = page.lines().find(|line| line.starts_with(&format!("{name} ")));
    let line = line.unwrap_or_else(|| panic!("there is no metric {name}"));
    line.rsplit(' ').next().expect("a value").parse().expect("a number")
}

const LOST: &str = "attachments_log_lines_lost_total";

/// Text of the notice of lost lines.
const NOTICE: &str = "log lines were lost";

/// Waits until the notice is in the log.
fn wait_for_notice(chunks: &Receiver<String>) {
    let mut seen = String::new();
    let begun = Instant::now();
    while !seen.lines().any(|line| line.contains(NOTICE)) {
        assert!(begun.elapsed() < PATIENCE, "there is no notice");
        seen.push_str(&chunks.recv_timeout(PATIENCE).expect("the log goes on"));
    }
}

async fn nobody_reads(format: &str) -> (String, u64) {
    let folder = TempDir::new().expect("a folder");
    let arguments = ["--log-format", format, "--metrics-address", "127.0.0.1:0"];
    let mut service = Process::start_unread(folder.path(), &arguments);
    ask(&service, REQUESTS);
    let lost = metric(&service, LOST).await;
    assert!(lost > 0 && lost < REQUESTS as u64, "{lost}");

    let chunks = service.read_log();
    wait_for_notice(&chunks);
    eventually("nothing more is lost while somebody reads", || async {
        let lost = metric(&service, LOST).await;
        ask(&service, 20);
        metric(&service, LOST).await == lost
    })
    .await;
    let lost = metric(&service, LOST).await;
    (service.terminate(), lost)
}

#[actix_web::test]
async fn requests_are_answered_while_nobody_reads_the_json_log() {
    let (log, lost) = nobody_reads("json").await;
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("whole lines of JSON")).collect();
    let notices: Vec<_> = lines
        .iter()
        .filter(|line| line["message"].as_str().is_some_and(|text| text.contains(NOTICE)))
        .collect();
    let told: u64 = notices.iter().map(|line| line["lost"].as_u64().expect("a number")).sum();
    assert_eq!(told, lost, "{notices:?}");
    // All requests came one after the other, and their ids grow with time.
    let ids: Vec<_> =
        lines.iter().filter(|line| line["route"] == "/healthz").map(|line| &line["request"]).collect();
    assert!(ids.len() > 1_000, "{}", ids.len());
    assert!(ids.is_sorted_by_key(|id| id.as_str()), "the lines are in order");
    assert_eq!(lines.last().expect("a line")["message"], "stopped");
}

#[actix_web::test]
async fn requests_are_answered_while_nobody_reads_the_text_log() {
    let (log, lost) = nobody_reads("text").await;
    let notices = log.lines().filter_map(|line| line.split_once(&format!(" {NOTICE}")));
    let told = notices.map(|(before, _)| before.rsplit(' ').next().expect("a word"));
    let told: u64 = told.map(|number| number.parse::<u64>().expect("a number")).sum();
    assert_eq!(told, lost, "{log}");
    assert!(log.lines().last().expect("a line").ends_with("stopped"));
}

#[actix_web::test]
async fn a_log_that_cannot_be_written_is_counted() {
    let folder = TempDir::new().expect("a folder");
    let full = || std::fs::File::options().write(true).open("/dev/full").expect("a full device");
    let arguments = ["--metrics-address", "127.0.0.1:0"];
    let service = Process::start_unread_to(full().into(), folder.path(), &arguments);
    ask(&service, 100);
    eventually("every line is counted", || async { metric(&service, LOST).await >= 100 }).await;
    ends(service).await;
}

/// Waits for the end of a service that was told to stop.
async fn ends(mut service: Process) {
    service.signal(Signal::TERM);
    eventually("it ends", || {
        let ended = service.child.try_wait().expect("a child").is_some();
        async move { ended }
    })
    .await;
    assert!(service.child.wait().expect("it has ended").success());
}

#[actix_web::test]
async fn a_service_whose_log_nobody_reads_stops_when_it_is_told_to() {
    let folder = TempDir::new().expect("a folder");
    let service = Process::start_unread(folder.path(), &[]);
    ask(&service, REQUESTS);
    ends(service).await;
}

/// The audit log's records go to stderr, too.
#[actix_web::test]
async fn requests_are_answered_while_nobody_reads_the_audit_log() {
    let folder = TempDir::new().expect("a folder");
    let arguments = ["--audit-log", "-", "--log", "off", "--metrics-address", "127.0.0.1:0"];
    let service = Process::start_unread(folder.path(), &arguments);
    let bearer = format!("Bearer {}", service.token());
    let url = format!("{}/api/attachments/signature", service.origin);
    let wish = json!({"contentType": "", "contentLength": 1, "type": 1}).to_string();
    let lost = "attachments_audit_records_total{result=\"lost\"}";
    let begun = Instant::now();
    let (mut slow, mut sent) = (0, 0);
    while metric(&service, lost).await < 20 {
        let asked = async |_| {
            let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
            let begun = Instant::now();
            assert_eq!(send("POST", &url, &headers, wish.clone()).await.status, 201);
            begun.elapsed()
        };
        let took = futures_util::future::join_all((0..10).map(asked)).await;
        sent += took.len();
        slow += took.iter().filter(|took| **took > Duration::from_millis(900)).count();
        assert!(took.iter().all(|took| *took < PATIENCE), "{took:?}");
        assert!(begun.elapsed() < Duration::from_mins(2), "{sent} requests lose no record");
    }
    assert!(slow <= 10, "{slow} of {sent} requests waited for the audit log: the first ones alone should");
    ends(service).await;
}

/// A terminal that was stopped with Ctrl-S takes neither the log nor the welcome.
#[actix_web::test]
async fn a_service_whose_welcome_nobody_reads_serves() {
    let folder = TempDir::new().expect("a folder");
    let port = crate::support::free_port();
    let (_unread, full) = full_pipe();
    let mut command = binary();
    command.current_dir(folder.path()).args(["--port", &port.to_string()]);
    let mut child = command.stdout(full).stderr(Stdio::null()).spawn().expect("it starts");
    let url = format!("http://127.0.0.1:{port}/healthz");
    eventually("it serves", || async {
        crate::support::try_send("GET", &url, &[], "").await.is_ok_and(|answer| answer.status == 200)
    })
    .await;
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, Signal::TERM).expect("a signal");
    eventually("it ends", || {
        let ended = child.try_wait().expect("a child").is_some();
        async move { ended }
    })
    .await;
    let next = Process::start(folder.path(), &[]);
    assert!(next.welcome.contains("tat_"), "the first token, which nobody saw, was taken back");
    next.terminate();
}

#[actix_web::test]
async fn a_first_token_that_cannot_be_audited_is_taken_back() {
    let folder = TempDir::new().expect("a folder");
    let (_unread, full) = full_pipe();
    let mut command = binary();
    command.current_dir(folder.path()).args(["--port", "0", "--audit-log", "-", "--log", "off"]);
    let mut child = command.stdout(Stdio::null()).stderr(full).spawn().expect("it starts");
    eventually("it ends", || {
        let ended = child.try_wait().expect("a child").is_some();
        async move { ended }
    })
    .await;
    assert_eq!(child.wait().expect("it has ended").code(), Some(1));
    let next = Process::start(folder.path(), &[]);
    assert!(next.welcome.contains("tat_"), "the next start makes another");
    next.terminate();
}

#[test]
fn an_audit_log_in_a_pipe_without_a_reader_is_an_error_of_the_start() {
    let folder = TempDir::new().expect("a folder");
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)
        .expect("a pipe");
    let refused = run(folder.path(), &["--port", "0", "--audit-log", "pipe"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("AUDIT_LOG cannot be written to"), "{said}");
}

/// A pipe that takes nothing more, and the end that would be read.
fn full_pipe() -> (std::io::PipeReader, std::io::PipeWriter) {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let flags = rustix::fs::fcntl_getfl(&writer).expect("flags");
    rustix::fs::fcntl_setfl(&writer, flags | rustix::fs::OFlags::NONBLOCK).expect("flags");
    while writer.write(&[b'x'; 4096]).is_ok() {}
    while writer.write(b"x").is_ok() {}
    rustix::fs::fcntl_setfl(&writer, flags).expect("flags");
    (reader, writer)
}
