//! Two findings that are probably one: what is missing here is what is too many there, under another name.

use serde_json::Value;

use crate::data;
use crate::finding::{Finding, Kind, Part, Side};

/// Adds to the help of what is missing where it seems to have gone.
pub(super) fn hint(findings: &mut [Finding]) {
    let hints: Vec<(usize, String)> = findings
        .iter()
        .enumerate()
        .filter_map(|(index, finding)| match (finding.kind, &finding.spec) {
            (Kind::NotImplemented(part), Side::Value(value)) => {
                let place = elsewhere(findings, part, value, finding)?;
                Some((index, format!("; is it what the implementation calls {place}?")))
            }
            _ => None,
        })
        .collect();
    for (index, hint) in hints {
        findings[index].help.push_str(&hint);
    }
}

/// The name of the only thing that the implementation alone has and that could be this one.
fn elsewhere(findings: &[Finding], part: Part, value: &Value, missing: &Finding) -> Option<String> {
    let mut twins = findings.iter().filter(|other| other.kind == Kind::NotDocumented(part)).filter(|other| {
        let Side::Value(theirs) = &other.implementation else { return false };
        match part {
            Part::Operation => {
                value.get("operationId").is_some() && value.get("operationId") == theirs.get("operationId")
            }
            Part::Property | Part::Header | Part::MediaType | Part::Response | Part::SecurityScheme => {
                siblings(&other.pointer, &missing.pointer) && data::same(value, theirs)
            }
            _ => false,
        }
    });
    let (Some(twin), None) = (twins.next(), twins.next()) else { return None };
    if let Some(operation) = twin.operations.first().filter(|_| part == Part::Operation) {
        return Some(format!("`{operation}`"));
    }
    let name = twin.pointer.rsplit('/').next()?;
    Some(format!("`{}`", crate::pointer::unescape(name)))
}

fn siblings(a: &str, b: &str) -> bool {
    a.rsplit_once('/').map(|(parent, _)| parent) == b.rsplit_once('/').map(|(parent, _)| parent)
}
