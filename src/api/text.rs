//! The grammars of the contract's strings. Each stands twice, as the pattern in the document and as the check beside it;
//! the two are held together by tests.

use std::borrow::Cow;

use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use validator::ValidationError;

/// The form of a string: what stands in the document and what the checks in this file hold.
pub struct Form {
    /// The most characters.
    pub max: u64,
    /// The pattern (ECMA-262).
    pub pattern: &'static str,
}

/// `contentType`: see [`media_type_or_empty`].
pub const MEDIA_TYPE: Form = Form {
    max: 255,
    pattern: r#"^([!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+( *; *[!#$%&'*+.^_`|~0-9A-Za-z-]+=([!#$%&'*+.^_`|~0-9A-Za-z-]+|"([ !#-\[\]-~]|\\[ -~])*"))*)?$"#,
};

/// `hash`, `baseId`, `filename`: see [`printable`].
pub const LABEL: Form = Form { max: 255, pattern: r"^[^\u0000-\u001f\u007f-\u009f]*$" };

/// `response-content-disposition`: see [`Disposition`](super::attachments::read::Disposition).
pub const DISPOSITION: Form = Form {
    max: 4096,
    pattern: r#"^(inline|attachment)(; ?filename=("([ !#-\[\]-~]|\\[ -~])*"|[!#$%&'*+.^_`|~0-9A-Za-z-]+))?(; ?filename\*=UTF-8''([!#$&+.^_`|~0-9A-Za-z-]|%[0-9A-Fa-f]{2})+)?$"#,
};

impl Form {
    /// The schema of such a string.
    #[must_use]
    pub fn schema(&self) -> ObjectBuilder {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(usize::try_from(self.max).ok())
            .pattern(Some(self.pattern))
    }
}

/// [`LABEL`] as the schema of a parameter, which utoipa takes from a type alone.
pub struct LabelSchema;

impl PartialSchema for LabelSchema {
    fn schema() -> RefOr<Schema> {
        LABEL.schema().into()
    }
}

impl ToSchema for LabelSchema {}

/// [`DISPOSITION`] as the schema of a parameter.
pub struct DispositionSchema;

impl PartialSchema for DispositionSchema {
    fn schema() -> RefOr<Schema> {
        DISPOSITION.schema().into()
    }
}

impl ToSchema for DispositionSchema {}

/// No control character: the value may end up in a header or a log.
///
/// # Errors
/// If there is one.
pub fn printable(text: &str) -> Result<(), ValidationError> {
    if text.chars().any(char::is_control) { Err(invalid("must have no control characters")) } else { Ok(()) }
}

/// Empty, as a browser's `File.type` may be, or a media type (RFC 9110, section 8.3.1) of printable ASCII.
///
/// # Errors
/// If it is neither.
pub fn media_type_or_empty(text: &str) -> Result<(), ValidationError> {
    if text.is_empty() || scan_media_type(text.as_bytes()).is_some() {
        Ok(())
    } else {
        Err(invalid("must be empty or a media type such as image/png"))
    }
}

fn scan_media_type(text: &[u8]) -> Option<()> {
    let rest = token(text)?.strip_prefix(b"/")?;
    let mut rest = token(rest)?;
    while !rest.is_empty() {
        rest = spaces(spaces(rest).strip_prefix(b";")?);
        rest = token(rest)?.strip_prefix(b"=")?;
        rest = quoted_string(rest).or_else(|| token(rest))?;
    }
    Some(())
}

/// What stands behind a token (RFC 9110, section 5.6.2) of at least one character.
pub(super) fn token(text: &[u8]) -> Option<&[u8]> {
    let end = text.iter().position(|byte| !is_token(*byte)).unwrap_or(text.len());
    (end > 0).then(|| &text[end..])
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+.^_`|~-".contains(&byte)
}

fn spaces(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| *byte != b' ').unwrap_or(text.len());
    &text[end..]
}

/// What stands behind a quoted string (RFC 9110, section 5.6.4) of printable ASCII.
pub(super) fn quoted_string(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text.strip_prefix(b"\"")?;
    loop {
        rest = match rest {
            [b'"', behind @ ..] => return Some(behind),
            [b'\\', b' '..=b'~', behind @ ..] => behind,
            [b'\\', ..] => return None,
            [b' '..=b'~', behind @ ..] => behind,
            _ => return None,
        };
    }
}

/// An error whose message is a clause to put behind the field's name.
pub(super) fn invalid(message: &'static str) -> ValidationError {
    ValidationError::new("invalid").with_message(Cow::Borrowed(message))
}
