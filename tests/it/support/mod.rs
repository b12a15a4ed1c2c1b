//! The application on a free port and in a folder of its own, and a client for it.

pub mod evidence;
pub mod load;
pub mod metadata;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod raw;
pub mod s3;
pub mod store_faults;

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderValue};
use actix_web::web::Bytes;
use clap::Parser;
use serde_json::{Value, json};
use teable_attachments::app::Application;
use teable_attachments::audit::AuditLog;
use teable_attachments::config::Settings;
use teable_attachments::domain::{AccessToken, BaseScope};
use teable_attachments::http::metrics::MetricsServer;
use teable_attachments::registry::Registry;
use teable_attachments::token::access::AccessSecret;
use tempfile::TempDir;

/// The application, as a test has it.
pub struct App {
    pub origin: String,
    pub bearer: String,
    pub registry: std::sync::Arc<dyn Registry>,
    pub folder: std::sync::Arc<TempDir>,
    pub metrics: Option<MetricsServer>,
    pub audit: Option<AuditLog>,
    handle: actix_web::dev::ServerHandle,
    server: actix_web::rt::task::JoinHandle<std::io::Result<()>>,
    arguments: Vec<String>,
    collector: Option<teable_attachments::app::Collector>,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a text header"))
    }

    /// The answer, which must be a problem with this status and code, in every form that clients read.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["code"], code);
        assert_eq!(problem["message"], problem["detail"]);
        let instance = problem["instance"].as_str().expect("an instance");
        assert_eq!(instance, format!("urn:uuid:{}", self.header("x-request-id")));
        problem
    }
}

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

impl App {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub async fn start_with(arguments: &[&str]) -> Self {
        let folder = TempDir::new().expect("a folder");
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Self::start_in(std::sync::Arc::new(folder), arguments).await
    }

    async fn start_in(folder: std::sync::Arc<TempDir>, arguments: Vec<String>) -> Self {
        let own = ["test", "--host", "127.0.0.1", "--port", "0", "--data-dir"].map(str::to_owned);
        let data = folder.path().join("data").display().to_string();
        let all = own.into_iter().chain([data]).chain(arguments.clone());
        evidence::listen();
        evidence::secrets_among(&arguments);
        let settings = Arguments::parse_from(all).settings;
        let app = Application::start(&settings).await.expect("the application starts");
        if let Ok(key) = std::fs::read_to_string(settings.data.signing_key()) {
            evidence::secret("key", &key);
        }
        let bearer = access_token(app.registry.as_ref(), BaseScope::All, None).await;
        let handle = app.listening.handle;
        let origin = format!("http://{}", app.listening.address);
        let server = actix_web::rt::spawn(app.listening.server);
        Self {
            origin,
            bearer,
            registry: app.registry,
            folder,
            handle,
            server,
            arguments,
            collector: app.collector,
            metrics: app.metrics,
            audit: app.audit,
        }
    }

    /// Stops the application and starts it again on the same folder.
    pub async fn restart(self) -> Self {
        self.restart_after(|| {}).await
    }

    /// Stops the application, makes `change` to its folder, and starts it again.
    pub async fn restart_after(self, change: impl FnOnce()) -> Self {
        let Self { registry, folder, handle, server, arguments, collector, .. } = self;
        drop(collector);
        handle.stop(true).await;
        server.await.expect("the server ends").expect("the server ends well");
        registry.close().await;
        drop(registry);
        // The store is dropped with the workers' threads, which end a moment after the server.
        eventually("the files are let go", || {
            let lock = std::fs::File::open(folder.path().join("data/files/.lock")).expect("a lock");
            async move { lock.try_lock().is_ok() }
        })
        .await;
        change();
        Self::start_in(folder, arguments).await
    }

    pub fn url(&self, path: &str) -> String {
        if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.origin) }
    }

    /// A request without credentials.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        send(method, &self.url(path), headers, body).await
    }

    /// A request with the bearer token.
    pub async fn call(&self, method: &str, path: &str) -> Answer {
        let bearer = format!("Bearer {}", self.bearer);
        self.send(method, path, &[("authorization", &bearer)], "").await
    }

    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, "").await
    }

    pub async fn sign(&self, wish: &Value) -> Answer {
        self.sign_as(&self.bearer, wish).await
    }

    pub async fn sign_as(&self, bearer: &str, wish: &Value) -> Answer {
        let bearer = format!("Bearer {bearer}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.send("POST", "/api/attachments/signature", &headers, wish.to_string()).await
    }

    pub async fn notify(&self, token: &str, query: &str) -> Answer {
        self.call("POST", &format!("/api/attachments/notify/{token}{query}")).await
    }

    /// Signs and uploads `bytes`, and gives the token.
    pub async fn upload(&self, media_type: &str, upload_type: u8, bytes: &[u8]) -> String {
        let wish = json!({"contentType": media_type, "contentLength": bytes.len(), "type": upload_type});
        let signed = self.sign(&wish).await;
        assert_eq!(signed.status, 201, "{signed:?}");
        let signed = signed.json();
        let stored = self.send("PUT", text(&signed["url"]), &[], bytes.to_vec()).await;
        assert_eq!(stored.status, 201, "{stored:?}");
        assert!(stored.body.is_empty());
        text(&signed["token"]).to_owned()
    }

    /// Signs, uploads and notifies `bytes`, and gives the answer to the last.
    pub async fn store(&self, media_type: &str, upload_type: u8, bytes: &[u8]) -> Value {
        let token = self.upload(media_type, upload_type, bytes).await;
        let notified = self.notify(&token, "").await;
        assert_eq!(notified.status, 201, "{notified:?}");
        notified.json()
    }

    /// Every file below the folder of the files, but for the lock and the owner's id. The first name of one that is stored goes when that is
    /// answered, and is waited for; one that stays is found.
    pub fn files(&self) -> Vec<String> {
        let root = self.folder.path().join("data/files");
        let begun = std::time::Instant::now();
        loop {
            let mut found = Vec::new();
            walk(&root, &mut found);
            let is_settled = !found.iter().any(|path| path.contains("/.incoming/"));
            if is_settled || begun.elapsed() > Duration::from_secs(5) {
                found.retain(|path| !path.ends_with("/.lock") && !path.ends_with("/.owner"));
                return found;
            }
            std::thread::yield_now();
        }
    }
}

