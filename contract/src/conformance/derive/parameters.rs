//! Cases about path, query, header and cookie parameters, which are all texts.

use serde_json::Value;

use super::super::model::{Location, Parameter};
use super::bodies::plain;
use super::{Certainty, Change, Derivation, Direction, Expect, Extent, Fields, Role, Shape, shorten};
use crate::conformance::case::Learned;

/// Headers to which RFC 9110 gives a meaning beyond their schema: what such a value comes to, only the app knows. Values that
/// are worth a try stand beside.
const KNOWN: [(&str, &[&str]); 7] = [
    (
        "Range",
        &["bytes=0-0", "bytes=1-", "bytes=-1", "bytes=99999999999-", "bytes=0-1,3-4", "lines=1", "nonsense"],
    ),
    ("If-Range", &["\"nonsense\"", "Sun, 06 Nov 1994 08:49:37 GMT", "nonsense"]),
    ("If-Match", &["*", "\"nonsense\"", "nonsense"]),
    ("If-None-Match", &["*", "\"nonsense\"", "nonsense"]),
    ("If-Modified-Since", &["Fri, 06 Nov 2037 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", "nonsense"]),
    ("If-Unmodified-Since", &["Fri, 06 Nov 2037 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", "nonsense"]),
    ("Accept", &["*/*", "application/json", "nonsense"]),
];

/// Whether the parameter is such a header.
pub(super) fn is_known(parameter: &Parameter) -> bool {
    known(parameter).is_some()
}

fn known(parameter: &Parameter) -> Option<&'static [&'static str]> {
    let (_, values) = KNOWN.iter().find(|(name, _)| name.eq_ignore_ascii_case(parameter.name))?;
    (parameter.location == Location::Header).then_some(values)
}

/// A parameter's value as it is sent, and as what its schema sees.
struct Text {
    texts: Vec<String>,
    value: Value,
    shown: String,
    certainty: Certainty,
}

impl Derivation<'_, '_> {
    /// The texts of a value that the parameter allows.
    pub(super) fn parameter_texts(&self, parameter: &Parameter) -> Option<Vec<String>> {
        let schema = parameter.schema.as_ref()?;
        let allowed = |value: &&Value| self.schemas.allows(schema, Direction::Request, value);
        let value = match parameter.example.filter(allowed) {
            Some(example) => example.clone(),
            None => self.values().allowed(schema, Extent::All)?,
        };
        let texts = as_texts(&value, parameter.location)?;
        texts.iter().all(|text| can_be_sent(parameter.location, text)).then_some(texts)
    }

    pub(super) fn parameters(&mut self, index: usize, base: &Shape) {
        self.body_defaults(index, base);
        let operations = self.operations;
        let operation = &operations[index];
        for parameter in &operation.parameters {
            if let Some(values) = known(parameter) {
                self.known_header(index, base, parameter, values);
                continue;
            }
            let Some(schema) = &parameter.schema else { continue };
            for text in self.texts(schema, parameter.location) {
                self.parameter_case(index, base, parameter, schema, &text);
            }
            self.presence(index, base, parameter, schema);
        }
        for raw in ["%FF", "%zz", "%00", "a%2Fb", "%2e%2e"] {
            let Some(parameter) =
                operation.parameters.iter().find(|parameter| parameter.location == Location::Path)
            else {
                break;
            };
            let mut shape = base.clone();
            shape.unset(Location::Path, parameter.name);
            shape.segments.push((parameter.name.to_owned(), raw.to_owned()));
            let what = format!("`{}` in the path is `{raw}`", parameter.name);
            self.about(index, what, &parameter.at, shape, Expect::Documented, parameter);
        }
        let mut shape = base.clone();
        shape.query.push(("unknown".to_owned(), "x".to_owned()));
        self.add(
            index,
            "there is a query parameter that is not documented",
            &operation.at,
            shape,
            Expect::Allowed,
        );
        let mut shape = base.clone();
        shape.headers.push(("X-Unknown".to_owned(), b"x".to_vec()));
        self.add(index, "there is a header that is not documented", &operation.at, shape, Expect::Allowed);
    }

