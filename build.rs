//! Compiles the surface in `src/api/` a second time, and lets nothing be built that departs from `openapi/attachments.yaml`.

#[allow(dead_code, missing_docs, clippy::all, clippy::pedantic, reason = "judged as part of the crate")]
#[path = "src/api/mod.rs"]
mod api;

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
