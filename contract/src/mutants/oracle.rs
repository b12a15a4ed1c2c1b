//! Which edits leave a document that says the same: a list of rules, each by its name.
//!
//! The rules look at the place of the edit in the raw document and at what was done. They know of OpenAPI what is written
//! down here, and nothing of how the check goes about it.

use serde_json::Value;

use super::edit::{Action, Edit};

/// A rule: whether it makes an edit of this document harmless.
type Rule = (&'static str, fn(&Scene<'_>) -> bool);

const RULES: &[Rule] = &[
    ("it is inside of an extension", in_extension),
    ("an extension was added", extension_added),
    ("the same number in another spelling", respelt),
    ("the order of this list says nothing", reordered),
    ("a default was made implicit", default_removed),
    ("a default was made explicit", default_added),
    ("the only layer says it already", repeated),
    ("header names have no case", header_case),
    ("any additional property is allowed either way", any_additional),
];

/// The name of the rule by which an edit changes nothing, if there is one.
pub(super) fn equivalent(document: &Value, edit: &Edit) -> Option<&'static str> {
    let scene = Scene { document, edit, places: places(&edit.at, document) };
    RULES.iter().find(|(_, holds)| holds(&scene)).map(|(name, _)| *name)
}

struct Scene<'e> {
    document: &'e Value,
    edit: &'e Edit,
    /// What each level of the edit's path is, the document first.
    places: Vec<Place>,
}

/// What a node is, as far as the rules ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// An object with words of OpenAPI.
    Object,
    /// A schema object.
    Schema,
    /// A link, whose `parameters` and `requestBody` are data.
    Link,
    /// A map whose keys are names of the author's own, and what stands under them.
    Names(Under),
    /// A list, and what stands in it.
    List(Under),
    /// A map of OpenAPI's whose keys are patterns, beside which extensions may stand.
    Patterns(Under),
    /// Anything.
    Data,
    /// A list of data that is a set.
    Set,
    /// Inside an extension.
    Extension,
}

/// What a map or list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Under {
    Object,
    Link,
    Schema,
    Response,
    Path,
    Callback,
    Data,
    Requirement,
}

impl Under {
    fn place(self) -> Place {
        match self {
            Self::Object | Self::Response => Place::Object,
            Self::Schema => Place::Schema,
            Self::Link => Place::Link,
            Self::Path => Place::Object,
            Self::Callback => Place::Patterns(Self::Path),
            Self::Data => Place::Data,
            Self::Requirement => Place::Names(Self::Data),
        }
    }
}

/// What each level of a path is.
fn places(at: &[String], document: &Value) -> Vec<Place> {
    let mut places = vec![Place::Object];
    let mut value = Some(document);
    for token in at {
        let here = places[places.len() - 1];
        value = value.and_then(|value| child(value, token));
        let next = match here {
            Place::Extension => Place::Extension,
            Place::Object | Place::Schema | Place::Link | Place::Patterns(_) if token.starts_with("x-") => {
                Place::Extension
            }
            // Under `components`, every section holds names.
            Place::Object if at.first().is_some_and(|first| first == "components") && places.len() == 2 => {
                Place::Names(match token.as_str() {
                    "schemas" => Under::Schema,
                    "links" => Under::Link,
                    "callbacks" => Under::Callback,
                    _ => Under::Object,
                })
            }
            Place::Object => field(token, value),
            Place::Schema => keyword(token),
            Place::Link if token == "parameters" => Place::Names(Under::Data),
            Place::Link if token == "requestBody" => Place::Data,
            Place::Link => field(token, value),
            Place::Names(under) | Place::List(under) | Place::Patterns(under) => under.place(),
            Place::Data | Place::Set => Place::Data,
        };
        places.push(next);
    }
    places
}

fn child<'d>(value: &'d Value, token: &str) -> Option<&'d Value> {
    match value {
        Value::Object(map) => map.get(token),
        Value::Array(items) => items.get(token.parse::<usize>().ok()?),
        _ => None,
    }
}

