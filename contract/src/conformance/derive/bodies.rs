//! Cases about the body and its media type.

use serde_json::Value;

use super::super::model::{Media, entries};
use super::{Case, Derivation, Direction, Expect, Extent, Fields, Role, Shape, describe, expectation};
use crate::conformance::case::encode;

/// How deep a body is nested to see whether that breaks the reader.
const NESTING: usize = 200;

/// Sizes of bodies, in bytes, to find the largest that is taken.
const SIZES: [usize; 9] =
    [16 << 10, 32 << 10, 64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20];

/// What a media type is to a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Form,
    Multipart,
    Bytes,
}

impl Derivation<'_, '_> {
    /// The shape with a body of this media type.
    pub(super) fn with_media(&self, shape: &Shape, media: &Media, extent: Extent) -> Option<Shape> {
        let mut shape = shape.clone();
        let format = format(media.name);
        shape.media_type = Some(concrete(media.name));
        let value = media.schema.as_ref().and_then(|schema| {
            let allowed = |value: &&Value| self.schemas.allows(schema, Direction::Request, value);
            let example = media.example.filter(allowed).cloned();
            example.or_else(|| self.values().allowed(schema, extent))
        });
        shape.body = match (format, value) {
            (Format::Json, value) => value?.to_string().into_bytes(),
            (Format::Form, value) => form(&value?).into_bytes(),
            (Format::Multipart, value) => {
                shape.media_type = Some(format!("{}; boundary={BOUNDARY}", media.name));
                multipart(&value?).into_bytes()
            }
            (Format::Bytes, Some(Value::String(text))) => text.into_bytes(),
            (Format::Bytes, _) => b"some bytes".to_vec(),
        };
        Some(shape)
    }

    pub(super) fn bodies(&mut self, index: usize, base: &Shape) {
        let operations = self.operations;
        let Some(body) = &operations[index].body else { return };
        if body.required {
            let mut shape = base.clone();
            shape.body.clear();
            shape.media_type = None;
            self.add(index, "there is no body", &body.at, shape, Expect::Documented);
        }
        for media in &body.content {
            match (format(media.name), &media.schema) {
                (Format::Json, Some(schema)) => {
                    self.json(index, base, media, schema);
                    self.json_texts(index, base, media);
                    self.oversized(index, base, media);
                }
                (Format::Bytes, _) => self.bytes(index, base, media),
                _ => {}
            }
        }
        self.media_types(index, base, &body.content, &body.at);
    }

    fn json(&mut self, index: usize, base: &Shape, media: &Media, schema: &str) {
        for sample in self.values().samples(schema).iter() {
            let wrongs = self.schemas.wrongs(schema, Direction::Request, &sample.value);
            let expect = expectation(sample, &wrongs, |wrongs| {
                Fields::Body(wrongs.iter().map(|wrong| wrong.pointer.clone()).collect())
            });
            let about = match wrongs.first() {
                Some(wrong) => self.schemas.forbidding(schema, wrong),
                None => self.schemas.governing(schema, &sample.place),
            };
            let mut shape = base.clone();
            shape.media_type = Some(concrete(media.name));
            shape.body = sample.text.clone().into_bytes();
            self.add(index, describe(sample, "the body"), &about, shape, expect);
        }
    }

