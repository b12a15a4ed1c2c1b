//! temp
#[allow(dead_code)]
#[path = "src/api.rs"]
mod api;
#[path = "src/stand_in.rs"]
mod stand_in;

use std::sync::Arc;
use actix_web::{App, test, web};
use contract::conformance::{Credential, InMemory, Options, Suite};
use stand_in::{StandIn, TOKEN};
use utoipa_actix_web::AppExt;

fn main() {
    let text = std::fs::read_to_string("openapi.yaml").unwrap();
    let drawn = serde_json::to_value(api::document()).unwrap();
    let t0 = std::time::Instant::now();
    let checked = match contract::Spec::read("openapi.yaml", &text).and_then(|spec| contract::check(spec, &drawn)) {
        Ok(checked) => {
            let out = std::env::var("OUT_DIR").expect("cargo sets it");
            std::fs::write(format!("{out}/openapi.yaml"), checked.yaml()).expect("OUT_DIR is writable");
            checked
        }
        Err(report) => { eprint!("{report}"); std::process::exit(1) }
    };
    let t1 = std::time::Instant::now();
    let r = actix_web::rt::System::new().block_on(async {
        let stand_in = StandIn::default();
        let port: Arc<dyn api::Shelf> = Arc::new(stand_in.clone());
        let app = App::new().into_utoipa_app().app_data(web::Data::from(port)).configure(api::configure).into_app();
        let app = InMemory::new(test::init_service(app).await, StandIn::failures(), move |f| stand_in.fail(f));
        let options = Options { credentials: vec![Credential { scheme: "librarian".into(), secret: TOKEN.into() }], ..Options::default() };
        let suite = Suite::derive(checked.spec(), options);
        eprintln!("derive {:?} {}", t1.elapsed(), suite.cases());
        suite.run(&app).await
    });
    eprintln!("layer1 {:?} layer2 {:?}", t1-t0, t1.elapsed());
    match r { Ok(t) => { eprintln!("{t}"); if std::env::var("SHOW").is_ok() { std::process::exit(1)}}, Err(r) => { eprint!("{r}"); std::process::exit(1) } }
}
