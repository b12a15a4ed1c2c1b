//! From the token that a client has kept to an address that works now.

use super::{Service, within_bases};
use crate::api::port::{Caller, Opened, Refusal};
use crate::audit::{self, Action, Subject};
use crate::domain::{FileName, Sha256};

impl Service {
    pub(super) async fn open(
        &self,
        caller: &Caller,
        upload_token: &str,
        file_name: Option<&str>,
    ) -> Result<Opened, Refusal> {
        let token_digest = Sha256::of(upload_token.as_bytes());
        let attachment = self.registry.attachment_by_token(token_digest).await?.ok_or(Refusal::NoSuchFile)?;
        audit::subject(Action::OpenAttachment, || Subject::stored(&attachment));
        within_bases(caller, attachment.base.as_deref())?;
        self.look(attachment.key, attachment.size).await?;
        let asked = file_name.and_then(FileName::parse);
        let file_name = asked.as_ref().or(attachment.file_name.as_ref());
        let location = self.presigned_url(attachment.key, &attachment.media_type, file_name, self.now())?;
        Ok(Opened { location })
    }
}
