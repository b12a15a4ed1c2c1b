//! Compiles the surface in `src/api/` a second time, and lets nothing be built that departs from `openapi/attachments.yaml`.

#[allow(dead_code, missing_docs, clippy::all, clippy::pedantic, reason = "judged as part of the crate")]
#[path = "src/api/mod.rs"]
mod api;
#[allow(dead_code)]
#[path = "src/stand_in.rs"]
mod stand_in;

use std::error::Error;
use std::path::Path;
use std::process::exit;
use std::{env, fs};

use contract::{Checked, Report, Spec};

const SPEC: &str = "openapi/attachments.yaml";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={SPEC}");
    println!("cargo::rerun-if-changed=src/api");
    let spec = fs::read_to_string(SPEC).map_err(|error| format!("cannot read {SPEC}: {error}"))?;
    let drawn = serde_json::to_value(api::document())?;
    let checked = check(&spec, &drawn).unwrap_or_else(|report| refuse(&report));

    layer2(&checked);
    // What the server serves is what was checked.
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("openapi.json"), checked.json())?;
    fs::write(Path::new(&out).join("openapi.yaml"), checked.yaml())?;
    // For the tests, which hold mutants of the spec against it.
    fs::write(Path::new(&out).join("drawn.json"), drawn.to_string())?;
    Ok(())
}

fn check(spec: &str, drawn: &serde_json::Value) -> Result<Checked, Report> {
    contract::check(Spec::read(SPEC, spec)?, drawn)
}

fn refuse(report: &Report) -> ! {
    eprintln!("{report}");
    for finding in report.findings() {
        println!("cargo::error={}: {}", finding.location, finding.sentence);
    }
    exit(1)
}

fn layer2(checked: &Checked) {
    use actix_web::{App, test, web};
    use contract::conformance::{Credential, InMemory, Options, Suite};
    use stand_in::{StandIn, ACCESS_TOKEN};
    use utoipa_actix_web::AppExt;
    let t1 = std::time::Instant::now();
    let r = actix_web::rt::System::new().block_on(async {
        let stand_in = StandIn::new(checked.document());
        let port: std::sync::Arc<dyn api::port::Attachments> = std::sync::Arc::new(stand_in.clone());
        let app = App::new().into_utoipa_app().app_data(web::Data::from(port)).configure(api::configure).into_app();
        let app = InMemory::new(test::init_service(app).await, StandIn::failures(), move |f| stand_in.fail(f));
        let options = Options { credentials: vec![Credential { scheme: "bearerAuth".into(), secret: ACCESS_TOKEN.into() }], ..Options::default() };
        let suite = Suite::derive(checked.spec(), options);
        eprintln!("derive {:?} {}", t1.elapsed(), suite.cases());
        suite.run(&app).await
    });
    eprintln!("layer2 {:?}", t1.elapsed());
    match r { Ok(t) => { eprintln!("{t}"); if std::env::var("SHOW").is_ok() { std::process::exit(1)}}, Err(r) => { eprint!("{r}"); std::process::exit(1) } }
}
