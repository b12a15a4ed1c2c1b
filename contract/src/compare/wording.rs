//! What a finding says in words, and what it advises. An adviser knows Rust: the implementation is an actix app that is
//! annotated with utoipa.

use serde_json::Value;

use crate::finding::{Operation, Part};
use crate::normal::Node;
use crate::pointer::{At, Token};
use crate::reference::Broken;

/// A sentence and a help line.
pub(super) type Words = (String, String);

/// Something only the spec has.
pub(super) fn not_implemented(
    part: Part,
    name: &str,
    owner: Option<&str>,
    operation: Option<&Operation>,
) -> Words {
    if let Some(operation) = operation {
        let method = operation.method.to_lowercase();
        return (
            format!("`{}` is in the spec, but no route serves it", shown(operation)),
            format!(
                "write a handler with `#[utoipa::path({method}, path = …)]` and mount it with `.service(…)`, or take the \
                 operation out of the spec"
            ),
        );
    }
    let sentence = format!("{} is in the spec, but not in the implementation", subject(part, name, owner));
    (sentence, format!("{}, or take it out of the spec", add_in_rust(part, name)))
}

/// Something only the implementation has.
pub(super) fn not_documented(
    part: Part,
    name: &str,
    owner: Option<&str>,
    operation: Option<&Operation>,
) -> Words {
    if let Some(operation) = operation {
        return (
            format!("`{}` is served, but is not in the spec", shown(operation)),
            "write the operation into the spec, or mount its handler no longer".to_owned(),
        );
    }
    let sentence = format!("{} is in the implementation, but not in the spec", subject(part, name, owner));
    (sentence, format!("write it into the spec, or {}", remove_in_rust(part, name)))
}

/// The path is empty where one path item serves several.
fn shown(operation: &Operation) -> String {
    if operation.path.is_empty() { operation.method.clone() } else { operation.to_string() }
}

/// Something that both have, and that differs.
pub(super) fn different(spec: &Node<'_>, drawn: &Node<'_>, owner: Option<&str>) -> Words {
    let part = spec.parts.own;
    let (name, subject) = match spec.at.last() {
        Some(Token::Key(name)) => (name, subject(part, name, owner)),
        Some(Token::Index(_)) | None => ("", of_owner(article(noun(part)), owner)),
    };
    let sentence = match (short(spec.value), short(drawn.value)) {
        (Some(ours), Some(theirs)) => {
            format!("{subject} is `{ours}` in the spec, but `{theirs}` in the implementation")
        }
        _ => format!("{subject} is not the same in the spec and in the implementation"),
    };
    (sentence, format!("change it in the spec, or {}", change_in_rust(part, name)))
}

/// A list that both have, in another order.
pub(super) fn reordered(part: Part) -> Words {
    (
        format!("the order of the {}s is another in the implementation, and it counts", noun(part)),
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
        "register the component in `components(…)`: utoipa collects only what a handler's annotation names"
            .to_owned(),
    )
}

/// A short scalar, as a sentence quotes it.
fn short(value: &Value) -> Option<String> {
    match value {
        Value::Array(_) | Value::Object(_) => None,
        Value::String(text) => (text.chars().count() <= 40 && !text.contains('\n')).then(|| text.clone()),
        _ => Some(value.to_string()),
    }
}

/// What a place belongs to, told by the nearest name above it.
pub(super) fn owner(root: &Value, at: &At<'_>) -> Option<String> {
    let mut here = at;
    while let (Some(token), Some(above)) = (here.last(), here.parent()) {
        match (above.last(), token) {
            (Some(Token::Key("properties")), Token::Key(name)) => {
                return Some(format!("the property `{name}`"));
            }
            (Some(Token::Key("responses")), Token::Key(name)) => {
                return Some(format!("the response `{name}`"));
            }
            (Some(Token::Key("headers")), Token::Key(name)) => return Some(format!("the header `{name}`")),
            (Some(Token::Key("content")), Token::Key(name)) => {
                return Some(format!("the media type `{name}`"));
            }
            (Some(Token::Key("parameters")), Token::Index(_)) => {
                let parameter = root.pointer(&here.pointer());
                let name = parameter.and_then(|parameter| parameter.get("name")).and_then(Value::as_str)?;
                return Some(format!("the parameter `{name}`"));
            }
            (Some(Token::Key("info")), Token::Key(name)) => return Some(format!("`info.{name}`")),
            (None, Token::Key("info")) => return Some("`info`".to_owned()),
            (Some(Token::Key(section)), Token::Key(name)) => {
                let section_is_at = above.parent().and_then(At::last);
                if section_is_at == Some(Token::Key("components")) {
                    return Some(named_component(section, name));
                }
            }
            _ => {}
        }
        here = above;
    }
    None
}

