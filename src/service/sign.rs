//! Signing an upload. Touches no disk, no database and no network: all that the flow needs later is in the token. Only where bases have a
//! quota is the registry asked, and it may be away.

use std::time::Duration;

use super::{PATIENCE, Service, in_time, over_quota, within_bases};
use crate::api::attachments::signature::{RequestHeader, RequestHeaders, SignatureRo, SignatureVo};
use crate::api::port::{Caller, Refusal};
use crate::api::problem::FieldError;
use crate::audit::{self, Action, Subject};
use crate::domain::{MediaType, ObjectKey, ObjectName, Sha256, UploadType};
use crate::storage::{Expected, Transfer, UploadAddress};
use crate::token::UploadGrant;

impl Service {
    pub(super) async fn sign(&self, caller: &Caller, wish: SignatureRo) -> Result<SignatureVo, Refusal> {
        audit::subject(Action::GetSignature, || Subject::wished(&wish));
        within_bases(caller, wish.base_id.as_deref())?;
        let size = wish.content_length.get();
        if size > self.policy.max_size {
            return Err(invalid(
                "/contentLength",
                format!("must be at most {}, this server's limit", self.policy.max_size),
            ));
        }
        // The surface is stricter than these two; they would say so if it were not.
        let upload_type = UploadType::try_from(wish.upload_type.number())
            .map_err(|error| invalid("/type", error.to_string()))?;
        let media_type = MediaType::parse(&wish.content_type)
            .ok_or_else(|| invalid("/contentType", "must be empty or a media type".to_owned()))?;
        self.has_room(wish.base_id.as_deref(), size).await?;
        let life =
            wish.expires_in.map_or(self.policy.upload_token_life, |life| Duration::from_secs(life.get()));
        let now = self.now();
        let sha256 = wish.hash.as_deref().and_then(Sha256::parse_hex);
        let grant = UploadGrant {
            key: ObjectKey { upload_type, name: ObjectName::fresh() },
            media_type,
            size,
            sha256,
            label: wish.hash.filter(|_| sha256.is_none()),
            base: wish.base_id,
            issued_to: caller.id.clone(),
            expires_at: now + life,
        };
        audit::subject(Action::GetSignature, || Subject::signed(&grant));
        let token = self.keys.sign_upload(&grant).map_err(|error| Refusal::Unavailable(error.into()))?;
        let (url, headers) = match self.store.transfer() {
            Transfer::Relayed(_) => {
                (self.upload_url(&token), vec![("Content-Type", grant.media_type.as_str().to_owned())])
            }
            Transfer::Direct(store) => {
                let UploadAddress { url, headers } =
                    store.upload_address(&expected(&grant), now, grant.expires_at)?;
                (url, headers)
            }
        };
        let headers = headers.into_iter().map(|(name, value)| (name, RequestHeader::Text(value)));
        Ok(SignatureVo {
            url,
            upload_method: "PUT".to_owned(),
            token,
            request_headers: RequestHeaders(
                headers.chain([("Content-Length", RequestHeader::Number(size))]).collect(),
            ),
        })
    }
}

impl Service {
    /// Refuses early what notify would refuse. Signing goes on without the registry, and notify is what counts.
    async fn has_room(&self, base: Option<&str>, size: u64) -> Result<(), Refusal> {
        let quota = self.policy.base_quota;
        let Some(base) = base.filter(|_| quota.is_limited()) else { return Ok(()) };
        let asking = async { Ok(self.registry.base_usage(base).await?) };
        match in_time(PATIENCE, asking).await {
            Ok(usage) => quota.check(usage, size).map_err(over_quota),
            Err(refusal) => {
                tracing::warn!(cause = %refusal, "cannot read the usage of a base; notify checks its quota");
                Ok(())
            }
        }
    }
}

/// What the client said that it would send.
pub(super) fn expected(grant: &UploadGrant) -> Expected<'_> {
    Expected { key: grant.key, media_type: &grant.media_type, size: grant.size, sha256: grant.sha256 }
}

fn invalid(pointer: &str, message: String) -> Refusal {
    Refusal::Invalid(FieldError { pointer: pointer.to_owned(), message: message.into() })
}
