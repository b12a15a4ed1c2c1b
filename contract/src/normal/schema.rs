//! The normal form of a schema: 3.1's words said in 3.0's, and layers that add nothing taken off.

use std::borrow::Cow;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::{Document, Entry, Form, Node, Parts, entries};
use crate::data;
use crate::finding::Part;
use crate::grammar::{Object, Shape};
use crate::reference;

/// A schema in more layers of `allOf` than this is compared layer by layer.
pub(super) const MOST_LAYERS: usize = 32;

pub(super) static TRUE: Value = Value::Bool(true);
static ANYTHING: LazyLock<Value> = LazyLock::new(|| Value::Object(Map::new()));

/// 3.1's schema `true` is 3.0's `{}`.
pub(super) fn spelt_out(value: &Value) -> &Value {
    if value == &Value::Bool(true) { &ANYTHING } else { value }
}

/// How findings call a keyword.
const KEYWORD: Parts = Parts { own: Part::Keyword, inner: Part::Keyword };

/// Keywords that describe and do not restrict: beside a single layer, the outer one speaks.
const ANNOTATIONS: [&str; 10] = [
    "title",
    "description",
    "default",
    "example",
    "externalDocs",
    "deprecated",
    "readOnly",
    "writeOnly",
    "xml",
    "nullable",
];

/// Keywords that mean something only together: a layer that has one of them must have them all.
const GROUPS: [&[&str]; 4] = [
    &["minimum", "exclusiveMinimum"],
    &["maximum", "exclusiveMaximum"],
    &["properties", "patternProperties", "additionalProperties", "unevaluatedProperties"],
    &["oneOf", "anyOf", "discriminator"],
];

