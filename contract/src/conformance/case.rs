//! One request with what is expected of its answer.

use super::Request;
use super::model::Location;

/// A request in parts, so that cases can change one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) method: String,
    /// The path template, or a path as it stands where nothing is left to fill in.
    pub(super) path: String,
    /// The texts of the path's parameters, encoded.
    pub(super) segments: Vec<(String, String)>,
    /// The query, not encoded.
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) media_type: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Shape {
    /// Sets a parameter. An array in a query is one pair for each item.
    pub(super) fn set(&mut self, location: Location, name: &str, texts: &[String]) {
        self.unset(location, name);
        for text in texts {
            match location {
                Location::Path => self.segments.push((name.to_owned(), encode(text))),
                Location::Query => self.query.push((name.to_owned(), text.clone())),
                Location::Header => self.headers.push((name.to_owned(), text.clone().into_bytes())),
                Location::Cookie => {
                    self.headers.push(("Cookie".to_owned(), format!("{name}={text}").into_bytes()));
                }
            }
        }
    }

    pub(super) fn unset(&mut self, location: Location, name: &str) {
        match location {
            Location::Path => self.segments.retain(|(other, _)| other != name),
            Location::Query => self.query.retain(|(other, _)| other != name),
            Location::Header => self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name)),
            Location::Cookie => self.headers.retain(|(other, value)| {
                !other.eq_ignore_ascii_case("cookie") || !value.starts_with(format!("{name}=").as_bytes())
            }),
        }
    }

    /// The request, below `base`.
    pub(super) fn request(&self, base: &str) -> Request {
        let mut target = base.to_owned();
        let mut rest = self.path.as_str();
        while let Some((before, (name, after))) =
            rest.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
        {
            target.push_str(before);
            let text = self.segments.iter().find(|(other, _)| other == name).map_or("x", |(_, text)| text);
            target.push_str(text);
            rest = after;
        }
        target.push_str(rest);
        for (index, (name, value)) in self.query.iter().enumerate() {
            let sign = if index == 0 { '?' } else { '&' };
            target.push_str(&format!("{sign}{}={}", encode(name), encode(value)));
        }
        let mut headers = self.headers.clone();
        if let Some(media_type) = &self.media_type {
            headers.push(("Content-Type".to_owned(), media_type.clone().into_bytes()));
        }
        Request { method: self.method.clone(), target, headers, body: self.body.clone() }
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// What a request is expected to come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// The spec allows it: 2xx or 3xx.
    Allowed,
    /// The spec forbids it: a documented 4xx that names what is wrong.
    Forbidden(Fields),
    /// The spec does not decide: anything documented, but for a failure of the server.
    Documented,
    /// What stands behind the surface fails: anything documented.
    Failing,
    /// Its credentials do not do: 401 or 403.
    Unauthorized,
    /// Its credentials do, in a spelling that is not the usual one.
    Authorized,
    /// The path has no such method: 405, with these in `Allow`.
    NoSuchMethod(Vec<String>),
    /// No path of the spec matches: 404.
    NoSuchPath,
}

/// What a refusal has to name, if it names fields at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fields {
    /// Nothing in particular.
    Any,
    /// These parts of the body, as JSON pointers.
    Body(Vec<String>),
    /// A parameter of this name.
    Parameter(String),
}

/// A part of a request that only a running app knows, taken from an earlier answer of the operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Learned {
    /// The header to send.
    pub(super) header: String,
    /// The response header whose value is sent, in lower case.
    pub(super) from: &'static str,
}

/// What a case is for, where that decides how it is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The plainest request that the spec allows. Where it fails, the operation's other cases say nothing.
    Baseline,
    /// One of a row that ends as soon as the operation has answered with this status.
    Until(u16),
    /// Sent with a value of an earlier answer; not sent if there is none.
    Learning(Learned),
    /// Answered alike, or not at all, as this other request.
    SameAs(Box<Shape>),
    /// Drawn by chance.
    Drawn,
    Plain,
}

#[derive(Clone, Debug)]
pub(super) struct Case {
    /// An index into the operations. Cases about methods and paths have that of the operation whose request was changed.
    pub(super) operation: usize,
    /// What is special about the request, as the beginning of a sentence.
    pub(super) what: String,
    /// The place in the spec that the case is about.
    pub(super) about: String,
    pub(super) shape: Shape,
    pub(super) expect: Expect,
    pub(super) role: Role,
    /// The parameter that the case is about, which live values must leave alone.
    pub(super) subject: Option<(Location, String)>,
}
