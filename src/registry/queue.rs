//! Writes that take turns.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::RegistryError;

/// Grants one write at a time, in arrival order.
pub(super) struct WriteQueue {
    /// Timeout of one write, and of a turn while no write finishes.
    timeout: Duration,
    turn: Mutex<()>,
    /// Number of writes that have succeeded.
    finished: AtomicU64,
}

impl WriteQueue {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, turn: Mutex::default(), finished: AtomicU64::default() }
    }

    /// Runs `write` in its turn, for which it waits as long as other writes finish.
    ///
    /// # Errors
    ///
    /// Fails if no write finishes within the timeout.
    pub(super) async fn run<T>(
        &self,
        write: impl Future<Output = Result<T, RegistryError>>,
    ) -> Result<T, RegistryError> {
        let mut turn = pin!(self.turn.lock());
        let (mut finished, mut deadline) = self.mark();
        let _turn = loop {
            match timeout_at(deadline, turn.as_mut()).await {
                Ok(turn) => break turn,
                Err(_) if self.finished.load(Ordering::Relaxed) == finished => return Err(self.stalled()),
                Err(_) => (finished, deadline) = self.mark(),
            }
        };
        // A write that stalled before this one has used up its time.
        if self.finished.load(Ordering::Relaxed) != finished {
            (_, deadline) = self.mark();
        }
        let written = timeout_at(deadline, write).await.map_err(|_| self.stalled())?;
        // A failure is no progress: of a database that is away each waiter would be told later.
        if written.is_ok() {
            self.finished.fetch_add(1, Ordering::Relaxed);
        }
        written
    }

    /// The number of writes that have finished, and the time until which another one must.
    fn mark(&self) -> (u64, Instant) {
        (self.finished.load(Ordering::Relaxed), Instant::now() + self.timeout)
    }

    fn stalled(&self) -> RegistryError {
        let seconds = self.timeout.as_secs();
        RegistryError::of(format!("no write to the registry has finished within {seconds} s"))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::{join_all, pending};
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_write_waits_for_as_long_as_others_finish() {
        let queue = WriteQueue::new(Duration::from_secs(3));
        let slow = || async {
            sleep(Duration::from_secs(2)).await;
            Ok(())
        };
        let written = join_all((0..10).map(|_| queue.run(slow()))).await;
        assert!(written.iter().all(Result::is_ok), "the last one waits for 18 s");
    }

    #[tokio::test(start_paused = true)]
    async fn writes_that_fail_keep_nobody_waiting_for_longer() {
        let (queue, begun) = (WriteQueue::new(Duration::from_secs(2)), Instant::now());
        let failing = || async {
            sleep(Duration::from_millis(1500)).await;
            Err::<(), _>(RegistryError::of("the database is away"))
        };
        let written = join_all((0..20).map(|_| queue.run(failing()))).await;
        assert!(written.iter().all(Result::is_err));
        assert_eq!(begun.elapsed().as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_stalls_fails_and_so_do_those_behind_it() {
        let (queue, begun) = (WriteQueue::new(Duration::from_secs(3)), Instant::now());
        let written = join_all((0..3).map(|_| queue.run(pending::<Result<(), _>>()))).await;
        assert!(written.iter().all(Result::is_err));
        assert_eq!(begun.elapsed().as_secs(), 3, "nobody waits twice");
        queue.run(async { Ok(()) }).await.expect("the queue goes on");
    }
}
