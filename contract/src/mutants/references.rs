//! Who refers to what, read from the raw document.

use std::collections::BTreeSet;

use serde_json::Value;

/// All references in a node, those of a discriminator too.
pub(super) fn references(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Object(map)) => map
            .iter()
            .flat_map(|(key, value)| match (key.as_str(), value) {
                ("mapping", Value::Object(targets)) => {
                    targets.values().filter_map(schema_reference).collect()
                }
                (_, Value::String(text)) if key == "$ref" => vec![text.clone()],
                (_, value) => references(Some(value)),
            })
            .collect(),
        Some(Value::Array(items)) => items.iter().flat_map(|item| references(Some(item))).collect(),
        _ => Vec::new(),
    }
}

/// The reference that a discriminator's mapping means.
pub(super) fn schema_reference(target: &Value) -> Option<String> {
    let target = target.as_str()?;
    Some(if target.contains('/') { target.to_owned() } else { format!("#/components/schemas/{target}") })
}

/// What the document refers to, from outside of its components and on from there.
pub(super) fn used_components(document: &Value) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let fields = document.as_object().into_iter().flatten();
    let outside = fields.filter(|(key, _)| *key != "components");
    let mut open: Vec<String> = outside.flat_map(|(_, value)| references(Some(value))).collect();
    while let Some(next) = open.pop() {
        if used.insert(next.clone()) {
            open.extend(references(document.pointer(next.trim_start_matches('#'))));
        }
    }
    used
}

/// The operations that a place of the document belongs to, or that lead to it by reference: path and method in capitals. `at` is the
/// place's tokens.
pub(super) fn reaching(document: &Value, at: &[String]) -> BTreeSet<(String, String)> {
    let path = match at {
        [first, path, ..] if first == "paths" => Some(path),
        [first, ..] if first == "components" => None,
        _ => return BTreeSet::new(),
    };
    let component = (at.len() >= 3).then(|| format!("#/{}/{}/{}", at[0], at[1], at[2]));
    let mut reaching = BTreeSet::new();
    for (own, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let here = path.is_some_and(|path| path == own);
            let leads =
                || component.as_ref().is_none_or(|component| leads_to(document, operation, component));
            if here || (path.is_none() && leads()) {
                reaching.insert((own.clone(), method.to_uppercase()));
            }
        }
    }
    reaching
}

fn leads_to(document: &Value, from: &Value, component: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = references(Some(from));
    while let Some(next) = open.pop() {
        if next == component {
            return true;
        }
        if seen.insert(next.clone()) {
            open.extend(references(document.pointer(next.trim_start_matches('#'))));
        }
    }
    false
}
