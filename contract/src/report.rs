//! All that one check has found, as text that reads like a compiler's and as data. What a finding says is decided where it is
//! found.

mod render;
mod style;

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::finding::{Finding, Location, Side};
use crate::sources::Sources;
use crate::spec::Source;

pub use style::Style;

/// All findings of one check, at least one, in the order of the spec's lines.
#[derive(Clone, Debug)]
pub struct Report {
    file: String,
    /// The spec's text, to quote from.
    text: Arc<str>,
    findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn new(mut findings: Vec<Finding>, source: &Source) -> Self {
        findings.sort_by(|a, b| (&a.location, &a.pointer, a.kind).cmp(&(&b.location, &b.pointer, b.kind)));
        Self { file: source.file().to_owned(), text: source.text(), findings }
    }

    /// What was found.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Names the items in Rust that answer for the findings, as far as they can be found in these sources. `document` is the spec.
    #[must_use]
    pub fn with_sources(mut self, sources: &Sources, document: &Value) -> Self {
        for finding in &mut self.findings {
            finding.rust = finding.rust.take().or_else(|| sources.answering(document, finding));
        }
        self
    }

    /// With other helps for the findings that `help` has one for.
    #[must_use]
    pub(crate) fn with_help(mut self, help: impl Fn(&Finding) -> Option<String>) -> Self {
        for finding in &mut self.findings {
            if let Some(help) = help(finding) {
                finding.help = help;
            }
        }
        self
    }

    /// The report as text, ready to be printed.
    #[must_use]
    pub fn text(&self, style: Style) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            text.push_str(&render::finding(finding, &self.text, style));
            text.push_str("\n\n");
        }
        let count = self.findings.len();
        let noun = if count == 1 { "finding" } else { "findings" };
        text.push_str(&format!("{count} {noun} in {}\n", self.file));
        text
    }

    /// The report as data: `{file, findings}`, each finding with `kind`, `sentence`, `operations` (as `METHOD /path`), `pointer`,
    /// `location` (`file`, `line`, `column`) and `help`; and, where there is one, `rust` (`item`, `file`, `line`, `column`), `spec` and
    /// `implementation` (the values), `drawn` (a pointer) and `evidence` (`request`, `expected`, `answered`, `more`).
    #[must_use]
    pub fn json(&self) -> Value {
        json!({"file": self.file, "findings": self.findings.iter().map(data).collect::<Vec<_>>()})
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text(Style::Plain))
    }
}

impl std::error::Error for Report {}

fn data(finding: &Finding) -> Value {
    let mut data = Map::new();
    let mut put = |name: &str, value: Value| drop(data.insert(name.to_owned(), value));
    put("kind", json!(finding.kind.code()));
    put("sentence", json!(finding.sentence));
    put("operations", finding.operations.iter().map(ToString::to_string).collect());
    put("pointer", json!(finding.pointer));
    put("location", place(&finding.location));
    if let Some(rust) = &finding.rust {
        let mut item = place(&rust.location);
        item["item"] = json!(rust.item);
        put("rust", item);
    }
    for (name, side) in [("spec", &finding.spec), ("implementation", &finding.implementation)] {
        if let Side::Value(value) = side {
            put(name, value.clone());
        }
    }
    if let Some(drawn) = &finding.drawn {
        put("drawn", json!(drawn));
    }
    if let Some(evidence) = &finding.evidence {
        let (request, expected) = (&evidence.request, &evidence.expected);
        let (answered, more) = (&evidence.answered, evidence.more);
        put(
            "evidence",
            json!({"request": request, "expected": expected, "answered": answered, "more": more}),
        );
    }
    put("help", json!(finding.help));
    Value::Object(data)
}

fn place(location: &Location) -> Value {
    json!({"file": location.file, "line": location.line, "column": location.column})
}
