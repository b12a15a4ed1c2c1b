//! What a validator found, under the names that clients know. The `validator` crate names fields as Rust does; serde knows
//! what they are called on the wire.

use std::borrow::Cow;

use serde::de::value::Error as ValueError;
use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use serde::forward_to_deserialize_any;
use validator::{Validate, ValidationError, ValidationErrors, ValidationErrorsKind};

use super::super::problem::FieldError;
use super::node::{Node, escape};

/// Every field of `dto` that breaks a rule. `body` is what it was made of: below its own fields, the names are those that came.
pub(super) fn broken_rules<T: DeserializeOwned + Validate>(dto: &T, body: &Node) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let Err(found) = dto.validate() {
        collect(&found, "", &field_names::<T>(), Some(body), &mut errors);
    }
    // A validator keeps its findings in a map without an order.
    errors.sort_by(|one, other| one.pointer.cmp(&other.pointer));
    errors
}

fn collect(
    found: &ValidationErrors,
    parent: &str,
    names: &[&str],
    node: Option<&Node>,
    errors: &mut Vec<FieldError>,
) {
    for (field, kind) in found.errors() {
        let name = wire_name(field, names);
        let pointer = format!("{parent}/{}", escape(&name));
        let node = node.and_then(|node| node.member(&name));
        match kind {
            ValidationErrorsKind::Field(reasons) => errors.extend(
                reasons
                    .iter()
                    .map(|reason| FieldError { pointer: pointer.clone(), message: message(reason) }),
            ),
            ValidationErrorsKind::Struct(found) => collect(found, &pointer, &names_of(node), node, errors),
            ValidationErrorsKind::List(items) => {
                for (index, found) in items {
                    let node = node.and_then(|node| node.item(*index));
                    collect(found, &format!("{pointer}/{index}"), &names_of(node), node, errors);
                }
            }
        }
    }
}

/// The names of an object's members, as they came.
fn names_of(node: Option<&Node>) -> Vec<&str> {
    match node {
        Some(Node::Object(members)) => members.iter().map(|(name, _)| name.as_str()).collect(),
        _ => Vec::new(),
    }
}

/// The one of `names` that has the same letters as the Rust name, or else the Rust name in camel case.
fn wire_name(field: &str, names: &[&str]) -> String {
    let letters =
        |name: &str| name.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    match names.iter().find(|name| letters(name) == letters(field)) {
        Some(name) => (*name).to_owned(),
        None => camel_case(field),
    }
}

fn camel_case(field: &str) -> String {
    let mut words = field.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (initial, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
        name + &initial.to_uppercase() + rest
    })
}

/// A validator's message, as a clause to put behind the field's name.
fn message(reason: &ValidationError) -> Cow<'static, str> {
    let bound = |name: &str| reason.params.get(name).map(ToString::to_string);
    let is_list = reason.params.get("value").is_some_and(|value| value.as_array().is_some());
    let (verb, unit) = match (&*reason.code, is_list) {
        ("range", _) => ("be", ""),
        (_, true) => ("have", " items"),
        (_, false) => ("have", " characters"),
    };
    let of = |bound: &str| if bound == "1" { unit.trim_end_matches('s') } else { unit };
    match (&reason.message, bound("min"), bound("max")) {
        (Some(message), _, _) => message.clone(),
        (None, Some(min), Some(max)) => format!("must {verb} {min} to {max}{unit}").into(),
        (None, None, Some(most)) => format!("must {verb} at most {most}{}", of(&most)).into(),
        (None, Some(least), None) => format!("must {verb} at least {least}{}", of(&least)).into(),
        (None, None, None) => "is not acceptable".into(),
    }
}

/// What the fields of `T` are called on the wire: serde tells a deserializer that is about to be asked for a struct.
fn field_names<T: DeserializeOwned>() -> Vec<&'static str> {
    let mut names = Vec::new();
    // It never succeeds; what it was asked for is what counts.
    let _ = T::deserialize(Listener(&mut names));
    names
}

struct Listener<'a>(&'a mut Vec<&'static str>);

impl<'de> Deserializer<'de> for Listener<'_> {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ValueError> {
        Err(nothing_here())
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, ValueError> {
        self.0.extend(fields);
        Err(nothing_here())
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn nothing_here() -> ValueError {
    <ValueError as de::Error>::custom("nothing here")
}
