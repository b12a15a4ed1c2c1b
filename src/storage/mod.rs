//! Where the bytes are. A store keeps objects under names that it is given and knows nothing of HTTP, of the contract or of
//! who asks. What stands under a name never changes.

pub mod local;

use std::io;

use actix_web::web::Bytes;
use async_trait::async_trait;
use futures_util::stream::BoxStream;

use crate::domain::{ObjectKey, Sha256};

/// A stream of a stored object's bytes.
pub type ByteStream = BoxStream<'static, io::Result<Bytes>>;

/// A place for objects.
#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// Begins to store an object of `size` bytes. Nothing is visible before [`Upload::commit`].
    async fn begin(&self, key: ObjectKey, size: u64) -> Result<Box<dyn Upload>, StoreError>;

    /// What stands under `key`.
    async fn find(&self, key: ObjectKey) -> Result<Box<dyn StoredObject>, StoreError>;

    /// Whether the store can take and give objects.
    async fn check(&self) -> Result<(), StoreError>;
}

/// An object that is being stored. Dropped without a commit, it leaves nothing behind.
#[async_trait]
pub trait Upload: Send {
    /// Takes the next bytes.
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError>;

    /// Takes what is still on its way, and says what the SHA-256 of all bytes is.
    async fn finish(&mut self) -> Result<Sha256, StoreError>;

    /// Makes the object visible and durable. If other bytes stand under its name they stay, and this fails; if the same
    /// bytes do, nothing is to be done.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// An object that is stored.
#[async_trait]
pub trait StoredObject: Send {
    /// Its size in bytes.
    fn size(&self) -> u64;

    /// Its first bytes, at most `limit` of them.
    async fn prefix(&self, limit: usize) -> Result<Vec<u8>, StoreError>;

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
    /// There is no room.
    #[error("the store is full")]
    Full(#[source] io::Error),
    /// Anything else.
    #[error("the store failed")]
    Failed(#[source] io::Error),
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
