//! Who may call from a page of another origin (the Fetch standard's CORS protocol).

use std::str::FromStr;

use actix_cors::Cors;

use crate::service::PublicOrigin;

/// What a page may read of an answer, beyond what it always may.
const EXPOSED: [&str; 12] = [
    "Accept-Ranges",
    "Allow",
    "Content-Disposition",
    "Content-Length",
    "Content-Range",
    "ETag",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
];

/// How long a browser may remember a preflight answer, in seconds. Chromium remembers no longer.
const PREFLIGHT_MAX_AGE: usize = 7200;

/// The origins whose pages may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// All of them.
    Any,
    /// These.
    These(Vec<String>),
}

/// One of the texts is no origin.
#[derive(Debug, thiserror::Error)]
#[error("CORS_ALLOWED_ORIGINS: {0:?} is neither * nor an origin such as https://app.example.com")]
pub struct InvalidOrigins(String);

impl AllowedOrigins {
    /// The origins that `texts` name.
    pub fn parse(texts: &[String]) -> Result<Self, InvalidOrigins> {
        if texts.iter().any(|text| text.trim() == "*") {
            return Ok(Self::Any);
        }
        let origin = |text: &String| match PublicOrigin::from_str(text.trim()) {
            Ok(origin) => Ok(origin.as_str().to_owned()),
            Err(_) => Err(InvalidOrigins(text.clone())),
        };
        texts.iter().map(origin).collect::<Result<_, _>>().map(Self::These)
    }
}

/// Credentials are never allowed: a browser sends no cookie here, and the bearer token is the page's own. Any header is,
/// since `requestHeaders` may name any.
pub(super) fn middleware(origins: &AllowedOrigins) -> Cors {
    let cors = Cors::default()
        .allowed_methods(["GET", "HEAD", "POST", "PUT"])
        .allow_any_header()
        .expose_headers(EXPOSED)
        .block_on_origin_mismatch(false)
        .max_age(PREFLIGHT_MAX_AGE);
    match origins {
        AllowedOrigins::Any => cors.allow_any_origin().send_wildcard(),
        AllowedOrigins::These(origins) => {
            origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_checked_at_the_start() {
        assert_eq!(AllowedOrigins::parse(&["*".into()]).ok(), Some(AllowedOrigins::Any));
        assert_eq!(
            AllowedOrigins::parse(&["https://a.example".into(), " http://b.example:1/".into()]).ok(),
            Some(AllowedOrigins::These(vec!["https://a.example".into(), "http://b.example:1".into()]))
        );
        assert!(AllowedOrigins::parse(&["a.example".into()]).is_err());
    }
}
