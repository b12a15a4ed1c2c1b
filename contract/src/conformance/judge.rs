//! Whether an answer is one that the spec documents, and the one that the case expects.

use std::cell::RefCell;
use std::collections::HashSet;

use serde_json::Value;

use super::case::{Case, Expect, Fields, Role};
use super::derive::{covers, is_json};
use super::model::{Header, Location, Media, Operation, Response};
use super::schema::{Direction, Schemas, Wrong};
use super::{Answer, Behind};
use crate::finding::Behaviour;
use crate::pointer::unescape;

/// Something that an answer should not be.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) behaviour: Behaviour,
    /// The place in the spec that says otherwise.
    pub(super) at: String,
    /// What the operation does, behind its name.
    pub(super) verb: String,
    /// What the spec lets a client expect.
    pub(super) expected: String,
    pub(super) help: String,
}

pub(super) struct Judge<'s, 'd> {
    pub(super) operations: &'s [Operation<'d>],
    pub(super) schemas: &'s Schemas<'d>,
    pub(super) behind: Behind,
    pub(super) valid: &'s Valid,
}

/// Bodies that were found valid: most answers of an app are the same few.
pub(super) type Valid = RefCell<HashSet<(String, u16, Vec<u8>)>>;

/// Whether a status says that the request was accepted.
fn accepted(status: u16) -> bool {
    (200..400).contains(&status)
}

impl Judge<'_, '_> {
    /// What is wrong with the answer to a case.
    pub(super) fn judge(&self, case: &Case, answer: &Answer) -> Vec<Fault> {
        let operation = &self.operations[case.operation];
        match &case.expect {
            Expect::NoSuchMethod(allow) => self.other_method(case, allow, answer),
            Expect::NoSuchPath => self.other_path(case, answer),
            expect => {
                let Some(response) = operation.response(answer.status) else {
                    return self.undocumented(case, operation, answer);
                };
                let unexpected = unexpected(case, expect, operation, answer);
                if !unexpected.is_empty() && !self.names_nothing(case, answer) {
                    return unexpected;
                }
                let mut faults = self.form(case, response, answer);
                if let (Expect::Forbidden(fields), []) = (expect, faults.as_slice()) {
                    faults.extend(self.fields(fields, response, answer));
                }
                faults
            }
        }
    }

    /// Whether a service may not have what a parameter names, or not for this caller.
    fn names_nothing(&self, case: &Case, answer: &Answer) -> bool {
        let names = case.subject.is_some() || case.role == Role::Drawn;
        self.behind == Behind::Service
            && names
            && case.expect == Expect::Allowed
            && matches!(answer.status, 403 | 404)
    }

    fn undocumented(&self, case: &Case, operation: &Operation, answer: &Answer) -> Vec<Fault> {
        // Which path a strange segment belongs to is the router's business, as long as it refuses like the rest.
        let of_path = case.subject.as_ref().is_some_and(|(location, _)| *location == Location::Path);
        let refused = (400..500).contains(&answer.status);
        if of_path && refused && !matches!(case.expect, Expect::Allowed | Expect::Failing) {
            return self.house(case, answer);
        }
        let statuses: Vec<&str> = operation.responses.iter().map(|response| response.status).collect();
        vec![Fault {
            behaviour: Behaviour::StatusNotDocumented,
            at: format!("{}/responses", operation.at),
            verb: format!("answers {}, which is not documented", answer.status),
            expected: format!("one of {}", statuses.join(", ")),
            help: format!(
                "answer with a documented status, or add `'{}'` to `responses` in the spec and to the handler's annotation",
                answer.status
            ),
        }]
    }

    fn other_method(&self, case: &Case, allow: &[String], answer: &Answer) -> Vec<Fault> {
        let (method, has) =
            (case.shape.method.as_str(), |method: &str| allow.iter().any(|other| other == method));
        if method == "OPTIONS" && (200..300).contains(&answer.status) {
            return Vec::new();
        }
        let as_get = method == "HEAD" && has("GET") && answer.status != 405;
        if as_get && answer.status < 500 {
            return Vec::new();
        }
        let listed = header(answer, "allow")
            .map(|value| value.split(',').map(|method| method.trim().to_uppercase()).collect::<Vec<_>>());
        let right = listed.as_ref().is_some_and(|listed| {
            let extra =
                |method: &String| has(method) || method == "OPTIONS" || (method == "HEAD" && has("GET"));
            allow.iter().all(|method| listed.contains(method)) && listed.iter().all(extra)
        });
        if answer.status == 405 && right {
            return self.house(case, answer);
        }
        let verb = match listed {
            Some(listed) if answer.status == 405 => {
                format!("answers 405 with `Allow: {}`", listed.join(", "))
            }
            _ if answer.status == 405 => "answers 405 without `Allow`".to_owned(),
            _ => format!("answers {} to a method that is not documented", answer.status),
        };
        vec![Fault {
            behaviour: Behaviour::MethodNotRefused,
            at: case.about.clone(),
            verb,
            expected: format!("405 with `Allow: {}` (RFC 9110, section 15.5.6)", allow.join(", ")),
            help: "mount a handler at the same path that refuses every other method, or document the method"
                .to_owned(),
        }]
    }

