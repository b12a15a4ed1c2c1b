//! The loader of the spec: any text is either a document, which says the same when it is written as JSON, or refused with places that
//! exist.

use contract::Spec;

/// Runs the target on one input. Skips an input that is not UTF-8.
///
/// # Panics
/// If a property does not hold.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match Spec::read("fuzzed.yaml", text) {
        Ok(spec) => {
            let json = spec.document().to_string();
            let again = Spec::read("again.json", &json).unwrap_or_else(|report| panic!("{report}\n{json}"));
            assert_eq!(again.document(), spec.document());
        }
        Err(report) => {
            assert!(!report.findings().is_empty(), "refused for nothing");
            // A carriage return alone ends a line of YAML, too.
            let lines = text.bytes().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 2;
            for finding in report.findings() {
                assert!((1..=lines).contains(&finding.location.line), "{finding:?}");
            }
            assert!(!report.to_string().is_empty() && report.json().is_object());
        }
    }
}
