//! The grammar of an OpenAPI document: which objects there are, which fields they have, what stands in them, and what
//! an absent field means.
//!
//! Everything that must know whether a map's keys are OpenAPI's words or somebody's own names (a property called
//! `required`, a header called `x-trace`) asks here. The tables are OpenAPI 3.0.3's, section 4.7, and, marked with
//! [`Since::V31`], the words that 3.1 adds and that utoipa may draw.

use serde_json::Value;

mod table;

/// A kind of OpenAPI object (OpenAPI 3.0.3, section 4.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Object {
    Document,
    Info,
    Contact,
    License,
    Server,
    ServerVariable,
    Components,
    Paths,
    PathItem,
    Operation,
    ExternalDocs,
    Parameter,
    RequestBody,
    MediaType,
    Encoding,
    Responses,
    Response,
    Callback,
    Example,
    Link,
    Header,
    Tag,
    Schema,
    Discriminator,
    Xml,
    SecurityScheme,
    OAuthFlows,
    OAuthFlow,
    SecurityRequirement,
}

/// What may stand at a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    /// A string.
    Text,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A number.
    Number,
    /// A whole number, 0 or more.
    Count,
    /// Anything: an example, a default. Nothing in it is a word of OpenAPI.
    Data,
    /// An object of that kind, or a reference to one.
    Object(Object),
    /// `additionalProperties`: a schema, `true` or `false`.
    SchemaOrFlag,
    /// A discriminator's target: a reference to a schema, or the name of one.
    SchemaName,
    /// A map from names of the author's own to things of one shape.
    Map(&'static Shape, Names),
    /// A list of things of one shape.
    List(&'static Shape, Order),
}

/// How the keys of a [`Shape::Map`] compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// By their letters.
    Exact,
    /// Header names: without regard to case (RFC 9110, section 5.1).
    AnyCase,
}

/// Whether the order of a list means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Another order is another list.
    Counts,
    /// The list is a set.
    Free,
}

/// Whether OpenAPI asks for a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Required,
    Optional,
}

/// What it means that a field is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// Just that.
    Nothing,
    /// The same as `false`.
    False,
    /// The same as `0`.
    Zero,
    /// The same as an empty list or map.
    Empty,
}

/// The version that brought a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    V30,
    V31,
}

/// A fixed field of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) need: Need,
    pub(crate) absent: Absent,
    pub(crate) since: Since,
}

impl Field {
    /// Whether this value says what the field's absence says.
    pub(crate) fn is_default(&self, value: &Value) -> bool {
        match self.absent {
            Absent::Nothing => false,
            Absent::False => value == &Value::Bool(false),
            Absent::Zero => value.as_f64() == Some(0.0),
            Absent::Empty => match (self.shape, value) {
                (Shape::List(..), Value::Array(items)) => items.is_empty(),
                (Shape::Map(..), Value::Object(fields)) => fields.is_empty(),
                _ => false,
            },
        }
    }
}

/// The keys that an object may have beside its fixed fields.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patterned {
    /// None.
    None,
    /// URL paths, which begin with a slash (OpenAPI 3.0.3, section 4.7.8).
    Paths,
    /// `default`, status codes, and ranges such as `4XX` (section 4.7.16).
    Statuses,
    /// Any key: a callback's expressions, the schemes of a security requirement.
    Any(&'static Shape),
}

impl Patterned {
    /// What stands under a key, or `None` if the pattern has no such key.
    pub(crate) fn shape(self, key: &str) -> Option<Shape> {
        match self {
            Self::None => None,
            Self::Paths => key.starts_with('/').then_some(Shape::Object(Object::PathItem)),
            Self::Statuses => is_status(key).then_some(Shape::Object(Object::Response)),
            Self::Any(shape) => Some(*shape),
        }
    }
}

/// Whether a key of a Responses Object names a status.
fn is_status(key: &str) -> bool {
    match key.as_bytes() {
        b"default" | [b'1'..=b'5', b'X', b'X'] => true,
        [b'1'..=b'5', tens, ones] => tens.is_ascii_digit() && ones.is_ascii_digit(),
        _ => false,
    }
}

/// The methods of a Path Item Object, in the order of OpenAPI 3.0.3, section 4.7.9.
pub(crate) const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

impl Object {
    /// The fixed fields.
    pub(crate) fn fields(self) -> &'static [Field] {
        table::fields(self)
    }

    /// The fixed field of that name.
    pub(crate) fn field(self, name: &str) -> Option<&'static Field> {
        self.fields().iter().find(|field| field.name == name)
    }

    /// The keys beside the fixed fields.
    pub(crate) fn patterned(self) -> Patterned {
        match self {
            Self::Paths => Patterned::Paths,
            Self::Responses => Patterned::Statuses,
            Self::Callback => Patterned::Any(&Shape::Object(Self::PathItem)),
            Self::SecurityRequirement => Patterned::Any(&Shape::List(&Shape::Text, Order::Counts)),
            _ => Patterned::None,
        }
    }

    /// What stands under a key, or `None` if the object has no such key.
    pub(crate) fn shape(self, key: &str) -> Option<Shape> {
        self.field(key).map(|field| field.shape).or_else(|| self.patterned().shape(key))
    }

    /// Whether a key is a specification extension (section 4.8): a word of the document's author, not of OpenAPI.
    pub(crate) fn is_extension(self, key: &str) -> bool {
        self != Self::SecurityRequirement && key.starts_with("x-")
    }

    /// Whether a `$ref` may stand in the object's place.
    pub(crate) fn may_be_referenced(self) -> bool {
        self.section().is_some() || self == Self::PathItem
    }

    /// The section of `components` that holds objects of this kind.
    pub(crate) fn section(self) -> Option<&'static str> {
        match self {
            Self::Schema => Some("schemas"),
            Self::Response => Some("responses"),
            Self::Parameter => Some("parameters"),
            Self::Example => Some("examples"),
            Self::RequestBody => Some("requestBodies"),
            Self::Header => Some("headers"),
            Self::SecurityScheme => Some("securitySchemes"),
            Self::Link => Some("links"),
            Self::Callback => Some("callbacks"),
            _ => None,
        }
    }

    /// The object's name, as a sentence says it.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Info => "info object",
            Self::Contact => "contact object",
            Self::License => "license object",
            Self::Server => "server",
            Self::ServerVariable => "server variable",
            Self::Components => "components object",
            Self::Paths => "paths object",
            Self::PathItem => "path",
            Self::Operation => "operation",
            Self::ExternalDocs => "external documentation object",
            Self::Parameter => "parameter",
            Self::RequestBody => "request body",
            Self::MediaType => "media type",
            Self::Encoding => "encoding",
            Self::Responses => "responses object",
            Self::Response => "response",
            Self::Callback => "callback",
            Self::Example => "example",
            Self::Link => "link",
            Self::Header => "header",
            Self::Tag => "tag",
            Self::Schema => "schema",
            Self::Discriminator => "discriminator",
            Self::Xml => "XML object",
            Self::SecurityScheme => "security scheme",
            Self::OAuthFlows => "OAuth flows object",
            Self::OAuthFlow => "OAuth flow",
            Self::SecurityRequirement => "security requirement",
        }
    }
}

/// The text of a `$ref`, where one stands in an object's place.
pub(crate) fn reference(object: Object, value: &Value) -> Option<&str> {
    if object.may_be_referenced() { value.get("$ref")?.as_str() } else { None }
}