    fn other_path(&self, case: &Case, answer: &Answer) -> Vec<Fault> {
        if (300..500).contains(&answer.status) {
            let redirected = answer.status < 400;
            return if redirected { Vec::new() } else { self.house(case, answer) };
        }
        vec![Fault {
            behaviour: Behaviour::PathNotDocumented,
            at: case.about.clone(),
            verb: format!("has a neighbour that answers {}", answer.status),
            expected: "404: no path of the spec matches".to_owned(),
            help: "take the route away, or document its path".to_owned(),
        }]
    }

    /// Whether a refusal that no operation answers for looks like those that are documented.
    fn house(&self, case: &Case, answer: &Answer) -> Vec<Fault> {
        let all = || self.operations.iter().flat_map(|operation| &operation.responses);
        let mut models: Vec<&Response> =
            all().filter(|response| response.documents(answer.status) == Some(2)).collect();
        if models.is_empty() {
            models = all().filter(|response| response.status.starts_with(['4', '5', 'd'])).collect();
        }
        models.retain(|response| !response.content.is_empty());
        let (Some(first), false) = (models.first().copied(), case.shape.method == "HEAD") else {
            return Vec::new();
        };
        let judged: Vec<Vec<Fault>> = models.iter().map(|response| self.body(response, answer)).collect();
        if judged.iter().any(Vec::is_empty) {
            return Vec::new();
        }
        // Of the documented type, but not of its schema: that is the finding.
        let of_type = |faults: &Vec<Fault>| {
            faults.iter().all(|fault| {
                matches!(fault.behaviour, Behaviour::BodyInvalid | Behaviour::ProblemStatusDiffers)
            })
        };
        if let Some(faults) = judged.into_iter().find(of_type) {
            return faults;
        }
        let media = first.content.first();
        vec![Fault {
            behaviour: Behaviour::ErrorNotDocumented,
            at: media.map_or_else(|| first.at.clone(), |media| media.at.clone()),
            verb: format!("answers {} in another form than the spec's errors", answer.status),
            expected: format!(
                "a body of `{}`, as the spec's other errors have",
                media.map_or("the documented type", |media| media.name)
            ),
            help: "give the framework's own refusals the documented form: a `default_service`, and an `error_handler` for each \
                   extractor"
                .to_owned(),
        }]
    }

    /// Whether an answer has the documented form.
    fn form(&self, case: &Case, response: &Response, answer: &Answer) -> Vec<Fault> {
        let mut faults = if case.shape.method == "HEAD" { Vec::new() } else { self.body(response, answer) };
        for documented in &response.headers {
            faults.extend(self.header(documented, answer));
        }
        faults
    }

    fn body(&self, response: &Response, answer: &Answer) -> Vec<Fault> {
        let status = answer.status;
        if response.content.is_empty() {
            let fault = Fault {
                behaviour: Behaviour::BodyNotDocumented,
                at: response.at.clone(),
                verb: format!("answers {status} with a body, which is not documented"),
                expected: "no body".to_owned(),
                help: "send no body, or document its `content`".to_owned(),
            };
            return if answer.body.is_empty() { Vec::new() } else { vec![fault] };
        }
        let named = response.content.iter().map(|media| media.name).collect::<Vec<_>>().join("` or `");
        let Some(sent) = header(answer, "content-type") else {
            let free = response.content.iter().any(|media| media.name == "*/*");
            let fault = Fault {
                behaviour: Behaviour::BodyNotDocumented,
                at: response.at.clone(),
                verb: format!("answers {status} without a `Content-Type`"),
                expected: format!("a body of `{named}`"),
                help: "send the documented body, or document that there is none".to_owned(),
            };
            return if free { Vec::new() } else { vec![fault] };
        };
        let Some(media) = response.content.iter().find(|media| covers(media.name, sent)) else {
            return vec![Fault {
                behaviour: Behaviour::ContentTypeNotDocumented,
                at: format!("{}/content", response.at),
                verb: format!("answers {status} with `Content-Type: {sent}`, which is not documented"),
                expected: format!("a body of `{named}`"),
                help: "send the documented type, or document this one".to_owned(),
            }];
        };
        self.content(media, answer)
    }

