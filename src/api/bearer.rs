//! The bearer token of a request (RFC 6750).

use std::convert::Infallible;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use super::port::{Admission, Attachments, Caller, Lookup};
use super::problem::Problem;

/// What the request carried as its credentials, not judged yet. To take it never fails, so that a handler judges the
/// credentials first and looks at the rest of the request after.
pub struct Bearer {
    token: Option<String>,
    request: HttpRequest,
}

impl Bearer {
    /// Who is calling. What is left to them of a limit is put into the request's extensions, for whoever writes the answer's headers.
    /// A [`Lookup`] in the extensions says where the token is looked for.
    ///
    /// # Errors
    /// 401 if there is no bearer token or not a valid one; 429 if it came too often; 503 if that cannot be found out.
    pub async fn authenticate(&self, port: &dyn Attachments) -> Result<Caller, Problem> {
        let token = self.token.as_deref().ok_or_else(Problem::no_credentials)?;
        let lookup = self.request.extensions().get::<Lookup>().copied().unwrap_or_default();
        let Admission { caller, allowance } = port.authenticate(token, lookup).await?;
        if let Some(allowance) = allowance {
            self.request.extensions_mut().insert(allowance);
        }
        Ok(caller)
    }
}

impl FromRequest for Bearer {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self { token: token(request), request: request.clone() }))
    }
}

/// The credentials of the one `Authorization` header, if its scheme is `Bearer` in whatever case (RFC 9110, section
/// 11.1).
fn token(request: &HttpRequest) -> Option<String> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let (value, None) = (headers.next()?.to_str().ok()?, headers.next()) else { return None };
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
}
