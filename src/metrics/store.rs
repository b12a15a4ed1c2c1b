//! A store whose calls are measured. Addresses are made without I/O, and are not.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::web::Bytes;
use async_trait::async_trait;

use super::{Metrics, Timed};
use crate::domain::{ObjectKey, ObjectName};
use crate::storage::{
    Cursor, Direct, Expected, ObjectStore, Offer, Page, ReadableObject, Relay, Section, StoreError,
    StoredObject, Transfer, Upload, UploadAddress, Uploaded,
};

/// Asks another store, and measures that.
pub struct MeasuredStore {
    inner: Arc<dyn ObjectStore>,
    calls: Timed,
}

impl MeasuredStore {
    /// Measures `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn ObjectStore>, metrics: &Metrics) -> Self {
        Self { inner, calls: metrics.store_calls.clone() }
    }

    fn relay(&self) -> Result<&dyn Relay, StoreError> {
        match self.inner.transfer() {
            Transfer::Relayed(store) => Ok(store),
            Transfer::Direct(_) => Err(changed()),
        }
    }

    fn direct(&self) -> Result<&dyn Direct, StoreError> {
        match self.inner.transfer() {
            Transfer::Direct(store) => Ok(store),
            Transfer::Relayed(_) => Err(changed()),
        }
    }

    fn object(&self, inner: Box<dyn StoredObject>) -> Box<dyn StoredObject> {
        Box::new(MeasuredObject { inner, calls: self.calls.clone() })
    }
}

/// A store is of one kind for as long as it lives.
fn changed() -> StoreError {
    StoreError::Failed(io::Error::other("the store has changed how bytes get there"))
}

#[async_trait]
impl ObjectStore for MeasuredStore {
    async fn find(&self, key: ObjectKey) -> Result<Box<dyn StoredObject>, StoreError> {
        Ok(self.object(self.calls.time("find", self.inner.find(key)).await?))
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.calls.time("check", self.inner.check()).await
    }

    async fn owner(&self) -> Result<Option<String>, StoreError> {
        self.calls.time("owner", self.inner.owner()).await
    }

    async fn set_owner(&self, id: &str) -> Result<(), StoreError> {
        self.calls.time("set_owner", self.inner.set_owner(id)).await
    }

    fn transfer(&self) -> Transfer<'_> {
        match self.inner.transfer() {
            Transfer::Relayed(_) => Transfer::Relayed(self),
            Transfer::Direct(_) => Transfer::Direct(self),
        }
    }

    fn sections(&self) -> Vec<Section> {
        self.inner.sections()
    }

    async fn list(
        &self,
        section: Section,
        from: Option<Cursor>,
        until: ObjectName,
    ) -> Result<Page, StoreError> {
        self.calls.time("list", self.inner.list(section, from, until)).await
    }

    async fn remove(&self, section: Section, name: ObjectName) -> Result<(), StoreError> {
        self.calls.time("remove", self.inner.remove(section, name)).await
    }
}

#[async_trait]
impl Relay for MeasuredStore {
    async fn begin(&self, expected: &Expected<'_>) -> Result<Box<dyn Upload>, StoreError> {
        let inner = self.calls.time("begin", self.relay()?.begin(expected)).await?;
        Ok(Box::new(MeasuredUpload { inner, calls: self.calls.clone() }))
    }

    async fn discard_torn(&self, expected: &Expected<'_>) -> Result<(), StoreError> {
        self.calls.time("discard_torn", self.relay()?.discard_torn(expected)).await
    }

    async fn open(&self, key: ObjectKey) -> Result<Box<dyn ReadableObject>, StoreError> {
        self.calls.time("open", self.relay()?.open(key)).await
    }
}

#[async_trait]
impl Direct for MeasuredStore {
    fn upload_address(
        &self,
        expected: &Expected<'_>,
        now: SystemTime,
        expires_at: SystemTime,
    ) -> Result<UploadAddress, StoreError> {
        self.direct()?.upload_address(expected, now, expires_at)
    }

    fn extra_time(&self, expected: &Expected<'_>) -> Duration {
        self.direct().map_or(Duration::ZERO, |store| store.extra_time(expected))
    }

    async fn inspect(&self, expected: &Expected<'_>) -> Result<Uploaded, StoreError> {
        Ok(match self.calls.time("inspect", self.direct()?.inspect(expected)).await? {
            Uploaded::Final(object) => Uploaded::Final(self.object(object)),
            Uploaded::Staged(version) => Uploaded::Staged(version),
        })
    }

    async fn make_final(
        &self,
        expected: &Expected<'_>,
        version: &str,
    ) -> Result<Box<dyn StoredObject>, StoreError> {
        let made = self.calls.time("make_final", self.direct()?.make_final(expected, version)).await?;
        Ok(self.object(made))
    }

    fn read_address(
        &self,
        key: ObjectKey,
        offer: &Offer<'_>,
        now: SystemTime,
        life: Duration,
    ) -> Result<String, StoreError> {
        self.direct()?.read_address(key, offer, now, life)
    }
}

/// An object that is being stored.
struct MeasuredUpload {
    inner: Box<dyn Upload>,
    calls: Timed,
}

#[async_trait]
impl Upload for MeasuredUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.calls.time("write", self.inner.write(bytes)).await
    }

    async fn commit(&mut self) -> Result<(), StoreError> {
        self.calls.time("commit", self.inner.commit()).await
    }
}

/// An object that is stored.
struct MeasuredObject {
    inner: Box<dyn StoredObject>,
    calls: Timed,
}

#[async_trait]
impl StoredObject for MeasuredObject {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    async fn prefix(&self, limit: usize) -> Result<Vec<u8>, StoreError> {
        self.calls.time("prefix", self.inner.prefix(limit)).await
    }
}