    fn about(
        &mut self,
        index: usize,
        what: String,
        about: &str,
        shape: Shape,
        expect: Expect,
        parameter: &Parameter,
    ) {
        self.add(index, what, about, shape, expect);
        if let Some(case) = self.cases.last_mut() {
            case.subject = Some((parameter.location, parameter.name.to_owned()));
        }
    }

    fn parameter_case(
        &mut self,
        index: usize,
        base: &Shape,
        parameter: &Parameter,
        schema: &str,
        text: &Text,
    ) {
        let wrongs = self.schemas.wrongs(schema, Direction::Request, &text.value);
        let fields = Fields::Parameter(parameter.name.to_owned());
        let expect = match (wrongs.is_empty(), text.certainty) {
            (true, Certainty::Schema) => Expect::Allowed,
            (true, Certainty::Limited) => Expect::Documented,
            (false, _) => Expect::Forbidden(fields),
        };
        let about = match wrongs.first() {
            Some(wrong) => self.schemas.forbidding(schema, wrong),
            None => parameter.at.clone(),
        };
        let mut shape = base.clone();
        shape.set(parameter.location, parameter.name, &text.texts);
        let what = format!(
            "`{}` in the {} is `{}`",
            parameter.name,
            parameter.location.name(),
            shorten(&text.shown)
        );
        self.about(index, what, &about, shape, expect, parameter);
    }

    /// Puts a value that was drawn into a request, if it can be sent, and says what is to be expected of it.
    pub(super) fn put_parameter(
        &self,
        shape: &mut Shape,
        parameter: &Parameter,
        schema: &str,
        value: &Value,
    ) -> Option<Expect> {
        let texts = as_texts(value, parameter.location)?;
        if !texts.iter().all(|text| can_be_sent(parameter.location, text)) {
            return None;
        }
        shape.set(parameter.location, parameter.name, &texts);
        let sure = !texts.iter().any(|text| is_ambiguous(parameter.location, text));
        Some(match (self.schemas.allows(schema, Direction::Request, value), sure) {
            (true, true) => Expect::Allowed,
            (true, false) => Expect::Documented,
            (false, _) => Expect::Forbidden(Fields::Any),
        })
    }

    /// Cases about whether the parameter is there, and how often.
    fn presence(&mut self, index: usize, base: &Shape, parameter: &Parameter, schema: &str) {
        let (name, place) = (parameter.name, parameter.location.name());
        let mut without = base.clone();
        without.unset(parameter.location, name);
        if parameter.required && parameter.location != Location::Path {
            let expect = Expect::Forbidden(Fields::Parameter(name.to_owned()));
            let what = format!("`{name}` in the {place} is missing");
            self.about(index, what, &parameter.at, without.clone(), expect, parameter);
        }
        let Some(node) = self.schemas.settle(schema) else { return };
        if let Some(texts) =
            node.value.get("default").and_then(|default| as_texts(default, parameter.location))
        {
            let mut with = without.clone();
            with.set(parameter.location, name, &texts);
            let what = format!("`{name}` in the {place} is missing");
            self.same_as(index, what, &format!("{}/default", node.at), without.clone(), with);
        }
        if parameter.location == Location::Query && node.value["type"] != "array" {
            let Some(texts) = self.parameter_texts(parameter) else { return };
            let mut twice = without;
            twice.set(parameter.location, name, &[texts.clone(), texts].concat());
            let what = format!("`{name}` in the {place} is there twice");
            self.about(index, what, &parameter.at, twice, Expect::Documented, parameter);
        }
    }

    fn known_header(&mut self, index: usize, base: &Shape, parameter: &Parameter, values: &[&str]) {
        let header = |value: &str| {
            let mut shape = base.clone();
            shape.set(Location::Header, parameter.name, &[value.to_owned()]);
            shape
        };
        for value in values {
            let what = format!("`{}` is `{value}`", parameter.name);
            self.about(index, what, &parameter.at, header(value), Expect::Documented, parameter);
        }
        for from in ["etag", "last-modified"] {
            let what = format!("`{}` is the `{from}` of an earlier answer", parameter.name);
            self.about(index, what, &parameter.at, header(""), Expect::Documented, parameter);
            if let Some(case) = self.cases.last_mut() {
                case.role = Role::Learning(Learned { header: parameter.name.to_owned(), from });
            }
        }
    }

