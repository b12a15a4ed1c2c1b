//! `POST /attachments/signature`: what a client is about to upload, and where and how it may.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{CustomizeResponder, Responder, post, web};
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use validator::Validate;

use super::super::bearer::Bearer;
use super::super::json::{self, Json};
use super::super::number::Whole;
use super::super::problem::Problem;
use super::super::text::{LABEL, MEDIA_TYPE, media_type_or_empty, printable};
use super::Port;
use super::responses::{
    BadRequest, ContentTooLarge, Forbidden, InsufficientStorage, MethodNotAllowed, RequestTimeout,
    ServiceUnavailable, TooManyRequests, Unauthorized, UnsupportedMediaType,
};

/// The most bytes of one file: what S3 takes in one PUT.
pub const CONTENT_LENGTH_MAX: u64 = 5 * 1024 * 1024 * 1024;
/// The longest life of an upload token, in seconds: what S3 takes in a presigned request.
pub const EXPIRES_IN_MAX: u64 = 7 * 24 * 60 * 60;

/// A file's size in bytes.
pub type ContentLength = Whole<0, CONTENT_LENGTH_MAX>;
/// A token's life in seconds.
pub type ExpiresIn = Whole<1, EXPIRES_IN_MAX>;

/// What is about to be uploaded. Without `expiresIn` the token lives as long as the server's settings say, which is 6 days by default.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignatureRo {
    /// Mime type
    #[validate(length(max = MEDIA_TYPE.max), custom(function = media_type_or_empty))]
    #[schema(schema_with = content_type)]
    pub content_type: String,
    /// File size
    #[schema(schema_with = content_length)]
    pub content_length: ContentLength,
    /// Token expire time, seconds
    #[serde(default, deserialize_with = "json::present")]
    #[schema(schema_with = expires_in, required = false)]
    pub expires_in: Option<ExpiresIn>,
    /// File hash
    #[serde(default, deserialize_with = "json::present")]
    #[validate(length(max = LABEL.max), custom(function = printable))]
    #[schema(schema_with = hash, required = false)]
    pub hash: Option<String>,
    // Its description stands in the type's schema; a second one here would wrap the reference in `allOf`.
    #[allow(missing_docs)]
    #[serde(rename = "type")]
    pub upload_type: UploadType,
    // The published operation does not describe it.
    #[allow(missing_docs)]
    #[serde(default, deserialize_with = "json::present")]
    #[validate(length(max = LABEL.max), custom(function = printable))]
    #[schema(schema_with = base_id, required = false)]
    pub base_id: Option<String>,
}

fn content_type() -> RefOr<Schema> {
    MEDIA_TYPE.schema().description(Some("Mime type")).examples(["image/png"]).into()
}

fn hash() -> RefOr<Schema> {
    LABEL.schema().description(Some("File hash")).examples(["xxxxxxxx"]).into()
}

fn base_id() -> RefOr<Schema> {
    LABEL.schema().examples(["bse0000000000000000"]).into()
}

fn content_length() -> RefOr<Schema> {
    ContentLength::described("File size", 123)
}

fn expires_in() -> RefOr<Schema> {
    ExpiresIn::described("Token expire time, seconds", 3600)
}

/// The number of an upload type. What each means is the business of the rooms behind the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadType(u8);

impl UploadType {
    /// The highest number; the lowest is 1.
    pub const MAX: u8 = 14;

    /// The number.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }
}

impl<'de> Deserialize<'de> for UploadType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = Whole::<1, { Self::MAX as u64 }>::deserialize(deserializer)?;
        u8::try_from(number.get()).map(Self).map_err(de::Error::custom)
    }
}

impl PartialSchema for UploadType {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .description(Some("Type"))
            .enum_values(Some(1..=Self::MAX))
            .examples([1])
            .into()
    }
}

impl ToSchema for UploadType {}

/// Where and how to send the bytes
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignatureVo {
    /// Upload url
    #[schema(example = "https://example.com/attachment/upload")]
    pub url: String,
    /// Upload method
    #[schema(example = "POST")]
    pub upload_method: String,
    /// Secret key
    #[schema(example = "xxxxxxxx")]
    pub token: String,
    // The published operation does not describe it.
    #[allow(missing_docs)]
    #[schema(inline)]
    pub request_headers: RequestHeaders,
}

/// The headers to send with the bytes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RequestHeaders(pub BTreeMap<&'static str, RequestHeader>);

/// The value of a header to send.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum RequestHeader {
    /// As it stands.
    Text(String),
    /// In decimal.
    Number(u64),
}

impl PartialSchema for RequestHeaders {
    #[expect(
        deprecated,
        reason = "`examples` takes no object without naming serde_json, which this room does not"
    )]
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .example(Some([("Content-Type", "image/png")].into_iter().collect()))
            .into()
    }
}

impl ToSchema for RequestHeaders {}

/// Ask for an upload signature
#[utoipa::path(
    operation_id = "getSignature",
    tag = "attachments",
    description = "Retrieve upload signature.",
    request_body = SignatureRo,
    responses(
        (
            status = 201, description = "return the upload URL and the key.", body = SignatureVo,
            links(
                ("upload" = (
                    operation_id = "uploadFile", parameters(("token" = "$response.body#/token")),
                    description = "Send the bytes under this token",
                )),
                ("uploadByPost" = (
                    operation_id = "uploadFileByPost", parameters(("token" = "$response.body#/token")),
                    description = "Send the bytes under this token, with POST",
                )),
            ),
        ),
        BadRequest, Unauthorized, Forbidden, MethodNotAllowed, RequestTimeout, ContentTooLarge, UnsupportedMediaType,
        TooManyRequests, ServiceUnavailable, InsufficientStorage,
    ),
    security(("bearerAuth" = [])),
)]
#[post("/attachments/signature")]
pub async fn get_signature(
    port: Port,
    bearer: Bearer,
    wish: Json<SignatureRo>,
) -> Result<CustomizeResponder<web::Json<SignatureVo>>, Problem> {
    let caller = bearer.authenticate(&**port).await?;
    let signed = port.sign(&caller, wish.read().await?).await?;
    Ok(web::Json(signed).customize().with_status(StatusCode::CREATED))
}
