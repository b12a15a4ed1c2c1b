//! Everything in line, plain actix extractors, refusals in plain text.

use actix_web::error::{InternalError, JsonPayloadError};
use actix_web::http::StatusCode;
use actix_web::{App, HttpResponse, HttpResponseBuilder, get, post, test, web};
use contract::conformance::InMemory;
use serde::{Deserialize, Serialize};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

use super::only;

#[derive(Deserialize, ToSchema)]
#[serde(try_from = "i32")]
#[schema(minimum = -1000, maximum = 1000, example = 7)]
struct Term(i32);

impl TryFrom<i32> for Term {
    type Error = &'static str;

    fn try_from(number: i32) -> Result<Self, Self::Error> {
        if (-1000..=1000).contains(&number) { Ok(Self(number)) } else { Err("out of bounds") }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(example = "m")]
enum Unit {
    M,
    Kg,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Terms {
    #[schema(inline, min_items = 1, max_items = 3)]
    terms: Vec<Term>,
    #[serde(default, deserialize_with = "super::present")]
    #[schema(inline, value_type = Unit, required = false)]
    #[allow(dead_code)]
    unit: Option<Unit>,
}

#[derive(Serialize, ToSchema)]
struct Sum {
    #[schema(example = 7)]
    sum: i32,
}

#[derive(Serialize, ToSchema)]
struct Half {
    #[schema(example = 4)]
    half: f64,
}

#[utoipa::path(
    operation_id = "sum",
    request_body = inline(Terms),
    responses(
        (status = 200, description = "The sum", body = inline(Sum)),
        (status = 400, description = "The terms cannot be summed", body = String, content_type = "text/plain"),
        (status = 413, description = "There is too much of it", body = String, content_type = "text/plain"),
        (status = 415, description = "It is not JSON", body = String, content_type = "text/plain"),
    ),
)]
#[post("/sum")]
async fn sum(body: web::Json<Terms>) -> HttpResponse {
    if !(1..=3).contains(&body.terms.len()) {
        return HttpResponse::BadRequest().content_type("text/plain").body("one to three terms");
    }
    HttpResponse::Ok().json(Sum { sum: body.terms.iter().map(|term| term.0).sum() })
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Rounding {
    #[param(value_type = bool, required = false)]
    round: Option<bool>,
}

#[utoipa::path(
    operation_id = "half",
    params(("number" = i32, Path, minimum = 0, example = 8), Rounding),
    responses(
        (status = 200, description = "The half", body = inline(Half)),
        (status = 400, description = "That is no such number", body = String, content_type = "text/plain"),
    ),
)]
#[get("/half/{number}")]
async fn half(number: web::Path<i32>, query: web::Query<Rounding>) -> HttpResponse {
    if *number < 0 {
        return HttpResponse::BadRequest().content_type("text/plain").body("below 0");
    }
    let half = f64::from(*number) / 2.0;
    HttpResponse::Ok().json(Half { half: if query.round == Some(true) { half.round() } else { half } })
}

fn refused(status: StatusCode, error: impl std::fmt::Display) -> actix_web::Error {
    let response = HttpResponse::build(status).content_type("text/plain").body(error.to_string());
    InternalError::from_response("refused", response).into()
}

fn in_words(refusal: &mut HttpResponseBuilder) -> HttpResponse {
    refusal.content_type("text/plain").body("not like this")
}

fn configure(routes: &mut ServiceConfig<'_>) {
    let json = web::JsonConfig::default().limit(4096).error_handler(|error, _| {
        let status = match error {
            JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            JsonPayloadError::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            _ => StatusCode::BAD_REQUEST,
        };
        refused(status, error)
    });
    routes
        .app_data(json)
        .app_data(
            web::PathConfig::default().error_handler(|error, _| refused(StatusCode::BAD_REQUEST, error)),
        )
        .app_data(
            web::QueryConfig::default().error_handler(|error, _| refused(StatusCode::BAD_REQUEST, error)),
        )
        .service(sum)
        .route("/sum", only("POST", in_words))
        .service(half)
        .route("/half/{number}", only("GET", in_words))
        .default_service(web::to(|| async { in_words(&mut HttpResponse::NotFound()) }));
}

pub fn drawn() -> OpenApi {
    let info = InfoBuilder::new().title("Arithmetic").version("1.0.0").build();
    let frame = OpenApiBuilder::new().info(info).build();
    App::new().into_utoipa_app().openapi(frame).configure(configure).split_for_parts().1
}

pub async fn start() -> InMemory {
    let app = App::new().into_utoipa_app().configure(configure).into_app();
    InMemory::new(test::init_service(app).await, Vec::new(), |_| ())
}
