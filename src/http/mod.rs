//! The actix server around the surface: what belongs to no operation of the contract. Judges nothing that the contract
//! speaks of.

mod asset;
mod body;
mod client;
mod connection;
mod cors;
mod docs;
mod gate;
mod health;
mod limits;
pub mod metrics;
mod pages;
mod request;

use std::future::ready;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use actix_http::HttpService;
use actix_service::{IntoServiceFactory, ServiceFactoryExt, map_config};
use actix_web::dev::{AppConfig, Extensions, Server, ServerHandle, fn_service};
use actix_web::{App, Error, middleware, web};
use tokio::net::TcpStream;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::api;
use crate::api::port::Attachments;
use crate::document::Documents;
use crate::registry::Registry;
use crate::service::PublicOrigin;
use crate::service::rate::Rate;
use crate::storage::ObjectStore;

use connection::{Connection, Connections};
use docs::Docs;
use health::Readiness;
use limits::Addresses;
use pages::{Pages, Policy};

pub use client::{InvalidNetwork, Proxies, ProxyHeader, ProxyNetwork};
pub use connection::Timeouts;
pub use cors::{AllowedOrigins, InvalidOrigins};
pub use request::Observers;

/// How long a client that was refused early may go on sending: until then it can read why.
const LINGER: Duration = Duration::from_secs(1);

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
    /// Who looks at requests.
    pub observers: Observers,
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

/// What clients are held to.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How slow a client may be.
    pub timeouts: Timeouts,
    /// The most connections that are served at once.
    pub connections: u32,
    /// The most bytes of a JSON body.
    pub json_body: u32,
    /// How often one address may ask.
    pub address_rate: Option<Rate>,
    /// Who is believed when it says for which address it asks.
    pub proxies: Proxies,
}

/// Serves `backend` on `listener`.
///
/// # Errors
/// If the listener cannot be used.
pub fn serve(
    listener: TcpListener,
    backend: Backend,
    origins: AllowedOrigins,
    limits: Limits,
    shutdown_timeout: Duration,
) -> std::io::Result<Listening> {
    let address = listener.local_addr()?;
    let documents = Documents::of(backend.origin.as_str());
    let policy = Policy::new(backend.origin.as_str(), &documents.other_servers(), &backend.store_origins);
    let (docs, pages) = (Docs::new(&documents, &policy), Pages::new(&policy));
    let Limits { timeouts, connections, json_body, address_rate, proxies } = limits;
    let addresses = Addresses::new(address_rate, proxies);
    // One for all workers.
    let readiness = web::Data::new(Readiness::new(Arc::clone(&backend.store), Arc::clone(&backend.registry)));
    let json = api::json::config(usize::try_from(json_body).unwrap_or(usize::MAX));
    let app = move || {
        let observers = backend.observers.clone();
        let port: web::Data<dyn Attachments> = web::Data::from(Arc::clone(&backend.port));
        App::new()
            .app_data(port)
            .app_data(readiness.clone())
            .app_data(web::Data::from(Arc::clone(&addresses)))
            .app_data(api::json::Patience(timeouts.pace.idle))
            .service(
                web::scope(api::MOUNT)
                    .configure(|routes| api::configure(&mut ServiceConfig::new(routes)))
                    .app_data(json.clone()),
            )
            .configure(|routes| pages.configure(routes))
            .configure(|routes| docs.configure(routes))
            .configure(health::configure)
            .default_service(web::to(|| async { Err::<&str, _>(api::problem::Problem::no_such_route()) }))
            .wrap(middleware::from_fn(limits::guard))
            .wrap(cors::middleware(&origins))
            .wrap(middleware::from_fn(move |request, next| request::trace(request, next, observers.clone())))
            .wrap(middleware::from_fn(connection::note))
    };
    let (workers, most) = workers(connections);
    // actix would drop running requests at SIGINT. Whoever runs the server hears the signals.
    let builder = Server::build()
        .workers(workers)
        .max_concurrent_connections(most)
        .disable_signals()
        .shutdown_timeout(shutdown_timeout.as_secs());
    let (stopping, connections) = (builder.graceful_shutdown_signal(), Connections::new(connections));
    // What actix-web's own server does, but that connections are ours.
    let service = move || {
        let (stopping, connections) = (stopping.clone(), connections.clone());
        let app = app().into_factory().map_err(|error: Error| error.error_response());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(timeouts.keep_alive)
            .client_request_timeout(timeouts.header)
            .client_disconnect_timeout(LINGER)
            .local_addr(address)
            .on_connect_ext(|connection: &Connection, data: &mut Extensions| {
                data.insert(connection.activity());
            })
            .h1(map_config(app, |()| AppConfig::default()));
        fn_service(move |stream: TcpStream| {
            let peer = stream.peer_addr().ok();
            // An answer of a few kilobytes would otherwise wait for the client's acknowledgement of its first packet.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "small answers on this connection may wait");
            }
            ready(Ok((Connection::new(stream, &connections, timeouts), peer)))
        })
        .and_then(http)
    };
    let server = builder.listen("http", listener, service)?.run();
    Ok(Listening { handle: server.handle(), server, address })
}

/// How many threads there are, and how many connections each takes at most: some more than are served, to tell them so.
fn workers(connections: u32) -> (usize, usize) {
    let workers = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let served = usize::try_from(connections).unwrap_or(usize::MAX);
    (workers, served.saturating_add(served / 8).div_ceil(workers).saturating_add(16))
}
