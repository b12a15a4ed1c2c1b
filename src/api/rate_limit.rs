//! What a client is told of the limit on how often it may ask (draft-ietf-httpapi-ratelimit-headers).

use actix_web::http::header::{HeaderName, HeaderValue};

/// `RateLimit`
pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// `RateLimit-Policy`
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// By what requests are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// By the access token that they came with.
    ByToken,
    /// By the address that they came from.
    ByAddress,
}

impl Counted {
    /// The name of the policy.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ByToken => "token",
            Self::ByAddress => "address",
        }
    }

    /// What stands behind "too many requests".
    pub(super) fn by(self) -> &'static str {
        match self {
            Self::ByToken => "came with this access token",
            Self::ByAddress => "came from this address",
        }
    }
}

/// What a limit leaves to whom it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// By what it counts.
    pub counted: Counted,
    /// How many requests there may be in a window.
    pub quota: u32,
    /// How long that is, in seconds.
    pub window: u32,
    /// How many there may be right now.
    pub remaining: u32,
    /// In how many seconds there may be more: the next one if none is left, or else all of them.
    pub reset: u64,
}

/// The headers that say so.
#[must_use]
pub fn headers(allowance: &Allowance) -> Vec<(HeaderName, HeaderValue)> {
    let Allowance { counted, quota, window, remaining, reset } = allowance;
    let name = counted.name();
    let policy = format!("\"{name}\";q={quota};w={window}");
    let now = format!("\"{name}\";r={remaining};t={reset}");
    // Names and numbers are always a header's value.
    [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, now)]
        .into_iter()
        .filter_map(|(name, text)| Some((name, HeaderValue::try_from(text).ok()?)))
        .collect()
}
