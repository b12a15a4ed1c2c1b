//! Cases about credentials.

use super::super::model::Operation;
use super::{Derivation, Expect, Location, Shape};

/// How a security scheme is sent.
enum Carrier<'d> {
    /// In `Authorization`, behind the scheme's name.
    Authorization(&'static str),
    /// As a parameter.
    Key(Location, &'d str),
}

impl Derivation<'_, '_> {
    /// Puts credentials that the app knows into a request.
    pub(super) fn authorize(&self, operation: &Operation, shape: &mut Shape) {
        for scheme in operation.security.first().into_iter().flatten() {
            let secret = self.options.credentials.iter().find(|credential| credential.scheme == *scheme);
            if let (Some(carrier), Some(credential)) = (self.carrier(scheme), secret) {
                carrier.put(shape, &credential.secret);
            }
        }
    }

    fn carrier(&self, scheme: &str) -> Option<Carrier<'_>> {
        let scheme = &self.document["components"]["securitySchemes"][scheme];
        match (scheme["type"].as_str()?, scheme["scheme"].as_str().unwrap_or_default()) {
            ("http", name) if name.eq_ignore_ascii_case("basic") => Some(Carrier::Authorization("Basic")),
            ("http" | "oauth2" | "openIdConnect", _) => Some(Carrier::Authorization("Bearer")),
            ("apiKey", _) => {
                let location = match scheme["in"].as_str()? {
                    "query" => Location::Query,
                    "header" => Location::Header,
                    _ => Location::Cookie,
                };
                Some(Carrier::Key(location, scheme["name"].as_str()?))
            }
            _ => None,
        }
    }

    pub(super) fn credentials(&mut self, index: usize, base: &Shape) {
        let operation = &self.operations[index];
        let about = operation.security_at.clone();
        let Some(scheme) = operation.security.first().and_then(|schemes| schemes.first()) else { return };
        let secret = self.options.credentials.iter().find(|credential| credential.scheme == *scheme);
        let secret = secret.map(|credential| credential.secret.clone()).unwrap_or_default();
        let Some(carrier) = self.carrier(scheme) else { return };
        let mut without = base.clone();
        carrier.take(&mut without);
        let mut cases = vec![("there are no credentials".to_owned(), without.clone(), Expect::Unauthorized)];
        match carrier {
            Carrier::Authorization(name) => {
                let other = if name == "Basic" { "Bearer" } else { "Basic" };
                let values = [
                    (name.to_owned(), Expect::Unauthorized),
                    (format!("{name} "), Expect::Unauthorized),
                    (format!("{name} {secret}x"), Expect::Unauthorized),
                    (format!("{other} {secret}"), Expect::Unauthorized),
                    (secret.clone(), Expect::Unauthorized),
                    (format!("{} {secret}", name.to_lowercase()), Expect::Authorized),
                    (format!("{} {secret}", name.to_uppercase()), Expect::Authorized),
                ];
                for (value, expect) in values {
                    let mut shape = without.clone();
                    shape.headers.push(("Authorization".to_owned(), value.clone().into_bytes()));
                    let shown = value.replace(&secret, "SECRET");
                    cases.push((format!("`Authorization` is `{shown}`"), shape, expect));
                }
            }
            Carrier::Key(location, name) => {
                for (value, shown) in [(format!("{secret}x"), "another key"), (String::new(), "empty")] {
                    let mut shape = without.clone();
                    shape.set(location, name, &[value]);
                    cases.push((
                        format!("`{name}` in the {} is {shown}", location.name()),
                        shape,
                        Expect::Unauthorized,
                    ));
                }
            }
        }
        for (what, shape, expect) in cases {
            self.add(index, what, &about, shape, expect);
        }
    }
}

impl Carrier<'_> {
    fn put(&self, shape: &mut Shape, secret: &str) {
        match self {
            Self::Authorization(name) => {
                shape.headers.push(("Authorization".to_owned(), format!("{name} {secret}").into_bytes()));
            }
            Self::Key(location, name) => shape.set(*location, name, &[secret.to_owned()]),
        }
    }

    fn take(&self, shape: &mut Shape) {
        match self {
            Self::Authorization(_) => shape.unset(Location::Header, "Authorization"),
            Self::Key(location, name) => shape.unset(*location, name),
        }
    }
}
