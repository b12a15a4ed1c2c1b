//! The check against our own spec: every node of it is deleted, changed, renamed, doubled and given siblings, and each time
//! the build would have failed.

use contract::{Spec, mutants};
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

#[test]
fn the_same_said_otherwise_is_no_finding() {
    let document: Value = serde_json::from_str(teable_attachments::document::JSON).expect("JSON");
    let rewrites = mutants::rewrites();
    for rewrite in &rewrites {
        let checked = Spec::read(rewrite.name, &rewrite.apply(&document))
            .and_then(|spec| contract::check(spec, &drawn()));
        if let Err(report) = checked {
            panic!("{}:\n{report}", rewrite.name);
        }
    }
    println!("equivalent rewrites: {}, findings: 0", rewrites.len());
}

#[test]
fn cases_can_be_derived_from_every_mutant() {
    let derived = mutants::derive(SPEC).unwrap_or_else(|report| panic!("{report}"));
    println!("derived: {} mutants that are specs, {} cases", derived.mutants, derived.cases);
    assert!(derived.mutants > 3_000 && derived.cases > 100_000, "{derived:?}");
}
