//! What stands behind the surface while the build runs it: the port, answering with the contract's own examples.
//!
//! `build.rs` mounts this file beside `src/api/`, and so do the tests; the service never does. Credentials are judged for
//! real, against one known token, and every refusal that a method may raise can be asked for in turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use actix_web::body::{BoxBody, to_bytes};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api::attachments::notify::NotifyVo;
use crate::api::attachments::read::{Disposition, DispositionKind, Place};
use crate::api::attachments::signature::{RequestHeader, RequestHeaders, SignatureRo, SignatureVo};
use crate::api::number::Count;
use crate::api::port::{
    Admission, Answer, Attachments, Bases, Caller, Content, Incoming, Lookup, Opened, Outgoing, Refusal,
};
use crate::api::problem::FieldError;
use crate::api::rate_limit::{Allowance, Counted};

/// The one access token that the stand-in knows.
pub const ACCESS_TOKEN: &str =
    "tat_0123456789ab_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// What every stored file holds.
const BYTES: &[u8] = b"The bytes of a file that was stored before.";

/// No failure is asked for.
const NONE: usize = usize::MAX;

/// A way to refuse.
type Refuse = fn() -> Refusal;

/// Every method of the port, with the refusals that it may raise. Whoever adds to [`Refusal`] adds it here, and the build then
/// wants its status in the contract.
const RAISED: &[(&str, &[Refuse])] = &[
    ("authenticate", &[|| Refusal::UnknownAccessToken, || exhausted(Counted::ByToken), unavailable]),
    (
        "sign",
        &[|| Refusal::OutsideBases, invalid, || Refusal::TooSlow, over_quota, too_many_files, unavailable],
    ),
    (
        "upload",
        &[
            || Refusal::BadUploadToken,
            || Refusal::UploadTokenExpired,
            || Refusal::Elsewhere,
            || Refusal::OtherBytes,
            || Refusal::TooLong { signed: 1 },
            || Refusal::TooShort { signed: 1 << 32 },
            || Refusal::ChecksumMismatch,
            || Refusal::BrokenBody("the connection was reset".into()),
            || Refusal::OtherMediaType { signed: "image/png".into() },
            || Refusal::NoRoom("no space left on device".into()),
            || Refusal::TooSlow,
            || exhausted(Counted::ByAddress),
            || Refusal::Busy,
            unavailable,
        ],
    ),
    (
        "notify",
        &[
            || Refusal::OutsideBases,
            || Refusal::BadUploadToken,
            || Refusal::NothingUploaded,
            || Refusal::OtherUpload { what: "has another size than was signed".into() },
            || Refusal::NoSuchFile,
            over_quota,
            too_many_files,
            unavailable,
        ],
    ),
    (
        "read",
        &[
            || Refusal::Elsewhere,
            || Refusal::BadReadToken,
            || Refusal::ReadTokenExpired,
            || Refusal::NoSuchFile,
            || exhausted(Counted::ByAddress),
            unavailable,
        ],
    ),
    ("read_content", &[unavailable]),
    ("open", &[|| Refusal::OutsideBases, || Refusal::NoSuchFile, unavailable]),
];

fn unavailable() -> Refusal {
    Refusal::Unavailable("the disk is away".into())
}

fn exhausted(counted: Counted) -> Refusal {
    Refusal::TooManyRequests(Allowance { counted, quota: 100, window: 60, remaining: 0, reset: 1 })
}

fn over_quota() -> Refusal {
    Refusal::OverQuota { quota: 1 << 30 }
}

fn too_many_files() -> Refusal {
    Refusal::TooManyFiles { limit: 1 << 20 }
}

fn invalid() -> Refusal {
    Refusal::Invalid(FieldError { pointer: "/contentLength".into(), message: "is too much here".into() })
}

/// The failures that can be asked for: one method, one refusal.
fn failures() -> impl Iterator<Item = (&'static str, Refuse)> {
    RAISED.iter().flat_map(|(method, refusals)| refusals.iter().map(|refusal| (*method, *refusal)))
}

/// The value that a text of JSON is.
#[allow(dead_code, reason = "for stubs of operations that are yet to come")]
fn example<T: DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    serde_json::from_str(text).map_err(|error| Refusal::Unavailable(error.into()))
}

/// The port, with nothing behind it.
#[derive(Clone)]
pub struct StandIn {
    examples: Examples,
    failure: Arc<AtomicUsize>,
    turns: Arc<AtomicUsize>,
}

impl StandIn {
    /// Answers with the examples of `document`, which is the contract.
    #[must_use]
    pub fn new(document: &Value) -> Self {
        let schemas = document.pointer("/components/schemas").cloned().unwrap_or_default();
        Self {
            examples: Examples(Arc::new(schemas)),
            failure: Arc::new(AtomicUsize::new(NONE)),
            turns: Arc::default(),
        }
    }

    /// The names of the failures that [`fail`](Self::fail) takes the index of.
    #[must_use]
    pub fn failures() -> Vec<String> {
        failures().map(|(method, refusal)| format!("{method}: {}", refusal())).collect()
    }

