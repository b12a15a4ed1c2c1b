//! Sends the cases, and gathers what the answers come to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::case::{Case, Expect, Learned, Role, Shape};
use super::evidence;
use super::judge::{Fault, Judge, Valid, header, headers_of};
use super::model::{Location, Operation};
use super::schema::Schemas;
use super::tally::{Count, Tally};
use super::{Answer, App, Behind, Draft, Options};
use crate::finding::{Behaviour, Evidence, Finding, Kind, Operation as Named, Side};
use crate::spec::{Point, Spec};

/// A run of all cases against one app.
pub(super) struct Run<'r, 'd> {
    pub(super) spec: &'d Spec,
    pub(super) operations: &'r [Operation<'d>],
    pub(super) schemas: &'r Schemas<'d>,
    pub(super) options: &'r Options,
    pub(super) app: &'r dyn App,
    pub(super) seen: Vec<Seen>,
    pub(super) found: Found,
    pub(super) valid: Valid,
}

/// What an operation has answered so far.
#[derive(Default)]
pub(super) struct Seen {
    cases: usize,
    statuses: BTreeMap<u16, usize>,
    /// By the response's `status` in the spec: the first request, and the documented headers that answers had.
    responses: HashMap<String, (Evidence, BTreeSet<String>)>,
    /// Values of `ETag` and the like.
    learned: HashMap<&'static str, Vec<u8>>,
    /// The plainest request did not do, so that nothing else can be told.
    failed: bool,
}

/// The findings so far, one for each way in which the app departs.
#[derive(Default)]
pub(super) struct Found {
    order: Vec<Key>,
    by_key: HashMap<Key, Departure>,
    /// Operations and what was found of them, to leave out what follows from it.
    of: BTreeSet<(usize, Behaviour, u16)>,
}

/// One way in which the app departs.
struct Departure {
    fault: Fault,
    evidence: Evidence,
    /// The operation that the evidence is of.
    first: Named,
    /// The others that depart in the same way.
    others: BTreeSet<Named>,
}

/// What makes two findings the same: how the app departs, and from which place in the spec. The status counts where it is what
/// departs.
type Key = (Behaviour, String, u16);

impl Run<'_, '_> {
    pub(super) async fn go(mut self, cases: &[Case]) -> (Tally, Vec<Finding>) {
        self.app.fail(None);
        for case in cases {
            self.case(case).await;
        }
        self.failures(cases).await;
        self.app.fail(None);
        if self.options.behind == Behind::StandIn {
            self.cover();
        }
        let counts = self.operations.iter().zip(&self.seen).map(|(operation, seen)| Count {
            operation: named(operation),
            cases: seen.cases,
            statuses: seen.statuses.clone(),
        });
        (Tally::new(counts.collect()), self.findings())
    }

    async fn case(&mut self, case: &Case) {
        let seen = &self.seen[case.operation];
        let about_route = matches!(case.expect, Expect::NoSuchMethod(_) | Expect::NoSuchPath);
        if seen.failed && case.role != Role::Baseline && !about_route {
            return;
        }
        match &case.role {
            Role::Until(status) if seen.statuses.contains_key(status) => {}
            Role::Learning(learned) => {
                if let Some(shape) = self.with_learned(case, learned) {
                    self.send(&Case { shape, ..case.clone() }).await;
                }
            }
            Role::SameAs(other) => self.same(case, other).await,
            Role::Baseline => {
                if let Some((_, faults)) = self.send(case).await {
                    self.seen[case.operation].failed |= faults > 0;
                }
            }
            Role::Until(_) | Role::Drawn | Role::Plain => {
                self.send(case).await;
            }
        }
    }

    fn with_learned(&self, case: &Case, learned: &Learned) -> Option<Shape> {
        let value = self.seen[case.operation].learned.get(learned.from)?;
        let mut shape = case.shape.clone();
        shape.unset(Location::Header, &learned.header);
        shape.headers.push((learned.header.clone(), value.clone()));
        Some(shape)
    }

    /// Sends one case and judges the answer. Gives the answer and how much is wrong with it.
    async fn send(&mut self, case: &Case) -> Option<(Answer, usize)> {
        let mut shape = case.shape.clone();
        self.enliven(case, &mut shape).await;
        self.seen[case.operation].cases += 1;
        let line = || evidence::curl(&shape.request(&self.options.base));
        let answer = match self.app.answer(shape.request(&self.options.base)).await {
            Ok(answer) => answer,
            Err(error) => {
                let fault = Fault {
                    behaviour: Behaviour::NoAnswer,
                    at: self.operations[case.operation].at.clone(),
                    verb: "gives no answer".to_owned(),
                    expected: "an answer".to_owned(),
                    help: "bad input is refused, not a panic".to_owned(),
                };
                self.found.add(
                    case,
                    named(&self.operations[case.operation]),
                    fault,
                    line(),
                    error.to_string(),
                    0,
                );
                return None;
            }
        };
        self.note(case, &shape, &answer);
        let judge = Judge {
            operations: self.operations,
            schemas: self.schemas,
            behind: self.options.behind,
            valid: &self.valid,
        };
        let faults = judge.judge(case, &answer);
        let count = faults.len();
        for fault in faults {
            let operation = named(&self.operations[case.operation]);
            let line = evidence::curl(&shape.request(&self.options.base));
            self.found.add(case, operation, fault, line, evidence::answered(&answer), answer.status);
        }
        Some((answer, count))
    }

