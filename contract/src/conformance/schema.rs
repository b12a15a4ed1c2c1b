//! Whether a value is allowed by a schema of the spec, and which part of it is not.
//!
//! The judge is `jsonschema`, which knows JSON Schema 2020-12; a schema of OpenAPI 3.0 is brought to that first.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternCache, Validator};
use serde_json::{Map, Value, json};

use super::model::{Node, entries};
use crate::pointer::{escape, unescape};
use crate::reference::follow;

/// More references than this in a row lead in a circle.
const LONGEST_CHAIN: usize = 32;

/// Which way a value goes. A `readOnly` property is not asked of a client, a `writeOnly` one not of the server (OpenAPI
/// 3.0.3, section 4.7.24).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Direction {
    Request,
    Response,
}

/// A part of a value that its schema does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The part, as a JSON pointer into the value. It names a missing member too.
    pub(super) pointer: String,
    /// The keyword that forbids it.
    pub(super) keyword: String,
    /// What is wrong, in words.
    pub(super) sentence: String,
}

/// A schema that was compiled, or cannot be.
type Compiled = Option<Rc<Validator>>;

/// The schemas of one spec.
#[derive(Debug)]
pub(super) struct Schemas<'d> {
    document: &'d Value,
    validators: RefCell<HashMap<(String, Direction), Compiled>>,
    patterns: RefCell<HashMap<String, Option<Validator>>>,
    /// A pattern is compiled once, in however many schemas it stands.
    compiled: PatternCache,
}

impl<'d> Schemas<'d> {
    pub(super) fn new(document: &'d Value) -> Self {
        Self {
            document,
            validators: RefCell::default(),
            patterns: RefCell::default(),
            compiled: PatternCache::new(),
        }
    }

    /// The schema at a pointer, after its references. `None` if it is none.
    pub(super) fn settle(&self, at: &str) -> Option<Node<'d>> {
        let mut node = Node { value: self.document.pointer(at)?, at: at.to_owned() };
        for _ in 0..LONGEST_CHAIN {
            node = match (node.value["$ref"].as_str(), node.value["allOf"].as_array().map(Vec::as_slice)) {
                (Some(reference), _) => {
                    let (at, value) = follow(self.document, reference).ok()?;
                    Node { value, at: at.pointer() }
                }
                // A described reference is written as the only member of an `allOf`.
                (None, Some([only])) if node.value.get("properties").is_none() => {
                    Node { value: only, at: format!("{}/allOf/0", node.at) }
                }
                _ => return Some(node),
            };
        }
        None
    }

    /// What the schema at a pointer does not allow of `value`. Nothing, if the schema is one that cannot be judged by.
    pub(super) fn wrongs(&self, at: &str, direction: Direction, value: &Value) -> Vec<Wrong> {
        let Some(validator) = self.validator(at, direction) else { return Vec::new() };
        let mut wrongs = Vec::new();
        for error in validator.iter_errors(value) {
            let pointer = error.instance_path().as_str().to_owned();
            let keyword = last(error.schema_path().as_str());
            let sentence = error.to_string();
            let members = match error.kind() {
                ValidationErrorKind::Required { property } => {
                    property.as_str().map(|name| vec![name.to_owned()])
                }
                ValidationErrorKind::AdditionalProperties { unexpected } => Some(unexpected.clone()),
                _ => None,
            };
            for member in members.unwrap_or_default() {
                let pointer = format!("{pointer}/{}", escape(&member));
                wrongs.push(Wrong { pointer, keyword: keyword.clone(), sentence: sentence.clone() });
            }
            if !matches!(keyword.as_str(), "required" | "additionalProperties") {
                wrongs.push(Wrong { pointer, keyword, sentence });
            }
        }
        wrongs
    }

    pub(super) fn allows(&self, at: &str, direction: Direction, value: &Value) -> bool {
        self.validator(at, direction).is_none_or(|validator| validator.is_valid(value))
    }

    /// Whether a string matches a schema's pattern, if it has one; its length does not count.
    pub(super) fn fits(&self, schema: &Value, text: &str) -> bool {
        let Some(pattern) = schema["pattern"].as_str() else { return true };
        let mut patterns = self.patterns.borrow_mut();
        let validator =
            patterns.entry(pattern.to_owned()).or_insert_with(|| self.build(&json!({"pattern": pattern})));
        validator.as_ref().is_some_and(|validator| validator.is_valid(&json!(text)))
    }

    /// The place of the spec's schema that governs a part of a value: the deepest that can be followed through properties and
    /// items alone.
    pub(super) fn governing(&self, at: &str, pointer: &str) -> String {
        let mut reached = self.settle(at).map_or_else(|| at.to_owned(), |node| node.at);
        for token in pointer.split('/').skip(1) {
            let below = [
                format!("{reached}/properties/{token}"),
                format!("{reached}/items"),
                format!("{reached}/additionalProperties"),
            ];
            let found = below.iter().find(|at| self.document.pointer(at).is_some_and(Value::is_object));
            let Some(node) = found.and_then(|at| self.settle(at)) else { break };
            reached = node.at;
        }
        reached
    }

    /// The place of the keyword that forbids a part of a value, or of what it stands in.
    pub(super) fn forbidding(&self, at: &str, wrong: &Wrong) -> String {
        let holder = match wrong.keyword.as_str() {
            "required" | "additionalProperties" => {
                wrong.pointer.rsplit_once('/').map_or("", |(parent, _)| parent)
            }
            _ => &wrong.pointer,
        };
        let governing = self.governing(at, holder);
        let keyword = match wrong.keyword.as_str() {
            "exclusiveMinimum" => "minimum",
            "exclusiveMaximum" => "maximum",
            keyword => keyword,
        };
        let precise = format!("{governing}/{keyword}");
        if self.document.pointer(&precise).is_some() { precise } else { governing }
    }

    fn build(&self, schema: &Value) -> Option<Validator> {
        let options = jsonschema::options().with_draft(Draft::Draft202012);
        options.with_pattern_cache(self.compiled.clone()).build(schema).ok()
    }

    fn validator(&self, at: &str, direction: Direction) -> Option<Rc<Validator>> {
        let key = (at.to_owned(), direction);
        if let Some(validator) = self.validators.borrow().get(&key) {
            return validator.clone();
        }
        let build = |patterns| {
            let schema = Translation::of(self.document, at, direction, patterns)?;
            self.build(&schema).map(Rc::new)
        };
        // A pattern that the engine rejects is one that no case can be made for; the rest of the schema still counts.
        let validator = build(Patterns::Kept).or_else(|| build(Patterns::Dropped));
        self.validators.borrow_mut().insert(key, validator.clone());
        validator
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patterns {
    Kept,
    Dropped,
}

/// One schema on its way from OpenAPI 3.0 to JSON Schema 2020-12, with all that it refers to.
struct Translation<'d> {
    document: &'d Value,
    direction: Direction,
    patterns: Patterns,
    names: HashMap<String, usize>,
    definitions: Map<String, Value>,
}

