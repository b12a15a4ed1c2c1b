//! What is known of access tokens and of stored files. Knows no HTTP, no contract and no bytes.

mod migrations;
pub mod postgres;
mod queue;
mod sql;
pub mod sqlite;

use std::time::SystemTime;

use async_trait::async_trait;

use crate::domain::{AccessToken, FileName, MediaType, ObjectKey, ObjectName, Sha256, UploadType};

/// A file that was uploaded and notified.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// The SHA-256 of the upload token, by which its owner finds it. The token itself could still be used, and is not kept.
    pub token_digest: Sha256,
    /// Where its bytes are.
    pub key: ObjectKey,
    /// Its media type, as it was signed.
    pub media_type: MediaType,
    /// Its size in bytes.
    pub size: u64,
    /// Its width and height in pixels, if it is an image that says so.
    pub dimensions: Option<Dimensions>,
    /// Its name, if the client gave one.
    pub file_name: Option<FileName>,
    /// The base that it belongs to.
    pub base: Option<String>,
    /// The client's own label for it: its `hash` that is no SHA-256.
    pub label: Option<String>,
    /// The public id of the access token with which it was notified.
    pub created_by: String,
    /// When it was notified.
    pub created_at: SystemTime,
}

/// The size of an image in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dimensions {
    /// From left to right.
    pub width: u32,
    /// From top to bottom.
    pub height: u32,
}

/// The registry cannot answer.
#[derive(Debug, thiserror::Error)]
#[error("the registry failed")]
pub struct RegistryError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

impl RegistryError {
    fn of(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(why.into())
    }
}

/// What became of an attachment that was to be kept.
#[derive(Clone, Debug)]
pub enum Added {
    /// This is kept under its key: another, where one was kept before.
    Kept(Attachment),
    /// Its name is condemned, so nothing is kept.
    Condemned,
    /// Its base would exceed its quota, so nothing is kept.
    OverQuota(ExceededQuota),
}

/// Limits on the files of one base. Files without a base have no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BaseQuota {
    /// Maximum sum of the sizes, in bytes.
    pub bytes: Option<u64>,
    /// Maximum number of files.
    pub files: Option<u64>,
}

impl BaseQuota {
    /// Checks that a base with this `usage` can take a file of `size` bytes.
    ///
    /// # Errors
    ///
    /// Returns the limit that the file would exceed.
    pub fn check(self, usage: BaseUsage, size: u64) -> Result<(), ExceededQuota> {
        match self {
            Self { files: Some(limit), .. } if usage.files >= limit => Err(ExceededQuota::Files(limit)),
            Self { bytes: Some(limit), .. } if usage.bytes.saturating_add(size) > limit => {
                Err(ExceededQuota::Bytes(limit))
            }
            _ => Ok(()),
        }
    }

    /// Returns true if there is any limit.
    #[must_use]
    pub fn is_limited(self) -> bool {
        self != Self::default()
    }
}

/// The limit of a [`BaseQuota`] that a file would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExceededQuota {
    /// Maximum sum of the sizes, in bytes.
    Bytes(u64),
    /// Maximum number of files.
    Files(u64),
}

/// Usage of one base: its attachments, and the uploads that reserve room for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BaseUsage {
    /// Sum of the sizes, in bytes.
    pub bytes: u64,
    /// Number of files.
    pub files: u64,
}

/// An upload that is about to be copied to its final name.
#[derive(Clone, Copy, Debug)]
pub struct Pin<'a> {
    /// Name of the object.
    pub name: ObjectName,
    /// Version of the staged object that the caller saw.
    pub version: &'a str,
    /// Size of the object, in bytes.
    pub size: u64,
    /// The base that the file will belong to.
    pub base: Option<&'a str>,
}

/// Result of [`Registry::pin`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pinned {
    /// This version may be copied: another one than the caller's if that was pinned before.
    Version(String),
    /// The name has a tombstone, so nothing may be copied.
    Tombstoned,
    /// The base would exceed its quota, so nothing may be copied.
    OverQuota(ExceededQuota),
}

/// The right to collect garbage, which ends when this is dropped.
pub struct CollectorLock {
    _held: Box<dyn Send>,
}

