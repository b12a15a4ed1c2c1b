//! What the check finds, as data. How it is found is [`crate::compare`]'s and the gate's, how it reads [`crate::report`]'s.

use std::fmt;

use serde_json::Value;

/// One departure: of the spec from OpenAPI, or of the spec and the implementation from each other.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    /// What is wrong.
    pub kind: Kind,
    /// The operations through which the place is reached. Empty if it belongs to none.
    pub operations: Vec<Operation>,
    /// The place in the spec, as a JSON pointer (RFC 6901). It may name something that the spec lacks.
    pub pointer: String,
    /// The place in the spec's text, or that of the nearest thing around it that the spec does have.
    pub location: Location,
    /// What the spec says there.
    pub spec: Side,
    /// What the implementation says there.
    pub implementation: Side,
    /// The place in the document that was drawn from the implementation, as a JSON pointer.
    pub drawn: Option<String>,
    /// The request that showed it, if it took one to see it.
    pub evidence: Option<Evidence>,
    /// The item in Rust that answers for it, if it was looked for and found.
    pub rust: Option<RustItem>,
    /// What is wrong, in one sentence.
    pub sentence: String,
    /// What to change, on either side.
    pub help: String,
}

/// An item in an app's sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RustItem {
    /// Its path, such as `NewBook::copies`.
    pub item: String,
    /// Where its name stands.
    pub location: Location,
    /// That line.
    pub line: String,
    /// How many characters its name has.
    pub width: usize,
}

/// A request and its answer, which differ from what the spec says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The request, as a `curl` command line.
    pub request: String,
    /// What the spec lets a client expect, in words.
    pub expected: String,
    /// What came instead: the status line, the headers that matter, the body, cut.
    pub answered: String,
    /// How many more requests showed the same.
    pub more: usize,
}

/// A method on a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation {
    /// The path template, as in the document's `paths`.
    pub path: String,
    /// The method, in capitals.
    pub method: String,
}

impl fmt::Display for Operation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.method, self.path)
    }
}

/// A place in a text file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// What one document says at a place.
#[derive(Clone, Debug, PartialEq)]
pub enum Side {
    /// Nothing: the place does not exist there.
    Absent,
    /// The question does not arise: the spec was not yet compared with anything.
    NotAsked,
    /// This.
    Value(Value),
}

/// What is wrong at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The text is not YAML.
    Syntax,
    /// A map has one key twice.
    DuplicateKey,
    /// The YAML says something that JSON cannot.
    NotJson,
    /// The document is not of OpenAPI 3.0.
    Version,
    /// OpenAPI has no such key there.
    UnknownKey,
    /// OpenAPI asks for a key that is not there.
    MissingKey,
    /// What stands there cannot stand there.
    InvalidValue,
    /// The key exists, but means nothing there: readers of the document drop it.
    IgnoredKey,
    /// Something that must be unique is not.
    NotUnique,
    /// A reference leads nowhere.
    UnresolvedReference,
    /// A component that nothing refers to, so that nothing could be compared with it.
    UnusedComponent,
    /// The spec has it, the implementation does not.
    NotImplemented(Part),
    /// The implementation has it, the spec does not.
    NotDocumented(Part),
    /// Both have it, and say different things.
    Different(Part),
    /// Both have the same, in another order, and the order counts.
    Reordered(Part),
    /// The documents agree, and the app does something else.
    Behaviour(Behaviour),
}

impl Kind {
    /// The kind's name, as in `error[contract::response-not-implemented]`.
    #[must_use]
    pub fn code(self) -> String {
        let plain = match self {
            Self::Syntax => "syntax",
            Self::DuplicateKey => "duplicate-key",
            Self::NotJson => "not-json",
            Self::Version => "version",
            Self::UnknownKey => "unknown-key",
            Self::MissingKey => "missing-key",
            Self::InvalidValue => "invalid-value",
            Self::IgnoredKey => "ignored-key",
            Self::NotUnique => "not-unique",
            Self::UnresolvedReference => "unresolved-reference",
            Self::UnusedComponent => "unused-component",
            Self::NotImplemented(part) => return format!("{}-not-implemented", part.code()),
            Self::NotDocumented(part) => return format!("{}-not-documented", part.code()),
            Self::Different(part) => return format!("{}-differs", part.code()),
            Self::Reordered(part) => return format!("{}-order", part.code()),
            Self::Behaviour(behaviour) => behaviour.code(),
        };
        plain.to_owned()
    }
}

