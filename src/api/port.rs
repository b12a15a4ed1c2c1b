//! What the handlers need done: the inbound port. `service` implements it at run time; the build puts a stand-in here.
//!
//! The port knows no request and no response: parsed values go in, values for the contract's bodies come out, bytes pass
//! as [`BoxBody`] in both directions.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::SystemTime;

use actix_web::body::BoxBody;

use super::attachments::notify::NotifyVo;
use super::attachments::read::{Disposition, Place};
use super::attachments::signature::{SignatureRo, SignatureVo};
use super::problem::FieldError;
use super::rate_limit::Allowance;

/// A cause for the log.
pub type Cause = Box<dyn Error + Send + Sync>;

/// What a call to the port comes to.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + 'a>>;

/// Who is calling, as an access token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The access token's public id.
    pub id: String,
    /// Where the caller may act.
    pub bases: Bases,
}

/// A caller who may go on.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Who it is.
    pub caller: Caller,
    /// How often the caller may ask, if that is limited.
    pub allowance: Option<Allowance>,
}

/// Places where an access token is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lookup {
    /// In the cache, and in the registry if it is not there.
    #[default]
    Registry,
    /// In the cache alone: a token that was not seen before is unknown. Whoever made tokens up too
    /// often is not to cost the registry a query for each.
    CacheOnly,
}

/// The bases in which an access token may act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bases {
    /// In every base, and outside of any.
    All,
    /// In these alone.
    Only(Vec<String>),
}

/// The bytes of an upload and what its headers claim of them.
pub struct Incoming {
    /// `Content-Type`, if there is one.
    pub media_type: Option<String>,
    /// `Content-Length`, if there is one.
    pub length: Option<u64>,
    /// The bytes.
    pub bytes: BoxBody,
}

/// A stored file, ready to be read.
pub struct Outgoing {
    /// Its size in bytes.
    pub size: u64,
    /// Its media type, as it was signed.
    pub media_type: String,
    /// The opaque part of its strong `ETag`.
    pub etag: String,
    /// When it was stored.
    pub last_modified: SystemTime,
    /// `Cache-Control` of the answer.
    pub cache_control: String,
    /// `Content-Disposition` of the answer.
    pub content_disposition: String,
    /// `Cross-Origin-Resource-Policy` of the answer (the Fetch standard): whose pages may embed it.
    pub resource_policy: &'static str,
    /// Its bytes.
    pub content: Box<dyn Content>,
}

/// The bytes of a stored file.
pub trait Content {
    /// `length` bytes from `offset` on. The caller has seen to it that they are within the file.
    fn read<'a>(self: Box<Self>, offset: u64, length: u64) -> Answer<'a, BoxBody>
    where
        Self: 'a;
}

/// A fresh address of a stored file.
pub struct Opened {
    /// An absolute URL that needs no header.
    pub location: String,
}

/// The use cases.
pub trait Attachments: Send + Sync {
    /// Authenticates the holder of this access token, and counts the request for the rate limit.
    /// `lookup` says where the token may be looked up.
    fn authenticate<'a>(&'a self, access_token: &'a str, lookup: Lookup) -> Answer<'a, Admission>;

    /// Signs an upload.
    fn sign<'a>(&'a self, caller: &'a Caller, wish: SignatureRo) -> Answer<'a, SignatureVo>;

    /// Stores the bytes of a signed upload.
    fn upload<'a>(&'a self, upload_token: &'a str, incoming: Incoming) -> Answer<'a, ()>;

    /// Makes an uploaded file readable.
    fn notify<'a>(
        &'a self,
        caller: &'a Caller,
        upload_token: &'a str,
        file_name: Option<&'a str>,
    ) -> Answer<'a, NotifyVo>;

    /// Finds a file for a reader.
    fn read<'a>(
        &'a self,
        place: &'a Place,
        read_token: Option<&'a str>,
        disposition: Option<&'a Disposition>,
    ) -> Answer<'a, Outgoing>;

    /// Makes a fresh address for a file.
    fn open<'a>(
        &'a self,
        caller: &'a Caller,
        upload_token: &'a str,
        file_name: Option<&'a str>,
    ) -> Answer<'a, Opened>;
}

/// Why the port did not do what it was asked.
#[derive(Debug)]
pub enum Refusal {
    /// No valid access token is this one.
    UnknownAccessToken,
    /// The access token is bound to other bases.
    OutsideBases,
    /// A field is right by the contract but not acceptable to this server.
    Invalid(FieldError),
    /// Not an authentic upload token.
    BadUploadToken,
    /// An authentic upload token whose time is over.
    UploadTokenExpired,
    /// No read token, or one for something else.
    BadReadToken,
    /// An authentic read token whose time is over.
    ReadTokenExpired,
    /// No file is there.
    NoSuchFile,
    /// A signed upload whose bytes never came.
    NothingUploaded,
    /// A signed upload whose bytes are not what was signed. They are removed.
    OtherUpload {
        /// What is wrong with it, as what comes behind "it".
        what: Cow<'static, str>,
    },
    /// Bytes go to the object store and come from there, not through this server.
    Elsewhere,
    /// The name is taken by other bytes.
    OtherBytes,
    /// More bytes than were signed.
    TooLong {
        /// How many were signed.
        signed: u64,
    },
    /// Fewer bytes than were signed.
    TooShort {
        /// How many were signed.
        signed: u64,
    },
    /// Bytes with another SHA-256 than the signed one.
    ChecksumMismatch,
    /// The request's body comes too slowly.
    TooSlow,
    /// The request's body could not be read to its end.
    BrokenBody(Cause),
    /// Another media type than the signed one.
    OtherMediaType {
        /// The signed one.
        signed: String,
    },
    /// The storage is full.
    NoRoom(Cause),
    /// The base would have more than it may.
    OverQuota {
        /// How many bytes that is.
        quota: u64,
    },
    /// The base would have more files than it may.
    TooManyFiles {
        /// Maximum number of files.
        limit: u64,
    },
    /// Whoever asks has asked too often.
    TooManyRequests(Allowance),
    /// Too much is being done already.
    Busy,
    /// The storage or the registry failed.
    Unavailable(Cause),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
