//! Random cases: bodies and parameters drawn from the schemas, some of them spoilt in one place. The seed decides them all, so a
//! build that fails fails again.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::sample::select;
use proptest::strategy::{BoxedStrategy, Union, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};

use super::super::model::entries;
use super::super::values::Sample;
use super::parameters::is_known;
use super::{Certainty, Derivation, Direction, Expect, Fields, Role, Shape, bodies, shorten};
use crate::pointer::escape;

/// Schemas within schemas are drawn this far down.
const DEEPEST: usize = 4;

/// The most that is drawn where a schema sets no bound, or a far one.
const MOST_CHARACTERS: u64 = 12;
const MOST_ITEMS: u64 = 5;

/// One in so many bodies is spoilt.
const SPOILT: u32 = 3;

/// Spreads a seed's bits: `SplitMix64` (Steele, Lea and Flood, 2014), whose outputs are apart however near the inputs.
fn mixed(seed: u64) -> u64 {
    let seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let seed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let seed = (seed ^ (seed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    seed ^ (seed >> 31)
}

impl Derivation<'_, '_> {
    pub(super) fn random(&mut self, index: usize, base: &Shape) {
        let effort = self.options.effort;
        if effort.random_cases == 0 {
            return;
        }
        let first = mixed(effort.seed ^ mixed(index as u64));
        let seed = [first.to_le_bytes(), mixed(first).to_le_bytes()].concat();
        // A build is not optimised, and in that state this one is the quickest.
        let rng = TestRng::from_seed(RngAlgorithm::XorShift, &seed);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        self.random_bodies(index, base, &mut runner);
        self.random_parameters(index, base, &mut runner);
    }

    fn random_bodies(&mut self, index: usize, base: &Shape, runner: &mut TestRunner) {
        let operations = self.operations;
        let Some(media) = operations[index].body.as_ref().and_then(|body| body.content.first()) else {
            return;
        };
        let Some(schema) = media.schema.as_deref().filter(|_| bodies::is_json(media.name)) else { return };
        let strategy = self.strategy(schema, 0);
        let samples = self.values().samples(schema);
        for count in 0..self.options.effort.random_cases {
            let Some(mut value) = draw(&strategy, runner) else { continue };
            let spoil =
                (count % SPOILT == 0 && !samples.is_empty()).then(|| draw(&select(samples.to_vec()), runner));
            let mut certainty = Certainty::Schema;
            if let Some(sample) = spoil.flatten() {
                certainty = sample.certainty;
                value = spoilt(value, &sample);
            }
            let wrongs = self.schemas.wrongs(schema, Direction::Request, &value);
            let expect = match (wrongs.is_empty(), certainty) {
                (true, Certainty::Schema) => Expect::Allowed,
                (true, Certainty::Limited) => Expect::Documented,
                (false, Certainty::Limited) => Expect::Forbidden(Fields::Any),
                (false, Certainty::Schema) => Expect::Forbidden(Fields::Body(
                    wrongs.iter().map(|wrong| wrong.pointer.clone()).collect(),
                )),
            };
            let about = wrongs
                .first()
                .map_or_else(|| media.at.clone(), |wrong| self.schemas.forbidding(schema, wrong));
            let text = value.to_string();
            let what = format!("the body is `{}`", shorten(&text));
            self.add(index, what, &about, Shape { body: text.into_bytes(), ..base.clone() }, expect);
            self.mark_drawn();
        }
    }

    fn random_parameters(&mut self, index: usize, base: &Shape, runner: &mut TestRunner) {
        let operations = self.operations;
        let operation = &operations[index];
        let mut drawn = Vec::new();
        for parameter in operation.parameters.iter().filter(|parameter| !is_known(parameter)) {
            if let Some(schema) = parameter.schema.as_deref() {
                drawn.push((parameter, schema, self.strategy(schema, 0)));
            }
        }
        for _ in 0..self.options.effort.random_cases {
            let mut shape = base.clone();
            let (mut shown, mut expect) = (Vec::new(), Expect::Allowed);
            for (parameter, schema, strategy) in &drawn {
                let Some(value) = draw(strategy, runner) else { continue };
                if let Some(sent) = self.put_parameter(&mut shape, parameter, schema, &value) {
                    shown.push(format!("`{}` is `{}`", parameter.name, shorten(&bodies::plain(&value))));
                    expect = worse(expect, sent);
                }
            }
            if !shown.is_empty() {
                self.add(index, shown.join(", "), &operation.at, shape, expect);
                self.mark_drawn();
            }
        }
    }

    fn mark_drawn(&mut self) {
        if let Some(case) = self.cases.last_mut() {
            case.role = Role::Drawn;
        }
    }

    /// Values that the schema allows, as far as what it says of them can be drawn; it is asked again.
    fn strategy(&self, at: &str, depth: usize) -> BoxedStrategy<Value> {
        let Some(node) = self.schemas.settle(at).filter(|_| depth <= DEEPEST) else {
            return Just(Value::Null).boxed();
        };
        let schema = node.value;
        if let Some(members) = schema["enum"].as_array().filter(|members| !members.is_empty()) {
            return select(members.clone()).boxed();
        }
        for keyword in ["oneOf", "anyOf"] {
            let count = schema[keyword].as_array().map_or(0, Vec::len);
            if count > 0 {
                let members = (0..count)
                    .map(|index| self.strategy(&format!("{}/{keyword}/{index}", node.at), depth + 1));
                return Union::new(members).boxed();
            }
        }
        match schema["type"].as_str() {
            Some("string") => strings(schema),
            Some("integer") => numbers(schema, true),
            Some("number") => numbers(schema, false),
            Some("boolean") => any::<bool>().prop_map(Value::from).boxed(),
            Some("array") => {
                let (fewest, most) = range(schema, "minItems", "maxItems", MOST_ITEMS);
                let items = self.strategy(&format!("{}/items", node.at), depth + 1);
                vec(items, fewest..=most).prop_map(Value::Array).boxed()
            }
            Some("object") => self.objects(&node.at, schema, depth),
            _ => match self.values().allowed(&node.at, super::Extent::All) {
                Some(value) => Just(value).boxed(),
                None => Just(Value::Null).boxed(),
            },
        }
    }

    fn objects(&self, at: &str, schema: &Value, depth: usize) -> BoxedStrategy<Value> {
        let required = |name: &str| {
            schema["required"].as_array().is_some_and(|names| names.iter().any(|other| other == name))
        };
        let mut object = Just(Map::new()).boxed();
        for (name, _) in entries(&schema["properties"]) {
            let member = self.strategy(&format!("{at}/properties/{}", escape(name)), depth + 1);
            let there = if required(name) { Just(true).boxed() } else { any::<bool>().boxed() };
            let name = name.to_owned();
            object = (object, member, there)
                .prop_map(move |(mut object, member, there)| {
                    if there {
                        object.insert(name.clone(), member);
                    }
                    object
                })
                .boxed();
        }
        object.prop_map(Value::Object).boxed()
    }
}

/// What is expected of a request with two things in it.
fn worse(a: Expect, b: Expect) -> Expect {
    match (a, b) {
        (Expect::Forbidden(_), _) | (_, Expect::Forbidden(_)) => Expect::Forbidden(Fields::Any),
        (Expect::Allowed, Expect::Allowed) => Expect::Allowed,
        _ => Expect::Documented,
    }
}

fn draw<S: Strategy>(strategy: &S, runner: &mut TestRunner) -> Option<S::Value> {
    strategy.new_tree(runner).ok().map(|tree| tree.current())
}

/// The value with the member that a sample differs in taken over from it.
fn spoilt(value: Value, sample: &Sample) -> Value {
    let Some(name) = sample.place.split('/').nth(1).map(crate::pointer::unescape) else {
        return sample.value.clone();
    };
    match (value, &sample.value) {
        (Value::Object(mut fields), Value::Object(other)) => {
            match other.get(&name) {
                Some(member) => drop(fields.insert(name, member.clone())),
                None => drop(fields.shift_remove(&name)),
            }
            Value::Object(fields)
        }
        (_, other) => other.clone(),
    }
}

fn strings(schema: &Value) -> BoxedStrategy<Value> {
    let (fewest, most) = range(schema, "minLength", "maxLength", MOST_CHARACTERS);
    let by_pattern = schema["pattern"].as_str().and_then(crate::conformance::strings::strategy);
    match by_pattern {
        Some(strategy) => strategy.prop_map(Value::from).boxed(),
        None => vec(any::<char>(), fewest..=most)
            .prop_map(|chars| Value::from(chars.into_iter().collect::<String>()))
            .boxed(),
    }
}

fn numbers(schema: &Value, integer: bool) -> BoxedStrategy<Value> {
    const FAR: f64 = 2_147_483_647.0;
    let least = schema["minimum"].as_f64().unwrap_or(-FAR);
    let most = schema["maximum"].as_f64().unwrap_or(FAR).max(least);
    let step = schema["multipleOf"].as_f64().filter(|step| *step > 0.0);
    if !integer && step.is_none() {
        return (0.0..=1.0).prop_map(move |part: f64| json!(least + (most - least) * part)).boxed();
    }
    let step = step.unwrap_or(1.0);
    #[expect(clippy::cast_possible_truncation, reason = "a bound that is beyond i64 is as good as its edge")]
    let (low, high) = ((least / step).ceil() as i64, (most / step).floor() as i64);
    (low..=high.max(low))
        .prop_map(move |count| {
            #[expect(
                clippy::cast_precision_loss,
                reason = "the schema is asked whether it allows the product"
            )]
            let product = count as f64 * step;
            if product.fract() == 0.0 && product.abs() < 9e15 {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "whole, and within what f64 holds exactly"
                )]
                let whole = product as i64;
                json!(whole)
            } else {
                json!(product)
            }
        })
        .boxed()
}

/// The bounds of a length, the upper one not far above the lower.
fn range(schema: &Value, fewest: &str, most: &str, reach: u64) -> (usize, usize) {
    let least = schema[fewest].as_u64().unwrap_or(0).min(1_000);
    let limit = schema[most].as_u64().unwrap_or(u64::MAX).min(least + reach).max(least);
    (usize::try_from(least).unwrap_or(0), usize::try_from(limit).unwrap_or(0))
}
