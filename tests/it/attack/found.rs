//! What was found by attacking the running server with fresh eyes, each of which is mended.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::process::Process;
use crate::support::raw::Raw;
use crate::support::{App, text};

/// Each parameter was looked for among all others, and each that was given twice had all of them read again: 56 KB took seconds.
#[actix_web::test]
async fn a_query_of_thousands_of_parameters_is_not_looked_through() {
    let app = App::start().await;
    let many: String = (0..8000).map(|index| format!("a{index}&a{index}&")).collect();
    for path in ["/api/attachments/read/public/avatar/x", "/api/attachments/read/private/table/x"] {
        let answer = app.get(&format!("{path}?{}", &many[..60_000]), &[]).await;
        let problem = answer.problem(400, "validation_error");
        assert_eq!(
            problem["errors"],
            json!([{"pointer": "/query", "message": "has more than 64 parameters"}])
        );
    }
    let few: String = (0..64).map(|index| format!("a{index}&")).collect();
    let path = format!("/api/attachments/read/public/avatar/x?{}", few.trim_end_matches('&'));
    app.get(&path, &[]).await.problem(404, "not_found");
}

/// Each wrong field of a body costs another look at all of it.
#[actix_web::test]
async fn a_body_with_thousands_of_wrong_fields_is_given_up() {
    let app = App::start().await;
    let mut wish: serde_json::Map<String, Value> =
        (0..1000).map(|index| (format!("a{index}"), Value::Null)).collect();
    wish.insert("contentLength".to_owned(), json!("x"));
    let problem = app.sign(&Value::Object(wish)).await.problem(400, "validation_error");
    let told = problem["errors"].as_array().expect("errors").len();
    assert!((1..=32).contains(&told), "{told}");
}

/// A client that takes no answers was read on all the same, and what it sent was kept as requests: 39 MB for each connection. Later still where the
/// body before them came in chunks, and 2.7 MB of what fitted into 8 KiB.
#[actix_web::test]
async fn a_client_that_takes_no_answers_is_not_read_on() {
    const CONNECTIONS: usize = 20;
    let folder = TempDir::new().expect("a folder");
    let service = Process::start(folder.path(), &[]);
    let pid = service.child.id();
    let origin = service.origin.clone();
    let head = |headers: &str| format!("GET /readyz HTTP/1.1\r\nHost: x\r\n{headers}x: ");
    let chunked = head("Transfer-Encoding: chunked\r\n");
    let firsts = [
        ("", String::new()),
        // The first read has it alone.
        (" behind chunks", format!("{chunked}{:a<1$}\r\n\r\n0\r\n\r\n", "", 8192 - chunked.len() - 9)),
        (" behind a length", head("Content-Length: 3\r\n") + "\r\n\r\nabc"),
    ];
    for (how, first) in firsts {
        let before = resident(pid);
        let requests = first
            + "GET /assets/scalar.js HTTP/1.1\r\nHost: x\r\n\r\n"
            + &"GET / HTTP/1.1\nHost:x\n\n".repeat(30_000);
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            let (mut client, requests) = (Raw::narrow(&origin).await, requests.clone());
            clients.push(actix_web::rt::spawn(async move {
                client.send(requests).await;
                client
            }));
        }
        // The service goes on for the others.
        for _ in 0..50 {
            assert_eq!(crate::support::send("GET", &format!("{origin}/healthz"), &[], "").await.status, 200);
        }
        let after = resident(pid);
        println!(
            "pipelined{how} and never read, {CONNECTIONS} connections: {before} KiB before, {after} KiB after"
        );
        assert!(after.saturating_sub(before) < 30_000, "{before} KiB became {after}{how}");
        clients.iter().for_each(actix_web::rt::task::JoinHandle::abort);
    }
    actix_web::web::block(move || service.kill()).await.expect("it ends");
}

fn resident(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a figure");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// What is pipelined comes out in order and whole, however far ahead the client is.
#[actix_web::test]
async fn a_client_far_ahead_gets_every_answer() {
    const REQUESTS: usize = 3000;
    let app = App::start().await;
    let mut client = Raw::open(&app.origin).await;
    let last = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    client.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".repeat(REQUESTS) + last).await;
    let answers = String::from_utf8(client.rest().await).expect("text");
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), REQUESTS + 1);
}

