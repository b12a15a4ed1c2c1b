//! The check itself: any spec against our handlers, our spec against anything that is drawn, and every spec against itself, in which
//! nothing differs.

use std::sync::LazyLock;

use contract::conformance::{Options, Suite};
use contract::{Spec, check};
use serde_json::Value;

static DRAWN: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(teable_attachments::api::document()).expect("JSON"));
static OURS: LazyLock<Spec> = LazyLock::new(|| {
    Spec::read("attachments.yaml", include_str!("../../../openapi/attachments.yaml")).expect("our own spec")
});

/// Runs the target on one input. Skips an input that is not UTF-8.
///
/// # Panics
/// If a property does not hold.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(drawn) = serde_json::from_str::<Value>(text) {
        told(check(OURS.clone(), &drawn));
    }
    let Ok(spec) = Spec::read("fuzzed.yaml", text) else { return };
    told(check(spec.clone(), &DRAWN));
    told(check(OURS.clone(), spec.document()));
    let own = spec.document().clone();
    if let Err(report) = check(spec.clone(), &own) {
        panic!("it differs from itself:\n{report}");
    }
    let suite = Suite::derive(&spec, Options::default());
    assert_eq!(suite.cases(), Suite::derive(&spec, Options::default()).cases());
}

/// Whatever was found can be told.
fn told(result: Result<contract::Checked, contract::Report>) {
    if let Err(report) = result {
        assert!(!report.findings().is_empty(), "refused for nothing");
        assert!(!report.to_string().is_empty() && report.json().is_object());
    }
}
