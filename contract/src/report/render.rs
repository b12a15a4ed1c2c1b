//! One finding as a compiler would tell it: the spec's line, the item in Rust, what was asked and answered, what helps.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde_json::Value;

use super::Style;
use crate::finding::{Finding, Location, Operation, Side};

/// Longer values are cut: the location says where the rest stands.
const LONGEST_VALUE: usize = 160;

/// More operations than this are counted, not listed.
const MOST_OPERATIONS: usize = 4;

/// Quoted lines are cut to this many columns.
const WIDTH: usize = 140;

/// The finding, without a line end.
pub(super) fn finding(finding: &Finding, text: &str, style: Style) -> String {
    let id = format!("contract::{}", finding.kind.code());
    let title = Level::ERROR.primary_title(finding.sentence.as_str()).id(id);
    let mut group = quote(Group::with_title(title), finding, text);
    if let Some(rust) = &finding.rust {
        let label = format!("`{}` answers for it", rust.item);
        let span = span(&rust.line, 1, rust.location.column).map(|span| span.start..span.start + rust.width);
        let annotation = AnnotationKind::Context.span(span.unwrap_or(0..0)).label(label);
        let snippet = Snippet::source(rust.line.as_str())
            .line_start(rust.location.line)
            .path(rust.location.file.as_str())
            .annotation(annotation);
        group = group.element(snippet);
    }
    for (label, text) in rows(finding) {
        let level = if label == "help" { Level::HELP } else { Level::NOTE };
        group = group.element(level.with_name(label).message(text));
    }
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    };
    renderer.term_width(WIDTH).render(&[group])
}

/// The spec's line, or its place alone if there is no such line.
fn quote<'a>(group: Group<'a>, finding: &'a Finding, text: &'a str) -> Group<'a> {
    let Location { file, line, column } = &finding.location;
    let Some(span) = span(text, *line, *column) else {
        return group.element(Origin::path(file.as_str()).line(*line).char_column(*column));
    };
    let snippet = Snippet::source(text).path(file.as_str()).annotation(AnnotationKind::Primary.span(span));
    group.element(snippet)
}

/// What stands at a place of a text: the rest of an entry on its line.
fn span(text: &str, line: usize, column: usize) -> Option<Range<usize>> {
    let start_of_line = if line <= 1 {
        0
    } else {
        text.match_indices('\n').nth(line.checked_sub(2)?).map(|(at, _)| at + 1)?
    };
    let rest = &text[start_of_line..];
    let whole = rest.split('\n').next()?.trim_end();
    let (offset, _) = whole.char_indices().nth(column.checked_sub(1)?)?;
    let entry = &whole[offset..];
    let length =
        if in_flow(&whole[..offset]) { flow(entry) } else { entry.find(" #").unwrap_or(entry.len()) };
    let start = start_of_line + offset;
    Some(start..start + entry[..length].trim_end().len())
}

/// Whether what comes next on the line is inside of brackets.
fn in_flow(before: &str) -> bool {
    let count = |brackets: [char; 2]| before.matches(brackets).count();
    count(['[', '{']) > count([']', '}'])
}

/// The length of an entry that brackets or commas end.
fn flow(entry: &str) -> usize {
    let mut depth = 0_usize;
    for (at, char) in entry.char_indices() {
        match char {
            '[' | '{' => depth += 1,
            ']' | '}' | ',' if depth == 0 => return at,
            ']' | '}' => depth -= 1,
            _ => {}
        }
    }
    entry.len()
}

/// What is said below the quotes, each behind its label.
fn rows(finding: &Finding) -> Vec<(&'static str, String)> {
    let mut rows: Vec<(&str, String)> = Vec::new();
    if !finding.operations.is_empty() {
        rows.push(("operation", operations(&finding.operations)));
    }
    // Text that is no document has no pointers.
    if !(finding.pointer.is_empty() && finding.spec == Side::NotAsked) {
        rows.push(("pointer", format!("#{}", finding.pointer)));
    }
    if finding.evidence.is_none() {
        rows.extend(side(&finding.spec).map(|value| ("spec", value)));
        rows.extend(side(&finding.implementation).map(|value| ("implementation", value)));
    }
    rows.extend(finding.drawn.as_ref().map(|pointer| ("drawn as", format!("#{pointer}"))));
    if let Some(evidence) = &finding.evidence {
        rows.push(("request", evidence.request.clone()));
        rows.push(("expected", evidence.expected.clone()));
        rows.push(("answered", evidence.answered.clone()));
        match evidence.more {
            0 => {}
            1 => rows.push(("note", "one more request shows the same".to_owned())),
            more => rows.push(("note", format!("{more} more requests show the same"))),
        }
    }
    rows.push(("help", finding.help.clone()));
    rows
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_underlined_as_far_as_it_goes() {
        let text = "a: 1 # one\nb: [x, {y: 2}, z]\n\u{e9}: w\n";
        let under = |line, column| span(text, line, column).map(|span| &text[span]);
        assert_eq!(under(1, 1), Some("a: 1"));
        assert_eq!(under(1, 4), Some("1"));
        assert_eq!(under(2, 5), Some("x"));
        assert_eq!(under(2, 8), Some("{y: 2}"));
        assert_eq!(under(2, 9), Some("y: 2"));
        assert_eq!(under(3, 4), Some("w"));
        assert_eq!(under(9, 1), None);
        assert_eq!(under(1, 99), None);
    }
}
