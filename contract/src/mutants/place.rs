//! What stands where in an OpenAPI document, told a second time and apart from the grammar that the check uses: so that
//! one slip cannot make the check blind and its test with it.

use serde_json::Value;

/// A kind of object, as far as the rules and rewrites ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Document,
    Components,
    PathItem,
    Operation,
    Parameter,
    Header,
    Body,
    Response,
    MediaType,
    Encoding,
    Example,
    Link,
    Callback,
    Requirement,
    Schema,
    Data,
    Other,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// An object with words of OpenAPI.
    Object(Kind),
    /// A map whose keys are names of the author's own, and what stands under them.
    Names(Kind),
    /// A map whose keys are patterns of OpenAPI's, beside which extensions may stand.
    Patterns(Kind),
    /// A list, and what stands in it.
    List(Kind),
    /// A list that is a set.
    Set,
    /// Anything.
    Data,
    /// Inside an extension.
    Extension,
}

impl Kind {
    fn place(self) -> Place {
        match self {
            Self::Callback => Place::Patterns(Self::PathItem),
            Self::Requirement => Place::Names(Self::Data),
            Self::Data => Place::Data,
            kind => Place::Object(kind),
        }
    }
}

impl Place {
    /// What stands under a key or index of such a node.
    pub(super) fn under(self, token: &str, value: Option<&Value>) -> Self {
        match self {
            Self::Extension => Self::Extension,
            Self::Object(_) | Self::Patterns(_) if token.starts_with("x-") => Self::Extension,
            Self::Object(kind) => field(kind, token, value),
            Self::Names(kind) | Self::Patterns(kind) | Self::List(kind) => kind.place(),
            Self::Data | Self::Set => Self::Data,
        }
    }
}

#[allow(clippy::match_same_arms, reason = "a table reads by its rows")]
fn field(kind: Kind, key: &str, value: Option<&Value>) -> Place {
    match (kind, key) {
        (Kind::Document, "components") => Place::Object(Kind::Components),
        (Kind::Document, "paths") => Place::Patterns(Kind::PathItem),
        (Kind::Components, section) => component(section),
        (Kind::PathItem, "get" | "put" | "post" | "delete" | "options" | "head" | "patch" | "trace") => {
            Place::Object(Kind::Operation)
        }
        (Kind::PathItem | Kind::Operation, "parameters") => Place::List(Kind::Parameter),
        (Kind::Operation, "tags") => Place::Set,
        (Kind::Operation, "requestBody") => Place::Object(Kind::Body),
        (Kind::Operation, "responses") => Place::Patterns(Kind::Response),
        (Kind::Operation, "callbacks") => Place::Names(Kind::Callback),
        (Kind::Parameter | Kind::Header | Kind::Body | Kind::Response, "content") => {
            Place::Names(Kind::MediaType)
        }
        (Kind::Parameter | Kind::Header | Kind::MediaType, "schema") => Place::Object(Kind::Schema),
        (Kind::Parameter | Kind::Header | Kind::MediaType, "examples") => Place::Names(Kind::Example),
        (Kind::Parameter | Kind::Header | Kind::MediaType | Kind::Schema, "example")
        | (Kind::Example, "value")
        | (Kind::Link, "requestBody")
        | (Kind::Schema, "default") => Place::Data,
        (Kind::MediaType, "encoding") => Place::Names(Kind::Encoding),
        (Kind::Response | Kind::Encoding, "headers") => Place::Names(Kind::Header),
        (Kind::Response, "links") => Place::Names(Kind::Link),
        (Kind::Link, "parameters") => Place::Names(Kind::Data),
        (Kind::Schema, "properties") => Place::Names(Kind::Schema),
        (Kind::Schema, "allOf" | "anyOf" | "oneOf") => Place::List(Kind::Schema),
        (Kind::Schema, "items" | "not" | "additionalProperties") => Place::Object(Kind::Schema),
        (Kind::Schema, "required" | "enum") => Place::Set,
        // Of OpenAPI 3.1: a list of types is a set, and a list of examples nobody's words.
        (Kind::Schema, "type") if value.is_some_and(Value::is_array) => Place::Set,
        (Kind::Schema, "examples") => Place::Data,
        (Kind::Other, "enum") if value.is_some_and(Value::is_array) => Place::Set,
        (Kind::Other, "scopes" | "mapping") => Place::Names(Kind::Data),
        (Kind::Other, "variables") => Place::Names(Kind::Other),
        (_, "security") => Place::List(Kind::Requirement),
        (_, "servers" | "tags") => Place::List(Kind::Other),
        _ => Place::Object(Kind::Other),
    }
}

fn component(section: &str) -> Place {
    Place::Names(match section {
        "schemas" => Kind::Schema,
        "responses" => Kind::Response,
        "parameters" => Kind::Parameter,
        "examples" => Kind::Example,
        "requestBodies" => Kind::Body,
        "headers" => Kind::Header,
        "links" => Kind::Link,
        "callbacks" => Kind::Callback,
        _ => Kind::Other,
    })
}

/// What each level of a path is, the document first.
pub(super) fn along(path: &[String], document: &Value) -> Vec<Place> {
    let mut places = vec![Place::Object(Kind::Document)];
    let mut value = Some(document);
    for token in path {
        value = value.and_then(|value| child(value, token));
        places.push(places[places.len() - 1].under(token, value));
    }
    places
}

/// The node one step down.
pub(super) fn child<'d>(value: &'d Value, token: &str) -> Option<&'d Value> {
    match value {
        Value::Object(map) => map.get(token),
        Value::Array(items) => items.get(token.parse::<usize>().ok()?),
        _ => None,
    }
}

/// Visits every node of a document, what is inside of a node before the node itself.
pub(super) fn each(document: &mut Value, visit: &mut dyn FnMut(Place, &mut Value)) {
    visit_from(Place::Object(Kind::Document), document, visit);
}

fn visit_from(place: Place, value: &mut Value, visit: &mut dyn FnMut(Place, &mut Value)) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                visit_from(place.under(key, Some(&*value)), value, visit);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter_mut().enumerate() {
                visit_from(place.under(&index.to_string(), Some(&*value)), value, visit);
            }
        }
        _ => {}
    }
    visit(place, value);
}
