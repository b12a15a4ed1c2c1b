//! The connections: how many there are, and what a slow client may do with one.
//!
//! actix waits as long as is said for the headers of a connection's first request, and then for a next request to begin. What it does not
//! see to is done here: that the headers of a later request come to an end, that a body which nobody reads does, and that a client takes
//! what it is sent.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use actix_web::Error;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::service::pace::{Pace, Progress};

/// How many bytes a client may be ahead of its answers, but for the body of a request.
const AHEAD: usize = 8 * 1024;

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// To send the headers of a request.
    pub header: Duration,
    /// To begin with its next request.
    pub keep_alive: Duration,
    /// To take what it is sent.
    pub pace: Pace,
}

/// Counts the connections of all workers.
#[derive(Clone)]
pub(super) struct Connections {
    most: u32,
    now: Arc<AtomicU32>,
}

impl Connections {
    /// `most` of them are served.
    pub(super) fn new(most: u32) -> Self {
        Self { most, now: Arc::default() }
    }

    fn enter(&self) -> (Place, Entered) {
        let before = self.now.fetch_add(1, Ordering::Relaxed);
        let place = if before < self.most { Place::Served } else { Place::Excess };
        (place, Entered(Arc::clone(&self.now)))
    }
}

/// A connection that is counted.
struct Entered(Arc<AtomicU32>);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether a connection is one too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is not.
    Served,
    /// It is, and is told so.
    Excess,
}

/// What is going on on a connection, for both of its sides: that of the bytes and that of the requests.
#[derive(Clone)]
pub(super) struct Activity(Rc<State>);

struct State {
    place: Place,
    /// How many requests are being answered, of those that came at once.
    answering: Cell<u32>,
    /// How many were answered.
    answered: Cell<u64>,
    /// When the connection ends, unless a request is being answered.
    ends_at: Cell<Instant>,
    /// Whether something of a next request has come.
    begun: Cell<bool>,
    /// How many bytes are taken from the client before more is answered.
    budget: Cell<u64>,
    /// Who is to be told that there is a budget again.
    reader: Cell<Option<Waker>>,
    timeouts: Timeouts,
}

impl Activity {
    fn new(place: Place, timeouts: Timeouts) -> Self {
        Self(Rc::new(State {
            place,
            answering: Cell::new(0),
            answered: Cell::new(0),
            // A second more than actix takes to answer 408.
            ends_at: Cell::new(Instant::now() + timeouts.header + Duration::from_secs(1)),
            begun: Cell::new(true),
            budget: Cell::new(AHEAD as u64),
            reader: Cell::default(),
            timeouts,
        }))
    }

    /// Whether the connection is one too many.
    pub(super) fn place(&self) -> Place {
        self.0.place
    }

    /// A request with a body of so many bytes is being answered.
    fn answer(&self, body: u64) -> Answering {
        let state = &self.0;
        state.answering.set(state.answering.get() + 1);
        state.budget.set(state.budget.get().saturating_add(body));
        self.read_on();
        Answering(self.clone())
    }

    /// Tells who waits to read.
    fn read_on(&self) {
        if let Some(reader) = self.0.reader.take() {
            reader.wake();
        }
    }

    /// Waits for a budget. While nothing is answered there is one as soon as actix has looked at what it has.
    fn wait_to_read(&self, context: &Context<'_>) {
        if self.0.answering.get() == 0 {
            self.0.budget.set(AHEAD as u64);
            context.waker().wake_by_ref();
        } else {
            self.0.reader.set(Some(context.waker().clone()));
        }
    }

    /// Something came.
    fn heard(&self) {
        let state = &self.0;
        if state.answering.get() == 0 && !state.begun.replace(true) {
            state.ends_at.set(state.ends_at.get().min(Instant::now() + state.timeouts.header));
        }
    }

    /// When the connection ends, if no request is being answered.
    fn ends_at(&self) -> Option<Instant> {
        (self.0.answering.get() == 0).then(|| self.0.ends_at.get())
    }
}

/// A request that is being answered, until the last byte of its answer is made.
struct Answering(Activity);

impl Drop for Answering {
    fn drop(&mut self) {
        let Activity(state) = &self.0;
        state.answering.set(state.answering.get() - 1);
        state.answered.set(state.answered.get() + 1);
        state.begun.set(false);
        state.budget.set(AHEAD as u64);
        state.ends_at.set(Instant::now() + state.timeouts.keep_alive + state.timeouts.header);
        self.0.read_on();
    }
}

