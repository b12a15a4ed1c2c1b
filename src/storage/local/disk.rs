//! Waiting for the disk, within bounds. A thread that waits for a disk that does not answer cannot
//! be stopped. So the caller stops waiting after a timeout, and the number of threads and tasks
//! that still wait is limited.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// The timeout of each call to the disk. An upload that a healthy but busy disk takes longer for is
/// rare, and can be sent again.
pub const DISK_TIMEOUT: Duration = Duration::from_mins(1);

/// Calls to the disk at once, besides those of uploads. More wait here, where they can be given up.
const MAX_CALLS: usize = 512;

/// The slot of an upload. It is free again when nothing of the upload is in memory or on its way to
/// the disk.
pub(super) type Slot = Arc<OwnedSemaphorePermit>;

/// Calls to the disk of one store.
pub(super) struct Disk {
    timeout: Duration,
    calls: Arc<Semaphore>,
}

impl Disk {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, calls: Arc::new(Semaphore::new(MAX_CALLS)) }
    }

    /// Runs `work` on a thread that may wait for the disk.
    pub(super) async fn run<T, E>(&self, work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<io::Error> + Send + 'static,
    {
        self.run_longer(Duration::ZERO, work).await
    }

    /// As [`Self::run`], with `extra` time.
    pub(super) async fn run_longer<T, E>(
        &self,
        extra: Duration,
        work: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<io::Error> + Send + 'static,
    {
        let calling = async {
            let permit = Arc::clone(&self.calls).acquire_owned().await.map_err(io::Error::other)?;
            let call = spawn_blocking(move || {
                let done = work();
                drop(permit);
                done
            });
            call.await.map_err(io::Error::from)?
        };
        self.within(extra, calling).await
    }

    /// Waits for `work`, which waits for the disk, until the timeout and `extra` time are over.
    pub(super) async fn within<T, E: From<io::Error>>(
        &self,
        extra: Duration,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let late = || io::Error::new(io::ErrorKind::TimedOut, "the disk did not answer in time");
        timeout(self.timeout + extra, work).await.unwrap_or_else(|_| Err(late().into()))
    }
}