    /// Whether a value is a list that is sent as one: with something in it, and each item of the schema's type.
    fn is_list_of_kind(&self, schema: &str, value: &Value) -> bool {
        let item =
            self.schemas.settle(schema).and_then(|node| self.schemas.settle(&format!("{}/items", node.at)));
        let kind = item.and_then(|item| item.value["type"].as_str()).unwrap_or_default();
        let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
        !items.is_empty() && items.iter().all(|item| is_of(kind, item))
    }

    /// Texts at the edges of the parameter's schema.
    fn texts(&self, schema: &str, location: Location) -> Vec<Text> {
        let Some(node) = self.schemas.settle(schema) else { return Vec::new() };
        let kind = node.value["type"].as_str().unwrap_or_default();
        let mut texts: Vec<Text> = Vec::new();
        for sample in self.values().samples(schema).iter() {
            let of_kind = match kind {
                "array" => self.is_list_of_kind(schema, &sample.value),
                kind => is_of(kind, &sample.value),
            };
            let Some(sent) = as_texts(&sample.value, location).filter(|_| of_kind) else { continue };
            let Change::Is(shown) = &sample.change else { continue };
            // A text such as 1e2 or -0 is a number in JSON; in a URL it is one or not.
            let digits = |text: &String| {
                text.bytes().enumerate().all(|(at, byte)| byte.is_ascii_digit() || (at == 0 && byte == b'-'))
            };
            let number = matches!(kind, "integer" | "number");
            let odd = number && !(sent.iter().all(digits) && digits(&sample.text) && sample.text != "-0");
            let certainty = if odd { Certainty::Limited } else { sample.certainty };
            let shown = if sample.value.is_string() { plain(&sample.value) } else { shown.clone() };
            texts.push(Text { texts: sent, value: sample.value.clone(), shown, certainty });
        }
        if matches!(kind, "integer" | "number" | "boolean") {
            for junk in ["abc", "1x", "1,2", "null", "é"] {
                let (texts_of, value) = (vec![junk.to_owned()], Value::from(junk));
                texts.push(Text {
                    texts: texts_of,
                    value,
                    shown: junk.to_owned(),
                    certainty: Certainty::Schema,
                });
            }
        }
        texts.retain(|text| text.texts.iter().all(|text| can_be_sent(location, text)));
        for text in &mut texts {
            if text.texts.iter().any(|text| is_ambiguous(location, text)) {
                text.certainty = Certainty::Limited;
            }
        }
        texts
    }
}

/// Whether a value is of a `type`, and a text of it cannot be read as one of another.
fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" | "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => false,
    }
}

/// How a value is sent: `form` and `explode` in a query, `simple` elsewhere (OpenAPI 3.0.3, section 4.7.12.2).
fn as_texts(value: &Value, location: Location) -> Option<Vec<String>> {
    match value {
        Value::Array(items)
            if items.iter().any(|item| item.is_array() || item.is_object() || item.is_null()) =>
        {
            None
        }
        Value::Array(items) if location == Location::Query => Some(items.iter().map(plain).collect()),
        Value::Array(items) => Some(vec![items.iter().map(plain).collect::<Vec<_>>().join(",")]),
        Value::Object(_) | Value::Null => None,
        scalar => Some(vec![plain(scalar)]),
    }
}

/// Whether the text can be in that place of a request at all.
fn can_be_sent(location: Location, text: &str) -> bool {
    match location {
        // An empty segment is another path, and dots are resolved before the request is sent.
        Location::Path => !matches!(text, "" | "." | "..") && text.len() < 8_000,
        Location::Query => text.len() < 8_000,
        Location::Header | Location::Cookie => {
            text.trim() == text && text.len() < 4_000 && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        }
    }
}

/// Whether servers and what stands before them read the text in more than one way.
fn is_ambiguous(location: Location, text: &str) -> bool {
    match location {
        Location::Path => text.contains(['/', '\\', '\0', '%']),
        Location::Query => false,
        Location::Header | Location::Cookie => text.is_empty() || text.contains([';', ',', '"']),
    }
}
