//! The fixed fields of each object, in the order of OpenAPI 3.0.3, section 4.7.

use super::{Absent, Field, Names, Need, Object, Order, Shape, Since};

use Object as O;
use Shape::{Choice, Count, Data, Flag, Number, SchemaOrFlag, Text};

const fn optional(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, need: Need::Optional, absent: Absent::Nothing, since: Since::V30 }
}

const fn required(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, need: Need::Required, absent: Absent::Nothing, since: Since::V30 }
}

/// A flag that is off where it is absent.
const fn flag(name: &'static str) -> Field {
    Field { name, shape: Flag, need: Need::Optional, absent: Absent::False, since: Since::V30 }
}

/// A list or map that is empty where it is absent.
const fn several(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, need: Need::Optional, absent: Absent::Empty, since: Since::V30 }
}

/// A lower bound that is 0 where it is absent.
const fn at_least(name: &'static str) -> Field {
    Field { name, shape: Count, need: Need::Optional, absent: Absent::Zero, since: Since::V30 }
}

/// A word of OpenAPI 3.1.
const fn later(field: Field) -> Field {
    Field { since: Since::V31, ..field }
}

const fn object(object: Object) -> Shape {
    Shape::Object(object)
}

macro_rules! map {
    ($of:expr) => {
        Shape::Map(&$of, Names::Exact)
    };
}

macro_rules! list {
    ($of:expr) => {
        Shape::List(&$of, Order::Counts)
    };
}

macro_rules! set {
    ($of:expr) => {
        Shape::List(&$of, Order::Free)
    };
}

const HEADERS: Shape = Shape::Map(&object(O::Header), Names::AnyCase);
const CONTENT: Shape = map!(object(O::MediaType));
const EXAMPLES: Shape = map!(object(O::Example));
const SERVERS: Shape = list!(object(O::Server));
const SECURITY: Shape = list!(object(O::SecurityRequirement));
const SCHEMA: Shape = object(O::Schema);
const SCHEMAS: Shape = list!(SCHEMA);
const NAMED_SCHEMAS: Shape = map!(SCHEMA);

pub(super) fn fields(object: Object) -> &'static [Field] {
    match object {
        O::Document => DOCUMENT,
        O::Info => INFO,
        O::Contact => CONTACT,
        O::License => LICENSE,
        O::Server => SERVER,
        O::ServerVariable => SERVER_VARIABLE,
        O::Components => COMPONENTS,
        O::PathItem => PATH_ITEM,
        O::Operation => OPERATION,
        O::ExternalDocs => EXTERNAL_DOCS,
        O::Parameter => PARAMETER,
        O::RequestBody => REQUEST_BODY,
        O::MediaType => MEDIA_TYPE,
        O::Encoding => ENCODING,
        O::Response => RESPONSE,
        O::Example => EXAMPLE,
        O::Link => LINK,
        O::Header => HEADER,
        O::Tag => TAG,
        O::Schema => SCHEMA_FIELDS,
        O::Discriminator => DISCRIMINATOR,
        O::Xml => XML,
        O::SecurityScheme => SECURITY_SCHEME,
        O::OAuthFlows => OAUTH_FLOWS,
        O::OAuthFlow => OAUTH_FLOW,
        O::Paths | O::Responses | O::Callback | O::SecurityRequirement => &[],
    }
}

const DOCUMENT: &[Field] = &[
    required("openapi", Text),
    required("info", object(O::Info)),
    several("servers", SERVERS),
    required("paths", object(O::Paths)),
    optional("components", object(O::Components)),
    optional("security", SECURITY),
    several("tags", list!(object(O::Tag))),
    optional("externalDocs", object(O::ExternalDocs)),
    later(several("webhooks", map!(object(O::PathItem)))),
    later(optional("jsonSchemaDialect", Text)),
    later(optional("$schema", Text)),
];

const INFO: &[Field] = &[
    required("title", Text),
    optional("description", Text),
    optional("termsOfService", Text),
    optional("contact", object(O::Contact)),
    optional("license", object(O::License)),
    required("version", Text),
    later(optional("summary", Text)),
];

