//! Making an uploaded file readable. The same call again finds what the first one kept.

use super::copy::Published;
use super::sign::expected;
use super::{PATIENCE, Service, in_time, over_quota, sized, within_bases};
use crate::api::attachments::notify::NotifyVo;
use crate::api::number::Count;
use crate::api::port::{Caller, Refusal};
use crate::audit::{self, Action, Subject};
use crate::domain::{FileName, Sha256};
use crate::registry::{Added, Attachment, Dimensions};
use crate::storage::{Relay, StoredObject, Transfer};
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
        let token_digest = Sha256::of(upload_token.as_bytes());
        let asking = async { Ok(self.registry.attachment_by_token(token_digest).await?) };
        let attachment = if let Some(attachment) = in_time(PATIENCE, asking).await? {
            audit::subject(Action::NotifyUpload, || Subject::stored(&attachment));
            within_bases(caller, attachment.base.as_deref())?;
            in_time(PATIENCE, self.look(attachment.key, attachment.size)).await?;
            attachment
        } else {
            let grant = grant.ok_or(Refusal::BadUploadToken)?;
            self.accept(caller, grant, token_digest, file_name).await?
        };
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
        let (object, is_copied) = match self.settle(caller, &grant).await {
            Ok(Published::Object { object, is_copied }) => (object, is_copied),
            Ok(Published::Registered(attachment)) => {
                in_time(PATIENCE, self.look(attachment.key, attachment.size)).await?;
                return Ok(attachment);
            }
            Err(Refusal::NoSuchFile) => return Err(Refusal::NothingUploaded),
            Err(refusal) => return Err(refusal),
        };
        let dimensions = in_time(PATIENCE, dimensions(&grant, object.as_ref())).await?;
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
        // The registry bounds its own time: a write waits as long as others before it finish.
        match self.registry.add_attachment_within(attachment, self.policy.base_quota).await? {
            Added::Kept(attachment) => Ok(attachment),
            Added::Condemned => {
                // The object may have been copied after its name was condemned. Nobody acknowledges
                // it, so it must not stay readable in a public bucket.
                self.reject(grant.key).await;
                Err(Refusal::NothingUploaded)
            }
            Added::OverQuota(exceeded) => {
                // A pin that an older version made has reserved nothing, so the copy may be public
                // already.
                if is_copied {
                    self.reject(grant.key).await;
                }
                Err(over_quota(exceeded))
            }
        }
    }

    /// The object that was uploaded for `grant`, which nobody can change any more.
    async fn settle(&self, caller: &Caller, grant: &UploadGrant) -> Result<Published, Refusal> {
        match self.store.transfer() {
            Transfer::Relayed(store) => {
                let object = in_time(PATIENCE, self.find_whole(store, grant)).await?;
                Ok(Published::Object { object, is_copied: false })
            }
            Transfer::Direct(store) => self.publish(caller, grant, store.extra_time(&expected(grant))).await,
        }
    }

    /// The object that was uploaded through this service, with the size that was signed.
    async fn find_whole(
        &self,
        store: &dyn Relay,
        grant: &UploadGrant,
    ) -> Result<Box<dyn StoredObject>, Refusal> {
        let object = self.store.find(grant.key).await?;
        // A power cut left it. A file that the registry lists is damaged, and stays for the
        // operator to restore.
        if object.size() != grant.size && self.registry.attachment(grant.key).await?.is_none() {
            store.discard_torn(&expected(grant)).await?;
            return Err(Refusal::NothingUploaded);
        }
        sized(grant.key, object.as_ref(), grant.size)?;
        Ok(object)
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
