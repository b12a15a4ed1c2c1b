//! From the spec to its cases. What each kind of case is made of is in the files beside.

mod bodies;
mod credentials;
mod parameters;
mod random;
mod routes;

use serde_json::Value;

pub(super) use bodies::{covers, is_json};

use super::Options;
use super::case::{Case, Expect, Fields, Role, Shape};
use super::model::{Location, Operation};
use super::schema::{Direction, Schemas, Wrong};
use super::values::{Certainty, Change, Extent, Known, Sample, Values};

/// Derives cases for one operation after the other.
pub(super) struct Derivation<'s, 'd> {
    pub(super) document: &'d Value,
    pub(super) operations: &'s [Operation<'d>],
    pub(super) schemas: &'s Schemas<'d>,
    pub(super) known: &'s Known,
    pub(super) options: &'s Options,
    pub(super) cases: Vec<Case>,
}

impl<'s, 'd> Derivation<'s, 'd> {
    /// All cases, those of one operation together, its baselines first.
    pub(super) fn run(mut self) -> Vec<Case> {
        for index in 0..self.operations.len() {
            let Some(base) = self.baselines(index) else { continue };
            self.bodies(index, &base);
            self.parameters(index, &base);
            self.credentials(index, &base);
            self.random(index, &base);
            self.routes(index, &base);
        }
        self.cases
    }

    fn values(&self) -> Values<'s, 'd> {
        Values::new(self.schemas, self.known)
    }

    fn add(&mut self, operation: usize, what: impl Into<String>, about: &str, shape: Shape, expect: Expect) {
        let case = Case {
            operation,
            what: what.into(),
            about: about.to_owned(),
            shape,
            expect,
            role: Role::Plain,
            subject: None,
        };
        self.cases.push(case);
    }

    /// The plainest requests that the spec allows. The first is what the other cases change.
    fn baselines(&mut self, index: usize) -> Option<Shape> {
        let operation = &self.operations[index];
        let mut first = None;
        for extent in [Extent::Required, Extent::All] {
            let mut shape = Self::bare(operation);
            for parameter in &operation.parameters {
                let wanted =
                    parameter.required || (extent == Extent::All && !parameters::is_known(parameter));
                if let Some(texts) = wanted.then(|| self.parameter_texts(parameter)).flatten() {
                    shape.set(parameter.location, parameter.name, &texts);
                }
            }
            self.authorize(operation, &mut shape);
            let body = operation.body.as_ref().filter(|body| body.required || extent == Extent::All);
            let mut shapes = vec![shape.clone()];
            if let Some(body) = body {
                let with_body = |media| self.with_media(&shape, media, extent);
                shapes = body.content.iter().filter_map(with_body).collect();
            }
            for shape in shapes {
                let what = match extent {
                    Extent::Required => "a request with what is required",
                    Extent::All => "a request with everything that is documented",
                };
                self.add(index, what, &operation.at, shape.clone(), Expect::Allowed);
                if let Some(case) = self.cases.last_mut() {
                    case.role = Role::Baseline;
                }
                first.get_or_insert(shape);
            }
        }
        first
    }

    /// A request to the operation, with nothing in it.
    fn bare(operation: &Operation) -> Shape {
        Shape {
            method: operation.method.clone(),
            path: operation.path.to_owned(),
            segments: Vec::new(),
            query: Vec::new(),
            headers: Vec::new(),
            media_type: None,
            body: Vec::new(),
        }
    }
}

/// What is expected of a request that has this sample in it, judged by the sample's schema.
fn expectation(sample: &Sample, wrongs: &[Wrong], fields: impl Fn(&[Wrong]) -> Fields) -> Expect {
    match (wrongs, sample.certainty) {
        ([], Certainty::Schema) => Expect::Allowed,
        ([], Certainty::Limited) => Expect::Documented,
        (wrongs, Certainty::Schema) => Expect::Forbidden(fields(wrongs)),
        (_, Certainty::Limited) => Expect::Forbidden(Fields::Any),
    }
}

/// The special thing about a sample, as the beginning of a sentence.
fn describe(sample: &Sample, holder: &str) -> String {
    let name = if sample.place.is_empty() { holder.to_owned() } else { format!("`{}`", sample.place) };
    match &sample.change {
        Change::Is(text) => format!("{name} is `{}`", shorten(text)),
        Change::Missing => format!("{name} is missing"),
        Change::Unknown => format!("{name}, which the schema does not name, is there"),
    }
}

/// The beginning of a long text.
fn shorten(text: &str) -> String {
    super::evidence::shown(text, 60)
}
