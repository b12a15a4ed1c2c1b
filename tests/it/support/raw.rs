//! A client that sends what it likes, when it likes.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// A connection to the application.
pub struct Raw {
    stream: TcpStream,
}

impl Raw {
    pub async fn open(origin: &str) -> Self {
        Self::open_with(origin, TcpSocket::new_v4().expect("a socket")).await
    }

    /// One that has room for little that it does not read.
    pub async fn narrow(origin: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a size");
        Self::open_with(origin, socket).await
    }

    async fn open_with(origin: &str, socket: TcpSocket) -> Self {
        let address = origin.trim_start_matches("http://").parse().expect("an address");
        Self { stream: socket.connect(address).await.expect("a connection") }
    }

    /// Sends this. That nobody takes it any more is for the answer to say.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Sends this again and again, until nobody takes it.
    pub async fn send_on(&mut self, bytes: &[u8], pause: Duration) {
        while self.stream.write_all(bytes).await.is_ok() {
            actix_web::rt::time::sleep(pause).await;
        }
    }

    /// Whether something comes within this time. It is left there.
    pub async fn hears(&mut self, patience: Duration) -> bool {
        timeout(patience, self.stream.peek(&mut [0])).await.is_ok()
    }

    /// What comes up to the empty line behind the headers.
    pub async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.expect("headers"));
        }
        String::from_utf8(head).expect("text")
    }

    /// All that comes until the other side ends the connection, in whatever way.
    pub async fn rest(&mut self) -> Vec<u8> {
        let (mut rest, mut block) = (Vec::new(), vec![0; 64 * 1024]);
        loop {
            match self.stream.read(&mut block).await {
                Ok(0) => return rest,
                Ok(read) => rest.extend_from_slice(&block[..read]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return rest,
                Err(error) => panic!("{error}"),
            }
        }
    }
}