    fn content(&self, media: &Media, answer: &Answer) -> Vec<Fault> {
        let Some(schema) = media.schema.as_deref().filter(|_| is_json(media.name)) else { return Vec::new() };
        let key = (media.at.clone(), answer.status, answer.body.clone());
        if self.valid.borrow().contains(&key) {
            return Vec::new();
        }
        let Ok(value) = serde_json::from_slice::<Value>(&answer.body) else {
            return vec![Fault {
                behaviour: Behaviour::BodyInvalid,
                at: media.at.clone(),
                verb: format!("answers {} with a body that is no JSON", answer.status),
                expected: format!("a body of `{}`", media.name),
                help: "send JSON, or document another media type".to_owned(),
            }];
        };
        let wrongs = self.schemas.wrongs(schema, Direction::Response, &value);
        if let Some(wrong) = wrongs.first() {
            return vec![self.invalid(schema, wrong, answer)];
        }
        let faults: Vec<Fault> = self.problem(schema, &value, answer).into_iter().collect();
        if faults.is_empty() {
            self.valid.borrow_mut().insert(key);
        }
        faults
    }

    fn invalid(&self, schema: &str, wrong: &Wrong, answer: &Answer) -> Fault {
        let place =
            if wrong.pointer.is_empty() { "the body".to_owned() } else { format!("`{}`", wrong.pointer) };
        let how = match wrong.keyword.as_str() {
            "required" => format!("{place} is missing"),
            "additionalProperties" => format!("{place} is not documented"),
            _ => format!("{place}: {}", wrong.sentence),
        };
        Fault {
            behaviour: Behaviour::BodyInvalid,
            at: self.schemas.forbidding(schema, wrong),
            verb: format!("answers {} with a body that its schema does not allow: {how}", answer.status),
            expected: "a body that is valid against the schema".to_owned(),
            help:
                "change what is serialized (`#[serde(…)]` on the field), or change the schema on both sides"
                    .to_owned(),
        }
    }

    /// RFC 9457, section 3.1.2: `status` is the status of the answer.
    fn problem(&self, schema: &str, value: &Value, answer: &Answer) -> Option<Fault> {
        let is_problem = header(answer, "content-type")
            .is_some_and(|sent| covers("application/problem+json", sent))
            || (value.get("title").is_some() && value.get("detail").is_some());
        let status = value.get("status")?.as_u64().filter(|_| is_problem)?;
        (status != u64::from(answer.status)).then(|| Fault {
            behaviour: Behaviour::ProblemStatusDiffers,
            at: self.schemas.governing(schema, "/status"),
            verb: format!("answers {} with a problem that says {status}", answer.status),
            expected: format!("`status` is {} (RFC 9457, section 3.1.2)", answer.status),
            help: "make the problem's `status` from the status that is sent".to_owned(),
        })
    }

    fn header(&self, documented: &Header, answer: &Answer) -> Option<Fault> {
        let name = documented.name;
        let fault = |behaviour, verb, expected: &str| Fault {
            behaviour,
            at: documented.at.clone(),
            verb,
            expected: expected.to_owned(),
            help: format!("send `{name}` as documented, or change what the spec says of it"),
        };
        let Some(text) = header(answer, name) else {
            let verb = format!("answers {} without `{name}`", answer.status);
            return documented
                .required
                .then(|| fault(Behaviour::HeaderMissing, verb, "the header, which is required"));
        };
        let schema = documented.schema.as_ref()?;
        let kind = self.schemas.settle(schema).map(|node| node.value["type"].clone());
        let value = match kind.as_ref().and_then(Value::as_str) {
            Some("integer" | "number" | "boolean") => {
                serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
            }
            Some("array") => text.split(',').map(|item| Value::from(item.trim())).collect(),
            _ => Value::from(text),
        };
        let wrong = self.schemas.wrongs(schema, Direction::Response, &value).into_iter().next()?;
        let verb =
            format!("answers {} with `{name}: {text}`, which its schema does not allow", answer.status);
        Some(fault(Behaviour::HeaderInvalid, verb, &wrong.sentence))
    }

