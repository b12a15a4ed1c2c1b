//! A document as YAML, in ways other than its author's.

use serde_json::Value;

/// How a YAML text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Strings in double quotes, keys too.
    DoubleQuoted,
    /// Strings in single quotes where they can be, and plain keys.
    SingleQuoted,
    /// A comment before each line.
    Commented,
    /// What stands there for the second time is an alias.
    Aliased,
}

/// Writes a document in block style.
pub(super) fn block(document: &Value, style: Style) -> String {
    let mut writer = Writer { style, text: String::new(), seen: Vec::new() };
    writer.node(document, 0);
    writer.text
}

struct Writer<'d> {
    style: Style,
    text: String,
    /// What an alias can stand for: the index is the anchor's number.
    seen: Vec<&'d Value>,
}

impl<'d> Writer<'d> {
    /// Writes a node after what introduces it. Collections begin on a line of their own.
    fn node(&mut self, value: &'d Value, indent: usize) {
        if self.alias(value) {
            return;
        }
        match value {
            Value::Object(map) if !map.is_empty() => {
                for (key, value) in map {
                    self.line(indent);
                    let key = self.key(key);
                    self.text.push_str(&key);
                    self.text.push(':');
                    self.node(value, indent + 2);
                }
            }
            Value::Array(items) if !items.is_empty() => {
                for item in items {
                    self.line(indent);
                    self.text.push('-');
                    self.node(item, indent + 2);
                }
            }
            scalar => {
                let text = self.scalar(scalar);
                self.text.push(' ');
                self.text.push_str(&text);
            }
        }
    }

    /// Gives a collection an anchor when it is first seen, and writes an alias when it is seen again.
    fn alias(&mut self, value: &'d Value) -> bool {
        let is_collection = value.as_object().is_some_and(|map| !map.is_empty())
            || value.as_array().is_some_and(|items| !items.is_empty());
        if self.style != Style::Aliased || !is_collection || self.text.is_empty() {
            return false;
        }
        if let Some(number) = self.seen.iter().position(|seen| *seen == value) {
            self.text.push_str(" *a");
            self.text.push_str(&number.to_string());
            return true;
        }
        self.text.push_str(" &a");
        self.text.push_str(&self.seen.len().to_string());
        self.seen.push(value);
        false
    }

    fn line(&mut self, indent: usize) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        if self.style == Style::Commented {
            self.text.push_str("\n# a: comment, \"with\" {marks}\n");
        }
        self.text.push_str(&" ".repeat(indent));
    }

    fn key(&self, key: &str) -> String {
        let is_plain = self.style != Style::DoubleQuoted
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && key.bytes().any(|byte| byte.is_ascii_alphabetic())
            && key.len() > 5;
        if is_plain { key.to_owned() } else { self.string(key) }
    }

    fn scalar(&self, value: &Value) -> String {
        match value {
            Value::String(text) => self.string(text),
            other => other.to_string(),
        }
    }

    fn string(&self, text: &str) -> String {
        let is_single = self.style != Style::DoubleQuoted && !text.chars().any(char::is_control);
        if is_single { format!("'{}'", text.replace('\'', "''")) } else { Value::from(text).to_string() }
    }
}
