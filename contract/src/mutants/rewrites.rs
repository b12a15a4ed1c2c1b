//! Ways to say the same: each rewrites a whole spec, and the check must have nothing to say about it.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::emit::{Style, block};
use super::oracle::is_default;
use super::place::{Kind, Place, each};
use super::references::{references, schema_reference, used_components};

/// A way to write a spec anew.
#[derive(Clone, Copy, Debug)]
pub struct Rewrite {
    /// What is done.
    pub name: &'static str,
    how: How,
}

#[derive(Clone, Copy, Debug)]
enum How {
    /// To the document.
    Tree(fn(&mut Value)),
    /// To its text.
    Text(fn(&Value) -> String),
}

impl Rewrite {
    /// The document's text, rewritten.
    #[must_use]
    pub fn apply(&self, document: &Value) -> String {
        match self.how {
            How::Text(write) => write(document),
            How::Tree(rewrite) => {
                let mut document = document.clone();
                rewrite(&mut document);
                document.to_string()
            }
        }
    }
}

/// All rewrites.
#[must_use]
pub fn rewrites() -> Vec<Rewrite> {
    let tree = |name, rewrite: fn(&mut Value)| Rewrite { name, how: How::Tree(rewrite) };
    let text = |name, write: fn(&Value) -> String| Rewrite { name, how: How::Text(write) };
    vec![
        text("as JSON", Value::to_string),
        text("in block style, double quotes", |document| block(document, Style::DoubleQuoted)),
        text("in block style, single quotes", |document| block(document, Style::SingleQuoted)),
        text("with comments", |document| block(document, Style::Commented)),
        text("with anchors and aliases", |document| block(document, Style::Aliased)),
        text("with CRLF and document marks", |document| {
            format!("%YAML 1.2\n---\n{}\n...\n", block(document, Style::SingleQuoted)).replace('\n', "\r\n")
        }),
        tree("keys the other way round", reverse_keys),
        tree("sets the other way round", reverse_sets),
        tree("numbers as floats", float_numbers),
        tree("every reference inlined", inline),
        tree("discriminators with every name", write_mappings),
        tree("every schema wrapped in allOf", wrap),
        tree("descriptions outside of an allOf", wrap_inside_description),
        tree("every component under another name", rename_components),
        tree("references percent-encoded", encode_references),
        tree("additionalProperties as true", |document| additional(document, &json!(true))),
        tree("additionalProperties as {}", |document| additional(document, &json!({}))),
        tree("additionalProperties as {nullable: true}", |document| {
            additional(document, &json!({ "nullable": true }));
        }),
        tree("parameters of the path down to its operations", push_parameters_down),
        tree("parameters of all its operations up to the path", pull_parameters_up),
        tree("defaults written out", write_defaults),
        tree("defaults left out", drop_defaults),
        tree("header names in capitals", shout_headers),
        tree("extensions everywhere", add_extensions),
        tree("no extensions", drop_extensions),
    ]
}

fn reverse_keys(document: &mut Value) {
    each(document, &mut |_, value| {
        if let Value::Object(map) = value {
            *map = std::mem::take(map).into_iter().rev().collect();
        }
    });
}

fn reverse_sets(document: &mut Value) {
    each(document, &mut |place, value| {
        if let (Place::Set | Place::List(Kind::Parameter), Value::Array(items)) = (place, value) {
            items.reverse();
        }
    });
}

fn float_numbers(document: &mut Value) {
    each(document, &mut |place, value| {
        if let (Place::Object(Kind::Schema), Value::Object(map)) = (place, value) {
            for key in ["minimum", "maximum", "multipleOf", "example", "default"] {
                if let Some(number) = map.get_mut(key).filter(|number| number.is_i64()) {
                    *number = json!(number.as_f64());
                }
            }
        }
    });
}

/// The `$ref` of a node that is nothing but one.
fn reference(value: &Value) -> Option<String> {
    value.as_object().filter(|map| map.len() == 1)?.get("$ref")?.as_str().map(str::to_owned)
}

/// A discriminator knows members that are references by the names of their components: a mapping says it in words.
fn write_mappings(document: &mut Value) {
    each(document, &mut |place, value| {
        if place != Place::Object(Kind::Schema) || !value["discriminator"].is_object() {
            return;
        }
        let members = ["oneOf", "anyOf"].iter().filter_map(|list| value[*list].as_array()).flatten();
        let targets: Vec<String> = members.filter_map(reference).collect();
        let mapping = &value["discriminator"]["mapping"];
        let known: Vec<String> = mapping
            .as_object()
            .into_iter()
            .flat_map(|map| map.values())
            .filter_map(schema_reference)
            .collect();
        for target in targets.into_iter().filter(|target| !known.contains(target)) {
            let name = target.rsplit('/').next().unwrap_or_default().to_owned();
            value["discriminator"]["mapping"][name] = json!(target);
        }
    });
}

