//! Every key is a word of OpenAPI that may stand there, every required one does, and every value is of its shape.

use serde_json::{Map, Value};

use super::{Findings, Node, Placed, Scene, expected_keys, nearest};
use crate::finding::Kind;
use crate::grammar::{Need, Object, Shape, Since, reference};

pub(super) fn check(scene: &Scene<'_>, findings: &mut Findings<'_>) {
    for node in &scene.nodes {
        match (node.shape, node.value) {
            (Shape::Object(object), Value::Object(fields)) => {
                if reference(object, node.value).is_some() {
                    beside_reference(node, fields, findings);
                } else {
                    unknown_keys(node, object, fields, findings);
                    missing_keys(node, object, fields, findings);
                }
            }
            (shape, value) => {
                if let Some(wanted) = misfit(shape, value) {
                    let sentence = format!("{wanted} is expected here");
                    let help = format!("write {wanted}");
                    findings.push(Kind::InvalidValue, &Placed::value(node.at.clone(), value), sentence, help);
                }
            }
        }
    }
}

/// What should stand there instead, if the value is not of the shape.
fn misfit(shape: Shape, value: &Value) -> Option<String> {
    let (fits, wanted) = match shape {
        Shape::Text | Shape::SchemaName => (value.is_string(), "a string"),
        Shape::Choice(words) => {
            let fits = value.as_str().is_some_and(|word| words.contains(&word));
            return (!fits).then(|| format!("one of `{}`", words.join("`, `")));
        }
        Shape::Flag => (value.is_boolean(), "`true` or `false`"),
        Shape::Number => (value.is_number(), "a number"),
        Shape::Count => (value.is_u64(), "a whole number that is not negative"),
        Shape::Data => (true, "anything"),
        Shape::SchemaOrFlag => (value.is_boolean() || value.is_object(), "a schema, `true` or `false`"),
        Shape::Map(..) | Shape::Object(_) => (value.is_object(), "a map"),
        Shape::List(..) => (value.is_array(), "a list"),
    };
    (!fits).then(|| wanted.to_owned())
}

/// Beside a `$ref` nothing counts (OpenAPI 3.0.3, section 4.7.23).
fn beside_reference<'d>(node: &Node<'d>, fields: &'d Map<String, Value>, findings: &mut Findings<'_>) {
    for (key, value) in fields.iter().filter(|(key, _)| *key != "$ref" && !key.starts_with("x-")) {
        let sentence = format!("`{key}` stands beside a `$ref`, where OpenAPI 3.0 ignores it");
        let help = "move it into what is referred to; beside a schema's `$ref`, wrap the reference: `allOf: [$ref: …]`";
        findings.push(Kind::IgnoredKey, &Placed::entry(node.at.key(key), value), sentence, help.to_owned());
    }
}

fn unknown_keys<'d>(
    node: &Node<'d>,
    object: Object,
    fields: &'d Map<String, Value>,
    findings: &mut Findings<'_>,
) {
    for (key, value) in fields.iter().filter(|(key, _)| !object.is_extension(key)) {
        let later = object.field(key).is_some_and(|field| field.since == Since::V31);
        if object.shape(key).is_some() && !later {
            continue;
        }
        let (sentence, help) = if later {
            (
                format!("`{key}` is a word of OpenAPI 3.1, and this document is written in 3.0"),
                "say it in the words of 3.0".to_owned(),
            )
        } else {
            let help = match nearest::field(object, key) {
                Some(name) => format!("write `{name}`, if that is meant"),
                None if key == "<<" => "YAML 1.2 has no merge key: write the fields out".to_owned(),
                None => {
                    format!("{}; an extension begins with `x-`", expected_keys(object))
                }
            };
            (format!("a {} has no key `{key}`", object.noun()), help)
        };
        findings.push(Kind::UnknownKey, &Placed::entry(node.at.key(key), value), sentence, help);
    }
}

fn missing_keys<'d>(
    node: &Node<'d>,
    object: Object,
    fields: &'d Map<String, Value>,
    findings: &mut Findings<'_>,
) {
    for field in object.fields().iter().filter(|field| field.need == Need::Required) {
        if !fields.contains_key(field.name) {
            let sentence = format!("a {} must have the key `{}`", object.noun(), field.name);
            let help = format!("add `{}`", field.name);
            findings.push(Kind::MissingKey, &Placed::absent(node.at.key(field.name)), sentence, help);
        }
    }
}