    /// Fails in this way from now on, or succeeds again.
    pub fn fail(&self, failure: Option<usize>) {
        self.failure.store(failure.unwrap_or(NONE), Ordering::Relaxed);
    }

    /// Counts, for a method that has several answers and gives each in its turn.
    #[allow(dead_code, reason = "for stubs of operations that are yet to come")]
    fn turn(&self) -> usize {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }

    /// Fails if that is what `method` was told.
    fn enter(&self, method: &str) -> Result<(), Refusal> {
        match failures().nth(self.failure.load(Ordering::Relaxed)) {
            Some((failing, refusal)) if failing == method => Err(refusal()),
            _ => Ok(()),
        }
    }
}

/// The examples of the contract's schemas.
#[derive(Clone)]
struct Examples(Arc<Value>);

impl Examples {
    fn of(&self, schema: &str, property: &str) -> &Value {
        &self.0[schema]["properties"][property]["example"]
    }

    fn text(&self, schema: &str, property: &str) -> String {
        self.of(schema, property).as_str().unwrap_or_default().to_owned()
    }

    fn count(&self, schema: &str, property: &str) -> Count {
        Count(self.of(schema, property).as_u64().unwrap_or_default())
    }
}

impl Attachments for StandIn {
    fn authenticate<'a>(&'a self, access_token: &'a str, _: Lookup) -> Answer<'a, Admission> {
        Box::pin(async move {
            self.enter("authenticate")?;
            if access_token != ACCESS_TOKEN {
                return Err(Refusal::UnknownAccessToken);
            }
            let caller = Caller { id: "0123456789ab".to_owned(), bases: Bases::All };
            Ok(Admission { caller, allowance: None })
        })
    }

    fn sign<'a>(&'a self, _: &'a Caller, _: SignatureRo) -> Answer<'a, SignatureVo> {
        Box::pin(async move {
            self.enter("sign")?;
            let media_type = &self.examples.of("SignatureVo", "requestHeaders")["Content-Type"];
            let media_type = RequestHeader::Text(media_type.as_str().unwrap_or_default().to_owned());
            Ok(SignatureVo {
                url: self.examples.text("SignatureVo", "url"),
                upload_method: self.examples.text("SignatureVo", "uploadMethod"),
                token: self.examples.text("SignatureVo", "token"),
                request_headers: RequestHeaders([("Content-Type", media_type)].into()),
            })
        })
    }

    fn upload<'a>(&'a self, _: &'a str, incoming: Incoming) -> Answer<'a, ()> {
        Box::pin(async move {
            self.enter("upload")?;
            to_bytes(incoming.bytes).await.map_err(|error| Refusal::BrokenBody(error.to_string().into()))?;
            Ok(())
        })
    }

    fn notify<'a>(&'a self, _: &'a Caller, _: &'a str, _: Option<&'a str>) -> Answer<'a, NotifyVo> {
        Box::pin(async move {
            self.enter("notify")?;
            let text = |property| self.examples.text("NotifyVo", property);
            let count = |property| self.examples.count("NotifyVo", property);
            Ok(NotifyVo {
                token: text("token"),
                size: count("size"),
                url: text("url"),
                path: text("path"),
                mimetype: text("mimetype"),
                width: Some(count("width")),
                height: Some(count("height")),
                presigned_url: text("presignedUrl"),
            })
        })
    }

    fn read<'a>(
        &'a self,
        place: &'a Place,
        _: Option<&'a str>,
        disposition: Option<&'a Disposition>,
    ) -> Answer<'a, Outgoing> {
        Box::pin(async move {
            self.enter("read")?;
            let content_disposition = match disposition {
                None => "inline".to_owned(),
                Some(Disposition { kind: DispositionKind::Inline, parameters }) => {
                    format!("inline{parameters}")
                }
                Some(Disposition { kind: DispositionKind::Attachment, parameters }) => {
                    format!("attachment{parameters}")
                }
            };
            Ok(Outgoing {
                size: BYTES.len() as u64,
                media_type: "image/png".to_owned(),
                etag: place.name.chars().filter(char::is_ascii_alphanumeric).collect(),
                last_modified: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
                cache_control: "private, max-age=60".to_owned(),
                content_disposition,
                resource_policy: "cross-origin",
                content: Box::new(self.clone()),
            })
        })
    }

    fn open<'a>(&'a self, _: &'a Caller, _: &'a str, _: Option<&'a str>) -> Answer<'a, Opened> {
        Box::pin(async move {
            self.enter("open")?;
            Ok(Opened { location: self.examples.text("NotifyVo", "presignedUrl") })
        })
    }
}

impl Content for StandIn {
    fn read<'a>(self: Box<Self>, offset: u64, length: u64) -> Answer<'a, BoxBody>
    where
        Self: 'a,
    {
        Box::pin(async move {
            self.enter("read_content")?;
            let part = usize::try_from(offset).ok().zip(usize::try_from(length).ok());
            let part = part.and_then(|(offset, length)| BYTES.get(offset..)?.get(..length));
            let part = part.ok_or_else(|| Refusal::Unavailable("a range beyond the file".into()))?;
            Ok(BoxBody::new(part))
        })
    }
}
