//! Storing the bytes of a signed upload: refused on the headers first, counted and hashed while they stream.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};

use super::Service;
use super::pace::{Pace, Progress};
use super::sign::expected;
use crate::api::port::{Incoming, Refusal};
use crate::storage::{Difference, StoreError, Transfer};
use crate::token::UploadGrant;

/// Timeout for an upload that waits for another one of the same key, such as one whose connection
/// broke.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum number of uploads per key: the lock holder and its waiters.
pub(super) const MAX_UPLOADS_PER_KEY: usize = 32;

impl Service {
    pub(super) async fn upload(&self, upload_token: &str, incoming: Incoming) -> Result<(), Refusal> {
        let Transfer::Relayed(store) = self.store.transfer() else { return Err(Refusal::Elsewhere) };
        let grant = self.keys.verify_upload(upload_token).map_err(|_| Refusal::BadUploadToken)?;
        if self.now() >= grant.expires_at {
            return Err(Refusal::UploadTokenExpired);
        }
        judge_headers(&grant, &incoming)?;

        let _guard = self.upload_locks.acquire(grant.key, LOCK_TIMEOUT).await?;
        let mut upload = store.begin(&expected(&grant)).await?;
        let _in_progress = self.metrics.upload();
        let mut bytes = Box::pin(incoming.bytes);
        let (mut received, mut progress) = (0, Progress::default());
        while let Some(chunk) = next(bytes.as_mut(), self.policy.pace, &mut progress).await? {
            received += chunk.len() as u64;
            self.metrics.upload_bytes.inc_by(chunk.len() as u64);
            if received > grant.size {
                return Err(Refusal::TooLong { signed: grant.size });
            }
            upload.write(chunk).await?;
        }
        if received < grant.size {
            return Err(Refusal::TooShort { signed: grant.size });
        }
        let mut stored = upload.commit().await;
        // A short file that a power cut left is replaced. A file that the registry lists is not: a
        // notified file never changes.
        if matches!(stored, Err(StoreError::Torn)) && self.registry.attachment(grant.key).await?.is_none() {
            store.discard_torn(&expected(&grant)).await?;
            stored = upload.commit().await;
        }
        match stored {
            Err(StoreError::Unexpected(Difference::Sha256)) => Err(Refusal::ChecksumMismatch),
            done => Ok(done?),
        }
    }
}

fn judge_headers(grant: &UploadGrant, incoming: &Incoming) -> Result<(), Refusal> {
    let signed = grant.size;
    match incoming.length {
        Some(length) if length > signed => return Err(Refusal::TooLong { signed }),
        Some(length) if length < signed => return Err(Refusal::TooShort { signed }),
        _ => {}
    }
    match &incoming.media_type {
        Some(claimed) if !grant.media_type.accepts(claimed) => {
            Err(Refusal::OtherMediaType { signed: grant.media_type.to_string() })
        }
        _ => Ok(()),
    }
}

/// The next bytes, if their client sends them at `pace`.
async fn next(
    mut bytes: Pin<&mut BoxBody>,
    pace: Pace,
    progress: &mut Progress,
) -> Result<Option<actix_web::web::Bytes>, Refusal> {
    let asked_at = Instant::now();
    let next = tokio::time::timeout(pace.idle, poll_fn(|context| bytes.as_mut().poll_next(context)));
    let chunk = next
        .await
        .map_err(|_| Refusal::TooSlow)?
        .transpose()
        .map_err(|error| Refusal::BrokenBody(error.to_string().into()))?;
    match &chunk {
        Some(chunk) if !progress.keeps(pace, chunk.len() as u64, asked_at.elapsed()) => Err(Refusal::TooSlow),
        _ => Ok(chunk),
    }
}
