//! What utoipa really draws, held to what its author would write by hand in OpenAPI 3.0.

mod support;

use std::collections::{BTreeMap, HashMap};

use support::check;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::{IntoParams, Modify, OpenApi, ToSchema};

/// What is stored.
#[derive(ToSchema)]
#[allow(dead_code)]
struct Item {
    /// Its name
    #[schema(min_length = 1, max_length = 20, pattern = "^[a-z]+$", example = "spoon")]
    name: String,
    /// How many
    #[schema(minimum = 0, exclusive_maximum = 100)]
    count: Option<i64>,
    /// In which state
    state: State,
    last_state: Option<State>,
    /// What is inside
    #[schema(no_recursion)]
    inside: Vec<Item>,
    #[schema(no_recursion)]
    parent: Option<Box<Item>>,
    labels: HashMap<String, String>,
    by_day: BTreeMap<String, Vec<i32>>,
    anything: serde_json::Value,
    #[schema(deprecated)]
    weight: f64,
    #[schema(value_type = String, format = Binary, read_only)]
    bytes: Vec<u8>,
    small: u8,
}

#[derive(ToSchema)]
#[allow(dead_code)]
enum State {
    New,
    #[schema(rename = "worn")]
    Used,
}

#[derive(ToSchema)]
#[allow(dead_code)]
enum Shape {
    Round(f32),
    Square { side: i64 },
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)]
struct Filter {
    /// The first letters
    #[param(example = "sp", max_length = 5)]
    prefix: Option<String>,
    #[param(inline)]
    state: Option<State>,
}

/// List the items.
///
/// Those that are there.
#[utoipa::path(
    get,
    path = "/items/{shelf}",
    operation_id = "listItems",
    tag = "items",
    params(("shelf" = u32, Path, description = "Which shelf"), Filter, ("X-Trace" = Option<String>, Header)),
    responses(
        (status = 200, description = "Some", body = [Item], headers(("X-Total" = i64, description = "How many"))),
        (status = "4XX", description = "No"),
    ),
    security(("key" = [])),
)]
#[allow(dead_code)]
fn list() {}

#[utoipa::path(
    post,
    path = "/items/{shelf}",
    tag = "items",
    params(("shelf" = u32, Path, description = "Which shelf")),
    request_body(content((Item = "application/json"), (Shape = "text/json")), description = "A new one"),
    responses((status = 201, description = "Stored", body = Shape)),
    security(()),
)]
#[allow(dead_code)]
fn add() {}

#[derive(OpenApi)]
#[openapi(
    info(title = "Items", version = "1", description = "", license(name = "MIT")),
    paths(list, add),
    servers((url = "/api")),
    tags((name = "items", description = "Things")),
    modifiers(&Keys)
)]
struct Api;

struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Key")));
        document.components.get_or_insert_default().add_security_scheme("key", scheme);
    }
}

#[test]
fn a_drawn_document_is_equal_to_the_written_one() {
    let drawn = serde_json::to_value(Api::openapi()).expect("it is JSON");
    if let Err(report) = check(include_str!("fixture/items.yaml"), &drawn) {
        panic!("{report}\n{drawn:#}");
    }
}
