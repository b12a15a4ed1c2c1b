//! Upload and read tokens: what a holder may do, signed (JWT, RFC 7519, with HS256), so that no look-up is needed to
//! believe it. And the secrets of access tokens, which do need one. The clock is passed in; nothing here knows HTTP or storage.

pub mod access;
mod hs256;
mod keys;

use std::time::{Duration, SystemTime};

use jsonwebtoken::{Algorithm, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::domain::{MediaType, ObjectKey, ObjectName, Sha256, UploadType};

pub use keys::{InvalidKeys, Keyring};

/// What the holder of an upload token may do: store these bytes under this name.
#[derive(Clone, Debug)]
pub struct UploadGrant {
    /// Where the bytes go.
    pub key: ObjectKey,
    /// Their type.
    pub media_type: MediaType,
    /// How many they are.
    pub size: u64,
    /// Their SHA-256, if the client gave it.
    pub sha256: Option<Sha256>,
    /// The client's own label for the file, if it gave one.
    pub label: Option<String>,
    /// The base that the file belongs to.
    pub base: Option<String>,
    /// The public id of the access token that asked.
    pub issued_to: String,
    /// Until when they may be sent.
    pub expires_at: SystemTime,
}

/// What the holder of a read token may do: read this file.
#[derive(Clone, Copy, Debug)]
pub struct ReadGrant {
    /// The file.
    pub key: ObjectKey,
    /// Until when it may be read.
    pub expires_at: SystemTime,
}

/// The text is no token that this service signed for this purpose.
#[derive(Debug, thiserror::Error)]
#[error("not an authentic token")]
pub struct InvalidToken(#[source] Option<jsonwebtoken::errors::Error>);

/// One purpose, one audience: neither token passes for the other.
const UPLOAD: &str = "upload";
const READ: &str = "read";

#[derive(Serialize, Deserialize)]
struct UploadClaims {
    aud: String,
    jti: String,
    exp: u64,
    sub: String,
    #[serde(rename = "typ")]
    upload_type: u8,
    #[serde(rename = "mty")]
    media_type: String,
    #[serde(rename = "len")]
    size: u64,
    #[serde(rename = "sha", skip_serializing_if = "Option::is_none", default)]
    sha256: Option<String>,
    #[serde(rename = "lbl", skip_serializing_if = "Option::is_none", default)]
    label: Option<String>,
    #[serde(rename = "bse", skip_serializing_if = "Option::is_none", default)]
    base: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct ReadClaims {
    aud: String,
    jti: String,
    exp: u64,
    #[serde(rename = "typ")]
    upload_type: u8,
}

impl Keyring {
    /// The token that says `grant`.
    pub fn sign_upload(&self, grant: &UploadGrant) -> Result<String, jsonwebtoken::errors::Error> {
        self.sign(&UploadClaims {
            aud: UPLOAD.to_owned(),
            jti: grant.key.name.to_string(),
            exp: seconds(grant.expires_at),
            sub: grant.issued_to.clone(),
            upload_type: grant.key.upload_type.number(),
            media_type: grant.media_type.as_str().to_owned(),
            size: grant.size,
            sha256: grant.sha256.map(|sha256| sha256.to_string()),
            label: grant.label.clone(),
            base: grant.base.clone(),
        })
    }

    /// What `token` grants. Whether its time is over is the caller's to judge, with the clock at hand.
    pub fn verify_upload(&self, token: &str) -> Result<UploadGrant, InvalidToken> {
        let claims: UploadClaims = self.verify(token, UPLOAD)?;
        let sha256 = claims.sha256.as_deref().map(|hex| Sha256::parse_hex(hex).ok_or(InvalidToken(None)));
        Ok(UploadGrant {
            key: key(claims.upload_type, &claims.jti)?,
            media_type: MediaType::parse(&claims.media_type).ok_or(InvalidToken(None))?,
            size: claims.size,
            sha256: sha256.transpose()?,
            label: claims.label,
            base: claims.base,
            issued_to: claims.sub,
            expires_at: time(claims.exp),
        })
    }

    /// The token that says `grant`.
    pub fn sign_read(&self, grant: &ReadGrant) -> Result<String, jsonwebtoken::errors::Error> {
        self.sign(&ReadClaims {
            aud: READ.to_owned(),
            jti: grant.key.name.to_string(),
            exp: seconds(grant.expires_at),
            upload_type: grant.key.upload_type.number(),
        })
    }

    /// What `token` grants. Whether its time is over is the caller's to judge, with the clock at hand.
    pub fn verify_read(&self, token: &str) -> Result<ReadGrant, InvalidToken> {
        let claims: ReadClaims = self.verify(token, READ)?;
        Ok(ReadGrant { key: key(claims.upload_type, &claims.jti)?, expires_at: time(claims.exp) })
    }

    fn sign(&self, claims: &impl Serialize) -> Result<String, jsonwebtoken::errors::Error> {
        hs256::install();
        let key = self.signing();
        let header = Header { kid: Some(key.id.clone()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, claims, &key.encoding)
    }

    fn verify<C: DeserializeOwned>(&self, token: &str, audience: &str) -> Result<C, InvalidToken> {
        hs256::install();
        let header = jsonwebtoken::decode_header(token).map_err(|error| InvalidToken(Some(error)))?;
        let key = header.kid.as_deref().and_then(|id| self.find(id)).ok_or(InvalidToken(None))?;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["aud", "exp"]);
        // jsonwebtoken would look at the clock.
        validation.validate_exp = false;
        jsonwebtoken::decode(token, &key.decoding, &validation)
            .map(|data| data.claims)
            .map_err(|error| InvalidToken(Some(error)))
    }
}

fn key(upload_type: u8, name: &str) -> Result<ObjectKey, InvalidToken> {
    let upload_type = UploadType::try_from(upload_type).map_err(|_| InvalidToken(None))?;
    let name = ObjectName::parse(name).map_err(|_| InvalidToken(None))?;
    Ok(ObjectKey { upload_type, name })
}

/// `NumericDate` of RFC 7519, section 2: whole seconds since the epoch.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn time(seconds: u64) -> SystemTime {
    // Authentic tokens hold times that were SystemTimes; anything further is as good as the epoch, which is over.
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests;
