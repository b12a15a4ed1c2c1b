//! How many signatures a second, with the files in a folder and in an object store: `cargo bench --bench signature`.
//!
//! Both run in this process, in turns, so that only the ratio between them is read. Over HTTP, with eight connections; and without HTTP, where
//! nothing covers what a presigned address costs.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use clap::Parser;
use teable_attachments::app::Application;
use teable_attachments::config::Settings;
use teable_attachments::domain::{AccessToken, BaseScope, MediaType, ObjectKey, ObjectName, UploadType};
use teable_attachments::storage::s3::S3Store;
use teable_attachments::storage::{Direct, Expected};
use teable_attachments::token::access::AccessSecret;
use teable_attachments::token::{Keyring, UploadGrant};
use tempfile::TempDir;

#[path = "../tests/it/support/evidence.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod evidence;
#[path = "../tests/it/support/s3.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod s3;
#[path = "../tests/it/support/store_faults.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod store_faults;

const ROUNDS: usize = 15;
const ROUND: Duration = Duration::from_secs(1);
const CONNECTIONS: usize = 8;

fn walk(_: &Path, _: &mut Vec<String>) {}

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

fn settings(folder: &TempDir, more: Vec<String>) -> Settings {
    let data = folder.path().display().to_string();
    let own = ["bench", "--port", "0", "--data-dir", &data].map(str::to_owned);
    Arguments::parse_from(own.into_iter().chain(more)).settings
}

/// Starts an application on a thread of its own, and gives its address and an access token.
fn start(settings: Settings) -> (SocketAddr, String) {
    let (tell, hear) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let app = Application::start(&settings).await.expect("it starts");
            let (text, secret) = AccessSecret::generate().expect("randomness");
            let token = AccessToken {
                id: secret.id().to_owned(),
                name: "bench".to_owned(),
                digest: secret.digest(),
                bases: BaseScope::All,
                created_at: SystemTime::now(),
                expires_at: None,
                revoked_at: None,
            };
            app.registry.add_access_token(&token).await.expect("a token");
            tell.send((app.listening.address, text)).expect("somebody listens");
            app.listening.server.await.expect("it serves");
        });
    });
    hear.recv().expect("it started")
}

/// Asks for signatures for a round, and gives how many came a second.
fn over_http((address, token): &(SocketAddr, String)) -> f64 {
    let body =
        r#"{"contentType":"image/png","contentLength":123,"expiresIn":3600,"hash":"xxxxxxxx","type":1}"#;
    let request = format!(
        "POST /api/attachments/signature HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let stop = AtomicBool::new(false);
    let begun = Instant::now();
    let count: usize = std::thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CONNECTIONS).map(|_| scope.spawn(|| ask(*address, request.as_bytes(), &stop))).collect();
        std::thread::sleep(ROUND);
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().expect("a client")).sum()
    });
    per_second(count, begun)
}

fn ask(address: SocketAddr, request: &[u8], stop: &AtomicBool) -> usize {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_nodelay(true).expect("an option");
    let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
    let (mut line, mut body, mut count) = (String::new(), Vec::new(), 0);
    while !stop.load(Ordering::Relaxed) {
        stream.write_all(request).expect("it is sent");
        let mut length = 0;
        let mut first = true;
        loop {
            line.clear();
            reader.read_line(&mut line).expect("a line");
            assert!(!first || line.starts_with("HTTP/1.1 201"), "{line}");
            first = false;
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
            if line == "\r\n" {
                break;
            }
        }
        body.resize(length, 0);
        reader.read_exact(&mut body).expect("a body");
        count += 1;
    }
    count
}

#[expect(clippy::cast_precision_loss, reason = "a count of a second is small")]
fn per_second(count: usize, begun: Instant) -> f64 {
    count as f64 / begun.elapsed().as_secs_f64()
}

/// Makes what a signature answers, without HTTP and JSON.
fn without_http(keys: &Keyring, store: Option<&S3Store>) -> f64 {
    let media_type = MediaType::parse("image/png").expect("a type");
    let (begun, mut count) = (Instant::now(), 0);
    while begun.elapsed() < ROUND {
        let now = SystemTime::now();
        let grant = UploadGrant {
            key: ObjectKey { upload_type: UploadType::Table, name: ObjectName::fresh() },
            media_type: media_type.clone(),
            size: 123,
            sha256: None,
            label: Some("xxxxxxxx".to_owned()),
            base: None,
            issued_to: "0123456789ab".to_owned(),
            expires_at: now + Duration::from_hours(1),
        };
        black_box(keys.sign_upload(&grant).expect("a token"));
        if let Some(store) = store {
            let expected = Expected { key: grant.key, media_type: &media_type, size: 123, sha256: None };
            black_box(store.upload_address(&expected, now, grant.expires_at).expect("an address"));
        }
        count += 1;
    }
    per_second(count, begun)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn report(what: &str, mut local: impl FnMut() -> f64, mut presigned: impl FnMut() -> f64) {
    local();
    presigned();
    let rounds: Vec<(f64, f64)> = (0..ROUNDS).map(|_| (local(), presigned())).collect();
    let local = median(rounds.iter().map(|(local, _)| *local).collect());
    let presigned = median(rounds.iter().map(|(_, presigned)| *presigned).collect());
    let ratio = median(rounds.iter().map(|(local, presigned)| presigned / local).collect());
    println!("| {what} | {local:.0} | {presigned:.0} | {ratio:.2} |");
}

fn main() {
    let store = s3::Store::start(s3::Conditions::Kept);
    let folders = [TempDir::new().expect("a folder"), TempDir::new().expect("a folder")];
    let local = start(settings(&folders[0], Vec::new()));
    let presigned = start(settings(&folders[1], store.settings()));
    println!("| signatures a second | local token | presigned | ratio |\n| --- | --- | --- | --- |");
    report("over HTTP, 8 connections", || over_http(&local), || over_http(&presigned));

    let key = Keyring::generate().expect("randomness");
    let keys = Keyring::parse(&key).expect("a key");
    let config = settings(&folders[1], store.settings()).storage;
    let object_store = config.object_store().expect("settings").expect("an object store");
    let ours = actix_web::rt::System::new()
        .block_on(S3Store::open(object_store, config.buckets().expect("buckets"), Duration::ZERO))
        .expect("a store");
    report("without HTTP, one thread", || without_http(&keys, None), || without_http(&keys, Some(&ours)));
}
