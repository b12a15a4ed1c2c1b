//! Finding a file for a reader. What was not notified cannot be read.

use std::time::{Duration, SystemTime};

use actix_web::body::{BoxBody, MessageBody, SizedStream};

use super::address::disposition_kind;
use super::{Service, sized};
use crate::api::attachments::read::{Disposition, DispositionKind, Place};
use crate::api::port::{Answer, Content, Outgoing, Refusal};
use crate::domain::{FileName, ObjectKey, UploadType, Visibility};
use crate::registry::Attachment;
use crate::storage::{ReadableObject, Transfer};

impl Service {
    pub(super) async fn read(
        &self,
        place: &Place,
        read_token: Option<&str>,
        disposition: Option<&Disposition>,
    ) -> Result<Outgoing, Refusal> {
        let Transfer::Relayed(store) = self.store.transfer() else { return Err(Refusal::Elsewhere) };
        let key =
            self.policy.buckets.locate(&place.bucket, &place.dir, &place.name).ok_or(Refusal::NoSuchFile)?;
        let cache_control = match key.upload_type.visibility() {
            Visibility::Public => key.upload_type.public_cache_control().to_owned(),
            Visibility::Private => self.judge_token(key, read_token)?,
        };
        let attachment = self.known(key).await?;
        let object = store.open(key).await?;
        sized(key, object.as_ref(), attachment.size)?;
        Ok(Outgoing {
            size: object.size(),
            media_type: attachment.media_type.as_str().to_owned(),
            // The bytes under a name never change, so the name says it all.
            etag: key.name.to_string(),
            last_modified: attachment.created_at,
            cache_control,
            content_disposition: content_disposition(&attachment, disposition),
            // A script runs in whatever page names it, if the page may load it.
            resource_policy: if attachment.media_type.is_medium() { "cross-origin" } else { "same-origin" },
            content: Box::new(Stored(object)),
        })
    }

    /// How long the file may be kept, if the token is for it: a day at most, and never beyond the token's own end.
    fn judge_token(&self, key: ObjectKey, read_token: Option<&str>) -> Result<String, Refusal> {
        let token = read_token.ok_or(Refusal::BadReadToken)?;
        let grant = self.keys.verify_read(token).map_err(|_| Refusal::BadReadToken)?;
        if grant.key != key {
            return Err(Refusal::BadReadToken);
        }
        let left = time_left(grant.expires_at, self.now()).ok_or(Refusal::ReadTokenExpired)?;
        Ok(UploadType::private_cache_control(left))
    }
}

fn time_left(end: SystemTime, now: SystemTime) -> Option<Duration> {
    end.duration_since(now).ok().filter(|left| !left.is_zero())
}

fn content_disposition(attachment: &Attachment, asked: Option<&Disposition>) -> String {
    let kept = || attachment.file_name.as_ref().map(FileName::disposition_parameters).unwrap_or_default();
    let may_show = attachment.media_type.is_inert();
    match asked {
        Some(Disposition { kind: DispositionKind::Inline, parameters }) if may_show => {
            format!("inline{parameters}")
        }
        Some(Disposition { parameters, .. }) => format!("attachment{parameters}"),
        None => format!("{}{}", disposition_kind(&attachment.media_type), kept()),
    }
}

struct Stored(Box<dyn ReadableObject>);

impl Content for Stored {
    fn read<'a>(self: Box<Self>, offset: u64, length: u64) -> Answer<'a, BoxBody>
    where
        Self: 'a,
    {
        let bytes = self.0.stream(offset, length);
        Box::pin(async move { Ok(SizedStream::new(length, bytes).boxed()) })
    }
}