    /// Puts in what only the running app knows, except where the case is about it.
    async fn enliven(&self, case: &Case, shape: &mut Shape) {
        if matches!(case.expect, Expect::NoSuchPath) {
            return;
        }
        let operation = &self.operations[case.operation];
        let draft =
            Draft { operation_id: &operation.id, media_type: shape.media_type.as_deref(), body: &shape.body };
        let live = self.app.live_values(draft).await;
        for parameter in &operation.parameters {
            let about = case.subject.as_ref();
            if about.is_some_and(|(location, name)| *location == parameter.location && name == parameter.name)
            {
                continue;
            }
            let value = live
                .iter()
                .find(|live| live.location == parameter.location.name() && live.name == parameter.name);
            if let Some(value) = value {
                shape.set(parameter.location, parameter.name, std::slice::from_ref(&value.value));
            }
        }
    }

    /// Remembers what the answer has shown.
    fn note(&mut self, case: &Case, shape: &Shape, answer: &Answer) {
        let path = self.operations[case.operation].path;
        *self.seen[case.operation].statuses.entry(answer.status).or_default() += 1;
        for (index, operation) in self.operations.iter().enumerate() {
            // A refused method is an answer of the path, so of all that the path has.
            let shared = operation.path == path && matches!(case.expect, Expect::NoSuchMethod(_));
            if index != case.operation && !shared {
                continue;
            }
            let seen = &mut self.seen[index];
            for name in ["etag", "last-modified"] {
                if let Some(value) = header(answer, name).filter(|_| (200..300).contains(&answer.status)) {
                    seen.learned.entry(name).or_insert_with(|| value.as_bytes().to_vec());
                }
            }
            // Which path a strange one belongs to is the router's business, and no answer of the operation's.
            let of_path =
                matches!(&case.subject, Some((Location::Path, _))) && case.expect == Expect::Documented;
            if case.expect == Expect::NoSuchPath || of_path {
                continue;
            }
            let Some(response) = operation.response(answer.status) else { continue };
            let (_, headers) = seen.responses.entry(response.status.to_owned()).or_insert_with(|| {
                let evidence = Evidence {
                    request: evidence::curl(&shape.request(&self.options.base)),
                    expected: String::new(),
                    answered: evidence::answered(answer),
                    more: 0,
                };
                (evidence, BTreeSet::new())
            });
            headers.extend(headers_of(response, answer).map(str::to_owned));
        }
    }

    /// Left out and given as its default, a value does the same: if the app does the same twice at all.
    async fn same(&mut self, case: &Case, other: &Shape) {
        let given = Case { shape: other.clone(), role: Role::Plain, ..case.clone() };
        let (Some((first, 0)), Some((second, 0))) = (self.send(&given).await, self.send(&given).await) else {
            return;
        };
        let Some((without, 0)) = self.send(case).await else { return };
        let alike = |a: &Answer, b: &Answer| a.status == b.status && a.body == b.body;
        if alike(&first, &second) && !alike(&first, &without) {
            let fault = Fault {
                behaviour: Behaviour::DefaultDiffers,
                at: case.about.clone(),
                verb: "does something else than with the default".to_owned(),
                expected: format!("the same as with the default: {}", evidence::answered(&first)),
                help: "make the default in Rust (`#[serde(default = …)]`) and the `default` in the spec the same".to_owned(),
            };
            let line = evidence::curl(&case.shape.request(&self.options.base));
            let operation = named(&self.operations[case.operation]);
            self.found.add(case, operation, fault, line, evidence::answered(&without), without.status);
        }
    }

    /// The plainest request of each operation under each failure of what stands behind it.
    async fn failures(&mut self, cases: &[Case]) {
        let baselines: Vec<&Case> = cases.iter().filter(|case| case.role == Role::Baseline).collect();
        for (index, failure) in self.app.failures().into_iter().enumerate() {
            self.app.fail(Some(index));
            let mut done = BTreeSet::new();
            for case in &baselines {
                if self.seen[case.operation].failed || !done.insert(case.operation) {
                    continue;
                }
                let what = format!("what stands behind it fails with `{failure}`");
                self.send(&Case { expect: Expect::Failing, role: Role::Plain, what, ..(*case).clone() })
                    .await;
            }
        }
    }

