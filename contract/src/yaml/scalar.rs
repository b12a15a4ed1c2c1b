//! A YAML scalar as a JSON value, by the core schema (YAML 1.2.2, section 10.3.2).

use saphyr_parser::{ScalarStyle, Tag};
use serde_json::{Number, Value};

/// What a scalar stands for, or a sentence that says why JSON has no such thing.
pub(super) fn resolve(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
    match tag {
        None if style == ScalarStyle::Plain => plain(text),
        None => Ok(Value::from(text)),
        Some(tag) => tagged(text, tag),
    }
}

fn tagged(text: &str, tag: &Tag) -> Result<Value, String> {
    // A lone `!` means: not resolved, so a string.
    if matches!((tag.handle.as_str(), tag.suffix.as_str()), ("", "!") | ("!", "")) {
        return Ok(Value::from(text));
    }
    if !tag.is_yaml_core_schema() {
        return Err(format!("the tag `{tag}` has no meaning in JSON"));
    }
    let value = if tag.suffix == "str" { Value::from(text) } else { plain(text)? };
    let fits = match tag.suffix.as_str() {
        "str" => true,
        "null" => value.is_null(),
        "bool" => value.is_boolean(),
        "int" => value.is_i64() || value.is_u64(),
        "float" => value.is_number(),
        _ => return Err(format!("the tag `{tag}` has no meaning in JSON")),
    };
    if fits { Ok(value) } else { Err(format!("`{text}` is not what its tag `{tag}` says")) }
}

fn plain(text: &str) -> Result<Value, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => return Err(format!("JSON has no number `{text}`")),
        _ => {}
    }
    if matches!(text.trim_start_matches(['+', '-']), ".inf" | ".Inf" | ".INF") {
        return Err(format!("JSON has no number `{text}`"));
    }
    if let Some(digits) =
        text.strip_prefix("0o").filter(|digits| all(digits, |byte| matches!(byte, b'0'..=b'7')))
    {
        return radix(text, digits, 8);
    }
    if let Some(digits) =
        text.strip_prefix("0x").filter(|digits| all(digits, |byte| byte.is_ascii_hexdigit()))
    {
        return radix(text, digits, 16);
    }
    match form(text) {
        Form::Integer => integer(text),
        Form::Float => float(text),
        Form::Text => Ok(Value::from(text)),
    }
}

/// What a plain scalar looks like.
enum Form {
    Integer,
    Float,
    Text,
}

/// `[-+]?[0-9]+` is an integer, `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?` a float.
fn form(text: &str) -> Form {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if all(unsigned, |byte| byte.is_ascii_digit()) {
        return Form::Integer;
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let is_exponent = exponent.is_none_or(|digits| {
        all(digits.strip_prefix(['+', '-']).unwrap_or(digits), |byte| byte.is_ascii_digit())
    });
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_mantissa = digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    if is_mantissa && is_exponent { Form::Float } else { Form::Text }
}

fn all(text: &str, accept: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(accept)
}

fn radix(text: &str, digits: &str, radix: u32) -> Result<Value, String> {
    u64::from_str_radix(digits, radix).map(Value::from).map_err(|_| too_large(text))
}

fn integer(text: &str) -> Result<Value, String> {
    if let Ok(number) = text.parse::<i64>() {
        return Ok(Value::from(number));
    }
    text.parse::<u64>().map(Value::from).map_err(|_| too_large(text))
}

fn float(text: &str) -> Result<Value, String> {
    // Rust reads `1.`, `.5` and `+1` as the core schema does.
    let number = text.parse::<f64>().ok().and_then(Number::from_f64);
    number.map(Value::Number).ok_or_else(|| too_large(text))
}

fn too_large(text: &str) -> String {
    format!("the number `{text}` does not fit into 64 bits")
}
