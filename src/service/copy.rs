//! Copies of staged uploads to their final keys, by the store.
//!
//! Only one notify per object key makes the store copy at a time. The others wait, and then find
//! the final object. A large copy also needs one of its caller's places, so that one caller leaves
//! places for the others.
//!
//! The copy runs in a task of its own: it keeps the lock until its end, even if its client leaves.
//! Otherwise a second copy could start while the first one is still on its way, and the first one
//! could replace what the second one published.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tracing::Instrument;

use super::collect::Interrupted;
use super::keyed_lock::{KeyGuard, KeyedLock};
use super::sign::expected;
use super::{PATIENCE, Service, in_time, over_quota};
use crate::api::port::{Caller, Refusal};
use crate::domain::ObjectKey;
use crate::registry::{Attachment, BaseQuota, Pin, Pinned, Registry};
use crate::storage::{LARGE_TRANSFERS, ObjectStore, Section, StoredObject, Transfer, Uploaded};
use crate::token::UploadGrant;

/// Maximum number of notifies per object key: the one that copies and its waiters.
const MAX_NOTIFIES_PER_KEY: usize = 32;

/// Maximum number of large copies per caller at a time: a quarter of those that the store is asked
/// for at once.
const LARGE_COPIES_PER_CALLER: usize = LARGE_TRANSFERS / 4;

/// Maximum number of notifies of large files per caller: those that copy and their waiters.
const MAX_LARGE_NOTIFIES_PER_CALLER: usize = 64;

/// Maximum number of copy tasks. A task may outlive its connection, so the number of connections
/// does not bound it.
const MAX_TASKS: usize = 1024;

/// Timeout for a notify that waits for other copies, beside the time that the store is given for
/// its own.
const LOCK_TIMEOUT: Duration = Duration::from_millis(2_500);

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
    Object {
        object: Box<dyn StoredObject>,
        /// True if it was copied to its final key now.
        is_copied: bool,
    },
    /// The row of another notify, which has registered the file meanwhile.
    Registered(Attachment),
}

impl Service {
    /// Publishes what was uploaded for `grant` to a store that clients reach themselves. The store
    /// is given `extra` more time than usual.
    pub(super) async fn publish(
        &self,
        caller: &Caller,
        grant: &UploadGrant,
        extra: Duration,
    ) -> Result<Published, Refusal> {
        let large = (!extra.is_zero()).then(|| caller.id.clone());
        let guards = self.copies.acquire(grant.key, large, LOCK_TIMEOUT + extra).await?;
        let task = Arc::clone(&self.copies.tasks).try_acquire_owned().map_err(|_| Refusal::Busy)?;
        let copier = Copier {
            store: Arc::clone(&self.store),
            registry: Arc::clone(&self.registry),
            quota: self.policy.base_quota,
            grant: grant.clone(),
            extra,
        };
        let copying = async move {
            let published = copier.run().await;
            drop((guards, task));
            published
        };
        let copying = tokio::spawn(copying.in_current_span());
        copying.await.map_err(|error| Refusal::Unavailable(error.into()))?
    }

    /// Removes an upload that is refused for good.
    pub(super) async fn reject(&self, key: ObjectKey) {
        reject(self.store.as_ref(), self.registry.as_ref(), key).await;
    }
}

/// The state of a copy task.
struct Copier {
    store: Arc<dyn ObjectStore>,
    registry: Arc<dyn Registry>,
    quota: BaseQuota,
    grant: UploadGrant,
    extra: Duration,
}

impl Copier {
    async fn run(&self) -> Result<Published, Refusal> {
        let published = self.publish().await;
        if let Err(Refusal::OtherUpload { .. }) = published {
            reject(self.store.as_ref(), self.registry.as_ref(), self.grant.key).await;
        }
        published
    }

    /// Finds the final object, or has the store copy the staged one.
    async fn publish(&self) -> Result<Published, Refusal> {
        let Transfer::Direct(store) = self.store.transfer() else { return Err(Refusal::Elsewhere) };
        let (key, size, expected) = (self.grant.key, self.grant.size, expected(&self.grant));
        let timeout = PATIENCE + self.extra;
        let inspecting = async { Ok(store.inspect(&expected).await?) };
        let version = match in_time(timeout, inspecting).await? {
            Uploaded::Final(object) => return Ok(Published::Object { object, is_copied: false }),
            Uploaded::Staged(version) => version,
        };
        // Notifies on several nodes may each have seen another version, and one may come late: all
        // copy the same one. The room in the base is reserved first, because a copy in a public
        // bucket is readable at once.
        let pin = Pin { name: key.name, version: &version, size, base: self.grant.base.as_deref() };
        let version = match self.registry.pin(pin, self.quota).await? {
            Pinned::Version(version) => version,
            Pinned::Tombstoned => return Err(Refusal::NothingUploaded),
            Pinned::OverQuota(exceeded) => return Err(over_quota(exceeded)),
        };
        // Another node may have registered the file since this notify looked for it. Its object
        // must not be replaced.
        let asking = async { Ok(self.registry.attachment(key).await?) };
        if let Some(attachment) = in_time(PATIENCE, asking).await? {
            return Ok(Published::Registered(attachment));
        }
        let copying = async { Ok(store.make_final(&expected, &version).await?) };
        Ok(Published::Object { object: in_time(timeout, copying).await?, is_copied: true })
    }
}

/// Removes an upload that is refused for good, staged and final. Its name gets a tombstone first,
/// so that no notify acknowledges what is being removed.
async fn reject(store: &dyn ObjectStore, registry: &dyn Registry, key: ObjectKey) {
    let removing = async {
        let now = registry.now().await?;
        if registry.condemn(&[key.name], now).await?.is_empty() {
            return Ok(());
        }
        let own = |section: &Section| section.upload_type == key.upload_type;
        for section in store.sections().into_iter().filter(own) {
            store.remove(section, key.name).await?;
        }
        Ok::<(), Interrupted>(())
    };
    match removing.await {
        Ok(()) => tracing::info!(path = key.path(), "removed a refused upload"),
        Err(error) => {
            let cause = crate::telemetry::causes(&error);
            tracing::warn!(cause, path = key.path(), "a refused upload is left to garbage collection");
        }
    }
}
