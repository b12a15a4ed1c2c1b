//! One change to a document, made in place and taken back.

use std::fmt;

use serde_json::{Value, json};

/// One change, and the node it is made at.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// The JSON pointer's tokens, not escaped.
    pub at: Vec<String>,
    /// What is done there.
    pub action: Action,
}

/// What is done to a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// It is taken out of its map or list.
    Delete,
    /// This stands in its place.
    Replace(Value),
    /// The number is spelt another way.
    Respell(Value),
    /// It stands under this key.
    Rename(String),
    /// This entry stands in the map too.
    AddKey(String, Value),
    /// This item stands at the list's end too.
    AddItem(Value),
    /// The list runs backwards.
    Reverse,
    /// The list's first two items change places.
    Swap,
}

impl fmt::Display for Edit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "#")?;
        for token in &self.at {
            write!(out, "/{}", crate::pointer::escape(token))?;
        }
        match &self.action {
            Action::Delete => write!(out, ": deleted"),
            Action::Replace(value) | Action::Respell(value) => write!(out, ": now {value}"),
            Action::Rename(key) => write!(out, ": now under `{key}`"),
            Action::AddKey(key, value) => write!(out, ": with `{key}: {value}`"),
            Action::AddItem(value) => write!(out, ": with an item {value}"),
            Action::Reverse => write!(out, ": reversed"),
            Action::Swap => write!(out, ": first two items swapped"),
        }
    }
}

impl Edit {
    /// Makes the change. Answers the node that it changed, as it was: `None` if the change changes nothing.
    pub(super) fn apply(&self, document: &mut Value) -> Option<Value> {
        let container = self.container(document)?;
        let original = container.clone();
        let last = self.at.last();
        match (&self.action, container) {
            (Action::Delete, Value::Object(map)) => {
                map.shift_remove(last?)?;
            }
            (Action::Delete, Value::Array(items)) => {
                items.remove(last?.parse().ok()?);
            }
            (Action::Rename(key), Value::Object(map)) => {
                let old = std::mem::take(map);
                map.extend(old.into_iter().map(|(name, value)| {
                    if Some(&name) == last { (key.clone(), value) } else { (name, value) }
                }));
            }
            (Action::Replace(value) | Action::Respell(value), place) => place.clone_from(value),
            (Action::AddKey(key, value), Value::Object(map)) => {
                map.insert(key.clone(), value.clone());
            }
            (Action::AddItem(value), Value::Array(items)) => items.push(value.clone()),
            (Action::Reverse, Value::Array(items)) => items.reverse(),
            (Action::Swap, Value::Array(items)) if items.len() > 1 => items.swap(0, 1),
            _ => return None,
        }
        (self.container(document).as_deref() != Some(&original)).then_some(original)
    }

    /// Takes the change back.
    pub(super) fn undo(&self, document: &mut Value, original: Value) {
        if let Some(container) = self.container(document) {
            *container = original;
        }
    }

    /// The node whose value changes: for a deletion and a new name, the one around.
    fn container<'d>(&self, document: &'d mut Value) -> Option<&'d mut Value> {
        let path = match self.action {
            Action::Delete | Action::Rename(_) => self.at.split_last()?.1,
            _ => &self.at,
        };
        path.iter().try_fold(document, |value, token| match value {
            Value::Object(map) => map.get_mut(token),
            Value::Array(items) => items.get_mut(token.parse::<usize>().ok()?),
            _ => None,
        })
    }
}

/// All edits of a document.
pub(super) fn edits(document: &Value) -> Vec<Edit> {
    let mut edits = Vec::new();
    walk(&mut Vec::new(), document, &mut edits);
    edits
}

