//! Which edits leave a document that says the same: a list of rules, each by its name.
//!
//! The rules look at the place of the edit in the raw document and at what was done. They know of OpenAPI what is written
//! down here, and nothing of how the check goes about it.

use serde_json::Value;

use super::edit::{Action, Edit};
use super::place::{Kind, Place, along, child};
use super::references::used_components;

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
    ("the schema around the only layer says it better", overruled),
    ("header names have no case", header_case),
    ("any additional property is allowed either way", any_additional),
];

/// What holds of a drawn document besides: it is of OpenAPI 3.1, and nobody reads its unused components.
const RULES_OF_THE_DRAWN: &[Rule] = &[
    ("the version is not compared", of_the_version),
    ("nothing refers to the component", in_unused_component),
    ("`null` may stand anywhere in a choice", null_moved),
    ("`null` is allowed already", null_repeated),
    ("every name is a string", names_are_strings),
];

/// The document that is edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Spec,
    Drawn,
}

/// The name of the rule by which an edit changes nothing, if there is one.
pub(super) fn equivalent(side: Side, document: &Value, edit: &Edit) -> Option<&'static str> {
    let scene = Scene { side, document, edit, places: along(&edit.at, document) };
    let more = match side {
        Side::Spec => &[],
        Side::Drawn => RULES_OF_THE_DRAWN,
    };
    RULES.iter().chain(more).find(|(_, holds)| holds(&scene)).map(|(name, _)| *name)
}

struct Scene<'e> {
    side: Side,
    document: &'e Value,
    edit: &'e Edit,
    places: Vec<Place>,
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

    /// What a node refers to, or the node itself.
    fn target<'v>(&'v self, node: &'v Value) -> &'v Value {
        let target =
            node["$ref"].as_str().and_then(|reference| self.document.pointer(reference.strip_prefix('#')?));
        target.unwrap_or(node)
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
        (Action::AddKey(key, _), Place::Object(_) | Place::Patterns(_)) => key.starts_with("x-"),
        _ => false,
    }
}

fn respelt(scene: &Scene<'_>) -> bool {
    // Counts of characters and items are whole: `maxLength: 3.0` is not one in OpenAPI 3.0.
    let is_count = scene.side == Side::Spec
        && scene.around() == Some(Place::Object(Kind::Schema))
        && matches!(
            scene.key(),
            "maxLength" | "minLength" | "maxItems" | "minItems" | "maxProperties" | "minProperties"
        );
    matches!(scene.edit.action, Action::Respell(_)) && !is_count
}

fn reordered(scene: &Scene<'_>) -> bool {
    matches!(scene.place(), Place::Set | Place::List(Kind::Parameter))
        && matches!(scene.edit.action, Action::Reverse | Action::Swap)
}

fn default_removed(scene: &Scene<'_>) -> bool {
    let Some(Place::Object(kind)) = scene.around() else { return false };
    scene.edit.action == Action::Delete
        && (is_default(kind, scene.key(), scene.value())
            || is_usual_style(kind, scene.key(), scene.value(), scene.value_around()))
}

/// A default that somebody writes out says nothing new.
fn default_added(scene: &Scene<'_>) -> bool {
    match (&scene.edit.action, scene.place()) {
        // Beside a `$ref` even that is ignored, and therefore wrong.
        (Action::AddKey(key, value), Place::Object(kind)) if scene.value().get("$ref").is_none() => {
            is_usual_style(kind, key, value, scene.value())
        }
        _ => false,
    }
}

/// Fields that are `false`, 0 or empty where they are absent.
#[allow(clippy::unnested_or_patterns, reason = "a table reads by its rows")]
pub(super) fn is_default(kind: Kind, key: &str, value: &Value) -> bool {
    let is_false = value == &Value::Bool(false);
    let is_empty =
        value == &Value::Array(Vec::new()) || value.as_object().is_some_and(serde_json::Map::is_empty);
    match (kind, key) {
        (Kind::Schema, "nullable" | "readOnly" | "writeOnly" | "uniqueItems")
        | (Kind::Schema, "exclusiveMinimum" | "exclusiveMaximum")
        | (Kind::Schema | Kind::Parameter | Kind::Header | Kind::Operation, "deprecated")
        | (Kind::Parameter | Kind::Header, "required" | "allowEmptyValue")
        | (Kind::Parameter | Kind::Header | Kind::Encoding, "allowReserved")
        | (Kind::Body, "required")
        | (Kind::Other, "attribute" | "wrapped") => is_false,
        (Kind::Schema, "minLength" | "minItems" | "minProperties") => value.as_f64() == Some(0.0),
        (Kind::Schema, "properties" | "required")
        | (Kind::Operation, "tags" | "parameters" | "callbacks")
        | (Kind::Response, "headers" | "links" | "content")
        | (Kind::Parameter | Kind::Header | Kind::MediaType, "examples")
        | (Kind::MediaType, "encoding")
        | (Kind::Encoding, "headers")
        | (Kind::Link, "parameters")
        | (Kind::PathItem, "parameters")
        | (Kind::Document, "servers" | "tags")
        | (Kind::Components, _)
        | (Kind::Other, "variables" | "mapping") => is_empty,
        _ => false,
    }
}

/// `style` and `explode` as they are where nobody says anything: of parameters (OpenAPI 3.0.3, section 4.7.12.2),
/// headers and encodings.
fn is_usual_style(kind: Kind, key: &str, value: &Value, owner: &Value) -> bool {
    let usual = match (kind, owner["in"].as_str()) {
        (Kind::Parameter, Some("query" | "cookie")) | (Kind::Encoding, _) => "form",
        (Kind::Parameter, Some("path" | "header")) | (Kind::Header, _) => "simple",
        _ => return false,
    };
    let style = owner["style"].as_str().unwrap_or(usual);
    match key {
        "style" => value == usual,
        "explode" => value == &Value::Bool(style == "form"),
        _ => false,
    }
}