/// A component, as a sentence calls it.
fn named_component(section: &str, name: &str) -> String {
    match section {
        "parameters" => format!("the parameter `{name}`"),
        "requestBodies" => format!("the request body `{name}`"),
        "securitySchemes" => format!("the security scheme `{name}`"),
        _ => format!("`{name}`"),
    }
}

fn article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
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

fn subject(part: Part, name: &str, owner: Option<&str>) -> String {
    let subject = match part {
        Part::RequestBody => "the request body".to_owned(),
        Part::Schema if name == "schema" => "the schema".to_owned(),
        Part::Security if name == "security" => "`security`".to_owned(),
        Part::Example if name == "example" => "`example`".to_owned(),
        Part::Keyword | Part::Field => format!("`{name}`"),
        Part::Required => format!("`{name}` among the `required`"),
        Part::Parameter => match name.split_once(' ') {
            Some((place, name)) => format!("the {place} parameter `{name}`"),
            None => format!("the parameter `{name}`"),
        },
        _ => format!("the {} `{name}`", noun(part)),
    };
    of_owner(subject, owner)
}

fn of_owner(subject: String, owner: Option<&str>) -> String {
    match owner {
        Some(owner) => format!("{subject} of {owner}"),
        None => subject,
    }
}

fn add_in_rust(part: Part, name: &str) -> String {
    match part {
        Part::Parameter => "add it to the handler's `params(…)`, or to its `IntoParams` type".to_owned(),
        Part::RequestBody => "add `request_body(…)` to the handler's `#[utoipa::path]`".to_owned(),
        Part::MediaType => format!("add `\"{name}\"` as a content type to the handler's `#[utoipa::path]`"),
        Part::Response => format!("add `(status = {name}, …)` to the handler's `responses(…)`"),
        Part::Header => format!("add `(\"{name}\" = …)` to the response's `headers(…)`"),
        Part::Property => format!("add a field that serde calls `{name}` to the Rust type"),
        Part::EnumMember => format!("add a variant that serde calls `{name}` to the Rust enum"),
        Part::Required => "make the field no `Option`, and give it no `#[serde(default)]`".to_owned(),
        Part::Security => "add it to the handler's `security(…)`".to_owned(),
        Part::Tag => format!("add `tag = \"{name}\"`, or the tag to the document"),
        Part::Keyword => format!("add `{}` in Rust", attribute(name)),
        _ => format!("tell utoipa of `{name}`"),
    }
}

fn remove_in_rust(part: Part, name: &str) -> String {
    match part {
        Part::Required => "make the field optional in Rust".to_owned(),
        Part::Property => "take the field out of the Rust type".to_owned(),
        Part::EnumMember => "take the variant out of the Rust enum".to_owned(),
        Part::Response => format!("take `(status = {name}, …)` out of the handler's `responses(…)`"),
        Part::Keyword => match name {
            "nullable" => {
                "say `#[schema(nullable = false)]` of the `Option`, and let serde refuse `null`".to_owned()
            }
            "format" => "use a type with a `ToSchema` of its own: Rust's numbers bring a `format` with them"
                .to_owned(),
            "minimum" => {
                "take `#[schema(minimum = …)]` away in Rust; an unsigned type brings `minimum: 0` with it"
                    .to_owned()
            }
            _ => format!("take `{}` away in Rust", attribute(name)),
        },
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
        (Part::Keyword, _) => format!("change `{}` in Rust", attribute(name)),
        _ => "change what utoipa is told".to_owned(),
    }
}

/// A schema keyword as an attribute of utoipa's.
fn attribute(keyword: &str) -> String {
    let mut snake = String::with_capacity(keyword.len() + 2);
    for letter in keyword.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    format!("#[schema({snake} = …)]")
}