fn walk(at: &mut Vec<String>, value: &Value, edits: &mut Vec<Edit>) {
    let mut push = |action: Action| edits.push(Edit { at: at.clone(), action });
    if let Some(last) = at.last() {
        push(Action::Delete);
        push(Action::Rename(format!("{last}x")));
        push(Action::Rename(swap_case(last)));
        if last.chars().count() > 1 {
            push(Action::Rename(last.chars().skip(1).collect()));
        }
    }
    for action in changes(value).into_iter().chain(additions(value)) {
        push(action);
    }
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                at.push(key.clone());
                walk(at, value, edits);
                at.pop();
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                at.push(index.to_string());
                walk(at, value, edits);
                at.pop();
            }
        }
        _ => {}
    }
}

fn changes(value: &Value) -> Vec<Action> {
    let mut changes = match value {
        Value::Null => vec![json!(false), json!("null"), json!(0)],
        Value::Bool(flag) => vec![json!(!flag), json!(flag.to_string()), json!(0), Value::Null],
        Value::Number(number) => {
            let float = number.as_f64().unwrap_or_default();
            vec![
                json!(float + 1.0),
                json!(float + 0.5),
                json!(-float),
                json!(number.to_string()),
                Value::Null,
            ]
        }
        Value::String(text) => {
            vec![
                json!(format!("{text}x")),
                json!(format!(" {text}")),
                json!(swap_case(text)),
                json!(""),
                json!(7),
                Value::Null,
            ]
        }
        Value::Array(items) => vec![json!([]), json!({}), json!("list"), json!({ "items": items })],
        Value::Object(_) => vec![json!({}), json!([]), json!("map"), Value::Null, json!([value])],
    };
    changes.retain(|change| !crate::data::same(change, value));
    let mut actions: Vec<Action> = changes.into_iter().map(Action::Replace).collect();
    if let Some(whole) = value.as_i64() {
        #[allow(
            clippy::cast_precision_loss,
            reason = "where the two differ, it is no respelling, and left out"
        )]
        let float = json!(whole as f64);
        actions.extend(crate::data::same(&float, value).then_some(Action::Respell(float)));
    }
    actions
}

/// What a map or list could also hold: nonsense, an extension, a copy of what is there, words of OpenAPI.
fn additions(value: &Value) -> Vec<Action> {
    match value {
        Value::Object(map) => {
            let mut entries = vec![
                ("added", json!("added")),
                ("added", json!({})),
                ("x-added", json!("added")),
                ("x-added", json!({ "description": "added" })),
                ("nullable", json!(true)),
                ("deprecated", json!(true)),
                ("readOnly", json!(true)),
                ("allowReserved", json!(true)),
                ("description", json!("added")),
                ("summary", json!("added")),
                ("title", json!("added")),
                ("example", json!("added")),
                ("default", json!(1)),
                ("enum", json!([1])),
                ("format", json!("added")),
                ("maxLength", json!(3)),
                ("minItems", json!(1)),
                ("required", json!(["added"])),
                ("additionalProperties", json!(true)),
                ("style", json!("form")),
                ("explode", json!(true)),
                ("security", json!([])),
                ("servers", json!([])),
                ("/added", json!({})),
            ];
            entries.retain(|(key, _)| !map.contains_key(*key));
            let mut actions: Vec<Action> =
                entries.into_iter().map(|(key, value)| Action::AddKey(key.to_owned(), value)).collect();
            if let Some(copy) = map.values().next() {
                for name in ["copied", "/copied", "599", "x-copied"] {
                    actions.push(Action::AddKey(name.to_owned(), copy.clone()));
                }
            }
            actions
        }
        Value::Array(items) => {
            let mut actions = vec![
                Action::AddItem(json!("added")),
                Action::AddItem(json!(99)),
                Action::AddItem(json!({})),
                Action::Reverse,
                Action::Swap,
            ];
            actions.extend(items.first().map(|first| Action::AddItem(first.clone())));
            actions
        }
        _ => Vec::new(),
    }
}

fn swap_case(text: &str) -> String {
    text.chars()
        .map(|letter| {
            if letter.is_ascii_uppercase() {
                letter.to_ascii_lowercase()
            } else {
                letter.to_ascii_uppercase()
            }
        })
        .collect()
}
