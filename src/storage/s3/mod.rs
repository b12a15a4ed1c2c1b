//! Objects in an S3-compatible store. Clients send and read the bytes themselves, at addresses that are signed here; this service
//! looks at headers and at the beginning of images, and no more.
//!
//! Nobody changes an object that was notified, in one of two ways ([`OverwriteGuard`]); which one a store knows is found out at the start.

mod credentials;
mod endpoint;
mod guard;
mod listing;
mod presign;
mod request;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::future::join;
use reqwest::Method;
use sha2::Digest;

use super::{
    Cursor, Difference, Direct, Expected, ObjectStore, Offer, Page, Section, Stage, StoreError, StoredObject,
    Transfer, UploadAddress,
};
use crate::domain::{Buckets, ObjectKey, ObjectName, Sha256, UploadType, Visibility};

pub use credentials::CredentialSource;
pub use endpoint::{AddressStyle, Endpoint, InvalidEndpoint};
pub use guard::OverwriteGuard;
use guard::{Checksums, Traits};
use presign::Grant;
use request::{Answer, Call, Failure, Patience, Requester, Shared};

/// Where clients put what is to be copied from there, in a bucket.
const STAGING: &str = "staging/";

/// The longest that a private file is kept by its reader.
const PRIVATE_MAX_AGE: Duration = Duration::from_hours(24);

/// What must be known of a store.
#[derive(Clone, Debug)]
pub struct S3Config {
    /// Its region.
    pub region: String,
    /// Where clients reach it.
    pub endpoint: Endpoint,
    /// Where this service reaches it.
    pub internal_endpoint: Endpoint,
    /// How buckets stand in addresses.
    pub style: AddressStyle,
    /// With whose rights it is asked.
    pub credentials: CredentialSource,
    /// Where everybody reads the public bucket, without a slash at its end. Addresses are signed if there is none.
    pub public_url: Option<String>,
    /// How objects are kept from being changed. Found out if it is not said.
    pub guard: Option<OverwriteGuard>,
}

/// An S3-compatible store.
pub struct S3Store {
    config: S3Config,
    buckets: Buckets,
    requester: Shared,
    traits: Traits,
}

