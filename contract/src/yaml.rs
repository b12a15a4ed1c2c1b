//! YAML as data with places: a JSON value, and for each JSON pointer into it the line and column it came from.
//!
//! Plain scalars are read by YAML 1.2's core schema (section 10.3). What JSON cannot say is a problem, not a guess.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};
use serde_json::{Map, Value};

use crate::finding::Kind;
use crate::pointer::escape;

mod scalar;

/// Deeper than any document that a person writes, and shallow enough for every reader that recurses.
const DEEPEST: usize = 64;

/// Aliases may repeat what they stand for, but not until memory ends.
const MOST_NODES: usize = 500_000;

/// A line and a column, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl From<&Marker> for Mark {
    fn from(marker: &Marker) -> Self {
        Self { line: marker.line().max(1), column: marker.col() + 1 }
    }
}

/// Where a node stands: its value, and its key if it is in a map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) key: Option<Mark>,
    pub(crate) value: Mark,
}

/// The place of each node, by JSON pointer.
pub(crate) type Places = HashMap<String, Place>;

/// A document that was read.
pub(crate) struct Document {
    pub(crate) value: Value,
    pub(crate) places: Places,
}

/// Why a text is not, or not quite, a document.
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    pub(crate) mark: Mark,
    pub(crate) sentence: String,
    pub(crate) help: &'static str,
}

impl Problem {
    fn new(kind: Kind, mark: Mark, sentence: impl Into<String>, help: &'static str) -> Self {
        Self { kind, mark, sentence: sentence.into(), help }
    }

    fn not_json(mark: Mark, sentence: impl Into<String>) -> Self {
        Self::new(Kind::NotJson, mark, sentence, "write it in the part of YAML that JSON has too")
    }
}

/// Reads a text that holds one YAML document.
pub(crate) fn read(text: &str) -> Result<Document, Vec<Problem>> {
    let mut composer = Composer::default();
    if let Err(fatal) = composer.compose(text) {
        composer.problems.push(fatal);
    }
    let root = match composer.root {
        Some(root) if composer.problems.is_empty() => root,
        Some(_) => return Err(composer.problems),
        None => {
            if composer.problems.is_empty() {
                let start = Mark { line: 1, column: 1 };
                composer.problems.push(Problem::new(
                    Kind::Syntax,
                    start,
                    "the file is empty",
                    "write an OpenAPI document into it",
                ));
            }
            return Err(composer.problems);
        }
    };
    let mut places = Places::new();
    let mut pointer = String::new();
    let value = unmark(root, None, &mut pointer, &mut places);
    Ok(Document { value, places })
}

/// A node with its place.
#[derive(Clone)]
struct Marked {
    mark: Mark,
    node: Node,
}

#[derive(Clone)]
enum Node {
    Scalar(Value),
    List(Vec<Marked>),
    Map(Vec<Entry>),
}

#[derive(Clone)]
struct Entry {
    key: String,
    mark: Mark,
    value: Marked,
}

/// A list or map that has begun and not ended.
struct Open {
    anchor: usize,
    mark: Mark,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Marked>),
    Map { entries: Vec<Entry>, key: Option<(String, Mark)> },
}

#[derive(Default)]
struct Composer {
    stack: Vec<Open>,
    anchors: HashMap<usize, Marked>,
    root: Option<Marked>,
    problems: Vec<Problem>,
    nodes: usize,
}

