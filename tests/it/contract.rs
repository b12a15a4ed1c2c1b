//! The check against our own spec: every node of it is deleted, changed, renamed, doubled and given siblings, and each time
//! the build would have failed.

use contract::mutants;
use serde_json::Value;

const SPEC: &str = include_str!("../../openapi/attachments.yaml");

fn drawn() -> Value {
    serde_json::from_str(include_str!(concat!(env!("OUT_DIR"), "/drawn.json"))).expect("JSON")
}

#[test]
fn every_mutant_of_the_spec_is_found() {
    let tally = mutants::run(SPEC, &drawn()).unwrap_or_else(|report| panic!("{report}"));
    println!("{tally}");
    assert!(tally.is_clean(), "{:#?}\n{:#?}", tally.survivors, tally.false_alarms);
    assert!(tally.mutants > 5_000, "{tally}");
}
