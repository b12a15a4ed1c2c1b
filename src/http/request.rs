//! Each request's id, its line in the log, and the id in what a refused client is told.
//!
//! The log names the route, never the address: tokens and signed queries stand in addresses. The lines about a request carry its id
//! themselves: a span around each request would cost more than all else that is done here, so there is one at `debug` alone.

use std::time::Instant;

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use tracing::{Instrument, debug_span, error, info, warn};
use uuid::Uuid;

use crate::api::problem::Problem;
use crate::telemetry;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives the request an id, logs it, and puts the id where the client can find it.
pub(super) async fn trace<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let begun = Instant::now();
    let id = Uuid::now_v7().hyphenated();
    let mut text = Uuid::encode_buffer();
    let id: &str = id.encode_lower(&mut text);
    let span = debug_span!("request", request = id, method = %request.method());
    // If a middleware gave up before a response was made of its error, there is no request left to attach it to.
    let response = next.call(request).instrument(span).await?.map_into_boxed_body();
    let mut response = identify(response, id);
    let value = HeaderValue::from_str(id).map_err(actix_web::error::ErrorInternalServerError)?;
    response.headers_mut().insert(X_REQUEST_ID, value);
    let (status, milliseconds) = (response.status().as_u16(), begun.elapsed().as_millis());
    let milliseconds = u64::try_from(milliseconds).unwrap_or(u64::MAX);
    let method = response.request().method().as_str();
    let route = response.request().match_pattern();
    let route = route.as_deref().unwrap_or("none");
    info!(request = id, method, route, status, milliseconds, "answered");
    Ok(response)
}

/// Puts the id into a problem, and its causes into the log.
fn identify(response: ServiceResponse, id: &str) -> ServiceResponse {
    let Some(problem) = response.response().error().and_then(|error| error.as_error::<Problem>()) else {
        return response;
    };
    if let Some(cause) = problem.cause() {
        let chain = telemetry::causes(cause);
        if problem.code().status().is_server_error() {
            error!(request = id, cause = chain, "{problem}");
        } else {
            warn!(request = id, cause = chain, "{problem}");
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