/// Keywords that mean the same in both, and hold no schema.
const PLAIN: [&str; 10] = [
    "enum",
    "maxItems",
    "maxLength",
    "maxProperties",
    "minItems",
    "minLength",
    "minProperties",
    "multipleOf",
    "title",
    "uniqueItems",
];

impl<'d> Translation<'d> {
    fn of(document: &'d Value, at: &str, direction: Direction, patterns: Patterns) -> Option<Value> {
        let value = document.pointer(at)?;
        let mut translation =
            Self { document, direction, patterns, names: HashMap::new(), definitions: Map::new() };
        let mut schema = translation.schema(value);
        if let Value::Object(schema) = &mut schema {
            schema.insert("$defs".to_owned(), Value::Object(translation.definitions));
        }
        Some(schema)
    }

    fn schema(&mut self, schema: &'d Value) -> Value {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.reference(reference);
        }
        let mut out = Map::new();
        for (keyword, value) in entries(schema) {
            match keyword {
                keyword if PLAIN.contains(&keyword) => {
                    out.insert(keyword.to_owned(), value.clone());
                }
                "pattern" if self.patterns == Patterns::Kept => {
                    out.insert(keyword.to_owned(), value.clone());
                }
                "allOf" | "anyOf" | "oneOf" => {
                    let members = value.as_array().into_iter().flatten().map(|member| self.schema(member));
                    out.insert(keyword.to_owned(), members.collect());
                }
                "items" | "not" => {
                    out.insert(keyword.to_owned(), self.schema(value));
                }
                "additionalProperties" => {
                    let value = if value.is_boolean() { value.clone() } else { self.schema(value) };
                    out.insert(keyword.to_owned(), value);
                }
                "properties" => {
                    let properties =
                        entries(value).map(|(name, value)| (name.to_owned(), self.schema(value)));
                    out.insert(keyword.to_owned(), Value::Object(properties.collect()));
                }
                _ => {}
            }
        }
        out.extend(bound(schema, "minimum", "exclusiveMinimum"));
        out.extend(bound(schema, "maximum", "exclusiveMaximum"));
        out.extend(self.required(schema));
        if let Some(own) = schema["type"].as_str() {
            let nullable = schema["nullable"] == true;
            out.insert("type".to_owned(), if nullable { json!([own, "null"]) } else { json!(own) });
        }
        Value::Object(out)
    }

    fn reference(&mut self, reference: &str) -> Value {
        let Ok((at, value)) = follow(self.document, reference) else { return json!({}) };
        let next = self.names.len();
        let at = at.pointer();
        let known = self.names.get(&at).copied();
        let index = known.unwrap_or(next);
        if known.is_none() {
            self.names.insert(at, index);
            let schema = self.schema(value);
            self.definitions.insert(index.to_string(), schema);
        }
        json!({"$ref": format!("#/$defs/{index}")})
    }

    /// `required`, without what is not asked in this direction.
    fn required(&self, schema: &Value) -> Option<(String, Value)> {
        let other = match self.direction {
            Direction::Request => "readOnly",
            Direction::Response => "writeOnly",
        };
        let asked = |name: &&Value| {
            let property = &schema["properties"][name.as_str().unwrap_or_default()];
            let property = match property["$ref"].as_str() {
                Some(reference) => follow(self.document, reference).map_or(property, |(_, value)| value),
                None => property,
            };
            property[other] != true
        };
        let names = schema["required"].as_array()?;
        Some(("required".to_owned(), names.iter().filter(asked).cloned().collect()))
    }
}

