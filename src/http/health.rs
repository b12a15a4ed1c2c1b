//! Whether the process lives, and whether it can work.

use actix_web::{HttpResponse, web};
use futures_util::future::join;

use super::Backend;

/// Mounts `/healthz` and `/readyz`.
pub(super) fn configure(routes: &mut web::ServiceConfig) {
    routes.route("/healthz", web::get().to(healthz)).route("/readyz", web::get().to(readyz));
}

/// 200 as long as the process answers at all.
async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

/// 200 if the storage and the registry work; 503 and which of them does not.
async fn readyz(backend: web::Data<Backend>) -> HttpResponse {
    // Both at once: whoever asks gives up after a few seconds.
    let (store, registry) = join(backend.store.check(), backend.registry.check()).await;
    let store = store.map_err(|error| tracing::error!(?error, "the storage is not ready"));
    let registry = registry.map_err(|error| tracing::error!(?error, "the registry is not ready"));
    let word = |result: Result<(), ()>| if result.is_ok() { "ok" } else { "failed" };
    let body = format!("storage {}\nregistry {}\n", word(store), word(registry));
    let mut response = if (store, registry) == (Ok(()), Ok(())) {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    response.content_type("text/plain; charset=utf-8").body(body)
}
