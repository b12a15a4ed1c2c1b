//! Objects in an S3-compatible store. Clients send and read the bytes themselves, at addresses that are signed here; this service
//! looks at headers and at the beginning of images, and at whole files only where the store itself does not hold them against a checksum.
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
use reqwest::{Method, StatusCode};
use sha2::Digest;

use super::{
    Cursor, Difference, Direct, Expected, ObjectStore, Offer, Page, Section, Stage, StoreError, StoredObject,
    Transfer, UploadAddress, Uploaded,
};
use crate::domain::{Buckets, ObjectKey, ObjectName, Sha256, UploadType, Visibility};

pub use credentials::CredentialSource;
pub use endpoint::{AddressStyle, Endpoint, InvalidEndpoint};
pub use guard::OverwriteGuard;
use guard::{Checksums, ConditionalCopies, CopyConditions, ForeignHeaders, Traits};
use presign::Grant;
pub use presign::LONGEST_LIFE;
use request::{Call, Failure, Patience, Requester, Shared, time_for_bytes};

/// The object that says which registry knows the others. The private bucket has the registry's id,
/// and the public one, which everybody may be able to read, the SHA-256 of the id.
const OWNER: &str = "teable-attachments-owner";

/// Where clients put what is to be copied from there, in a bucket.
const STAGING: &str = "staging/";

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

/// Whether a failure at the start may pass by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum May {
    Pass,
    NotPass,
}

/// How long before a store that cannot be used is tried again.
const PAUSE: Duration = Duration::from_secs(1);

impl S3Store {
    /// The store of `config`, whose ways are found out first. One that cannot be reached is tried again for as long as `patience`.
    pub async fn open(config: S3Config, buckets: Buckets, patience: Duration) -> Result<Self, UnusableStore> {
        let deadline = Instant::now() + patience;
        loop {
            match Self::try_open(config.clone(), buckets.clone()).await {
                Err((error, May::Pass)) if Instant::now() < deadline => {
                    let cause = crate::telemetry::causes(&error);
                    tracing::warn!(cause, "the object store cannot be used; trying again");
                    tokio::time::sleep(PAUSE).await;
                }
                opened => return opened.map_err(|(error, _)| error),
            }
        }
    }

