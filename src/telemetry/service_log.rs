//! The log of the service: lines wait in a bounded queue, and a thread writes them to stderr.
//!
//! Stderr may have no reader: a container runtime is stuck, or somebody pressed Ctrl-S at the
//! terminal. A write to it then blocks. Only the thread of the log waits for that. While its queue
//! is full, lines are lost; they are counted, and the log says how many once it flows again.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::MakeWriter;

/// Capacity of the queue. At the usual length of a line, 300 bytes, a full queue holds 5 MB.
const QUEUE_LINES: usize = 16_384;

/// Lines are written together up to this size: one system call for a burst.
const BATCH_BYTES: usize = 64 * 1024;

/// Pause after each write. Lines that arrive meanwhile are written together: a service that answers
/// tens of thousands of requests per second would otherwise wake the thread as often.
const BATCH_INTERVAL: Duration = Duration::from_millis(10);

/// Shortest time between two reports of lost lines while the queue is never empty.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// Timeout of the last flush. `WorkerGuard` gives up after 1.1 seconds by itself.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(1500);

/// The log that was started. A process has one stderr, and so one log.
static LOG: OnceLock<ServiceLog> = OnceLock::new();

thread_local! {
    /// Lines that the thread of the log writes itself, while it does.
    static OWN_LINES: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Writer of whole lines for `tracing`.
#[derive(Clone)]
pub(super) struct Lines(NonBlocking);

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let is_own = OWN_LINES.with_borrow_mut(|own| match own {
            Some(lines) => {
                lines.extend_from_slice(line);
                true
            }
            None => false,
        });
        if is_own { Ok(line.len()) } else { self.0.write(line) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct ServiceLog {
    lines: NonBlocking,
    losses: Arc<Losses>,
}

/// Starts the thread, and returns the writer for lines. The log is flushed when the guard is
/// dropped.
pub(super) fn start() -> (Lines, LogGuard) {
    let losses = Arc::new(Losses::default());
    let (lines, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(QUEUE_LINES)
        .thread_name("log")
        .finish(BatchWriter::new(io::stderr(), Arc::clone(&losses)));
    let _ = losses.queue.set(lines.error_counter());
    let _ = LOG.set(ServiceLog { lines: lines.clone(), losses });
    (Lines(lines), LogGuard(Some(guard)))
}

/// Enqueues a whole line.
pub(super) fn add(line: &[u8]) {
    if let Some(log) = LOG.get() {
        // A full queue is no error of the writer: the line is counted as lost.
        let _ = log.lines.clone().write_all(line);
    }
}

/// Number of lines that were lost since the start of the process.
pub(crate) fn lost_lines() -> u64 {
    LOG.get().map_or(0, |log| log.losses.total())
}

/// Counts lost lines.
#[derive(Default)]
struct Losses {
    /// Lines for which the queue had no room.
    queue: OnceLock<ErrorCounter>,
    /// Lines that could not be written.
    failed: AtomicU64,
}

impl Losses {
    fn total(&self) -> u64 {
        let dropped = self.queue.get().map_or(0, ErrorCounter::dropped_lines);
        u64::try_from(dropped).unwrap_or(u64::MAX).saturating_add(self.failed.load(Ordering::Relaxed))
    }
}

/// Flushes the log when it is dropped, for at most 1.5 seconds.
pub(super) struct LogGuard(Option<WorkerGuard>);

impl Drop for LogGuard {
    fn drop(&mut self) {
        let Some(guard) = self.0.take() else { return };
        let (done, flushed) = mpsc::channel::<()>();
        // If the queue is full, `WorkerGuard` says so on stdout. It panics if stdout is closed, and
        // blocks if nobody reads that either, so it is dropped on a thread of its own.
        let flush = thread::Builder::new().name("log flush".to_owned()).spawn(move || {
            drop(guard);
            drop(done);
        });
        if flush.is_ok() {
            let _ = flushed.recv_timeout(FLUSH_TIMEOUT);
        }
    }
}

/// Collects lines and writes them together. It never returns an error: the worker of
/// `tracing-appender` would drop the rest of its batch uncounted.
struct BatchWriter<W> {
    out: W,
    batch: Vec<u8>,
    lines: u64,
    /// Set when the last write may have ended in the middle of a line.
    broken: bool,
    losses: Arc<Losses>,
    /// Number of lost lines that were reported.
    reported: u64,
    reported_at: Option<Instant>,
}

impl<W: Write> BatchWriter<W> {
    fn new(out: W, losses: Arc<Losses>) -> Self {
        Self {
            out,
            batch: Vec::with_capacity(BATCH_BYTES),
            lines: 0,
            broken: false,
            losses,
            reported: 0,
            reported_at: None,
        }
    }

    fn write_batch(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let end_line: &[u8] = if self.broken { b"\n" } else { b"" };
        let written = self.out.write_all(end_line).and_then(|()| self.out.write_all(&self.batch));
        self.broken = written.is_err();
        if self.broken {
            self.losses.failed.fetch_add(self.lines, Ordering::Relaxed);
        }
        self.batch.clear();
        self.lines = 0;
        if self.reported_at.is_none_or(|at| at.elapsed() >= REPORT_INTERVAL) {
            self.report_losses();
        }
    }

    /// Adds a line to the next batch that says how many lines were lost since the last report. It
    /// does not take the way through the queue, which is full while the reader is slow.
    fn report_losses(&mut self) {
        let total = self.losses.total();
        let lost = total - self.reported;
        if lost == 0 || self.broken {
            return;
        }
        OWN_LINES.set(Some(Vec::new()));
        tracing::warn!(lost, "{lost} log lines were lost: nobody read the log, or it could not be written");
        let report = OWN_LINES.take().unwrap_or_default();
        self.lines += u64::from(!report.is_empty());
        self.batch.extend_from_slice(&report);
        (self.reported, self.reported_at) = (total, Some(Instant::now()));
    }
}

impl<W: Write> Write for BatchWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.batch.len() + line.len() > BATCH_BYTES {
            self.write_batch();
        }
        self.batch.extend_from_slice(line);
        self.lines += 1;
        Ok(line.len())
    }

    /// The worker calls this when its queue is empty.
    fn flush(&mut self) -> io::Result<()> {
        self.write_batch();
        self.report_losses();
        self.write_batch();
        thread::sleep(BATCH_INTERVAL);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes, and fails then.
    struct Disk {
        written: Vec<u8>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let length = bytes.len().min(self.room);
            if length == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room -= length;
            self.written.extend_from_slice(&bytes[..length]);
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_of_a_failed_write_are_counted_and_the_next_begins_on_a_new_line() {
        let disk = Disk { written: Vec::new(), room: 9 };
        let mut log = BatchWriter::new(disk, Arc::new(Losses::default()));
        let mut write = |lines: &[&str], room: usize| {
            log.out.room += room;
            for line in lines {
                log.write_all(line.as_bytes()).expect("no error");
            }
            log.flush().expect("no error");
            log.losses.total()
        };
        assert_eq!(write(&["one\n"], 0), 0);
        assert_eq!(write(&["second\n", "third\n"], 0), 2);
        assert_eq!(write(&["fourth\n"], 100), 2);
        assert_eq!(String::from_utf8_lossy(&log.out.written), "one\nsecon\nfourth\n");
        assert_eq!(log.reported, 2);
    }

    #[test]
    fn a_burst_is_written_in_few_calls() {
        struct Calls(usize);
        impl Write for Calls {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 += usize::from(!bytes.is_empty());
                Ok(bytes.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut log = BatchWriter::new(Calls(0), Arc::new(Losses::default()));
        for _ in 0..1_000 {
            log.write_all(&[b'x'; 128]).expect("no error");
        }
        log.flush().expect("no error");
        assert_eq!(log.out.0, 2);
    }
}
