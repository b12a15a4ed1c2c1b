//! Every reference leads to something of the right kind, and every component is led to.

use std::collections::{HashMap, HashSet};
use std::ptr::from_ref;

use serde_json::Value;

use super::{Findings, Node, Placed, Scene};
use crate::finding::Kind;
use crate::grammar::{Object, Shape, reference};
use crate::pointer::{At, Token};
use crate::reference::{Broken, follow, settle};

pub(super) fn check(scene: &Scene<'_>, findings: &mut Findings<'_>) {
    let kinds: HashMap<*const Value, Shape> =
        scene.nodes.iter().map(|node| (from_ref(node.value), node.shape)).collect();
    let mut used = Uses::default();
    for node in &scene.nodes {
        let (object, target) = match (node.shape, node.value) {
            (Shape::Object(object), value) => match reference(object, value) {
                Some(target) => (object, target.to_owned()),
                None => continue,
            },
            (Shape::SchemaName, Value::String(name)) => (Object::Schema, schema_reference(name)),
            _ => continue,
        };
        match lead(scene.document, node, object, &target, &kinds) {
            Ok(at) => used.add(component(&node.at), component(&at).filter(|name| name.is_whole)),
            Err(sentence) => {
                let (at, value) = match node.value.get("$ref") {
                    Some(value) => (node.at.key("$ref"), value),
                    None => (node.at.clone(), node.value),
                };
                let help = help(object, scene.document, &target);
                findings.push(Kind::UnresolvedReference, &Placed::value(at, value), sentence, help);
            }
        }
    }
    unused(scene, &used, findings);
    unknown_schemes(scene, findings);
}

/// A discriminator may name a schema instead of referring to it (section 4.7.25).
fn schema_reference(name: &str) -> String {
    if name.starts_with('#') || name.contains('/') {
        name.to_owned()
    } else {
        format!("#/components/schemas/{name}")
    }
}

/// Where a reference leads, or a sentence that says why it leads nowhere.
fn lead<'d>(
    document: &'d Value,
    node: &Node<'d>,
    object: Object,
    target: &str,
    kinds: &HashMap<*const Value, Shape>,
) -> Result<At<'d>, String> {
    let broken = |broken: Broken| match broken {
        Broken::Elsewhere => format!("`{target}` lies in another document, which this check does not read"),
        Broken::Nothing => format!("`{target}` leads nowhere"),
        Broken::Circle => format!("`{target}` leads back to itself"),
    };
    let (at, value) = follow(document, target).map_err(broken)?;
    if node.shape != Shape::SchemaName {
        settle(document, object, node.at.clone(), node.value).map_err(broken)?;
    }
    match kinds.get(&from_ref(value)) {
        Some(Shape::Object(kind)) if *kind == object => Ok(at),
        _ => Err(format!("`{target}` is not a {}", object.noun())),
    }
}

fn help(object: Object, document: &Value, target: &str) -> String {
    let Some(section) = object.section() else { return "write the path item out in its place".to_owned() };
    let names = document.pointer(&format!("/components/{section}")).and_then(Value::as_object);
    let wanted = target.rsplit('/').next().unwrap_or_default().to_lowercase();
    match names.into_iter().flat_map(|names| names.keys()).find(|name| name.to_lowercase() == wanted) {
        Some(name) => format!("write `#/components/{section}/{name}`, if that is meant"),
        None => format!("add it to `components/{section}`, or refer to one that is there"),
    }
}

/// A component, and whether a place is that component or lies somewhere inside of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Component {
    section: String,
    name: String,
    is_whole: bool,
}

/// The component that a place is or lies in.
fn component(at: &At<'_>) -> Option<Component> {
    let mut tokens = Vec::new();
    let mut place = at;
    while let (Some(token), Some(parent)) = (place.last(), place.parent()) {
        tokens.push(token);
        place = parent;
    }
    match tokens.as_slice() {
        [inner @ .., Token::Key(name), Token::Key(section), Token::Key("components")] => Some(Component {
            section: (*section).to_owned(),
            name: (*name).to_owned(),
            is_whole: inner.is_empty(),
        }),
        _ => None,
    }
}

/// Who refers to which component.
#[derive(Default)]
struct Uses {
    /// From outside of `components`, or from a security scheme, which is compared by its name.
    roots: Vec<(String, String)>,
    /// From one component to another.
    edges: HashMap<(String, String), Vec<(String, String)>>,
}

impl Uses {
    fn add(&mut self, from: Option<Component>, to: Option<Component>) {
        let Some(to) = to.map(|to| (to.section, to.name)) else { return };
        match from.filter(|from| from.section != "securitySchemes") {
            None => self.roots.push(to),
            Some(from) => self.edges.entry((from.section, from.name)).or_default().push(to),
        }
    }

    /// All components that something outside of `components` leads to.
    fn reached(&self) -> HashSet<&(String, String)> {
        let mut reached = HashSet::new();
        let mut open: Vec<&(String, String)> = self.roots.iter().collect();
        while let Some(component) = open.pop() {
            if reached.insert(component) {
                open.extend(self.edges.get(component).into_iter().flatten());
            }
        }
        reached
    }
}

/// A component that nothing refers to could say anything: no operation would show it.
fn unused(scene: &Scene<'_>, used: &Uses, findings: &mut Findings<'_>) {
    let reached = used.reached();
    for node in &scene.nodes {
        let Some(Component { section, name, is_whole: true }) = component(&node.at) else { continue };
        if section == "securitySchemes" || reached.contains(&(section.clone(), name.clone())) {
            continue;
        }
        let sentence = format!("no operation leads to `{name}`, so nothing can be compared with it");
        let help = format!("refer to `#/components/{section}/{name}` where it belongs, or take it away");
        let place = Placed::entry(node.at.clone(), node.value);
        findings.push(Kind::UnusedComponent, &place, sentence, help);
    }
}

/// A security requirement names a scheme (section 4.7.30).
fn unknown_schemes(scene: &Scene<'_>, findings: &mut Findings<'_>) {
    let schemes = scene.document.pointer("/components/securitySchemes");
    for node in scene.objects(Object::SecurityRequirement) {
        let Some(fields) = node.value.as_object() else { continue };
        for (name, value) in
            fields.iter().filter(|(name, _)| schemes.and_then(|all| all.get(*name)).is_none())
        {
            let sentence = format!("there is no security scheme `{name}`");
            let help = format!(
                "add it to `components/securitySchemes`, or name one that is there; nothing guards this with `{name}`"
            );
            let place = Placed::entry(node.at.key(name), value);
            findings.push(Kind::UnresolvedReference, &place, sentence, help);
        }
    }
}
