//! Holds what an app does against its spec: cases are derived from the spec alone, sent through the real handlers, and each
//! answer is judged by what the spec documents.
//!
//! This room knows no framework and no one app. It is given an [`App`], which answers requests, and knows what the spec
//! cannot say: how to make the parts behind the surface fail, and values that only a running service has.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;

/// What an [`App`] does next, on one thread.
pub type Task<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// One request, as a client would send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// Path and query, percent-encoded.
    pub target: String,
    /// Names and values, in the order in which they are sent.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, which may be empty.
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, whole. Empty in the answer to a HEAD request.
    pub body: Vec<u8>,
}

/// A case before it is a request: what an [`App`] needs to know of it to give live values.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// The operation's `operationId`.
    pub operation_id: &'a str,
    /// The media type that is going to be sent, if there is a body.
    pub media_type: Option<&'a str>,
    /// The body that is going to be sent.
    pub body: &'a [u8],
}

/// A value for a parameter that only the running service can know, such as a token that it has just given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveValue {
    /// The parameter's `in`: `path`, `query` or `header`.
    pub location: &'static str,
    /// The parameter's name.
    pub name: &'static str,
    /// Its value, not encoded.
    pub value: String,
}

/// An app that requests can be sent to: in memory, or over HTTP.
pub trait App {
    /// Answers one request.
    ///
    /// # Errors
    /// If there is no answer: the handler panicked, the connection broke.
    fn answer(&self, request: Request) -> Task<'_, Result<Answer, Box<dyn Error>>>;

    /// The ways in which what stands behind the surface can be told to fail, each under a name that reports can show. Apps that
    /// are told nothing have none.
    fn failures(&self) -> Vec<String> {
        Vec::new()
    }

    /// What stands behind the surface is to fail in this way from now on, an index into [`failures`](Self::failures); or to
    /// succeed again.
    fn fail(&self, _failure: Option<usize>) {}

    /// Values for the parameters of a request that the spec allows, where those that the spec would give do not exist in this
    /// app. A parameter that the case itself is about is left as it is.
    fn live_values<'a>(&'a self, _draft: Draft<'a>) -> Task<'a, Vec<LiveValue>> {
        Box::pin(async { Vec::new() })
    }
}
