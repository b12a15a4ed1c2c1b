//! The same document in OpenAPI 3.1.

use serde_json::{Value, json};

/// What holds a value and not a schema, whatever its members are called.
const PAYLOADS: [&str; 4] = ["example", "examples", "default", "enum"];

/// `document`, which is of 3.0, in 3.1: schemas are those of JSON Schema 2020-12.
pub(super) fn to_3_1(document: &Value) -> Value {
    let mut document = document.clone();
    object(&mut document);
    document["openapi"] = json!("3.1.0");
    for schema in document["components"]["schemas"].as_object_mut().into_iter().flatten() {
        self::schema(schema.1);
    }
    document
}

/// Anything but a schema: finds the schemas in it.
fn object(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match name.as_str() {
                    "schema" => schema(member),
                    "schemas" => {}
                    name if PAYLOADS.contains(&name) || name.starts_with("x-") => {}
                    _ => object(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(object),
        _ => {}
    }
}

fn schema(value: &mut Value) {
    let Some(members) = value.as_object_mut() else { return };
    // Without a `type` it says nothing (OpenAPI 3.0.3, 4.7.24.1), and what is enumerated names null itself.
    if members.shift_remove("nullable") == Some(Value::Bool(true))
        && let Some(named) = members.get_mut("type")
    {
        *named = json!([named, "null"]);
    }
    for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if members.get(exclusive).is_some_and(Value::is_boolean)
            && members.shift_remove(exclusive) == Some(Value::Bool(true))
            && let Some(limit) = members.shift_remove(bound)
        {
            members.insert(exclusive.to_owned(), limit);
        }
    }
    if let Some(example) = members.shift_remove("example") {
        members.insert("examples".to_owned(), json!([example]));
    }
    for (name, member) in members {
        match (name.as_str(), member) {
            ("properties", Value::Object(properties)) => {
                properties.values_mut().for_each(schema);
            }
            ("allOf" | "anyOf" | "oneOf", Value::Array(parts)) => parts.iter_mut().for_each(schema),
            ("items" | "additionalProperties" | "not", member) => schema(member),
            _ => {}
        }
    }
}
