//! A path's template and the parameters of its operations name the same things (OpenAPI 3.0.3, section 4.7.9.2).

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Findings, Placed, Scene};
use crate::finding::Kind;
use crate::grammar::{METHODS, Object, Shape, reference};
use crate::pointer::{At, Token};
use crate::reference::settle;

pub(super) fn check(scene: &Scene<'_>, findings: &mut Findings<'_>) {
    for node in &scene.nodes {
        let is_path = node.at.parent().and_then(At::last) == Some(Token::Key("paths"));
        let (true, Some(Token::Key(path))) = (is_path, node.at.last()) else { continue };
        // A path item elsewhere may serve several paths.
        if node.shape != Shape::Object(Object::PathItem) || reference(Object::PathItem, node.value).is_some()
        {
            continue;
        }
        let shared = parameters(scene.document, &node.at, node.value);
        for method in METHODS {
            let Some(operation) = node.value.get(method) else { continue };
            let at = node.at.key(method);
            let mut named = shared.clone();
            named.extend(parameters(scene.document, &at, operation));
            compare(path, &at, operation, &named, findings);
        }
    }
}

/// The path parameters of a path item or operation, each by its name.
fn parameters<'d>(
    document: &'d Value,
    at: &At<'d>,
    owner: &'d Value,
) -> BTreeMap<&'d str, (At<'d>, &'d Value)> {
    let list = owner.get("parameters").and_then(Value::as_array);
    let at = at.key("parameters");
    let items = list.into_iter().flatten().enumerate();
    let settled = items.filter_map(|(index, item)| {
        let at = at.index(index);
        let (_, parameter) = settle(document, Object::Parameter, at.clone(), item).ok()?;
        let name = parameter.get("name")?.as_str()?;
        (parameter.get("in")? == "path").then_some((name, (at, item)))
    });
    settled.collect()
}

fn compare<'d>(
    path: &str,
    at: &At<'d>,
    operation: &'d Value,
    named: &BTreeMap<&str, (At<'d>, &'d Value)>,
    findings: &mut Findings<'_>,
) {
    let wanted: Vec<&str> = template(path);
    for name in wanted.iter().filter(|name| !named.contains_key(*name)) {
        let sentence =
            format!("the path names `{{{name}}}`, but this operation has no path parameter `{name}`");
        let help = format!("add a parameter `{name}` with `in: path`, or take `{{{name}}}` out of the path");
        findings.push(Kind::MissingKey, &Placed::entry(at.clone(), operation), sentence, help);
    }
    for (name, (at, parameter)) in named.iter().filter(|(name, _)| !wanted.contains(*name)) {
        let sentence = format!("the path `{path}` has no `{{{name}}}` for the path parameter `{name}`");
        let help = format!("write `{{{name}}}` into the path, or take the parameter away");
        findings.push(Kind::IgnoredKey, &Placed::entry(at.clone(), parameter), sentence, help);
    }
}

/// What stands in braces.
fn template(path: &str) -> Vec<&str> {
    path.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name)).collect()
}
