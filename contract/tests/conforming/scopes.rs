//! Scopes, extractors of the app's own, a bearer token here and a key there, refusals without a body, failures to order.

use std::cell::Cell;
use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{App, FromRequest, HttpRequest, HttpResponse, ResponseError, get, post, test, web};
use contract::conformance::{Credential, InMemory};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{empty, only};

#[derive(Debug)]
struct Unknown;

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("who are you")
    }
}

impl ResponseError for Unknown {
    fn error_response(&self) -> HttpResponse {
        HttpResponse::Unauthorized().insert_header((header::WWW_AUTHENTICATE, "Bearer")).finish()
    }
}

/// Someone with the token.
struct Guest;

impl FromRequest for Guest {
    type Error = Unknown;
    type Future = Ready<Result<Self, Unknown>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let value = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = value.and_then(|value| value.split_once(' '));
        let known = token.is_some_and(|(scheme, token)| {
            scheme.eq_ignore_ascii_case("bearer") && token.trim_matches(' ') == "guest"
        });
        ready(if known { Ok(Self) } else { Err(Unknown) })
    }
}

/// Someone with the key.
struct Keeper;

impl FromRequest for Keeper {
    type Error = Unknown;
    type Future = Ready<Result<Self, Unknown>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let known = request.headers().get("X-Key").is_some_and(|key| key == "brass");
        ready(if known { Ok(Self) } else { Err(Unknown) })
    }
}

/// What is behind the doors: nothing, if so told.
#[derive(Clone, Default)]
struct House(Rc<Cell<bool>>);

#[utoipa::path(
    operation_id = "openDoor",
    params(("name" = String, Path, max_length = 8, example = "cellar")),
    responses(
        (status = 204, description = "It is open"),
        (status = 400, description = "No door has such a name"),
        (status = 401, description = "Who are you", headers(("WWW-Authenticate" = String, description = "How to say so"))),
        (status = 404, description = "There is no such door"),
    ),
    security(("bearer" = [])),
)]
#[post("/doors/{name}")]
async fn open_door(_: Guest, name: web::Path<String>, house: web::Data<House>) -> HttpResponse {
    match name.chars().count() {
        9.. => HttpResponse::BadRequest().finish(),
        _ if house.0.get() => HttpResponse::NotFound().finish(),
        _ => HttpResponse::NoContent().finish(),
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Page {
    #[serde(default = "first")]
    #[param(minimum = 1, maximum = 9, default = 1, required = false)]
    page: i32,
}

fn first() -> i32 {
    1
}

#[utoipa::path(
    operation_id = "listKeys",
    params(Page),
    responses(
        (
            status = 200, description = "The keys", body = Vec<String>,
            headers(("X-Page" = i32, description = "Which page it is")),
            example = json!(["brass"]),
        ),
        (status = 400, description = "There is no such page"),
        (status = 401, description = "Who are you"),
    ),
    security(("key" = [])),
)]
#[get("/keys")]
async fn list_keys(_: Keeper, page: web::Query<Page>) -> HttpResponse {
    if !(1..=9).contains(&page.page) {
        return HttpResponse::BadRequest().finish();
    }
    HttpResponse::Ok().insert_header(("X-Page", page.page)).json(["brass"])
}

fn configure(routes: &mut ServiceConfig<'_>) {
    let bad = |error, _: &HttpRequest| {
        actix_web::error::InternalError::from_response(error, HttpResponse::BadRequest().finish()).into()
    };
    routes.app_data(web::QueryConfig::default().error_handler(bad)).service(
        utoipa_actix_web::scope("/house")
            .service(open_door)
            .route("/doors/{name}", only("POST", empty))
            .service(list_keys)
            .route("/keys", only("GET", empty)),
    );
}

pub fn drawn() -> OpenApi {
    let mut components = Components::new();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    components.add_security_scheme("key", SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Key"))));
    let info = InfoBuilder::new().title("Doors").version("1.0.0").build();
    let frame = OpenApiBuilder::new().info(info).components(Some(components)).build();
    App::new().into_utoipa_app().openapi(frame).configure(configure).split_for_parts().1
}

pub fn credentials() -> Vec<Credential> {
    [("bearer", "guest"), ("key", "brass")]
        .map(|(scheme, secret)| Credential { scheme: scheme.to_owned(), secret: secret.to_owned() })
        .into()
}

pub async fn start() -> InMemory {
    let house = House::default();
    let app =
        App::new().into_utoipa_app().app_data(web::Data::new(house.clone())).configure(configure).into_app();
    let failures = vec!["the door is gone".to_owned()];
    InMemory::new(test::init_service(app).await, failures, move |failure| house.0.set(failure.is_some()))
}
