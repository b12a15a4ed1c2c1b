//! Making an uploaded file readable. The same call again finds what the first one kept.

use std::time::Duration;

use super::collect::Interrupted;
use super::sign::expected;
use super::{PATIENCE, Service, in_time, sized, within_bases};
use crate::api::attachments::notify::NotifyVo;
use crate::api::number::Count;
use crate::api::port::{Caller, Refusal};
use crate::audit::{self, Action, Subject};
use crate::domain::{FileName, ObjectKey, Sha256};
use crate::registry::{Added, Attachment, Dimensions};
use crate::storage::{Section, StoredObject, Transfer, Uploaded};
use crate::token::UploadGrant;

/// How much of an image is looked at for its width and height. Cameras put up to a few hundred kilobytes before them.
const PREFIX: usize = 512 * 1024;

impl Service {
    pub(super) async fn notify(
        &self,
        caller: &Caller,
        upload_token: &str,
        file_name: Option<&str>,
    ) -> Result<NotifyVo, Refusal> {
        // Bytes that came in time may be notified after: the token's own expiry is the upload's.
        let grant = self.keys.verify_upload(upload_token).ok();
        if let Some(grant) = &grant {
            audit::subject(Action::NotifyUpload, || Subject::signed(grant));
        }
        let extra = match (&grant, self.store.transfer()) {
            (Some(grant), Transfer::Direct(store)) => store.extra_time(&expected(grant)),
            _ => Duration::ZERO,
        };
        let token_digest = Sha256::of(upload_token.as_bytes());
        let finding = async {
            let Some(attachment) = self.registry.attachment_by_token(token_digest).await? else {
                let grant = grant.ok_or(Refusal::BadUploadToken)?;
                return self.accept(caller, grant, token_digest, file_name).await;
            };
            audit::subject(Action::NotifyUpload, || Subject::stored(&attachment));
            within_bases(caller, attachment.base.as_deref())?;
            self.look(attachment.key, attachment.size).await?;
            Ok(attachment)
        };
        let attachment = in_time(PATIENCE + extra, finding).await?;
        self.describe(upload_token, &attachment, file_name)
    }

    async fn accept(
        &self,
        caller: &Caller,
        grant: UploadGrant,
        token_digest: Sha256,
        file_name: Option<&str>,
    ) -> Result<Attachment, Refusal> {
        within_bases(caller, grant.base.as_deref())?;
        let object = match self.settle(&grant).await {
            Err(Refusal::NoSuchFile) => return Err(Refusal::NothingUploaded),
            Err(refusal @ Refusal::OtherUpload { .. }) => {
                self.reject(grant.key).await;
                return Err(refusal);
            }
            settled => settled?,
        };
        let dimensions = dimensions(&grant, object.as_ref()).await?;
        let attachment = Attachment {
            token_digest,
            key: grant.key,
            media_type: grant.media_type,
            size: object.size(),
            dimensions,
            file_name: file_name.and_then(FileName::parse),
            base: grant.base,
            label: grant.label,
            created_by: caller.id.clone(),
            created_at: self.now(),
        };
        match self.registry.add_attachment_within(attachment, self.policy.base_quota).await? {
            Added::Kept(attachment) => Ok(attachment),
            // Its bytes were refused, or waited too long; they are deleted or are about to be.
            Added::Condemned => Err(Refusal::NothingUploaded),
            Added::OverQuota { quota } => Err(Refusal::OverQuota { quota }),
        }
    }

    /// What was uploaded for `grant`, and cannot be changed any more.
    async fn settle(&self, grant: &UploadGrant) -> Result<Box<dyn StoredObject>, Refusal> {
        let store = match self.store.transfer() {
            Transfer::Relayed(store) => {
                let object = self.store.find(grant.key).await?;
                // A power cut left it. A file that the registry lists is damaged, and stays for the
                // operator to restore.
                if object.size() != grant.size && self.registry.attachment(grant.key).await?.is_none() {
                    store.discard_torn(&expected(grant)).await?;
                    return Err(Refusal::NothingUploaded);
                }
                sized(grant.key, object.as_ref(), grant.size)?;
                return Ok(object);
            }
            Transfer::Direct(store) => store,
        };
        let expected = expected(grant);
        match store.inspect(&expected).await? {
            Uploaded::Final(object) => Ok(object),
            Uploaded::Staged(version) => {
                // Of several notifies each may have seen another version, and one may come late: all make the same one final.
                let version = self.registry.settle(grant.key.name, &version).await?;
                Ok(store.make_final(&expected, &version).await?)
            }
        }
    }

    /// Removes what is not what was signed. Its name is condemned first, so that no notify acknowledges what is being removed.
    async fn reject(&self, key: ObjectKey) {
        let removing = async {
            if self.registry.condemn(&[key.name], self.now()).await?.is_empty() {
                return Ok(());
            }
            let own = |section: &Section| section.upload_type == key.upload_type;
            for section in self.store.sections().into_iter().filter(own) {
                self.store.remove(section, key.name).await?;
            }
            Ok::<(), Interrupted>(())
        };
        match removing.await {
            Ok(()) => tracing::info!(path = key.path(), "removed what was not as it was signed"),
            Err(error) => {
                let cause = crate::telemetry::causes(&error);
                tracing::warn!(cause, path = key.path(), "what was not as it was signed is collected later");
            }
        }
    }

    fn describe(
        &self,
        upload_token: &str,
        attachment: &Attachment,
        file_name: Option<&str>,
    ) -> Result<NotifyVo, Refusal> {
        let Attachment { key, media_type, size, dimensions, .. } = attachment;
        let asked = file_name.and_then(FileName::parse);
        let file_name = asked.as_ref().or(attachment.file_name.as_ref());
        let presigned_url = self.presigned_url(*key, media_type, file_name, self.now())?;
        Ok(NotifyVo {
            token: upload_token.to_owned(),
            size: Count(*size),
            url: self.place(*key),
            path: key.path(),
            mimetype: media_type.as_str().to_owned(),
            width: dimensions.map(|dimensions| Count(dimensions.width.into())),
            height: dimensions.map(|dimensions| Count(dimensions.height.into())),
            presigned_url,
        })
    }
}

async fn dimensions(grant: &UploadGrant, object: &dyn StoredObject) -> Result<Option<Dimensions>, Refusal> {
    if !grant.media_type.is_image() {
        return Ok(None);
    }
    let prefix = object.prefix(PREFIX).await?;
    Ok(probe(&prefix))
}

/// What the beginning of an image says of its size. An image that does not say is stored all the same.
#[must_use]
pub fn probe(prefix: &[u8]) -> Option<Dimensions> {
    let size = imagesize::blob_size(prefix).ok()?;
    Some(Dimensions { width: u32::try_from(size.width).ok()?, height: u32::try_from(size.height).ok()? })
}
