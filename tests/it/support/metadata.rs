//! The metadata that a cloud serves to an instance and to a container: who asks in the right way is given credentials.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::json;

/// What the token begins with that an instance must send with each request, once it was given it.
pub const INSTANCE_TOKEN: &str = "the-instances-metadata-token";
/// What a container must send.
pub const CONTAINER_TOKEN: &str = "the-containers-metadata-token";

/// Credentials as they are given out.
#[derive(Clone, Debug)]
pub struct Key {
    pub id: String,
    pub secret: String,
    pub session_token: String,
    pub ends: SystemTime,
}

/// What is done with those who ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Answer,
    /// 500.
    Fail,
    /// They wait for as long as they like.
    Stall,
}

/// A running metadata service. It runs as long as the test's process.
pub struct Metadata {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    mode: Mode,
    key: Key,
    /// Tokens of the generations before are taken no more.
    generation: usize,
    asked: usize,
    waiting: usize,
}

impl Metadata {
    pub fn start(key: &Key) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = State { mode: Mode::Answer, key: key.clone(), generation: 0, asked: 0, waiting: 0 };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let (socket, state) = (socket.expect("a connection"), Arc::clone(&shared));
                std::thread::spawn(move || answer(&socket, &state));
            }
        });
        Self { address, state }
    }

    pub fn instance(&self) -> (&'static str, String) {
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{}", self.address))
    }

    pub fn container(&self) -> [(&'static str, String); 2] {
        [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{}/container", self.address)),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", CONTAINER_TOKEN.to_owned()),
        ]
    }

    /// Gives this one from now on, to those who ask for a token anew: as after a restart.
    pub fn give(&self, key: &Key) {
        let mut state = lock(&self.state);
        state.key = key.clone();
        state.generation += 1;
    }

    pub fn switch(&self, mode: Mode) {
        lock(&self.state).mode = mode;
    }

    /// How many have asked.
    pub fn asked(&self) -> usize {
        lock(&self.state).asked
    }

    /// How many wait for an answer that they are not given.
    pub fn waiting(&self) -> usize {
        lock(&self.state).waiting
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(mut socket: &TcpStream, state: &Mutex<State>) {
    let Some((request, headers)) = read(socket) else { return };
    let (mode, key, token) = {
        let mut state = lock(state);
        state.asked += 1;
        state.waiting += usize::from(state.mode == Mode::Stall);
        (state.mode, state.key.clone(), format!("{INSTANCE_TOKEN}-{}", state.generation))
    };
    if mode == Mode::Stall {
        // Until the other side is gone.
        let _ = socket.read(&mut [0]);
        lock(state).waiting -= 1;
        return;
    }
    let has = |name: &str, value: &str| headers.get(name).is_some_and(|sent| sent == value);
    let (is_instance, is_container) =
        (has("x-aws-ec2-metadata-token", &token), has("authorization", CONTAINER_TOKEN));
    let credentials = json!({
        "Code": "Success",
        "AccessKeyId": key.id,
        "SecretAccessKey": key.secret,
        "Token": key.session_token,
        "Expiration": humantime::format_rfc3339_seconds(key.ends).to_string(),
    });
    let (status, body) = match (mode, request.as_str()) {
        (Mode::Fail, _) => ("500 Internal Server Error", String::new()),
        (_, "PUT /latest/api/token") if headers.contains_key("x-aws-ec2-metadata-token-ttl-seconds") => {
            ("200 OK", token)
        }
        (_, "GET /latest/meta-data/iam/security-credentials/") if is_instance => {
            ("200 OK", "role".to_owned())
        }
        (_, "GET /latest/meta-data/iam/security-credentials/role") if is_instance => {
            ("200 OK", credentials.to_string())
        }
        (_, "GET /container") if is_container => ("200 OK", credentials.to_string()),
        _ => ("401 Unauthorized", String::new()),
    };
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    // A client that goes away is no failure.
    let _ = socket.write_all(answer.as_bytes());
}

/// The method and the path, and the headers; nothing if nobody asks anything.
fn read(socket: &TcpStream) -> Option<(String, HashMap<String, String>)> {
    let mut lines = BufReader::new(socket).lines().map_while(Result::ok);
    let request = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_ascii_lowercase(), value.to_owned()))
        })
        .collect();
    Some((request, headers))
}