fn field(key: &str, value: Option<&Value>) -> Place {
    let is_list = value.is_some_and(Value::is_array);
    match key {
        "paths" => Place::Patterns(Under::Path),
        "responses" => Place::Patterns(Under::Response),
        "schemas" => Place::Names(Under::Schema),
        "schema" => Place::Schema,
        "example" | "value" | "default" => Place::Data,
        "enum" | "tags" if is_list && value.is_some_and(|list| list[0].is_string()) => Place::Set,
        "parameters" | "servers" | "tags" if is_list => Place::List(Under::Object),
        "security" => Place::List(Under::Requirement),
        "links" => Place::Names(Under::Link),
        "callbacks" => Place::Names(Under::Callback),
        "mapping" => Place::Names(Under::Data),
        "parameters" | "headers" | "content" | "examples" | "encoding" | "variables" | "requestBodies"
        | "securitySchemes" => Place::Names(Under::Object),
        "scopes" => Place::Names(Under::Data),
        _ => Place::Object,
    }
}

fn keyword(key: &str) -> Place {
    match key {
        "properties" => Place::Names(Under::Schema),
        "allOf" | "anyOf" | "oneOf" => Place::List(Under::Schema),
        "items" | "not" | "additionalProperties" => Place::Schema,
        "required" | "enum" => Place::Set,
        "example" | "default" => Place::Data,
        _ => Place::Object,
    }
}

impl Scene<'_> {
    fn place(&self) -> Place {
        self.places[self.places.len() - 1]
    }

    /// What the node stands in.
    fn around(&self) -> Option<Place> {
        self.places.len().checked_sub(2).map(|index| self.places[index])
    }

    fn key(&self) -> &str {
        self.edit.at.last().map_or("", String::as_str)
    }

    fn key_above(&self) -> &str {
        self.edit.at.len().checked_sub(2).map_or("", |index| self.edit.at[index].as_str())
    }

    /// The node as it was.
    fn value(&self) -> &Value {
        self.edit
            .at
            .iter()
            .try_fold(self.document, |value, token| child(value, token))
            .unwrap_or(&Value::Null)
    }

    /// What the node stands in, as it was.
    fn value_around(&self) -> &Value {
        let above = self.edit.at.split_last().map_or(&[][..], |(_, above)| above);
        above.iter().try_fold(self.document, |value, token| child(value, token)).unwrap_or(&Value::Null)
    }
}

/// Extensions belong to the spec alone. Renaming one must leave it an extension.
fn in_extension(scene: &Scene<'_>) -> bool {
    match &scene.edit.action {
        Action::Rename(key) if scene.around() != Some(Place::Extension) => {
            scene.place() == Place::Extension && key.starts_with("x-")
        }
        _ => scene.place() == Place::Extension,
    }
}

fn extension_added(scene: &Scene<'_>) -> bool {
    match (&scene.edit.action, scene.place()) {
        (Action::AddKey(key, _), Place::Object | Place::Schema | Place::Link | Place::Patterns(_)) => {
            key.starts_with("x-")
        }
        _ => false,
    }
}

fn respelt(scene: &Scene<'_>) -> bool {
    // Counts of characters and items are whole: `maxLength: 3.0` is not one in OpenAPI 3.0.
    let is_count = scene.around() == Some(Place::Schema)
        && matches!(
            scene.key(),
            "maxLength" | "minLength" | "maxItems" | "minItems" | "maxProperties" | "minProperties"
        );
    matches!(scene.edit.action, Action::Respell(_)) && !is_count
}

fn reordered(scene: &Scene<'_>) -> bool {
    let is_set = match scene.place() {
        Place::Set => true,
        Place::List(Under::Object) => scene.key() == "parameters",
        _ => false,
    };
    is_set && matches!(scene.edit.action, Action::Reverse | Action::Swap)
}

/// Fields that are `false`, 0 or empty where they are absent, and where.
fn is_default(key: &str, value: &Value, around: Place) -> bool {
    let is_empty = value.as_array().is_some_and(Vec::is_empty)
        || value.as_object().is_some_and(serde_json::Map::is_empty);
    match (around, key) {
        (
            Place::Schema,
            "nullable" | "readOnly" | "writeOnly" | "deprecated" | "uniqueItems" | "exclusiveMinimum"
            | "exclusiveMaximum",
        ) => value == &Value::Bool(false),
        (Place::Schema, "minLength" | "minItems" | "minProperties") => value.as_f64() == Some(0.0),
        (Place::Schema, "properties" | "required") => is_empty,
        (
            Place::Object,
            "required" | "deprecated" | "allowEmptyValue" | "allowReserved" | "attribute" | "wrapped",
        ) => value == &Value::Bool(false),
        (
            Place::Object,
            "tags" | "parameters" | "headers" | "links" | "examples" | "callbacks" | "encoding" | "variables"
            | "mapping",
        ) => is_empty,
        _ => false,
    }
}

