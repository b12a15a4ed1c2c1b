//! Something that is served as it is: a page, a script, a document.

use std::convert::Infallible;
use std::sync::{Arc, LazyLock};

use actix_web::body::SizedStream;
use actix_web::http::Method;
use actix_web::http::header::{self, ETag, EntityTag, Header, IfNoneMatch};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse, guard};
use futures_util::{Stream, stream};

use crate::domain::Sha256;

/// What is served at one path.
#[derive(Clone)]
pub(super) struct Asset {
    media_type: &'static str,
    content: Arc<LazyLock<Content, Make>>,
    policy: Option<String>,
}

/// Made when it is first asked for: a script may have millions of bytes, and few start the service to read it.
struct Content {
    bytes: Bytes,
    tag: EntityTag,
}

type Make = Box<dyn FnOnce() -> Content + Send>;

impl Asset {
    pub(super) fn new(media_type: &'static str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self::made(media_type, || bytes)
    }

    /// What `make` gives, when it is first asked for.
    pub(super) fn made(media_type: &'static str, make: impl FnOnce() -> Bytes + Send + 'static) -> Self {
        let make: Make = Box::new(|| {
            let bytes = make();
            Content { tag: EntityTag::new_strong(Sha256::of(&bytes).to_string()), bytes }
        });
        Self { media_type, content: Arc::new(LazyLock::new(make)), policy: None }
    }

    /// With a Content-Security-Policy, as a page has it.
    pub(super) fn with_policy(mut self, policy: String) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Serves it at `path`.
    pub(super) fn mount(self, path: &str, routes: &mut web::ServiceConfig) {
        let answer = move |request: HttpRequest| {
            let answer = self.answer(&request);
            async move { answer }
        };
        let reads = guard::Any(guard::Method(Method::GET)).or(guard::Method(Method::HEAD));
        routes.route(path, web::route().guard(reads).to(answer));
    }

    /// Block by block: what is given whole is copied whole for each client, however slowly it reads.
    fn body(bytes: Bytes) -> SizedStream<impl Stream<Item = Result<Bytes, Infallible>>> {
        const BLOCK: usize = 32 * 1024;
        let length = bytes.len();
        let blocks =
            (0..length).step_by(BLOCK).map(move |from| Ok(bytes.slice(from..(from + BLOCK).min(length))));
        SizedStream::new(length as u64, stream::iter(blocks))
    }

    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let Content { bytes, tag } = &**self.content;
        let fresh = match IfNoneMatch::parse(request) {
            Ok(IfNoneMatch::Any) => true,
            Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(tag)),
            Err(_) => false,
        };
        let mut response = if fresh { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response
            .insert_header(ETag(tag.clone()))
            .insert_header((header::CACHE_CONTROL, "no-cache"))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
        if let Some(policy) = &self.policy {
            response
                .insert_header((header::CONTENT_SECURITY_POLICY, policy.as_str()))
                .insert_header((header::REFERRER_POLICY, "no-referrer"));
        }
        if fresh {
            response.finish()
        } else {
            response.content_type(self.media_type).body(Self::body(bytes.clone()))
        }
    }
}
