//! Bytes as no well-behaved client would send them, and what comes back.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::App;

/// An answer, as it stood on the wire.
#[derive(Debug)]
pub struct RawAnswer {
    pub status: u16,
    /// The status line and the headers, in lower case.
    pub head: String,
    pub body: Vec<u8>,
}

impl RawAnswer {
    /// The values of a header.
    pub fn values<'a>(&'a self, name: &str) -> Vec<&'a str> {
        let prefix = format!("{name}:");
        self.head.lines().filter_map(|line| line.strip_prefix(&prefix)).map(str::trim).collect()
    }

    pub fn text(&self) -> String {
        format!("{}\n{}", self.head, String::from_utf8_lossy(&self.body))
    }
}

/// Sends `bytes` on a connection of their own, says that nothing follows, and gives every answer up to its end.
pub async fn exchange(app: &App, bytes: &[u8]) -> Vec<RawAnswer> {
    let address: SocketAddr = app.origin.trim_start_matches("http://").parse().expect("an address");
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    let mut answered = Vec::new();
    let talk = async {
        // A server that has heard enough closes before everything is sent.
        let _ = socket.write_all(bytes).await;
        let _ = socket.shutdown().await;
        let mut block = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = socket.read(&mut block).await {
            answered.extend_from_slice(&block[..read]);
        }
    };
    timeout(Duration::from_secs(20), talk).await.expect("the server ends the connection");
    answers(&answered)
}

/// The one answer to `bytes`, or nothing where the server only closed.
pub async fn ask(app: &App, bytes: &[u8]) -> Option<RawAnswer> {
    let mut answers = exchange(app, bytes).await;
    assert!(answers.len() <= 1, "{answers:?}");
    answers.pop()
}

fn answers(mut bytes: &[u8]) -> Vec<RawAnswer> {
    let mut found = Vec::new();
    while let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&bytes[..at]).to_lowercase();
        bytes = &bytes[at + 4..];
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let mut answer = RawAnswer { status, head, body: Vec::new() };
        if answer.values("transfer-encoding").is_empty() {
            let length =
                answer.values("content-length").first().map_or(0, |length| length.parse().expect("a length"));
            let (body, rest) = bytes.split_at(bytes.len().min(length));
            (answer.body, bytes) = (body.to_vec(), rest);
        } else {
            (answer.body, bytes) = chunks(bytes);
        }
        found.push(answer);
    }
    assert!(bytes.is_empty(), "no answer: {:?}", String::from_utf8_lossy(bytes));
    found
}

fn chunks(mut bytes: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut body = Vec::new();
    loop {
        let at = bytes.windows(2).position(|window| window == b"\r\n").expect("a chunk's size");
        let size = std::str::from_utf8(&bytes[..at]).expect("digits");
        let size = usize::from_str_radix(size, 16).expect("a size");
        body.extend_from_slice(&bytes[at + 2..at + 2 + size]);
        bytes = &bytes[at + 4 + size..];
        if size == 0 {
            return (body, bytes);
        }
    }
}