    /// What is documented and was never answered.
    fn cover(&mut self) {
        for (index, operation) in self.operations.iter().enumerate() {
            let seen = &self.seen[index];
            if seen.failed {
                continue;
            }
            for response in operation.responses.iter().filter(|response| response.status != "default") {
                let class = response.status.chars().next();
                let other_status = self.found.of.iter().any(|(of, behaviour, status)| {
                    let of_form = matches!(
                        behaviour,
                        Behaviour::StatusNotDocumented
                            | Behaviour::ErrorNotDocumented
                            | Behaviour::ContentTypeNotDocumented
                    );
                    *of == index && of_form && status.to_string().chars().next() == class
                });
                let follows = match response.status {
                    "401" | "403" => self.found.of.iter().any(|(of, behaviour, _)| {
                        *of == index && *behaviour == Behaviour::CredentialsNotChecked
                    }),
                    "405" => self.found.of.iter().any(|(of, behaviour, _)| {
                        self.operations[*of].path == operation.path
                            && *behaviour == Behaviour::MethodNotRefused
                    }),
                    _ => false,
                } || other_status;
                match seen.responses.get(response.status) {
                    None if follows => {}
                    None => {
                        let fault = Fault {
                            behaviour: Behaviour::StatusNeverSeen,
                            at: response.stated_at.clone(),
                            verb: format!("never answers {}, which is documented", response.status),
                            expected: String::new(),
                            help: "take it out of the spec and of the handler's annotation, or let the stand-in behind the \
                                   surface raise what leads to it"
                                .to_owned(),
                        };
                        self.found.add_unseen(named(operation), fault, None);
                    }
                    Some((evidence, headers)) => {
                        for header in &response.headers {
                            if headers.contains(header.name) {
                                continue;
                            }
                            let fault = Fault {
                                behaviour: Behaviour::HeaderMissing,
                                at: header.at.clone(),
                                verb: format!(
                                    "answers {} without `{}`, which is documented",
                                    response.status, header.name
                                ),
                                expected: format!("`{}` on at least one answer", header.name),
                                help: format!(
                                    "send `{}`, or take it out of the spec and of the annotation",
                                    header.name
                                ),
                            };
                            self.found.add_unseen(named(operation), fault, Some(evidence.clone()));
                        }
                    }
                }
            }
        }
    }

    fn findings(mut self) -> Vec<Finding> {
        let document = self.spec.document();
        let order = std::mem::take(&mut self.found.order);
        let entries = order.into_iter().filter_map(|key| self.found.by_key.remove(&key));
        let finding = |Departure { fault, evidence, first, others }: Departure| {
            let subject = first.to_string();
            let operations = std::iter::once(first).chain(others).collect();
            let value = document.pointer(&fault.at);
            let scalar = value.filter(|value| !value.is_object());
            let point = if scalar.is_some() { Point::Value } else { Point::Entry };
            Finding {
                kind: Kind::Behaviour(fault.behaviour),
                location: self.spec.source().locate(&fault.at, point),
                spec: scalar.map_or(Side::NotAsked, |value| Side::Value(value.clone())),
                implementation: Side::NotAsked,
                drawn: None,
                rust: None,
                sentence: format!("`{subject}` {}", fault.verb),
                help: fault.help,
                pointer: fault.at,
                operations,
                evidence: (!evidence.request.is_empty()).then_some(evidence),
            }
        };
        entries.map(finding).collect()
    }
}

impl Found {
    fn add(
        &mut self,
        case: &Case,
        operation: Named,
        fault: Fault,
        line: String,
        answered: String,
        status: u16,
    ) {
        self.of.insert((case.operation, fault.behaviour, status));
        let evidence = Evidence { request: line, expected: fault.expected.clone(), answered, more: 0 };
        let verb = match case.role {
            Role::Baseline => fault.verb.clone(),
            _ => format!("{}: {}", fault.verb, case.what),
        };
        let status = if fault.behaviour == Behaviour::StatusNotDocumented { status } else { 0 };
        let key = (fault.behaviour, fault.at.clone(), status);
        if case.role == Role::Drawn && !self.by_key.contains_key(&key) {
            // What was drawn departs in several ways at once; a plainer case may have shown this one.
            let same = |(behaviour, _, _): &&Key| *behaviour == fault.behaviour;
            let shown = self.order.iter().filter(same).find(|key| {
                let known = self.by_key.get(*key);
                known.is_some_and(|known| known.first == operation || known.others.contains(&operation))
            });
            if let Some(shown) = shown.cloned() {
                return self.put(shown, operation, fault, evidence);
            }
        }
        self.put(key, operation, Fault { verb, ..fault }, evidence);
    }

    fn add_unseen(&mut self, operation: Named, fault: Fault, evidence: Option<Evidence>) {
        let nothing =
            Evidence { request: String::new(), expected: String::new(), answered: String::new(), more: 0 };
        let evidence = Evidence { expected: fault.expected.clone(), ..evidence.unwrap_or(nothing) };
        let key = (fault.behaviour, fault.at.clone(), 0);
        self.put(key, operation, fault, evidence);
    }

    fn put(&mut self, key: Key, operation: Named, fault: Fault, evidence: Evidence) {
        if let Some(known) = self.by_key.get_mut(&key) {
            known.evidence.more += usize::from(!evidence.request.is_empty());
            if known.first != operation {
                known.others.insert(operation);
            }
            return;
        }
        self.order.push(key.clone());
        let departure = Departure { fault, evidence, first: operation, others: BTreeSet::new() };
        self.by_key.insert(key, departure);
    }
}

fn named(operation: &Operation) -> Named {
    Named { path: operation.path.to_owned(), method: operation.method.clone() }
}
