//! What is compared: our release binary, a bare actix-web handler, and nginx.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Lines};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use actix_web::{App, HttpResponse, HttpServer, web};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::client::{Request, ask};

/// A server in a process of its own, which ends with this.
pub struct Server {
    pub address: SocketAddr,
    pub folder: PathBuf,
    child: Child,
    /// Held, for a server that cannot write its welcome ends.
    _stdout: Option<Lines<BufReader<ChildStdout>>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).expect("it runs");
        self.child.wait().expect("it ends");
    }
}

/// What a server is started under: nothing, or a program with arguments.
#[derive(Clone, Copy)]
pub struct Under(pub &'static [&'static str]);

/// Nothing.
pub const PLAIN: Under = Under(&[]);

impl Under {
    fn command(self, program: impl AsRef<OsStr>) -> Command {
        let Some((first, rest)) = self.0.split_first() else { return Command::new(program) };
        let mut command = Command::new(first);
        command.args(rest).arg(program);
        command
    }
}

impl Server {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A figure of `/proc/{pid}/status`, in MiB.
    pub fn memory(&self, name: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a figure");
        let kilobytes = line.trim_matches(|character: char| !character.is_ascii_digit());
        kilobytes.parse::<f64>().expect("a number") / 1024.0
    }
}

/// Our server and an access token for it.
pub struct Ours {
    pub server: Server,
    pub bearer: String,
}

impl Ours {
    pub fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_under(PLAIN, folder, arguments)
    }

    pub fn start_under(under: Under, folder: &Path, arguments: &[&str]) -> Self {
        fs::create_dir_all(folder).expect("a folder");
        let mut child = under
            .command(env!("CARGO_BIN_EXE_teable-attachments"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .current_dir(folder)
            .args(["--port", "0", "--shutdown-timeout", "1s"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(File::create(folder.join("log")).expect("a log"))
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
        let mut after = |what: &str| loop {
            let line = lines.next().expect("a welcome").expect("text");
            if let Some((_, rest)) = line.split_once(what) {
                return rest.trim().to_owned();
            }
        };
        let address = after("listens on ").parse().expect("an address");
        let bearer = after("Token ");
        let server = Server { address, folder: folder.to_owned(), child, _stdout: Some(lines) };
        Self { server, bearer }
    }

    pub fn signature(&self, size: usize, hash: &str) -> Request {
        let body = format!(
            r#"{{"contentType":"image/png","contentLength":{size},"expiresIn":3600,"hash":"{hash}","type":1}}"#
        );
        let headers = format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", self.bearer);
        Request::post("/api/attachments/signature", &headers, body.leak().as_bytes())
    }

    /// A PUT of `body`, whose SHA-256 is `hash`, under a signature of its own.
    pub async fn upload(&self, body: &'static [u8], hash: &str) -> (Request, String) {
        let signed = ask(self.server.address, &self.signature(body.len(), hash)).await;
        let signed: Value = serde_json::from_slice(&signed).expect("a signature");
        let token = signed["token"].as_str().expect("a token").to_owned();
        (Request::put(&format!("/api/attachments/upload/{token}"), body), token)
    }

    /// A GET of `body`, which is stored.
    pub async fn stored(&self, body: &'static [u8], hash: &str) -> Request {
        let (upload, token) = self.upload(body, hash).await;
        ask(self.server.address, &upload).await;
        let headers = format!("Authorization: Bearer {}\r\n", self.bearer);
        let notify = Request::post(&format!("/api/attachments/notify/{token}"), &headers, &[]);
        let notified: Value =
            serde_json::from_slice(&ask(self.server.address, &notify).await).expect("an answer");
        let url = notified["presignedUrl"].as_str().expect("an address");
        Request::get(&url[url.find("/api/").expect("a path")..])
    }

    /// Where the files are that it is sent.
    pub fn files(&self) -> PathBuf {
        self.server.folder.join("data/files/private/table")
    }
}

/// What a bare handler reads of a wish.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "it is parsed, and that is all")]
struct Wish {
    content_type: String,
    content_length: u64,
    expires_in: Option<u64>,
    hash: Option<String>,
    #[serde(rename = "type")]
    upload_type: u8,
}

/// Starts this executable again as a bare server that answers `answer`.
pub fn bare(under: Under, folder: &Path, answer: &[u8]) -> Server {
    fs::create_dir_all(folder).expect("a folder");
    let (port, file) = (free_port(), folder.join("answer"));
    fs::write(&file, answer).expect("a file");
    let child = under
        .command(std::env::current_exe().expect("a name"))
        .current_dir(folder)
        .args(["bare", &port.to_string()])
        .arg(file)
        .spawn()
        .expect("it starts");
    reachable(Server {
        address: ([127, 0, 0, 1], port).into(),
        folder: folder.to_owned(),
        child,
        _stdout: None,
    })
}

/// What a bare handler answers: what is in the answer of ours.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Signature {
    url: String,
    upload_method: String,
    token: String,
    request_headers: serde_json::Map<String, Value>,
}

/// Is that bare server: it parses the wish and answers the same JSON, and does nothing between.
pub fn be_bare(port: &str, answer: &str) {
    let answer: Signature = serde_json::from_slice(&fs::read(answer).expect("an answer")).expect("JSON");
    let serve = HttpServer::new(move || {
        let answer = web::Data::new(answer.clone());
        App::new().app_data(answer).route(
            "/api/attachments/signature",
            web::post().to(|_: web::Json<Wish>, answer: web::Data<Signature>| async move {
                HttpResponse::Created().json(answer)
            }),
        )
    });
    let port = port.parse().expect("a port");
    let server = serve.bind(("127.0.0.1", port)).expect("it listens").run();
    actix_web::rt::System::new().block_on(server).expect("it serves");
}

/// Debian's nginx with as many workers as there are cores: PUT by `WebDAV`, GET with sendfile, an access log as it comes.
pub fn nginx(folder: &Path) -> Server {
    for part in ["files", "temp"] {
        fs::create_dir_all(folder.join(part)).expect("a folder");
    }
    let (port, root) = (free_port(), folder.display());
    let user = if rustix::process::getuid().is_root() { "user root;" } else { "" };
    let config = format!(
        "{user} worker_processes auto; pid {root}/pid; error_log {root}/error.log; daemon off;
         events {{ worker_connections 1024; }}
         http {{
             sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 1000000; access_log {root}/access.log;
             default_type image/png; client_max_body_size 1g; client_body_temp_path {root}/temp;
             server {{ listen 127.0.0.1:{port}; root {root}/files; location / {{ dav_methods PUT; }} }}
         }}"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, config).expect("a file");
    let child = Command::new("nginx")
        .arg("-p")
        .arg(folder)
        .arg("-c")
        .arg(&file)
        .stderr(Stdio::null())
        .spawn()
        .expect("nginx is installed");
    reachable(Server {
        address: ([127, 0, 0, 1], port).into(),
        folder: folder.to_owned(),
        child,
        _stdout: None,
    })
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

fn reachable(server: Server) -> Server {
    let begun = Instant::now();
    while TcpStream::connect(server.address).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(10), "nobody listens on {}", server.address);
        std::thread::sleep(Duration::from_millis(5));
    }
    server
}
