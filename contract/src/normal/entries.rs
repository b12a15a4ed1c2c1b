//! The fields of an object, as far as its own map tells.

use std::borrow::Cow;

use serde_json::Value;

use super::{Entry, Form, Node, Parts};
use crate::finding::Part;
use crate::grammar::{METHODS, Object, Shape};

/// The fields, without extensions and without those that say what their absence would say.
pub(super) fn of<'d>(object: Object, node: &Node<'d>) -> Vec<Entry<'d>> {
    let fields = node.value.as_object().into_iter().flatten();
    let said = fields.filter(|(key, value)| {
        !object.is_extension(key) && !object.field(key).is_some_and(|field| field.is_default(value))
    });
    said.map(|(key, value)| {
        let shape = object.shape(key).unwrap_or(Shape::Data);
        Entry {
            name: Cow::Borrowed(key),
            node: Node::raw(node.at.key(key), shape, value, parts(object, key)),
        }
    })
    .collect()
}

/// Takes out the list of that name. What is no list stays, and is seen to be none.
pub(super) fn take_list<'d>(entries: &mut Vec<Entry<'d>>, name: &str) -> Option<Entry<'d>> {
    let is_list = entries.iter().any(|entry| entry.name == name && entry.node.value.is_array());
    if is_list { take(entries, name) } else { None }
}

/// Takes out the entry of that name.
fn take<'d>(entries: &mut Vec<Entry<'d>>, name: &str) -> Option<Entry<'d>> {
    let index = entries.iter().position(|entry| entry.name == name)?;
    Some(entries.remove(index))
}

/// The dialect that a document of OpenAPI 3.1 has if it names none (OpenAPI 3.1.0, section 4.8.24.5).
const DIALECT: &str = "https://spec.openapis.org/oas/3.1/dialect/base";

/// What counts at the top: not the version, and of the components only what has a meaning by its name.
pub(super) fn document(entries: &mut Vec<Entry<'_>>) {
    entries.retain(|entry| match &*entry.name {
        "openapi" => false,
        "servers" => !is_default_server(entry.node.value),
        "jsonSchemaDialect" => entry.node.value != DIALECT,
        _ => true,
    });
    if let Some(mut components) = take(entries, "components") {
        let mut own = of(Object::Components, &components.node);
        own.retain(|entry| entry.name == "securitySchemes");
        if !own.is_empty() {
            components.node.made = Some(Box::new(Form::Named(own)));
            entries.push(components);
        }
    }
}

/// A document without servers has one, whose URL is `/` (OpenAPI 3.0.3, section 4.7.1.1).
fn is_default_server(servers: &Value) -> bool {
    let Some([server]) = servers.as_array().map(Vec::as_slice) else { return false };
    server.as_object().is_some_and(|fields| {
        fields.get("url").is_some_and(|url| url == "/")
            && fields.keys().all(|key| key == "url" || key.starts_with("x-"))
    })
}

/// How findings call a field, and what it holds.
fn parts(object: Object, field: &str) -> Parts {
    let (own, inner) = match (object, field) {
        (Object::Paths | Object::Callback, _) => (Part::Path, Part::Operation),
        (Object::PathItem, method) if METHODS.contains(&method) => (Part::Operation, Part::Field),
        (Object::Responses, _) => (Part::Response, Part::Response),
        (Object::Operation, "requestBody") => (Part::RequestBody, Part::RequestBody),
        (Object::Operation, "callbacks") => (Part::Field, Part::Callback),
        (_, "parameters") if object != Object::Link => (Part::Field, Part::Parameter),
        (_, "headers") => (Part::Field, Part::Header),
        (_, "content") => (Part::Field, Part::MediaType),
        (_, "links") => (Part::Field, Part::Link),
        (_, "servers" | "server") => (Part::Server, Part::Server),
        (_, "security") | (Object::SecurityRequirement, _) => (Part::Security, Part::Security),
        (_, "securitySchemes") => (Part::Field, Part::SecurityScheme),
        (_, "tags") => (Part::Tag, Part::Tag),
        (_, "schema") => (Part::Schema, Part::Keyword),
        (Object::Schema, "properties") => (Part::Keyword, Part::Property),
        (Object::Schema, "enum") => (Part::Keyword, Part::EnumMember),
        (Object::Schema, "required") => (Part::Keyword, Part::Required),
        (Object::Schema, "allOf" | "anyOf" | "oneOf") => (Part::Keyword, Part::Schema),
        (_, "example") => (Part::Example, Part::Example),
        (_, "examples") => (Part::Field, Part::Example),
        (Object::Schema, _) => (Part::Keyword, Part::Keyword),
        _ => (Part::Field, Part::Field),
    };
    Parts { own, inner }
}
