//! Each limit: what is beyond it is told in the documented way, leaves nothing behind, and others do not notice.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use actix_web::rt::time::timeout;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use teable_attachments::domain::BaseScope;
use tempfile::TempDir;

use crate::support::raw::Raw;
use crate::support::{Answer, App, access_token, eventually, put, send, text};

/// Longer than any of these takes, but for a machine that has much else to do.
const SOON: Duration = Duration::from_secs(20);

async fn soon<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    timeout(SOON, waiting).await.unwrap_or_else(|_| panic!("{what}: not within {SOON:?}"))
}

fn wish(size: usize) -> Value {
    json!({"contentType": "text/plain", "contentLength": size, "type": 1})
}

async fn signed(app: &App, size: usize) -> Value {
    let signed = app.sign(&wish(size)).await;
    assert_eq!(signed.status, 201, "{signed:?}");
    signed.json()
}

/// The headers of an upload of so many bytes.
fn upload_head(signed: &Value, size: usize) -> String {
    let path = text(&signed["url"]).splitn(4, '/').nth(3).expect("a path");
    format!(
        "PUT /{path} HTTP/1.1\r\nHost: test\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n\r\n"
    )
}

/// The problem in a raw answer.
fn problem(head: &str, body: &[u8], status: u16, code: &str) {
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    let problem: Value = serde_json::from_slice(body).expect("a problem");
    assert_eq!((&problem["status"], &problem["code"]), (&json!(status), &json!(code)), "{problem}");
    let id = text(&problem["instance"]).trim_start_matches("urn:uuid:");
    assert!(head.contains(&format!("x-request-id: {id}")), "{head}");
}