/// How an app departs from its spec, when it is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Behaviour {
    /// There was no answer: the handler panicked, or the connection broke.
    NoAnswer,
    /// A client's request was answered as a failure of the server.
    ServerFailed,
    /// A request that the spec allows was refused.
    AllowedRefused,
    /// A request that the spec forbids was accepted.
    ForbiddenAccepted,
    /// A request without the credentials that the spec asks for was not refused as such.
    CredentialsNotChecked,
    /// A request with credentials that are right was refused for them.
    CredentialsRefused,
    /// The status is not among the operation's responses.
    StatusNotDocumented,
    /// The content type is not among the response's.
    ContentTypeNotDocumented,
    /// The response documents no body, and there was one; or the other way round.
    BodyNotDocumented,
    /// The body is not valid against the response's schema.
    BodyInvalid,
    /// A response header that is documented was not there.
    HeaderMissing,
    /// The value of a response header is not valid against its schema.
    HeaderInvalid,
    /// A problem's `status` is not the HTTP status.
    ProblemStatusDiffers,
    /// A problem does not name the field that is wrong, or names another.
    FieldNotNamed,
    /// A property or parameter that is left out is not what its `default` says.
    DefaultDiffers,
    /// A method that the path does not document was answered, or was refused without 405 and `Allow`.
    MethodNotRefused,
    /// A path that the spec does not document was answered.
    PathNotDocumented,
    /// An error that no operation documents for itself does not look like the errors that the spec does document.
    ErrorNotDocumented,
    /// No request brought about a status that is documented.
    StatusNeverSeen,
    /// No answer had a header that is documented.
    HeaderNeverSeen,
}

impl Behaviour {
    /// The departure's name in a [`Kind::code`].
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NoAnswer => "no-answer",
            Self::ServerFailed => "server-failed",
            Self::AllowedRefused => "allowed-refused",
            Self::ForbiddenAccepted => "forbidden-accepted",
            Self::CredentialsNotChecked => "credentials-not-checked",
            Self::CredentialsRefused => "credentials-refused",
            Self::StatusNotDocumented => "status-not-documented",
            Self::ContentTypeNotDocumented => "content-type-not-documented",
            Self::BodyNotDocumented => "body-not-documented",
            Self::BodyInvalid => "body-invalid",
            Self::HeaderMissing => "header-missing",
            Self::HeaderInvalid => "header-invalid",
            Self::ProblemStatusDiffers => "problem-status-differs",
            Self::FieldNotNamed => "field-not-named",
            Self::DefaultDiffers => "default-differs",
            Self::MethodNotRefused => "method-not-refused",
            Self::PathNotDocumented => "path-not-documented",
            Self::ErrorNotDocumented => "error-not-documented",
            Self::StatusNeverSeen => "status-never-seen",
            Self::HeaderNeverSeen => "header-never-seen",
        }
    }
}

/// What part of the surface a departure is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Part {
    /// A path.
    Path,
    /// A method on a path.
    Operation,
    /// A parameter of an operation.
    Parameter,
    /// A request body.
    RequestBody,
    /// A media type of a body.
    MediaType,
    /// A response.
    Response,
    /// A header of a response.
    Header,
    /// A property of an object schema.
    Property,
    /// A schema as a whole.
    Schema,
    /// A keyword of a schema.
    Keyword,
    /// A member of an `enum`.
    EnumMember,
    /// A name in `required`.
    Required,
    /// A tag, of the document or of an operation.
    Tag,
    /// A server.
    Server,
    /// What an operation asks of the caller's credentials.
    Security,
    /// A security scheme.
    SecurityScheme,
    /// A named example.
    Example,
    /// A callback.
    Callback,
    /// A link.
    Link,
    /// Any other field of the document.
    Field,
}

impl Part {
    /// The part's name in a [`Kind::code`].
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Operation => "operation",
            Self::Parameter => "parameter",
            Self::RequestBody => "request-body",
            Self::MediaType => "media-type",
            Self::Response => "response",
            Self::Header => "header",
            Self::Property => "property",
            Self::Schema => "schema",
            Self::Keyword => "keyword",
            Self::EnumMember => "enum-member",
            Self::Required => "required",
            Self::Tag => "tag",
            Self::Server => "server",
            Self::Security => "security",
            Self::SecurityScheme => "security-scheme",
            Self::Example => "example",
            Self::Callback => "callback",
            Self::Link => "link",
            Self::Field => "field",
        }
    }
}
