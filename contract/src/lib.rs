//! Is this app the one that its spec describes?
//!
//! A hand-written OpenAPI 3.0 document leads, and an actix app that is annotated with utoipa follows. Called from the
//! app's `build.rs`, this crate lets no build succeed in which the two differ: [`check`] holds what the app says to the spec,
//! [`conformance`] what it does.
//!
//! ```no_run
//! # let drawn = serde_json::Value::Null; // in truth: serde_json::to_value(api::document())
//! # #[cfg(feature = "actix")]
//! # fn start() -> std::future::Pending<contract::conformance::InMemory> { std::future::pending() }
//! use contract::{BuildScript, conformance::Options};
//!
//! let script = BuildScript::of("openapi/api.yaml").sources("src/api");
//! let checked = script.compare(&drawn);
//! # #[cfg(feature = "actix")]
//! script.conform(&checked, Options::default(), start());
//! script.write(&checked)?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! The crate knows nothing of any one app. It is given a document and a way to start the app, and answers either that document,
//! checked, or everything that is wrong.

mod compare;
pub mod conformance;
mod data;
mod finding;
mod gate;
mod grammar;
#[cfg(feature = "mutants")]
#[doc(hidden)]
pub mod mutants;
mod normal;
mod pointer;
mod reference;
mod report;
mod script;
mod sources;
mod spec;
pub mod stub;
mod yaml;

pub use finding::{Behaviour, Evidence, Finding, Kind, Location, Operation, Part, RustItem, Side};
pub use report::{Report, Style};
pub use script::BuildScript;
pub use sources::Sources;
pub use spec::Spec;

use serde_json::Value;

/// Holds the implementation to the spec.
///
/// `drawn` is the OpenAPI 3.1 document that utoipa draws from the routes that are really mounted
/// (`serde_json::to_value(openapi)`).
///
/// # Errors
///
/// Every difference between the two documents, not only the first.
pub fn check(spec: Spec, drawn: &Value) -> Result<Checked, Report> {
    let findings = compare::compare(spec.document(), drawn, spec.source());
    if !findings.is_empty() {
        return Err(Report::new(findings, spec.source()));
    }
    Ok(Checked { spec })
}

/// A spec that an implementation was held to, and that is therefore true of it. Only [`check`] makes one.
#[derive(Clone, Debug)]
pub struct Checked {
    spec: Spec,
}

impl Checked {
    /// The spec, to derive [`conformance`] cases from.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The document, its keys in the order of the YAML.
    #[must_use]
    pub fn document(&self) -> &Value {
        self.spec.document()
    }

    /// The document as JSON, its keys in the order of the YAML.
    #[must_use]
    pub fn json(&self) -> String {
        format!("{:#}", self.document())
    }

    /// The document as it was written, to the letter.
    #[must_use]
    pub fn yaml(&self) -> &str {
        self.spec.text()
    }
}
