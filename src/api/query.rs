//! The parameters of a URL, refused like a body: with every one that is wrong.

use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;
use validator::Validate;

use super::json::node::Node;
use super::json::repair;
use super::problem::{FieldError, Problem};

/// How many parameters a query may have. Some ten thousand would fit into an address, and each is looked for among the others.
const MOST: usize = 64;

/// The request's query parameters. Unknown ones are ignored; only a list may be given several times.
///
/// # Errors
/// 400 that names each offending parameter.
pub fn read<T: DeserializeOwned + Validate>(request: &HttpRequest) -> Result<T, Problem> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string()).map_err(|error| {
        Problem::invalid(vec![FieldError { pointer: "/query".to_owned(), message: error.to_string().into() }])
    })?;
    let pairs = pairs.into_inner();
    if pairs.len() > MOST {
        let message = format!("has more than {MOST} parameters").into();
        return Err(Problem::invalid(vec![FieldError { pointer: "/query".to_owned(), message }]));
    }
    let mut members: Vec<(String, Node)> = Vec::new();
    for (name, text) in pairs {
        let word = Node::Word(text);
        match members.iter_mut().find(|(other, _)| *other == name) {
            None => members.push((name, word)),
            Some((_, Node::Words(words))) => words.push(word),
            Some((_, first)) => *first = Node::Words(vec![first.clone(), word]),
        }
    }
    repair::parse(Node::Object(members), "/query")
}

/// The parameters of a path.
///
/// # Errors
/// 400 that names each offending parameter; 404 to a segment that is no UTF-8.
#[allow(dead_code, reason = "for operations whose path parameters are more than strings")]
pub fn read_path<T: DeserializeOwned + Validate>(request: &HttpRequest) -> Result<T, Problem> {
    // actix decodes the segments, but not into a map. Nothing is awaited: they are there.
    let texts = web::Path::<Vec<String>>::extract(request).into_inner();
    let texts = texts.map_err(|_| Problem::no_such_route())?.into_inner();
    let names = request.match_info().iter().map(|(name, _)| name.to_owned());
    let members = names.zip(texts.into_iter().map(Node::Word));
    repair::parse(Node::Object(members.collect()), "/path")
}
