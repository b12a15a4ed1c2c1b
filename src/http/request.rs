//! Each request's id, its line in the log, and the id in what a refused client is told.
//!
//! The log names the route, never the address: tokens and signed queries stand in addresses. The lines about a request carry its id
//! themselves: a span around each request would cost more than all else that is done here, so there is one at `debug` alone, or
//! where traces are wanted.

use std::sync::Arc;
use std::time::Instant;

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use tracing::{Instrument, debug_span, error, info_span, warn};
use uuid::Uuid;

use super::body;
use crate::api::problem::Problem;
use crate::audit::{Action, AuditLog};
use crate::metrics::{Metrics, Series};
use crate::telemetry::{self, Answered, Traces};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Who looks at requests.
#[derive(Clone)]
pub struct Observers {
    /// Counts them.
    pub metrics: Arc<Metrics>,
    /// Writes who made them, if that is wanted.
    pub audit: Option<AuditLog>,
    /// Traces them, if that is wanted.
    pub traces: Traces,
}

/// Gives the request an id, logs and counts it, and puts the id where the client can find it.
pub(super) async fn trace<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
    observers: Observers,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let begun = Instant::now();
    let id = Uuid::now_v7();
    let mut text = Uuid::encode_buffer();
    let text: &str = id.hyphenated().encode_lower(&mut text);
    let Observers { metrics, audit, traces } = observers;
    let span = match traces {
        Traces::Off => debug_span!("request", request = text, method = telemetry::known(request.method())),
        Traces::On => {
            info_span!(
                "request",
                request = text,
                method = telemetry::known(request.method()),
                otel.kind = "server"
            )
        }
    };
    traces.begin(&span, request.headers());
    let answering = async {
        let in_progress = metrics.requests.begin();
        let followed = audit.map(|audit| audit.follow(id));
        // If a middleware gave up before a response was made of its error, there is no request left to attach it to.
        let response = match &followed {
            Some(followed) => followed.through(next.call(request)).await?,
            None => next.call(request).await?,
        };
        let response = response.map_into_boxed_body();
        let route = response.request().match_pattern();
        let series = metrics.requests.of(route.as_deref(), response.request().method());
        if let Some(followed) = followed {
            let code = problem(&response).map(Problem::code);
            followed.end(Action::of_operation(series.operation()), code).await;
        }
        let mut response = body::counted(identify(response, text, series), series);
        let value = HeaderValue::from_str(text).map_err(actix_web::error::ErrorInternalServerError)?;
        response.headers_mut().insert(X_REQUEST_ID, value);
        let (status, took) = (response.status(), begun.elapsed());
        series.answered(status, took);
        in_progress.end();
        let method = response.request().method();
        traces.end(&span, method, route.as_deref(), series.operation(), status);
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let (route, status) = (route.as_deref().unwrap_or("none"), status.as_u16());
        Answered { request: text, method, route, status, milliseconds }.log();
        Ok(response)
    };
    answering.instrument(span.clone()).await
}

/// The problem that the response is made of, if it is.
fn problem<B>(response: &ServiceResponse<B>) -> Option<&Problem> {
    response.response().error().and_then(|error| error.as_error::<Problem>())
}

/// Puts the id into a problem, and its causes into the log.
fn identify(response: ServiceResponse, id: &str, series: &Series) -> ServiceResponse {
    let Some(problem) = problem(&response) else { return response };
    series.refused(problem.code());
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
