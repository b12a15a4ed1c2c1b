//! What keeps an object that was notified from being changed, and whether a store knows it. Documentation does not tell: a store may take
//! a header and do nothing about it. So it is tried at the start, with objects that are gone afterwards.

use std::time::{Duration, SystemTime};

use actix_web::web::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::ValueEnum;
use reqwest::{Method, StatusCode};
use uuid::Uuid;

use super::presign::Grant;
use super::request::{Answer, Call, Failure, Repeat, Requester};
use crate::domain::Sha256;

/// What keeps an object that was notified from being changed by whoever still holds its upload address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum OverwriteGuard {
    /// The address only makes an object where none is: `If-None-Match: *` is signed (RFC 9110, section 13.1.2)
    IfNoneMatch,
    /// The address is that of a staging key, from which the store copies the object when it is notified
    #[default]
    Staging,
}

/// What a store does with bytes of another SHA-256 than `x-amz-checksum-sha256` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Checksums {
    /// It refuses them.
    Enforced,
    /// It keeps them, so notify reads the bytes of uploads for which a SHA-256 was given.
    #[default]
    Ignored,
    /// It does not even take the right ones, so clients are not told to send it; and notify reads the bytes.
    Unsupported,
}

/// What a store does with an `x-amz-` header beside a signature that does not name it. Signature Version 4 wants each of them signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ForeignHeaders {
    /// It refuses the request.
    Refused,
    /// It takes them, so an address to send bytes to is one to have objects copied from elsewhere, too.
    #[default]
    Taken,
}

/// What a store does with a copy that is to be made only of a certain version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CopyConditions {
    /// It copies that version or nothing.
    Kept,
    /// It copies whatever stands there.
    #[default]
    Ignored,
}

/// The effect of `If-None-Match: *` on a copy, which is to keep an object that exists under the
/// target key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ConditionalCopies {
    /// The copy fails with 412.
    Enforced,
    /// The copy replaces the object.
    #[default]
    Ignored,
    /// The store refuses any copy with this header.
    Unsupported,
}

/// The words for all of them, in the log.
macro_rules! shown {
    ($($kind:ident { $($variant:ident $word:literal)* })*) => {$(
        impl std::fmt::Display for $kind {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(match self {
                    $(Self::$variant => $word,)*
                })
            }
        }
    )*};
}

shown! {
    OverwriteGuard { IfNoneMatch "if-none-match" Staging "staging" }
    Checksums { Enforced "enforced" Ignored "ignored" Unsupported "unsupported" }
    CopyConditions { Kept "kept" Ignored "ignored" }
    ConditionalCopies { Enforced "enforced" Ignored "ignored" Unsupported "unsupported" }
    ForeignHeaders { Refused "refused" Taken "taken" }
}

/// The ways of a store. The default is what can be relied on least.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traits {
    pub(super) guard: OverwriteGuard,
    pub(super) checksums: Checksums,
    pub(super) copy_conditions: CopyConditions,
    pub(super) conditional_copies: ConditionalCopies,
    pub(super) foreign_headers: ForeignHeaders,
}

impl Traits {
    /// What both can be relied on for: of each the lesser, which comes later.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            guard: self.guard.max(other.guard),
            checksums: self.checksums.max(other.checksums),
            copy_conditions: self.copy_conditions.max(other.copy_conditions),
            conditional_copies: self.conditional_copies.max(other.conditional_copies),
            foreign_headers: self.foreign_headers.max(other.foreign_headers),
        }
    }
}

/// Looks whether the bucket is there.
pub(super) async fn find_bucket(requester: &Requester, bucket: &str) -> Result<(), Failure> {
    let answer = requester.send(&Call::new(Method::HEAD, bucket, "")).await?;
    // An answer to HEAD says nothing but its status.
    match answer.status {
        StatusCode::NOT_FOUND => Err(Failure::NoBucket),
        StatusCode::FORBIDDEN => Err(Failure::NoRights),
        _ => answer.succeeded().map(|_| ()),
    }
}

/// What is put to try.
const PROBE: &[u8] = b"probe";

/// Finds out the ways of the store behind `bucket`, with objects that are gone afterwards.
pub(super) async fn probe(requester: &Requester, bucket: &str) -> Result<Traits, Failure> {
    find_bucket(requester, bucket).await?;
    let id = Uuid::now_v7().simple();
    let (key, copy) = (format!("probe/{id}"), format!("probe/{id}-copy"));
    let second_copy = format!("probe/{id}-copy-2");
    let tried = async {
        let checksums = checksums(requester, bucket, &key).await?;
        // Without a condition, so that a bucket that cannot be written to is told from a store that knows no conditions.
        put(requester, bucket, &key, "content-type", "text/plain").await?.succeeded()?;
        let guard = match put(requester, bucket, &key, "if-none-match", "*").await.map(|answer| answer.status)
        {
            Ok(StatusCode::PRECONDITION_FAILED) => OverwriteGuard::IfNoneMatch,
            Ok(_) | Err(Failure::Answered { status: StatusCode::NOT_IMPLEMENTED, .. }) => {
                OverwriteGuard::Staging
            }
            Err(error) => return Err(error),
        };
        let foreign_headers = foreign_headers(requester, bucket, &key, &copy).await?;
        let copy_conditions = copy_conditions(requester, bucket, &key, &copy).await?;
        let conditional_copies = conditional_copies(requester, bucket, &key, &second_copy).await?;
        Ok(Traits { guard, checksums, copy_conditions, conditional_copies, foreign_headers })
    };
    let traits = tried.await;
    for key in [&key, &copy, &second_copy] {
        let removed =
            requester.send(&Call::new(Method::DELETE, bucket, key)).await.and_then(Answer::succeeded);
        match removed.map_err(super::StoreError::from) {
            Ok(_) | Err(super::StoreError::NotFound) => {}
            Err(error) => tracing::warn!(
                cause = crate::telemetry::causes(&error),
                bucket,
                key,
                "what was put to try the store stays there"
            ),
        }
    }
    traits
}