    /// What is wrong, or unusual, with the text of the body rather than with what it says.
    fn json_texts(&mut self, index: usize, base: &Shape, media: &Media) {
        let Some(right) = self.with_media(base, media, Extent::All) else { return };
        let text = String::from_utf8_lossy(&right.body).into_owned();
        let nested = format!("{}{}", "[".repeat(NESTING), "]".repeat(NESTING));
        let forbidden = Expect::Forbidden(Fields::Any);
        let mut texts = vec![
            ("the body is `{`, which is no JSON", b"{".to_vec(), forbidden.clone()),
            ("the body is `nonsense`, which is no JSON", b"nonsense".to_vec(), forbidden.clone()),
            ("the body ends in a comma", format!("{text},").into_bytes(), forbidden.clone()),
            ("there is text behind the JSON", format!("{text} x").into_bytes(), forbidden.clone()),
            ("the body is no UTF-8", b"\"\xff\xfe\"".to_vec(), forbidden.clone()),
            ("the body is empty", Vec::new(), forbidden),
            ("the body is nested very deep", nested.into_bytes(), Expect::Documented),
            (
                "the body begins with a byte order mark",
                format!("\u{feff}{text}").into_bytes(),
                Expect::Documented,
            ),
            (
                "there is white space around the JSON",
                format!(" \r\n\t{text}\n").into_bytes(),
                Expect::Allowed,
            ),
        ];
        if let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(&text)
            && let Some((name, value)) = fields.iter().next()
        {
            let twice = text.replacen('{', &format!("{{{}:{value},", Value::from(name.as_str())), 1);
            texts.push(("a name is there twice", twice.into_bytes(), Expect::Documented));
            let escaped: String = name.chars().map(|char| format!("\\u{:04x}", u32::from(char))).collect();
            let plain = name.chars().all(|char| char.is_ascii_alphanumeric());
            let spelled = text.replacen(&format!("\"{name}\":"), &format!("\"{escaped}\":"), 1);
            if plain && spelled != text {
                texts.push(("a name is written in escapes", spelled.into_bytes(), Expect::Allowed));
            }
        }
        for (what, body, expect) in texts {
            let shape = Shape { body, ..right.clone() };
            self.add(index, what, &media.at, shape, expect);
        }
    }

    /// A body that is right and ever longer, until that is refused.
    fn oversized(&mut self, index: usize, base: &Shape, media: &Media) {
        let Some(right) = self.with_media(base, media, Extent::Required) else { return };
        let Some(first) = self.operations[index].body.as_ref().and_then(|body| body.content.first()) else {
            return;
        };
        if first.name != media.name {
            return;
        }
        for size in SIZES {
            let mut shape = right.clone();
            let spaces = size.saturating_sub(shape.body.len());
            shape.body.extend_from_slice(&vec![b' '; spaces]);
            let what = format!("the body has {size} bytes, most of them spaces");
            self.add(index, what, &media.at, shape, Expect::Documented);
            if let Some(case) = self.cases.last_mut() {
                case.role = Role::Until(413);
            }
        }
    }

    fn bytes(&mut self, index: usize, base: &Shape, media: &Media) {
        let bodies = [
            ("the body is empty", Vec::new()),
            ("the body has every byte there is", (0..=255).collect()),
            ("the body has 100000 bytes", vec![b'x'; 100_000]),
        ];
        for (what, body) in bodies {
            let text = media.name.starts_with("text/");
            let shape = Shape { body, media_type: Some(concrete(media.name)), ..base.clone() };
            // How long a body may be, the spec says by a 413 alone.
            let bounded = shape.body.len() > 1_000 && self.operations[index].response(413).is_some();
            let sure = !bounded && (!text || shape.body.is_ascii());
            let expect = if sure { Expect::Allowed } else { Expect::Documented };
            self.add(index, what, &media.at, shape, expect);
        }
        if media.name == "*/*" {
            for media_type in ["image/png", "text/plain; charset=utf-8", "application/json", "x/y"] {
                let shape = Shape { media_type: Some(media_type.to_owned()), ..base.clone() };
                self.add(
                    index,
                    format!("`Content-Type` is `{media_type}`"),
                    &media.at,
                    shape,
                    Expect::Allowed,
                );
            }
        }
    }

    fn media_types(&mut self, index: usize, base: &Shape, content: &[Media], at: &str) {
        let documented = |media_type: &str| content.iter().any(|media| covers(media.name, media_type));
        for media_type in ["text/plain", "application/xml", "application/x-unheard-of", "application/jsonx"] {
            if !documented(media_type) {
                let shape = Shape { media_type: Some(media_type.to_owned()), ..base.clone() };
                let what = format!("`Content-Type` is `{media_type}`");
                self.add(index, what, &format!("{at}/content"), shape, Expect::Forbidden(Fields::Any));
            }
        }
        for media_type in [None, Some("nonsense"), Some("")] {
            let shape = Shape { media_type: media_type.map(str::to_owned), ..base.clone() };
            let what = match media_type {
                Some(text) => format!("`Content-Type` is `{text}`"),
                None => "there is no `Content-Type`".to_owned(),
            };
            self.add(index, what, &format!("{at}/content"), shape, Expect::Documented);
        }
        let Some(media) = content.iter().find(|media| format(media.name) == Format::Json) else { return };
        let Some(right) = self.with_media(base, media, Extent::Required) else { return };
        for spelled in [format!("{}; charset=utf-8", media.name), media.name.to_uppercase()] {
            let what = format!("`Content-Type` is `{spelled}`");
            let shape = Shape { media_type: Some(spelled), ..right.clone() };
            self.add(index, what, &media.at, shape, Expect::Allowed);
        }
    }

