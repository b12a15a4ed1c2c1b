//! What a finding says in words, and what it advises. An adviser knows Rust: the implementation is an actix app that is
//! annotated with utoipa.

use serde_json::Value;

use crate::finding::{Operation, Part};
use crate::normal::Node;
use crate::pointer::Token;
use crate::reference::Broken;

/// A sentence and a help line.
type Words = (String, String);

/// Something only the spec has.
pub(super) fn not_implemented(part: Part, name: &str, operation: Option<&Operation>) -> Words {
    if let Some(operation) = operation {
        return (
            format!("`{}` stands in the spec, and no route serves it", shown(operation)),
            format!(
                "mount a handler with `#[utoipa::path({}, path = \"…\", …)]` through `.service(…)`, or take the operation out of the spec",
                operation.method.to_lowercase()
            ),
        );
    }
    let sentence = format!("the spec has {}, and the implementation has not", subject(part, name));
    let help = format!("{}, or take it out of the spec", add_in_rust(part, name));
    (sentence, help)
}

/// Something only the implementation has.
pub(super) fn not_documented(part: Part, name: &str, operation: Option<&Operation>) -> Words {
    if let Some(operation) = operation {
        return (
            format!("`{}` is served, and stands not in the spec", shown(operation)),
            "write it into the spec, or mount the handler no longer".to_owned(),
        );
    }
    let sentence = format!("the implementation has {}, and the spec has not", subject(part, name));
    let help = format!("write it into the spec, or {}", remove_in_rust(part, name));
    (sentence, help)
}

fn shown(operation: &Operation) -> String {
    if operation.path.is_empty() { operation.method.clone() } else { operation.to_string() }
}

/// Something that both have, and that differs.
pub(super) fn different(part: Part, spec: &Node<'_>, drawn: &Node<'_>) -> Words {
    let name = match spec.at.last() {
        Some(Token::Key(name)) => name.to_owned(),
        Some(Token::Index(_)) | None => String::new(),
    };
    let subject = if name.is_empty() { format!("a {}", noun(part)) } else { subject(part, &name) };
    let sentence = match (short(spec.value), short(drawn.value)) {
        (Some(ours), Some(theirs)) => {
            format!("{subject} is `{ours}` in the spec, and `{theirs}` in the implementation")
        }
        _ => format!("{subject} is not the same in the spec and in the implementation"),
    };
    let help = format!("change it in the spec, or {}", change_in_rust(part, &name));
    (sentence, help)
}

/// A list that both have, in another order.
pub(super) fn reordered(part: Part) -> Words {
    let noun = noun(part);
    (
        format!("the {noun} entries stand in another order in the implementation, and their order counts"),
        "put them in one order on both sides".to_owned(),
    )
}

/// A reference of the drawn document that leads nowhere.
pub(super) fn broken(value: &Value, broken: Broken) -> Words {
    let target = value.get("$ref").unwrap_or(value).as_str().unwrap_or("$ref");
    let why = match broken {
        Broken::Elsewhere => "to another document",
        Broken::Nothing => "to nothing",
        Broken::Circle => "back to itself",
    };
    (
        format!("the implementation refers to `{target}`, which leads {why}"),
        "register the component: utoipa collects what a handler names, or list it in `components(…)`"
            .to_owned(),
    )
}

fn short(value: &Value) -> Option<String> {
    match value {
        Value::Array(_) | Value::Object(_) => None,
        Value::String(text) => (text.chars().count() <= 40 && !text.contains('\n')).then(|| text.clone()),
        _ => Some(value.to_string()),
    }
}

/// What the part is called, without its name.
fn noun(part: Part) -> &'static str {
    match part {
        Part::Path => "path",
        Part::Operation => "operation",
        Part::Parameter => "parameter",
        Part::RequestBody => "request body",
        Part::MediaType => "media type",
        Part::Response => "response",
        Part::Header => "header",
        Part::Property => "property",
        Part::Schema => "schema",
        Part::Keyword => "keyword",
        Part::EnumMember => "enum member",
        Part::Required => "required property",
        Part::Tag => "tag",
        Part::Server => "server",
        Part::Security => "security requirement",
        Part::SecurityScheme => "security scheme",
        Part::Example => "example",
        Part::Callback => "callback",
        Part::Link => "link",
        Part::Field => "field",
    }
}

fn subject(part: Part, name: &str) -> String {
    match part {
        Part::RequestBody => "a request body".to_owned(),
        Part::Schema if name == "schema" => "a schema".to_owned(),
        Part::Keyword | Part::Field => format!("`{name}`"),
        _ => format!("the {} `{name}`", noun(part)),
    }
}

fn add_in_rust(part: Part, name: &str) -> String {
    match part {
        Part::Parameter => "add it to `params(…)` or to the `IntoParams` struct of the handler".to_owned(),
        Part::RequestBody => "add `request_body = …` to the handler's `#[utoipa::path]`".to_owned(),
        Part::MediaType => format!("add `content_type = \"{name}\"` in the handler's `#[utoipa::path]`"),
        Part::Response => format!("add `(status = {name}, …)` to the handler's `responses(…)`"),
        Part::Header => format!("add `(\"{name}\" = …)` to the response's `headers(…)`"),
        Part::Property => format!("add a field that serde calls `{name}` to the Rust type"),
        Part::EnumMember => format!("add a variant that serde calls `{name}` to the Rust enum"),
        Part::Required => format!("make the field `{name}` no `Option` and give it no default"),
        Part::Security => "add it to the handler's `security(…)`".to_owned(),
        Part::Tag => format!("add `tag = \"{name}\"`"),
        Part::Keyword => format!("add `#[schema({} = …)]` in Rust", snake(name)),
        _ => format!("add `{name}` to what utoipa is told"),
    }
}

fn remove_in_rust(part: Part, name: &str) -> String {
    match part {
        Part::Required => format!("make the field `{name}` an `Option` with `#[schema(nullable = false)]`"),
        Part::Property => format!("take the field out of the Rust type, or `#[serde(skip)]` `{name}`"),
        _ => "take it out of what utoipa is told".to_owned(),
    }
}

fn change_in_rust(part: Part, name: &str) -> String {
    match (part, name) {
        (_, "description" | "summary") => {
            "change the doc comment or the text that utoipa is given".to_owned()
        }
        (_, "operationId") => "change `operation_id` (by default the handler's name)".to_owned(),
        (Part::Keyword, "type") => "change the Rust type".to_owned(),
        (Part::Keyword, _) => format!("change `#[schema({} = …)]` in Rust", snake(name)),
        _ => "change what utoipa is told".to_owned(),
    }
}

/// A keyword as utoipa's attributes spell it.
fn snake(keyword: &str) -> String {
    let mut snake = String::with_capacity(keyword.len() + 2);
    for letter in keyword.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
