//! What is known of an access token. The secret itself is not: only its SHA-256 is kept.

use std::time::SystemTime;

use super::{BaseScope, Sha256};

/// An access token, as the registry keeps it.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// Its public id, which is also the first part of the secret.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// The SHA-256 of the whole secret.
    pub digest: Sha256,
    /// Where it may be used.
    pub bases: BaseScope,
    /// When it was made.
    pub created_at: SystemTime,
    /// From when on it is not valid any more, if ever.
    pub expires_at: Option<SystemTime>,
    /// Since when it is revoked, if it is.
    pub revoked_at: Option<SystemTime>,
}

impl AccessToken {
    /// Whether it may be used at `now`.
    #[must_use]
    pub fn is_valid(&self, now: SystemTime) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}
