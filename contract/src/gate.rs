//! The gate: what is wrong with a document on its own.
//!
//! One rule, one file. The grammar's rules come first, because they know the place of what they find. Only a document
//! that pleases them is read with `openapiv3`, whose reading must lose nothing.

use serde_json::Value;

use crate::finding::{Finding, Kind, Side};
use crate::grammar::{Object, Patterned, Shape, reference};
use crate::pointer::{At, Token};
use crate::spec::{Point, Source};

mod nearest;
mod objects;
mod references;
mod round_trip;
mod templates;
mod unique;
mod version;
mod words;

/// A rule looks at all nodes that the grammar knows.
type Rule = fn(&Scene<'_>, &mut Findings<'_>);

const RULES: &[Rule] = &[words::check, objects::check, references::check, unique::check, templates::check];

/// Everything that is wrong with a document.
pub(crate) fn check(document: &Value, source: &Source) -> Vec<Finding> {
    let mut findings = Findings { source, list: Vec::new() };
    // The words of another version would all be findings, and say nothing.
    version::check(document, &mut findings);
    if findings.list.is_empty() {
        let scene = Scene { document, nodes: survey(document) };
        for rule in RULES {
            rule(&scene, &mut findings);
        }
        if findings.list.is_empty() {
            round_trip::check(document, &mut findings);
        }
    }
    findings.list
}

/// The document, and its nodes by the grammar.
struct Scene<'d> {
    document: &'d Value,
    nodes: Vec<Node<'d>>,
}

/// A node, and what should stand there.
struct Node<'d> {
    at: At<'d>,
    shape: Shape,
    value: &'d Value,
}

impl<'d> Scene<'d> {
    /// The nodes of one kind that are not references.
    fn objects(&self, wanted: Object) -> impl Iterator<Item = &Node<'d>> {
        self.nodes.iter().filter(move |node| {
            node.shape == Shape::Object(wanted) && reference(wanted, node.value).is_none()
        })
    }
}

/// The nodes of a document that the grammar knows, in the document's order. It does not look into examples and other
/// data, into extensions, or under unknown keys.
fn survey(document: &Value) -> Vec<Node<'_>> {
    let mut nodes = Vec::new();
    descend(&At::root(), Shape::Object(Object::Document), document, &mut nodes);
    nodes
}

fn descend<'d>(at: &At<'d>, shape: Shape, value: &'d Value, nodes: &mut Vec<Node<'d>>) {
    let inner = inner(shape, value);
    let shape = match (shape, value) {
        (Shape::SchemaOrFlag, Value::Object(_)) => Shape::Object(Object::Schema),
        _ => shape,
    };
    nodes.push(Node { at: at.clone(), shape, value });
    for (token, shape, value) in inner {
        descend(&at.then(token), shape, value, nodes);
    }
}

/// What a node holds, as far as the grammar knows it.
fn inner(shape: Shape, value: &Value) -> Vec<(Token<'_>, Shape, &Value)> {
    match (shape, value) {
        (Shape::Object(object), Value::Object(fields)) if reference(object, value).is_none() => fields
            .iter()
            .filter(|(key, _)| !object.is_extension(key))
            .filter_map(|(key, value)| Some((Token::Key(key), object.shape(key)?, value)))
            .collect(),
        (Shape::SchemaOrFlag, Value::Object(_)) => inner(Shape::Object(Object::Schema), value),
        (Shape::Map(of, _), Value::Object(entries)) => {
            entries.iter().map(|(key, value)| (Token::Key(key), *of, value)).collect()
        }
        (Shape::List(of, _), Value::Array(items)) => {
            items.iter().enumerate().map(|(index, value)| (Token::Index(index), *of, value)).collect()
        }
        _ => Vec::new(),
    }
}

/// What the rules have found so far.
struct Findings<'s> {
    source: &'s Source,
    list: Vec<Finding>,
}

impl Findings<'_> {
    fn push(&mut self, kind: Kind, place: &Placed<'_>, sentence: String, help: String) {
        let pointer = place.at.pointer();
        self.list.push(Finding {
            kind,
            operations: Vec::new(),
            location: self.source.locate(&pointer, place.point),
            pointer,
            spec: place.value.map_or(Side::Absent, |value| Side::Value(value.clone())),
            implementation: Side::NotAsked,
            drawn: None,
            evidence: None,
            rust: None,
            sentence,
            help,
        });
    }
}

/// A place that a finding is about, and what stands there.
struct Placed<'d> {
    at: At<'d>,
    point: Point,
    value: Option<&'d Value>,
}

impl<'d> Placed<'d> {
    /// An entry of a map or list, as a whole.
    fn entry(at: At<'d>, value: &'d Value) -> Self {
        Self { at, point: Point::Entry, value: Some(value) }
    }

    /// The value that stands at a place.
    fn value(at: At<'d>, value: &'d Value) -> Self {
        Self { at, point: Point::Value, value: Some(value) }
    }

    /// A place where nothing stands.
    fn absent(at: At<'d>) -> Self {
        Self { at, point: Point::Entry, value: None }
    }
}

/// The keys that an object may have, as a help line says them.
fn expected_keys(object: Object) -> String {
    match object.patterned() {
        Patterned::Paths => "a key here is a path, which begins with `/`".to_owned(),
        Patterned::Statuses => {
            "a key here is a status such as '200', a range such as '4XX', or `default`".to_owned()
        }
        Patterned::Any(_) | Patterned::None => {
            let names: Vec<String> = object
                .fields()
                .iter()
                .filter(|field| field.since == crate::grammar::Since::V30)
                .map(|field| format!("`{}`", field.name))
                .collect();
            format!("the keys here are {}", names.join(", "))
        }
    }
}