const CONTACT: &[Field] = &[optional("name", Text), optional("url", Text), optional("email", Text)];

const LICENSE: &[Field] =
    &[required("name", Text), optional("url", Text), later(optional("identifier", Text))];

const SERVER: &[Field] = &[
    required("url", Text),
    optional("description", Text),
    several("variables", map!(object(O::ServerVariable))),
];

const SERVER_VARIABLE: &[Field] =
    &[optional("enum", set!(Text)), required("default", Text), optional("description", Text)];

const COMPONENTS: &[Field] = &[
    several("schemas", NAMED_SCHEMAS),
    several("responses", map!(object(O::Response))),
    several("parameters", map!(object(O::Parameter))),
    several("examples", EXAMPLES),
    several("requestBodies", map!(object(O::RequestBody))),
    // Not header names, but names of header objects: exact.
    several("headers", map!(object(O::Header))),
    several("securitySchemes", map!(object(O::SecurityScheme))),
    several("links", map!(object(O::Link))),
    several("callbacks", map!(object(O::Callback))),
    later(several("pathItems", map!(object(O::PathItem)))),
];

const PATH_ITEM: &[Field] = &[
    optional("summary", Text),
    optional("description", Text),
    optional("get", object(O::Operation)),
    optional("put", object(O::Operation)),
    optional("post", object(O::Operation)),
    optional("delete", object(O::Operation)),
    optional("options", object(O::Operation)),
    optional("head", object(O::Operation)),
    optional("patch", object(O::Operation)),
    optional("trace", object(O::Operation)),
    optional("servers", SERVERS),
    several("parameters", list!(object(O::Parameter))),
];

const OPERATION: &[Field] = &[
    several("tags", set!(Text)),
    optional("summary", Text),
    optional("description", Text),
    optional("externalDocs", object(O::ExternalDocs)),
    optional("operationId", Text),
    several("parameters", list!(object(O::Parameter))),
    optional("requestBody", object(O::RequestBody)),
    required("responses", object(O::Responses)),
    several("callbacks", map!(object(O::Callback))),
    flag("deprecated"),
    optional("security", SECURITY),
    optional("servers", SERVERS),
];

const EXTERNAL_DOCS: &[Field] = &[optional("description", Text), required("url", Text)];

// `style` and `explode` have defaults that depend on their siblings: `normal` knows them.
const PARAMETER: &[Field] = &[
    required("name", Text),
    required("in", Choice(&["query", "header", "path", "cookie"])),
    optional("description", Text),
    flag("required"),
    flag("deprecated"),
    flag("allowEmptyValue"),
    optional(
        "style",
        Choice(&["matrix", "label", "form", "simple", "spaceDelimited", "pipeDelimited", "deepObject"]),
    ),
    optional("explode", Flag),
    flag("allowReserved"),
    optional("schema", SCHEMA),
    optional("example", Data),
    several("examples", EXAMPLES),
    optional("content", CONTENT),
];

const REQUEST_BODY: &[Field] =
    &[optional("description", Text), required("content", CONTENT), flag("required")];

const MEDIA_TYPE: &[Field] = &[
    optional("schema", SCHEMA),
    optional("example", Data),
    several("examples", EXAMPLES),
    several("encoding", map!(object(O::Encoding))),
];

const ENCODING: &[Field] = &[
    optional("contentType", Text),
    several("headers", HEADERS),
    optional("style", Choice(&["form", "spaceDelimited", "pipeDelimited", "deepObject"])),
    optional("explode", Flag),
    flag("allowReserved"),
];

const RESPONSE: &[Field] = &[
    required("description", Text),
    several("headers", HEADERS),
    several("content", CONTENT),
    several("links", map!(object(O::Link))),
];

const EXAMPLE: &[Field] = &[
    optional("summary", Text),
    optional("description", Text),
    optional("value", Data),
    optional("externalValue", Text),
];

