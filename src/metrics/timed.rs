//! Calls to what stands behind the service: how long each takes, and whether it fails.

use std::time::Instant;

use prometheus::{HistogramVec, IntCounterVec};
use tracing::Instrument;

use super::Maker;
use crate::registry::RegistryError;
use crate::storage::StoreError;

/// A file of the local store and a row of `SQLite` are found in well under a millisecond, an object in a few; more than 3 seconds nobody waits,
/// but for copies.
const BUCKETS: [f64; 13] =
    [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 3.0, 30.0];

/// Every call to a registry that is measured.
const REGISTRY_CALLS: [&str; 19] = [
    "access_token",
    "access_tokens",
    "add_access_token",
    "add_attachment",
    "attachment",
    "attachment_by_token",
    "base_usage",
    "begin_collection",
    "check",
    "collector",
    "condemn",
    "forget_condemned",
    "forget_settled",
    "identity",
    "names",
    "now",
    "pin",
    "remove_access_token",
    "revoke_access_token",
];

/// Every call to a store that is measured.
const STORE_CALLS: [&str; 14] = [
    "begin",
    "check",
    "commit",
    "discard_torn",
    "find",
    "inspect",
    "list",
    "make_final",
    "open",
    "owner",
    "prefix",
    "remove",
    "set_owner",
    "write",
];

/// How a call can fail.
const KINDS: [&str; 3] = [FAILED, FULL, ABANDONED];
const FAILED: &str = "failed";
const FULL: &str = "full";
/// Whoever asked waited no longer.
const ABANDONED: &str = "abandoned";

/// Durations and failures of the calls to one of them.
#[derive(Clone)]
pub(super) struct Timed {
    whom: &'static str,
    duration: HistogramVec,
    errors: IntCounterVec,
}

/// What is counted as a failure of whom was asked.
pub(super) trait Failure {
    /// How it failed, if it is one: that nothing stands under a name is an answer.
    fn kind(&self) -> Option<&'static str>;
}

impl Failure for RegistryError {
    fn kind(&self) -> Option<&'static str> {
        Some(FAILED)
    }
}

impl Failure for StoreError {
    fn kind(&self) -> Option<&'static str> {
        match self {
            Self::NotFound | Self::Taken | Self::Torn | Self::Unexpected(_) | Self::Busy => None,
            Self::Full(_) => Some(FULL),
            Self::Failed(_) => Some(FAILED),
        }
    }
}

impl Timed {
    pub(super) fn registry(new: &mut Maker) -> Self {
        let duration = new.histograms(
            "attachments_registry_call_duration_seconds",
            "How long the registry took for a call, from the wait for a connection to the answer",
            &["operation"],
            &BUCKETS,
        );
        let errors = new.counters(
            "attachments_registry_errors_total",
            "Calls to the registry without an answer: `failed`, or `abandoned` by who waited no longer",
            &["operation", "kind"],
        );
        Self { whom: "registry", duration, errors }.at_zero(&REGISTRY_CALLS, &[FAILED, ABANDONED])
    }

    pub(super) fn store(new: &mut Maker) -> Self {
        let duration = new.histograms(
            "attachments_store_call_duration_seconds",
            "How long the store took for a call, with all its attempts",
            &["operation"],
            &BUCKETS,
        );
        let errors = new.counters(
            "attachments_store_errors_total",
            "Calls to the store that `failed`, found it `full`, or were `abandoned` by who waited no longer",
            &["operation", "kind"],
        );
        Self { whom: "store", duration, errors }.at_zero(&STORE_CALLS, &KINDS)
    }

    /// With every series, for a first failure is a change from 0 and not a beginning.
    fn at_zero(self, calls: &[&str], kinds: &[&str]) -> Self {
        for call in calls {
            self.duration.with_label_values(&[*call]);
            for kind in kinds {
                self.errors.with_label_values(&[*call, *kind]);
            }
        }
        self
    }

    /// Does `work`, which is the call `operation`.
    pub(super) async fn time<T, E: Failure>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let span = tracing::debug_span!(
            "call",
            otel.name = format_args!("{} {operation}", self.whom),
            otel.kind = "client",
            otel.status_code = tracing::field::Empty,
        );
        let mut running = Running { timed: self, operation, begun: Instant::now(), failed: Some(ABANDONED) };
        let done = work.instrument(span.clone()).await;
        running.failed = done.as_ref().err().and_then(Failure::kind);
        if running.failed.is_some() {
            span.record("otel.status_code", "ERROR");
        }
        done
    }
}

/// A call that is under way. Dropped before its end it is counted all the same: a store that stalls is seen.
struct Running<'a> {
    timed: &'a Timed,
    operation: &'static str,
    begun: Instant,
    failed: Option<&'static str>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let Self { timed, operation, begun, failed } = self;
        timed.duration.with_label_values(&[*operation]).observe(begun.elapsed().as_secs_f64());
        if let Some(kind) = failed {
            timed.errors.with_label_values(&[*operation, *kind]).inc();
        }
    }
}
