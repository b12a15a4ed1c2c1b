//! One upload of a name at a time. Whoever was given one upload token would otherwise take as much room and as many places as it liked.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::api::port::Refusal;
use crate::domain::ObjectKey;

/// Whose turn it is, for each name that is being sent.
#[derive(Default)]
pub(super) struct Turns {
    taken: Mutex<HashSet<ObjectKey>>,
    given_back: Notify,
}

/// The turn, as long as this lives.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    key: ObjectKey,
}

impl Turns {
    /// Waits for its turn; not longer than `patience`.
    pub(super) async fn take(&self, key: ObjectKey, patience: Duration) -> Result<Turn<'_>, Refusal> {
        timeout(patience, self.wait(key)).await.map_err(|_| Refusal::Busy)
    }

    async fn wait(&self, key: ObjectKey) -> Turn<'_> {
        loop {
            let mut given_back = std::pin::pin!(self.given_back.notified());
            given_back.as_mut().enable();
            if self.taken().insert(key) {
                return Turn { turns: self, key };
            }
            given_back.await;
        }
    }

    fn taken(&self) -> MutexGuard<'_, HashSet<ObjectKey>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.taken().remove(&self.key);
        self.turns.given_back.notify_waiters();
    }
}