/// In a folder that others can look into, the registry was theirs to read.
#[actix_web::test]
async fn nobody_else_reads_the_registry() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("a folder");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).expect("open to all");
    let service = Process::start(folder.path(), &[]);
    for entry in fs::read_dir(&data).expect("a folder") {
        let entry = entry.expect("an entry");
        let metadata = entry.metadata().expect("metadata");
        if metadata.is_file() {
            assert_eq!(metadata.permissions().mode() & 0o077, 0, "{}", entry.path().display());
        }
    }
    actix_web::web::block(move || service.kill()).await.expect("it ends");
}

/// With one upload token, and no other, all places for uploads could be taken, and all room on the disk.
#[actix_web::test]
async fn one_upload_token_takes_one_place() {
    let app = App::start_with(&["--max-parallel-uploads", "2"]).await;
    let signed = app.sign(&json!({"contentType": "", "contentLength": 5, "type": 1})).await.json();
    let path = text(&signed["url"]).trim_start_matches(&app.origin);
    let mut clients = Vec::new();
    for _ in 0..5 {
        let mut client = Raw::open(&app.origin).await;
        client.send(format!("PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n1")).await;
        clients.push(client);
    }
    let incoming = app.folder.path().join("data/files/.incoming");
    for _ in 0..10 {
        app.upload("", 1, b"another's").await;
    }
    assert!(fs::read_dir(incoming).expect("a folder").count() <= 2);
    // Each gets its turn, in whatever order.
    for client in &mut clients {
        client.send("2345").await;
    }
    for mut client in clients {
        assert!(client.head().await.starts_with("HTTP/1.1 201"));
    }
}

/// They waited in any number, each with a connection and what had come of it.
#[actix_web::test]
async fn few_uploads_wait_for_another_of_their_name() {
    let app = App::start().await;
    let signed = app.sign(&json!({"contentType": "", "contentLength": 5, "type": 1})).await.json();
    let path = text(&signed["url"]).trim_start_matches(&app.origin);
    let begin = format!("PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n");
    let mut waiting = Vec::new();
    for _ in 0..40 {
        let mut client = Raw::open(&app.origin).await;
        client.send(&begin).await;
        waiting.push(client);
    }
    let begun = Instant::now();
    while waiting.len() > 32 && begun.elapsed() < Duration::from_secs(20) {
        let mut client = waiting.remove(0);
        if client.hears(Duration::from_millis(10)).await {
            let head = client.head().await;
            assert!(head.starts_with("HTTP/1.1 503") && head.contains("retry-after: "), "{head}");
        } else {
            waiting.push(client);
        }
    }
    assert_eq!(waiting.len(), 32, "the others were told to come back");
    for client in &mut waiting {
        client.send("12345").await;
    }
    for mut client in waiting {
        assert!(client.head().await.starts_with("HTTP/1.1 201"));
    }
}

/// An id is no secret: it stands in the token of every upload. Whoever knows it does not act in its name.
#[actix_web::test]
async fn a_known_id_with_a_wrong_secret_leaves_no_trace_in_its_name() {
    let folder = TempDir::new().expect("a folder");
    let audit = folder.path().join("audit").display().to_string();
    let app = App::start_with(&["--audit-log", &audit]).await;
    let (id, _) = app.bearer.rsplit_once('_').expect("an id");
    let wish = json!({"contentType": "", "contentLength": 1, "type": 1});
    app.sign_as(&format!("{id}_{}", "0".repeat(64)), &wish).await.problem(401, "unauthorized");
    let signed = app.sign(&wish).await.json();
    assert!(!text(&signed["token"]).is_empty());
    let log = || async { fs::read_to_string(&audit).is_ok_and(|log| log.contains("getSignature")) };
    crate::support::eventually("the signature is recorded", log).await;
    let log = fs::read_to_string(&audit).expect("a log");
    assert_eq!(log.lines().count(), 1, "{log}");
}
