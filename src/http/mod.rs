//! The actix server around the surface: what belongs to no operation of the contract. Judges nothing that the contract
//! speaks of.

mod asset;
mod cors;
mod docs;
mod health;
mod pages;
mod request;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::{App, HttpServer, middleware, web};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::api;
use crate::api::port::Attachments;
use crate::document::Documents;
use crate::registry::Registry;
use crate::service::PublicOrigin;
use crate::storage::ObjectStore;

use docs::Docs;
use pages::{Pages, Policy};

pub use cors::{AllowedOrigins, InvalidOrigins};

/// What the server stands on.
#[derive(Clone)]
pub struct Backend {
    /// The use cases.
    pub port: Arc<dyn Attachments>,
    /// For `/readyz`.
    pub store: Arc<dyn ObjectStore>,
    /// Where clients meet the store themselves, if they do: the pages may go there.
    pub store_origins: Vec<String>,
    /// For `/readyz`.
    pub registry: Arc<dyn Registry>,
    /// Where clients reach the service.
    pub origin: PublicOrigin,
}

/// A server that accepts connections as soon as it is polled.
pub struct Listening {
    /// To be awaited; ends after [`ServerHandle::stop`].
    pub server: Server,
    /// To stop it.
    pub handle: ServerHandle,
    /// Where it listens.
    pub address: SocketAddr,
}

/// Serves `backend` on `listener`.
///
/// # Errors
/// If the listener cannot be used.
pub fn serve(
    listener: TcpListener,
    backend: Backend,
    origins: AllowedOrigins,
    shutdown_timeout: Duration,
) -> std::io::Result<Listening> {
    let address = listener.local_addr()?;
    let documents = Documents::of(backend.origin.as_str());
    let policy = Policy::new(backend.origin.as_str(), &documents.other_servers(), &backend.store_origins);
    let (docs, pages) = (Docs::new(&documents, &policy), Pages::new(&policy));
    let server = HttpServer::new(move || {
        let port: web::Data<dyn Attachments> = web::Data::from(Arc::clone(&backend.port));
        App::new()
            .app_data(port)
            .app_data(web::Data::new(backend.clone()))
            .service(
                web::scope(api::MOUNT).configure(|routes| api::configure(&mut ServiceConfig::new(routes))),
            )
            .configure(|routes| pages.configure(routes))
            .configure(|routes| docs.configure(routes))
            .configure(health::configure)
            .default_service(web::to(|| async { Err::<&str, _>(api::problem::Problem::no_such_route()) }))
            .wrap(cors::middleware(&origins))
            .wrap(middleware::from_fn(request::trace))
    })
    // An answer of a few kilobytes would otherwise wait for the client's acknowledgement of its first packet.
    .tcp_nodelay(true)
    // actix would drop running requests at SIGINT. Whoever runs the server hears the signals.
    .disable_signals()
    .shutdown_timeout(shutdown_timeout.as_secs())
    .listen(listener)?
    .run();
    Ok(Listening { handle: server.handle(), server, address })
}
