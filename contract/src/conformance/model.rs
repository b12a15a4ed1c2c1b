//! What the spec says of its operations, with every reference followed and every place remembered. Knows no request.

use serde_json::Value;

use crate::grammar::Object;
use crate::pointer::escape;
use crate::reference::settle;

/// A node of the spec, and its pointer after references were followed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'d, P = String> {
    pub(super) value: &'d Value,
    pub(super) at: P,
}

/// An operation, ready to be asked.
#[derive(Debug)]
pub(super) struct Operation<'d> {
    pub(super) id: String,
    /// In capitals.
    pub(super) method: String,
    /// The path template.
    pub(super) path: &'d str,
    pub(super) at: String,
    pub(super) parameters: Vec<Parameter<'d>>,
    pub(super) body: Option<Body<'d>>,
    pub(super) responses: Vec<Response<'d>>,
    /// What credentials do, each alternative a list of schemes. Empty: none are asked for.
    pub(super) security: Vec<Vec<&'d str>>,
    /// Where `security` stands.
    pub(super) security_at: String,
}

/// Where a parameter is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Location {
    Path,
    Query,
    Header,
    Cookie,
}

impl Location {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
        }
    }
}

#[derive(Debug)]
pub(super) struct Parameter<'d> {
    pub(super) name: &'d str,
    pub(super) location: Location,
    pub(super) required: bool,
    pub(super) at: String,
    /// Its schema, if it has one rather than a `content`.
    pub(super) schema: Option<String>,
    pub(super) example: Option<&'d Value>,
}

#[derive(Debug)]
pub(super) struct Body<'d> {
    pub(super) required: bool,
    pub(super) at: String,
    pub(super) content: Vec<Media<'d>>,
}

#[derive(Debug)]
pub(super) struct Media<'d> {
    pub(super) name: &'d str,
    pub(super) at: String,
    pub(super) schema: Option<String>,
    pub(super) example: Option<&'d Value>,
}

#[derive(Debug)]
pub(super) struct Response<'d> {
    /// A status, a range such as `4XX`, or `default`.
    pub(super) status: &'d str,
    /// Where the operation says so.
    pub(super) stated_at: String,
    /// Where it is described, after references.
    pub(super) at: String,
    pub(super) headers: Vec<Header<'d>>,
    pub(super) content: Vec<Media<'d>>,
}

#[derive(Debug)]
pub(super) struct Header<'d> {
    pub(super) name: &'d str,
    /// Where the response names it.
    pub(super) at: String,
    pub(super) required: bool,
    pub(super) schema: Option<String>,
}

impl Response<'_> {
    /// Whether it documents answers of this status, and how closely: an exact status is closer than a range.
    pub(super) fn documents(&self, status: u16) -> Option<u8> {
        let text = status.to_string();
        if self.status == text {
            return Some(2);
        }
        let range = self.status.strip_suffix("XX").is_some_and(|class| text.starts_with(class));
        if range { Some(1) } else { (self.status == "default").then_some(0) }
    }
}

impl Operation<'_> {
    /// The response that documents answers of this status.
    pub(super) fn response(&self, status: u16) -> Option<&Response<'_>> {
        self.responses
            .iter()
            .filter(|response| response.documents(status).is_some())
            .max_by_key(|response| response.documents(status))
    }
}

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// The operations of a document that passed the gate.
pub(super) fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut operations = Vec::new();
    for (path, item) in entries(&document["paths"]) {
        let Some(item) = resolve(document, Object::PathItem, item, format!("/paths/{}", escape(path))) else {
            continue;
        };
        for (method, operation) in
            METHODS.iter().filter_map(|method| Some((*method, item.value.get(method)?)))
        {
            operations.push(read(document, path, method, &item, operation));
        }
    }
    operations
}

