//! References everywhere, a schema within itself, `null` where the spec has it, several successes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::error::{InternalError, JsonPayloadError};
use actix_web::http::StatusCode;
use actix_web::{App, HttpResponse, put, test, web};
use contract::conformance::InMemory;
use serde::{Deserialize, Serialize};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa::{IntoResponses, ToSchema};
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

static PLANTED: AtomicBool = AtomicBool::new(false);

#[derive(Serialize, Deserialize, ToSchema)]
struct Tree {
    #[schema(min_length = 1, max_length = 10, example = "oak")]
    name: String,
    #[schema(no_recursion, max_items = 4)]
    branches: Vec<Tree>,
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required = true, max_length = 10, example = "Anna")]
    owner: Option<String>,
    #[serde(default, deserialize_with = "super::present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = BTreeMap<String, i64>, required = false)]
    heights: Option<BTreeMap<String, i64>>,
    #[serde(default, deserialize_with = "super::present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Kind, required = false)]
    stock: Option<Kind>,
}

impl Tree {
    fn is_sound(&self) -> bool {
        (1..=10).contains(&self.name.chars().count())
            && self.branches.len() <= 4
            && self.owner.as_ref().is_none_or(|owner| owner.chars().count() <= 10)
            && self.branches.iter().all(Self::is_sound)
    }
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Leaf,
    Needle,
}

#[derive(Serialize, ToSchema)]
struct Refusal {
    #[schema(value_type = i32, example = 400)]
    status: u16,
    #[schema(example = "it has no name")]
    reason: String,
}

#[derive(IntoResponses)]
#[response(status = 400, description = "It is no tree")]
struct Wrong(#[allow(dead_code)] Refusal);

#[derive(IntoResponses)]
#[response(status = 405, description = "There is no such method", headers(("Allow" = String)))]
struct NoSuchMethod(#[allow(dead_code)] Refusal);

#[derive(IntoResponses)]
#[response(status = 413, description = "It is too large")]
struct TooLarge(#[allow(dead_code)] Refusal);

#[derive(IntoResponses)]
#[response(status = 415, description = "It is not JSON")]
struct NotJson(#[allow(dead_code)] Refusal);

/// Plant it in place of what is there
#[utoipa::path(
    operation_id = "replant",
    tag = "trees",
    request_body = Tree,
    responses(
        (status = 200, description = "The tree", body = Tree),
        (status = 204, description = "There was none before"),
        Wrong, NoSuchMethod, TooLarge, NotJson,
    ),
)]
#[put("/trees")]
async fn replant(tree: web::Json<Tree>) -> HttpResponse {
    if !tree.is_sound() {
        return refusal(StatusCode::BAD_REQUEST, "it is no sound tree");
    }
    if PLANTED.swap(true, Ordering::Relaxed) {
        HttpResponse::Ok().json(&*tree)
    } else {
        HttpResponse::NoContent().finish()
    }
}

fn refusal(status: StatusCode, reason: &str) -> HttpResponse {
    HttpResponse::build(status).json(Refusal { status: status.as_u16(), reason: reason.to_owned() })
}

fn configure(routes: &mut ServiceConfig<'_>) {
    let json = web::JsonConfig::default().limit(16 * 1024).error_handler(|error, _| {
        let status = match error {
            JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            JsonPayloadError::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            _ => StatusCode::BAD_REQUEST,
        };
        let response = refusal(status, &error.to_string());
        InternalError::from_response(error, response).into()
    });
    let wrong_method = || async {
        let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, "only PUT");
        response.headers_mut().insert(actix_web::http::header::ALLOW, "PUT".parse().expect("a value"));
        response
    };
    routes
        .app_data(json)
        .service(replant)
        .route("/trees", web::route().to(wrong_method))
        .default_service(web::to(|| async { refusal(StatusCode::NOT_FOUND, "nothing grows here") }));
}

pub fn drawn() -> OpenApi {
    let info = InfoBuilder::new().title("Trees").version("1.0.0").build();
    let tag = TagBuilder::new().name("trees").description(Some("What grows")).build();
    // utoipa does not collect what an answer of its own names.
    let components = ComponentsBuilder::new().schema_from::<Refusal>().build();
    let frame = OpenApiBuilder::new().info(info).components(Some(components)).tags(Some([tag])).build();
    App::new().into_utoipa_app().openapi(frame).configure(configure).split_for_parts().1
}

pub async fn start() -> InMemory {
    let app = App::new().into_utoipa_app().configure(configure).into_app();
    InMemory::new(test::init_service(app).await, Vec::new(), |_| ())
}
