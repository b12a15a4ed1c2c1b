//! A registry whose calls are measured.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;

use super::{Metrics, Timed};
use crate::domain::{AccessToken, ObjectKey, ObjectName, Sha256, UploadType};
use crate::registry::{
    Added, Attachment, BaseQuota, BaseUsage, CollectorLock, Pin, Pinned, Registry, RegistryError,
};

/// Asks another registry, and measures that.
pub struct MeasuredRegistry {
    inner: Arc<dyn Registry>,
    calls: Timed,
}

impl MeasuredRegistry {
    /// Measures `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Registry>, metrics: &Metrics) -> Self {
        Self { inner, calls: metrics.registry_calls.clone() }
    }
}

#[async_trait]
impl Registry for MeasuredRegistry {
    async fn add_access_token(&self, token: &AccessToken) -> Result<(), RegistryError> {
        self.calls.time("add_access_token", self.inner.add_access_token(token)).await
    }

    async fn add_first_access_token(&self, token: &AccessToken) -> Result<bool, RegistryError> {
        self.calls.time("add_access_token", self.inner.add_first_access_token(token)).await
    }

    async fn access_token(&self, id: &str) -> Result<Option<AccessToken>, RegistryError> {
        self.calls.time("access_token", self.inner.access_token(id)).await
    }

    async fn access_tokens(&self) -> Result<Vec<AccessToken>, RegistryError> {
        self.calls.time("access_tokens", self.inner.access_tokens()).await
    }

    async fn revoke_access_token(&self, id: &str, now: SystemTime) -> Result<bool, RegistryError> {
        self.calls.time("revoke_access_token", self.inner.revoke_access_token(id, now)).await
    }

    async fn remove_access_token(&self, id: &str) -> Result<(), RegistryError> {
        self.calls.time("remove_access_token", self.inner.remove_access_token(id)).await
    }

    async fn add_attachment_within(
        &self,
        attachment: Attachment,
        quota: BaseQuota,
    ) -> Result<Added, RegistryError> {
        self.calls.time("add_attachment", self.inner.add_attachment_within(attachment, quota)).await
    }

    async fn base_usage(&self, base: &str) -> Result<BaseUsage, RegistryError> {
        self.calls.time("base_usage", self.inner.base_usage(base)).await
    }

    async fn attachment_by_token(&self, token_digest: Sha256) -> Result<Option<Attachment>, RegistryError> {
        self.calls.time("attachment_by_token", self.inner.attachment_by_token(token_digest)).await
    }

    async fn attachment(&self, key: ObjectKey) -> Result<Option<Attachment>, RegistryError> {
        self.calls.time("attachment", self.inner.attachment(key)).await
    }

    async fn condemn(&self, names: &[ObjectName], now: SystemTime) -> Result<Vec<ObjectName>, RegistryError> {
        self.calls.time("condemn", self.inner.condemn(names, now)).await
    }

    async fn forget_condemned(&self, before: SystemTime) -> Result<u64, RegistryError> {
        self.calls.time("forget_condemned", self.inner.forget_condemned(before)).await
    }

    async fn pin(&self, pin: Pin<'_>, quota: BaseQuota) -> Result<Pinned, RegistryError> {
        self.calls.time("pin", self.inner.pin(pin, quota)).await
    }

    async fn forget_settled(&self, until: ObjectName) -> Result<u64, RegistryError> {
        self.calls.time("forget_settled", self.inner.forget_settled(until)).await
    }

    async fn names(
        &self,
        upload_type: UploadType,
        after: Option<ObjectName>,
        until: ObjectName,
        limit: u32,
    ) -> Result<Vec<ObjectName>, RegistryError> {
        self.calls.time("names", self.inner.names(upload_type, after, until, limit)).await
    }

    async fn identity(&self, fresh: &str) -> Result<String, RegistryError> {
        self.calls.time("identity", self.inner.identity(fresh)).await
    }

    async fn now(&self) -> Result<SystemTime, RegistryError> {
        self.calls.time("now", self.inner.now()).await
    }

    async fn begin_collection(&self, before: SystemTime, now: SystemTime) -> Result<bool, RegistryError> {
        self.calls.time("begin_collection", self.inner.begin_collection(before, now)).await
    }

    async fn collector(&self) -> Result<Option<CollectorLock>, RegistryError> {
        self.calls.time("collector", self.inner.collector()).await
    }

    async fn check(&self) -> Result<(), RegistryError> {
        self.calls.time("check", self.inner.check()).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
