//! A client that costs little: HTTP/1.1 over kept connections, on one thread, without parsing more than it needs.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How many bytes are read at a time.
const BUFFER: usize = 256 * 1024;

/// A request, of which the body is shared by all.
#[derive(Clone)]
pub struct Request {
    pub head: String,
    pub body: &'static [u8],
}

impl Request {
    pub fn get(path: &str) -> Self {
        Self { head: format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"), body: &[] }
    }

    pub fn put(path: &str, body: &'static [u8]) -> Self {
        let length = body.len();
        let head = format!("PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
        Self { head, body }
    }

    pub fn post(path: &str, headers: &str, body: &'static [u8]) -> Self {
        let length = body.len();
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\n\r\n");
        Self { head, body }
    }
}

/// How long to go on.
#[derive(Clone, Copy)]
pub enum Until {
    /// Until each request was sent once.
    Sent,
    /// Round and round, for so long.
    Passed(Duration),
}

/// What came of it.
pub struct Measured {
    pub seconds: f64,
    pub latencies: Vec<Duration>,
}

impl Measured {
    #[expect(clippy::cast_precision_loss, reason = "a count of some seconds is small")]
    pub fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }

    /// The latency that 99 of 100 requests do not exceed.
    pub fn p99(mut self) -> f64 {
        self.latencies.sort_unstable();
        self.latencies[self.latencies.len() * 99 / 100].as_secs_f64() * 1000.0
    }
}

/// Sends `requests` over so many connections.
pub async fn run(address: SocketAddr, requests: &[Request], connections: usize, until: Until) -> Measured {
    let streams: Vec<Connection> = join_all((0..connections).map(|_| Connection::open(address))).await;
    let begun = Instant::now();
    let next = Cell::new(0);
    let take = || {
        let index = next.get();
        next.set(index + 1);
        match until {
            Until::Sent => requests.get(index),
            Until::Passed(time) if begun.elapsed() < time => requests.get(index % requests.len()),
            Until::Passed(_) => None,
        }
    };
    let work = streams.into_iter().map(|mut connection| async move {
        let mut latencies = Vec::new();
        while let Some(request) = take() {
            let asked = Instant::now();
            connection.ask(request).await;
            latencies.push(asked.elapsed());
        }
        latencies
    });
    let latencies = join_all(work).await.concat();
    Measured { seconds: begun.elapsed().as_secs_f64(), latencies }
}

/// Asks once, and gives the body.
pub async fn ask(address: SocketAddr, request: &Request) -> Vec<u8> {
    let mut connection = Connection::open(address).await;
    let (start, length) = connection.ask_keeping(request).await;
    connection.buffer[start..start + length].to_vec()
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("an option");
        Self { stream, buffer: vec![0; BUFFER] }
    }

    /// Sends a request and reads the answer to its end.
    async fn ask(&mut self, request: &Request) {
        let (start, length, mut filled) = self.head(request).await;
        let mut left = (start + length).saturating_sub(filled);
        while left > 0 {
            filled = self.stream.read(&mut self.buffer).await.expect("a body");
            assert!(filled > 0, "the answer broke off");
            left = left.checked_sub(filled).expect("no more than the body");
        }
    }

    /// As [`Self::ask`], of an answer that fits into the buffer: where its body begins there, and how long it is.
    async fn ask_keeping(&mut self, request: &Request) -> (usize, usize) {
        let (start, length, mut filled) = self.head(request).await;
        while filled < start + length {
            let read = self.stream.read(&mut self.buffer[filled..]).await.expect("a body");
            assert!(read > 0, "the answer broke off");
            filled += read;
        }
        (start, length)
    }

    /// Where the answer's body begins, how long it is, and how much was read.
    async fn head(&mut self, request: &Request) -> (usize, usize, usize) {
        if request.body.len() < 4096 {
            // One packet, as every client sends it.
            let whole = [request.head.as_bytes(), request.body].concat();
            self.stream.write_all(&whole).await.expect("it is sent");
        } else {
            self.stream.write_all(request.head.as_bytes()).await.expect("it is sent");
            self.stream.write_all(request.body).await.expect("it is sent");
        }
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await.expect("an answer");
            assert!(read > 0, "the connection was closed");
            filled += read;
            if let Some(end) = self.buffer[..filled].windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let head = std::str::from_utf8(&self.buffer[..end]).expect("text");
                assert!(head.starts_with("HTTP/1.1 20"), "{}{head}", request.head);
                return (end + 4, content_length(head), filled);
            }
        }
    }
}

fn content_length(head: &str) -> usize {
    let value = head.lines().filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().expect("a length"))
    });
    value.unwrap_or(0)
}