/// The store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnusableStore {
    /// A bucket is not there, or not for us.
    #[error("the bucket {bucket:?} of the object store cannot be used")]
    Bucket {
        /// Which.
        bucket: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Credentials are missing, or a request cannot be made at all.
    #[error("the object store cannot be asked")]
    Unaskable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl S3Store {
    /// The store of `config`, whose ways are found out first. One that cannot be reached is tried again for as long as `patience`.
    pub async fn open(config: S3Config, buckets: Buckets, patience: Duration) -> Result<Self, UnusableStore> {
        let mut store = Self::connect(config, buckets).await?;
        let deadline = Instant::now() + patience;
        let public = store.probe(&store.buckets.public, deadline).await?;
        let private = store.probe(&store.buckets.private, deadline).await?;
        store.traits = public.and(private);
        let Traits { guard, checksums } = store.traits;
        let fixed = store.config.guard.is_some();
        tracing::info!(%guard, %checksums, fixed, "the object store was tried");
        store.traits.guard = store.config.guard.unwrap_or(guard);
        Ok(store)
    }

    /// The store of `config`, to look and to remove: nothing is known of its ways.
    pub async fn connect(config: S3Config, buckets: Buckets) -> Result<Self, UnusableStore> {
        let requester = Requester::new(
            &config.credentials,
            &config.region,
            config.internal_endpoint.clone(),
            config.style,
        );
        let requester = requester.await.map_err(|error| UnusableStore::Unaskable(error.into()))?;
        Ok(Self { config, buckets, requester: Arc::new(requester), traits: Traits::default() })
    }

    async fn probe(&self, bucket: &str, deadline: Instant) -> Result<Traits, UnusableStore> {
        loop {
            match guard::probe(&self.requester, bucket).await {
                Ok(traits) => return Ok(traits),
                Err(error) if error.may_pass() && Instant::now() < deadline => {
                    let cause = crate::telemetry::causes(&error);
                    tracing::warn!(bucket, cause, "the object store cannot be used; trying again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Err(error) => {
                    return Err(UnusableStore::Bucket { bucket: bucket.to_owned(), source: error.into() });
                }
            }
        }
    }

    /// The origins at which clients meet the store, for pages that may go there.
    #[must_use]
    pub fn origins(&self) -> Vec<String> {
        let S3Config { endpoint, style, public_url, .. } = &self.config;
        let mut origins = vec![
            endpoint.origin(*style, &self.buckets.public),
            endpoint.origin(*style, &self.buckets.private),
        ];
        let public = public_url.as_deref().and_then(|url| reqwest::Url::parse(url).ok());
        origins.extend(public.map(|url| url.origin().ascii_serialization()));
        origins.sort();
        origins.dedup();
        origins
    }

    fn bucket(&self, upload_type: UploadType) -> &str {
        self.buckets.of(upload_type)
    }

    /// The headers of the object that stands under `path`, of the type.
    async fn head(&self, upload_type: UploadType, path: String) -> Result<S3Object, StoreError> {
        let bucket = self.bucket(upload_type);
        let call = Call::new(Method::HEAD, bucket, &path).header("x-amz-checksum-mode", "ENABLED");
        let answer = self.requester.send(&call).await?;
        // An answer to HEAD has no body, so a missing bucket is not told from a missing object. The start saw to the bucket.
        let answer = answer.succeeded()?;
        let size = answer.header("content-length").and_then(|length| length.parse().ok());
        let size = size.ok_or_else(|| Failure::Foreign("an object without a size".to_owned()))?;
        let text = |name: &str| answer.header(name).unwrap_or_default().to_owned();
        Ok(S3Object {
            size,
            media_type: text("content-type"),
            etag: text("etag"),
            sha256: answer.header("x-amz-checksum-sha256").map(str::to_owned),
            bucket: bucket.to_owned(),
            path,
            requester: Arc::clone(&self.requester),
        })
    }

    /// Whether `object` is what was expected. Where the store lets wrong checksums pass, the bytes themselves are asked.
    async fn judge(&self, object: &S3Object, expected: &Expected<'_>) -> Result<(), StoreError> {
        if object.size != expected.size {
            return Err(StoreError::Unexpected(Difference::Size));
        }
        if object.media_type != expected.media_type.as_str() {
            return Err(StoreError::Unexpected(Difference::MediaType));
        }
        let Some(sha256) = expected.sha256 else { return Ok(()) };
        let is_right = match (self.traits.checksums, &object.sha256) {
            (Checksums::Enforced, Some(stored)) => *stored == BASE64.encode(sha256.as_bytes()),
            (Checksums::Enforced, None) => true,
            (Checksums::Ignored, _) => object.hash().await? == sha256,
        };
        if is_right { Ok(()) } else { Err(StoreError::Unexpected(Difference::Sha256)) }
    }

    /// Removes `object`, which is not what was expected, if it is still the same.
    async fn reject(&self, object: &S3Object) {
        let call = Call::new(Method::DELETE, &object.bucket, &object.path).header("if-match", &object.etag);
        match self.requester.send(&call).await.and_then(Answer::succeeded) {
            Ok(_) => tracing::info!(path = object.path, "removed what was not as it was signed"),
            Err(error) => tracing::warn!(
                cause = crate::telemetry::causes(&error),
                path = object.path,
                "what was not as it was signed stays until it is collected"
            ),
        }
    }

    async fn judged(&self, object: S3Object, expected: &Expected<'_>) -> Result<S3Object, StoreError> {
        match self.judge(&object, expected).await {
            Ok(()) => Ok(object),
            Err(difference @ StoreError::Unexpected(_)) => {
                self.reject(&object).await;
                Err(difference)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes final what a client put on the staging section.
    async fn settle_staged(&self, expected: &Expected<'_>) -> Result<S3Object, StoreError> {
        let key = expected.key;
        let staged = self.head(key.upload_type, staged_path(key)).await?;
        let staged = self.judged(staged, expected).await?;
        self.copy(&staged, key).await?;
        // Both at once: a store that is away now is waited for once.
        let ((), object) = join(self.clear_staged(key), self.head(key.upload_type, key.path())).await;
        object
    }

    /// Removes what a client put on the staging section, once it is copied.
    async fn clear_staged(&self, key: ObjectKey) {
        let section = Section { upload_type: key.upload_type, stage: Stage::Staged };
        if let Err(error) = self.delete(section, key.name, Patience::SHORT).await {
            let cause = crate::telemetry::causes(&error);
            tracing::warn!(cause, "what was copied stays on the staging section until it is collected");
        }
    }

    /// Removes an object, if it is there.
    async fn delete(&self, section: Section, name: ObjectName, patience: Patience) -> Result<(), StoreError> {
        let path = format!("{}{name}", prefix(section));
        let call = Call { patience, ..Call::new(Method::DELETE, self.bucket(section.upload_type), &path) };
        match self.requester.send(&call).await?.succeeded().map_err(StoreError::from) {
            Ok(_) | Err(StoreError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Copies what a client put on the staging section to its own name, if it is still what was looked at.
    async fn copy(&self, staged: &S3Object, key: ObjectKey) -> Result<(), StoreError> {
        let source = format!("/{}/{}", staged.bucket, staged.path);
        let path = key.path();
        let call = Call {
            patience: Patience::for_bytes(staged.size),
            ..Call::new(Method::PUT, &staged.bucket, &path)
                .header("x-amz-copy-source", source)
                .header("x-amz-copy-source-if-match", &staged.etag)
        };
        let answer = self.requester.send(&call).await?.succeeded()?;
        // A copy that fails on its way is told in the body of a 200.
        if answer.body.windows(16).any(|part| part == b"CopyObjectResult") {
            Ok(())
        } else {
            Err(Failure::Foreign(String::from_utf8_lossy(&answer.body).into_owned()).into())
        }
    }
}

fn staged_path(key: ObjectKey) -> String {
    format!("{STAGING}{}", key.path())
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn find(&self, key: ObjectKey) -> Result<Box<dyn StoredObject>, StoreError> {
        Ok(Box::new(self.head(key.upload_type, key.path()).await?))
    }

    async fn check(&self) -> Result<(), StoreError> {
        for bucket in [&self.buckets.public, &self.buckets.private] {
            // A bucket that is not there is a failure of the store and not a missing object.
            guard::find_bucket(&self.requester, bucket)
                .await
                .map_err(|failure| StoreError::Failed(std::io::Error::other(failure)))?;
        }
        Ok(())
    }

    fn transfer(&self) -> Transfer<'_> {
        Transfer::Direct(self)
    }

    fn sections(&self) -> Vec<Section> {
        // What was staged before the setting or the store changed is still to be collected.
        [Stage::Staged, Stage::Final]
            .into_iter()
            .flat_map(|stage| UploadType::ALL.map(|upload_type| Section { upload_type, stage }))
            .collect()
    }

    async fn list(
        &self,
        section: Section,
        from: Option<Cursor>,
        until: ObjectName,
    ) -> Result<Page, StoreError> {
        listing::page(&self.requester, self.bucket(section.upload_type), &prefix(section), from, until).await
    }

    async fn remove(&self, section: Section, name: ObjectName) -> Result<(), StoreError> {
        self.delete(section, name, Patience::LONG).await
    }
}

/// What the names of all objects on a section begin with.
fn prefix(section: Section) -> String {
    let stage = match section.stage {
        Stage::Final => "",
        Stage::Staged => STAGING,
    };
    format!("{stage}{}/", section.upload_type.directory())
}

#[async_trait]
impl Direct for S3Store {
    fn upload_address(
        &self,
        expected: &Expected<'_>,
        now: SystemTime,
        expires_at: SystemTime,
    ) -> Result<UploadAddress, StoreError> {
        let current = self.requester.credentials.at(now)?;
        let Expected { key, media_type, size, sha256 } = *expected;
        let mut headers = vec![("Content-Type", media_type.as_str().to_owned())];
        let path = match self.traits.guard {
            OverwriteGuard::IfNoneMatch => {
                headers.push(("If-None-Match", "*".to_owned()));
                key.path()
            }
            OverwriteGuard::Staging => staged_path(key),
        };
        if let Some(sha256) = sha256 {
            headers.push(("x-amz-checksum-sha256", BASE64.encode(sha256.as_bytes())));
        }
        if key.upload_type.visibility() == Visibility::Public {
            // Who reads the public bucket itself can be told only what is stored with the object.
            headers.push(("Cache-Control", key.upload_type.public_cache_control().to_owned()));
            if !media_type.is_inert() {
                headers.push(("Content-Disposition", "attachment".to_owned()));
            }
        }
        let size = size.to_string();
        let lower: Vec<(&'static str, &str)> = headers
            .iter()
            .map(|(name, value)| (lower_case(name), value.as_str()))
            .chain([("content-length", size.as_str())])
            .collect();
        let life = expires_at.duration_since(now).unwrap_or_default();
        let grant = Grant { method: "PUT", query: &[], headers: &lower, life };
        let place = self.config.endpoint.locate(self.config.style, self.bucket(key.upload_type), &path);
        Ok(UploadAddress { url: current.presigner.presign(&place, &grant, now), headers })
    }

    async fn settle(&self, expected: &Expected<'_>) -> Result<Box<dyn StoredObject>, StoreError> {
        let key = expected.key;
        let object = match self.head(key.upload_type, key.path()).await {
            Ok(object) => {
                let object = self.judged(object, expected).await?;
                if self.traits.guard == OverwriteGuard::Staging {
                    // A notify before this one has copied it, and ended before it could clear up.
                    self.clear_staged(key).await;
                }
                object
            }
            // Whatever the guard is now: the address may be older than that.
            Err(StoreError::NotFound) => match self.settle_staged(expected).await {
                // It was never sent; or another notify, maybe another node's, has just taken it away.
                Err(StoreError::NotFound) => {
                    self.judged(self.head(key.upload_type, key.path()).await?, expected).await?
                }
                settled => settled?,
            },
            Err(error) => return Err(error),
        };
        Ok(Box::new(object))
    }

    fn read_address(
        &self,
        key: ObjectKey,
        offer: &Offer<'_>,
        now: SystemTime,
        life: Duration,
    ) -> Result<String, StoreError> {
        let visibility = key.upload_type.visibility();
        if let (Visibility::Public, Some(base)) = (visibility, &self.config.public_url) {
            return Ok(format!("{base}/{}", key.path()));
        }
        let current = self.requester.credentials.at(now)?;
        let ends_with_us = current.valid_until.and_then(|end| end.duration_since(now).ok());
        let life = ends_with_us.map_or(life, |end| end.min(life));
        let cache_control = match visibility {
            Visibility::Public => key.upload_type.public_cache_control().to_owned(),
            Visibility::Private => format!("private, max-age={}", life.min(PRIVATE_MAX_AGE).as_secs()),
        };
        let query = [
            ("response-cache-control", cache_control.as_str()),
            ("response-content-disposition", offer.disposition),
            ("response-content-type", offer.media_type.as_str()),
        ];
        let grant = Grant { method: "GET", query: &query, headers: &[], life };
        let place = self.config.endpoint.locate(self.config.style, self.bucket(key.upload_type), &key.path());
        Ok(current.presigner.presign(&place, &grant, now))
    }
}

/// The names of the headers that clients are given, as signatures have them.
fn lower_case(name: &str) -> &'static str {
    match name {
        "Cache-Control" => "cache-control",
        "Content-Disposition" => "content-disposition",
        "Content-Type" => "content-type",
        "If-None-Match" => "if-none-match",
        _ => "x-amz-checksum-sha256",
    }
}

/// An object as its headers tell it.
struct S3Object {
    size: u64,
    media_type: String,
    etag: String,
    sha256: Option<String>,
    bucket: String,
    path: String,
    requester: Shared,
}

impl S3Object {
    /// The SHA-256 of all its bytes, which are read for it.
    async fn hash(&self) -> Result<Sha256, StoreError> {
        let call = Call {
            patience: Patience::for_bytes(self.size),
            ..Call::new(Method::GET, &self.bucket, &self.path).header("if-match", &self.etag)
        };
        let hash = self.requester.fold(&call, sha2::Sha256::new, |hash, bytes| hash.update(bytes)).await?;
        let hash: [u8; 32] = hash.finalize().into();
        Ok(hash.into())
    }
}

#[async_trait]
impl StoredObject for S3Object {
    fn size(&self) -> u64 {
        self.size
    }

    async fn prefix(&self, limit: usize) -> Result<Vec<u8>, StoreError> {
        let Some(last) = self.size.min(limit as u64).checked_sub(1) else { return Ok(Vec::new()) };
        let call = Call {
            limit,
            ..Call::new(Method::GET, &self.bucket, &self.path).header("range", format!("bytes=0-{last}"))
        };
        Ok(self.requester.send(&call).await?.succeeded()?.body)
    }
}