    /// A member that is left out is what its `default` says.
    pub(super) fn same_as(&mut self, index: usize, what: String, about: &str, without: Shape, with: Shape) {
        let expect = Expect::Allowed;
        let role = Role::SameAs(Box::new(with));
        self.cases.push(Case {
            operation: index,
            what,
            about: about.to_owned(),
            shape: without,
            expect,
            role,
            subject: None,
        });
    }

    /// The defaults of the members of a JSON body.
    pub(super) fn body_defaults(&mut self, index: usize, base: &Shape) {
        let operations = self.operations;
        let Some(body) = &operations[index].body else { return };
        for media in body.content.iter().filter(|media| format(media.name) == Format::Json) {
            let Some(node) = media.schema.as_ref().and_then(|schema| self.schemas.settle(schema)) else {
                continue;
            };
            let Some(shape) = self.with_media(base, media, Extent::All) else { continue };
            let Ok(Value::Object(fields)) = serde_json::from_slice(&shape.body) else { continue };
            for (name, _) in entries(&node.value["properties"]) {
                let at = self.schemas.governing(&node.at, &format!("/{}", crate::pointer::escape(name)));
                let Some(default) = self.document.pointer(&at).and_then(|schema| schema.get("default"))
                else {
                    continue;
                };
                let with_body = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
                    let mut fields = fields.clone();
                    change(&mut fields);
                    Shape { body: Value::Object(fields).to_string().into_bytes(), ..shape.clone() }
                };
                let without = with_body(&|fields| drop(fields.shift_remove(name)));
                let with = with_body(&|fields| drop(fields.insert(name.to_owned(), default.clone())));
                self.same_as(index, format!("`/{name}` is missing"), &format!("{at}/default"), without, with);
            }
        }
    }
}

fn format(media_type: &str) -> Format {
    let name = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match name.as_str() {
        "application/json" => Format::Json,
        "application/x-www-form-urlencoded" => Format::Form,
        "multipart/form-data" => Format::Multipart,
        name if name.ends_with("+json") => Format::Json,
        _ => Format::Bytes,
    }
}

/// Whether bodies of this media type are JSON.
pub(in crate::conformance) fn is_json(media_type: &str) -> bool {
    format(media_type) == Format::Json
}

/// A media type that a range such as `*/*` covers.
fn concrete(media_type: &str) -> String {
    match media_type.split_once('/') {
        Some(("*", _)) => "application/octet-stream".to_owned(),
        Some(("text", "*")) => "text/plain".to_owned(),
        Some((kind, "*")) => format!("{kind}/x-any"),
        _ => media_type.to_owned(),
    }
}

/// Whether a documented media type, or range, covers one that is sent. Parameters that are not documented do not count.
pub(in crate::conformance) fn covers(documented: &str, sent: &str) -> bool {
    let parts = |text: &str| {
        let mut parts = text.split(';').map(|part| part.trim().to_ascii_lowercase());
        (parts.next().unwrap_or_default(), parts.collect::<Vec<_>>())
    };
    let ((documented, wanted), (sent, given)) = (parts(documented), parts(sent));
    let essence = match documented.split_once('/') {
        Some(("*", "*")) => true,
        Some((kind, "*")) => sent.split_once('/').is_some_and(|(other, _)| other == kind),
        _ => documented == sent,
    };
    essence && wanted.iter().all(|parameter| given.contains(parameter))
}

/// A scalar as it is written in a form or a URL.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn form(value: &Value) -> String {
    entries(value)
        .map(|(name, value)| format!("{}={}", encode(name), encode(&plain(value))))
        .collect::<Vec<_>>()
        .join("&")
}

/// No value of ours holds this.
const BOUNDARY: &str = "a-line-that-nobody-writes";

fn multipart(value: &Value) -> String {
    let part = |(name, value): (&str, &Value)| {
        let name = encode(name);
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{}\r\n", plain(value))
    };
    entries(value).map(part).collect::<String>() + &format!("--{BOUNDARY}--\r\n")
}
