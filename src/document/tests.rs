use contract::Spec;

use super::*;

fn spec() -> Spec {
    Spec::read("openapi.yaml", YAML).expect("the build has read it")
}

#[test]
fn what_is_told_says_what_was_checked() {
    let documents = Documents::of("http://localhost:3000");
    for version in [Version::V3_0, Version::V3_1] {
        contract::check(spec(), documents.value(version)).unwrap_or_else(|report| panic!("{report}"));
    }
}
