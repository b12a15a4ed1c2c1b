//! Liveness and readiness: `/healthz` and `/readyz`.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::rt::task::JoinHandle;
use actix_web::{HttpResponse, web};
use futures_util::future::join;
use tokio::sync::Mutex;
use tokio::time::timeout_at;

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
struct Check(Option<JoinHandle<Checked>>);

/// Result of a check.
#[derive(Clone, Copy)]
struct Checked {
    at: Instant,
    succeeded: bool,
}

impl Check {
    /// Waits for the check that runs, or for a new one. False if it fails or takes too long.
    async fn succeeds<F, E>(&mut self, part: &'static str, patience: Duration, check: impl Fn() -> F) -> bool
    where
        F: Future<Output = Result<(), E>> + 'static,
        E: Debug,
    {
        let start = || {
            let check = check();
            actix_web::rt::spawn(async move {
                let checked = check.await;
                let checked = checked.map_err(|error| tracing::error!(?error, "the {part} is not ready"));
                Checked { at: Instant::now(), succeeded: checked.is_ok() }
            })
        };
        let deadline = Instant::now() + patience;
        loop {
            let running = self.0.get_or_insert_with(start);
            // The client of an earlier probe may have left before its check ended.
            let is_late = running.is_finished();
            let Ok(ended) = timeout_at(deadline.into(), running).await else {
                tracing::error!("the {part} is not ready: it did not answer within {patience:?}");
                return false;
            };
            self.0 = None;
            match ended {
                Ok(Checked { at, .. }) if is_late && at.elapsed() >= OUTCOME_TTL => {}
                ended => return ended.is_ok_and(|checked| checked.succeeded),
            }
        }
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

        // The client of a probe may leave before the check ends. Its outcome is that of the next
        // probe, which starts no other check, but not for longer than a second.
        let left = check.succeeds("disk", PROBE_TIMEOUT, || async { Ok::<_, &str>(()) });
        assert!(futures_util::poll!(std::pin::pin!(left)).is_pending());
        while !check.0.as_ref().is_some_and(JoinHandle::is_finished) {
            actix_web::rt::task::yield_now().await;
        }
        assert!(check.succeeds("disk", PROBE_TIMEOUT, || async { Err("it is not started") }).await);
        let long_past =
            Checked { at: Instant::now().checked_sub(OUTCOME_TTL).expect("a time"), succeeded: true };
        check.0 = Some(actix_web::rt::spawn(async move { long_past }));
        while !check.0.as_ref().is_some_and(JoinHandle::is_finished) {
            actix_web::rt::task::yield_now().await;
        }
        assert!(!check.succeeds("disk", PROBE_TIMEOUT, || async { Err("it fails") }).await);
        assert!(check.succeeds("disk", PROBE_TIMEOUT, || async { Ok::<_, &str>(()) }).await);
    }
}
