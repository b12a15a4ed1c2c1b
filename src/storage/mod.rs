//! Where the bytes are. A store keeps objects under names that it is given and knows nothing of the contract or of who asks.
//! What stands under a name that was notified never changes.

pub mod local;
pub mod s3;

use std::io;
use std::time::{Duration, SystemTime};

use actix_web::web::Bytes;
use async_trait::async_trait;
use futures_util::stream::BoxStream;

use crate::domain::{MediaType, ObjectKey, ObjectName, Sha256, UploadType};

/// Maximum number of large files that a store copies or sends to this service at a time. Small ones
/// do not count.
pub const LARGE_TRANSFERS: usize = 16;

/// A stream of a stored object's bytes.
pub type ByteStream = BoxStream<'static, io::Result<Bytes>>;

/// A place for objects.
#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// What stands under `key`.
    async fn find(&self, key: ObjectKey) -> Result<Box<dyn StoredObject>, StoreError>;

    /// Whether the store can take and give objects.
    async fn check(&self) -> Result<(), StoreError>;

    /// The id of the registry that knows its objects, if one has taken it.
    async fn owner(&self) -> Result<Option<String>, StoreError>;

    /// Gives it to the registry with this id.
    async fn set_owner(&self, id: &str) -> Result<(), StoreError>;

    /// How bytes get there and back.
    fn transfer(&self) -> Transfer<'_>;

    /// Every section on which this store puts objects.
    fn sections(&self) -> Vec<Section>;

    /// A page of what stands on `section`, in the order of names, which is that of time, up to and with `until`. Begins at `from`, where the
    /// page before says that it goes on.
    async fn list(
        &self,
        section: Section,
        from: Option<Cursor>,
        until: ObjectName,
    ) -> Result<Page, StoreError>;

    /// Removes an object. That it is not there is no failure.
    async fn remove(&self, section: Section, name: ObjectName) -> Result<(), StoreError>;
}

