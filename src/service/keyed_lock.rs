//! Locks per key, fair and bounded: for uploads and copies per object, and for large copies per
//! caller.
//!
//! The users of a key wait in arrival order. Each waiter holds a connection, so the number of users
//! per key is bounded. Without that bound, the holder of a single token could occupy every place of
//! the service.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::port::Refusal;

/// Fair locks, one per key. A lock is created on first use and removed with its last user.
pub(super) struct KeyedLock<K: Eq + Hash> {
    /// Maximum number of guards per key at a time.
    holders: usize,
    /// Maximum number of guards and waiters per key.
    users: usize,
    slots: Mutex<HashMap<K, Slot>>,
}

/// State of one key.
struct Slot {
    /// Number of users that hold or wait for the lock.
    users: usize,
    permits: Arc<Semaphore>,
}

/// A holder's access to one key, released on drop.
pub(super) struct KeyGuard<K: Eq + Hash> {
    // Declared first, so that the lock is released before the slot may be removed.
    _permit: OwnedSemaphorePermit,
    _user: SlotUser<K>,
}

impl<K: Eq + Hash + Clone> KeyedLock<K> {
    /// Locks that up to `holders` users hold at once, and that up to `users` hold or wait for.
    pub(super) fn new(holders: usize, users: usize) -> Arc<Self> {
        Arc::new(Self { holders, users, slots: Mutex::default() })
    }

    /// Acquires the lock for `key`.
    ///
    /// # Errors
    ///
    /// Returns [`Refusal::Busy`] if `key` already has its maximum of users, or if the lock is not
    /// free within `timeout`.
    pub(super) async fn acquire(self: &Arc<Self>, key: K, timeout: Duration) -> Result<KeyGuard<K>, Refusal> {
        let (user, permits) = self.register(key).ok_or(Refusal::Busy)?;
        let permit = tokio::time::timeout(timeout, permits.acquire_owned()).await;
        let permit = permit.ok().and_then(Result::ok).ok_or(Refusal::Busy)?;
        Ok(KeyGuard { _permit: permit, _user: user })
    }

    /// Counts one more user of `key`, or returns `None` if the key is full.
    fn register(self: &Arc<Self>, key: K) -> Option<(SlotUser<K>, Arc<Semaphore>)> {
        let mut slots = self.slots();
        let new_slot = || Slot { users: 0, permits: Arc::new(Semaphore::new(self.holders)) };
        let slot = slots.entry(key.clone()).or_insert_with(new_slot);
        if slot.users == self.users {
            return None;
        }
        slot.users += 1;
        Some((SlotUser { locks: Arc::clone(self), key: Some(key) }, Arc::clone(&slot.permits)))
    }
}

impl<K: Eq + Hash> KeyedLock<K> {
    /// Locks the table. A panic in another thread cannot leave it inconsistent, so poisoning is
    /// ignored.
    fn slots(&self) -> MutexGuard<'_, HashMap<K, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One counted user of a slot. The last one to be dropped removes the slot.
struct SlotUser<K: Eq + Hash> {
    locks: Arc<KeyedLock<K>>,
    /// Present until drop.
    key: Option<K>,
}

impl<K: Eq + Hash> Drop for SlotUser<K> {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else { return };
        if let Entry::Occupied(mut slot) = self.locks.slots().entry(key) {
            slot.get_mut().users -= 1;
            if slot.get().users == 0 {
                slot.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures_util::poll;

    use super::*;

    const USERS: usize = 8;

    #[actix_web::test]
    async fn grants_the_lock_in_arrival_order_and_removes_unused_slots() {
        let locks = KeyedLock::new(1, USERS);
        let first = locks.acquire("key", Duration::MAX).await.expect("the key is free");
        let mut second = Box::pin(locks.acquire("key", Duration::MAX));
        let mut third = Box::pin(locks.acquire("key", Duration::MAX));
        assert!(poll!(second.as_mut()).is_pending());
        assert!(poll!(third.as_mut()).is_pending());
        locks.acquire("another key", Duration::MAX).await.expect("another key is independent");

        drop(first);
        assert!(poll!(third.as_mut()).is_pending(), "the third user arrived later");
        let Poll::Ready(Ok(second)) = poll!(second.as_mut()) else { panic!("the second is next") };

        drop(third);
        drop(second);
        assert!(locks.slots().is_empty());
    }

    #[actix_web::test]
    async fn rejects_users_when_the_timeout_elapses_or_the_key_is_full() {
        for holders in [1, 3] {
            let locks = KeyedLock::new(holders, USERS);
            let mut guards = Vec::new();
            for _ in 0..holders {
                guards.push(locks.acquire("key", Duration::MAX).await.expect("the key is free"));
            }
            assert!(matches!(locks.acquire("key", Duration::ZERO).await, Err(Refusal::Busy)));

            let mut waiters: Vec<_> =
                (holders..USERS).map(|_| Box::pin(locks.acquire("key", Duration::MAX))).collect();
            for waiter in &mut waiters {
                assert!(poll!(waiter.as_mut()).is_pending());
            }
            let mut excess = Box::pin(locks.acquire("key", Duration::MAX));
            assert!(matches!(poll!(excess.as_mut()), Poll::Ready(Err(Refusal::Busy))));

            drop((guards, waiters));
            assert!(locks.slots().is_empty());
        }
    }
}
