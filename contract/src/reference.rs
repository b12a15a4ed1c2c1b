//! Following a `$ref` inside one document.

use serde_json::Value;

use crate::grammar::{self, Object};
use crate::pointer::{At, unescape};

/// Why a reference leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// It names another document.
    Elsewhere,
    /// Nothing stands where it points.
    Nothing,
    /// It leads back to itself.
    Circle,
}

/// The node that one reference points at (RFC 6901, section 6: a fragment is percent-encoded).
pub(crate) fn follow<'d>(document: &'d Value, reference: &str) -> Result<(At<'d>, &'d Value), Broken> {
    let fragment = reference.strip_prefix('#').ok_or(Broken::Elsewhere)?;
    let pointer = decode(fragment).ok_or(Broken::Nothing)?;
    let mut at = At::root();
    let mut value = document;
    if pointer.is_empty() {
        return Ok((at, value));
    }
    for token in pointer.strip_prefix('/').ok_or(Broken::Nothing)?.split('/') {
        let token = unescape(token);
        (at, value) = match value {
            Value::Object(fields) => {
                let (key, value) = fields.get_key_value(&token).ok_or(Broken::Nothing)?;
                (at.key(key), value)
            }
            Value::Array(items) => {
                let index: usize = token.parse().map_err(|_| Broken::Nothing)?;
                (at.index(index), items.get(index).ok_or(Broken::Nothing)?)
            }
            _ => return Err(Broken::Nothing),
        };
    }
    Ok((at, value))
}

/// The node at the end of a chain of references that each stand alone in their object's place.
pub(crate) fn settle<'d>(
    document: &'d Value,
    object: Object,
    at: At<'d>,
    value: &'d Value,
) -> Result<(At<'d>, &'d Value), Broken> {
    let (mut at, mut value) = (at, value);
    let mut seen: Vec<*const Value> = Vec::new();
    while let Some(reference) = grammar::reference(object, value).filter(|_| stands_alone(value)) {
        if seen.contains(&std::ptr::from_ref(value)) {
            return Err(Broken::Circle);
        }
        seen.push(std::ptr::from_ref(value));
        (at, value) = follow(document, reference)?;
    }
    Ok((at, value))
}

/// Whether a reference has nothing beside it but extensions.
fn stands_alone(value: &Value) -> bool {
    value.as_object().is_some_and(|fields| fields.keys().all(|key| key == "$ref" || key.starts_with("x-")))
}

/// Percent-decoding (RFC 3986, section 2.1).
fn decode(fragment: &str) -> Option<String> {
    if !fragment.contains('%') {
        return Some(fragment.to_owned());
    }
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit =
                || char::from(rest.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            bytes.push(digit()? * 16 + digit()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// The schema that a discriminator's mapping means: by reference, or by the name of a component (OpenAPI 3.0.3, section
/// 4.7.25).
pub(crate) fn schema_name<'d>(document: &'d Value, name: &str) -> Result<(At<'d>, &'d Value), Broken> {
    if name.starts_with('#') || name.contains('/') {
        return follow(document, name);
    }
    let name = crate::pointer::escape(name).replace('%', "%25");
    follow(document, &format!("#/components/schemas/{name}"))
}
