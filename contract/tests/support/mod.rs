//! The fixture: a library's spec, and the document that its implementation would draw.

#![allow(dead_code, reason = "each test file uses its part")]

use contract::{Report, Spec};
use serde_json::Value;

/// What reports call the fixture's spec.
pub const NAME: &str = "library.yaml";

/// The spec.
pub const SPEC: &str = include_str!("../fixture/library.yaml");

/// The drawn document that agrees with it.
pub fn drawn() -> Value {
    serde_json::from_str(include_str!("../fixture/library.drawn.json")).expect("the fixture is JSON")
}

/// The whole check.
pub fn check(spec: &str, drawn: &Value) -> Result<contract::Checked, Report> {
    Spec::read(NAME, spec).and_then(|spec| contract::check(spec, drawn))
}

/// The spec with one place changed, the first of those that match.
pub fn with(from: &str, to: &str) -> String {
    assert!(SPEC.contains(from), "`{from}` must stand in the fixture");
    SPEC.replacen(from, to, 1)
}
