//! Storing the bytes of a signed upload: refused on the headers first, counted and hashed while they stream.

use std::future::poll_fn;
use std::pin::Pin;

use actix_web::body::{BoxBody, MessageBody};

use super::Service;
use super::sign::expected;
use crate::api::port::{Incoming, Refusal};
use crate::storage::{Difference, StoreError, Transfer};
use crate::token::UploadGrant;

impl Service {
    pub(super) async fn upload(&self, upload_token: &str, incoming: Incoming) -> Result<(), Refusal> {
        let Transfer::Relayed(store) = self.store.transfer() else { return Err(Refusal::Elsewhere) };
        let grant = self.keys.verify_upload(upload_token).map_err(|_| Refusal::BadUploadToken)?;
        if self.now() >= grant.expires_at {
            return Err(Refusal::UploadTokenExpired);
        }
        judge_headers(&grant, &incoming)?;

        let mut upload = store.begin(&expected(&grant)).await?;
        let mut bytes = Box::pin(incoming.bytes);
        let mut received = 0;
        while let Some(chunk) = next(bytes.as_mut()).await? {
            received += chunk.len() as u64;
            if received > grant.size {
                return Err(Refusal::TooLong { signed: grant.size });
            }
            upload.write(chunk).await?;
        }
        if received < grant.size {
            return Err(Refusal::TooShort { signed: grant.size });
        }
        match upload.commit().await {
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

async fn next(mut bytes: Pin<&mut BoxBody>) -> Result<Option<actix_web::web::Bytes>, Refusal> {
    poll_fn(|context| bytes.as_mut().poll_next(context))
        .await
        .transpose()
        .map_err(|error| Refusal::BrokenBody(error.to_string().into()))
}