/// References to anything that does not contain itself.
fn inline(document: &mut Value) {
    write_mappings(document);
    for _ in 0..32 {
        let original = document.clone();
        let mut changed = false;
        each(document, &mut |place, value| {
            let Some(target) =
                reference(value).filter(|_| matches!(place, Place::Object(_) | Place::Patterns(_)))
            else {
                return;
            };
            let target = target.trim_start_matches('#');
            if let Some(component) = original.pointer(target).filter(|_| !is_recursive(&original, target)) {
                value.clone_from(component);
                changed = true;
            }
        });
        if !changed {
            break;
        }
    }
    drop_unused(document);
}

fn is_recursive(document: &Value, target: &str) -> bool {
    let mut seen = HashSet::new();
    let mut open = references(document.pointer(target));
    while let Some(next) = open.pop() {
        let next = next.trim_start_matches('#').to_owned();
        if next == target {
            return true;
        }
        if seen.insert(next.clone()) {
            open.extend(references(document.pointer(&next)));
        }
    }
    false
}

/// Takes components away that nothing refers to any more.
fn drop_unused(document: &mut Value) {
    let used = used_components(document);
    for (section, names) in document["components"].as_object_mut().into_iter().flatten() {
        if let Some(names) = names.as_object_mut().filter(|_| section != "securitySchemes") {
            names.retain(|name, _| used.contains(&format!("#/components/{section}/{name}")));
        }
    }
}

fn wrap(document: &mut Value) {
    write_mappings(document);
    each(document, &mut |place, value| {
        if place == Place::Object(Kind::Schema) && value.is_object() {
            *value = json!({ "allOf": [value.take()] });
        }
    });
}

fn wrap_inside_description(document: &mut Value) {
    each(document, &mut |place, value| {
        if place == Place::Object(Kind::Schema)
            && let Value::Object(map) = value
            && let Some(description) = map.shift_remove("description")
        {
            *value = json!({ "allOf": [value.take()], "description": description });
        }
    });
}

fn rename_components(document: &mut Value) {
    write_mappings(document);
    for (section, names) in document["components"].as_object_mut().into_iter().flatten() {
        if let Some(names) =
            names.as_object_mut().filter(|_| section != "securitySchemes" && !section.starts_with("x-"))
        {
            *names =
                std::mem::take(names).into_iter().map(|(name, value)| (format!("A.{name}"), value)).collect();
        }
    }
    each_reference(document, &|target| match target.rsplit_once('/') {
        Some((section, name)) => format!("{section}/A.{name}"),
        None => format!("A.{target}"),
    });
}

fn encode_references(document: &mut Value) {
    each_reference(document, &|target| match target.rsplit_once('/') {
        Some((section, name)) => {
            let name: Vec<String> = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
            format!("{section}/{}", name.concat())
        }
        None => target.to_owned(),
    });
}

fn each_reference(document: &mut Value, rewrite: &dyn Fn(&str) -> String) {
    each(document, &mut |place, value| {
        let (Place::Object(_) | Place::Patterns(_), Value::Object(map)) = (place, value) else { return };
        if let Some(Value::String(target)) = map.get_mut("$ref") {
            *target = rewrite(target);
        }
        for (_, target) in map.get_mut("mapping").and_then(Value::as_object_mut).into_iter().flatten() {
            *target = json!(rewrite(target.as_str().unwrap_or_default()));
        }
    });
}

fn additional(document: &mut Value, form: &Value) {
    each(document, &mut |place, value| {
        if place == Place::Object(Kind::Schema)
            && let Some(additional) = value.get_mut("additionalProperties")
            && [json!(true), json!({}), json!({ "nullable": true })].contains(additional)
        {
            additional.clone_from(form);
        }
    });
}

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

fn push_parameters_down(document: &mut Value) {
    let original = document.clone();
    each(document, &mut |place, value| {
        if place != Place::Object(Kind::PathItem) {
            return;
        }
        let Some(shared) = value.as_object_mut().and_then(|item| item.shift_remove("parameters")) else {
            return;
        };
        let shared = shared.as_array().cloned().unwrap_or_default();
        for method in METHODS {
            let Some(Value::Object(operation)) = value.get_mut(method) else { continue };
            let Value::Array(own) = operation.entry("parameters").or_insert_with(|| json!([])) else {
                continue;
            };
            let names: Vec<_> = own.iter().map(|parameter| identity(&original, parameter)).collect();
            own.extend(shared.iter().filter(|shared| !names.contains(&identity(&original, shared))).cloned());
        }
    });
}

