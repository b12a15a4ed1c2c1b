//! Holds what an app does against its spec: cases are derived from the spec alone, sent through the real handlers, and each
//! answer is judged by what the spec documents.
//!
//! This room knows no framework and no one app. It is given an [`App`], which answers requests, and knows what the spec
//! cannot say: how to make the parts behind the surface fail, and values that only a running service has.

#[cfg(feature = "actix")]
mod actix;
mod case;
mod derive;
mod evidence;
mod judge;
mod model;
mod run;
mod schema;
mod strings;
mod tally;
mod values;

use std::error::Error;
use std::future::Future;
use std::pin::Pin;

use crate::report::Report;
use crate::spec::Spec;
use case::Case;
use derive::Derivation;
use model::Operation;
use run::Run;
use schema::Schemas;

#[cfg(feature = "actix")]
pub use actix::InMemory;
pub use tally::{Count, Tally};

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

/// A secret that the app knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The name of the security scheme, as in the spec's `securitySchemes`.
    pub scheme: String,
    /// The token, the key, or for `basic` what stands behind the scheme's name.
    pub secret: String,
}

/// How much is left to chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// How many bodies are drawn for an operation, and how many values for each of its parameters.
    pub random_cases: u32,
    /// The same seed draws the same cases.
    pub seed: u64,
}

impl Default for Effort {
    fn default() -> Self {
        Self { random_cases: 12, seed: 0 }
    }
}

/// What is behind the surface of the app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behind {
    /// A stand-in for which everything exists, and which can be told to fail. So whatever the spec allows is accepted, and a
    /// documented status or response header that no answer had is a finding.
    #[default]
    StandIn,
    /// The real service. What a parameter names need not exist or be the caller's, so a documented 403 or 404 is an answer too; and
    /// not every failure can be brought about.
    Service,
}

/// What the spec does not say of the app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What stands before each path of the spec: empty, or such as `/api`.
    pub base: String,
    /// What the app takes as credentials.
    pub credentials: Vec<Credential>,
    /// How much is left to chance.
    pub effort: Effort,
    /// What is behind the surface.
    pub behind: Behind,
}

/// A value that the schema at a pointer allows, with everything in it that the schema names.
pub(crate) fn sample(document: &serde_json::Value, at: &str) -> Option<serde_json::Value> {
    let (schemas, known) = (Schemas::new(document), values::Known::default());
    values::Values::new(&schemas, &known).allowed(at, values::Extent::All)
}

/// The cases of one spec.
pub struct Suite<'s> {
    spec: &'s Spec,
    operations: Vec<Operation<'s>>,
    schemas: Schemas<'s>,
    options: Options,
    cases: Vec<Case>,
}

impl<'s> Suite<'s> {
    /// Derives the cases. What no case can be made for has none: a schema that allows nothing, or a pattern that cannot be read.
    #[must_use]
    pub fn derive(spec: &'s Spec, options: Options) -> Self {
        Self::derive_for(spec, options, &|_, _| true)
    }

    /// The same for some of the operations: those of which `wanted` says so, given the path and the method in capitals.
    pub(crate) fn derive_for(spec: &'s Spec, options: Options, wanted: &dyn Fn(&str, &str) -> bool) -> Self {
        let document = spec.document();
        let mut operations = model::operations(document);
        operations.retain(|operation| wanted(operation.path, &operation.method));
        let schemas = Schemas::new(document);
        let derivation = Derivation {
            document,
            operations: &operations,
            schemas: &schemas,
            known: &values::Known::default(),
            options: &options,
            cases: Vec::new(),
        };
        let cases = derivation.run();
        Self { spec, operations, schemas, options, cases }
    }

    /// How many cases there are at most. A row that ends early has fewer, and each of the app's failures adds some.
    #[must_use]
    pub fn cases(&self) -> usize {
        self.cases.len()
    }

    /// Sends every case to the app, and judges the answers.
    ///
    /// # Errors
    /// Every way in which the answers depart from the spec.
    pub async fn run(&self, app: &dyn App) -> Result<Tally, Report> {
        let run = Run {
            spec: self.spec,
            operations: &self.operations,
            schemas: &self.schemas,
            options: &self.options,
            app,
            seen: self.operations.iter().map(|_| run::Seen::default()).collect(),
            found: run::Found::default(),
            valid: judge::Valid::default(),
        };
        let (tally, findings) = run.go(&self.cases).await;
        if findings.is_empty() { Ok(tally) } else { Err(Report::new(findings, self.spec.source())) }
    }
}
