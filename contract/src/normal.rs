//! The normal form: what a document says, whichever way it says it.
//!
//! The spec is written in OpenAPI 3.0, the implementation is drawn in 3.1, and each says many things in more than one
//! way. [`Document::open`] turns one node, of either, into one [`Form`], level by level: a document with recursive
//! schemas has no end, and nobody needs to see all of it at once. The node's own place stays with it, so that whatever
//! is found can be shown where it stands, through any number of references.
//!
//! Equal are (`CONTRACT.md`, "Normal form"): a reference and what it refers to; `allOf` of one and its member; the
//! nullable forms, exclusive bounds and examples of 3.0 and 3.1; a field that says what its absence would say; lists
//! that are sets, in any order; parameters of the path and of its operations. Nothing else.

use std::borrow::Cow;

use serde_json::Value;

use crate::finding::Part;
use crate::grammar::{METHODS, Names, Object, Order, Shape};
use crate::pointer::{At, Token};
use crate::reference::{self, Broken};

mod defaults;
mod entries;
mod schema;

/// One of the two documents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Document<'d> {
    root: &'d Value,
}

/// A place in a document, what should stand there, and what does.
#[derive(Clone, Debug)]
pub(crate) struct Node<'d> {
    pub(crate) at: At<'d>,
    pub(crate) shape: Shape,
    pub(crate) value: &'d Value,
    pub(crate) parts: Parts,
    /// The form, if it is not the one of the value alone: a list of parameters with those of the path, for example.
    made: Option<Box<Form<'d>>>,
}

/// How findings call a node, and how what it holds, if it is a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) own: Part,
    pub(crate) inner: Part,
}