pub(crate) fn walk(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { walk(&path, found) } else { found.push(path.display().to_string()) }
    }
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a string, not {value}"))
}

/// An access token that is valid from now on, and maybe not for long.
pub async fn access_token(registry: &dyn Registry, bases: BaseScope, life: Option<Duration>) -> String {
    let (text, secret) = AccessSecret::generate().expect("randomness");
    let now = SystemTime::now();
    let token = AccessToken {
        id: secret.id().to_owned(),
        name: "test".to_owned(),
        digest: secret.digest(),
        bases,
        created_at: now,
        expires_at: life.map(|life| now + life),
        revoked_at: None,
    };
    registry.add_access_token(&token).await.expect("the token is kept");
    evidence::secrets_in(&text);
    text
}

pub async fn send(method: &str, url: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    try_send(method, url, headers, body).await.expect("an answer")
}

/// As [`send`], to somebody who may be gone.
pub async fn try_send(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<Answer, String> {
    let client = awc::Client::builder()
        .disable_redirects()
        .no_default_headers()
        .timeout(Duration::from_mins(1))
        .finish();
    let mut request = client.request(method.parse().expect("a method"), url);
    for (name, value) in headers {
        // Other bytes than ASCII are sent as they are.
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header's value");
        request = request.append_header((*name, value));
    }
    let body: Bytes = body.into();
    let mut response = match (method, body.is_empty()) {
        ("GET" | "HEAD" | "OPTIONS", true) => request.send().await,
        _ => request.send_body(body).await,
    }
    .map_err(|error| format!("no answer: {error}"))?;
    let body = if method == "HEAD" {
        Bytes::new()
    } else {
        let body = response.body().limit(64 * 1024 * 1024).await;
        body.map_err(|error| format!("half an answer: {error}"))?
    };
    let answer = Answer { status: response.status(), headers: response.headers().clone(), body };
    evidence::secrets_in(answer.header("location"));
    if answer.header("content-type") == "application/json" {
        evidence::secrets_in(&String::from_utf8_lossy(&answer.body));
    }
    Ok(answer)
}

/// Sends `body` as the signature says, as Teable's client does, but for `changes` to the headers.
pub async fn put(signed: &Value, body: &[u8], changes: &[(&str, &str)]) -> Answer {
    let asked = signed["requestHeaders"].as_object().expect("headers");
    let mut headers: Vec<(String, String)> = asked
        .iter()
        .filter(|(name, _)| *name != "Content-Length")
        .map(|(name, value)| (name.clone(), text(value).to_owned()))
        .collect();
    for (name, value) in changes {
        headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
        if !value.is_empty() {
            headers.push(((*name).to_owned(), (*value).to_owned()));
        }
    }
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    send("PUT", text(&signed["url"]), &headers, body.to_vec()).await
}

/// Waits until `condition` holds, and fails after ten seconds.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < Duration::from_secs(10), "never: {what}");
        actix_web::rt::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A port below those that the system gives to connections: a server that starts again finds it free. No port is tried twice, for a
/// server takes its own only later.
pub fn free_port() -> u16 {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let first = 20_000 + std::process::id() % 1_200 * 8;
    loop {
        let port = first + TRIED.fetch_add(1, Ordering::Relaxed);
        let port = u16::try_from(port).ok().filter(|port| *port < 32_000).expect("a free port");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A PNG of this size, of incompressible pixels.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::NoCompression);
    let mut writer = encoder.write_header().expect("a header");
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let pixels: Vec<u8> = (0..width * height * 3)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[0]
        })
        .collect();
    writer.write_image_data(&pixels).expect("pixels");
    writer.finish().expect("an end");
    bytes
}

pub fn hex_sha256(bytes: &[u8]) -> String {
    teable_attachments::domain::Sha256::of(bytes).as_bytes().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes it");
        hex
    })
}
