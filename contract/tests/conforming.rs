//! Five apps that do what their specs say, each written in another style. The check has nothing to say about any of them.

#[path = "conforming/formats.rs"]
mod formats;
#[path = "conforming/inline.rs"]
mod inline;
#[path = "conforming/scopes.rs"]
mod scopes;
#[path = "conforming/streams.rs"]
mod streams;
#[path = "conforming/trees.rs"]
mod trees;

use actix_web::{HttpResponse, HttpResponseBuilder, Route, web};
use contract::Spec;
use contract::conformance::{Credential, Effort, InMemory, Options, Suite};
use serde::{Deserialize, Deserializer};
use utoipa::openapi::OpenApi;

/// What may be left out but not be `null`.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Refuses every other method, with what `body` puts into the refusal.
fn only(allow: &'static str, body: fn(&mut HttpResponseBuilder) -> HttpResponse) -> Route {
    web::route()
        .to(move || async move { body(HttpResponse::MethodNotAllowed().insert_header(("Allow", allow))) })
}

fn empty(refusal: &mut HttpResponseBuilder) -> HttpResponse {
    refusal.finish()
}

async fn conforms(name: &str, text: &str, drawn: OpenApi, credentials: Vec<Credential>, app: InMemory) {
    let drawn = serde_json::to_value(drawn).expect("JSON");
    let checked = Spec::read(name, text).and_then(|spec| contract::check(spec, &drawn));
    let checked = checked.unwrap_or_else(|report| panic!("{report}"));
    let effort = Effort { random_cases: 200, ..Effort::default() };
    let options = Options { credentials, effort, ..Options::default() };
    let tally = Suite::derive(checked.spec(), options).run(&app).await;
    println!("{name}:\n{}", tally.unwrap_or_else(|report| panic!("{report}")));
}

#[actix_web::test]
async fn everything_in_line() {
    conforms(
        "inline.yaml",
        include_str!("conforming/inline.yaml"),
        inline::drawn(),
        Vec::new(),
        inline::start().await,
    )
    .await;
}

#[actix_web::test]
async fn references_and_recursion() {
    conforms(
        "trees.yaml",
        include_str!("conforming/trees.yaml"),
        trees::drawn(),
        Vec::new(),
        trees::start().await,
    )
    .await;
}

#[actix_web::test]
async fn scopes_and_extractors() {
    let text = include_str!("conforming/scopes.yaml");
    conforms("scopes.yaml", text, scopes::drawn(), scopes::credentials(), scopes::start().await).await;
}

#[actix_web::test]
async fn streams_and_conditions() {
    conforms(
        "streams.yaml",
        include_str!("conforming/streams.yaml"),
        streams::drawn(),
        Vec::new(),
        streams::start().await,
    )
    .await;
}

#[actix_web::test]
async fn several_content_types() {
    conforms(
        "formats.yaml",
        include_str!("conforming/formats.yaml"),
        formats::drawn(),
        Vec::new(),
        formats::start().await,
    )
    .await;
}
