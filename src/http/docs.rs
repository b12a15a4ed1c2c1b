//! The Swagger UI at `/docs/`, and the document that the build has checked, byte for byte, where tools look for it.

use actix_web::http::header::{self, ETag, EntityTag, Header, IfNoneMatch};
use actix_web::{HttpRequest, HttpResponse, Responder, web};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::domain::Sha256;

/// The checked document.
pub const JSON: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// The checked document as it was written.
pub const YAML: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.yaml"));

/// Mounts the pages and the documents.
pub(super) fn configure(routes: &mut web::ServiceConfig) {
    let ui = Config::from("/openapi.json")
        .deep_linking(true)
        .persist_authorization(true)
        .display_request_duration(true)
        .try_it_out_enabled(true)
        .doc_expansion("list")
        // The badge would send the document's address to another host.
        .validator_url("none");
    routes
        .route("/", web::get().to(|| async { web::Redirect::to("/docs/") }))
        .route("/docs", web::get().to(|| async { web::Redirect::to("/docs/") }))
        .route("/openapi.json", web::get().to(json))
        .route("/swagger.json", web::get().to(json))
        .route("/openapi.yaml", web::get().to(yaml))
        .service(SwaggerUi::new("/docs/{_:.*}").config(ui));
}

async fn json(request: HttpRequest) -> impl Responder {
    document(&request, "application/json", JSON)
}

async fn yaml(request: HttpRequest) -> impl Responder {
    // RFC 9512
    document(&request, "application/yaml", YAML)
}

fn document(request: &HttpRequest, media_type: &str, text: &'static str) -> HttpResponse {
    let tag = EntityTag::new_strong(Sha256::of(text.as_bytes()).to_string());
    let fresh = match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(&tag)),
        Err(_) => false,
    };
    let mut response = if fresh { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header(ETag(tag)).insert_header((header::CACHE_CONTROL, "no-cache"));
    if fresh { response.finish() } else { response.content_type(media_type).body(text) }
}
