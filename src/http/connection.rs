//! The connections: how many there are, and what a slow client may do with one.
//!
//! actix waits as long as is said for the headers of a connection's first request, and then for a next request to begin. What it does not
//! see to is done here: that the headers of a later request come to an end, that a body which nobody reads does, that a client takes
//! what it is sent, and that it gets no further than to the end of the request that is being answered (see [`Gate`]).

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use actix_web::Error;
use actix_web::HttpMessage;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::ConnectionType;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use actix_web::middleware::Next;
use actix_web::web::{Buf, Bytes, BytesMut};
use futures_util::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::gate::{Framing, Gate};
use crate::service::pace::{Pace, Progress};

/// After how many bytes of a client actix looks at them. It would go on to 128 KiB, and a connection would keep as much, and twice that.
const AT_ONCE: usize = 16 * 1024;

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
    /// What is taken from the client before more is answered.
    gate: Cell<Gate>,
    /// Who is to be told that it may be open again.
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
            gate: Cell::default(),
            reader: Cell::default(),
            timeouts,
        }))
    }

    /// Whether the connection is one too many.
    pub(super) fn place(&self) -> Place {
        self.0.place
    }

    /// A request with such a body is being answered.
    fn answer(&self, framing: Framing) -> Answering {
        let state = &self.0;
        state.answering.set(state.answering.get() + 1);
        self.turn(|gate| gate.answer(framing));
        Answering(self.clone())
    }

    /// Turns the gate, and tells who waits to read.
    fn turn(&self, change: impl FnOnce(&mut Gate)) {
        let mut gate = self.0.gate.get();
        change(&mut gate);
        self.0.gate.set(gate);
        self.read_on();
    }

    /// Tells who waits to read.
    fn read_on(&self) {
        if let Some(reader) = self.0.reader.take() {
            reader.wake();
        }
    }

    /// Waits for the gate. While nothing is answered it is open as soon as actix has looked at what it has.
    fn wait_to_read(&self, context: &Context<'_>) {
        if self.0.answering.get() == 0 {
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
        state.ends_at.set(Instant::now() + state.timeouts.keep_alive + state.timeouts.header);
        self.0.turn(Gate::go_on);
    }
}

/// Notes on its connection that the request is being answered. One that is too many ends with the answer.
pub(super) async fn note(
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<Noted>, Error> {
    let activity = request.conn_data::<Activity>().cloned();
    let framing = framing(request.headers());
    let answering = activity.as_ref().map(|activity| activity.answer(framing));
    if let (Framing::Chunked, Some(activity)) = (framing, &activity) {
        let chunks = Chunks { payload: request.take_payload(), activity: activity.clone() };
        request.set_payload(Payload::Stream { payload: Box::pin(chunks) });
    }
    let mut response = next.call(request).await?;
    if activity.is_some_and(|activity| activity.place() == Place::Excess) {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response.map_body(|_, body| Noted { body, _answering: answering }))
}

/// What body is to come. actix has refused what says it in two ways.
fn framing(headers: &HeaderMap) -> Framing {
    if headers.contains_key(TRANSFER_ENCODING) {
        return Framing::Chunked;
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    Framing::Length(length.unwrap_or_default())
}

/// A body in chunks, of which more is taken from the client when what there was is read.
struct Chunks {
    payload: Payload,
    activity: Activity,
}

impl Stream for Chunks {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut self.payload).poll_next(context);
        match polled {
            Poll::Pending => self.activity.turn(Gate::more),
            Poll::Ready(None | Some(Err(_))) => self.activity.turn(Gate::body_ended),
            Poll::Ready(Some(Ok(_))) => {}
        }
        polled
    }
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
    /// What has come and may not pass yet.
    kept: BytesMut,
    /// Whether actix has been told that there is nothing more for now, and so has looked at what it was given.
    paused: bool,
    /// What it was given since then.
    given: usize,
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
            kept: BytesMut::new(),
            paused: false,
            given: 0,
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

/// No more passes than the [`Gate`] lets, and nothing while the client takes none of what it is sent.
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
        let (was_paused, before) = (std::mem::replace(&mut self.paused, false), buffer.filled().len());
        let polled = if self.given < AT_ONCE {
            self.poll_gate(was_paused, context, buffer)
        } else {
            context.waker().wake_by_ref();
            Poll::Pending
        };
        self.paused = polled.is_pending();
        self.given = if self.paused { 0 } else { self.given + buffer.filled().len() - before };
        polled
    }
}

impl Connection {
    fn poll_gate(
        &mut self,
        was_paused: bool,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let state = &self.activity.0;
        let mut gate = state.gate.get();
        if was_paused && state.answering.get() == 0 {
            gate.go_on();
        }
        if !gate.is_shut() {
            let before = buffer.filled().len();
            if self.kept.is_empty() {
                ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
                let come = &buffer.filled()[before..];
                if come.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                let passed = gate.pass(come);
                self.kept.extend_from_slice(&come[passed..]);
                buffer.set_filled(before + passed);
            } else {
                let come = &self.kept[..self.kept.len().min(buffer.remaining())];
                let passed = gate.pass(come);
                buffer.put_slice(&come[..passed]);
                self.kept.advance(passed);
                if self.kept.is_empty() {
                    self.kept = BytesMut::new();
                }
            }
            state.gate.set(gate);
            if buffer.filled().len() > before {
                self.activity.heard();
                return Poll::Ready(Ok(()));
            }
        }
        self.activity.wait_to_read(context);
        Poll::Pending
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
