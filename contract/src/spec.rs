//! The spec: a hand-written OpenAPI 3.0 document that was read and passed the gate.
//!
//! A [`Spec`] exists only if its text is YAML, if every key in it is a word of OpenAPI or an extension, and if every
//! reference leads somewhere: what is compared with an implementation later cannot be something that no reader sees.

use std::sync::Arc;

use serde_json::Value;

use crate::finding::{Finding, Location, Side};
use crate::gate;
use crate::report::Report;
use crate::yaml::{self, Mark, Places};

/// A spec that was read: the document, its text, and where in the text each node stands.
#[derive(Clone, Debug)]
pub struct Spec {
    document: Value,
    source: Source,
}

impl Spec {
    /// Reads a spec and puts it through the gate. `display_path` is what reports call the file.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the text on its own, without looking at any implementation.
    pub fn read(display_path: &str, text: &str) -> Result<Self, Report> {
        let mut source =
            Source { file: display_path.to_owned(), text: Arc::from(text), places: Places::new() };
        let document = yaml::read(text).map_err(|problems| {
            let findings = problems.into_iter().map(|problem| unreadable(display_path, problem)).collect();
            Report::new(findings, &source)
        })?;
        source.places = document.places;
        Self::admit(document.value, source)
    }

    /// Puts a document through the gate.
    pub(crate) fn admit(document: Value, source: Source) -> Result<Self, Report> {
        let findings = gate::check(&document, &source);
        if findings.is_empty() { Ok(Self { document, source }) } else { Err(Report::new(findings, &source)) }
    }

    /// The document.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.document
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// The text, to the letter.
    pub(crate) fn text(&self) -> &str {
        &self.source.text
    }
}

fn unreadable(file: &str, problem: yaml::Problem) -> Finding {
    let Mark { line, column } = problem.mark;
    Finding {
        kind: problem.kind,
        operations: Vec::new(),
        pointer: String::new(),
        location: Location { file: file.to_owned(), line, column },
        spec: Side::NotAsked,
        implementation: Side::NotAsked,
        drawn: None,
        evidence: None,
        rust: None,
        sentence: problem.sentence,
        help: problem.help.to_owned(),
    }
}

/// Where the spec's nodes stand in its text.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    file: String,
    text: Arc<str>,
    places: Places,
}

/// Which end of an entry a finding points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// Its key, where it has one: the entry as a whole is meant.
    Entry,
    /// Its value.
    Value,
}

impl Source {
    /// A document that has no text, as the mutation engine makes them.
    #[cfg(feature = "mutants")]
    pub(crate) fn without_text() -> Self {
        Self { file: String::new(), text: Arc::from(""), places: Places::new() }
    }

    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    pub(crate) fn text(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    /// The place of a node, or of the nearest one around it that exists.
    pub(crate) fn locate(&self, pointer: &str, point: Point) -> Location {
        let mut ancestor = pointer;
        let mut point = point;
        loop {
            if let Some(place) = self.places.get(ancestor) {
                let mark = match point {
                    Point::Entry => place.key.unwrap_or(place.value),
                    Point::Value => place.value,
                };
                return Location { file: self.file.clone(), line: mark.line, column: mark.column };
            }
            let Some(end) = ancestor.rfind('/') else {
                return Location { file: self.file.clone(), line: 1, column: 1 };
            };
            ancestor = &ancestor[..end];
            point = Point::Entry;
        }
    }
}