const LINK: &[Field] = &[
    optional("operationRef", Text),
    optional("operationId", Text),
    several("parameters", map!(Data)),
    optional("requestBody", Data),
    optional("description", Text),
    optional("server", object(O::Server)),
];

const HEADER: &[Field] = &[
    optional("description", Text),
    flag("required"),
    flag("deprecated"),
    flag("allowEmptyValue"),
    optional("style", Choice(&["simple"])),
    optional("explode", Flag),
    flag("allowReserved"),
    optional("schema", SCHEMA),
    optional("example", Data),
    several("examples", EXAMPLES),
    optional("content", CONTENT),
];

const TAG: &[Field] = &[
    required("name", Text),
    optional("description", Text),
    optional("externalDocs", object(O::ExternalDocs)),
];

const SCHEMA_FIELDS: &[Field] = &[
    optional("title", Text),
    optional("multipleOf", Number),
    optional("maximum", Number),
    flag("exclusiveMaximum"),
    optional("minimum", Number),
    flag("exclusiveMinimum"),
    optional("maxLength", Count),
    at_least("minLength"),
    optional("pattern", Text),
    optional("maxItems", Count),
    at_least("minItems"),
    flag("uniqueItems"),
    optional("maxProperties", Count),
    at_least("minProperties"),
    several("required", set!(Text)),
    optional("enum", set!(Data)),
    optional("type", Choice(&["string", "number", "integer", "boolean", "array", "object"])),
    optional("allOf", SCHEMAS),
    optional("oneOf", SCHEMAS),
    optional("anyOf", SCHEMAS),
    optional("not", SCHEMA),
    optional("items", SCHEMA),
    several("properties", NAMED_SCHEMAS),
    optional("additionalProperties", SchemaOrFlag),
    optional("description", Text),
    optional("format", Text),
    optional("default", Data),
    flag("nullable"),
    optional("discriminator", object(O::Discriminator)),
    flag("readOnly"),
    flag("writeOnly"),
    optional("xml", object(O::Xml)),
    optional("externalDocs", object(O::ExternalDocs)),
    optional("example", Data),
    flag("deprecated"),
    later(optional("const", Data)),
    later(several("examples", list!(Data))),
    later(optional("propertyNames", SCHEMA)),
    later(several("patternProperties", NAMED_SCHEMAS)),
    later(several("prefixItems", SCHEMAS)),
    later(optional("contains", SCHEMA)),
    later(optional("if", SCHEMA)),
    later(optional("then", SCHEMA)),
    later(optional("else", SCHEMA)),
    later(optional("contentEncoding", Text)),
    later(optional("contentMediaType", Text)),
    later(optional("contentSchema", SCHEMA)),
    later(optional("unevaluatedProperties", SchemaOrFlag)),
];

const DISCRIMINATOR: &[Field] =
    &[required("propertyName", Text), several("mapping", map!(Shape::SchemaName))];

const XML: &[Field] = &[
    optional("name", Text),
    optional("namespace", Text),
    optional("prefix", Text),
    flag("attribute"),
    flag("wrapped"),
];

const SECURITY_SCHEME: &[Field] = &[
    required("type", Choice(&["apiKey", "http", "oauth2", "openIdConnect"])),
    optional("description", Text),
    optional("name", Text),
    optional("in", Choice(&["query", "header", "cookie"])),
    optional("scheme", Text),
    optional("bearerFormat", Text),
    optional("flows", object(O::OAuthFlows)),
    optional("openIdConnectUrl", Text),
];

const OAUTH_FLOWS: &[Field] = &[
    optional("implicit", object(O::OAuthFlow)),
    optional("password", object(O::OAuthFlow)),
    optional("clientCredentials", object(O::OAuthFlow)),
    optional("authorizationCode", object(O::OAuthFlow)),
];

const OAUTH_FLOW: &[Field] = &[
    optional("authorizationUrl", Text),
    optional("tokenUrl", Text),
    optional("refreshUrl", Text),
    required("scopes", map!(Text)),
];
