//! Numbers as the contract writes them: a plain `number` that must be whole.

use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};

/// A whole number from `MIN` to `MAX`, both included. On the wire `123`, `123.0` and `1.23e2` are the same number.
///
/// The bounds stand here alone: the schema that the build compares is drawn from them, and so is the refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> Whole<MIN, MAX> {
    /// The number, if it is within the bounds.
    #[must_use]
    pub fn new(number: u64) -> Option<Self> {
        (MIN..=MAX).contains(&number).then_some(Self(number))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// The schema of a property that holds such a number.
    #[must_use]
    pub fn described(description: &str, example: u64) -> RefOr<Schema> {
        plain_number(description, example)
            .minimum(Some(schema_number(MIN)))
            .maximum(Some(schema_number(MAX)))
            .multiple_of(Some(1))
            .into()
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Whole<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(WholeVisitor::<MIN, MAX>)
    }
}

struct WholeVisitor<const MIN: u64, const MAX: u64>;

impl<const MIN: u64, const MAX: u64> Visitor<'_> for WholeVisitor<MIN, MAX> {
    type Value = Whole<MIN, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {MIN} to {MAX}")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Whole::new(number).ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        u64::try_from(number)
            .ok()
            .and_then(Whole::new)
            .ok_or_else(|| E::invalid_value(de::Unexpected::Signed(number), &self))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
        // Every whole f64 below 2^64 converts without loss; MAX is checked after.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range, as checked")]
        let whole = (number.fract() == 0.0 && (0.0..18_446_744_073_709_551_616.0).contains(&number))
            .then_some(number as u64);
        whole.and_then(Whole::new).ok_or_else(|| E::invalid_value(de::Unexpected::Float(number), &self))
    }
}

/// A count that the server states: a plain `number`, never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub u64);

impl Count {
    /// The schema of a property that holds such a count.
    #[must_use]
    pub fn described(description: &str, example: u64) -> RefOr<Schema> {
        plain_number(description, example).minimum(Some(0)).into()
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

// utoipa gives Rust's own numbers a `format`, which the published contract has not.
fn plain_number(description: &str, example: u64) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Number))
        .description(Some(description))
        .examples([example])
}

fn schema_number(number: u64) -> utoipa::Number {
    usize::try_from(number).map_or(utoipa::Number::Float(f64::MAX), utoipa::Number::UInt)
}
