//! Node by node, both ways.
//!
//! The comparison is a graph of pairs: a node of the spec and the node of the drawn document that must say the same.
//! A pair is looked at once, however many references lead to it, so recursive schemas end; and what is found in it is
//! one finding, which names every operation that leads there.

use std::collections::HashMap;

use serde_json::Value;

use crate::data;
use crate::finding::{Finding, Kind, Operation, Part, Side};
use crate::grammar::{METHODS, Object, Shape};
use crate::normal::{Document, Entry, Form, Node};
use crate::pointer::escape;
use crate::reference::Broken;
use crate::spec::{Point, Source};

mod lists;
mod operations;
mod relevance;
mod renames;
mod wording;

/// Everything in which the two documents differ.
pub(crate) fn compare(spec: &Value, drawn: &Value, source: &Source) -> Vec<Finding> {
    let mut comparison = Comparison::begin(spec, drawn, source);
    while comparison.step() {}
    comparison.into_findings()
}

/// Whether the two documents differ at all: the same comparison, up to the first finding.
#[cfg(feature = "mutants")]
pub(crate) fn differ(spec: &Value, drawn: &Value, source: &Source) -> bool {
    let mut comparison = Comparison::begin(spec, drawn, source);
    while comparison.step() {
        if !comparison.pairs[comparison.next - 1].found.is_empty() {
            return true;
        }
    }
    false
}

struct Comparison<'d> {
    root: &'d Value,
    spec: Document<'d>,
    drawn: Document<'d>,
    source: &'d Source,
    pairs: Vec<Pair<'d>>,
    /// The first pair that was not yet looked at.
    next: usize,
    /// The pairs by their two nodes' identities.
    known: HashMap<(*const Value, *const Value), usize>,
    /// Which pair is the path item of which path.
    paths: Vec<(usize, String)>,
    /// Which pair is which method of which path item's pair.
    methods: Vec<(usize, String, usize)>,
}

/// Two nodes that must say the same.
struct Pair<'d> {
    spec: Node<'d>,
    drawn: Node<'d>,
    found: Vec<Found>,
    /// The pairs that this one leads to.
    next: Vec<usize>,
}

impl<'d> Pair<'d> {
    fn new(spec: Node<'d>, drawn: Node<'d>) -> Self {
        Self { spec, drawn, found: Vec::new(), next: Vec::new() }
    }
}

/// A finding whose operations are not all known yet.
struct Found {
    finding: Finding,
    /// The method that is missing from the path item, if that is what was found.
    method: Option<String>,
}

/// One of the two documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Spec,
    Drawn,
}

impl<'d> Comparison<'d> {
    fn begin(spec: &'d Value, drawn: &'d Value, source: &'d Source) -> Self {
        let root = spec;
        let (spec, drawn) = (Document::new(spec), Document::new(drawn));
        Self {
            root,
            spec,
            drawn,
            source,
            pairs: vec![Pair::new(spec.root(), drawn.root())],
            next: 0,
            known: HashMap::new(),
            paths: Vec::new(),
            methods: Vec::new(),
        }
    }

    /// Looks at one more pair. `false` if there is none.
    fn step(&mut self) -> bool {
        let Some(pair) = self.pairs.get(self.next) else { return false };
        let (spec, drawn) = (pair.spec.clone(), pair.drawn.clone());
        self.forms(self.next, &spec, &drawn);
        self.next += 1;
        true
    }

    /// Compares two nodes, at once if they are small, otherwise as a pair of their own.
    fn nodes(&mut self, from: usize, spec: &Node<'d>, drawn: &Node<'d>) -> Option<usize> {
        let (spec, drawn) = match (self.spec.settle(spec.clone()), self.drawn.settle(drawn.clone())) {
            (Ok(spec), Ok(drawn)) => (spec, drawn),
            (Ok(spec), Err(broken)) => {
                self.broken(from, &spec, drawn, broken);
                return None;
            }
            // The gate lets no spec pass whose references are broken.
            (Err(_), _) => {
                self.differ(from, spec, drawn);
                return None;
            }
        };
        if spec.object().is_none() || drawn.object().is_none() {
            self.forms(from, &spec, &drawn);
            return None;
        }
        let identity = spec.identity().zip(drawn.identity());
        if let Some(&pair) = identity.as_ref().and_then(|identity| self.known.get(identity)) {
            self.pairs[from].next.push(pair);
            return Some(pair);
        }
        let pair = self.pairs.len();
        self.pairs.push(Pair::new(spec, drawn));
        self.pairs[from].next.push(pair);
        if let Some(identity) = identity {
            self.known.insert(identity, pair);
        }
        Some(pair)
    }

