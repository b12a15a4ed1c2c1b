//! Values for a schema: one that it allows, and many at its edges, of which the schema itself says whether it allows them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Map, Number, Value, json};

use super::model::entries;
use super::schema::{Direction, Schemas};
use super::strings;
use crate::pointer::escape;

/// Schemas within schemas are followed this far down.
const DEEPEST: usize = 6;

/// How many strings are drawn from a pattern.
const DRAWN: usize = 4;

/// From here on a whole number is not the same in every implementation of JSON (RFC 8259, section 6).
const EXACT: i64 = 1 << 53;

/// How much of an object there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// What is required.
    Required,
    /// Everything.
    All,
}

/// A value that differs in one place from one that is allowed.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) value: Value,
    /// The value as JSON text, which may spell a number in another way than usual.
    pub(super) text: String,
    /// The place that differs, as a JSON pointer into the value.
    pub(super) place: String,
    pub(super) change: Change,
    pub(super) certainty: Certainty,
}

/// What is different at the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It is this.
    Is(String),
    /// It is missing.
    Missing,
    /// It is there, although the schema does not name it.
    Unknown,
}

/// Whether the schema alone decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certainty {
    Schema,
    /// What the schema allows here, an implementation may yet have no room for.
    Limited,
}

impl Sample {
    fn of(value: Value) -> Self {
        let text = value.to_string();
        Self {
            change: Change::Is(text.clone()),
            value,
            text,
            place: String::new(),
            certainty: Certainty::Schema,
        }
    }

    fn spelled(number: f64, text: &str) -> Self {
        let value = Number::from_f64(number).map_or(Value::Null, Value::Number);
        Self { value, text: text.to_owned(), change: Change::Is(text.to_owned()), ..Self::of(Value::Null) }
    }

    fn limited(mut self) -> Self {
        self.certainty = Certainty::Limited;
        self
    }

    /// This, as a part of something larger, into which `put` puts a value.
    fn within(self, token: &str, put: impl Fn(Value) -> Value) -> Self {
        // No other JSON text of ours holds this.
        const MARK: &str = "\u{e000}\u{e001}";
        let text = put(json!(MARK)).to_string().replacen(&format!("\"{MARK}\""), &self.text, 1);
        let place = format!("/{}{}", escape(token), self.place);
        Self { value: put(self.value), text, place, ..self }
    }
}

/// Makes values for the schemas of one spec, as requests need them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values<'s, 'd> {
    schemas: &'s Schemas<'d>,
    /// Operations share components, and samples take their time.
    known: &'s Known,
}

/// The samples of schemas that were asked for before.
pub(super) type Known = RefCell<HashMap<String, Rc<[Sample]>>>;

impl<'s, 'd> Values<'s, 'd> {
    pub(super) fn new(schemas: &'s Schemas<'d>, known: &'s Known) -> Self {
        Self { schemas, known }
    }
}

impl Values<'_, '_> {
    /// A value that the schema allows, if one can be found.
    pub(super) fn allowed(self, at: &str, extent: Extent) -> Option<Value> {
        self.build(at, extent, 0)
    }

    fn build(self, at: &str, extent: Extent, depth: usize) -> Option<Value> {
        let node = self.schemas.settle(at)?;
        let schema = node.value;
        let built = match schema["type"].as_str() {
            _ if depth > DEEPEST => None,
            Some("object") => Some(self.object(&node.at, extent, depth)),
            None if schema.get("properties").is_some() => Some(self.object(&node.at, extent, depth)),
            Some("array") => self.array(&node.at, extent, depth),
            _ => None,
        };
        let stated = [schema.get("example"), schema.get("default"), schema["enum"].get(0)];
        let stated = stated.into_iter().flatten().cloned();
        let mut candidates: Vec<Value> = built.into_iter().chain(stated).collect();
        if depth <= DEEPEST {
            for keyword in ["allOf", "oneOf", "anyOf"] {
                candidates.extend(self.combined(&node.at, keyword, extent, depth));
            }
        }
        candidates.extend(self.plain(schema));
        candidates.into_iter().find(|value| self.allows(&node.at, value))
    }

    fn allows(self, at: &str, value: &Value) -> bool {
        self.schemas.allows(at, Direction::Request, value)
    }

