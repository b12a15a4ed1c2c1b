//! Compiles the surface in `src/api/` a second time, and lets nothing be built that departs from `openapi/attachments.yaml`: not in
//! what it says of itself, and not in what it does.

#[allow(dead_code, missing_docs, clippy::all, clippy::pedantic, reason = "judged as part of the crate")]
#[path = "src/api/mod.rs"]
mod api;
#[path = "src/idiom.rs"]
mod idiom;
#[path = "src/stand_in.rs"]
mod stand_in;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::{env, fs};

use actix_web::{App, test, web};
use api::port::Attachments;
use contract::BuildScript;
use contract::conformance::{Credential, InMemory, Options};
use stand_in::{ACCESS_TOKEN, StandIn};
use utoipa_actix_web::AppExt;

fn main() -> Result<(), Box<dyn Error>> {
    let script = BuildScript::of("openapi/attachments.yaml").sources("src/api").stubs(idiom::IDIOM);
    println!("cargo::rerun-if-changed=src/stand_in.rs");
    println!("cargo::rerun-if-changed=src/idiom.rs");
    let drawn = serde_json::to_value(api::document())?;
    let checked = script.compare(&drawn);
    let bearer = Credential { scheme: "bearerAuth".to_owned(), secret: ACCESS_TOKEN.to_owned() };
    let stand_in = StandIn::new(checked.document());
    script.conform(&checked, Options { credentials: vec![bearer], ..Options::default() }, start(stand_in));
    // What the server serves is what was checked.
    script.write(&checked)?;
    // For the tests, which hold mutants of the spec against it.
    fs::write(Path::new(&env::var("OUT_DIR")?).join("drawn.json"), drawn.to_string())?;
    Ok(())
}

/// The real handlers, with a stand-in behind the port.
async fn start(stand_in: StandIn) -> InMemory {
    let port: Arc<dyn Attachments> = Arc::new(stand_in.clone());
    let app =
        App::new().into_utoipa_app().app_data(web::Data::from(port)).configure(api::configure).into_app();
    InMemory::new(test::init_service(app).await, StandIn::failures(), move |failure| stand_in.fail(failure))
}