    fn forms(&mut self, from: usize, spec: &Node<'d>, drawn: &Node<'d>) {
        match (self.spec.open(spec), self.drawn.open(drawn)) {
            (Form::Named(ours), Form::Named(theirs)) => self.named(from, spec, ours, drawn, theirs),
            (Form::List(ours), Form::List(theirs)) => self.list(from, spec, ours, drawn, theirs),
            (Form::Set(ours), Form::Set(theirs)) => self.set(from, spec, &ours, drawn, &theirs),
            (Form::Data, Form::Data) if data::same(spec.value, drawn.value) => {}
            _ => self.differ(from, spec, drawn),
        }
    }

    fn named(
        &mut self,
        from: usize,
        spec: &Node<'d>,
        mut ours: Vec<Entry<'d>>,
        drawn: &Node<'d>,
        mut theirs: Vec<Entry<'d>>,
    ) {
        if spec.object() == Some(Object::Schema) {
            relevance::keep_causes(self, &mut ours, &mut theirs);
        }
        for entry in ours {
            match theirs.iter().position(|other| other.name == entry.name) {
                Some(index) => {
                    // What is left keeps its order, so that findings do.
                    let other = theirs.remove(index);
                    let pair = self.nodes(from, &entry.node, &other.node);
                    self.note(from, spec, &entry, pair);
                }
                None => self.not_implemented(from, spec, &entry, drawn),
            }
        }
        for entry in theirs {
            self.not_documented(from, spec, &entry);
        }
    }

    /// Remembers which pair is which path and which method.
    fn note(&mut self, from: usize, parent: &Node<'d>, entry: &Entry<'d>, pair: Option<usize>) {
        let Some(pair) = pair else { return };
        match parent.object() {
            Some(Object::Paths) => self.paths.push((pair, entry.name.to_string())),
            Some(Object::PathItem) if METHODS.contains(&&*entry.name) => {
                self.methods.push((from, entry.name.to_string(), pair));
            }
            _ => {}
        }
    }

    /// An entry that only the spec has.
    fn not_implemented(&mut self, from: usize, parent: &Node<'d>, entry: &Entry<'d>, drawn: &Node<'d>) {
        let node = self.spec.settle(entry.node.clone()).unwrap_or_else(|_| entry.node.clone());
        if let Some(inner) = self.contents(Which::Spec, &node, entry) {
            for inner in inner {
                self.not_implemented(from, &node, &inner, drawn);
            }
            return;
        }
        let part = node.parts.own;
        let operation = operations::operation_of(parent, entry);
        let owner = self.owner(parent);
        let words = wording::not_implemented(part, &entry.shown(), owner.as_deref(), operation.as_ref());
        let draft = Draft {
            kind: Kind::NotImplemented(part),
            pointer: entry.node.at.pointer(),
            point: Point::Entry,
            spec: Side::Value(node.value.clone()),
            implementation: Side::Absent,
            drawn: drawn.at.pointer(),
            words,
        };
        self.push_with(from, draft, operation);
    }

    /// An entry that only the implementation has.
    fn not_documented(&mut self, from: usize, parent: &Node<'d>, entry: &Entry<'d>) {
        let base = parent.at.pointer();
        self.not_documented_at(from, parent, parent, &base, entry);
    }