    async fn try_open(config: S3Config, buckets: Buckets) -> Result<Self, (UnusableStore, May)> {
        let mut store = Self::connect(config, buckets).await.map_err(|error| (error, May::NotPass))?;
        let mut found = Vec::new();
        for bucket in [&store.buckets.public, &store.buckets.private] {
            found.push(guard::probe(&store.requester, bucket).await.map_err(|failure| {
                let may = if failure.may_pass() { May::Pass } else { May::NotPass };
                (UnusableStore::Bucket { bucket: bucket.clone(), source: failure.into() }, may)
            })?);
        }
        let both = found.into_iter().reduce(Traits::and).unwrap_or_default();
        store.traits = Traits { guard: store.config.guard.unwrap_or(both.guard), ..both };
        let Traits { guard, checksums, copy_conditions, conditional_copies, foreign_headers } = store.traits;
        tracing::info!(
            %guard, found = %both.guard, %checksums, %copy_conditions, %conditional_copies, %foreign_headers,
            "the object store was tried"
        );
        let stages = UploadType::ALL.iter().any(|kind| store.guard(*kind) == OverwriteGuard::Staging);
        if stages && copy_conditions == CopyConditions::Ignored {
            tracing::error!(
                "the object store copies whatever stands at a staging key, and not the version that was looked at: who \
                 holds an upload address can change what is being notified"
            );
        }
        if guard != both.guard && guard == OverwriteGuard::IfNoneMatch {
            tracing::error!(
                "BACKEND_STORAGE_OVERWRITE_GUARD is if-none-match, but the store overwrites all the same: \
                 who holds an upload address can change what was notified"
            );
        }
        if foreign_headers == ForeignHeaders::Taken {
            tracing::error!(
                "the object store takes x-amz- headers that were not signed: who holds an upload address can have it copy \
                 objects whose names they know; docs/operations.md says more"
            );
        }
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
        let requester = requester.await.map_err(|failure| UnusableStore::Unaskable(failure.into()))?;
        Ok(Self { config, buckets, requester: Arc::new(requester), traits: Traits::default() })
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

    async fn owner_of(&self, bucket: &str) -> Result<Option<String>, StoreError> {
        match self.requester.send(&Call::new(Method::GET, bucket, OWNER)).await?.succeeded() {
            Ok(answer) => Ok(Some(String::from_utf8_lossy(&answer.body).trim().to_owned())),
            Err(failure) => match failure.into() {
                StoreError::NotFound => Ok(None),
                error => Err(error),
            },
        }
    }

    /// What keeps an object of this type from being changed. What everybody may read at once is looked at before it stands there.
    fn guard(&self, upload_type: UploadType) -> OverwriteGuard {
        match upload_type.visibility() {
            Visibility::Public if self.config.public_url.is_some() => OverwriteGuard::Staging,
            _ => self.traits.guard,
        }
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

    /// The object, if it is what was expected. Where the store lets wrong checksums pass, the bytes themselves are asked.
    async fn judged(&self, object: S3Object, expected: &Expected<'_>) -> Result<S3Object, StoreError> {
        if object.size != expected.size {
            return Err(StoreError::Unexpected(Difference::Size));
        }
        if object.media_type != expected.media_type.as_str() {
            return Err(StoreError::Unexpected(Difference::MediaType));
        }
        let Some(sha256) = expected.sha256 else { return Ok(object) };
        let is_right = match (self.traits.checksums, &object.sha256) {
            (Checksums::Enforced, Some(stored)) => *stored == BASE64.encode(sha256.as_bytes()),
            // The store lets wrong ones pass; or the address was signed when it was not known to refuse them.
            _ => object.hash().await? == sha256,
        };
        if is_right { Ok(object) } else { Err(StoreError::Unexpected(Difference::Sha256)) }
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

    /// Copies this version of what a client put on the staging section to its own name.
    async fn copy(&self, expected: &Expected<'_>, version: &str) -> Result<(), StoreError> {
        let key = expected.key;
        let (bucket, path) = (self.bucket(key.upload_type), key.path());
        let mut call = Call::new(Method::PUT, bucket, &path)
            .header("x-amz-copy-source", format!("/{bucket}/{}", staged_path(key)))
            .header("x-amz-copy-source-if-match", version);
        if self.traits.conditional_copies == ConditionalCopies::Enforced {
            // Whatever becomes of another copy, an object that exists stays.
            call = call.header("if-none-match", "*");
        }
        let call = Call { patience: Patience::for_bytes(expected.size), ..call };
        let answer = self.requester.send(&call).await?;
        if answer.status == StatusCode::PRECONDITION_FAILED {
            return Err(StoreError::Unexpected(Difference::Version));
        }
        let answer = answer.succeeded()?;
        if answer.is_copied() { Ok(()) } else { Err(answer.not_copied().into()) }
    }
}

fn staged_path(key: ObjectKey) -> String {
    format!("{STAGING}{}", key.path())
}

/// The SHA-256 of a registry's id, as the public bucket has it.
fn digest(id: &str) -> String {
    Sha256::of(id.as_bytes()).to_string()
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

    async fn owner(&self) -> Result<Option<String>, StoreError> {
        let public = self.owner_of(&self.buckets.public).await?;
        let private = self.owner_of(&self.buckets.private).await?;
        Ok(match (public, private) {
            (Some(public), Some(private)) if public == digest(&private) => Some(private),
            // Versions before the digest wrote the id into both.
            (Some(public), Some(private)) if public != private => Some(format!("{public} and {private}")),
            // Where one is nobody's, it is to be looked at before it is taken.
            (public, private) => public.and(private),
        })
    }

    async fn set_owner(&self, id: &str) -> Result<(), StoreError> {
        for (bucket, text) in [(&self.buckets.public, digest(id)), (&self.buckets.private, id.to_owned())] {
            let call = Call { body: text.into(), ..Call::new(Method::PUT, bucket, OWNER) };
            self.requester.send(&call).await?.succeeded()?;
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
        let mut headers = vec![("Content-Type", "content-type", media_type.as_str().to_owned())];
        let path = match self.guard(key.upload_type) {
            OverwriteGuard::IfNoneMatch => {
                headers.push(("If-None-Match", "if-none-match", "*".to_owned()));
                key.path()
            }
            OverwriteGuard::Staging => staged_path(key),
        };
        if let Some(sha256) = sha256.filter(|_| self.traits.checksums != Checksums::Unsupported) {
            let checksum = BASE64.encode(sha256.as_bytes());
            headers.push(("x-amz-checksum-sha256", "x-amz-checksum-sha256", checksum));
        }
        if key.upload_type.visibility() == Visibility::Public {
            // Who reads the public bucket itself can be told only what is stored with the object.
            let cache_control = key.upload_type.public_cache_control().to_owned();
            headers.push(("Cache-Control", "cache-control", cache_control));
            if !media_type.is_inert() {
                headers.push(("Content-Disposition", "content-disposition", "attachment".to_owned()));
            }
        }
        let size = size.to_string();
        // Signatures have the names in lower case.
        let signed: Vec<(&'static str, &str)> = headers
            .iter()
            .map(|(_, name, value)| (*name, value.as_str()))
            .chain([("content-length", size.as_str())])
            .collect();
        let life = current.within(expires_at.duration_since(now).unwrap_or_default(), now);
        let grant = Grant { method: "PUT", query: &[], headers: &signed, life };
        let place = self.config.endpoint.locate(self.config.style, self.bucket(key.upload_type), &path);
        let url = current.presigner.presign(&place, &grant, now);
        let headers = headers.into_iter().map(|(name, _, value)| (name, value)).collect();
        Ok(UploadAddress { url, headers })
    }

    fn extra_time(&self, expected: &Expected<'_>) -> Duration {
        // Once for the copy, and once more where the bytes are held against a checksum.
        time_for_bytes(expected.size) * if expected.sha256.is_some() { 2 } else { 1 }
    }

    async fn inspect(&self, expected: &Expected<'_>) -> Result<Uploaded, StoreError> {
        let key = expected.key;
        match self.head(key.upload_type, key.path()).await {
            Err(StoreError::NotFound) => {}
            object => {
                let object = self.judged(object?, expected).await?;
                if self.guard(key.upload_type) == OverwriteGuard::Staging {
                    // A notify before this one has copied it, and ended before it could clear up.
                    self.clear_staged(key).await;
                }
                return Ok(Uploaded::Final(Box::new(object)));
            }
        }
        // Whatever the guard is now: the address may be older than that.
        match self.head(key.upload_type, staged_path(key)).await {
            Err(StoreError::NotFound) => {
                // It was never sent; or another notify, maybe another node's, has just taken it away.
                let object = self.head(key.upload_type, key.path()).await?;
                Ok(Uploaded::Final(Box::new(self.judged(object, expected).await?)))
            }
            staged => {
                let version = self.judged(staged?, expected).await?.etag;
                if version.is_empty() {
                    return Err(Failure::Foreign("an object without an ETag".to_owned()).into());
                }
                Ok(Uploaded::Staged(version))
            }
        }
    }

    async fn make_final(
        &self,
        expected: &Expected<'_>,
        version: &str,
    ) -> Result<Box<dyn StoredObject>, StoreError> {
        let key = expected.key;
        let object = match self.copy(expected, version).await {
            // Both at once: a store that is away now is waited for once.
            Ok(()) => join(self.clear_staged(key), self.head(key.upload_type, key.path())).await.1,
            // Another notify, maybe another node's, may have been faster. A 412 says so too, unless
            // nothing is there: then it is the staged version that has changed.
            Err(failed) => match self.head(key.upload_type, key.path()).await {
                Err(StoreError::NotFound) => Err(failed),
                Err(error) => Err(error),
                Ok(object) => {
                    self.clear_staged(key).await;
                    Ok(object)
                }
            },
        };
        Ok(Box::new(self.judged(object?, expected).await?))
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
        let life = current.within(life, now);
        let cache_control = match visibility {
            Visibility::Public => key.upload_type.public_cache_control().to_owned(),
            Visibility::Private => UploadType::private_cache_control(life),
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
