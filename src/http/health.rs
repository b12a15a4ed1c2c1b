//! Liveness and readiness: `/healthz` and `/readyz`.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::rt::task::JoinHandle;
use actix_web::{HttpResponse, web};
use futures_util::future::join;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::registry::Registry;
use crate::storage::ObjectStore;

/// Lifetime of an outcome. `/readyz` needs no token and is not rate limited, and a probe writes a
/// file or asks the store and the database: all requests of a second share one probe.
const OUTCOME_TTL: Duration = Duration::from_secs(1);

/// Timeout of a probe. A load balancer that asks gives up after some seconds.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// Mounts `/healthz` and `/readyz`.
pub(super) fn configure(routes: &mut web::ServiceConfig) {
    routes.route("/healthz", web::get().to(healthz)).route("/readyz", web::get().to(readyz));
}

/// 200 as long as the process answers at all.
async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

/// 200 if the storage and the registry work; 503 and which of them does not.
async fn readyz(readiness: web::Data<Readiness>) -> HttpResponse {
    let Outcome { storage, registry } = readiness.outcome().await;
    let word = |works: bool| if works { "ok" } else { "failed" };
    let body = format!("storage {}\nregistry {}\n", word(storage), word(registry));
    let mut response =
        if storage && registry { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.content_type("text/plain; charset=utf-8").body(body)
}

/// Result of a probe: which parts work.
#[derive(Clone, Copy)]
struct Outcome {
    storage: bool,
    registry: bool,
}

/// Probes the storage and the registry at most once per second. All workers share one.
pub(super) struct Readiness {
    store: Arc<dyn ObjectStore>,
    registry: Arc<dyn Registry>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: Option<(Instant, Outcome)>,
    storage: Check,
    registry: Check,
}

impl Readiness {
    pub(super) fn new(store: Arc<dyn ObjectStore>, registry: Arc<dyn Registry>) -> Self {
        Self { store, registry, state: Mutex::default() }
    }

    /// The outcome of the last probe, or of a new one if that is older than a second.
    async fn outcome(&self) -> Outcome {
        let mut state = self.state.lock().await;
        let State { last, storage, registry } = &mut *state;
        if let Some((at, outcome)) = *last
            && at.elapsed() < OUTCOME_TTL
        {
            return outcome;
        }
        let check_storage = || {
            let store = Arc::clone(&self.store);
            async move { store.check().await }
        };
        let check_registry = || {
            let registry = Arc::clone(&self.registry);
            async move { registry.check().await }
        };
        let (storage, registry) = join(
            storage.succeeds("storage", PROBE_TIMEOUT, check_storage),
            registry.succeeds("registry", PROBE_TIMEOUT, check_registry),
        )
        .await;
        let outcome = Outcome { storage, registry };
        *last = Some((Instant::now(), outcome));
        outcome
    }
}

/// Check of one part, which runs in a task of its own. A client that disconnects does not end it,
/// and while a disk does not answer, the next probe waits for the same check: each would hold a
/// thread.
#[derive(Default)]
struct Check(Option<JoinHandle<bool>>);

impl Check {
    /// Waits for the check that runs, or for a new one. False if it fails or takes too long.
    async fn succeeds<F, E>(
        &mut self,
        part: &'static str,
        patience: Duration,
        check: impl FnOnce() -> F,
    ) -> bool
    where
        F: Future<Output = Result<(), E>> + 'static,
        E: Debug,
    {
        // The outcome of a check that ended after its probe may be long past.
        self.0.take_if(|late| late.is_finished());
        let running = self.0.get_or_insert_with(|| {
            let check = check();
            actix_web::rt::spawn(async move {
                let checked = check.await;
                checked.map_err(|error| tracing::error!(?error, "the {part} is not ready")).is_ok()
            })
        });
        if let Ok(ended) = timeout(patience, running).await {
            self.0 = None;
            return ended.unwrap_or(false);
        }
        tracing::error!("the {part} is not ready: it did not answer within {patience:?}");
        false
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use tokio::sync::oneshot;

    use super::*;

    #[actix_web::test]
    async fn a_check_that_does_not_end_is_not_started_again() {
        let (end, ended) = oneshot::channel::<()>();
        let (started, ended) = (Rc::new(Cell::new(0)), Cell::new(Some(ended)));
        let hanging = || {
            started.set(started.get() + 1);
            let ended = ended.take().expect("it is started once");
            async move { ended.await.map_err(|_| "it was dropped") }
        };
        let mut check = Check::default();
        for _ in 0..3 {
            assert!(!check.succeeds("disk", Duration::from_millis(10), hanging).await);
        }
        assert_eq!(started.get(), 1);
        end.send(()).expect("it runs");
        assert!(check.succeeds("disk", PROBE_TIMEOUT, hanging).await);
        assert!(!check.succeeds("disk", PROBE_TIMEOUT, || async { Err("it fails") }).await);

        // The outcome of a check that ended later than its probe is not that of the next one.
        let (end, ended) = oneshot::channel::<()>();
        let late = || async { ended.await.map_err(|_| "it was dropped") };
        assert!(!check.succeeds("disk", Duration::from_millis(10), late).await);
        end.send(()).expect("it runs");
        while !check.0.as_ref().is_none_or(JoinHandle::is_finished) {
            actix_web::rt::task::yield_now().await;
        }
        assert!(!check.succeeds("disk", PROBE_TIMEOUT, || async { Err("it fails") }).await);
        assert!(check.succeeds("disk", PROBE_TIMEOUT, || async { Ok::<_, &str>(()) }).await);
    }
}
