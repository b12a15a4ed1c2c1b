//! A query string, refused like a body: with every parameter that is wrong.

use actix_web::{HttpRequest, web};
use serde::de::DeserializeOwned;
use validator::Validate;

use super::json::node::Node;
use super::json::repair;
use super::problem::{FieldError, Problem};

/// The request's query parameters. Unknown ones are ignored, repeated ones are not.
///
/// # Errors
/// 400 that names each offending parameter.
pub fn read<T: DeserializeOwned + Validate>(request: &HttpRequest) -> Result<T, Problem> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string()).map_err(|error| {
        Problem::invalid(vec![FieldError { pointer: "/query".to_owned(), message: error.to_string().into() }])
    })?;
    let members = pairs.into_inner().into_iter().map(|(name, value)| (name, Node::Text(value)));
    repair::parse(Node::Object(members.collect()), "/query")
}