    fn object(self, at: &str, extent: Extent, depth: usize) -> Value {
        let Some(node) = self.schemas.settle(at) else { return json!({}) };
        let required = |name: &str| {
            node.value["required"].as_array().is_some_and(|names| names.iter().any(|other| other == name))
        };
        let wanted = entries(&node.value["properties"]).filter(|(name, property)| {
            (extent == Extent::All && depth < DEEPEST / 2 && property["readOnly"] != true) || required(name)
        });
        let built = wanted.filter_map(|(name, _)| {
            let value = self.build(&format!("{}/properties/{}", node.at, escape(name)), extent, depth + 1)?;
            Some((name.to_owned(), value))
        });
        let mut object: Map<String, Value> = built.collect();
        let fewest = node.value["minProperties"].as_u64().and_then(|fewest| usize::try_from(fewest).ok());
        let open = format!("{}/additionalProperties", node.at);
        for index in object.len()..fewest.unwrap_or(0).min(100) {
            let value = self.build(&open, extent, depth + 1).unwrap_or(json!("x"));
            object.insert(format!("x{index}"), value);
        }
        Value::Object(object)
    }

    fn array(self, at: &str, extent: Extent, depth: usize) -> Option<Value> {
        let schema = self.schemas.settle(at)?;
        let fewest = schema.value["minItems"].as_u64().unwrap_or(0);
        let wanted = if extent == Extent::All { fewest.max(1) } else { fewest };
        self.items(&schema.at, wanted, depth)
    }

    /// An array of this many items, all different if they can be.
    fn items(self, at: &str, count: u64, depth: usize) -> Option<Value> {
        let items = format!("{at}/items");
        let count = usize::try_from(count).ok().filter(|count| *count <= 1_000)?;
        if count == 0 {
            return Some(json!([]));
        }
        let one = self.build(&items, Extent::Required, depth + 1)?;
        if self.schemas.settle(at)?.value["uniqueItems"] != true || count == 1 {
            return Some(Value::Array(vec![one; count]));
        }
        let mut different = vec![one];
        for sample in self.samples_at(&items, depth + 1) {
            if different.len() < count
                && self.allows(&items, &sample.value)
                && !different.contains(&sample.value)
            {
                different.push(sample.value);
            }
        }
        (different.len() == count).then_some(Value::Array(different))
    }