/// Puts something to `key` with a header.
async fn put(
    requester: &Requester,
    bucket: &str,
    key: &str,
    name: &'static str,
    value: &str,
) -> Result<Answer, Failure> {
    let call = Call {
        body: Bytes::from_static(PROBE),
        repeat: Repeat::Never,
        ..Call::new(Method::PUT, bucket, key).header(name, value)
    };
    requester.send(&call).await
}

async fn checksums(requester: &Requester, bucket: &str, key: &str) -> Result<Checksums, Failure> {
    let put_with_checksum_of = async |bytes: &[u8]| {
        let checksum = BASE64.encode(Sha256::of(bytes).as_bytes());
        match put(requester, bucket, key, "x-amz-checksum-sha256", &checksum).await {
            Err(Failure::Answered { status: StatusCode::NOT_IMPLEMENTED, .. }) => {
                Ok(StatusCode::NOT_IMPLEMENTED)
            }
            answer => answer.map(|answer| answer.status),
        }
    };
    let wrong = put_with_checksum_of(b"something else").await?;
    // A store may refuse what it has kept already.
    let left = requester.send(&Call::new(Method::HEAD, bucket, key)).await?.status;
    let right = put_with_checksum_of(PROBE).await?;
    Ok(if !right.is_success() {
        Checksums::Unsupported
    } else if wrong.is_client_error() && left == StatusCode::NOT_FOUND {
        Checksums::Enforced
    } else {
        Checksums::Ignored
    })
}

/// Asks for a copy of a version that there is not.
async fn copy_conditions(
    requester: &Requester,
    bucket: &str,
    key: &str,
    copy: &str,
) -> Result<CopyConditions, Failure> {
    let call = Call::new(Method::PUT, bucket, copy)
        .header("x-amz-copy-source", format!("/{bucket}/{key}"))
        .header("x-amz-copy-source-if-match", "\"00000000000000000000000000000000\"");
    let status = requester.send(&call).await?.status;
    Ok(if status == StatusCode::PRECONDITION_FAILED { CopyConditions::Kept } else { CopyConditions::Ignored })
}

/// Copies `key` to `copy` twice with `If-None-Match: *`. The first copy must succeed, because
/// nothing exists there yet: a store that refuses both does not support the condition.
async fn conditional_copies(
    requester: &Requester,
    bucket: &str,
    key: &str,
    copy: &str,
) -> Result<ConditionalCopies, Failure> {
    // A copy that took effect is not repeated, for it would be taken for one that the store
    // refuses.
    let call = Call {
        repeat: Repeat::Never,
        ..Call::new(Method::PUT, bucket, copy)
            .header("x-amz-copy-source", format!("/{bucket}/{key}"))
            .header("if-none-match", "*")
    };
    let copy = async || match requester.send(&call).await {
        Err(Failure::Answered { status: StatusCode::NOT_IMPLEMENTED, .. }) => Ok(StatusCode::NOT_IMPLEMENTED),
        Ok(answer) if answer.status.is_success() && !answer.is_copied() => Err(answer.not_copied()),
        answer => answer.map(|answer| answer.status),
    };
    if !copy().await?.is_success() {
        return Ok(ConditionalCopies::Unsupported);
    }
    Ok(match copy().await? {
        StatusCode::PRECONDITION_FAILED => ConditionalCopies::Enforced,
        status if status.is_success() => ConditionalCopies::Ignored,
        _ => ConditionalCopies::Unsupported,
    })
}

/// Sends something to a signed address, and with it a header that is not signed and asks for the copy of another object.
async fn foreign_headers(
    requester: &Requester,
    bucket: &str,
    key: &str,
    copy: &str,
) -> Result<ForeignHeaders, Failure> {
    let now = SystemTime::now();
    let place = requester.endpoint.locate(requester.style, bucket, copy);
    let grant = Grant { method: "PUT", query: &[], headers: &[], life: Duration::from_mins(1) };
    let url = requester.credentials.at(now)?.presigner.presign(&place, &grant, now);
    let source = format!("/{bucket}/{key}");
    let status = requester.send_presigned(&url, &[("x-amz-copy-source", &source)], b"").await?;
    if status.is_server_error() {
        return Err(Failure::answered(status, b""));
    }
    Ok(if status.is_success() { ForeignHeaders::Taken } else { ForeignHeaders::Refused })
}
