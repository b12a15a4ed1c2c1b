//! Compiles `src/api.rs` a second time, and lets nothing be built that departs from `openapi.yaml`.

#[allow(dead_code)]
#[path = "src/api.rs"]
mod api;
#[path = "src/stand_in.rs"]
mod stand_in;

use std::error::Error;
use std::sync::Arc;

use actix_web::{App, test, web};
use contract::BuildScript;
use contract::conformance::{Credential, InMemory, Options};
use stand_in::{StandIn, TOKEN};
use utoipa_actix_web::AppExt;

fn main() -> Result<(), Box<dyn Error>> {
    let script = BuildScript::of("openapi.yaml").sources("src/api.rs");
    // The annotations say what the spec says.
    let checked = script.compare(&serde_json::to_value(api::document())?);
    // The handlers do what the spec says.
    let librarian = Credential { scheme: "librarian".to_owned(), secret: TOKEN.to_owned() };
    script.conform(&checked, Options { credentials: vec![librarian], ..Options::default() }, start());
    // What the app serves is what was checked.
    Ok(script.write(&checked)?)
}

/// The real handlers, with a stand-in behind them.
async fn start() -> InMemory {
    let stand_in = StandIn::default();
    let port: Arc<dyn api::Shelf> = Arc::new(stand_in.clone());
    let app =
        App::new().into_utoipa_app().app_data(web::Data::from(port)).configure(api::configure).into_app();
    InMemory::new(test::init_service(app).await, StandIn::failures(), move |failure| stand_in.fail(failure))
}
