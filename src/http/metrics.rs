//! `/metrics` at an address of its own, for Prometheus. One worker is enough for that.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};

use crate::metrics::{MEDIA_TYPE, Metrics};

/// Serves the metrics for as long as it is kept.
pub struct MetricsServer {
    /// Where it listens.
    pub address: SocketAddr,
    handle: ServerHandle,
}

impl MetricsServer {
    /// Serves `metrics` on `listener` from now on: a start that waits for something can be looked at.
    ///
    /// # Errors
    /// If the listener cannot be used.
    pub fn start(listener: TcpListener, metrics: Arc<Metrics>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let server = HttpServer::new(move || {
            let metrics = Arc::clone(&metrics);
            App::new().app_data(web::Data::from(metrics)).route("/metrics", web::get().to(answer))
        })
        .workers(1)
        .disable_signals()
        .listen(listener)?
        .run();
        let handle = server.handle();
        actix_web::rt::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "the server of the metrics failed");
            }
        });
        Ok(Self { address, handle })
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        // What is given need not be awaited: the command is on its way.
        drop(self.handle.stop(false));
    }
}

async fn answer(metrics: web::Data<Metrics>) -> HttpResponse {
    match metrics.text() {
        Ok(text) => HttpResponse::Ok().content_type(MEDIA_TYPE).body(text),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            HttpResponse::InternalServerError().finish()
        }
    }
}
