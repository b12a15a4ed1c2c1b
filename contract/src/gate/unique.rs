//! What must be unique is unique: operationIds, the parameters of an operation, the document's tags.

use std::collections::HashMap;

use serde_json::Value;

use super::{Findings, Placed, Scene};
use crate::finding::Kind;
use crate::grammar::Object;
use crate::pointer::At;
use crate::reference::settle;

pub(super) fn check(scene: &Scene<'_>, findings: &mut Findings<'_>) {
    let ids = scene.objects(Object::Operation).filter_map(|node| {
        let id = node.value.get("operationId")?;
        Some((id.as_str()?.to_owned(), node.at.key("operationId"), id))
    });
    report("operationId", ids, findings);
    for object in [Object::PathItem, Object::Operation] {
        for node in scene.objects(object) {
            let list = node.value.get("parameters").and_then(Value::as_array);
            let items = list.into_iter().flatten().enumerate();
            let at = node.at.key("parameters");
            let names = items.filter_map(|(index, item)| {
                let at = at.index(index);
                Some((parameter(scene.document, at.clone(), item)?, at, item))
            });
            report("parameter", names, findings);
        }
    }
    let tags = scene.objects(Object::Tag).filter_map(|node| {
        let name = node.value.get("name")?;
        Some((name.as_str()?.to_owned(), node.at.key("name"), name))
    });
    report("tag", tags, findings);
}

/// A parameter is known by its place and name (section 4.7.12); a header's name has no case.
fn parameter<'d>(document: &'d Value, at: At<'d>, item: &'d Value) -> Option<String> {
    let (_, item) = settle(document, Object::Parameter, at, item).ok()?;
    let (place, name) = (item.get("in")?.as_str()?, item.get("name")?.as_str()?);
    let name = if place == "header" { name.to_ascii_lowercase() } else { name.to_owned() };
    Some(format!("{name}` in `{place}"))
}

fn report<'d>(
    noun: &str,
    names: impl Iterator<Item = (String, At<'d>, &'d Value)>,
    findings: &mut Findings<'_>,
) {
    let mut first: HashMap<String, At<'d>> = HashMap::new();
    for (name, at, value) in names {
        if let Some(first) = first.get(&name) {
            let sentence =
                format!("the {noun} `{name}` stands here for the second time; the first is at `#{first}`");
            let help = format!("give each {noun} a name of its own");
            findings.push(Kind::NotUnique, &Placed::value(at, value), sentence, help);
        } else {
            first.insert(name, at);
        }
    }
}
