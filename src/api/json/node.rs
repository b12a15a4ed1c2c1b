//! A JSON value as it came, and a deserializer over it whose errors know where they happened.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

/// A JSON value that keeps what serde would drop: the order and the repetition of members.
#[derive(Clone, Debug)]
pub(in super::super) enum Node {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A whole number from 0
    Unsigned(u64),
    /// A whole number below 0
    Signed(i64),
    /// Any other number
    Float(f64),
    /// A string
    Text(String),
    /// A text that says what it is only when it is asked for: a parameter of a URL
    Word(String),
    /// The texts of a parameter that is given several times
    Words(Vec<Node>),
    /// An array
    Array(Vec<Node>),
    /// An object
    Object(Vec<(String, Node)>),
}

impl Node {
    /// The member of an object.
    pub(super) fn member(&self, name: &str) -> Option<&Node> {
        let Node::Object(members) = self else { return None };
        members.iter().find(|(key, _)| key == name).map(|(_, node)| node)
    }

    /// The item of an array.
    pub(super) fn item(&self, index: usize) -> Option<&Node> {
        let Node::Array(items) = self else { return None };
        items.get(index)
    }

    /// Takes the member of that name out of the object at `pointer`. False if there is no such object.
    pub(super) fn remove(&mut self, pointer: &str, name: &str) -> bool {
        match self.at(pointer) {
            Some(Node::Object(members)) => {
                let before = members.len();
                members.retain(|(key, _)| key != name);
                members.len() < before
            }
            _ => false,
        }
    }

    fn at(&mut self, pointer: &str) -> Option<&mut Node> {
        let mut at = self;
        for name in pointer.split('/').skip(1) {
            let name = unescape(name);
            at = match at {
                Node::Object(members) => {
                    members.iter_mut().find(|(key, _)| *key == name).map(|(_, node)| node)
                }
                Node::Array(items) => name.parse::<usize>().ok().and_then(|index| items.get_mut(index)),
                _ => None,
            }?;
        }
        Some(at)
    }

    /// Puts `node` at `pointer`, in place of what is there under that name. False if there is no such place.
    pub(super) fn put(&mut self, pointer: &str, node: Node) -> bool {
        let Some((parent, name)) = pointer.rsplit_once('/') else {
            *self = node;
            return true;
        };
        let Some(at) = self.at(parent) else { return false };
        let name = unescape(name);
        match at {
            Node::Object(members) => {
                members.retain(|(key, _)| *key != name);
                members.push((name, node));
                true
            }
            Node::Array(items) => match name.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                Some(item) => {
                    *item = node;
                    true
                }
                None => false,
            },
            _ => false,
        }
    }
}

fn unescape(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Signed(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Node::Object(members))
    }
}

/// A name as a step of a JSON pointer (RFC 6901, section 3).
pub(super) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A node and where it stands, so that an error can say so.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    node: &'a Node,
    step: Step<'a>,
}

/// How a node is reached. Written out as a pointer only for an error: most bodies have none.
#[derive(Clone, Copy)]
enum Step<'a> {
    Whole,
    Member(&'a Step<'a>, &'a str),
    Item(&'a Step<'a>, usize),
}

impl Step<'_> {
    fn pointer(self) -> String {
        match self {
            Self::Whole => String::new(),
            Self::Member(holder, name) => format!("{}/{}", holder.pointer(), escape(name)),
            Self::Item(holder, index) => format!("{}/{index}", holder.pointer()),
        }
    }
}

/// Why a node is not what the DTO wants, and where.
#[derive(Debug)]
pub(super) struct Mismatch {
    pub(super) pointer: String,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Missing(&'static str),
    Duplicate(&'static str),
    Unknown(String),
    Other { message: Cow<'static, str>, known: Option<Node> },
}

impl Mismatch {
    fn new(kind: Kind) -> Self {
        Self { pointer: String::new(), kind }
    }

    fn says(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Other { message: message.into(), known: None })
    }

    /// The same, seen from the node at `step`; the innermost place that knows itself wins.
    fn at(mut self, step: Step<'_>) -> Self {
        if self.pointer.is_empty() {
            self.pointer = step.pointer();
        }
        self
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.kind, f)
    }
}

impl std::error::Error for Mismatch {}

impl de::Error for Mismatch {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::says(message.to_string())
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::says(format!("must be {expected}"))
    }

    fn invalid_value(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::says(format!("must be {expected}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Kind::Other {
            message: format!("must be one of {}", expected.join(", ")).into(),
            known: expected.first().map(|first| Node::Text((*first).to_owned())),
        })
    }

