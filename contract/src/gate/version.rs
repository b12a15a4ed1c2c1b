//! The document is one of OpenAPI 3.0 (OpenAPI 3.0.3, section 4.7.1).

use serde_json::Value;

use super::{Findings, Placed};
use crate::finding::Kind;
use crate::pointer::At;

pub(super) fn check(document: &Value, findings: &mut Findings<'_>) {
    let help = || "begin the document with `openapi: 3.0.3`".to_owned();
    if !document.is_object() {
        let place = Placed::value(At::root(), document);
        findings.push(Kind::InvalidValue, &place, "the document is not a map".to_owned(), help());
        return;
    }
    let at = At::root().key("openapi");
    match document.get("openapi") {
        None => {
            let sentence = "the document does not say which version of OpenAPI it is written in".to_owned();
            findings.push(Kind::Version, &Placed::absent(at), sentence, help());
        }
        Some(version) if !version.as_str().is_some_and(is_3_0) => {
            let sentence = "the document is not written in OpenAPI 3.0".to_owned();
            findings.push(Kind::Version, &Placed::value(at, version), sentence, help());
        }
        Some(_) => {}
    }
}

fn is_3_0(version: &str) -> bool {
    version
        .strip_prefix("3.0.")
        .is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit()))
}
