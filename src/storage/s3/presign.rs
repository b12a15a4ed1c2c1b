//! Addresses that grant one request: Signature Version 4 in the query (Amazon S3 API Reference, "Authenticating Requests: Using Query
//! Parameters"). Does no I/O, and derives the key of a day once.
//!
//! The libraries derive that key anew for every signature and want a request to be built first. This is the one form that clients are
//! given: our own requests are signed by `reqsign`, whose signer is also what this is held against in the tests.

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use super::endpoint::Location;
use crate::uri::encoded;

/// The longest life that S3 takes.
pub const LONGEST_LIFE: Duration = Duration::from_hours(7 * 24);

/// Who signs, and the key that was derived for today.
pub(super) struct Presigner {
    access_key: String,
    secret_key: String,
    session_token: Option<String>,
    region: String,
    today: RwLock<Option<DayKey>>,
}

#[derive(Clone)]
struct DayKey {
    date: String,
    /// Ready to sign: both pads of the HMAC are hashed in already.
    key: Hmac<Sha256>,
}

/// What is granted: one request.
pub(super) struct Grant<'a> {
    pub(super) method: &'static str,
    /// Parameters of the query, as they are.
    pub(super) query: &'a [(&'static str, &'a str)],
    /// Headers that must be sent with these values. Their names are in lower case.
    pub(super) headers: &'a [(&'static str, &'a str)],
    pub(super) life: Duration,
}

impl Presigner {
    pub(super) fn new(access_key: &str, secret_key: &str, session_token: Option<&str>, region: &str) -> Self {
        Self {
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
            session_token: session_token.map(str::to_owned),
            region: region.to_owned(),
            today: RwLock::new(None),
        }
    }

    /// The address at which what is granted can be had from `now` on.
    pub(super) fn presign(&self, place: &Location, grant: &Grant<'_>, now: SystemTime) -> String {
        let time = timestamp(now);
        let date = &time[..8];
        let scope = format!("{date}/{}/s3/aws4_request", self.region);

        let mut headers = grant.headers.to_vec();
        headers.push(("host", place.host.as_str()));
        headers.sort_unstable();
        let signed_headers = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");

        let credential = format!("{}/{scope}", self.access_key);
        let life = grant.life.min(LONGEST_LIFE).as_secs().max(1).to_string();
        let mut query = vec![
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", credential.as_str()),
            ("X-Amz-Date", time.as_str()),
            ("X-Amz-Expires", life.as_str()),
            ("X-Amz-SignedHeaders", signed_headers.as_str()),
        ];
        query.extend(self.session_token.as_deref().map(|token| ("X-Amz-Security-Token", token)));
        query.extend_from_slice(grant.query);
        // The names are all unreserved, so their order is the same before and after encoding.
        query.sort_unstable();
        let mut query = query.iter().fold(String::with_capacity(512), |mut text, (name, value)| {
            if !text.is_empty() {
                text.push('&');
            }
            text.push_str(name);
            text.push('=');
            text.push_str(&encoded(value));
            text
        });

        let mut hash = Sha256::new();
        for part in [grant.method, "\n", &place.path, "\n", &query, "\n"] {
            hash.update(part);
        }
        for (name, value) in &headers {
            for part in [name, ":", &canonical(value), "\n"] {
                hash.update(part);
            }
        }
        for part in ["\n", &signed_headers, "\nUNSIGNED-PAYLOAD"] {
            hash.update(part);
        }
        let request = hex(hash.finalize());

        let mut signature = self.key(date);
        for part in ["AWS4-HMAC-SHA256\n", &time, "\n", &scope, "\n", &request] {
            signature.update(part.as_bytes());
        }
        query.push_str("&X-Amz-Signature=");
        query.push_str(&hex(signature.finalize().into_bytes()));
        place.url(&query)
    }