    /// Whether a refusal names what is wrong, where its schema has a place for that: `errors`, of objects with a `pointer`.
    fn fields(&self, fields: &Fields, response: &Response, answer: &Answer) -> Option<Fault> {
        let schema = response
            .content
            .iter()
            .find_map(|media| media.schema.as_deref().filter(|_| is_json(media.name)))?;
        let errors = self.schemas.governing(schema, "/errors/0");
        let has_place = self.schemas.settle(&errors)?.value["properties"].get("pointer").is_some();
        if !has_place || answer.status == 413 || answer.status == 415 {
            return None;
        }
        let body: Value = serde_json::from_slice(&answer.body).ok()?;
        let named: Vec<&str> = body["errors"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|error| error["pointer"].as_str())
            .collect();
        let (right, wanted) = match fields {
            Fields::Any => return None,
            Fields::Body(pointers) => (
                pointers.iter().any(|pointer| named.contains(&pointer.as_str()))
                    && named.iter().all(|named| pointers.iter().any(|pointer| related(named, pointer))),
                pointers.join("` or `"),
            ),
            Fields::Parameter(name) => (
                !named.is_empty()
                    && named.iter().all(|pointer| {
                        pointer
                            .rsplit('/')
                            .next()
                            .is_some_and(|last| unescape(last).eq_ignore_ascii_case(name))
                    }),
                format!("/…/{name}"),
            ),
        };
        (!right).then(|| Fault {
            behaviour: Behaviour::FieldNotNamed,
            at: errors,
            verb: format!("answers {} and does not name the field that is wrong", answer.status),
            expected: format!("`errors` with the pointer `{wanted}`, and none beside it"),
            help: "name the field that is wrong in the refusal".to_owned(),
        })
    }
}

/// Whether one pointer is the other, or leads to it.
fn related(a: &str, b: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    within(a, b) || within(b, a)
}

/// What is wrong with the status, as an answer to this case.
fn unexpected(case: &Case, expect: &Expect, operation: &Operation, answer: &Answer) -> Vec<Fault> {
    let status = answer.status;
    let fault = |behaviour, verb: &str, expected: &str, help: String| {
        vec![Fault {
            behaviour,
            at: case.about.clone(),
            verb: verb.to_owned(),
            expected: expected.to_owned(),
            help,
        }]
    };
    let keyword = super::schema::last(&case.about);
    match expect {
        Expect::Allowed if !accepted(status) => fault(
            Behaviour::AllowedRefused,
            &format!("answers {status} to what the spec allows"),
            "2xx or 3xx: the spec allows it",
            "accept it in the handler, or say in the spec what is refused".to_owned(),
        ),
        Expect::Forbidden(_) if accepted(status) => fault(
            Behaviour::ForbiddenAccepted,
            &format!("answers {status} to what the spec forbids"),
            &format!("a documented 4xx: the spec's `{keyword}` forbids it"),
            refusing(&keyword),
        ),
        Expect::Unauthorized if !matches!(status, 401 | 403) => vec![Fault {
            behaviour: Behaviour::CredentialsNotChecked,
            at: operation.security_at.clone(),
            verb: format!("answers {status} without the credentials that it asks for"),
            expected: "401, or 403: the operation asks for credentials".to_owned(),
            help:
                "check the credentials before anything else in the handler, or drop `security` on both sides"
                    .to_owned(),
        }],
        Expect::Authorized if matches!(status, 401 | 403) => vec![Fault {
            behaviour: Behaviour::CredentialsRefused,
            at: operation.security_at.clone(),
            verb: format!("answers {status} to credentials that are right"),
            expected: "not 401 or 403: the name of a scheme has no case (RFC 9110, section 11.1)".to_owned(),
            help: "compare the scheme with `eq_ignore_ascii_case`".to_owned(),
        }],
        Expect::Failing => Vec::new(),
        _ if status >= 500 => fault(
            Behaviour::ServerFailed,
            &format!("answers {status}, although nothing behind it failed"),
            "anything documented below 500",
            "refuse what the client did wrong with a 4xx".to_owned(),
        ),
        _ => Vec::new(),
    }
}

/// What makes a handler refuse what a keyword forbids.
fn refusing(keyword: &str) -> String {
    let rust = match keyword {
        "minimum" => "`#[validate(range(min = …))]`",
        "maximum" => "`#[validate(range(max = …))]`",
        "minLength" => "`#[validate(length(min = …))]`",
        "maxLength" => "`#[validate(length(max = …))]`",
        "minItems" | "maxItems" => "`#[validate(length(…))]`",
        "pattern" => "`#[validate(regex(…))]` or `#[validate(custom(…))]`",
        "required" => "a field that is no `Option` and has no `#[serde(default)]`",
        "additionalProperties" => "`#[serde(deny_unknown_fields)]`",
        "type" => {
            "a type that takes nothing else; what may be left out but not be `null` needs a `deserialize_with`"
        }
        "enum" => "an `enum` with these members alone",
        _ => "a check in the handler",
    };
    format!("refuse it in Rust: {rust}; or allow it in the spec")
}

/// The first value of a response header, if it is text.
pub(super) fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let (_, value) = answer.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(value).ok()
}

/// The names of the response's documented headers that an answer has.
pub(super) fn headers_of<'r>(response: &'r Response, answer: &Answer) -> impl Iterator<Item = &'r str> {
    let has: Vec<String> = answer.headers.iter().map(|(name, _)| name.to_lowercase()).collect();
    response.headers.iter().map(|header| header.name).filter(move |name| has.contains(&name.to_lowercase()))
}