/// Notes on its connection that the request is being answered. One that is too many ends with the answer.
pub(super) async fn note(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<Noted>, Error> {
    let activity = request.conn_data::<Activity>().cloned();
    let body = announced(request.headers());
    let answering = activity.as_ref().map(|activity| activity.answer(body));
    let mut response = next.call(request).await?;
    if activity.is_some_and(|activity| activity.place() == Place::Excess) {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response.map_body(|_, body| Noted { body, _answering: answering }))
}

/// How many bytes of a body are to come; any number, if that is not said.
fn announced(headers: &HeaderMap) -> u64 {
    if headers.contains_key(TRANSFER_ENCODING) {
        return u64::MAX;
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    length.unwrap_or_default()
}

/// A body whose end is noted.
pub(super) struct Noted {
    body: BoxBody,
    _answering: Option<Answering>,
}

impl MessageBody for Noted {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

/// A connection.
pub(super) struct Connection {
    stream: TcpStream,
    activity: Activity,
    alarm: Option<Pin<Box<Sleep>>>,
    /// Since when the client has taken nothing of what it is sent.
    blocked_since: Option<Instant>,
    /// What it has taken of the answer, and which answer that is.
    taken: (u64, Progress),
    _entered: Entered,
}

impl Connection {
    /// Counts `stream` as one of `connections`.
    pub(super) fn new(stream: TcpStream, connections: &Connections, timeouts: Timeouts) -> Self {
        let (place, entered) = connections.enter();
        Self {
            stream,
            activity: Activity::new(place, timeouts),
            alarm: None,
            blocked_since: None,
            taken: (0, Progress::default()),
            _entered: entered,
        }
    }

    /// What is going on on it.
    pub(super) fn activity(&self) -> Activity {
        self.activity.clone()
    }

    /// Ready when it is `deadline`. Wakes the task by then, and maybe before.
    fn poll_until(&mut self, deadline: Instant, context: &mut Context<'_>) -> Poll<()> {
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if alarm.is_elapsed() || alarm.deadline() > deadline {
            alarm.as_mut().reset(deadline);
        }
        loop {
            ready!(alarm.as_mut().poll(context));
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(deadline);
        }
    }

    /// The client takes nothing just now.
    fn poll_blocked(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let since = *self.blocked_since.get_or_insert_with(Instant::now);
        self.poll_until(since + self.activity.0.timeouts.pace.idle, context).map(|()| too_slow())
    }

    /// The client has taken so many bytes.
    fn took(&mut self, bytes: usize) -> io::Result<()> {
        let answer = self.activity.0.answered.get();
        if self.taken.0 != answer {
            self.taken = (answer, Progress::default());
        }
        let waited = self.blocked_since.take().map_or(Duration::ZERO, |since| since.elapsed());
        self.activity.read_on();
        let keeps = self.taken.1.keeps(self.activity.0.timeouts.pace, bytes as u64, waited);
        if keeps { Ok(()) } else { Err(too_slow()) }
    }
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client is too slow")
}

/// actix takes whatever comes, and makes requests of all that it has taken before it answers one: some hundred bytes of requests become
/// many kilobytes. So a client gets no further ahead of its answers than [`AHEAD`], and not at all while it takes none.
impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.blocked_since.is_some() {
            self.activity.0.reader.set(Some(context.waker().clone()));
            return Poll::Pending;
        }
        let budget = self.activity.0.budget.get();
        if budget == 0 {
            self.activity.wait_to_read(context);
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        if budget >= buffer.remaining() as u64 {
            ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        } else {
            let mut block = [0; AHEAD];
            let length = usize::try_from(budget).unwrap_or(block.len()).min(block.len());
            let mut part = ReadBuf::new(&mut block[..length]);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut part))?;
            buffer.put_slice(part.filled());
        }
        let read = buffer.filled().len() - before;
        if read > 0 {
            self.activity.0.budget.set(budget - read as u64);
            self.activity.heard();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Pending => self.poll_blocked(context).map(Err),
            Poll::Ready(Ok(taken)) => Poll::Ready(self.took(taken).map(|()| taken)),
            failed @ Poll::Ready(Err(_)) => failed,
        }
    }

    /// actix comes here whenever it has nothing more to write, and so before it waits for the client.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(end) = self.activity.ends_at()
            && self.poll_until(end, context).is_ready()
        {
            return Poll::Ready(Err(too_slow()));
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
