//! Several content types, of requests and of answers; lists in a query; problem documents.

use actix_web::http::StatusCode;
use actix_web::{
    App, FromRequest, HttpMessage, HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError, get, post,
    test, web,
};
use contract::conformance::InMemory;
use serde::{Deserialize, Serialize};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa::{IntoResponses, ToSchema};
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

use super::only;

#[derive(Serialize, Deserialize, ToSchema)]
struct Reading {
    #[schema(example = "north")]
    station: String,
    #[schema(minimum = -273.15, example = 21.5)]
    degrees: f64,
}

#[derive(Debug, Serialize, ToSchema)]
struct Problem {
    #[schema(value_type = i32, example = 400)]
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "too cold")]
    detail: Option<String>,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.detail)
    }
}

impl ResponseError for Problem {
    fn error_response(&self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        HttpResponse::build(status).content_type("application/problem+json").json(self)
    }
}

fn problem(status: u16, detail: &str) -> Problem {
    Problem { status, detail: Some(detail.to_owned()) }
}

#[derive(IntoResponses)]
#[response(status = 400, description = "It cannot be", content_type = "application/problem+json")]
struct Bad(#[allow(dead_code)] Problem);

#[derive(IntoResponses)]
#[response(status = 413, description = "It is too large", content_type = "application/problem+json")]
struct Large(#[allow(dead_code)] Problem);

#[derive(IntoResponses)]
#[response(status = 415, description = "It is in another format", content_type = "application/problem+json")]
struct Unknown(#[allow(dead_code)] Problem);

#[utoipa::path(
    operation_id = "addReading",
    request_body(content((Reading = "application/json"), (Reading = "application/x-www-form-urlencoded"))),
    responses((status = 202, description = "It is noted"), Bad, Large, Unknown),
)]
#[post("/readings")]
async fn add_reading(request: HttpRequest, body: web::Payload) -> Result<HttpResponse, Problem> {
    let mut payload = body.into_inner();
    let status = |error: &actix_web::Error| error.as_response_error().status_code().as_u16();
    let refused = |error: actix_web::Error| match status(&error) {
        413 => problem(413, "at most 4096 bytes"),
        _ => problem(400, "it is no reading"),
    };
    let reading = match request.content_type().to_ascii_lowercase().as_str() {
        "application/json" => {
            web::Json::<Reading>::from_request(&request, &mut payload).await.map_err(refused)?.into_inner()
        }
        "application/x-www-form-urlencoded" => {
            web::Form::<Reading>::from_request(&request, &mut payload).await.map_err(refused)?.into_inner()
        }
        _ => return Err(problem(415, "JSON or a form")),
    };
    if reading.degrees < -273.15 || !reading.degrees.is_finite() {
        return Err(problem(400, "nothing is that cold"));
    }
    Ok(HttpResponse::Accepted().finish())
}

#[utoipa::path(
    operation_id = "listReadings",
    params(
        ("as" = inline(Format), Query, example = "csv"),
        ("station" = Option<Vec<String>>, Query, max_items = 2, nullable = false),
    ),
    responses(
        (status = 200, description = "The readings", content((Vec<Reading> = "application/json"), (String = "text/csv"))),
        Bad,
    ),
)]
#[get("/readings")]
async fn list_readings(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
    let pairs = pairs.map_err(|error| problem(400, &error.to_string()))?.into_inner();
    let of = |name: &str| -> Vec<&str> {
        let named = pairs.iter().filter(|(other, _)| other == name);
        named.map(|(_, value)| value.as_str()).collect()
    };
    if of("station").len() > 2 {
        return Err(problem(400, "at most two stations"));
    }
    let reading = Reading { station: "north".to_owned(), degrees: 21.5 };
    match of("as").as_slice() {
        ["json"] => Ok(HttpResponse::Ok().json([reading])),
        ["csv"] => Ok(HttpResponse::Ok().content_type("text/csv; charset=utf-8").body("north,21.5\n")),
        _ => Err(problem(400, "as what?")),
    }
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code)]
enum Format {
    Json,
    Csv,
}

fn in_a_problem(refusal: &mut HttpResponseBuilder) -> HttpResponse {
    refusal.content_type("application/problem+json").json(problem(405, "not like this"))
}

fn configure(routes: &mut ServiceConfig<'_>) {
    routes
        .app_data(web::JsonConfig::default().limit(4096))
        .app_data(web::FormConfig::default().limit(4096))
        .service(add_reading)
        .service(list_readings)
        .route("/readings", only("GET, POST", in_a_problem))
        .default_service(web::to(|| async { Err::<HttpResponse, _>(problem(404, "nothing here")) }));
}

pub fn drawn() -> OpenApi {
    let info = InfoBuilder::new().title("Temperatures").version("1.0.0").build();
    // utoipa does not collect what an answer of its own names.
    let components = ComponentsBuilder::new().schema_from::<Problem>().build();
    let frame = OpenApiBuilder::new().info(info).components(Some(components)).build();
    App::new().into_utoipa_app().openapi(frame).configure(configure).split_for_parts().1
}

pub async fn start() -> InMemory {
    let app = App::new().into_utoipa_app().configure(configure).into_app();
    InMemory::new(test::init_service(app).await, Vec::new(), |_| ())
}
