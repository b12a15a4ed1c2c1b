//! A second opinion: `openapiv3` can read the document, and loses nothing of it.
//!
//! It silently drops what it does not know. The grammar should have found all of that before; this rule finds what the
//! grammar knows and a reader of OpenAPI 3.0 drops all the same, such as `allowReserved` on a path parameter.

use openapiv3::OpenAPI;
use serde_json::Value;

use super::{Findings, Placed, inner, survey};
use crate::finding::Kind;
use crate::grammar::{Object, Shape, reference};
use crate::pointer::{At, Token};

pub(super) fn check(document: &Value, findings: &mut Findings<'_>) {
    let read: Result<OpenAPI, _> = serde_json::from_value(adapted(document));
    match read.and_then(serde_json::to_value) {
        Ok(kept) => lost_keys(&At::root(), Shape::Object(Object::Document), document, &kept, findings),
        Err(error) => {
            let sentence = format!("this is not a document of OpenAPI 3.0: {error}");
            let help = "mend what the sentence names".to_owned();
            findings.push(Kind::InvalidValue, &Placed::value(At::root(), document), sentence, help);
        }
    }
}

/// Words of OpenAPI 3.0 that `openapiv3` 2.2 does not know. Whoever reads the document otherwise does.
const UNKNOWN_TO_IT: &[(Object, &str)] = &[
    (Object::Callback, "$ref"),
    (Object::Schema, "xml"),
    (Object::Header, "allowEmptyValue"),
    (Object::Header, "explode"),
    (Object::Header, "allowReserved"),
];

/// The document without what `openapiv3` 2.2 cannot read: an operation's callback that is a reference, and the
/// extensions of a callback.
fn adapted(document: &Value) -> Value {
    let mut adapted = document.clone();
    for node in survey(document).iter().filter(|node| node.shape == Shape::Object(Object::Callback)) {
        if let Some(Value::Object(callback)) = adapted.pointer_mut(&node.at.pointer()) {
            if reference(Object::Callback, node.value).is_some() {
                callback.clear();
            }
            callback.retain(|key, _| !Object::Callback.is_extension(key));
        }
    }
    adapted
}

fn lost_keys<'d>(at: &At<'d>, shape: Shape, value: &'d Value, kept: &Value, findings: &mut Findings<'_>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        if kept.get(key).is_some() || says_nothing(value) || may_be_lost(shape, key) {
            continue;
        }
        let sentence = format!("`{key}` means nothing here: a reader of OpenAPI 3.0 drops it");
        let help = format!("take `{key}` away, or put it where it counts");
        findings.push(Kind::IgnoredKey, &Placed::entry(at.key(key), value), sentence, help);
    }
    for (token, shape, value) in inner(shape, value) {
        let kept = match token {
            Token::Key(key) => kept.get(key),
            Token::Index(index) => kept.get(index),
        };
        if let Some(kept) = kept {
            lost_keys(&at.then(token), shape, value, kept, findings);
        }
    }
}

fn may_be_lost(shape: Shape, key: &str) -> bool {
    match shape {
        Shape::Object(object) => object.is_extension(key) || UNKNOWN_TO_IT.contains(&(object, key)),
        Shape::SchemaOrFlag => may_be_lost(Shape::Object(Object::Schema), key),
        // What stands in data is nobody's key.
        Shape::Data => true,
        _ => false,
    }
}

/// Whether a value is what its absence would be, or the `null` of an example, which `openapiv3` cannot tell from none.
fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Number(_) | Value::Bool(true) | Value::String(_) => false,
    }
}
