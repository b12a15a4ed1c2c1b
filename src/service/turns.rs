//! One upload of a name at a time. Whoever was given one upload token would otherwise take as much room and as many places as it liked.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as FairMutex, OwnedMutexGuard};
use tokio::time::timeout;

use crate::api::port::Refusal;
use crate::domain::ObjectKey;

/// How many uploads of a name there are at once, with those that wait. Each holds a connection and what its client has sent so far.
const AT_ONCE: usize = 32;

/// Whose turn it is, for each name that is being sent.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<ObjectKey, Queue>>);

/// The uploads of one name. They have their turns in the order in which they came, and the end of one wakes the next one alone.
#[derive(Default)]
struct Queue {
    entered: usize,
    turn: Arc<FairMutex<()>>,
}

/// The turn, as long as this lives.
pub(super) struct Turn<'a> {
    // Before the queue is left.
    _turn: OwnedMutexGuard<()>,
    _entered: Entered<'a>,
}

impl Turns {
    /// Waits for its turn; not longer than `patience`, and not at all where enough wait.
    pub(super) async fn take(&self, key: ObjectKey, patience: Duration) -> Result<Turn<'_>, Refusal> {
        let (entered, turn) = self.enter(key).ok_or(Refusal::Busy)?;
        let turn = timeout(patience, turn.lock_owned()).await.map_err(|_| Refusal::Busy)?;
        Ok(Turn { _turn: turn, _entered: entered })
    }

    fn enter(&self, key: ObjectKey) -> Option<(Entered<'_>, Arc<FairMutex<()>>)> {
        let mut queues = self.queues();
        let queue = queues.entry(key).or_default();
        if queue.entered == AT_ONCE {
            return None;
        }
        queue.entered += 1;
        Some((Entered { turns: self, key }, Arc::clone(&queue.turn)))
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<ObjectKey, Queue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of a queue.
struct Entered<'a> {
    turns: &'a Turns,
    key: ObjectKey,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let Entry::Occupied(mut queue) = self.turns.queues().entry(self.key) {
            queue.get_mut().entered -= 1;
            if queue.get().entered == 0 {
                queue.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures_util::poll;

    use super::*;
    use crate::domain::{ObjectName, UploadType};

    fn key() -> ObjectKey {
        ObjectKey { upload_type: UploadType::Table, name: ObjectName::fresh() }
    }

    #[actix_web::test]
    async fn turns_come_one_after_the_other_and_leave_nothing() {
        let (turns, key) = (Turns::default(), key());
        let first = turns.take(key, Duration::MAX).await.expect("nobody is before it");
        let mut second = Box::pin(turns.take(key, Duration::MAX));
        let mut third = Box::pin(turns.take(key, Duration::MAX));
        assert!(poll!(second.as_mut()).is_pending() && poll!(third.as_mut()).is_pending());
        turns.take(self::key(), Duration::MAX).await.expect("another name has turns of its own");
        drop(first);
        assert!(poll!(third.as_mut()).is_pending(), "it came later");
        let Poll::Ready(Ok(second)) = poll!(second.as_mut()) else { panic!("it is its turn") };
        drop(third);
        drop(second);
        assert!(turns.queues().is_empty());
    }

    #[actix_web::test]
    async fn who_waits_too_long_or_comes_too_late_is_told_so() {
        let (turns, key) = (Turns::default(), key());
        let first = turns.take(key, Duration::MAX).await.expect("nobody is before it");
        assert!(matches!(turns.take(key, Duration::ZERO).await, Err(Refusal::Busy)));
        let mut waiting: Vec<_> = (1..AT_ONCE).map(|_| Box::pin(turns.take(key, Duration::MAX))).collect();
        for one in &mut waiting {
            assert!(poll!(one.as_mut()).is_pending());
        }
        let Poll::Ready(Err(Refusal::Busy)) = poll!(Box::pin(turns.take(key, Duration::MAX))) else {
            panic!("enough wait")
        };
        drop((first, waiting));
        assert!(turns.queues().is_empty());
    }
}
