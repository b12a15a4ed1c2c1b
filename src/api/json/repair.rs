//! Finding all that is wrong with a body. serde stops at the first error, so the offending member is noted, replaced by
//! something acceptable, and the DTO tried again until it tells no more.

use serde::de::DeserializeOwned;
use validator::Validate;

use super::super::problem::{FieldError, Problem};
use super::node::{Kind, Mismatch, Node, Place, escape};
use super::wire;

/// How many errors are told of a body. Each costs another look at all of it.
const MOST: usize = 32;

/// The DTO that `body` is, or every reason why it is none. Pointers are told below `parent`, where the body stands.
///
/// # Errors
/// 400 that names each offending field.
pub(in super::super) fn parse<T: DeserializeOwned + Validate>(
    body: Node,
    parent: &str,
) -> Result<T, Problem> {
    let mut body = body;
    let mut repairs = Repairs::default();
    let dto = loop {
        match T::deserialize(Place::whole(&body)) {
            Ok(dto) => break Some(dto),
            Err(mismatch) => {
                if !repairs.apply(&mut body, mismatch) || repairs.errors.len() >= MOST {
                    break None;
                }
            }
        }
    };
    let mut errors = repairs.errors;
    if let Some(dto) = &dto {
        // What was put in for a noted field says nothing of the body.
        let is_ours =
            |error: &FieldError| repairs.tried.iter().any(|tried| within(&error.pointer, &tried.pointer));
        errors.extend(wire::broken_rules(dto, &body).into_iter().filter(|error| !is_ours(error)));
    }
    match dto {
        Some(dto) if errors.is_empty() => Ok(dto),
        _ => {
            for error in &mut errors {
                error.pointer.insert_str(0, parent);
            }
            Err(Problem::invalid(errors))
        }
    }
}

#[derive(Default)]
struct Repairs {
    errors: Vec<FieldError>,
    tried: Vec<Tried>,
}

/// A noted field, and how many stand-ins it has had.
struct Tried {
    pointer: String,
    known: Option<Node>,
    count: usize,
}

impl Repairs {
    /// Notes `mismatch`, unless it is in what an earlier repair put there, and puts the next stand-in in its place.
    /// False if there is nothing left to try.
    fn apply(&mut self, body: &mut Node, mismatch: Mismatch) -> bool {
        let Mismatch { pointer, kind } = mismatch;
        let (pointer, message, known) = match kind {
            Kind::Missing(name) => (format!("{pointer}/{}", escape(name)), "is required".into(), None),
            Kind::Duplicate(name) => (format!("{pointer}/{}", escape(name)), "is given twice".into(), None),
            // It need not be acceptable, only gone.
            Kind::Unknown(name) => {
                let (pointer, holder) = (format!("{pointer}/{}", escape(&name)), pointer);
                self.errors.push(FieldError { pointer, message: "is not known here".into() });
                return body.remove(&holder, &name);
            }
            Kind::Other { message, known } => (pointer, message, known),
        };
        let at = self.tried.iter().position(|tried| within(&pointer, &tried.pointer));
        let at = at.unwrap_or_else(|| {
            self.errors.push(FieldError { pointer: pointer.clone(), message });
            self.tried.push(Tried { pointer, known, count: 0 });
            self.tried.len() - 1
        });
        let tried = &mut self.tried[at];
        let stand_in = match tried.known.take() {
            Some(known) => known,
            None => match STAND_INS.get(tried.count) {
                Some(make) => {
                    tried.count += 1;
                    make()
                }
                None => return false,
            },
        };
        body.put(&tried.pointer, stand_in)
    }
}

/// What a field may accept in place of what it refused. A field that takes none of these ends the search early, which
/// costs the client a second round at worst.
const STAND_INS: [fn() -> Node; 6] = [
    || Node::Text(String::new()),
    || Node::Unsigned(0),
    || Node::Unsigned(1),
    || Node::Bool(false),
    || Node::Object(Vec::new()),
    || Node::Array(Vec::new()),
];

/// Whether `pointer` is `ancestor` or points below it.
fn within(pointer: &str, ancestor: &str) -> bool {
    pointer.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
