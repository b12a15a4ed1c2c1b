//! Who refers to what, read from the raw document.

use std::collections::HashSet;

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
pub(super) fn used_components(document: &Value) -> HashSet<String> {
    let mut used = HashSet::new();
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