/// One level of a document in normal form.
#[derive(Clone, Debug)]
pub(crate) enum Form<'d> {
    /// Names and what stands under them. The order says nothing.
    Named(Vec<Entry<'d>>),
    /// A list whose order counts.
    List(Vec<Node<'d>>),
    /// A list that is a set.
    Set(Vec<Node<'d>>),
    /// A value with no structure that OpenAPI knows.
    Data,
}

/// A name, brought to one spelling, and what stands under it.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'d> {
    pub(crate) name: Cow<'d, str>,
    pub(crate) node: Node<'d>,
}

impl<'d> Node<'d> {
    fn raw(at: At<'d>, shape: Shape, value: &'d Value, parts: Parts) -> Self {
        Self { at, shape, value, parts, made: None }
    }

    fn made(at: At<'d>, value: &'d Value, parts: Parts, form: Form<'d>) -> Self {
        Self { at, shape: Shape::Data, value, parts, made: Some(Box::new(form)) }
    }

    /// What makes two visits to a node one: the value's address. A node with a form of its own has none.
    pub(crate) fn identity(&self) -> Option<*const Value> {
        self.made.is_none().then(|| std::ptr::from_ref(self.value))
    }

    /// Gives the node a form of its own.
    pub(crate) fn reshape(&mut self, form: Form<'d>) {
        self.made = Some(Box::new(form));
    }

    /// The object that stands here, if one should.
    pub(crate) fn object(&self) -> Option<Object> {
        if let Shape::Object(object) = self.shape { Some(object) } else { None }
    }

    /// Whether the node holds other nodes, each under a name of its author's own.
    pub(crate) fn is_map(&self) -> bool {
        match (&self.made, self.shape) {
            (Some(form), _) => matches!(**form, Form::Named(_)),
            (None, Shape::Map(..)) => self.value.is_object(),
            (None, Shape::Object(Object::Paths | Object::PathItem | Object::Responses)) => {
                self.value.is_object()
            }
            _ => false,
        }
    }
}

impl<'d> Document<'d> {
    pub(crate) fn new(root: &'d Value) -> Self {
        Self { root }
    }

    /// The document itself, as a node.
    pub(crate) fn root(self) -> Node<'d> {
        let parts = Parts { own: Part::Field, inner: Part::Field };
        Node::raw(At::root(), Shape::Object(Object::Document), self.root, parts)
    }

    /// The node that is meant: at the end of references, and with one shape instead of a choice.
    pub(crate) fn settle(self, node: Node<'d>) -> Result<Node<'d>, Broken> {
        if node.made.is_some() {
            return Ok(node);
        }
        match node.shape {
            Shape::Object(object) => {
                let (at, value) = reference::settle(self.root, object, node.at, node.value)?;
                let value = if object == Object::Schema { schema::spelt_out(value) } else { value };
                Ok(Node { at, value, ..node })
            }
            Shape::SchemaOrFlag => self.schema_or_flag(node),
            Shape::SchemaName => self.schema_name(node),
            _ => Ok(node),
        }
    }

    /// The form of a settled node.
    pub(crate) fn open(self, node: &Node<'d>) -> Form<'d> {
        if let Some(form) = &node.made {
            return Form::clone(form);
        }
        match (node.shape, node.value) {
            (Shape::Object(object), Value::Object(_)) => Form::Named(self.object(object, node)),
            (Shape::Map(of, names), Value::Object(map)) => {
                let parts = Parts { own: node.parts.inner, inner: node.parts.inner };
                let entries = map.iter().map(|(key, value)| Entry {
                    name: match names {
                        Names::Exact => Cow::Borrowed(key.as_str()),
                        Names::AnyCase => Cow::Owned(key.to_ascii_lowercase()),
                    },
                    node: Node::raw(node.at.key(key), *of, value, parts),
                });
                Form::Named(distinct(entries.collect()))
            }
            (Shape::List(of, order), Value::Array(items)) => {
                let parts = Parts { own: node.parts.inner, inner: node.parts.inner };
                let items = items.iter().enumerate();
                let items =
                    items.map(|(index, value)| Node::raw(node.at.index(index), *of, value, parts)).collect();
                match order {
                    Order::Counts => Form::List(items),
                    Order::Free => Form::Set(items),
                }
            }
            _ => Form::Data,
        }
    }

    fn object(self, object: Object, node: &Node<'d>) -> Vec<Entry<'d>> {
        let mut entries = entries::of(object, node);
        if object != Object::Schema {
            self.overlay(object, &mut entries);
        }
        match object {
            Object::Document => entries::document(&mut entries),
            Object::PathItem => self.path_item(&mut entries),
            Object::Operation => self.operation(&mut entries, &[]),
            Object::Schema => return self.schema(entries),
            Object::Parameter => {
                defaults::of_style(object, &mut entries);
                // The name by which its operation knows it says both already, without a header's case.
                entries
                    .retain(|entry| !matches!(&*entry.name, "in" | "name") || !entry.node.value.is_string());
            }
            Object::Header | Object::Encoding => defaults::of_style(object, &mut entries),
            _ => {}
        }
        entries
    }

    /// Beside a `$ref`, 3.1 lets a `summary` and a `description` stand in for those of what is referred to (OpenAPI
    /// 3.1.0, section 4.8.23).
    fn overlay(self, object: Object, entries: &mut Vec<Entry<'d>>) {
        let Some(target) = entries.iter().find(|entry| entry.name == "$ref") else { return };
        let Some(reference) = target.node.value.as_str().filter(|_| object.may_be_referenced()) else {
            return;
        };
        let Ok((at, value)) = reference::follow(self.root, reference) else { return };
        let target = Node::raw(at, Shape::Object(object), value, target.node.parts);
        let Ok(target) = self.settle(target) else { return };
        let mut base = entries::of(object, &target);
        base.retain(|entry| entry.name != "$ref" && !entries.iter().any(|other| other.name == entry.name));
        entries.retain(|entry| entry.name != "$ref");
        entries.append(&mut base);
    }

    /// Parameters of a path are parameters of each of its operations that has none of the same name (OpenAPI 3.0.3,
    /// section 4.7.9.1).
    fn path_item(self, entries: &mut Vec<Entry<'d>>) {
        let shared = entries::take_list(entries, "parameters");
        let shared: Vec<Node<'d>> = shared.map_or_else(Vec::new, |entry| self.items(&entry.node));
        for entry in entries.iter_mut().filter(|entry| METHODS.contains(&&*entry.name)) {
            if shared.is_empty() || !entry.node.value.is_object() {
                continue;
            }
            let mut own = entries::of(Object::Operation, &entry.node);
            self.operation(&mut own, &shared);
            entry.node.made = Some(Box::new(Form::Named(own)));
        }
    }

    fn operation(self, entries: &mut Vec<Entry<'d>>, shared: &[Node<'d>]) {
        let own = entries::take_list(entries, "parameters");
        if own.is_none() && shared.is_empty() {
            return;
        }
        let parts = Parts { own: Part::Field, inner: Part::Parameter };
        let mut named: Vec<Entry<'d>> = Vec::new();
        for node in own.iter().flat_map(|entry| self.items(&entry.node)) {
            named.push(Entry { name: Cow::Owned(self.parameter_name(&node)), node });
        }
        for node in shared {
            let name = Cow::Owned(self.parameter_name(node));
            if !named.iter().any(|entry| entry.name == name) {
                named.push(Entry { name, node: node.clone() });
            }
        }
        if named.is_empty() {
            return;
        }
        let (at, value) = match own {
            Some(entry) => (entry.node.at, entry.node.value),
            None => (shared[0].at.parent().cloned().unwrap_or_default(), shared[0].value),
        };
        let node = Node::made(at, value, parts, Form::Named(distinct(named)));
        entries.push(Entry { name: Cow::Borrowed("parameters"), node });
    }

    fn items(self, node: &Node<'d>) -> Vec<Node<'d>> {
        match self.open(node) {
            Form::List(items) | Form::Set(items) => items,
            Form::Named(_) | Form::Data => Vec::new(),
        }
    }

    /// A parameter is known by where it stands and what it is called, not by its position (section 4.7.12).
    fn parameter_name(self, node: &Node<'d>) -> String {
        let settled = self.settle(node.clone());
        let value = settled.as_ref().map_or(node.value, |node| node.value);
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        match (text("in"), text("name")) {
            ("header", name) => format!("header {}", name.to_ascii_lowercase()),
            (place, name) => format!("{place} {name}"),
        }
    }

    /// `true`, `{}` and `{nullable: true}` as `additionalProperties` are equal: each allows anything.
    fn schema_or_flag(self, node: Node<'d>) -> Result<Node<'d>, Broken> {
        if !node.value.is_object() {
            return Ok(Node { shape: Shape::Data, ..node });
        }
        let settled = self.settle(Node { shape: Shape::Object(Object::Schema), ..node })?;
        if self.allows_anything(&settled)? {
            return Ok(Node { shape: Shape::Data, value: &schema::TRUE, ..settled });
        }
        Ok(settled)
    }

    fn allows_anything(self, node: &Node<'d>) -> Result<bool, Broken> {
        let mut node = node.clone();
        for _ in 0..schema::MOST_LAYERS {
            if !node.value.is_object() {
                return Ok(false);
            }
            let mut said = entries::of(Object::Schema, &node);
            said.retain(|entry| entry.name != "nullable" || !entry.node.value.is_boolean());
            let layer = match said.as_slice() {
                [] => return Ok(true),
                [only] if only.name == "allOf" => self.items(&only.node),
                _ => return Ok(false),
            };
            let [member] = layer.as_slice() else { return Ok(false) };
            node = self.settle(member.clone())?;
        }
        Ok(false)
    }

    fn schema_name(self, node: Node<'d>) -> Result<Node<'d>, Broken> {
        let Some(name) = node.value.as_str() else { return Ok(Node { shape: Shape::Data, ..node }) };
        let (at, value) = reference::schema_name(self.root, name)?;
        self.settle(Node { at, value, shape: Shape::Object(Object::Schema), ..node })
    }
}

/// Tells entries of one name apart: a second one is not the first, whoever wrote it.
fn distinct(mut entries: Vec<Entry<'_>>) -> Vec<Entry<'_>> {
    for index in 1..entries.len() {
        let (before, rest) = entries.split_at_mut(index);
        let repeats = before.iter().filter(|entry| entry.name == rest[0].name).count();
        if repeats > 0 {
            rest[0].name = Cow::Owned(format!("{} (number {})", rest[0].name, repeats + 1));
        }
    }
    entries
}

impl Entry<'_> {
    /// The entry's name as its document writes it, for a sentence.
    pub(crate) fn shown(&self) -> Cow<'_, str> {
        match self.node.at.last() {
            Some(Token::Key(key)) if self.name.eq_ignore_ascii_case(key) => Cow::Borrowed(key),
            _ => Cow::Borrowed(&*self.name),
        }
    }

    /// The entry's key as its document writes it, for a JSON pointer into the other one.
    pub(crate) fn key(&self) -> String {
        match self.node.at.last() {
            Some(Token::Key(key)) if self.name.eq_ignore_ascii_case(key) => key.to_owned(),
            // RFC 6901, section 4: the element after the last.
            Some(Token::Index(_)) if self.node.parts.own == Part::Parameter => "-".to_owned(),
            // The word that the normal form has for it, such as `nullable` for a `type` of the drawn document.
            _ => self.name.to_string(),
        }
    }
}