impl CollectorLock {
    fn of(held: impl Send + 'static) -> Self {
        Self { _held: Box::new(held) }
    }
}

/// A place for what is known.
#[async_trait]
pub trait Registry: Send + Sync {
    /// Keeps a new access token.
    async fn add_access_token(&self, token: &AccessToken) -> Result<(), RegistryError>;

    /// Keeps a new access token if there is no other one, valid or not. Returns false if there is.
    async fn add_first_access_token(&self, token: &AccessToken) -> Result<bool, RegistryError>;

    /// The access token with this public id, valid or not.
    async fn access_token(&self, id: &str) -> Result<Option<AccessToken>, RegistryError>;

    /// All access tokens, valid or not, the oldest first.
    async fn access_tokens(&self) -> Result<Vec<AccessToken>, RegistryError>;

    /// Revokes the access token with this public id. False if there is none, or if it is revoked already.
    async fn revoke_access_token(&self, id: &str, now: SystemTime) -> Result<bool, RegistryError>;

    /// Takes back an access token as if it had never been.
    async fn remove_access_token(&self, id: &str) -> Result<(), RegistryError>;

    /// Keeps `attachment`, unless its name is condemned.
    async fn add_attachment(&self, attachment: Attachment) -> Result<Added, RegistryError> {
        self.add_attachment_within(attachment, BaseQuota::default()).await
    }

    /// Keeps `attachment`, unless its name is condemned or its base would exceed `quota`. An upload
    /// that was pinned has reserved its room and is not checked again.
    async fn add_attachment_within(
        &self,
        attachment: Attachment,
        quota: BaseQuota,
    ) -> Result<Added, RegistryError>;

    /// Usage of a base.
    async fn base_usage(&self, base: &str) -> Result<BaseUsage, RegistryError>;

    /// The file that was uploaded with the token of this digest.
    async fn attachment_by_token(&self, token_digest: Sha256) -> Result<Option<Attachment>, RegistryError>;

    /// The file with these bytes.
    async fn attachment(&self, key: ObjectKey) -> Result<Option<Attachment>, RegistryError>;

    /// Condemns those of `names` under which no attachment is kept: from now on none can be. Gives the condemned ones.
    async fn condemn(&self, names: &[ObjectName], now: SystemTime) -> Result<Vec<ObjectName>, RegistryError>;

    /// Forgets some of what was condemned before `before`, whose objects are long deleted, and says how many: 0 when none is left.
    async fn forget_condemned(&self, before: SystemTime) -> Result<u64, RegistryError>;

    /// Pins the version of an upload that may be copied to its final name, and reserves room for it
    /// in its base. The room is released when the attachment is added, when the name gets a
    /// tombstone, or by [`Registry::forget_settled`].
    async fn pin(&self, pin: Pin<'_>, quota: BaseQuota) -> Result<Pinned, RegistryError>;

    /// Forgets some of what was settled of names up to and with `until`, which nobody can upload to any more, and says how many: 0 when
    /// none is left.
    async fn forget_settled(&self, until: ObjectName) -> Result<u64, RegistryError>;

    /// The names of the attachments of a type, in order: after `after` if given, up to and with `until`, at most `limit`.
    async fn names(
        &self,
        upload_type: UploadType,
        after: Option<ObjectName>,
        until: ObjectName,
        limit: u32,
    ) -> Result<Vec<ObjectName>, RegistryError>;

    /// The id of this registry: `fresh`, if it has had none.
    async fn identity(&self, fresh: &str) -> Result<String, RegistryError>;

    /// Time of the registry, which is the same for all nodes that share it.
    async fn now(&self) -> Result<SystemTime, RegistryError>;

    /// Records a garbage collection at `now`, unless the last one was between `before` and `now`.
    /// Returns false if it was. A time after `now` comes from a clock that was wrong, and does not
    /// count.
    async fn begin_collection(&self, before: SystemTime, now: SystemTime) -> Result<bool, RegistryError>;

    /// The right to collect garbage, which one process at a time has. None if another has it.
    async fn collector(&self) -> Result<Option<CollectorLock>, RegistryError>;

    /// Whether the registry can answer.
    async fn check(&self) -> Result<(), RegistryError>;

    /// Lets go of the database.
    async fn close(&self);
}
