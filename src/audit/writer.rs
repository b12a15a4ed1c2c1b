//! Writes records to the end of a file, or to stderr.
//!
//! A file that was renamed or removed is made anew, as logrotate wants it, without a signal; one that was emptied goes on at its
//! beginning. A disk that takes nothing costs records, which are counted and told of, and no service.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use prometheus::IntCounter;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use tokio::sync::{mpsc, oneshot};

use super::AuditPlace;

/// How many records are written at once.
const AT_ONCE: usize = 256;

/// What the writer's thread is sent.
pub(super) enum Message {
    /// To write this line.
    Record(Vec<u8>),
    /// To tell when all before is written.
    Tell(oneshot::Sender<()>),
}

/// Where lines go.
pub(super) enum Sink {
    Stderr,
    File {
        path: PathBuf,
        file: File,
        /// Whether the last line was not written to its end.
        broken: bool,
    },
}

impl Sink {
    pub(super) fn open(place: &AuditPlace) -> io::Result<Self> {
        Ok(match place {
            AuditPlace::Stderr => Self::Stderr,
            AuditPlace::File(path) => {
                Self::File { path: path.clone(), file: append_to(path)?, broken: false }
            }
        })
    }

    /// Writes whole lines.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::Stderr => io::stderr().lock().write_all(lines),
            Self::File { path, file, broken } => {
                let same =
                    |there: Metadata, own: Metadata| (there.dev(), there.ino()) == (own.dev(), own.ino());
                let moved = match (path.metadata(), file.metadata()) {
                    (Ok(there), Ok(own)) => !same(there, own),
                    (Err(_), _) | (_, Err(_)) => true,
                };
                if moved {
                    *file = append_to(path)?;
                    *broken = false;
                }
                if *broken {
                    file.write_all(b"\n")?;
                }
                *broken = true;
                file.write_all(lines)?;
                *broken = false;
                Ok(())
            }
        }
    }
}

/// Opens a file to append to it. A pipe that nobody reads is an error: to open it would wait for a
/// reader.
fn append_to(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().append(true).create(true).mode(0o640).custom_flags(flags).open(path)?;
    // The writer's own thread may wait for a reader that is slow.
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

/// Writes what it is sent.
pub(super) struct Writer {
    sink: Sink,
    written: IntCounter,
    lost: IntCounter,
    failing: bool,
}

impl Writer {
    pub(super) fn new(sink: Sink, written: IntCounter, lost: IntCounter) -> Self {
        Self { sink, written, lost, failing: false }
    }

    /// Until nobody can send any more.
    pub(super) fn run(mut self, mut waiting: mpsc::Receiver<Message>) {
        let mut messages = Vec::with_capacity(AT_ONCE);
        let mut lines = Vec::new();
        while waiting.blocking_recv_many(&mut messages, AT_ONCE) > 0 {
            let (mut count, mut told) = (0, Vec::new());
            for message in messages.drain(..) {
                match message {
                    Message::Record(line) => {
                        lines.extend_from_slice(&line);
                        count += 1;
                    }
                    Message::Tell(tell) => told.push(tell),
                }
            }
            if count > 0 {
                self.write(&lines, count);
            }
            lines.clear();
            for tell in told {
                let _ = tell.send(());
            }
        }
    }

    /// The first of several failures is told, and the end of them; every record is counted.
    fn write(&mut self, lines: &[u8], count: u64) {
        match self.sink.write(lines) {
            Ok(()) => {
                self.written.inc_by(count);
                if std::mem::take(&mut self.failing) {
                    tracing::warn!("the audit log is written again");
                }
            }
            Err(error) => {
                self.lost.inc_by(count);
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, "the audit log cannot be written, and records are lost");
                }
            }
        }
    }
}
