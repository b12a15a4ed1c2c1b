//! A TCP proxy that fails as networks and servers do, in front of an address.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;

/// How much is carried at once.
const PIECE: usize = 64 * 1024;

/// What the proxy does, with the connections that there are and with new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It carries what is sent.
    Pass,
    /// It takes connections and carries nothing. What was sent goes on after [`Mode::Pass`].
    Stall,
    /// It takes connections and resets them.
    Reset,
    /// It ends each connection after so many bytes of answers.
    Truncate(usize),
    /// It lets so many bytes of answers through, on all connections together, and is then as [`Mode::Stall`].
    StallAfter(usize),
    /// Nobody listens.
    Refuse,
}

/// How many bytes [`Mode::StallAfter`] lets through still.
type Left = Arc<AtomicUsize>;

/// A running proxy. It ends when it is dropped, with its connections.
pub struct Proxy {
    pub address: SocketAddr,
    mode: Option<watch::Sender<Mode>>,
    left: Left,
    accepted: Arc<AtomicUsize>,
    /// Where somebody listens, if somebody does.
    listens: watch::Receiver<Option<SocketAddr>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A proxy in front of `target` that passes everything.
    pub async fn start(target: SocketAddr) -> Self {
        let (mode, switched) = watch::channel(Mode::Pass);
        let (told, mut listens) = watch::channel(None);
        let left = Left::default();
        let lasting = Arc::clone(&left);
        let accepted = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&accepted);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(listen(target, switched, told, lasting, &counted));
        });
        let address = listens.wait_for(Option::is_some).await.expect("the proxy runs").expect("it listens");
        Self { address, mode: Some(mode), left, accepted, listens, thread: Some(thread) }
    }

    /// Does as `mode` says from now on.
    pub async fn switch(&self, mode: Mode) {
        if let Mode::StallAfter(bytes) = mode {
            self.left.store(bytes, Ordering::SeqCst);
        }
        self.mode.as_ref().expect("it runs").send_replace(mode);
        let mut listens = self.listens.clone();
        let refuses = mode == Mode::Refuse;
        listens.wait_for(|listens| listens.is_none() == refuses).await.expect("the proxy runs");
    }

    /// How many connections were made to it.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.mode.take());
        // A test that has failed already is not to abort.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Ends when nobody can switch the mode any more.
async fn listen(
    target: SocketAddr,
    mut mode: watch::Receiver<Mode>,
    told: watch::Sender<Option<SocketAddr>>,
    left: Left,
    accepted: &AtomicUsize,
) {
    let mut socket = bound((Ipv4Addr::LOCALHOST, 0).into());
    // A socket that is bound and does not listen refuses, and keeps the port.
    while mode.wait_for(|mode| *mode != Mode::Refuse).await.is_ok() {
        let listener = socket.listen(1024).expect("a listener");
        let address = listener.local_addr().expect("an address");
        told.send_replace(Some(address));
        loop {
            tokio::select! {
                connected = listener.accept() => {
                    let (client, _) = connected.expect("a connection");
                    accepted.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(carry(client, target, mode.clone(), Arc::clone(&left)));
                }
                changed = mode.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    if *mode.borrow() == Mode::Refuse {
                        break;
                    }
                }
            }
        }
        drop(listener);
        socket = bound(address);
        told.send_replace(None);
    }
}

fn bound(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("an option");
    socket.bind(address).expect("the port is ours");
    socket
}

async fn carry(mut client: TcpStream, target: SocketAddr, mut mode: watch::Receiver<Mode>, left: Left) {
    let mut server: Option<TcpStream> = None;
    let (mut up, mut down) = (Pipe::default(), Pipe::default());
    let mut truncated_after: Option<usize> = None;
    loop {
        let now = *mode.borrow_and_update();
        let limit = match now {
            Mode::Stall => 0,
            Mode::StallAfter(_) => left.load(Ordering::SeqCst),
            Mode::Truncate(bytes) => *truncated_after.get_or_insert(bytes),
            _ => usize::MAX,
        };
        match now {
            Mode::Refuse => return,
            Mode::Reset => {
                let _ = client.set_zero_linger();
                return;
            }
            Mode::Truncate(_) if limit == 0 => return,
            Mode::Stall | Mode::StallAfter(_) if limit == 0 => {
                if mode.changed().await.is_err() {
                    return;
                }
                continue;
            }
            _ => {}
        }
        let target = match &mut server {
            Some(server) => server,
            None => match TcpStream::connect(target).await {
                Ok(connected) => server.insert(connected),
                Err(_) => return,
            },
        };
        let (client_reads, client_writes) = client.split();
        let (server_reads, server_writes) = target.split();
        let carried = tokio::select! {
            // What comes after a switch is carried as the new mode says, however busy this thread is.
            biased;
            changed = mode.changed() => changed.map(|()| 0).map_err(io::Error::other),
            carried = down.step(server_reads, client_writes, limit) => carried,
            carried = up.step(client_reads, server_writes, usize::MAX) => carried.map(|_| 0),
        };
        let Ok(carried) = carried else { return };
        match now {
            Mode::Truncate(_) => truncated_after = Some(limit - carried),
            Mode::StallAfter(_) => left.store(
                // Another connection may have used it up meanwhile.
                left.load(Ordering::SeqCst).saturating_sub(carried),
                Ordering::SeqCst,
            ),
            _ => truncated_after = None,
        }
    }
}

/// One direction of a connection.
#[derive(Default)]
struct Pipe {
    /// What was read and is not written yet.
    held: Vec<u8>,
}

impl Pipe {
    /// Reads a piece or writes one of at most `limit` bytes, and says how many were written. Nothing is lost when it is dropped on its
    /// way. The end of a connection is an error.
    async fn step(
        &mut self,
        mut from: ReadHalf<'_>,
        mut to: WriteHalf<'_>,
        limit: usize,
    ) -> io::Result<usize> {
        if self.held.is_empty() {
            self.held.reserve(PIECE);
            return match from.read_buf(&mut self.held).await? {
                0 => Err(io::ErrorKind::UnexpectedEof.into()),
                _ => Ok(0),
            };
        }
        let written = to.write(&self.held[..self.held.len().min(limit)]).await?;
        self.held.drain(..written);
        Ok(written)
    }
}
