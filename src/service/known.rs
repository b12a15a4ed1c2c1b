//! What is known of files that were read a moment ago, so that reading asks the registry seldom. What it says of a file never changes.

use std::sync::Arc;

use quick_cache::sync::Cache;

use super::Service;
use crate::api::port::Refusal;
use crate::domain::ObjectKey;
use crate::registry::Attachment;

/// How many files are remembered: some megabytes at most, for names and labels are bounded.
const REMEMBERED: usize = 8192;

/// Files that are registered. That a file is not is never remembered: it may be in a moment.
pub(super) struct KnownFiles(Cache<ObjectKey, Arc<Attachment>>);

impl Default for KnownFiles {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl Service {
    /// The file that is registered under `key`.
    pub(super) async fn known(&self, key: ObjectKey) -> Result<Arc<Attachment>, Refusal> {
        if let Some(attachment) = self.known.0.get(&key) {
            return Ok(attachment);
        }
        let attachment = Arc::new(self.registry.attachment(key).await?.ok_or(Refusal::NoSuchFile)?);
        self.known.0.insert(key, Arc::clone(&attachment));
        Ok(attachment)
    }
}
