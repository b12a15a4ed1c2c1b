//! A schema as the expression that builds exactly it, for what a Rust type and its attributes do not say.

use serde_json::{Map, Value};

use super::names::{literal, pascal};

/// Why no Rust was written for something.
pub(super) type ByHand = String;

/// The expression, without a conversion at its end, and the imports that it needs.
pub(super) fn expression(schema: &Value, imports: &mut Vec<&'static str>) -> Result<String, ByHand> {
    let Some(fields) = schema.as_object() else { return Err("a schema that is no object".to_owned()) };
    if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
        imports.push("utoipa::openapi::Ref");
        let name = reference.rsplit('/').next().unwrap_or_default();
        return Ok(format!("Ref::from_schema_name({})", literal(name)));
    }
    let array = fields.get("type").and_then(Value::as_str) == Some("array");
    let builder = if array { "ArrayBuilder" } else { "ObjectBuilder" };
    imports.push(if array {
        "utoipa::openapi::schema::ArrayBuilder"
    } else {
        "utoipa::openapi::schema::ObjectBuilder"
    });
    let mut calls = vec![format!("{builder}::new()")];
    for (keyword, value) in fields {
        if let Some(call) = call(fields, keyword, value, imports)? {
            calls.push(call);
        }
    }
    Ok(calls.join("."))
}

fn call(
    fields: &Map<String, Value>,
    keyword: &str,
    value: &Value,
    imports: &mut Vec<&'static str>,
) -> Result<Option<String>, ByHand> {
    let text = || value.as_str().map(literal).ok_or_else(|| format!("`{keyword}` that is no text"));
    Ok(Some(match keyword {
        "type" => {
            let kind = pascal(value.as_str().unwrap_or_default());
            let nullable = fields.get("nullable") == Some(&Value::Bool(true));
            imports.push("utoipa::openapi::schema::Type");
            match (kind.as_str(), nullable) {
                ("Array", false) => return Ok(None),
                (_, false) => format!("schema_type(Type::{kind})"),
                (_, true) => {
                    imports.push("utoipa::openapi::schema::SchemaType");
                    format!("schema_type(SchemaType::from_iter([Type::{kind}, Type::Null]))")
                }
            }
        }
        // Said with the type, and with the bound.
        "nullable" | "exclusiveMinimum" | "exclusiveMaximum" => return Ok(None),
        "items" => format!("items({})", expression(value, imports)?),
        "title" | "description" | "pattern" => format!("{keyword}(Some({}))", text()?),
        "format" => {
            imports.push("utoipa::openapi::schema::SchemaFormat");
            format!("format(Some(SchemaFormat::Custom({}.to_owned())))", text()?)
        }
        "example" => format!("examples([{}])", plain(value)?),
        "default" => format!("default(Some({}.into()))", plain(value)?),
        "enum" => {
            let members = value.as_array().into_iter().flatten().map(plain).collect::<Result<Vec<_>, _>>()?;
            format!("enum_values(Some([{}]))", members.join(", "))
        }
        "minimum" if fields.get("exclusiveMinimum") == Some(&Value::Bool(true)) => {
            format!("exclusive_minimum(Some({value}))")
        }
        "maximum" if fields.get("exclusiveMaximum") == Some(&Value::Bool(true)) => {
            format!("exclusive_maximum(Some({value}))")
        }
        "minimum" | "maximum" => format!("{keyword}(Some({value}))"),
        "multipleOf" => format!("multiple_of(Some({value}))"),
        "minLength" => format!("min_length(Some({value}))"),
        "maxLength" => format!("max_length(Some({value}))"),
        "minItems" => format!("min_items(Some({value}))"),
        "maxItems" => format!("max_items(Some({value}))"),
        "uniqueItems" => format!("unique_items({value})"),
        other if other.starts_with("x-") => return Ok(None),
        other => return Err(format!("the keyword `{other}`")),
    }))
}

/// A value that converts into JSON by itself.
fn plain(value: &Value) -> Result<String, ByHand> {
    match value {
        Value::String(text) => Ok(literal(text)),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Array(items) => {
            let items = items.iter().map(plain).collect::<Result<Vec<_>, _>>()?;
            Ok(format!("vec![{}]", items.join(", ")))
        }
        Value::Null | Value::Object(_) => {
            Err(format!("the value `{value}` in a schema that attributes cannot say"))
        }
    }
}
