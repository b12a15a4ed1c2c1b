//! A page of Markdown for each operation, with all that it refers to, and their index: for readers that are programs.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Document, METHODS, Operation, members, yaml};

/// A page on one operation.
pub struct Page {
    /// Where it stands on the server, with a slash at its start.
    pub path: String,
    /// In Markdown.
    pub text: String,
    title: String,
    description: String,
    called: String,
}

/// A page for each operation of `document`.
pub(super) fn of(document: &Document<'_>, origin: &str) -> Vec<Page> {
    document.operations().map(|operation| page(document, &operation, origin)).collect()
}

/// What the pages are, each in a line (<https://llmstxt.org>).
pub(super) fn index(document: &Document<'_>, pages: &[Page], origin: &str) -> String {
    let tag = document.0["tags"][0]["description"].as_str().unwrap_or_default();
    let base = document.base();
    let list: String = pages
        .iter()
        .map(|Page { path, title, description, called, .. }| {
            format!("- [{title}]({origin}{path}): `{called}`. {description}\n")
        })
        .collect();
    format!(
        "# teable-attachments\n\n> An attachment service that speaks Teable's attachments API. {tag}\n\n\
         The API stands at {origin}{base}. Requests that need an access token carry it as `Authorization: Bearer TOKEN`; whoever runs the \
         service makes one with `teable-attachments token create --name NAME`. A refusal is a problem document (RFC 9457) with a stable \
         `code`.\n\n\
         ## Operations\n\n{list}\n\
         ## The whole contract\n\n\
         - [OpenAPI 3.0, YAML]({origin}/openapi.yaml): as it was written; the implementation does not build where it departs from it\n\
         - [OpenAPI 3.0, JSON]({origin}/openapi.json): the same, with code samples\n\
         - [OpenAPI 3.1, JSON]({origin}/openapi-3.1.json): the same, for tools that want 3.1\n\n\
         ## For people\n\n\
         - [Swagger UI]({origin}/docs/): try each operation\n\
         - [Reference]({origin}/reference/): read them\n\
         - [Upload]({origin}/try/): the whole flow with files of your own\n"
    )
}

fn page(document: &Document<'_>, operation: &Operation<'_>, origin: &str) -> Page {
    let told = |member: &str| operation.node[member].as_str().unwrap_or_default().to_owned();
    let (title, description) = (told("summary"), told("description"));
    let folder = operation.node["tags"][0].as_str().unwrap_or("operations");
    let letters: String = operation.path.chars().filter(|letter| !"/{}".contains(*letter)).collect();
    let base = document.base();
    let called = format!("{} {base}{}", operation.method.to_uppercase(), operation.path);
    let mut block = alone(document, operation);
    block["servers"] = serde_json::json!([{ "url": format!("{origin}{base}") }]);
    let block = yaml(&block);
    Page {
        path: format!("/docs/{folder}/{}-{letters}.md", operation.method),
        text: format!(
            "# {title}\n\n> `{called}`\n\n{description}\n\n## OpenAPI\n\n```yaml\n{}\n```\n",
            block.trim_end()
        ),
        title,
        description,
        called,
    }
}

/// The document without the other operations, and without what only they refer to.
fn alone(document: &Document<'_>, operation: &Operation<'_>) -> Value {
    let mut item = operation.item.clone();
    if let Some(item) = item.as_object_mut() {
        item.retain(|name, _| name == operation.method || !METHODS.contains(&name.as_str()));
    }
    let mut needed = BTreeSet::new();
    references(document, &item, &mut needed);
    for requirement in document.security(operation) {
        needed
            .extend(members(requirement).map(|(scheme, _)| format!("#/components/securitySchemes/{scheme}")));
    }
    let mut components = Map::new();
    for (kind, named) in members(&document.0["components"]) {
        let kept: Map<_, _> = members(named)
            .filter(|(name, _)| needed.contains(&format!("#/components/{kind}/{name}")))
            .map(|(name, component)| (name.to_owned(), component.clone()))
            .collect();
        if !kept.is_empty() {
            components.insert(kind.to_owned(), Value::Object(kept));
        }
    }
    let mut whole = document.0.clone();
    whole["paths"] = super::object([(operation.path, item)]);
    whole["components"] = Value::Object(components);
    whole
}

/// What `value` refers to, and what that refers to.
fn references(document: &Document<'_>, value: &Value, found: &mut BTreeSet<String>) {
    if let Some(reference) = value["$ref"].as_str()
        && found.insert(reference.to_owned())
    {
        references(
            document,
            document.0.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null),
            found,
        );
    }
    match value {
        Value::Object(members) => members.values().for_each(|member| references(document, member, found)),
        Value::Array(items) => items.iter().for_each(|item| references(document, item, found)),
        _ => {}
    }
}
