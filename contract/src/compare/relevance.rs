//! What only follows from another difference of the same schema is left out.

use serde_json::{Map, Value};

use super::Comparison;
use crate::data;
use crate::normal::{Entry, Form};

/// Keywords that restrict values of one type.
const BOUND_TO_A_TYPE: &[&str] = &[
    "format",
    "multipleOf",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "pattern",
    "items",
    "minItems",
    "maxItems",
    "uniqueItems",
    "properties",
    "required",
    "additionalProperties",
    "minProperties",
    "maxProperties",
];

/// Leaves of the two schemas' keywords only what is not the consequence of another.
pub(super) fn keep_causes<'d>(
    comparison: &Comparison<'d>,
    ours: &mut Vec<Entry<'d>>,
    theirs: &mut Vec<Entry<'d>>,
) {
    if types_differ(ours, theirs) {
        for entries in [&mut *ours, &mut *theirs] {
            entries.retain(|entry| !BOUND_TO_A_TYPE.contains(&&*entry.name));
        }
    }
    for (bound, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
        if find(ours, bound).is_some() != find(theirs, bound).is_some() {
            for entries in [&mut *ours, &mut *theirs] {
                entries.retain(|entry| entry.name != exclusive);
            }
        }
    }
    forgive_required(comparison, ours, theirs);
}

fn find<'a, 'd>(entries: &'a [Entry<'d>], name: &str) -> Option<&'a Entry<'d>> {
    entries.iter().find(|entry| entry.name == name)
}

fn types_differ(ours: &[Entry<'_>], theirs: &[Entry<'_>]) -> bool {
    match (find(ours, "type"), find(theirs, "type")) {
        (Some(a), Some(b)) => !data::same(a.node.value, b.node.value),
        (None, None) => false,
        _ => true,
    }
}

/// A property that one side lacks is missed once, not a second time as one that is required.
fn forgive_required<'d>(comparison: &Comparison<'d>, ours: &mut Vec<Entry<'d>>, theirs: &mut Vec<Entry<'d>>) {
    let names =
        |entries: &[Entry<'d>]| find(entries, "properties").and_then(|entry| entry.node.value.as_object());
    let (mine, others) = (names(ours), names(theirs));
    let lacks = |map: Option<&Map<String, Value>>, name: &str| !map.is_some_and(|map| map.contains_key(name));
    let all = |map: Option<&'d Map<String, Value>>| map.into_iter().flat_map(Map::keys);
    let lopsided: Vec<&String> = all(mine)
        .filter(|name| lacks(others, name))
        .chain(all(others).filter(|name| lacks(mine, name)))
        .collect();
    if lopsided.is_empty() {
        return;
    }
    for (document, entries) in [(comparison.spec, ours), (comparison.drawn, theirs)] {
        let Some(index) = entries.iter().position(|entry| entry.name == "required") else { continue };
        let Form::Set(mut items) = document.open(&entries[index].node) else { continue };
        items.retain(|item| !lopsided.iter().any(|name| item.value == name.as_str()));
        if items.is_empty() {
            entries.remove(index);
        } else {
            entries[index].node.reshape(Form::Set(items));
        }
    }
}