impl Composer {
    fn compose(&mut self, text: &str) -> Result<(), Problem> {
        let mut documents = 0;
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| {
                Problem::new(Kind::Syntax, error.marker().into(), error.info(), "mend the YAML")
            })?;
            if matches!(event, Event::DocumentStart(_)) {
                documents += 1;
            }
            if documents > 1 {
                return Err(Problem::not_json(mark(span), "a second YAML document begins"));
            }
            self.take(event, span)?;
        }
        Ok(())
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let mark = mark(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(&text, style, tag.as_deref(), anchor, mark)
            }
            Event::SequenceStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), "seq", mark);
                self.open(Open { anchor, mark, kind: OpenKind::List(Vec::new()) })
            }
            Event::MappingStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), "map", mark);
                self.open(Open { anchor, mark, kind: OpenKind::Map { entries: Vec::new(), key: None } })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.alias(anchor, mark),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        anchor: usize,
        mark: Mark,
    ) -> Result<(), Problem> {
        if self.wants_key() {
            // JSON's keys are strings: a plain `201` or `true` is one when it is a key.
            self.remember(anchor, &Marked { mark, node: Node::Scalar(Value::from(text)) });
            self.key(text.to_owned(), mark);
            return Ok(());
        }
        let value = match scalar::resolve(text, style, tag) {
            Ok(value) => value,
            Err(sentence) => {
                self.problems.push(Problem::not_json(mark, sentence));
                Value::Null
            }
        };
        let node = Marked { mark, node: Node::Scalar(value) };
        self.remember(anchor, &node);
        self.put(node)
    }

    fn check_tag(&mut self, tag: Option<&Tag>, own: &str, mark: Mark) {
        if let Some(tag) = tag
            && !(tag.is_yaml_core_schema() && tag.suffix == own)
        {
            self.problems.push(Problem::not_json(mark, format!("the tag `{tag}` has no meaning in JSON")));
        }
    }

    fn open(&mut self, open: Open) -> Result<(), Problem> {
        if self.wants_key() {
            return Err(Problem::not_json(open.mark, "a list or a map is used as a key"));
        }
        if self.stack.len() >= DEEPEST {
            return Err(Problem::not_json(open.mark, format!("nested more than {DEEPEST} levels deep")));
        }
        self.stack.push(open);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Problem> {
        let Some(Open { anchor, mark, kind }) = self.stack.pop() else { return Ok(()) };
        let node = match kind {
            OpenKind::List(items) => Node::List(items),
            OpenKind::Map { entries, .. } => Node::Map(entries),
        };
        let node = Marked { mark, node };
        self.remember(anchor, &node);
        self.put(node)
    }

    fn alias(&mut self, anchor: usize, mark: Mark) -> Result<(), Problem> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(Problem::not_json(mark, "an alias stands inside of what it stands for"));
        };
        if self.wants_key() {
            let Node::Scalar(Value::String(text)) = &node.node else {
                return Err(Problem::not_json(
                    mark,
                    "an alias of something else than a string is used as a key",
                ));
            };
            let text = text.clone();
            self.key(text, mark);
            return Ok(());
        }
        let (nodes, depth) = measure(node);
        self.nodes += nodes;
        if self.nodes > MOST_NODES || self.stack.len() + depth > DEEPEST {
            return Err(Problem::not_json(mark, "the aliases stand for too much"));
        }
        let node = node.clone();
        self.put(node)
    }

    /// Anchor 0 is none.
    fn remember(&mut self, anchor: usize, node: &Marked) {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
    }

    fn wants_key(&self) -> bool {
        matches!(self.stack.last(), Some(Open { kind: OpenKind::Map { key: None, .. }, .. }))
    }

    fn key(&mut self, text: String, mark: Mark) {
        if let Some(Open { kind: OpenKind::Map { entries, key }, .. }) = self.stack.last_mut() {
            if let Some(first) = entries.iter().find(|entry| entry.key == text) {
                let sentence = format!(
                    "the key `{text}` stands here for the second time; the first is in line {}",
                    first.mark.line
                );
                self.problems.push(Problem::new(
                    Kind::DuplicateKey,
                    mark,
                    sentence,
                    "keep one of the two: readers of the document disagree on which one counts",
                ));
            }
            *key = Some((text, mark));
        }
    }

    fn put(&mut self, node: Marked) -> Result<(), Problem> {
        match self.stack.last_mut().map(|open| &mut open.kind) {
            None => self.root = Some(node),
            Some(OpenKind::List(items)) => items.push(node),
            Some(OpenKind::Map { entries, key }) => match key.take() {
                Some((key, mark)) => entries.push(Entry { key, mark, value: node }),
                None => return Err(Problem::not_json(node.mark, "a list or a map is used as a key")),
            },
        }
        Ok(())
    }
}

fn mark(span: Span) -> Mark {
    Mark::from(&span.start)
}

/// How many nodes there are in a node, and how many levels.
fn measure(node: &Marked) -> (usize, usize) {
    let children: Vec<&Marked> = match &node.node {
        Node::Scalar(_) => Vec::new(),
        Node::List(items) => items.iter().collect(),
        Node::Map(entries) => entries.iter().map(|entry| &entry.value).collect(),
    };
    children
        .into_iter()
        .map(measure)
        .fold((1, 1), |(nodes, depth), (more, levels)| (nodes + more, depth.max(levels + 1)))
}

/// Parts a node from its places.
fn unmark(marked: Marked, key: Option<Mark>, pointer: &mut String, places: &mut Places) -> Value {
    places.insert(pointer.clone(), Place { key, value: marked.mark });
    let here = pointer.len();
    match marked.node {
        Node::Scalar(value) => value,
        Node::List(items) => {
            let mut list = Vec::with_capacity(items.len());
            for (index, item) in items.into_iter().enumerate() {
                pointer.push('/');
                pointer.push_str(&index.to_string());
                list.push(unmark(item, None, pointer, places));
                pointer.truncate(here);
            }
            Value::Array(list)
        }
        Node::Map(entries) => {
            let mut map = Map::with_capacity(entries.len());
            for Entry { key, mark, value } in entries {
                pointer.push('/');
                pointer.push_str(&escape(&key));
                let value = unmark(value, Some(mark), pointer, places);
                pointer.truncate(here);
                map.insert(key, value);
            }
            Value::Object(map)
        }
    }
}
