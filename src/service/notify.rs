//! Making an uploaded file readable. The same call again finds what the first one kept.

use super::sign::expected;
use super::{Service, in_time, sized, within_bases};
use crate::api::attachments::notify::NotifyVo;
use crate::api::number::Count;
use crate::api::port::{Caller, Refusal};
use crate::domain::{FileName, Sha256};
use crate::registry::{Added, Attachment, Dimensions};
use crate::storage::{StoredObject, Transfer};
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
        let token_digest = Sha256::of(upload_token.as_bytes());
        let known = async { Ok(self.registry.attachment_by_token(token_digest).await?) };
        let attachment = match in_time(known).await? {
            Some(attachment) => {
                within_bases(caller, attachment.base.as_deref())?;
                in_time(self.look(attachment.key, attachment.size)).await?;
                attachment
            }
            None => self.accept(caller, upload_token, token_digest, file_name).await?,
        };
        self.describe(upload_token, &attachment, file_name)
    }

    async fn accept(
        &self,
        caller: &Caller,
        upload_token: &str,
        token_digest: Sha256,
        file_name: Option<&str>,
    ) -> Result<Attachment, Refusal> {
        // Bytes that came in time may be notified after: the token's own expiry is the upload's.
        let grant = self.keys.verify_upload(upload_token).map_err(|_| Refusal::BadUploadToken)?;
        within_bases(caller, grant.base.as_deref())?;
        let object = self.settle(&grant).await.map_err(|refusal| match refusal {
            Refusal::NoSuchFile => Refusal::NothingUploaded,
            other => other,
        })?;
        let dimensions = in_time(dimensions(&grant, object.as_ref())).await?;
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
        let added = in_time(async { Ok(self.registry.add_attachment(attachment).await?) }).await?;
        match added {
            Added::Kept(attachment) => Ok(attachment),
            // Its bytes waited too long, and are deleted or are about to be.
            Added::Condemned => Err(Refusal::NothingUploaded),
        }
    }

    /// What was uploaded for `grant`, and cannot be changed any more.
    async fn settle(&self, grant: &UploadGrant) -> Result<Box<dyn StoredObject>, Refusal> {
        match self.store.transfer() {
            Transfer::Relayed(_) => {
                let object = self.store.find(grant.key).await?;
                sized(grant.key, object.as_ref(), grant.size)?;
                Ok(object)
            }
            // It sees to its own time: to copy a large object takes a while.
            Transfer::Direct(store) => Ok(store.settle(&expected(grant)).await?),
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
fn probe(prefix: &[u8]) -> Option<Dimensions> {
    let size = imagesize::blob_size(prefix).ok()?;
    Some(Dimensions { width: u32::try_from(size.width).ok()?, height: u32::try_from(size.height).ok()? })
}
