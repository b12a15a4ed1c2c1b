//! Each request's id, its line in the log, and the id in what a refused client is told.
//!
//! The log names the route, never the address: tokens and signed queries stand in addresses.

use std::time::Instant;

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use tracing::{Instrument, error, info, info_span, warn};
use uuid::Uuid;

use crate::api::problem::Problem;
use crate::telemetry;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives the request an id, logs it, and puts the id where the client can find it.
pub(super) async fn trace<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let id = Uuid::now_v7();
    let begun = Instant::now();
    let span = info_span!("request", %id, method = %request.method(), route = tracing::field::Empty);
    let inner = span.clone();
    async move {
        let response = match next.call(request).await {
            Ok(response) => response.map_into_boxed_body(),
            // A middleware gave up before a response was made of its error; there is no request left to attach it to.
            Err(error) => return Err(error),
        };
        inner.record("route", response.request().match_pattern().as_deref().unwrap_or("none"));
        let mut response = identify(response, id);
        let value =
            HeaderValue::try_from(id.to_string()).map_err(actix_web::error::ErrorInternalServerError)?;
        response.headers_mut().insert(X_REQUEST_ID, value);
        let status = response.status().as_u16();
        let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        info!(status, milliseconds, "answered");
        Ok(response)
    }
    .instrument(span)
    .await
}

/// Puts the id into a problem, and its causes into the log.
fn identify(response: ServiceResponse, id: Uuid) -> ServiceResponse {
    let Some(problem) = response.response().error().and_then(|error| error.as_error::<Problem>()) else {
        return response;
    };
    if let Some(cause) = problem.cause() {
        let chain = telemetry::causes(cause);
        if problem.code().status().is_server_error() {
            error!(cause = chain, "{problem}");
        } else {
            warn!(cause = chain, "{problem}");
        }
    }
    let answer = problem.answer(Some(&format!("urn:uuid:{id}")));
    // CORS headers were put on the first answer.
    let mut answer = answer;
    for (name, value) in response.headers() {
        if !answer.headers().contains_key(name) {
            answer.headers_mut().append(name.clone(), value.clone());
        }
    }
    let (request, _) = response.into_parts();
    ServiceResponse::new(request, answer)
}
