//! Requests by operation: how many, how they ended, how long they took, how many bytes were answered.

use std::sync::OnceLock;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge};
use utoipa::openapi::PathItem;

use super::Maker;
use crate::api::problem::ProblemCode;
use crate::api::{self, MOUNT};

/// From a signature, which takes some 50 microseconds, to an upload of gigabytes. Finest where clients feel it, and with a bound at the 5
/// seconds within which a client is told that something is away.
const BUCKETS: [f64; 15] =
    [0.00025, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0, 300.0];

/// Status codes are below this.
const STATUSES: usize = 600;

/// There are fewer kinds of problems.
const PROBLEMS: usize = 32;

/// What belongs to no operation of the contract, and how it is called.
const HEALTH: [(&str, &str); 2] = [("/healthz", "healthz"), ("/readyz", "readyz")];
const PAGES: &str = "pages";
const NONE: &str = "none";

/// Requests, by operation.
pub struct Requests {
    /// Requests that are being answered.
    in_progress: IntGauge,
    /// Requests whose client went away.
    abandoned: IntCounter,
    routes: Vec<Route>,
    pages: Series,
    none: Series,
}

/// A way to an operation.
struct Route {
    pattern: String,
    method: Option<Method>,
    series: Series,
}

/// What is counted of one operation. A series is made when it is first needed: no status is told that never was.
pub struct Series {
    operation: String,
    all: IntCounterVec,
    all_refused: IntCounterVec,
    by_status: Box<[OnceLock<IntCounter>]>,
    by_code: [OnceLock<IntCounter>; PROBLEMS],
    duration: Histogram,
    bytes: IntCounter,
}

impl Requests {
    pub(super) fn new(new: &mut Maker) -> Self {
        let all = new.counters(
            "attachments_requests_total",
            "Requests that were answered, by operation of the contract and status",
            &["operation", "status"],
        );
        let all_refused = new.counters(
            "attachments_refusals_total",
            "Requests that were refused, by operation and the `code` of the problem",
            &["operation", "code"],
        );
        let durations = new.histograms(
            "attachments_request_duration_seconds",
            "From a request's head to its answer's head; an upload's bytes are between them, those of a file that is read are not",
            &["operation"],
            &BUCKETS,
        );
        let bytes = new.counters(
            "attachments_response_bytes_total",
            "Bytes of answers' bodies that were sent",
            &["operation"],
        );
        let series = |operation: &str| Series {
            operation: operation.to_owned(),
            all: all.clone(),
            all_refused: all_refused.clone(),
            by_status: (0..STATUSES).map(|_| OnceLock::new()).collect(),
            by_code: [const { OnceLock::new() }; PROBLEMS],
            duration: durations.with_label_values(&[operation]),
            bytes: bytes.with_label_values(&[operation]),
        };
        let health = HEALTH.map(|(path, name)| (path.to_owned(), None, name.to_owned()));
        let routes = contract()
            .into_iter()
            .chain(health)
            .map(|(pattern, method, operation)| Route { pattern, method, series: series(&operation) })
            .collect();
        Self {
            in_progress: new
                .gauge("attachments_requests_in_progress", "Requests whose answer's head is not sent yet"),
            abandoned: new.counter(
                "attachments_requests_abandoned_total",
                "Requests whose client went away before the answer; no other metric of requests has them",
            ),
            routes,
            pages: series(PAGES),
            none: series(NONE),
        }
    }

    /// Counts a request as in progress, until what is given is ended or dropped.
    #[must_use]
    pub fn begin(&self) -> Abandonable<'_> {
        self.in_progress.inc();
        Abandonable { requests: self, ended: false }
    }

    /// The series of the operation at `pattern`; `none` if there is no such.
    #[must_use]
    pub fn of(&self, pattern: Option<&str>, method: &Method) -> &Series {
        let Some(pattern) = pattern else { return &self.none };
        let mut known = false;
        for route in self.routes.iter().filter(|route| route.pattern == pattern) {
            known = true;
            if route.method.as_ref().is_none_or(|own| own == method) {
                return &route.series;
            }
        }
        if known { &self.none } else { &self.pages }
    }
}

/// Every operation of the contract: pattern, method, id.
fn contract() -> Vec<(String, Option<Method>, String)> {
    let mut operations = Vec::new();
    for (path, item) in api::document().paths.paths {
        let PathItem { get, head, post, put, .. } = item;
        let methods = [(Method::GET, get), (Method::HEAD, head), (Method::POST, post), (Method::PUT, put)];
        for (method, operation) in methods {
            if let Some(id) = operation.and_then(|operation| operation.operation_id) {
                operations.push((format!("{MOUNT}{path}"), Some(method), id));
            }
        }
    }
    operations
}

/// A request that is being answered.
pub struct Abandonable<'a> {
    requests: &'a Requests,
    ended: bool,
}

impl Abandonable<'_> {
    /// It is answered.
    pub fn end(mut self) {
        self.ended = true;
    }
}

impl Drop for Abandonable<'_> {
    fn drop(&mut self) {
        self.requests.in_progress.dec();
        if !self.ended {
            self.requests.abandoned.inc();
        }
    }
}

impl Series {
    /// The operation's id in the contract, or what else it is called.
    #[must_use]
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// Counts an answer.
    pub fn answered(&self, status: StatusCode, after: Duration) {
        let status = status.as_u16();
        let make = || self.all.with_label_values(&[self.operation.as_str(), &status.to_string()]);
        match self.by_status.get(usize::from(status)) {
            Some(counter) => counter.get_or_init(make).inc(),
            None => make().inc(),
        }
        self.duration.observe(after.as_secs_f64());
    }

    /// Counts a refusal.
    pub fn refused(&self, code: ProblemCode) {
        let make = || self.all_refused.with_label_values(&[self.operation.as_str(), &name(code)]);
        match self.by_code.get(code as usize) {
            Some(counter) => counter.get_or_init(make).inc(),
            None => make().inc(),
        }
    }

    /// Counts bytes of answers' bodies.
    #[must_use]
    pub fn bytes(&self) -> &IntCounter {
        &self.bytes
    }
}

/// What clients read as the `code`.
fn name(code: ProblemCode) -> String {
    serde_json::to_value(code).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}