#[actix_web::test]
async fn headers_that_do_not_come_cost_the_connection() {
    let app = App::start_with(&["--header-timeout", "1s", "--keep-alive-timeout", "1h"]).await;
    let mut first = Raw::open(&app.origin).await;
    first.send("GET /healthz HTTP/1.1\r\nHost: te").await;
    let mut later = Raw::open(&app.origin).await;
    later.send("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert!(later.head().await.starts_with("HTTP/1.1 200 "));
    later.send("GET /healthz HTTP/1.1\r\nHost: te").await;
    let mut idle = Raw::open(&app.origin).await;
    idle.send("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    idle.head().await;

    let told = soon("the first request's headers", first.rest()).await;
    assert!(told.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&told));
    assert_eq!(soon("a later request's headers", later.rest()).await, b"ok\n");
    idle.send("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert!(idle.head().await.ends_with("\r\n\r\n"), "one that says nothing stays");
}

#[actix_web::test]
async fn a_connection_that_says_nothing_ends() {
    let app = App::start_with(&["--header-timeout", "1s", "--keep-alive-timeout", "1s"]).await;
    let mut idle = Raw::open(&app.origin).await;
    idle.send("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    idle.head().await;
    assert_eq!(soon("the end", idle.rest()).await, b"ok\n");
}

#[actix_web::test]
async fn a_body_that_nobody_reads_does_not_keep_a_connection() {
    let app = App::start_with(&["--header-timeout", "1s", "--keep-alive-timeout", "1s"]).await;
    let paths = ["/healthz", "/api/attachments/notify/x", "/api/attachments/x", "/api/attachments/signature"];
    join_all(paths.map(|path| endless_bodies(&app, path))).await;
}

async fn endless_bodies(app: &App, path: &str) {
    let pause = Duration::from_millis(20);
    let chunked = format!("POST {path} HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut endless = Raw::open(&app.origin).await;
    endless.send(&chunked).await;
    soon(path, endless.send_on(b"5\r\nhello\r\n", pause)).await;
    let mut silent = Raw::open(&app.origin).await;
    silent.send(format!("{chunked}5\r\nhello\r\n")).await;
    assert!(!soon(path, silent.rest()).await.is_empty(), "{path}");
    let mut long = Raw::open(&app.origin).await;
    long.send(format!("POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000000\r\n\r\nhello")).await;
    soon(path, long.send_on(&[0; 64], pause)).await;
}

#[actix_web::test]
async fn an_upload_that_stops_is_told_so_and_leaves_nothing() {
    let app = App::start_with(&["--transfer-idle-timeout", "2s"]).await;
    let signature = signed(&app, 1_000_000).await;
    let mut stopped = Raw::open(&app.origin).await;
    stopped.send(upload_head(&signature, 1_000_000)).await;
    // More than is kept in memory before it goes to the disk.
    stopped.send(vec![b'x'; 600_000]).await;
    let other = signed(&app, 3).await;
    let (head, stored) = join(soon("an answer", stopped.head()), put(&other, b"abc", &[])).await;
    assert_eq!(stored.status, 201, "others do not notice");
    let body = soon("its end", stopped.rest()).await;
    problem(&head, &body, 408, "request_timeout");
    eventually("only the other's file is there", || async { app.files().len() == 1 }).await;
    let whole = vec![b'x'; 1_000_000];
    assert_eq!(put(&signature, &whole, &[]).await.status, 201, "and it can be sent again");
}

#[actix_web::test]
async fn an_upload_that_drips_is_given_up() {
    let app = App::start_with(&["--transfer-idle-timeout", "2s", "--transfer-min-rate", "100000"]).await;
    let signature = signed(&app, 1_000_000).await;
    let mut dripping = Raw::open(&app.origin).await;
    dripping.send(upload_head(&signature, 1_000_000)).await;
    soon("it is given up", dripping.send_on(b"x", Duration::from_millis(50))).await;
    assert_eq!(app.files(), Vec::<String>::new());

    let app = App::start_with(&["--transfer-idle-timeout", "3s", "--transfer-min-rate", "1"]).await;
    let signature = signed(&app, 40).await;
    let mut slow = Raw::open(&app.origin).await;
    slow.send(upload_head(&signature, 40)).await;
    for _ in 0..40 {
        slow.send("x").await;
        actix_web::rt::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(soon("an answer", slow.head()).await.starts_with("HTTP/1.1 201 "), "slow enough is good enough");
}

#[actix_web::test]
async fn a_document_that_stops_is_told_so() {
    let app = App::start_with(&["--transfer-idle-timeout", "2s"]).await;
    let mut stopped = Raw::open(&app.origin).await;
    let bearer = &app.bearer;
    stopped
        .send(format!(
            "POST /api/attachments/signature HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {bearer}\r\n\
             Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{\"content"
        ))
        .await;
    let head = soon("an answer", stopped.head()).await;
    problem(&head, &soon("its end", stopped.rest()).await, 408, "request_timeout");
}

#[actix_web::test]
async fn a_document_that_is_too_large_is_told_so() {
    let app = App::start_with(&["--max-json-body", "1024"]).await;
    let mut wish = wish(3);
    wish["hash"] = json!("x".repeat(200));
    assert_eq!(app.sign(&wish).await.status, 201);
    wish["more"] = json!("x".repeat(800));
    let problem = app.sign(&wish).await.problem(413, "payload_too_large");
    assert_eq!(problem["detail"], "The body may have at most 1024 bytes.");
}

#[actix_web::test]
async fn a_reader_that_takes_nothing_loses_the_connection() {
    // The next one is served when it is gone.
    let app = App::start_with(&["--transfer-idle-timeout", "2s", "--max-connections", "1"]).await;
    let bytes = vec![b'x'; 32 * 1024 * 1024];
    let stored = store_one_by_one(&app, &bytes).await;
    let address = text(&stored["presignedUrl"]);
    let path = address.splitn(4, '/').nth(3).expect("a path");
    let mut stalled = loop {
        let mut connection = Raw::narrow(&app.origin).await;
        connection.send(format!("GET /{path} HTTP/1.1\r\nHost: test\r\n\r\n")).await;
        let head = soon("an answer", connection.head()).await;
        if head.contains("content-length: 33554432") {
            break connection;
        }
        assert!(head.contains(" 503 "), "it is not alone yet: {head}");
    };
    let others = app.get("/openapi.yaml", &[]).await;
    assert_eq!(others.status, 503, "it holds its place");
    eventually("the place is free again", || async { app.get("/openapi.yaml", &[]).await.status == 200 })
        .await;
    let taken = soon("the rest", stalled.rest()).await.len();
    assert!(taken < bytes.len(), "{taken} bytes");
}

/// Stores a file where one connection at a time is served.
async fn store_one_by_one(app: &App, bytes: &[u8]) -> Value {
    let bearer = format!("Bearer {}", app.bearer);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let signed =
        patiently("POST", &app.url("/api/attachments/signature"), &headers, wish(bytes.len()).to_string())
            .await;
    let signed = signed.json();
    patiently("PUT", text(&signed["url"]), &[], bytes.to_vec()).await;
    let notify = format!("/api/attachments/notify/{}", text(&signed["token"]));
    patiently("POST", &app.url(&notify), &headers, "").await.json()
}

async fn patiently(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<actix_web::web::Bytes>,
) -> Answer {
    let body = body.into();
    for _ in 0..1000 {
        let answer = send(method, url, headers, body.clone()).await;
        if answer.status != 503 {
            assert_eq!(answer.status, 201, "{answer:?}");
            return answer;
        }
        actix_web::rt::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{method} {url} is never answered");
}

#[actix_web::test]
async fn a_reader_that_is_slow_enough_reads_all() {
    let app = App::start_with(&["--transfer-idle-timeout", "2s"]).await;
    let bytes = vec![b'x'; 8 * 1024 * 1024];
    let stored = app.store("text/plain", 1, &bytes).await;
    let path = text(&stored["presignedUrl"]).splitn(4, '/').nth(3).expect("a path");
    let mut slow = Raw::narrow(&app.origin).await;
    slow.send(format!("GET /{path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")).await;
    slow.head().await;
    actix_web::rt::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(soon("all of it", slow.rest()).await.len(), bytes.len());
}

#[actix_web::test]
async fn connections_beyond_the_most_are_told_to_come_back() {
    let app = App::start_with(&["--max-connections", "2"]).await;
    let request = "GET /openapi.yaml HTTP/1.1\r\nHost: test\r\n\r\n";
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut connection = Raw::open(&app.origin).await;
        connection.send("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await;
        assert!(connection.head().await.starts_with("HTTP/1.1 200 "));
        held.push(connection);
    }
    let refused = app.get("/openapi.yaml", &[("origin", "https://app.example")]).await;
    refused.problem(503, "service_unavailable");
    assert_eq!(refused.header("retry-after"), "5");
    assert_eq!(refused.header("access-control-allow-origin"), "*", "a page can read why");
    let mut third = Raw::open(&app.origin).await;
    third.send(request).await;
    let head = third.head().await;
    assert!(head.contains("connection: close"), "{head}");
    problem(&head, &soon("its end", third.rest()).await, 503, "service_unavailable");
    assert_eq!(app.get("/healthz", &[]).await.status, 200, "the process lives");
    for connection in &mut held {
        connection.send("HEAD /openapi.yaml HTTP/1.1\r\nHost: test\r\n\r\n").await;
        assert!(connection.head().await.contains("200 OK"), "who is there does not notice");
    }
    held.clear();
    eventually("others are served", || async { app.get("/openapi.yaml", &[]).await.status == 200 }).await;
}

#[actix_web::test]
async fn uploads_beyond_the_most_are_told_to_come_back() {
    let app = App::start_with(&["--max-parallel-uploads", "1"]).await;
    let (one, other) = (signed(&app, 6).await, signed(&app, 3).await);
    let mut first = Raw::open(&app.origin).await;
    first.send(upload_head(&one, 6)).await;
    first.send("abc").await;
    // It may not have begun yet.
    eventually("one is one too many", || async {
        let spare = signed(&app, 3).await;
        put(&spare, b"abc", &[]).await.status == 503
    })
    .await;
    let refused = put(&other, b"abc", &[]).await;
    refused.problem(503, "service_unavailable");
    assert_eq!(refused.header("retry-after"), "5");
    first.send("def").await;
    assert!(first.head().await.starts_with("HTTP/1.1 201 "));
    assert_eq!(put(&other, b"abc", &[]).await.status, 201);
}

#[actix_web::test]
async fn an_access_token_can_be_used_so_often() {
    let app = App::start_with(&["--rate-limit-per-token", "3/h"]).await;
    for left in [2, 1, 0] {
        let answer = app.sign(&wish(1)).await;
        assert_eq!(answer.status, 201);
        assert_eq!(answer.header("ratelimit-policy"), "\"token\";q=3;w=3600");
        assert!(answer.header("ratelimit").starts_with(&format!("\"token\";r={left};t=")), "{answer:?}");
    }
    let bearer = format!("Bearer {}", app.bearer);
    let headers = [("authorization", bearer.as_str()), ("origin", "https://app.example")];
    for path in ["/api/attachments/signature", "/api/attachments/notify/x"] {
        let refused = app.send("POST", path, &headers, "").await;
        refused.problem(429, "too_many_requests");
        let wait: u64 = refused.header("retry-after").parse().expect("seconds");
        assert!((1..=1200).contains(&wait), "{wait}");
        assert_eq!(refused.header("ratelimit-policy"), "\"token\";q=3;w=3600");
        assert_eq!(refused.header("ratelimit"), format!("\"token\";r=0;t={wait}"));
        let exposed = refused.header("access-control-expose-headers").to_lowercase();
        assert!(exposed.contains("ratelimit,") || exposed.contains("ratelimit-policy"), "{exposed}");
    }
    app.call("GET", "/api/attachments/x").await.problem(429, "too_many_requests");
    let other = access_token(app.registry.as_ref(), BaseScope::All, None).await;
    assert_eq!(app.sign_as(&other, &wish(1)).await.status, 201, "each token has its own");
    let none = app.get("/openapi.yaml", &[]).await;
    assert_eq!(
        (none.status.as_u16(), none.header("ratelimit")),
        (200, ""),
        "without a token nothing is counted"
    );
}

#[actix_web::test]
async fn an_address_can_ask_so_often_without_a_token() {
    let app = App::start_with(&["--rate-limit-per-address", "3/h"]).await;
    let token = app.upload("text/plain", 1, b"abc").await;
    let read = format!("/api/attachments/read/private/table/{}", "0".repeat(32));
    for path in ["/openapi.yaml", &read] {
        let answer = app.get(path, &[]).await;
        assert_eq!(answer.header("ratelimit-policy"), "\"address\";q=3;w=3600", "{answer:?}");
    }
    // The upload was the first of three.
    let refused = app.get(&read, &[("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1")]).await;
    refused.problem(429, "too_many_requests");
    assert!(refused.header("ratelimit").starts_with("\"address\";r=0;t="));
    assert!(!refused.header("retry-after").is_empty());
    let bearer = format!("Bearer {}", app.bearer);
    for path in ["/openapi.yaml", &read, "/nowhere"] {
        let answer = app.get(path, &[("authorization", &bearer)]).await;
        answer.problem(429, "too_many_requests");
    }
    assert_eq!(app.get("/healthz", &[]).await.status, 200);
    let notified = app.notify(&token, "").await;
    assert_eq!(
        (notified.status.as_u16(), notified.header("ratelimit")),
        (201, ""),
        "a token is not an address"
    );
    app.sign_as("tat_wrong", &wish(1)).await.problem(429, "too_many_requests");
}

#[actix_web::test]
async fn wrong_tokens_count_for_the_address() {
    let app = App::start_with(&["--rate-limit-per-address", "2/h", "--rate-limit-per-token", "9/h"]).await;
    assert_eq!(app.sign(&wish(1)).await.status, 201);
    for _ in 0..2 {
        let refused = app.sign_as("tat_wrong", &wish(1)).await;
        refused.problem(401, "unauthorized");
        assert_eq!(refused.header("ratelimit-policy"), "\"address\";q=2;w=3600");
    }
    app.sign_as("tat_wrong", &wish(1)).await.problem(429, "too_many_requests");
    let right = app.sign(&wish(1)).await;
    assert_eq!((right.status.as_u16(), right.header("ratelimit-policy")), (201, "\"token\";q=9;w=3600"));
    // Only the registry could tell that this one is right, and it is not asked.
    let unseen = access_token(app.registry.as_ref(), BaseScope::All, None).await;
    let refused = app.sign_as(&unseen, &wish(1)).await;
    refused.problem(429, "too_many_requests");
    assert_eq!(refused.header("ratelimit-policy"), "\"address\";q=2;w=3600");
}

/// Its address is one of an operation that judges tokens, were the method not another one's.
#[actix_web::test]
async fn an_operation_that_there_is_not_counts_for_the_address() {
    let app = App::start_with(&["--rate-limit-per-address", "2/h"]).await;
    let ask = async || app.get("/api/attachments/signature", &[("authorization", "x")]).await.status.as_u16();
    assert_eq!((ask().await, ask().await, ask().await), (405, 405, 429));
}

#[actix_web::test]
async fn a_trusted_proxy_says_for_whom_it_asks() {
    let app =
        App::start_with(&["--rate-limit-per-address", "1/h", "--trusted-proxies", "127.0.0.0/8,::1"]).await;
    let ask = async |from: &str| app.get("/openapi.yaml", &[("x-forwarded-for", from)]).await.status.as_u16();
    assert_eq!((ask("192.0.2.1").await, ask("192.0.2.1").await), (200, 429));
    assert_eq!((ask("192.0.2.2").await, ask("9.9.9.9, 192.0.2.2").await), (200, 429));
    assert_eq!(
        (ask("2001:db8::1").await, ask("2001:db8::2").await, ask("2001:db8:0:1::").await),
        (200, 429, 200)
    );
}

#[actix_web::test]
async fn some_of_the_disk_stays_free() {
    let app = App::start_with(&["--min-free-disk", "9000000000000000000"]).await;
    let signature = signed(&app, 3).await;
    let refused = put(&signature, b"abc", &[]).await;
    let problem = refused.problem(507, "insufficient_storage");
    assert!(!problem.to_string().contains("promised"), "what the disk has is the operator's business");
    assert_eq!(app.files(), Vec::<String>::new());
}

/// A file system of so many bytes, as long as it lives.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount(size: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let options = format!("size={size}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path());
        let output = mount.output().expect("mount runs");
        assert!(output.status.success(), "only root can mount a small disk: {output:?}");
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the application may have files open still.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

#[actix_web::test]
async fn a_disk_that_fills_up_is_told_and_nothing_stays_on_it() {
    let disk = SmallDisk::mount("4m");
    let path = disk.path().display().to_string();
    let app = App::start_with(&["--storage-local-path", &path, "--min-free-disk", "0"]).await;
    let large = vec![b'x'; 6 * 1024 * 1024];
    let signature = signed(&app, large.len()).await;
    put(&signature, &large, &[]).await.problem(507, "insufficient_storage");
    let mut left = Vec::new();
    crate::support::walk(disk.path(), &mut left);
    left.retain(|path| !path.ends_with("/.lock") && !path.ends_with("/.owner"));
    assert_eq!(left, Vec::<String>::new());
    assert_eq!(
        app.store("text/plain", 1, &large[..3_000_000]).await["size"],
        3_000_000,
        "what fits is stored"
    );

    // Two that fit alone do not fit together, and the second is told before it sends anything.
    let disk = SmallDisk::mount("4m");
    let path = disk.path().display().to_string();
    let app = App::start_with(&["--storage-local-path", &path, "--min-free-disk", "1000000"]).await;
    let (one, other) = (signed(&app, 2_000_000).await, signed(&app, 2_000_000).await);
    let mut first = Raw::open(&app.origin).await;
    first.send(upload_head(&one, 2_000_000)).await;
    first.send("x").await;
    eventually("the room is promised", || async {
        let spare = signed(&app, 2_000_000).await;
        let mut second = Raw::open(&app.origin).await;
        second.send(upload_head(&spare, 2_000_000)).await;
        timeout(Duration::from_millis(300), second.head()).await.is_ok_and(|head| head.contains(" 507 "))
    })
    .await;
    drop(first);
    eventually("it is given back", || async { put(&other, &large[..2_000_000], &[]).await.status == 201 })
        .await;
}

#[actix_web::test]
async fn a_base_has_no_more_than_its_quota() {
    let app = App::start_with(&["--quota-per-base", "1000"]).await;
    let wish = |base: &str, size: usize| json!({"contentType": "text/plain", "contentLength": size, "type": 1, "baseId": base});
    let signed = async |base: &str, size: usize| {
        let signed = app.sign(&wish(base, size)).await;
        assert_eq!(signed.status, 201, "{signed:?}");
        let signed = signed.json();
        assert_eq!(put(&signed, &vec![b'x'; size], &[]).await.status, 201);
        text(&signed["token"]).to_owned()
    };
    app.sign(&wish("bse1", 1001)).await.problem(507, "quota_exceeded");
    let (one, other) = (signed("bse1", 600).await, signed("bse1", 600).await);
    assert_eq!(app.notify(&one, "").await.status, 201);
    let problem = app.notify(&other, "").await.problem(507, "quota_exceeded");
    assert!(text(&problem["detail"]).contains("1000 bytes"), "{problem}");
    app.call("GET", &format!("/api/attachments/{other}")).await.problem(404, "not_found");
    assert_eq!(app.notify(&one, "").await.status, 201, "what is stored can be notified again");
    app.sign(&wish("bse1", 401)).await.problem(507, "quota_exceeded");
    assert_eq!(app.notify(&signed("bse1", 400).await, "").await.status, 201, "to the last byte");
    assert_eq!(app.notify(&signed("bse2", 1000).await, "").await.status, 201, "each base has its own");
    let free = app.store("text/plain", 1, &[b'x'; 2000]).await;
    assert_eq!(free["size"], 2000, "what belongs to no base has none");

    let many = join_all((0..8).map(|_| signed("bse3", 300))).await;
    let notified = join_all(many.iter().map(|token| app.notify(token, ""))).await;
    let kept = notified.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(kept, 3, "of many at once, so many as fit");
}

#[actix_web::test]
async fn a_base_has_no_more_files_than_its_limit() {
    let app = App::start_with(&["--max-files-per-base", "2"]).await;
    let upload =
        |base: &str| json!({"contentType": "text/plain", "contentLength": 1, "type": 1, "baseId": base});
    let signed = async || {
        let signed = app.sign(&upload("bse1")).await.json();
        assert_eq!(put(&signed, b"x", &[]).await.status, 201);
        text(&signed["token"]).to_owned()
    };
    let tokens = [signed().await, signed().await, signed().await];
    let notified = join_all(tokens.iter().map(|token| app.notify(token, ""))).await;
    let (kept, refused): (Vec<_>, Vec<_>) = notified.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((kept.len(), refused.len()), (2, 1));
    let problem = refused[0].problem(507, "quota_exceeded");
    assert!(text(&problem["detail"]).contains("2 files"), "{problem}");
    app.sign(&upload("bse1")).await.problem(507, "quota_exceeded");
    assert_eq!(app.sign(&upload("bse2")).await.status, 201, "each base has its own");
}
