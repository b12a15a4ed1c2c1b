//! How findings read: like a compiler's errors, one after the other. What a finding says is decided where it is found.

use std::fmt::{self, Write};

use serde_json::Value;

use crate::finding::{Finding, Location, Operation, Side};

/// Longer values are cut: the location says where the rest stands.
const LONGEST_VALUE: usize = 160;

/// More operations than this are counted, not listed.
const MOST_OPERATIONS: usize = 4;

/// All findings of one check, at least one, in the order of the spec's lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn new(mut findings: Vec<Finding>) -> Self {
        findings.sort_by(|a, b| (&a.location, &a.pointer, a.kind).cmp(&(&b.location, &b.pointer, b.kind)));
        Self { findings }
    }

    /// What was found.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Writes the report as plain text. For a `std::io::Write`, format it: `write!(out, "{report}")`.
    pub fn render(&self, out: &mut impl Write) -> fmt::Result {
        for finding in &self.findings {
            render_finding(finding, out)?;
            writeln!(out)?;
        }
        let count = self.findings.len();
        let noun = if count == 1 { "finding" } else { "findings" };
        let file = self.findings.first().map_or("", |finding| &finding.location.file);
        writeln!(out, "{count} {noun} in {file}")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.render(out)
    }
}

impl std::error::Error for Report {}

fn render_finding(finding: &Finding, out: &mut impl Write) -> fmt::Result {
    writeln!(out, "error[contract::{}]: {}", finding.kind.code(), finding.sentence)?;
    let Location { file, line, column } = &finding.location;
    writeln!(out, "  --> {file}:{line}:{column}")?;
    let mut rows: Vec<(&str, String)> = Vec::new();
    if !finding.operations.is_empty() {
        rows.push(("operation", operations(&finding.operations)));
    }
    // Text that is no document has no pointers.
    if !(finding.pointer.is_empty() && finding.spec == Side::NotAsked) {
        rows.push(("pointer", format!("#{}", finding.pointer)));
    }
    rows.extend(side(&finding.spec).map(|value| ("spec", value)));
    rows.extend(side(&finding.implementation).map(|value| ("implementation", value)));
    rows.extend(finding.drawn.as_ref().map(|pointer| ("drawn as", format!("#{pointer}"))));
    rows.push(("help", finding.help.clone()));
    for (label, text) in rows {
        writeln!(out, "   = {label}: {text}")?;
    }
    Ok(())
}

fn operations(operations: &[Operation]) -> String {
    let listed: Vec<String> = operations.iter().take(MOST_OPERATIONS).map(ToString::to_string).collect();
    match operations.len().saturating_sub(MOST_OPERATIONS) {
        0 => listed.join(", "),
        more => format!("{}, and {more} more", listed.join(", ")),
    }
}

fn side(side: &Side) -> Option<String> {
    match side {
        Side::NotAsked => None,
        Side::Absent => Some("(absent)".to_owned()),
        Side::Value(value) => Some(cut(value)),
    }
}

/// A value on one line, as JSON.
fn cut(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text,
    }
}