    fn unknown_field(name: &str, _: &'static [&'static str]) -> Self {
        Self::new(Kind::Unknown(name.to_owned()))
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new(Kind::Missing(name))
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::new(Kind::Duplicate(name))
    }
}

/// The items of an array, for a visitor. What a type finds wrong with its item after that was read is wrong there too.
struct Items<I>(I);

impl<I> Items<I> {
    fn new(items: I) -> Self {
        Self(items)
    }
}

impl<'de, 'a, I: Iterator<Item = Place<'a>>> SeqAccess<'de> for Items<I> {
    type Error = Mismatch;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mismatch> {
        self.0.next().map(|item| item.read(seed)).transpose()
    }
}

/// The members of an object, likewise.
struct Members<'a, I> {
    members: I,
    next: Option<Place<'a>>,
}

impl<I> Members<'_, I> {
    fn new(members: I) -> Self {
        Self { members, next: None }
    }
}

impl<'de, 'a, I: Iterator<Item = (&'a str, Place<'a>)>> MapAccess<'de> for Members<'a, I> {
    type Error = Mismatch;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Mismatch> {
        let Some((name, place)) = self.members.next() else { return Ok(None) };
        self.next = Some(place);
        seed.deserialize(IntoDeserializer::<Mismatch>::into_deserializer(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mismatch> {
        let place = self.next.take().ok_or_else(|| Mismatch::says("has no value"))?;
        place.read(seed)
    }
}

impl<'de> Deserializer<'de> for Place<'_> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let step = self.step;
        let result = match self.node {
            Node::Null => visitor.visit_unit(),
            Node::Bool(value) => visitor.visit_bool(*value),
            Node::Unsigned(value) => visitor.visit_u64(*value),
            Node::Signed(value) => visitor.visit_i64(*value),
            Node::Float(value) => visitor.visit_f64(*value),
            Node::Text(value) | Node::Word(value) => visitor.visit_str(value),
            Node::Words(_) => Err(Mismatch::says("is given twice")),
            Node::Array(items) => visitor.visit_seq(Items::new(
                items.iter().enumerate().map(|(index, node)| Place { node, step: Step::Item(&step, index) }),
            )),
            Node::Object(members) => visitor.visit_map(Members::new(
                members
                    .iter()
                    .map(|(name, node)| (name.as_str(), Place { node, step: Step::Member(&step, name) })),
            )),
        };
        result.map_err(|mismatch| mismatch.at(step))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.node {
            Node::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let result = match self.node {
            Node::Text(text) | Node::Word(text) => {
                IntoDeserializer::<Mismatch>::into_deserializer(text.as_str())
                    .deserialize_enum(name, variants, visitor)
            }
            _ => Err(de::Error::unknown_variant("", variants)),
        };
        result.map_err(|mismatch| mismatch.at(self.step))
    }

    /// A parameter that is given once is a list of one.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let words = match self.node {
            Node::Word(_) => std::slice::from_ref(self.node),
            Node::Words(words) => words,
            _ => return self.deserialize_any(visitor),
        };
        let items = words.iter().map(|node| Place { node, step: self.step });
        visitor.visit_seq(Items::new(items))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.spelled(visitor, V::visit_bool)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.spelled(visitor, V::visit_i64)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.spelled(visitor, V::visit_i64)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.spelled(visitor, V::visit_u64)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.spelled(visitor, V::visit_u64)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.spelled(visitor, V::visit_f64)
    }

    /// Unlike `deserialize_any`, refuses an array, of which serde would make a struct too.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        match self.node {
            Node::Object(_) => self.deserialize_any(visitor),
            _ => Err(Mismatch::says("must be an object").at(self.step)),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u128 f32 char str string bytes byte_buf unit unit_struct tuple tuple_struct map identifier
        ignored_any
    }
}

impl<'a> Place<'a> {
    /// Of a node that stands in no other.
    pub(super) fn whole(node: &'a Node) -> Self {
        Self { node, step: Step::Whole }
    }

    fn read<'de, T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Mismatch> {
        seed.deserialize(self).map_err(|mismatch| mismatch.at(self.step))
    }

    /// What a word spells, to a visitor that asks for such a value; any other node as it is.
    fn spelled<'de, V: Visitor<'de>, T: FromStr>(
        self,
        visitor: V,
        visit: impl FnOnce(V, T) -> Result<V::Value, Mismatch>,
    ) -> Result<V::Value, Mismatch> {
        let Node::Word(word) = self.node else { return self.deserialize_any(visitor) };
        let result = match word.parse() {
            Ok(value) => visit(visitor, value),
            Err(_) => Err(de::Error::invalid_value(de::Unexpected::Str(word), &visitor)),
        };
        result.map_err(|mismatch: Mismatch| mismatch.at(self.step))
    }
}
