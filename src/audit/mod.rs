//! Who did what: a line of JSON for everything that somebody with an access token did or was refused, and for every access token that was made
//! or revoked. No token and no secret stands in it.
//!
//! A request's use case [notes](subject) what it is about; the server writes the record when the
//! answer is there. A record waits for room and holds up its own request alone, never a worker. The
//! wait ends after a second with a lost record; from then on no request waits until the log takes
//! records again.

mod record;
mod writer;

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use prometheus::IntCounter;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::api::problem::ProblemCode;
use crate::metrics::Metrics;

pub use record::{Action, Subject};
use record::{Actor, Outcome, Record};
use writer::{Message, Sink, Writer};

/// How many records wait to be written.
const ROOM: usize = 4096;

/// How long a request waits for room. A disk that is away longer is not to take the service with it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Timeout for the last records when the service stops.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// Where the records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditPlace {
    /// To stderr, where the log is.
    Stderr,
    /// To the end of this file.
    File(PathBuf),
}

impl FromStr for AuditPlace {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "" => Err("write a path, or - for stderr"),
            "-" => Ok(Self::Stderr),
            path => Ok(Self::File(path.into())),
        }
    }
}

/// What a request is about, as far as it came.
#[derive(Default)]
struct Note {
    /// The public id of the access token whose secret it brought.
    caller: Option<String>,
    subject: Option<(Action, Subject)>,
}

tokio::task_local! {
    static NOTE: Rc<RefCell<Note>>;
}

/// Notes whose access token the current request brought: one that there is, expired or revoked though it may be.
pub fn caller(id: &str) {
    let _ = NOTE.try_with(|note| note.borrow_mut().caller = Some(id.to_owned()));
}

/// Notes what the current request is to do, and with what. `subject` is not called if nobody writes an audit log.
pub fn subject(action: Action, subject: impl FnOnce() -> Subject) {
    let _ = NOTE.try_with(|note| note.borrow_mut().subject = Some((action, subject())));
}

/// The audit log of a service.
#[derive(Clone)]
pub struct AuditLog {
    records: mpsc::Sender<Message>,
    lost: IntCounter,
    /// Set when a request has waited in vain, until the next record is taken.
    stalled: Arc<AtomicBool>,
}

impl AuditLog {
    /// Writes to `place` from now on, on a thread of its own.
    ///
    /// # Errors
    /// If it cannot be written to.
    pub fn start(place: &AuditPlace, metrics: &Metrics) -> io::Result<Self> {
        let (records, waiting) = mpsc::channel(ROOM);
        let lost = metrics.audit_lost.clone();
        let writer = Writer::new(Sink::open(place)?, metrics.audit_written.clone(), lost.clone());
        std::thread::Builder::new().name("audit log".to_owned()).spawn(move || writer.run(waiting))?;
        Ok(Self { records, lost, stalled: Arc::default() })
    }

    /// Follows a request until [`Following::end`].
    #[must_use]
    pub fn follow(&self, request: Uuid) -> Following {
        Following { log: self.clone(), request, note: Rc::default() }
    }

    /// Waits until all records so far are written, for at most 3 seconds: nobody may be reading
    /// stderr.
    pub async fn flush(&self) {
        let (tell, hear) = oneshot::channel();
        let flushed = async { self.records.send(Message::Tell(tell)).await.is_ok() && hear.await.is_ok() };
        if tokio::time::timeout(FLUSH_TIMEOUT, flushed).await != Ok(true) {
            let records = self.records.max_capacity() - self.records.capacity();
            tracing::error!(records, "the audit log takes too long, and its last records are lost");
        }
    }

    async fn write(&self, record: &Record<'_>) {
        let message = match self.records.try_send(Message::Record(record.line())) {
            Ok(()) => return self.resume(),
            Err(mpsc::error::TrySendError::Full(message)) if !self.is_stalled() => message,
            Err(_) => return self.lose(),
        };
        // A client that goes while its record waits ends the wait, too.
        let mut waiting = Waiting { log: self, is_written: false };
        let written = tokio::time::timeout(PATIENCE, self.records.send(message)).await;
        waiting.is_written = matches!(written, Ok(Ok(())));
        if !waiting.is_written {
            drop(waiting);
            self.stalled.store(true, Ordering::Relaxed);
        }
    }