/// 3.0 says with a flag that a bound is not part of its range.
fn bound(schema: &Value, keyword: &str, exclusive: &str) -> Option<(String, Value)> {
    let value = schema.get(keyword)?.clone();
    let keyword = if schema[exclusive] == true { exclusive } else { keyword };
    Some((keyword.to_owned(), value))
}

/// The last name in a pointer.
pub(super) fn last(pointer: &str) -> String {
    unescape(pointer.rsplit('/').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        json!({"components": {"schemas": {
            "Node": {"type": "object", "required": ["id", "n"], "properties": {
                "id": {"type": "integer", "readOnly": true},
                "n": {"type": "number", "minimum": 0, "exclusiveMinimum": true, "multipleOf": 0.5},
                "s": {"type": "string", "nullable": true, "pattern": "^a+$"},
                "next": {"$ref": "#/components/schemas/Node"}
            }},
            "Odd": {"type": "string", "pattern": "(?<", "maxLength": 3}
        }}})
    }

    fn pointers(document: &Value, direction: Direction, value: &Value) -> Vec<String> {
        let schemas = Schemas::new(document);
        let wrongs = schemas.wrongs("/components/schemas/Node", direction, value);
        wrongs.into_iter().map(|wrong| format!("{} {}", wrong.keyword, wrong.pointer)).collect()
    }

    #[test]
    fn a_3_0_schema_is_judged_as_it_is_meant() {
        let document = document();
        let of = |direction, value: &Value| pointers(&document, direction, value);
        assert!(of(Direction::Request, &json!({"n": 0.5, "s": null})).is_empty());
        assert_eq!(of(Direction::Response, &json!({"n": 0.5})), ["required /id"]);
        assert_eq!(of(Direction::Request, &json!({"n": 0})), ["exclusiveMinimum /n"]);
        assert_eq!(of(Direction::Request, &json!({"n": 1, "next": {"n": 1, "s": "b"}})), ["pattern /next/s"]);
        assert_eq!(of(Direction::Request, &json!({"n": null})), ["type /n"]);
    }

    #[test]
    fn the_place_of_a_keyword_is_found_through_references() {
        let document = document();
        let schemas = Schemas::new(&document);
        let at = "/components/schemas/Node";
        let wrongs = schemas.wrongs(at, Direction::Request, &json!({"n": 1, "next": {"n": 0}}));
        assert_eq!(schemas.forbidding(at, &wrongs[0]), "/components/schemas/Node/properties/n/minimum");
        let wrongs = schemas.wrongs(at, Direction::Request, &json!({}));
        assert_eq!(schemas.forbidding(at, &wrongs[0]), "/components/schemas/Node/required");
    }

    #[test]
    fn a_pattern_that_cannot_be_judged_takes_nothing_else_with_it() {
        let document = document();
        let schemas = Schemas::new(&document);
        let allows = |value| schemas.allows("/components/schemas/Odd", Direction::Request, &value);
        assert!(allows(json!("abc")) && !allows(json!("abcd")));
    }
}
