//! A JSON body, read after the credentials were judged, and refused with every field that is wrong rather than the first.
//!
//! `node` is the body as it came, `repair` finds all that is wrong with it, `wire` knows the names that clients know.

pub(super) mod node;
pub(super) mod repair;
mod wire;

use std::borrow::Cow;
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::JsonPayloadError;
use actix_web::{FromRequest, HttpMessage, HttpRequest, rt, web};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};
use validator::Validate;

use super::port::Refusal;
use super::problem::{FieldError, Problem};
use node::Node;

/// The most bytes that a JSON body may have, where the server has no lower limit.
pub const BODY_MAX: usize = 16 * 1024;

/// How long a JSON body may be on its way. Of the application's data; [`Patience::default`] if it has none.
#[derive(Clone, Copy, Debug)]
pub struct Patience(pub Duration);

impl Default for Patience {
    fn default() -> Self {
        Self(Duration::from_secs(30))
    }
}

/// A JSON body that nobody has looked at yet.
pub struct Json<T> {
    request: HttpRequest,
    payload: Payload,
    dto: PhantomData<T>,
}

impl<T> FromRequest for Json<T> {
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Ok(Self { request: request.clone(), payload: payload.take(), dto: PhantomData }))
    }
}

impl<T: DeserializeOwned + Validate> Json<T> {
    /// Reads the body and parses it.
    ///
    /// # Errors
    /// 415 if it is not declared as JSON, 413 if it is too large, 408 if it does not come, 400 if it is not JSON or not a `T`.
    pub async fn read(mut self) -> Result<T, Problem> {
        if !self.request.content_type().eq_ignore_ascii_case("application/json") {
            return Err(Problem::not_json());
        }
        let Patience(patience) = self.request.app_data().copied().unwrap_or_default();
        let reading = web::Json::<Node>::from_request(&self.request, &mut self.payload);
        let body = rt::time::timeout(patience, reading)
            .await
            .map_err(|_| Refusal::TooSlow)?
            .map_err(|error| refuse(&error))?;
        repair::parse(body.into_inner(), "")
    }
}

/// How actix reads a body of at most `limit` bytes on our behalf.
#[must_use]
pub fn config(limit: usize) -> web::JsonConfig {
    web::JsonConfig::default().limit(limit)
}

fn refuse(error: &actix_web::Error) -> Problem {
    match error.as_error::<JsonPayloadError>() {
        Some(JsonPayloadError::Overflow { limit } | JsonPayloadError::OverflowKnownLength { limit, .. }) => {
            Problem::document_too_large(*limit)
        }
        Some(JsonPayloadError::ContentType) => Problem::not_json(),
        Some(JsonPayloadError::Deserialize(error)) => whole_body(format!("is not JSON: {error}")),
        _ => whole_body("broke off or is malformed"),
    }
}

fn whole_body(message: impl Into<Cow<'static, str>>) -> Problem {
    Problem::invalid(vec![FieldError { pointer: String::new(), message: message.into() }])
}

/// Deserializes an optional property that may be left out but not be `null`: for `#[serde(default, deserialize_with)]`.
///
/// # Errors
/// If the value is no `T`; `null` is none.
pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
