//! What keeps an object that was notified from being changed, and whether a store knows it. Documentation does not tell: a store may take
//! a header and do nothing about it. So an object is put there, twice.

use clap::ValueEnum;
use reqwest::{Method, StatusCode};
use uuid::Uuid;

use super::request::{Answer, Call, Failure, Repeat, Requester};

/// What keeps an object that was notified from being changed by whoever still holds its upload address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OverwriteGuard {
    /// The address only makes an object where none is: `If-None-Match: *` is signed (RFC 9110, section 13.1.2)
    IfNoneMatch,
    /// The address is that of a staging key, from which the store copies the object when it is notified
    #[default]
    Staging,
}

impl std::fmt::Display for OverwriteGuard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::IfNoneMatch => "if-none-match",
            Self::Staging => "staging",
        })
    }
}

/// Whether a store refuses bytes with another SHA-256 than `x-amz-checksum-sha256` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Checksums {
    /// It does.
    Enforced,
    /// It does not, so notify reads the bytes of uploads for which a SHA-256 was given.
    #[default]
    Ignored,
}

impl std::fmt::Display for Checksums {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Enforced => "enforced",
            Self::Ignored => "ignored",
        })
    }
}

/// The ways of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traits {
    pub(super) guard: OverwriteGuard,
    pub(super) checksums: Checksums,
}

impl Traits {
    /// What both can be relied on for.
    pub(super) fn and(self, other: Self) -> Self {
        let both = |one, two| if one == two { one } else { Self::default() };
        Self {
            guard: both(self, Self { guard: other.guard, ..self }).guard,
            checksums: both(self, Self { checksums: other.checksums, ..self }).checksums,
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

/// Finds out the ways of the store behind `bucket`, with an object that is gone afterwards.
pub(super) async fn probe(requester: &Requester, bucket: &str) -> Result<Traits, Failure> {
    find_bucket(requester, bucket).await?;
    let key = format!("probe/{}", Uuid::now_v7().simple());
    let put = |name: &'static str, value: &str| Call {
        body: b"probe",
        repeat: Repeat::Never,
        ..Call::new(Method::PUT, bucket, &key).header(name, value)
    };
    // The SHA-256 of nothing, which is not that of the probe.
    let wrong = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let tried = async {
        let refused = requester.send(&put("x-amz-checksum-sha256", wrong)).await?;
        // A store may refuse what it has kept already.
        let left = requester.send(&Call::new(Method::HEAD, bucket, &key)).await?;
        let checksums = match (refused.status.is_client_error(), left.status) {
            (true, StatusCode::NOT_FOUND) => Checksums::Enforced,
            _ => Checksums::Ignored,
        };
        // Without a condition, so that a bucket that cannot be written to is told from a store that knows no conditions.
        requester.send(&put("content-type", "text/plain")).await?.succeeded()?;
        let again = requester.send(&put("if-none-match", "*")).await;
        let guard = match again.map(|answer| answer.status) {
            Ok(StatusCode::PRECONDITION_FAILED) => OverwriteGuard::IfNoneMatch,
            Ok(_) | Err(Failure::Answered { status: StatusCode::NOT_IMPLEMENTED, .. }) => {
                OverwriteGuard::Staging
            }
            Err(error) => return Err(error),
        };
        Ok(Traits { guard, checksums })
    };
    let traits = tried.await;
    let removed = requester.send(&Call::new(Method::DELETE, bucket, &key)).await.and_then(Answer::succeeded);
    let traits = traits?;
    removed?;
    Ok(traits)
}
