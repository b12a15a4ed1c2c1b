//! The log's lines on their way to stderr.
//!
//! A service that answers tens of thousands of requests a second would ask the kernel as often to write one line. So lines wait for each
//! other, for some milliseconds at the most; a warning or an error goes at once, with all that was said before it.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How long a line waits for others.
const WAIT: Duration = Duration::from_millis(10);

/// At so many bytes they wait no longer.
const ENOUGH: usize = 64 * 1024;

static LINES: Lines = Lines {
    waiting: Mutex::new(Vec::new()),
    more: Condvar::new(),
    stderr: Mutex::new(()),
    collecting: AtomicBool::new(false),
};

struct Lines {
    waiting: Mutex<Vec<u8>>,
    /// Told when the first line waits.
    more: Condvar,
    /// Held while lines are written, so that they stay in order.
    stderr: Mutex<()>,
    /// Whether lines wait at all.
    collecting: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lines {
    fn add(&self, line: &[u8], when: When) {
        let waiting = {
            let mut waiting = lock(&self.waiting);
            if waiting.is_empty() {
                self.more.notify_one();
            }
            waiting.extend_from_slice(line);
            waiting.len()
        };
        if when == When::Now || waiting >= ENOUGH || !self.collecting.load(Ordering::Relaxed) {
            self.write();
        }
    }

    /// Writes what waits.
    fn write(&self) {
        let _order = lock(&self.stderr);
        let lines = std::mem::take(&mut *lock(&self.waiting));
        // Where nobody takes the log there is nobody to be told.
        let _ = io::stderr().write_all(&lines);
    }

    fn collect(&self) {
        loop {
            let mut waiting = lock(&self.waiting);
            while waiting.is_empty() {
                waiting = self.more.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            drop(waiting);
            thread::sleep(WAIT);
            self.write();
        }
    }
}

/// Lets lines wait for each other from now on, until what is given is dropped.
pub(super) fn collect() -> io::Result<Collecting> {
    thread::Builder::new().name("log".to_owned()).spawn(|| LINES.collect())?;
    LINES.collecting.store(true, Ordering::Relaxed);
    Ok(Collecting)
}

/// Lines wait for each other.
pub(super) struct Collecting;

impl Drop for Collecting {
    fn drop(&mut self) {
        LINES.collecting.store(false, Ordering::Relaxed);
        LINES.write();
    }
}

/// When a line is to be written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Now,
    Soon,
}

/// Writes a line that is no warning.
pub(super) fn add(line: &[u8]) {
    LINES.add(line, When::Soon);
}

/// Makes what tracing writes an event to.
pub(super) struct ToStderr;

/// What an event is written to, in one piece.
pub(super) struct Event(When);

impl MakeWriter<'_> for ToStderr {
    type Writer = Event;

    fn make_writer(&self) -> Event {
        Event(When::Now)
    }

    fn make_writer_for(&self, event: &Metadata<'_>) -> Event {
        Event(if *event.level() <= Level::WARN { When::Now } else { When::Soon })
    }
}

impl Write for Event {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.add(bytes, self.0);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