fn read<'d>(
    document: &'d Value,
    path: &'d str,
    method: &str,
    item: &Node<'d>,
    operation: &'d Value,
) -> Operation<'d> {
    let at = format!("{}/{method}", item.at);
    let own = parameters(document, &operation["parameters"], &format!("{at}/parameters"));
    let mut parameters = parameters(document, &item.value["parameters"], &format!("{}/parameters", item.at));
    parameters
        .retain(|shared| !own.iter().any(|own| own.name == shared.name && own.location == shared.location));
    parameters.extend(own);
    let body = operation.get("requestBody").and_then(|body| {
        let Node { value, at } = resolve(document, Object::RequestBody, body, format!("{at}/requestBody"))?;
        Some(Body {
            required: value["required"] == true,
            content: content(document, &value["content"], &format!("{at}/content")),
            at,
        })
    });
    let responses = entries(&operation["responses"])
        .filter(|(status, _)| !status.starts_with("x-"))
        .filter_map(|(status, response)| {
            let stated_at = format!("{at}/responses/{}", escape(status));
            let Node { value, at } = resolve(document, Object::Response, response, stated_at.clone())?;
            Some(Response {
                status,
                stated_at,
                headers: headers(document, &value["headers"], &format!("{at}/headers")),
                content: content(document, &value["content"], &format!("{at}/content")),
                at,
            })
        })
        .collect();
    let (security, security_at) = match operation.get("security") {
        Some(security) => (security, format!("{at}/security")),
        None => (&document["security"], "/security".to_owned()),
    };
    let id = operation["operationId"].as_str().map_or_else(|| format!("{method} {path}"), str::to_owned);
    Operation {
        id,
        method: method.to_uppercase(),
        path,
        at,
        parameters,
        body,
        responses,
        security: alternatives(security),
        security_at,
    }
}

/// What `security` asks for. An alternative of nothing means that no credentials are needed.
fn alternatives(security: &Value) -> Vec<Vec<&str>> {
    let all: Vec<Vec<&str>> = security
        .as_array()
        .into_iter()
        .flatten()
        .map(|alternative| entries(alternative).map(|(scheme, _)| scheme).collect())
        .collect();
    if all.iter().any(Vec::is_empty) { Vec::new() } else { all }
}

fn parameters<'d>(document: &'d Value, list: &'d Value, at: &str) -> Vec<Parameter<'d>> {
    let items = list.as_array().into_iter().flatten().enumerate();
    items
        .filter_map(|(index, parameter)| read_parameter(document, parameter, format!("{at}/{index}")))
        .collect()
}

fn read_parameter<'d>(document: &'d Value, parameter: &'d Value, at: String) -> Option<Parameter<'d>> {
    let Node { value, at } = resolve(document, Object::Parameter, parameter, at)?;
    let location = match value["in"].as_str()? {
        "path" => Location::Path,
        "query" => Location::Query,
        "header" => Location::Header,
        _ => Location::Cookie,
    };
    Some(Parameter {
        name: value["name"].as_str()?,
        location,
        required: value["required"] == true,
        schema: value.get("schema").map(|_| format!("{at}/schema")),
        example: value.get("example").or_else(|| named_example(document, value)),
        at,
    })
}

fn headers<'d>(document: &'d Value, map: &'d Value, at: &str) -> Vec<Header<'d>> {
    let header = |(name, header): (&'d str, &'d Value)| {
        let stated_at = format!("{at}/{}", escape(name));
        let Node { value, at } = resolve(document, Object::Header, header, stated_at.clone())?;
        Some(Header {
            name,
            at: stated_at,
            required: value["required"] == true,
            schema: value.get("schema").map(|_| format!("{at}/schema")),
        })
    };
    // OpenAPI 3.0.3, section 4.7.17: a header that is named Content-Type is ignored.
    entries(map).filter(|(name, _)| !name.eq_ignore_ascii_case("content-type")).filter_map(header).collect()
}

fn content<'d>(document: &'d Value, map: &'d Value, at: &str) -> Vec<Media<'d>> {
    let media = |(name, media): (&'d str, &'d Value)| {
        let at = format!("{at}/{}", escape(name));
        Media {
            name,
            schema: media.get("schema").map(|_| format!("{at}/schema")),
            example: media.get("example").or_else(|| named_example(document, media)),
            at,
        }
    };
    entries(map).map(media).collect()
}

fn named_example<'d>(document: &'d Value, holder: &'d Value) -> Option<&'d Value> {
    let (_, example) = entries(&holder["examples"]).next()?;
    resolve(document, Object::Example, example, String::new())?.value.get("value")
}

fn resolve<'d>(document: &'d Value, object: Object, value: &'d Value, at: String) -> Option<Node<'d>> {
    let (place, settled) = settle(document, object, crate::pointer::At::root(), value).ok()?;
    let at = if std::ptr::eq(settled, value) { at } else { place.pointer() };
    Some(Node { value: settled, at })
}

/// The entries of a map; none of anything else.
pub(super) fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}
