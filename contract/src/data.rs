//! Equality of plain data, such as examples: numbers by value, maps without regard to order.

use serde_json::{Number, Value};

/// Whether two values say the same.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => same_number(a, b),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

fn same_number(a: &Number, b: &Number) -> bool {
    match (exact(a), exact(b)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a.as_f64() == b.as_f64(),
        _ => false,
    }
}

/// A number's value, if it is whole. A float of 2^64 or more is compared as a float: no integer of JSON's is so large.
fn exact(number: &Number) -> Option<i128> {
    if let Some(number) = number.as_i64() {
        return Some(i128::from(number));
    }
    if let Some(number) = number.as_u64() {
        return Some(i128::from(number));
    }
    let float = number.as_f64()?;
    if float.fract() != 0.0 || float.abs() > 1e19 {
        return None;
    }
    // A whole float prints as its exact digits.
    format!("{float:.0}").parse().ok()
}

/// Whether the first number is at least the second. `false` if one of them is no number.
pub(crate) fn at_least(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (exact(a), exact(b)) {
            (Some(a), Some(b)) => a >= b,
            _ => a.as_f64() >= b.as_f64(),
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{at_least, same};

    #[test]
    fn numbers_are_equal_by_value() {
        assert!(same(&json!(1), &json!(1.0)));
        assert!(same(&json!(0), &json!(-0.0)));
        assert!(same(&json!(5_368_709_120_u64), &json!(5_368_709_120.0)));
        assert!(same(&json!(1e300), &json!(1e300)));
        assert!(!same(&json!(1), &json!(1.5)));
        assert!(!same(&json!(u64::MAX), &json!(u64::MAX - 1)));
        assert!(!same(&json!(9_007_199_254_740_993_u64), &json!(9_007_199_254_740_992.0)));
        assert!(!same(&json!(1), &json!("1")));
    }

    #[test]
    fn maps_have_no_order_and_lists_have() {
        assert!(same(&json!({"a": 1, "b": [2]}), &json!({"b": [2.0], "a": 1})));
        assert!(!same(&json!([1, 2]), &json!([2, 1])));
        assert!(!same(&json!({"a": 1}), &json!({"a": 1, "b": null})));
    }

    #[test]
    fn bounds_are_ordered_by_value() {
        assert!(at_least(&json!(2), &json!(1.5)));
        assert!(at_least(&json!(2), &json!(2.0)));
        assert!(!at_least(&json!(1), &json!(2)));
        assert!(!at_least(&json!("2"), &json!(1)));
    }
}
