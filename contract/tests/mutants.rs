//! Every node of the fixture is deleted, changed, renamed and given siblings, on either side, and each change is noticed.

mod support;

use contract::mutants::{Tally, derive, run, run_on_drawn};
use support::{SPEC, drawn};

fn assert_clean(side: &str, tally: &Tally) {
    println!("{side}: {tally}; edits that change nothing: {}", tally.equivalent);
    for (rule, count) in &tally.by_rule {
        println!("  {count}: {rule}");
    }
    assert!(tally.is_clean(), "missed: {:#?}\nfalse alarms: {:#?}", tally.survivors, tally.false_alarms);
    assert!(tally.mutants > 10_000, "the fixture must be rich: {tally}");
}

#[test]
fn every_mutant_of_the_spec_is_found() {
    let tally = run(SPEC, &drawn()).unwrap_or_else(|report| panic!("{report}"));
    assert_clean("spec", &tally);
}

#[test]
fn every_mutant_of_the_drawn_document_is_found() {
    let tally = run_on_drawn(SPEC, &drawn()).unwrap_or_else(|report| panic!("{report}"));
    assert_clean("drawn", &tally);
}

#[test]
fn cases_can_be_derived_from_every_mutant() {
    let derived = derive(SPEC).unwrap_or_else(|report| panic!("{report}"));
    println!("derived: {} mutants that are specs, {} cases", derived.mutants, derived.cases);
    assert!(derived.mutants > 3_000 && derived.cases > 100_000, "{derived:?}");
}
