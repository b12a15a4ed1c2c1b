//! Fields whose default depends on their siblings.

use serde_json::Value;

use super::Entry;
use crate::grammar::Object;

/// `style` and `explode`, where they say what their absence would say (OpenAPI 3.0.3, sections 4.7.12.2, 4.7.15.1 and
/// 4.7.21).
pub(super) fn of_style(object: Object, entries: &mut Vec<Entry<'_>>) {
    let text = |name: &str, entries: &[Entry<'_>]| {
        entries
            .iter()
            .find(|entry| entry.name == name)
            .and_then(|entry| entry.node.value.as_str())
            .map(str::to_owned)
    };
    let place = text("in", entries);
    let usual = match (object, place.as_deref()) {
        (Object::Header, _) | (Object::Parameter, Some("path" | "header")) => "simple",
        _ => "form",
    };
    let style = text("style", entries).unwrap_or_else(|| usual.to_owned());
    let exploded = Value::Bool(style == "form");
    entries.retain(|entry| match &*entry.name {
        "style" => entry.node.value != usual,
        "explode" => entry.node.value != &exploded,
        _ => true,
    });
}
