//! Patterns that are simple enough to be checked without an engine: one class of characters as often as it says, or a fixed
//! sequence of classes. The surface that a stub is written for may have no engine at hand.

/// A set of characters, as the alternatives of a Rust pattern.
struct Class {
    alternatives: String,
    negated: bool,
}

struct Item {
    class: Class,
    least: usize,
    most: Option<usize>,
}

/// The Rust expression that is true of a `text: &str` that matches, if the pattern is that simple.
pub(super) fn expression(pattern: &str) -> Option<String> {
    let inner = pattern.strip_prefix('^')?.strip_suffix('$')?;
    let mut chars = inner.chars().peekable();
    let mut items = Vec::new();
    while let Some(first) = chars.next() {
        let class = class(first, &mut chars)?;
        let (least, most) = quantifier(&mut chars)?;
        items.push(Item { class, least, most });
    }
    match items.as_slice() {
        [Item { class, least, most }] => {
            let not = if class.negated { "!" } else { "" };
            let all = format!("text.chars().all(|char| {not}matches!(char, {}))", class.alternatives);
            Some(match (least, most) {
                (0, None) => all,
                (least, None) => format!("text.chars().count() >= {least} && {all}"),
                (least, Some(most)) => format!("({least}..={most}).contains(&text.chars().count()) && {all}"),
            })
        }
        items => {
            let mut slots = Vec::new();
            for Item { class, least, most } in items {
                if Some(*least) != *most || class.negated {
                    return None;
                }
                slots.extend(std::iter::repeat_n(class.alternatives.clone(), *least));
            }
            let fixed = !slots.is_empty() && slots.len() <= 64;
            fixed.then(|| {
                format!("matches!(text.chars().collect::<Vec<_>>().as_slice(), [{}])", slots.join(", "))
            })
        }
    }
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn class(first: char, chars: &mut Chars<'_>) -> Option<Class> {
    let plain = |alternatives: String| Some(Class { alternatives, negated: false });
    match first {
        '\\' => plain(escaped(chars.next()?)?),
        '[' => {
            let negated = chars.next_if_eq(&'^').is_some();
            let mut alternatives: Vec<String> = Vec::new();
            loop {
                let from = match chars.next()? {
                    ']' => break,
                    '\\' => match chars.next()? {
                        'd' => {
                            alternatives.push("'0'..='9'".to_owned());
                            continue;
                        }
                        char if char.is_ascii_punctuation() => char,
                        _ => return None,
                    },
                    char => char,
                };
                let mut ahead = chars.clone();
                let ranges =
                    ahead.next() == Some('-') && ahead.next().is_some_and(|char| char != ']' && char != '\\');
                if ranges {
                    chars.next();
                    alternatives.push(format!("{from:?}..={:?}", chars.next()?));
                } else {
                    alternatives.push(format!("{from:?}"));
                }
            }
            (!alternatives.is_empty()).then(|| Class { alternatives: alternatives.join(" | "), negated })
        }
        '.' | '(' | ')' | '|' | '*' | '+' | '?' | '{' | '}' | '^' | '$' => None,
        char => plain(format!("{char:?}")),
    }
}

fn escaped(char: char) -> Option<String> {
    match char {
        'd' => Some("'0'..='9'".to_owned()),
        char if char.is_ascii_punctuation() => Some(format!("{char:?}")),
        _ => None,
    }
}

/// The least and the most repetitions.
fn quantifier(chars: &mut Chars<'_>) -> Option<(usize, Option<usize>)> {
    let simple = match chars.peek() {
        Some('*') => (0, None),
        Some('+') => (1, None),
        Some('?') => (0, Some(1)),
        Some('{') => {
            chars.next();
            let inner: String = chars.by_ref().take_while(|char| *char != '}').collect();
            let (least, most) = inner.split_once(',').unwrap_or((&inner, &inner));
            let most = if most.is_empty() { None } else { Some(most.parse().ok()?) };
            return Some((least.parse().ok()?, most));
        }
        _ => return Some((1, Some(1))),
    };
    chars.next();
    // A lazy quantifier.
    chars.peek().is_none_or(|char| *char != '?').then_some(simple)
}

#[cfg(test)]
mod tests {
    use super::expression;

    #[test]
    fn what_is_simple_is_an_expression_and_the_rest_is_not() {
        for (pattern, wanted) in [
            (
                "^[a-z0-9_-]*$",
                Some("text.chars().all(|char| matches!(char, 'a'..='z' | '0'..='9' | '_' | '-'))"),
            ),
            (
                r"^\d{2,4}$",
                Some(
                    "(2..=4).contains(&text.chars().count()) && text.chars().all(|char| matches!(char, '0'..='9'))",
                ),
            ),
            ("^[^/]+$", Some("text.chars().count() >= 1 && text.chars().all(|char| !matches!(char, '/'))")),
            (
                "^#[0-9a-f]{2}$",
                Some(
                    "matches!(text.chars().collect::<Vec<_>>().as_slice(), ['#', '0'..='9' | 'a'..='f', '0'..='9' | 'a'..='f'])",
                ),
            ),
            ("^(a|b)$", None),
            ("^a+b+$", None),
            ("unanchored", None),
            ("^.$", None),
        ] {
            assert_eq!(expression(pattern).as_deref(), wanted, "{pattern}");
        }
    }
}
