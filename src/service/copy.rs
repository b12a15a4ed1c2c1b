//! Copies of staged uploads to their final keys, by the store.
//!
//! Only one notify per object key makes the store copy at a time. The others wait, and then find the final object. A large
//! copy also needs one of its caller's places, so that one caller leaves places for the others.
//!
//! The copy runs in a task of its own: it keeps the lock until its end, even if its client leaves. Otherwise a second copy
//! could start while the first one is still on its way, and the first one could replace what the second one published.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Semaphore;
use tracing::Instrument;

use super::Service;
use super::collect::Interrupted;
use super::keyed_lock::{KeyGuard, KeyedLock};
use super::sign::expected;
use crate::api::port::{Caller, Refusal};
use crate::domain::ObjectKey;
use crate::registry::{Attachment, Registry};
use crate::storage::{LARGE_TRANSFERS, ObjectStore, Section, StoreError, StoredObject, Transfer, Uploaded};
use crate::token::UploadGrant;

/// Maximum number of notifies per object key: the one that copies and its waiters.
const MAX_NOTIFIES_PER_KEY: usize = 32;

/// Maximum number of large copies per caller at a time: a quarter of those that the store is asked for at once.
const LARGE_COPIES_PER_CALLER: usize = LARGE_TRANSFERS / 4;

/// Maximum number of notifies of large files per caller: those that copy and their waiters.
const MAX_LARGE_NOTIFIES_PER_CALLER: usize = 64;

/// Maximum number of copy tasks. A task may outlive its connection, so the number of connections does not bound it.
const MAX_TASKS: usize = 1024;

/// The part of a notify's timeout that is left after waiting for a lock, to look at the final object.
const AFTER_WAITING: Duration = Duration::from_millis(500);

/// Limits on copies.
pub(super) struct Copies {
    keys: Arc<KeyedLock<ObjectKey>>,
    callers: Arc<KeyedLock<String>>,
    tasks: Arc<Semaphore>,
}

impl Default for Copies {
    fn default() -> Self {
        Self {
            keys: KeyedLock::new(1, MAX_NOTIFIES_PER_KEY),
            callers: KeyedLock::new(LARGE_COPIES_PER_CALLER, MAX_LARGE_NOTIFIES_PER_CALLER),
            tasks: Arc::new(Semaphore::new(MAX_TASKS)),
        }
    }
}

impl Copies {
    /// Acquires the lock of `key`, and a place of `caller` if the copy is large.
    async fn acquire(
        &self,
        key: ObjectKey,
        caller: Option<String>,
        timeout: Duration,
    ) -> Result<(KeyGuard<ObjectKey>, Option<KeyGuard<String>>), Refusal> {
        let acquiring = async {
            let key = self.keys.acquire(key, timeout).await?;
            let place = match caller {
                Some(caller) => Some(self.callers.acquire(caller, timeout).await?),
                None => None,
            };
            Ok((key, place))
        };
        tokio::time::timeout(timeout, acquiring).await.map_err(|_| Refusal::Busy)?
    }
}

/// The result of looking for an upload and publishing it.
pub(super) enum Published {
    /// The final object.
    Object(Box<dyn StoredObject>),
    /// The row of another notify, which has registered the file meanwhile.
    Registered(Attachment),
}

impl Service {
    /// Publishes what was uploaded for `grant` to a store that clients reach themselves. Waits for other copies, so that
    /// `timeout` leaves time to look at the final object.
    pub(super) async fn publish(
        &self,
        caller: &Caller,
        grant: &UploadGrant,
        is_large: bool,
        timeout: Duration,
    ) -> Result<Published, Refusal> {
        let caller = is_large.then(|| caller.id.clone());
        let guards = self.copies.acquire(grant.key, caller, timeout.saturating_sub(AFTER_WAITING)).await?;
        let task = Arc::clone(&self.copies.tasks).try_acquire_owned().map_err(|_| Refusal::Busy)?;
        let copier = Copier {
            store: Arc::clone(&self.store),
            registry: Arc::clone(&self.registry),
            grant: grant.clone(),
            clock: self.clock,
        };
        let copying = async move {
            let published = copier.run().await;
            drop((guards, task));
            published
        };
        let copying = tokio::spawn(copying.in_current_span());
        copying.await.map_err(|error| Refusal::Unavailable(error.into()))?
    }

    /// Removes an uploaded object that nobody acknowledges: its name has a tombstone.
    pub(super) async fn remove_tombstoned(&self, key: ObjectKey) {
        if let Err(error) = remove(self.store.as_ref(), key).await {
            left_to_garbage_collection(key, &error);
        }
    }
}

/// What a copy task needs.
struct Copier {
    store: Arc<dyn ObjectStore>,
    registry: Arc<dyn Registry>,
    grant: UploadGrant,
    clock: fn() -> SystemTime,
}

impl Copier {
    async fn run(&self) -> Result<Published, Refusal> {
        let published = self.publish().await;
        if let Err(Refusal::OtherUpload { .. }) = published {
            self.reject().await;
        }
        published
    }

    /// Finds the final object, or has the store copy the staged one.
    async fn publish(&self) -> Result<Published, Refusal> {
        let Transfer::Direct(store) = self.store.transfer() else { return Err(Refusal::Elsewhere) };
        let (key, expected) = (self.grant.key, expected(&self.grant));
        let version = match store.inspect(&expected).await? {
            Uploaded::Final(object) => return Ok(Published::Object(object)),
            Uploaded::Staged(version) => version,
        };
        // Notifies on several nodes may each have seen another version, and one may come late: all copy the same one.
        let version = self.registry.settle(key.name, &version).await?;
        // Another node may have registered the file since this notify looked for it. Its object must not be replaced.
        if let Some(attachment) = self.registry.attachment(key).await? {
            return Ok(Published::Registered(attachment));
        }
        Ok(Published::Object(store.make_final(&expected, &version).await?))
    }

    /// Removes an upload that differs from what was signed. Its name gets a tombstone first, so that no notify acknowledges
    /// what is being removed.
    async fn reject(&self) {
        let key = self.grant.key;
        let removing = async {
            if !self.registry.condemn(&[key.name], (self.clock)()).await?.is_empty() {
                remove(self.store.as_ref(), key).await?;
            }
            Ok::<(), Interrupted>(())
        };
        match removing.await {
            Ok(()) => {
                tracing::info!(path = key.path(), "removed an upload that differs from what was signed")
            }
            Err(error) => left_to_garbage_collection(key, &error),
        }
    }
}

/// Removes the object under `key`, staged and final.
async fn remove(store: &dyn ObjectStore, key: ObjectKey) -> Result<(), StoreError> {
    let own = |section: &Section| section.upload_type == key.upload_type;
    for section in store.sections().into_iter().filter(own) {
        store.remove(section, key.name).await?;
    }
    Ok(())
}

fn left_to_garbage_collection(key: ObjectKey, error: &(dyn std::error::Error + 'static)) {
    let cause = crate::telemetry::causes(error);
    tracing::warn!(
        cause,
        path = key.path(),
        "a refused upload could not be removed; it is left to garbage collection"
    );
}