fn default_removed(scene: &Scene<'_>) -> bool {
    let around = scene.around().unwrap_or(Place::Data);
    let above = scene.edit.at.len().checked_sub(3).map_or("", |index| scene.edit.at[index].as_str());
    scene.edit.action == Action::Delete
        && (is_default(scene.key(), scene.value(), around)
            || is_usual_style(scene.key(), scene.value(), scene.value_around(), above))
}

/// `style` and `explode` as they are where nobody says anything: of parameters (OpenAPI 3.0.3, section 4.7.12.2),
/// headers and encodings.
fn is_usual_style(key: &str, value: &Value, owner: &Value, above: &str) -> bool {
    let usual = match (owner["in"].as_str(), above) {
        (Some("query" | "cookie"), _) | (None, "encoding") => "form",
        (Some("path" | "header"), _) | (None, "headers") => "simple",
        _ => return false,
    };
    if above != "encoding" && owner.get("schema").or(owner.get("content")).is_none() {
        return false;
    }
    let style = owner["style"].as_str().unwrap_or(usual);
    match key {
        "style" => value == usual,
        "explode" => value == &Value::Bool(style == "form"),
        _ => false,
    }
}

/// A default that somebody writes out says nothing new.
fn default_added(scene: &Scene<'_>) -> bool {
    match &scene.edit.action {
        // Beside a `$ref` even that is ignored, and therefore wrong.
        Action::AddKey(key, value) if scene.value().get("$ref").is_none() => {
            scene.place() == Place::Object && is_usual_style(key, value, scene.value(), scene.key_above())
        }
        _ => false,
    }
}

/// A schema around `allOf` of one says again what the one says.
fn repeated(scene: &Scene<'_>) -> bool {
    let (Action::AddKey(key, value), Place::Schema) = (&scene.edit.action, scene.place()) else {
        return false;
    };
    let Some([only]) = scene.value()["allOf"].as_array().map(Vec::as_slice) else { return false };
    let target =
        only["$ref"].as_str().and_then(|reference| scene.document.pointer(reference.strip_prefix('#')?));
    target.unwrap_or(only).get(key) == Some(value)
}

fn header_case(scene: &Scene<'_>) -> bool {
    match &scene.edit.action {
        Action::Rename(key) => {
            scene.key_above() == "headers"
                && matches!(scene.around(), Some(Place::Names(Under::Object)))
                && !scene.edit.at.starts_with(&["components".to_owned(), "headers".to_owned()])
                && key.eq_ignore_ascii_case(scene.key())
        }
        Action::Replace(Value::String(name)) => {
            scene.key() == "name"
                && scene.value_around()["in"] == "header"
                && scene.value_around().get("schema").is_some()
                && name.eq_ignore_ascii_case(scene.value().as_str().unwrap_or_default())
        }
        _ => false,
    }
}

/// `additionalProperties: true`, `{}` and `{nullable: true}` are one.
fn any_additional(scene: &Scene<'_>) -> bool {
    let says_nothing = |value: &Value| {
        value == &Value::Bool(true)
            || value.as_object().is_some_and(|map| {
                map.iter()
                    .all(|(key, value)| key.starts_with("x-") || (key == "nullable" && value.is_boolean()))
            })
    };
    match &scene.edit.action {
        Action::Replace(value) if scene.key() == "additionalProperties" => {
            scene.around() == Some(Place::Schema) && says_nothing(scene.value()) && says_nothing(value)
        }
        Action::AddKey(key, value) if scene.key() == "additionalProperties" => {
            scene.around() == Some(Place::Schema)
                && says_nothing(scene.value())
                && key == "nullable"
                && value.is_boolean()
        }
        Action::Delete | Action::Replace(Value::Bool(_)) if scene.key_above() == "additionalProperties" => {
            scene.key() == "nullable"
                && scene.around() == Some(Place::Schema)
                && says_nothing(scene.value_around())
        }
        _ => false,
    }
}