    /// The key of the day.
    fn key(&self, date: &str) -> Hmac<Sha256> {
        let today = self.today.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(day) = today.as_ref().filter(|day| day.date == date) {
            return day.key.clone();
        }
        drop(today);
        let secret = format!("AWS4{}", self.secret_key);
        let key = [date, &self.region, "s3", "aws4_request"].into_iter().fold(
            keyed(secret.as_bytes()),
            |mut hmac, part| {
                hmac.update(part.as_bytes());
                keyed(&hmac.finalize().into_bytes())
            },
        );
        let day = DayKey { date: date.to_owned(), key: key.clone() };
        *self.today.write().unwrap_or_else(PoisonError::into_inner) = Some(day);
        key
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// A value without spaces around it, and with one where there were several.
fn canonical(value: &str) -> std::borrow::Cow<'_, str> {
    let trimmed = value.trim_matches(' ');
    if trimmed.contains("  ") {
        trimmed.split(' ').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ").into()
    } else {
        trimmed.into()
    }
}

/// `20261126T052856Z`: ISO 8601 in its basic form.
fn timestamp(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string().replace(['-', ':'], "")
}

/// 32 bytes in hexadecimal digits, as every hash is written in a signature.
fn hex(bytes: impl Into<[u8; 32]>) -> String {
    crate::domain::Sha256::from(bytes.into()).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqsign_core::{Context, SignRequest};

    use super::super::endpoint::{AddressStyle, Endpoint};
    use super::*;

    /// The example of the Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters".
    #[test]
    fn the_published_example_is_signed_as_published() {
        let presigner = Presigner::new(
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            None,
            "us-east-1",
        );
        let endpoint: Endpoint = "https://s3.amazonaws.com".parse().expect("an endpoint");
        let place = endpoint.locate(AddressStyle::VirtualHost, "examplebucket", "test.txt");
        let grant = Grant { method: "GET", query: &[], headers: &[], life: Duration::from_hours(24) };
        let now = humantime::parse_rfc3339("2013-05-24T00:00:00Z").expect("a time");
        assert_eq!(
            presigner.presign(&place, &grant, now),
            "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
             &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
             &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
    }

    #[test]
    fn each_day_has_its_key() {
        let presigner = Presigner::new("a", "b", None, "c");
        let signature = |date| {
            let mut key = presigner.key(date);
            key.update(b"x");
            hex(key.finalize().into_bytes())
        };
        let (first, second) = (signature("20261126"), signature("20261127"));
        assert_ne!(first, second);
        assert_eq!(first, signature("20261126"));
    }

    proptest! {
        /// `reqsign` makes the same signature of the same request, but that it leaves several spaces in a row alone, which the specification
        /// and Amazon's own signers do not: there are none here. It looks at the clock itself, so a day's end may come between: then
        /// the comparison is made again.
        #[test]
        fn reqsign_signs_the_same(
            media_type in "[a-z]{1,8}/[a-z]{1,8}(; [a-z]{1,4}=\"[ -!#-~]{0,9}\")?",
            disposition in "[ -~]{0,40}",
            size in any::<u64>(),
            token in proptest::option::of("[A-Za-z0-9+/=]{1,40}"),
            key in "[a-z-]{1,12}/[0-9a-f]{32}",
            life in 1..=604_800_u64,
        ) {
            prop_assume!(!media_type.contains("  "));
            let presigner = Presigner::new("AKID", "secret/+", token.as_deref(), "eu-west-1");
            let endpoint = Endpoint::amazon("eu-west-1");
            let place = endpoint.locate(AddressStyle::VirtualHost, "private", &key);
            let size = size.to_string();
            let headers = [("content-type", media_type.as_str()), ("content-length", size.as_str())];
            let query = [("response-content-disposition", disposition.as_str())];
            let life = Duration::from_secs(life);
            let grant = Grant { method: "PUT", query: &query, headers: &headers, life };
            let theirs = || {
                let mut request = http::Request::put(place.url(&format!("response-content-disposition={}", encoded(&disposition))));
                for (name, value) in headers {
                    request = request.header(name, value);
                }
                let (mut parts, ()) = request.body(()).expect("a request").into_parts();
                let credential = reqsign_aws_v4::Credential {
                    access_key_id: "AKID".to_owned(),
                    secret_access_key: "secret/+".to_owned(),
                    session_token: token.clone(),
                    expires_in: None,
                };
                let signer = reqsign_aws_v4::RequestSigner::new("s3", "eu-west-1");
                futures_util::FutureExt::now_or_never(signer.sign_request(&Context::new(), &mut parts, Some(&credential), Some(life)))
                    .expect("signing does no I/O")
                    .expect("it signs");
                parts.uri.to_string()
            };
            let parameters = |url: &str| {
                let mut parameters: Vec<_> = url.split_once('?').expect("a query").1.split('&').map(str::to_owned).collect();
                parameters.sort();
                parameters
            };
            // The clock is read to the second on both sides.
            let agree = (0..3).any(|_| {
                let now = SystemTime::now();
                parameters(&presigner.presign(&place, &grant, now)) == parameters(&theirs())
            });
            prop_assert!(agree, "{}\n{}", presigner.presign(&place, &grant, SystemTime::now()), theirs());
        }
    }
}