    /// The same, for what lies deeper in what only the implementation has: `base` is where that would stand in the spec,
    /// `owner` what the spec has of it.
    fn not_documented_at(
        &mut self,
        from: usize,
        owner: &Node<'d>,
        parent: &Node<'d>,
        base: &str,
        entry: &Entry<'d>,
    ) {
        let pointer = format!("{base}/{}", escape(&entry.key()));
        let node = self.drawn.settle(entry.node.clone()).unwrap_or_else(|_| entry.node.clone());
        if let Some(inner) = self.contents(Which::Drawn, &node, entry) {
            for inner in inner {
                self.not_documented_at(from, owner, &node, &pointer, &inner);
            }
            return;
        }
        let part = node.parts.own;
        let operation = operations::operation_of(parent, entry);
        let (kind, words) = if entry.name == "$ref" {
            (Kind::UnresolvedReference, wording::broken(node.value, Broken::Nothing))
        } else {
            let owner = self.owner(owner);
            let words = wording::not_documented(part, &entry.shown(), owner.as_deref(), operation.as_ref());
            (Kind::NotDocumented(part), words)
        };
        let draft = Draft {
            kind,
            pointer,
            point: Point::Entry,
            spec: Side::Absent,
            implementation: Side::Value(node.value.clone()),
            drawn: entry.node.at.pointer(),
            words,
        };
        self.push_with(from, draft, operation);
    }

    /// What an entry of a node of the spec belongs to, in words.
    fn owner(&self, node: &Node<'d>) -> Option<String> {
        wording::owner(self.root, &node.at)
    }

    /// What a node of the spec belongs to, in words.
    fn owner_of(&self, node: &Node<'d>) -> Option<String> {
        wording::owner(self.root, node.at.parent()?)
    }

    /// What a map holds that is missing as a whole, so that each entry is a finding. An empty one is a finding itself.
    fn contents(&self, which: Which, node: &Node<'d>, entry: &Entry<'d>) -> Option<Vec<Entry<'d>>> {
        if !node.is_map() || entry.node.parts.own == Part::Operation {
            return None;
        }
        let document = match which {
            Which::Spec => self.spec,
            Which::Drawn => self.drawn,
        };
        let Form::Named(mut inner) = document.open(node) else { return None };
        if node.object() == Some(Object::PathItem) {
            // What else a path has only follows.
            inner.retain(|entry| METHODS.contains(&&*entry.name));
        }
        (!inner.is_empty()).then_some(inner)
    }

    fn differ(&mut self, from: usize, spec: &Node<'d>, drawn: &Node<'d>) {
        let words = wording::different(spec, drawn, self.owner_of(spec).as_deref());
        let draft = Draft {
            kind: Kind::Different(spec.parts.own),
            pointer: spec.at.pointer(),
            point: Point::Value,
            spec: Side::Value(spec.value.clone()),
            implementation: Side::Value(drawn.value.clone()),
            drawn: drawn.at.pointer(),
            words,
        };
        self.push(from, draft);
    }

    fn broken(&mut self, from: usize, spec: &Node<'d>, drawn: &Node<'d>, broken: Broken) {
        let draft = Draft {
            kind: Kind::UnresolvedReference,
            pointer: spec.at.pointer(),
            point: Point::Entry,
            spec: Side::Value(spec.value.clone()),
            implementation: Side::Value(drawn.value.get("$ref").unwrap_or(drawn.value).clone()),
            drawn: drawn.at.pointer(),
            words: wording::broken(drawn.value, broken),
        };
        self.push(from, draft);
    }

    fn push(&mut self, from: usize, draft: Draft) {
        self.push_with(from, draft, None);
    }

    /// Keeps a finding, which may be about an operation as a whole.
    fn push_with(&mut self, from: usize, draft: Draft, operation: Option<Operation>) {
        let Draft { kind, pointer, point, spec, implementation, drawn, words: (sentence, help) } = draft;
        let (operations, method) = match operation {
            None => (Vec::new(), None),
            Some(operation) if operation.path.is_empty() => (Vec::new(), Some(operation.method)),
            Some(operation) => (vec![operation], None),
        };
        let location = self.source.locate(&pointer, point);
        let drawn = Some(drawn);
        let finding = Finding {
            kind,
            operations,
            pointer,
            location,
            spec,
            implementation,
            drawn,
            evidence: None,
            rust: None,
            sentence,
            help,
        };
        self.pairs[from].found.push(Found { finding, method });
    }
}

/// A finding, before it is known where in the text it stands and which operations it concerns.
struct Draft {
    kind: Kind,
    pointer: String,
    point: Point,
    spec: Side,
    implementation: Side,
    drawn: String,
    words: wording::Words,
}

/// Whether a node is a schema.
fn is_schema(shape: Shape) -> bool {
    shape == Shape::Object(Object::Schema)
}
