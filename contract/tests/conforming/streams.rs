//! Bytes that are streamed in and out, HEAD, conditional requests.

use actix_web::http::header::{self, EntityTag, Header, IfNoneMatch};
use actix_web::web::{Bytes, Payload};
use actix_web::{App, HttpRequest, HttpResponse, get, head, put, test, web};
use contract::conformance::InMemory;
use futures_util::StreamExt;
use utoipa::ToSchema;
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{empty, only};

#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code)]
struct Sound(Vec<u8>);

const LONGEST: usize = 4096;

fn etag() -> EntityTag {
    EntityTag::new_strong("blue".to_owned())
}

#[utoipa::path(
    operation_id = "record",
    params(("name" = String, Path, description = "Its name", example = "blue")),
    request_body(content = inline(Sound), content_type = "*/*"),
    responses(
        (status = 201, description = "It is on tape", headers(("ETag" = String))),
        (status = 405, description = "A tape does no such thing", headers(("Allow" = String))),
        (status = 413, description = "The tape is too short"),
    ),
)]
#[put("/tapes/{name}")]
async fn record(_: web::Path<String>, mut sound: Payload) -> actix_web::Result<HttpResponse> {
    let mut length = 0;
    while let Some(chunk) = sound.next().await {
        length += chunk?.len();
        if length > LONGEST {
            return Ok(HttpResponse::PayloadTooLarge().finish());
        }
    }
    Ok(HttpResponse::Created().insert_header(header::ETag(etag())).finish())
}

#[utoipa::path(
    operation_id = "play",
    params(
        ("name" = String, Path, description = "Its name", example = "blue"),
        ("If-None-Match" = Option<String>, Header, nullable = false),
    ),
    responses(
        (status = 200, description = "What is on it", body = inline(Sound), content_type = "audio/wav", headers(("ETag" = String))),
        (status = 304, description = "You have heard it", headers(("ETag" = String))),
        (status = 405, description = "A tape does no such thing", headers(("Allow" = String))),
    ),
)]
#[get("/tapes/{name}")]
async fn play(_: web::Path<String>, request: HttpRequest) -> HttpResponse {
    let known = match IfNoneMatch::parse(&request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(&etag())),
        Err(_) => false,
    };
    if known {
        return HttpResponse::NotModified().insert_header(header::ETag(etag())).finish();
    }
    let chunks =
        [Bytes::from_static(b"RIFF"), Bytes::from_static(b"....WAVE")].map(Ok::<_, actix_web::Error>);
    HttpResponse::Ok()
        .content_type("audio/wav")
        .insert_header(header::ETag(etag()))
        .streaming(futures_util::stream::iter(chunks))
}

#[utoipa::path(
    operation_id = "look",
    params(("name" = String, Path, description = "Its name", example = "blue")),
    responses((status = 200, description = "There is something on it", headers(("ETag" = String)))),
)]
#[head("/tapes/{name}")]
async fn look(_: web::Path<String>) -> HttpResponse {
    HttpResponse::Ok().insert_header(header::ETag(etag())).finish()
}

fn configure(routes: &mut ServiceConfig<'_>) {
    routes.service(record).service(play).service(look).route("/tapes/{name}", only("GET, HEAD, PUT", empty));
}

pub fn drawn() -> OpenApi {
    let info = InfoBuilder::new().title("Tapes").version("1.0.0").build();
    let frame = OpenApiBuilder::new().info(info).build();
    App::new().into_utoipa_app().openapi(frame).configure(configure).split_for_parts().1
}

pub async fn start() -> InMemory {
    let app = App::new().into_utoipa_app().configure(configure).into_app();
    InMemory::new(test::init_service(app).await, Vec::new(), |_| ())
}