/// A schema around `allOf` of one, or beside a reference, says again what that one says.
fn repeated(scene: &Scene<'_>) -> bool {
    let (Action::AddKey(key, value), Place::Object(Kind::Schema)) = (&scene.edit.action, scene.place())
    else {
        return false;
    };
    let only = match scene.value()["allOf"].as_array().map(Vec::as_slice) {
        Some([only]) => only,
        None if scene.side == Side::Drawn && scene.value().get("$ref").is_some() => scene.value(),
        _ => return false,
    };
    scene.target(only).get(key) == Some(value)
}

/// Inside of the only layer of a schema, what the schema itself says better.
fn overruled(scene: &Scene<'_>) -> bool {
    let (Action::AddKey(key, _), [above @ .., list, _]) = (&scene.edit.action, scene.edit.at.as_slice())
    else {
        return false;
    };
    let around =
        above.iter().try_fold(scene.document, |value, token| child(value, token)).unwrap_or(&Value::Null);
    let members = around[list.as_str()].as_array().map(Vec::as_slice).unwrap_or_default();
    let has_null = members.iter().any(is_null);
    let is_layer = match list.as_str() {
        "allOf" => members.len() == 1,
        "oneOf" | "anyOf" => members.len() == 2 && has_null && !is_null(scene.value()),
        _ => false,
    };
    // Beside a reference of OpenAPI 3.0 nothing may stand at all.
    let is_free = scene.side == Side::Drawn || scene.value().get("$ref").is_none();
    let is_annotation = matches!(
        key.as_str(),
        "title" | "description" | "default" | "example" | "deprecated" | "readOnly" | "nullable"
    );
    let is_overruled = around.get(key).is_some() || (key == "nullable" && has_null);
    scene.place() == Place::Object(Kind::Schema) && is_layer && is_free && is_annotation && is_overruled
}

fn header_case(scene: &Scene<'_>) -> bool {
    match (&scene.edit.action, scene.around()) {
        (Action::Rename(key), Some(Place::Names(Kind::Header))) => {
            let is_component = scene.edit.at.len() == 3;
            !is_component && key.eq_ignore_ascii_case(scene.key())
        }
        (Action::Replace(Value::String(name)), Some(Place::Object(Kind::Parameter))) => {
            scene.key() == "name"
                && scene.value_around()["in"] == "header"
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
    let is_it = |key: &str| key == "additionalProperties";
    match (&scene.edit.action, scene.around()) {
        (_, around) if around != Some(Place::Object(Kind::Schema)) => false,
        (Action::Replace(value), _) if is_it(scene.key()) => {
            says_nothing(scene.value()) && says_nothing(value)
        }
        (Action::AddKey(key, value), _) if is_it(scene.key()) => {
            says_nothing(scene.value()) && key == "nullable" && value.is_boolean()
        }
        (Action::Delete | Action::Replace(Value::Bool(_)), _) if is_it(scene.key_above()) => {
            scene.key() == "nullable" && says_nothing(scene.value_around())
        }
        _ => false,
    }
}

fn of_the_version(scene: &Scene<'_>) -> bool {
    let is_replaced = matches!(scene.edit.action, Action::Replace(_));
    match scene.edit.at.as_slice() {
        [key] if key == "openapi" => is_replaced || scene.edit.action == Action::Delete,
        [key] => key == "jsonSchemaDialect" && scene.edit.action == Action::Delete,
        _ => false,
    }
}

/// Whether the edit stays within components that no reference from outside of them leads to.
fn in_unused_component(scene: &Scene<'_>) -> bool {
    let [components, section, inside @ ..] = scene.edit.at.as_slice() else {
        let is_added = matches!(&scene.edit.action, Action::AddKey(key, _) if key != "securitySchemes");
        return is_added && scene.edit.at == ["components"];
    };
    if components != "components" || section == "securitySchemes" {
        return false;
    }
    match (inside, &scene.edit.action) {
        ([], Action::AddKey(..)) => true,
        ([], _) => false,
        ([name, ..], _) => {
            !used_components(scene.document).contains(&format!("#/components/{section}/{name}"))
        }
    }
}

fn null_moved(scene: &Scene<'_>) -> bool {
    let is_choice =
        scene.around() == Some(Place::Object(Kind::Schema)) && matches!(scene.key(), "oneOf" | "anyOf");
    let others = scene
        .value()
        .as_array()
        .map_or(0, |members| members.iter().filter(|member| !is_null(member)).count());
    let has_null = scene.value().as_array().is_some_and(|members| members.iter().any(is_null));
    is_choice && has_null && others == 1 && matches!(scene.edit.action, Action::Reverse | Action::Swap)
}

fn is_null(schema: &Value) -> bool {
    schema["type"] == "null"
}

fn null_repeated(scene: &Scene<'_>) -> bool {
    let schema = scene.target(scene.value());
    let allows_null = schema["type"].as_array().is_some_and(|types| types.contains(&Value::from("null")))
        || schema["oneOf"].as_array().is_some_and(|members| members.iter().any(is_null));
    scene.edit.action == Action::AddKey("nullable".to_owned(), Value::Bool(true)) && allows_null
}

fn names_are_strings(scene: &Scene<'_>) -> bool {
    scene.around() == Some(Place::Object(Kind::Schema))
        && scene.key() == "propertyNames"
        && scene.edit.action == Action::Delete
}