impl<'d> Document<'d> {
    /// The entries of a schema in normal form.
    pub(super) fn schema(self, entries: Vec<Entry<'d>>) -> Vec<Entry<'d>> {
        self.layer(entries, MOST_LAYERS)
    }

    fn layer(self, mut entries: Vec<Entry<'d>>, layers: usize) -> Vec<Entry<'d>> {
        nullable_type(&mut entries);
        exclusive_bound("minimum", "exclusiveMinimum", Tighter::Larger, &mut entries);
        exclusive_bound("maximum", "exclusiveMaximum", Tighter::Smaller, &mut entries);
        single_example(&mut entries);
        entries.retain(|entry| entry.name != "propertyNames" || !is_any_name(entry.node.value));
        for name in ["oneOf", "anyOf"] {
            self.nullable_choice(name, &mut entries);
        }
        self.implied_names(&mut entries);
        let Some(fewer) = layers.checked_sub(1) else { return entries };
        for name in ["$ref", "allOf", "oneOf", "anyOf"] {
            let Some(member) = self.only_member(name, &entries) else { continue };
            let Some(base) = self.layer_of(member, fewer) else { continue };
            let outer: Vec<Entry<'d>> = entries.iter().filter(|entry| entry.name != name).cloned().collect();
            if let Some(merged) = merge(base, outer) {
                entries = merged;
            }
        }
        entries
    }

    /// A discriminator knows each member that is a reference by its component's name, even if no mapping says so
    /// (OpenAPI 3.0.3, section 4.7.25). Only there does the name of a component mean something.
    fn implied_names(self, entries: &mut [Entry<'d>]) {
        let members = entries.iter().filter(|entry| matches!(&*entry.name, "oneOf" | "anyOf"));
        let members: Vec<Node<'d>> = members.flat_map(|entry| self.items(&entry.node)).collect();
        let Some(entry) = entries.iter_mut().find(|entry| entry.name == "discriminator") else { return };
        if !entry.node.value.is_object() {
            return;
        }
        let mut own = entries::of(Object::Discriminator, &entry.node);
        let mapping = own.iter().position(|entry| entry.name == "mapping");
        let mut named = match mapping.map(|index| self.open(&own.remove(index).node)) {
            Some(Form::Named(named)) => named,
            Some(Form::List(_) | Form::Set(_) | Form::Data) => return,
            None => Vec::new(),
        };
        let identity = |node: Node<'d>| self.settle(node).ok().and_then(|node| node.identity());
        let mut known: Vec<_> = named.iter().map(|entry| identity(entry.node.clone())).collect();
        for member in members {
            let Some(reference) = member.value.get("$ref").and_then(Value::as_str) else { continue };
            let identity = identity(member.clone());
            if !known.contains(&identity) {
                known.push(identity);
                let name = reference.rsplit('/').next().unwrap_or(reference);
                named.push(Entry { name: Cow::Borrowed(name), node: member });
            }
        }
        if !named.is_empty() {
            let node = Node::made(
                entry.node.at.key("mapping"),
                entry.node.value,
                entry.node.parts,
                Form::Named(named),
            );
            own.push(Entry { name: Cow::Borrowed("mapping"), node });
        }
        entry.node.reshape(Form::Named(own));
    }

    fn layer_of(self, member: Node<'d>, layers: usize) -> Option<Vec<Entry<'d>>> {
        let member = self.settle(member).ok()?;
        if !member.value.is_object() {
            return None;
        }
        let entries = entries::of(Object::Schema, &member);
        Some(self.layer(entries, layers))
    }

    /// The schema inside of a layer that holds one schema and no choice.
    fn only_member(self, name: &str, entries: &[Entry<'d>]) -> Option<Node<'d>> {
        let entry = entries.iter().find(|entry| entry.name == name)?;
        match (name, &entry.node.made, entry.node.value) {
            // A reference that has something beside it, as 3.1 allows.
            ("$ref", _, Value::String(target)) => {
                let (at, value) = reference::follow(self.root, target).ok()?;
                Some(Node { at, value, shape: Shape::Object(Object::Schema), ..entry.node.clone() })
            }
            ("allOf", None, Value::Array(members)) if members.len() == 1 => self.items(&entry.node).pop(),
            // A choice between `null` and one schema, of which `nullable_choice` has left the schema.
            ("oneOf" | "anyOf", Some(form), _) => match form.as_ref() {
                Form::List(members) if members.len() == 1 => members.first().cloned(),
                _ => None,
            },
            _ => None,
        }
    }

    /// `oneOf: [T, {type: null}]` is `T`, nullable.
    fn nullable_choice(self, name: &'static str, entries: &mut Vec<Entry<'d>>) {
        let Some(entry) = entries.iter_mut().find(|entry| entry.name == name) else { return };
        let members = self.items(&entry.node);
        let (null, others): (Vec<_>, Vec<_>) = members.into_iter().partition(|member| is_null(member.value));
        // Of `oneOf` exactly one member may match: two of `null` forbid it.
        if null.len() != 1 || others.is_empty() {
            return;
        }
        entry.node.made = Some(Box::new(Form::List(others)));
        let at = entry.node.at.clone();
        set(entries, "nullable", at, &TRUE);
    }
}

fn is_null(schema: &Value) -> bool {
    says_only_type(schema, "null")
}

fn says_only_type(schema: &Value, wanted: &str) -> bool {
    schema.as_object().is_some_and(|fields| {
        fields.get("type").is_some_and(|kind| kind == wanted)
            && fields.keys().all(|key| key == "type" || key.starts_with("x-"))
    })
}

/// Every name of a JSON object is a string.
fn is_any_name(schema: &Value) -> bool {
    says_only_type(schema, "string")
}

/// `type: [T, "null"]` is `type: T`, nullable.
fn nullable_type(entries: &mut Vec<Entry<'_>>) {
    let Some(entry) = entries.iter_mut().find(|entry| entry.name == "type") else { return };
    let Value::Array(types) = entry.node.value else { return };
    let mut others = types.iter().filter(|kind| *kind != "null");
    let (Some(only), None) = (others.next(), others.next()) else { return };
    entry.node.value = only;
    let at = entry.node.at.clone();
    if types.len() > 1 {
        set(entries, "nullable", at, &TRUE);
    }
}

/// Which of two bounds is the tighter one.
#[derive(Clone, Copy)]
enum Tighter {
    Larger,
    Smaller,
}

/// 3.1's `exclusiveMinimum: 5` is 3.0's `minimum: 5, exclusiveMinimum: true`; of two bounds the tighter one counts.
fn exclusive_bound(
    plain: &'static str,
    exclusive: &'static str,
    tighter: Tighter,
    entries: &mut Vec<Entry<'_>>,
) {
    let Some(index) =
        entries.iter().position(|entry| entry.name == exclusive && entry.node.value.is_number())
    else {
        return;
    };
    let bound = entries[index].node.clone();
    let Some(other) = entries.iter_mut().find(|entry| entry.name == plain) else {
        entries[index].node.value = &TRUE;
        entries.push(Entry { name: Cow::Borrowed(plain), node: bound });
        return;
    };
    let counts = match tighter {
        Tighter::Larger => data::at_least(bound.value, other.node.value),
        Tighter::Smaller => data::at_least(other.node.value, bound.value),
    };
    if counts {
        other.node = bound;
        entries[index].node.value = &TRUE;
    } else {
        entries.remove(index);
    }
}

/// 3.1's `examples: [x]` is 3.0's `example: x`.
fn single_example(entries: &mut [Entry<'_>]) {
    if entries.iter().any(|entry| entry.name == "example") {
        return;
    }
    let Some(entry) = entries.iter_mut().find(|entry| entry.name == "examples") else { return };
    let Some([only]) = entry.node.value.as_array().map(Vec::as_slice) else { return };
    entry.name = Cow::Borrowed("example");
    entry.node.value = only;
    entry.node.shape = Shape::Data;
    entry.node.parts = Parts { own: Part::Example, inner: Part::Example };
}

fn set<'d>(entries: &mut Vec<Entry<'d>>, name: &'static str, at: crate::pointer::At<'d>, value: &'d Value) {
    entries.retain(|entry| entry.name != name);
    let node = Node::raw(at, Shape::Data, value, KEYWORD);
    entries.push(Entry { name: Cow::Borrowed(name), node });
}

/// One layer with what stands around it, or `None` if the two restrict the same thing, so that both must stay.
fn merge<'d>(base: Vec<Entry<'d>>, outer: Vec<Entry<'d>>) -> Option<Vec<Entry<'d>>> {
    let has = |entries: &[Entry<'d>], name: &str| entries.iter().any(|entry| entry.name == name);
    let split = GROUPS.iter().any(|group| {
        let within = |entries: &[Entry<'d>]| group.iter().any(|name| has(entries, name));
        within(&base) && within(&outer)
    });
    if split {
        return None;
    }
    let mut merged = Vec::with_capacity(base.len() + outer.len());
    for entry in base {
        match outer.iter().find(|other| other.name == entry.name) {
            None => merged.push(entry),
            Some(_) if ANNOTATIONS.contains(&&*entry.name) => {}
            Some(other) if data::same(other.node.value, entry.node.value) => {}
            Some(_) => return None,
        }
    }
    merged.extend(outer);
    Some(merged)
}
