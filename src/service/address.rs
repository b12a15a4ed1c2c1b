//! The addresses that clients are given.

use std::str::FromStr;
use std::time::SystemTime;

use super::Service;
use crate::api::MOUNT;
use crate::api::port::Refusal;
use crate::domain::{FileName, MediaType, ObjectKey, Visibility};
use crate::storage::{Offer, Transfer};
use crate::token::ReadGrant;
use crate::uri::encoded;

/// Where clients reach the service: scheme, host and port, and no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicOrigin(String);

/// The text is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an origin such as https://files.example.com, without a path")]
pub struct InvalidOrigin;

impl FromStr for PublicOrigin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let uri: actix_web::http::Uri = text.parse().map_err(|_| InvalidOrigin)?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        let is_bare = uri.path() == "/" && uri.query().is_none() && !text.contains(['@', '#']);
        if is_http && is_bare && uri.host().is_some() {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidOrigin)
        }
    }
}

impl PublicOrigin {
    /// The origin of a plain server at `host`, which is an address or a name.
    #[must_use]
    pub fn http(host: &str, port: u16) -> Self {
        Self(format!("http://{host}:{port}"))
    }

    /// The origin, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Service {
    /// Where the bytes of an upload are sent.
    pub(super) fn upload_url(&self, upload_token: &str) -> String {
        format!("{}{MOUNT}/attachments/upload/{upload_token}", self.policy.origin.as_str())
    }

    /// Where a file stands on its server, which grants nothing.
    pub(super) fn place(&self, key: ObjectKey) -> String {
        let (bucket, path) = (self.policy.buckets.of(key.upload_type), key.path());
        match self.store.transfer() {
            Transfer::Relayed(_) => format!("{MOUNT}/attachments/read/{bucket}/{path}"),
            Transfer::Direct(_) => format!("/{bucket}/{path}"),
        }
    }

    /// Where a file can be read without a header.
    pub(super) fn presigned_url(
        &self,
        key: ObjectKey,
        media_type: &MediaType,
        file_name: Option<&FileName>,
        now: SystemTime,
    ) -> Result<String, Refusal> {
        let parameters = file_name.map(FileName::disposition_parameters);
        let disposition =
            format!("{}{}", disposition_kind(media_type), parameters.as_deref().unwrap_or_default());
        if let Transfer::Direct(store) = self.store.transfer() {
            let offer = Offer { media_type, disposition: &disposition };
            return Ok(store.read_address(key, &offer, now, self.policy.read_token_life)?);
        }
        let mut url = format!("{}{}", self.policy.origin.as_str(), self.place(key));
        let mut separator = '?';
        let mut add = |name: &str, value: &str| {
            url.push(separator);
            separator = '&';
            url.push_str(name);
            url.push('=');
            url.push_str(&encoded(value));
        };
        if key.upload_type.visibility() == Visibility::Private {
            let grant = ReadGrant { key, expires_at: now + self.policy.read_token_life };
            let token = self.keys.sign_read(&grant).map_err(|error| Refusal::Unavailable(error.into()))?;
            add("token", &token);
        }
        if parameters.is_some() {
            add("response-content-disposition", &disposition);
        }
        Ok(url)
    }
}

/// How a file is offered that nobody asked to save.
pub(super) fn disposition_kind(media_type: &MediaType) -> &'static str {
    if media_type.is_inert() { "inline" } else { "attachment" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_no_path() {
        assert_eq!("https://a.example:8443/".parse(), Ok(PublicOrigin("https://a.example:8443".into())));
        for text in [
            "",
            "a.example",
            "ftp://a.example",
            "https://a.example/b",
            "https://a.example?b",
            "https://u@a.example",
        ] {
            assert_eq!(text.parse::<PublicOrigin>(), Err(InvalidOrigin), "{text}");
        }
    }
}