    /// What the members of a combination give: together for `allOf`, each for the others.
    fn combined(self, at: &str, keyword: &str, extent: Extent, depth: usize) -> Vec<Value> {
        let Some(node) = self.schemas.settle(at) else { return Vec::new() };
        let count = node.value[keyword].as_array().map_or(0, Vec::len);
        let members = (0..count)
            .filter_map(|index| self.build(&format!("{}/{keyword}/{index}", node.at), extent, depth + 1));
        if keyword != "allOf" {
            return members.collect();
        }
        let mut together = match self.object(&node.at, extent, depth) {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        let mut last = None;
        for member in members {
            match member {
                Value::Object(fields) => together.extend(fields),
                other => last = Some(other),
            }
        }
        [last, Some(Value::Object(together))].into_iter().flatten().collect()
    }

    /// Values of the schema's own type, the plainest first.
    fn plain(self, schema: &Value) -> Vec<Value> {
        match schema["type"].as_str() {
            Some("string") => self.texts(schema).into_iter().map(Value::String).collect(),
            Some("integer" | "number") => numbers(schema).into_iter().map(|sample| sample.value).collect(),
            Some("boolean") => vec![json!(true), json!(false)],
            Some("array") => vec![json!([])],
            Some("object") => vec![json!({})],
            _ => vec![json!("x"), json!(1), json!(true), json!({}), json!([]), Value::Null],
        }
    }

    /// Strings that may be allowed, from what the schema says of them.
    fn texts(self, schema: &Value) -> Vec<String> {
        let of_format = match schema["format"].as_str() {
            Some("date-time") => "2024-02-29T12:30:00Z",
            Some("date") => "2024-02-29",
            Some("time") => "12:30:00Z",
            Some("uuid") => "019a0b7c-5d3e-7f10-8a2b-4c6d8e0f1a2b",
            Some("email") => "reader@example.com",
            Some("uri" | "url" | "uri-reference") => "https://example.com/",
            Some("hostname") => "example.com",
            Some("ipv4") => "192.0.2.1",
            Some("ipv6") => "2001:db8::1",
            Some("byte") => "eA==",
            _ => "x",
        };
        let witness = schema["pattern"].as_str().and_then(jsonschema_regex::pattern_witness);
        let mut texts: Vec<String> =
            witness.into_iter().chain([of_format.to_owned(), "0".to_owned()]).collect();
        let fewest =
            schema["minLength"].as_u64().and_then(|fewest| usize::try_from(fewest).ok()).unwrap_or(0);
        let stretched: Vec<String> = texts
            .iter()
            .flat_map(|text| strings::of_length(text, fewest, |text| self.schemas.fits(schema, text)))
            .collect();
        texts.extend(stretched);
        texts
    }

    /// Values at the edges of the schema, and beside it.
    pub(super) fn samples(self, at: &str) -> Rc<[Sample]> {
        if let Some(known) = self.known.borrow().get(at) {
            return Rc::clone(known);
        }
        let samples: Rc<[Sample]> = self.samples_at(at, 0).into();
        self.known.borrow_mut().insert(at.to_owned(), Rc::clone(&samples));
        samples
    }

    fn samples_at(self, at: &str, depth: usize) -> Vec<Sample> {
        let Some(node) = self.schemas.settle(at).filter(|_| depth <= DEEPEST) else { return Vec::new() };
        let schema = node.value;
        let mut samples: Vec<Sample> = ["null", "true", "0", "\"x\"", "\"1\"", "[]", "{}", "[null]"]
            .into_iter()
            .filter_map(|text| serde_json::from_str(text).ok().map(Sample::of))
            .collect();
        samples.extend(schema["enum"].as_array().into_iter().flatten().flat_map(beside));
        match schema["type"].as_str() {
            Some("string") => samples.extend(self.string_samples(&node.at, schema)),
            Some("integer" | "number") => samples.extend(numbers(schema)),
            Some("boolean") => samples.extend(["true", "false"].map(|text| Sample::of(json!(text)))),
            Some("array") => samples.extend(self.array_samples(&node.at, schema, depth)),
            _ => {}
        }
        if schema["type"] == "object" || schema.get("properties").is_some() {
            samples.extend(self.object_samples(&node.at, schema, depth));
        }
        for keyword in ["allOf", "oneOf", "anyOf"] {
            for index in 0..schema[keyword].as_array().map_or(0, Vec::len) {
                let mut member = self.samples_at(&format!("{}/{keyword}/{index}", node.at), depth + 1);
                member.truncate(60);
                samples.extend(member);
            }
        }
        samples
    }

    fn string_samples(self, at: &str, schema: &Value) -> Vec<Sample> {
        let Some(Value::String(seed)) = self.allowed(at, Extent::Required) else { return Vec::new() };
        let mut texts = vec![seed.clone()];
        match (schema.get("enum"), schema["pattern"].as_str()) {
            (Some(_), _) => {}
            (None, Some(pattern)) => {
                texts.extend(strings::neighbours(&seed));
                texts.extend(strings::drawn(pattern, DRAWN));
            }
            (None, None) => texts.extend(strings::strange(&seed)),
        }
        let fits = |text: &str| self.schemas.fits(schema, text);
        let mut limits: Vec<usize> = Vec::new();
        for keyword in ["minLength", "maxLength"] {
            let limit = schema[keyword].as_u64().and_then(|limit| usize::try_from(limit).ok());
            limits.extend(
                limit.into_iter().flat_map(|limit| [limit.saturating_sub(1), limit, limit.saturating_add(1)]),
            );
        }
        for limit in limits {
            texts.extend(strings::of_length(&seed, limit, fits));
        }
        let mut samples: Vec<Sample> = texts.into_iter().map(|text| Sample::of(json!(text))).collect();
        if schema["maxLength"].is_u64() {
            samples.push(Sample::of(json!("x".repeat(10_000))));
        }
        if schema.get("format").is_some() {
            // Formats are annotations: what else a format asks for, the schema does not say.
            samples = samples.into_iter().map(Sample::limited).collect();
        }
        samples
    }

    fn array_samples(self, at: &str, schema: &Value, depth: usize) -> Vec<Sample> {
        let mut samples = Vec::new();
        for keyword in ["minItems", "maxItems"] {
            let Some(limit) = schema[keyword].as_u64() else { continue };
            let counts = [limit.saturating_sub(1), limit, limit.saturating_add(1)];
            samples
                .extend(counts.into_iter().filter_map(|count| self.items(at, count, depth)).map(Sample::of));
        }
        let Some(one) = self.build(&format!("{at}/items"), Extent::Required, depth + 1) else {
            return samples;
        };
        samples.push(Sample::of(json!([one, one])));
        let few = schema["minItems"].as_u64().unwrap_or(1).max(1);
        let Some(Value::Array(base)) = self.items(at, few, depth) else { return samples };
        for item in self.samples_at(&format!("{at}/items"), depth + 1) {
            samples.push(item.within("0", |value| {
                let mut array = base.clone();
                array[0] = value;
                Value::Array(array)
            }));
        }
        samples
    }

    fn object_samples(self, at: &str, schema: &Value, depth: usize) -> Vec<Sample> {
        let mut samples = Vec::new();
        for extent in [Extent::Required, Extent::All] {
            if let Some(Value::Object(base)) = self.build(at, extent, depth) {
                samples.push(Sample::of(Value::Object(base.clone())));
                samples.extend(without_each(&base));
            }
        }
        let Some(Value::Object(base)) = self.build(at, Extent::All, depth) else { return samples };
        let with = |name: &str, value: Value| {
            let mut object = base.clone();
            object.insert(name.to_owned(), value);
            Value::Object(object)
        };
        for (name, _) in entries(&schema["properties"]) {
            let property = format!("{at}/properties/{}", escape(name));
            let inner = self.samples_at(&property, depth + 1);
            samples.extend(inner.into_iter().map(|sample| sample.within(name, |value| with(name, value))));
        }
        let unknown =
            (0..=base.len()).map(|index| format!("unknown{index}")).find(|name| !base.contains_key(name));
        let unknown = unknown.unwrap_or_default();
        if schema["additionalProperties"].is_object() {
            let inner = self.samples_at(&format!("{at}/additionalProperties"), depth + 1);
            samples.extend(
                inner.into_iter().map(|sample| sample.within(&unknown, |value| with(&unknown, value))),
            );
        } else {
            let whole = with(&unknown, json!("x"));
            let place = format!("/{unknown}");
            samples.push(Sample { place, change: Change::Unknown, ..Sample::of(whole) });
        }
        samples
    }
}

/// The object with each of its members taken out in turn.
fn without_each(base: &Map<String, Value>) -> impl Iterator<Item = Sample> {
    base.keys().map(|name| {
        let mut object = base.clone();
        object.shift_remove(name);
        let place = format!("/{}", escape(name));
        Sample { place, change: Change::Missing, ..Sample::of(Value::Object(object)) }
    })
}

/// A member of an `enum`, and values that look like it.
fn beside(member: &Value) -> Vec<Sample> {
    let near = match member {
        Value::String(text) => vec![
            json!(text.to_uppercase()),
            json!(text.get(1..).unwrap_or_default()),
            json!(format!("{text}x")),
            json!(format!(" {text}")),
        ],
        Value::Number(number) => match number.as_i64() {
            Some(number) => vec![
                json!(number.saturating_sub(1)),
                json!(number.saturating_add(1)),
                json!(number.to_string()),
            ],
            None => vec![],
        },
        _ => vec![],
    };
    [member.clone()].into_iter().chain(near).map(Sample::of).collect()
}

/// Numbers at the edges of a schema.
fn numbers(schema: &Value) -> Vec<Sample> {
    let integer = schema["type"] == "integer";
    let mut whole = vec![0, 1, -1, 2, 100, i64::from(i32::MAX), i64::from(i32::MAX) + 1, EXACT, EXACT + 1];
    let mut fractions = vec![0.5, -0.5, 1.5, 1e300, -1e300];
    let step = schema["multipleOf"].as_f64().filter(|step| *step > 0.0);
    for bound in ["minimum", "maximum"].iter().filter_map(|keyword| schema.get(keyword)) {
        if let Some(bound) = bound.as_i64() {
            whole.extend([bound.saturating_sub(1), bound, bound.saturating_add(1)]);
        }
        if let Some(bound) = bound.as_f64() {
            let step = step.unwrap_or(1.0);
            fractions.extend([bound - 0.5, bound, bound + 0.5, bound - step, bound + step]);
            fractions.extend([(bound / step).floor() * step, (bound / step).ceil() * step]);
        }
    }
    fractions.extend(step.into_iter().flat_map(|step| [step, step * 3.0, step * 1.5]));
    whole.sort_unstable();
    whole.dedup();
    let beyond = |number: f64| match schema["format"].as_str() {
        Some("int32") => number.abs() > f64::from(i32::MAX),
        #[expect(clippy::cast_precision_loss, reason = "the bound is a power of two")]
        _ => number.abs() > EXACT as f64,
    };
    let mut samples = Vec::new();
    for number in whole {
        #[expect(clippy::cast_precision_loss, reason = "only to tell large from small")]
        let large = beyond(number as f64);
        let sample = Sample::of(json!(number));
        samples.push(if large { sample.limited() } else { sample });
    }
    for number in fractions.into_iter().filter(|number| number.is_finite()) {
        let sample = Sample::of(json!(number));
        samples.push(if beyond(number) || number.fract() == 0.0 { sample.limited() } else { sample });
    }
    // A reader of JSON sees the same number. For `integer`, JSON Schema was of two minds when OpenAPI 3.0 was written.
    for (number, text) in [(1.0, "1.0"), (100.0, "1e2"), (100.0, "1E+2"), (-0.0, "-0"), (20.0, "2000e-2")] {
        let sample = Sample::spelled(number, text);
        samples.push(if integer { sample.limited() } else { sample });
    }
    samples.push(Sample::spelled(f64::MAX, "1e400").limited());
    samples
}
