//! The use cases behind the surface: implements [`api::port`](crate::api::port) with tokens, storage and registry. Knows no
//! request and no response. One file for each use case.

mod access;
mod address;
pub mod collect;
mod copy;
mod keyed_lock;
mod known;
mod notify;
mod open;
pub mod pace;
pub mod rate;
mod read;
mod sign;
mod upload;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::api::attachments::notify::NotifyVo;
use crate::api::attachments::read::{Disposition, Place};
use crate::api::attachments::signature::{SignatureRo, SignatureVo};
use crate::api::port::{
    Admission, Answer, Attachments, Bases, Caller, Incoming, Lookup, Opened, Outgoing, Refusal,
};
use crate::api::rate_limit::Counted;
use crate::domain::{BaseScope, Buckets, ObjectKey};
use crate::metrics::Metrics;
use crate::registry::{BaseQuota, ExceededQuota, Registry, RegistryError};
use crate::storage::{Difference, ObjectStore, StoreError, StoredObject};
use crate::token::Keyring;

use access::AccessCache;
pub use address::PublicOrigin;
use copy::Copies;
use keyed_lock::KeyedLock;
use known::KnownFiles;
pub use notify::probe;
use pace::Pace;
use rate::{Limiter, Rate};

/// How long a use case may wait for storage and registry. A client is told within 5 seconds that they are away, and a database takes up to
/// two of them to be away while the caller is looked up.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the operator decides.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Where clients reach this service.
    pub origin: PublicOrigin,
    /// The names of the buckets.
    pub buckets: Buckets,
    /// The most bytes of one file.
    pub max_size: u64,
    /// The life of an upload token for which the client asks no other.
    pub upload_token_life: Duration,
    /// The life of a read token.
    pub read_token_life: Duration,
    /// How slow a client may send.
    pub pace: Pace,
    /// How often one access token may be used.
    pub token_rate: Option<Rate>,
    /// Limits on the files of one base.
    pub base_quota: BaseQuota,
}

/// The use cases.
pub struct Service {
    policy: Policy,
    keys: Keyring,
    store: Arc<dyn ObjectStore>,
    registry: Arc<dyn Registry>,
    access: AccessCache,
    known: KnownFiles,
    callers: Option<Limiter<String>>,
    upload_locks: Arc<KeyedLock<ObjectKey>>,
    copies: Copies,
    clock: fn() -> SystemTime,
    metrics: Arc<Metrics>,
}

impl Service {
    /// The use cases over `store` and `registry`.
    #[must_use]
    pub fn new(
        policy: Policy,
        keys: Keyring,
        store: Arc<dyn ObjectStore>,
        registry: Arc<dyn Registry>,
        clock: fn() -> SystemTime,
        metrics: Arc<Metrics>,
    ) -> Self {
        let callers = policy.token_rate.map(|rate| Limiter::new(Counted::ByToken, rate));
        Self {
            policy,
            keys,
            store,
            registry,
            access: AccessCache::default(),
            known: KnownFiles::default(),
            callers,
            upload_locks: KeyedLock::new(1, upload::MAX_UPLOADS_PER_KEY),
            copies: Copies::default(),
            clock,
            metrics,
        }
    }

    fn now(&self) -> SystemTime {
        (self.clock)()
    }
}

impl Attachments for Service {
    fn authenticate<'a>(&'a self, access_token: &'a str, lookup: Lookup) -> Answer<'a, Admission> {
        Box::pin(in_time(PATIENCE, self.authenticate(access_token, lookup)))
    }

    fn sign<'a>(&'a self, caller: &'a Caller, wish: SignatureRo) -> Answer<'a, SignatureVo> {
        Box::pin(self.sign(caller, wish))
    }

    fn upload<'a>(&'a self, upload_token: &'a str, incoming: Incoming) -> Answer<'a, ()> {
        Box::pin(self.upload(upload_token, incoming))
    }

    fn notify<'a>(
        &'a self,
        caller: &'a Caller,
        upload_token: &'a str,
        file_name: Option<&'a str>,
    ) -> Answer<'a, NotifyVo> {
        Box::pin(self.notify(caller, upload_token, file_name))
    }

    fn read<'a>(
        &'a self,
        place: &'a Place,
        read_token: Option<&'a str>,
        disposition: Option<&'a Disposition>,
    ) -> Answer<'a, Outgoing> {
        Box::pin(in_time(PATIENCE, self.read(place, read_token, disposition)))
    }

    fn open<'a>(
        &'a self,
        caller: &'a Caller,
        upload_token: &'a str,
        file_name: Option<&'a str>,
    ) -> Answer<'a, Opened> {
        Box::pin(in_time(PATIENCE, self.open(caller, upload_token, file_name)))
    }
}

impl Service {
    /// Looks whether the object under `key` is there, with the size that was signed.
    async fn look(&self, key: ObjectKey, size: u64) -> Result<(), Refusal> {
        let object = self.store.find(key).await?;
        sized(key, object.as_ref(), size)
    }
}

/// An object of another size than its own is a damage, and not a file.
fn sized(key: ObjectKey, object: &(impl StoredObject + ?Sized), size: u64) -> Result<(), Refusal> {
    let found = object.size();
    if found == size {
        return Ok(());
    }
    Err(Refusal::Unavailable(format!("{} has {found} bytes, and was stored with {size}", key.path()).into()))
}

/// What `work` gives within `patience`; a storage and a registry that stall are away.
async fn in_time<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    tokio::time::timeout(patience, work).await.unwrap_or_else(|late| Err(Refusal::Unavailable(late.into())))
}

/// Whether `caller` may act on a file that belongs to `base`, or to none.
fn within_bases(caller: &Caller, base: Option<&str>) -> Result<(), Refusal> {
    let scope = match &caller.bases {
        Bases::All => BaseScope::All,
        Bases::Only(bases) => BaseScope::Only(bases.clone()),
    };
    if scope.covers(base) { Ok(()) } else { Err(Refusal::OutsideBases) }
}

fn over_quota(exceeded: ExceededQuota) -> Refusal {
    match exceeded {
        ExceededQuota::Bytes(quota) => Refusal::OverQuota { quota },
        ExceededQuota::Files(limit) => Refusal::TooManyFiles { limit },
    }
}

impl From<RegistryError> for Refusal {
    fn from(error: RegistryError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NoSuchFile,
            StoreError::Taken | StoreError::Torn => Self::OtherBytes,
            StoreError::Unexpected(difference) => Self::OtherUpload {
                what: match difference {
                    Difference::Size => "has another size than was signed".into(),
                    Difference::MediaType => "has another type than was signed".into(),
                    Difference::Sha256 => "has another SHA-256 than was signed".into(),
                    Difference::Version => "was changed while it was notified".into(),
                },
            },
            StoreError::Busy => Self::Busy,
            StoreError::Full(_) => Self::NoRoom(error.into()),
            StoreError::Failed(_) => Self::Unavailable(error.into()),
        }
    }
}
