//! `x-codeSamples`: how an operation is called in the shell, in a browser, with Node.js and with Python. What is sent are the
//! document's own examples; the placeholders for credentials are all that a reader puts in.

mod javascript;
mod python;
mod shell;

use serde_json::{Value, json};

use super::{Document, Operation, members, object};
use crate::uri::encoded;

/// Stands for an access token.
const ACCESS_TOKEN: &str = "YOUR_TOKEN";
/// The file that is sent, and under whose name a file is saved.
const FILE: &str = "photo.png";

/// One request, as every language writes it.
struct Request<'a> {
    method: String,
    url: String,
    headers: Vec<(&'a str, String)>,
    body: Body,
    answer: Answer,
}

/// What is sent.
enum Body {
    Nothing,
    Json(Value),
    /// The bytes of [`FILE`].
    File,
}

/// What comes back from a request that succeeds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Nothing,
    Json,
    /// The headers say what there is to say.
    Headers,
    /// Bytes that are saved under the name [`FILE`].
    File,
}

/// Adds the samples to each operation of `told`, which says what `document` says.
pub(super) fn add(told: &mut Value, document: &Document<'_>, origin: &str) {
    for operation in document.operations() {
        let request = Request::of(document, &operation, origin);
        let sample = |lang: &str, source: String| object([("lang", json!(lang)), ("source", json!(source))]);
        told["paths"][operation.path][operation.method]["x-codeSamples"] = json!([
            sample("Shell", shell::write(&request)),
            sample("JavaScript", javascript::in_a_browser(&request)),
            sample("Node.js", javascript::in_node(&request)),
            sample("Python", python::write(&request)),
        ]);
    }
}

impl<'a> Request<'a> {
    fn of(document: &Document<'a>, operation: &Operation<'a>, origin: &str) -> Self {
        let base = document.base();
        let mut path = operation.path.to_owned();
        let mut query = Vec::new();
        let mut headers = Vec::new();
        for parameter in document.parameters(operation) {
            let name = parameter["name"].as_str().unwrap_or_default();
            let Some(example) = parameter.get("example").map(text) else { continue };
            match parameter["in"].as_str() {
                Some("path") => path = path.replace(&format!("{{{name}}}"), &encoded(&example)),
                Some("query") => query.push(format!("{name}={}", encoded(&example))),
                Some("header") => headers.push((name, example)),
                _ => {}
            }
        }
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        if document.security(operation).next().is_some() {
            headers.push(("Authorization", format!("Bearer {ACCESS_TOKEN}")));
        }
        let body = body(document, operation);
        match body {
            Body::Nothing => {}
            Body::Json(_) => headers.push(("Content-Type", "application/json".to_owned())),
            // It claims nothing, so it agrees with whatever was signed.
            Body::File => headers.push(("Content-Type", "application/octet-stream".to_owned())),
        }
        Self {
            method: operation.method.to_uppercase(),
            url: format!("{origin}{base}{path}{query}"),
            headers,
            body,
            answer: answer(document, operation),
        }
    }
}

fn body(document: &Document<'_>, operation: &Operation<'_>) -> Body {
    let content = &document.resolve(&operation.node["requestBody"])["content"];
    match content.get("application/json") {
        Some(media) => Body::Json(example(document, &media["schema"])),
        None if content.is_object() => Body::File,
        None => Body::Nothing,
    }
}

/// The example of a schema: its own, or those of its properties that have one.
fn example(document: &Document<'_>, schema: &Value) -> Value {
    let schema = document.resolve(schema);
    if let Some(example) = schema.get("example") {
        return example.clone();
    }
    let properties = members(&schema["properties"])
        .map(|(name, property)| (name.to_owned(), example(document, property)))
        .filter(|(_, example)| !example.is_null());
    let object: serde_json::Map<_, _> = properties.collect();
    if object.is_empty() { Value::Null } else { Value::Object(object) }
}

fn answer(document: &Document<'_>, operation: &Operation<'_>) -> Answer {
    let success = members(&operation.node["responses"]).find(|(status, _)| status.starts_with(['2', '3']));
    let Some((status, response)) = success else { return Answer::Nothing };
    let content = document.resolve(response);
    match content["content"].as_object() {
        Some(content) if content.contains_key("application/json") => Answer::Json,
        Some(_) => Answer::File,
        // A redirect is followed to a file.
        None if status.starts_with('3') => Answer::File,
        None if operation.method == "head" => Answer::Headers,
        None => Answer::Nothing,
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