/// What a parameter is known by.
fn identity(document: &Value, parameter: &Value) -> (Value, Value) {
    let target =
        reference(parameter).and_then(|target| document.pointer(target.trim_start_matches('#')).cloned());
    let parameter = target.as_ref().unwrap_or(parameter);
    (parameter["in"].clone(), parameter["name"].clone())
}

fn pull_parameters_up(document: &mut Value) {
    each(document, &mut |place, value| {
        if place != Place::Object(Kind::PathItem) || value.get("parameters").is_some() {
            return;
        }
        let of = |method: &str| value[method]["parameters"].as_array().cloned().unwrap_or_default();
        let methods: Vec<&str> = METHODS.into_iter().filter(|method| value.get(method).is_some()).collect();
        let Some((first, others)) = methods.split_first() else { return };
        let shared: Vec<Value> = of(first)
            .into_iter()
            .filter(|parameter| others.iter().all(|method| of(method).contains(parameter)))
            .collect();
        for method in methods {
            let own = value.get_mut(method).and_then(|operation| operation.get_mut("parameters"));
            if let Some(own) = own.and_then(Value::as_array_mut) {
                own.retain(|parameter| !shared.contains(parameter));
            }
        }
        value["parameters"] = Value::Array(shared);
    });
}

fn write_defaults(document: &mut Value) {
    each(document, &mut |place, value| {
        let Place::Object(kind) = place else { return };
        let defaults = match kind {
            Kind::Schema => json!({
                "nullable": false, "readOnly": false, "writeOnly": false, "deprecated": false, "uniqueItems": false,
                "exclusiveMinimum": false, "exclusiveMaximum": false, "minLength": 0, "minItems": 0, "minProperties": 0,
                "properties": {},
            }),
            Kind::Parameter => json!({ "deprecated": false, "allowEmptyValue": false, "required": false }),
            Kind::Header => json!({ "deprecated": false, "required": false }),
            Kind::Operation => json!({ "deprecated": false, "tags": [], "parameters": [], "callbacks": {} }),
            Kind::Body => json!({ "required": false }),
            Kind::Response => json!({ "headers": {}, "content": {}, "links": {} }),
            Kind::MediaType => json!({ "encoding": {} }),
            Kind::Document => json!({ "tags": [] }),
            _ => return,
        };
        if let Some(map) = value.as_object_mut().filter(|map| !map.contains_key("$ref")) {
            for (key, default) in defaults.as_object().into_iter().flatten() {
                map.entry(key).or_insert_with(|| default.clone());
            }
        }
    });
}

fn drop_defaults(document: &mut Value) {
    each(document, &mut |place, value| {
        if let (Place::Object(kind), Value::Object(map)) = (place, value) {
            map.retain(|key, value| !is_default(kind, key, value));
        }
    });
}

fn shout_headers(document: &mut Value) {
    each(document, &mut |place, value| match (place, value) {
        (Place::Object(Kind::Response | Kind::Encoding), Value::Object(map)) => {
            if let Some(Value::Object(headers)) = map.get_mut("headers") {
                *headers = std::mem::take(headers)
                    .into_iter()
                    .map(|(name, value)| (name.to_uppercase(), value))
                    .collect();
            }
        }
        (Place::Object(Kind::Parameter), Value::Object(map))
            if map.get("in").is_some_and(|place| place == "header") =>
        {
            let name = map["name"].as_str().unwrap_or_default().to_uppercase();
            map.insert("name".to_owned(), json!(name));
        }
        _ => {}
    });
}

fn add_extensions(document: &mut Value) {
    each(document, &mut |place, value| {
        if let (Place::Object(_) | Place::Patterns(_), Value::Object(map)) = (place, value) {
            map.insert("x-added".to_owned(), json!({ "type": "anything", "$ref": "#/nowhere" }));
        }
    });
}

fn drop_extensions(document: &mut Value) {
    each(document, &mut |place, value| {
        if let (Place::Object(_) | Place::Patterns(_), Value::Object(map)) = (place, value) {
            map.retain(|key: &String, _: &mut Value| !key.starts_with("x-"));
        }
    });
}
