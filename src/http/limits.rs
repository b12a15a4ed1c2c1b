//! What is refused before an operation looks at it: connections that are too many, requests for another protocol, and requests without a valid
//! access token that come too often from one address.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{ResourceDef, ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap, UPGRADE};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, web};

use super::client::{Proxies, counted};
use super::connection::{Activity, Place};
use crate::api;
use crate::api::port::{Lookup, Refusal};
use crate::api::problem::Problem;
use crate::api::rate_limit::{self, Allowance, Counted};
use crate::service::rate::{Limiter, Rate};

/// Counts what comes from each address.
pub(super) struct Addresses {
    limiter: Option<Limiter<IpAddr>>,
    proxies: Proxies,
    /// The operations that judge an access token, and count by it.
    judging: Vec<(Method, ResourceDef)>,
}

impl Addresses {
    /// Lets each address ask at this rate.
    pub(super) fn new(rate: Option<Rate>, proxies: Proxies) -> Arc<Self> {
        let limiter = rate.map(|rate| Limiter::new(Counted::ByAddress, rate));
        Arc::new(Self { limiter, proxies, judging: judging() })
    }

    /// Counts a request of its address. None, if addresses are not counted, or not for this.
    fn ask(&self, request: &HttpRequest) -> Result<Option<Allowance>, Refusal> {
        let Some((limiter, client)) = self.counts(request) else { return Ok(None) };
        limiter.ask(&client).map(Some)
    }

    /// The allowance of the request's client IP, if that is used up. Counts nothing.
    fn exhausted(&self, request: &HttpRequest) -> Option<Allowance> {
        let (limiter, client) = self.counts(request)?;
        limiter.exhausted(&client)
    }

    /// The limiter and the client IP by which the request is counted, if it is.
    fn counts(&self, request: &HttpRequest) -> Option<(&Limiter<IpAddr>, IpAddr)> {
        let (limiter, peer) = (self.limiter.as_ref()?, request.peer_addr()?);
        // Whoever watches the service asks as often as it likes, whatever others on its address do.
        if matches!(request.path(), "/healthz" | "/readyz") {
            return None;
        }
        let client = self.proxies.client(peer.ip(), request.headers());
        Some((limiter, counted(client)))
    }

    /// Whether the request's access token is going to be judged, and the request counted by that.
    fn brings_a_token(&self, request: &HttpRequest) -> bool {
        self.limiter.is_some()
            && request.headers().contains_key(AUTHORIZATION)
            && self
                .judging
                .iter()
                .any(|(method, path)| method == request.method() && path.is_match(request.path()))
    }
}

/// The operations of the contract that ask for an access token.
fn judging() -> Vec<(Method, ResourceDef)> {
    let document = api::document();
    let mut found = Vec::new();
    for (path, item) in &document.paths.paths {
        let operations = [(Method::GET, &item.get), (Method::POST, &item.post), (Method::PUT, &item.put)];
        for (method, operation) in operations {
            if operation.as_ref().is_some_and(|operation| operation.security.is_some()) {
                found.push((method, ResourceDef::new(format!("{}{path}", api::MOUNT))));
            }
        }
    }
    found
}

/// Whether the connection is to become one of another protocol.
fn is_upgrade(headers: &HeaderMap) -> bool {
    let is_web_socket = |value: &str| value.trim().eq_ignore_ascii_case("websocket");
    headers.get_all(UPGRADE).any(|value| value.to_str().is_ok_and(is_web_socket))
}

/// Refuses what is too much, and tells in the headers of each answer what is left.
pub(super) async fn guard(
    addresses: web::Data<Addresses>,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // The process lives, however many there are: this is not what to restart it for.
    let is_excess = request.conn_data::<Activity>().is_some_and(|activity| activity.place() == Place::Excess);
    if is_excess && request.path() != "/healthz" {
        return Ok(request.error_response(Problem::from(Refusal::Busy)));
    }
    // actix would take all that follows for this request's body, whatever length that has.
    if is_upgrade(request.headers()) {
        return Ok(request.error_response(Problem::no_upgrade()));
    }
    let brings_a_token = addresses.brings_a_token(request.request());
    if !brings_a_token {
        match addresses.ask(request.request()) {
            Ok(Some(allowance)) => {
                request.extensions_mut().insert(allowance);
            }
            Ok(None) => {}
            Err(refusal) => return Ok(request.error_response(Problem::from(refusal))),
        }
    }
    // A made-up token is not to cost the registry a query: whoever has sent too many of them is
    // served with tokens from the cache alone.
    let exhausted = brings_a_token.then(|| addresses.exhausted(request.request())).flatten();
    if exhausted.is_some() {
        request.extensions_mut().insert(Lookup::CacheOnly);
    }
    let mut response = next.call(request).await?;
    // An address may be that of an operation with one method and of another one with another.
    let was_not_judged =
        matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::METHOD_NOT_ALLOWED);
    if brings_a_token && was_not_judged {
        // Whoever tries out tokens is told no more than that it is too often. A token that was only
        // looked for in the cache may be valid, so its client is never told that it is not.
        let asked = match exhausted {
            Some(allowance) => Err(Refusal::TooManyRequests(allowance)),
            None => addresses.ask(response.request()),
        };
        match asked {
            Ok(Some(allowance)) => {
                response.request().extensions_mut().insert(allowance);
            }
            Ok(None) => {}
            Err(refusal) => {
                let (request, _) = response.into_parts();
                return Ok(ServiceResponse::from_err(Problem::from(refusal), request));
            }
        }
    }
    let allowance = response.request().extensions().get::<Allowance>().copied();
    for (name, value) in allowance.iter().flat_map(rate_limit::headers) {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}