/// How bytes get to a store and back.
pub enum Transfer<'a> {
    /// Through this service.
    Relayed(&'a dyn Relay),
    /// Past it: clients are given addresses of the store itself.
    Direct(&'a dyn Direct),
}

/// A store whose bytes pass through this service.
#[async_trait]
pub trait Relay: Send + Sync {
    /// Begins to store what is expected. Nothing is visible before [`Upload::commit`].
    async fn begin(&self, expected: &Expected<'_>) -> Result<Box<dyn Upload>, StoreError>;

    /// Removes the object of what is expected if its size is not the signed one. Only a power cut
    /// leaves such an object. To be called for an object that the registry does not list.
    async fn discard_torn(&self, expected: &Expected<'_>) -> Result<(), StoreError>;

    /// What stands under `key`, to be read.
    async fn open(&self, key: ObjectKey) -> Result<Box<dyn ReadableObject>, StoreError>;
}

/// A store that clients reach themselves.
#[async_trait]
pub trait Direct: Send + Sync {
    /// How a client sends what is expected, until `expires_at` at the latest. Does no I/O.
    fn upload_address(
        &self,
        expected: &Expected<'_>,
        now: SystemTime,
        expires_at: SystemTime,
    ) -> Result<UploadAddress, StoreError>;

    /// How much longer than usual it takes to look at this and to make it final: large files are copied, and some are read.
    /// Zero for a small file, which never waits for large ones.
    fn extra_time(&self, expected: &Expected<'_>) -> Duration;

    /// Looks at what a client sent.
    async fn inspect(&self, expected: &Expected<'_>) -> Result<Uploaded, StoreError>;

    /// Makes this version of what a client sent final, if it is still there: from then on nobody can change it. To be called with one version
    /// of a name, however often.
    async fn make_final(
        &self,
        expected: &Expected<'_>,
        version: &str,
    ) -> Result<Box<dyn StoredObject>, StoreError>;

    /// An address at which an object can be read as `offer` says, for `life` at most. Does no I/O.
    fn read_address(
        &self,
        key: ObjectKey,
        offer: &Offer<'_>,
        now: SystemTime,
        life: Duration,
    ) -> Result<String, StoreError>;
}

/// What a client said that it would send.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Under which name.
    pub key: ObjectKey,
    /// Of which type.
    pub media_type: &'a MediaType,
    /// How many bytes.
    pub size: u64,
    /// Their SHA-256, if it was said.
    pub sha256: Option<Sha256>,
}

/// Where and how a client sends an object. Nothing else is taken there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadAddress {
    /// The address, which grants it.
    pub url: String,
    /// Every header that must be sent with it, but for `Content-Length`.
    pub headers: Vec<(&'static str, String)>,
}

/// What a client sent, which is as expected.
pub enum Uploaded {
    /// It cannot be changed any more.
    Final(Box<dyn StoredObject>),
    /// It can, and this is its version now.
    Staged(String),
}

/// How a stored object is offered to its reader.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// Its media type.
    pub media_type: &'a MediaType,
    /// `Content-Disposition` of the answer.
    pub disposition: &'a str,
}

/// A part of the store with a listing of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// Whose objects stand there.
    pub upload_type: UploadType,
    /// How far they are.
    pub stage: Stage,
}

/// How far an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Under its own name.
    Final,
    /// Where its client put it, to be copied from there.
    Staged,
}

/// Where a listing goes on, in words of the store.
#[derive(Clone, Debug)]
pub struct Cursor(String);

/// A part of a listing.
#[derive(Debug, Default)]
pub struct Page {
    /// Names of objects, in order.
    pub names: Vec<ObjectName>,
    /// How many things stand there that this service did not make.
    pub foreign: u64,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

/// An object that is being stored. Dropped without a commit, it leaves nothing behind.
#[async_trait]
pub trait Upload: Send {
    /// Takes the next bytes.
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError>;

    /// Makes the object visible and durable, if it has the SHA-256 that is expected. If other bytes stand under its name they stay, and this
    /// fails; if the same bytes do, nothing is to be done. After [`StoreError::Torn`] it may be
    /// called once more.
    async fn commit(&mut self) -> Result<(), StoreError>;
}

/// An object that is stored.
#[async_trait]
pub trait StoredObject: Send + Sync {
    /// Its size in bytes.
    fn size(&self) -> u64;

    /// Its first bytes, at most `limit` of them.
    async fn prefix(&self, limit: usize) -> Result<Vec<u8>, StoreError>;
}

/// An object that is stored here, and can be read.
pub trait ReadableObject: StoredObject {
    /// `length` bytes from `offset` on.
    fn stream(self: Box<Self>, offset: u64, length: u64) -> ByteStream;
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing stands under the name.
    #[error("there is no such object")]
    NotFound,
    /// Other bytes stand under the name.
    #[error("other bytes are stored under this name")]
    Taken,
    /// An object of another size than the signed one stands under the name: a power cut may have
    /// left it.
    #[error("an object of another size is stored under this name")]
    Torn,
    /// What a client sent is not what was expected.
    #[error("what was sent is not what was expected: {0}")]
    Unexpected(Difference),
    /// As many uploads run as may run at once.
    #[error("as many uploads run as may run at once")]
    Busy,
    /// There is no room.
    #[error("the store is full")]
    Full(#[source] io::Error),
    /// Anything else.
    #[error("the store failed")]
    Failed(#[source] io::Error),
}

/// In what a client sent something else than it said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// In the number of bytes.
    Size,
    /// In the media type.
    MediaType,
    /// In the SHA-256.
    Sha256,
    /// From what it was at the first look.
    Version,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Size => "it has another size",
            Self::MediaType => "it has another media type",
            Self::Sha256 => "it has another SHA-256",
            Self::Version => "it was changed after it was looked at",
        })
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full(error)
            }
            _ => Self::Failed(error),
        }
    }
}