    fn is_stalled(&self) -> bool {
        self.stalled.load(Ordering::Relaxed)
    }

    /// Lets requests wait for room again, for there was some.
    fn resume(&self) {
        if self.is_stalled() && self.stalled.swap(false, Ordering::Relaxed) {
            tracing::warn!("the audit log takes records again");
        }
    }

    /// Counts a lost record, and logs the first one of a stall.
    fn lose(&self) {
        self.lost.inc();
        if !self.is_stalled() {
            tracing::error!("the audit log takes too long, and records are lost");
        }
    }
}

/// A record that waits for room, and is lost if this is dropped before it is written.
struct Waiting<'a> {
    log: &'a AuditLog,
    is_written: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.is_written {
            self.log.lose();
        }
    }
}

/// A request, and what is noted of it. Dropped before its end it is recorded all the same: it may have been done.
pub struct Following {
    log: AuditLog,
    request: Uuid,
    note: Rc<RefCell<Note>>,
}

impl Following {
    /// Does `work`, which may note what it is about.
    pub async fn through<T>(&self, work: impl Future<Output = T>) -> T {
        NOTE.scope(Rc::clone(&self.note), work).await
    }

    /// Records the request, if somebody is known who made it and it is one of `action`.
    pub async fn end(self, action: Option<Action>, refused: Option<ProblemCode>) {
        let Note { caller, subject } = self.note.take();
        let (Some(caller), Some(action)) = (caller, action) else { return };
        let subject = subject.map(|(_, subject)| subject);
        let outcome = if refused.is_some() { Outcome::Refused } else { Outcome::Allowed };
        let record = Record::of_request(action, outcome, refused, &caller, subject.as_ref(), self.request);
        self.log.write(&record).await;
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let Note { caller: Some(caller), subject: Some((action, subject)) } = self.note.take() else {
            return;
        };
        let record =
            Record::of_request(action, Outcome::Abandoned, None, &caller, Some(&subject), self.request);
        if self.log.records.try_send(Message::Record(record.line())).is_err() {
            self.log.lose();
        }
    }
}

/// The audit log of a command, which writes at once.
pub struct CommandAudit(Option<Sink>);

impl CommandAudit {
    /// Opens `place`, if there is one.
    ///
    /// # Errors
    /// If it cannot be written to.
    pub fn open(place: Option<&AuditPlace>) -> io::Result<Self> {
        Ok(Self(place.map(Sink::open).transpose()?))
    }

    /// Records what whoever runs this process did to the access token with this public id.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&mut self, action: Action, access_token: &str) -> io::Result<()> {
        let Some(sink) = &mut self.0 else { return Ok(()) };
        let user = rustix::process::getuid().as_raw();
        let record = Record {
            time: SystemTime::now(),
            action,
            outcome: Outcome::Allowed,
            code: None,
            actor: Actor::User { uid: user },
            access_token: Some(access_token),
            subject: None,
            request: None,
        };
        sink.write(&record.line())
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures_util::poll;

    use super::*;

    /// A client that went while its record waited for room was counted neither as written nor as lost.
    #[actix_web::test]
    async fn a_record_whose_client_goes_while_it_waits_is_lost_and_counted() {
        let (records, _nobody_reads) = mpsc::channel(1);
        let lost = IntCounter::new("lost", "records").expect("a name");
        let log = AuditLog { records, lost: lost.clone(), stalled: Arc::default() };
        let end = || {
            let following = log.follow(Uuid::now_v7());
            following.note.borrow_mut().caller = Some("id".to_owned());
            following.end(Some(Action::NotifyUpload), None)
        };
        end().await;
        let mut waiting = Box::pin(end());
        assert_eq!(poll!(waiting.as_mut()), Poll::Pending);
        assert_eq!(lost.get(), 0);
        drop(waiting);
        assert_eq!(lost.get(), 1);
    }
}
