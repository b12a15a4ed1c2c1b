//! Something that is served as it is: a page, a script, a document.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

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
    bytes: Bytes,
    /// Made when it is first asked for: a script may have millions of bytes, and few start the service to read it.
    tag: Arc<OnceLock<EntityTag>>,
    policy: Option<String>,
}

impl Asset {
    pub(super) fn new(media_type: &'static str, bytes: impl Into<Bytes>) -> Self {
        Self { media_type, bytes: bytes.into(), tag: Arc::default(), policy: None }
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
    fn body(&self) -> SizedStream<impl Stream<Item = Result<Bytes, Infallible>> + use<>> {
        const BLOCK: usize = 32 * 1024;
        let bytes = self.bytes.clone();
        let blocks = (0..bytes.len())
            .step_by(BLOCK)
            .map(move |from| Ok(bytes.slice(from..(from + BLOCK).min(bytes.len()))));
        SizedStream::new(self.bytes.len() as u64, stream::iter(blocks))
    }

    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let tag = self.tag.get_or_init(|| EntityTag::new_strong(Sha256::of(&self.bytes).to_string()));
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
        if fresh { response.finish() } else { response.content_type(self.media_type).body(self.body()) }
    }
}
