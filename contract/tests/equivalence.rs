//! What says the same gives no finding, and what was checked is what is served.

mod support;

use contract::Spec;
use contract::mutants::rewrites;
use serde_json::Value;
use support::{NAME, SPEC, check, drawn};

#[test]
fn the_fixture_agrees_with_its_implementation() {
    let checked = check(SPEC, &drawn()).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(checked.yaml(), SPEC);
    let json: Value = serde_json::from_str(&checked.json()).expect("it is JSON");
    assert_eq!(&json, checked.document());
    let keys: Vec<&String> = checked.document().as_object().expect("it is a map").keys().collect();
    let order =
        ["openapi", "info", "servers", "security", "tags", "externalDocs", "paths", "components", "x-tail"];
    assert_eq!(keys, order);
}

#[test]
fn every_rewrite_says_the_same() {
    let drawn = drawn();
    let spec = Spec::read(NAME, SPEC).unwrap_or_else(|report| panic!("{report}"));
    let rewrites = rewrites();
    for rewrite in &rewrites {
        let text = rewrite.apply(spec.document());
        if let Err(report) = check(&text, &drawn) {
            panic!("{} is reported:\n{report}", rewrite.name);
        }
    }
    println!("rewrites: {}, false alarms: 0", rewrites.len());
}

#[test]
fn yaml_is_read_by_its_core_schema() {
    let text = "openapi: 3.0.3\ninfo: {title: yes, version: '1'}\npaths: {}\nx-data:\n  [1, -0o7, 0o17, 0x1F, 1., .5, 1e3, +7, 5368709120, 18446744073709551615, 007, no, ~, null, '', \"\\u00e9\", 1_000, 2001-01-01, !!str 5, !!float 5, ! 5]\n";
    let spec = Spec::read("core.yaml", text).unwrap_or_else(|report| panic!("{report}"));
    let expected = serde_json::json!([
        1,
        "-0o7",
        15,
        31,
        1.0,
        0.5,
        1000.0,
        7,
        5_368_709_120_u64,
        u64::MAX,
        7,
        "no",
        null,
        null,
        "",
        "é",
        "1_000",
        "2001-01-01",
        "5",
        5,
        "5"
    ]);
    assert_eq!(spec.document()["x-data"], expected);
    assert_eq!(spec.document()["info"]["title"], "yes");
}
