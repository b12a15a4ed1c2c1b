//! What OpenAPI asks of an object beyond its fields' shapes.

use serde_json::Value;

use super::{Findings, Node, Placed, Scene};
use crate::finding::Kind;
use crate::grammar::Object;

pub(super) fn check(scene: &Scene<'_>, findings: &mut Findings<'_>) {
    for object in [Object::Parameter, Object::Header] {
        for node in scene.objects(object) {
            schema_or_content(node, object, findings);
        }
    }
    for node in scene.objects(Object::Parameter) {
        required_in_path(node, findings);
    }
    for object in [Object::Parameter, Object::Header, Object::MediaType] {
        for node in scene.objects(object) {
            one_kind_of_example(node, findings);
        }
    }
    for node in scene.objects(Object::Schema) {
        items_of_array(node, findings);
    }
    for node in scene.objects(Object::SecurityScheme) {
        fields_of_scheme(node, findings);
    }
}

/// A parameter has a schema or a content, not both (section 4.7.12.2).
fn schema_or_content(node: &Node<'_>, object: Object, findings: &mut Findings<'_>) {
    let noun = object.noun();
    match (node.value.get("schema"), node.value.get("content")) {
        (Some(_), Some(content)) => {
            let place = Placed::entry(node.at.key("content"), content);
            let sentence = format!("a {noun} has a `schema` or a `content`, not both");
            findings.push(Kind::IgnoredKey, &place, sentence, "take one of the two away".to_owned());
        }
        (None, None) => {
            let sentence = format!("a {noun} must have a `schema` (or a `content`)");
            let place = Placed::absent(node.at.key("schema"));
            findings.push(Kind::MissingKey, &place, sentence, "add a `schema`".to_owned());
        }
        (None, Some(content)) if content.as_object().is_some_and(|types| types.len() != 1) => {
            let place = Placed::entry(node.at.key("content"), content);
            let sentence = format!("the `content` of a {noun} has exactly one media type");
            findings.push(Kind::InvalidValue, &place, sentence, "keep one media type".to_owned());
        }
        _ => {}
    }
}

/// A path parameter is always required (section 4.7.12.1).
fn required_in_path(node: &Node<'_>, findings: &mut Findings<'_>) {
    let is_path = node.value.get("in").and_then(Value::as_str) == Some("path");
    if is_path && node.value.get("required") != Some(&Value::Bool(true)) {
        let place = match node.value.get("required") {
            Some(value) => Placed::value(node.at.key("required"), value),
            None => Placed::absent(node.at.key("required")),
        };
        let sentence = "a path parameter must be `required: true`".to_owned();
        findings.push(Kind::InvalidValue, &place, sentence, "add `required: true`".to_owned());
    }
}

/// `example` and `examples` exclude each other (section 4.7.12.2).
fn one_kind_of_example(node: &Node<'_>, findings: &mut Findings<'_>) {
    if let (Some(_), Some(examples)) = (node.value.get("example"), node.value.get("examples")) {
        let place = Placed::entry(node.at.key("examples"), examples);
        let sentence = "`example` and `examples` exclude each other".to_owned();
        findings.push(Kind::IgnoredKey, &place, sentence, "take one of the two away".to_owned());
    }
}

/// An array says what its items are (section 4.7.24.1).
fn items_of_array(node: &Node<'_>, findings: &mut Findings<'_>) {
    let is_array = node.value.get("type").and_then(Value::as_str) == Some("array");
    if is_array && node.value.get("items").is_none() {
        let sentence = "a schema of `type: array` must have `items`".to_owned();
        let place = Placed::absent(node.at.key("items"));
        findings.push(Kind::MissingKey, &place, sentence, "add `items`; `items: {}` is anything".to_owned());
    }
}

/// Each type of security scheme has its own fields (section 4.7.30.1).
fn fields_of_scheme(node: &Node<'_>, findings: &mut Findings<'_>) {
    let own: &[&'static str] = match node.value.get("type").and_then(Value::as_str) {
        Some("apiKey") => &["name", "in"],
        Some("http") => &["scheme", "bearerFormat"],
        Some("oauth2") => &["flows"],
        Some("openIdConnect") => &["openIdConnectUrl"],
        _ => return,
    };
    for name in own.iter().filter(|name| **name != "bearerFormat" && node.value.get(**name).is_none()) {
        let sentence = format!("a security scheme of this type must have the key `{name}`");
        let place = Placed::absent(node.at.key(name));
        findings.push(Kind::MissingKey, &place, sentence, format!("add `{name}`"));
    }
    for name in ["name", "in", "scheme", "bearerFormat", "flows", "openIdConnectUrl"] {
        if let Some(value) = node.value.get(name).filter(|_| !own.contains(&name)) {
            let sentence = format!("`{name}` means nothing in a security scheme of this type");
            let place = Placed::entry(node.at.key(name), value);
            findings.push(
                Kind::IgnoredKey,
                &place,
                sentence,
                format!("take `{name}` away, or change `type`"),
            );
        }
    }
}
