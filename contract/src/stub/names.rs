//! Names of the spec as names of Rust.

/// What Rust keeps for itself.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static",
    "struct", "super", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual",
    "where", "while", "yield",
];

/// The words that a name is made of, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut starts = true;
    let chars: Vec<char> = name.chars().collect();
    for (at, &char) in chars.iter().enumerate() {
        if !char.is_ascii_alphanumeric() {
            starts = true;
            continue;
        }
        let before = at.checked_sub(1).and_then(|before| chars.get(before));
        let behind = chars.get(at + 1);
        // `tableId` has two words, `HTTPRange` has two, `SHA256` has one.
        let humps = char.is_ascii_uppercase()
            && (before.is_some_and(|before| before.is_ascii_lowercase() || before.is_ascii_digit())
                || (before.is_some_and(char::is_ascii_uppercase)
                    && behind.is_some_and(char::is_ascii_lowercase)));
        if starts || humps || words.is_empty() {
            words.push(String::new());
        }
        starts = false;
        if let Some(word) = words.last_mut() {
            word.push(char.to_ascii_lowercase());
        }
    }
    words
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + chars.as_str())
}

/// A field, a function or a module.
pub(super) fn snake(name: &str) -> String {
    let name = words(name).join("_");
    match name.chars().next() {
        None => "unnamed".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("n{name}"),
        Some(_) if name == "self" || name == "super" || name == "crate" => format!("{name}_"),
        Some(_) if KEYWORDS.contains(&name.as_str()) => format!("r#{name}"),
        Some(_) => name,
    }
}

/// A type or a variant.
pub(super) fn pascal(name: &str) -> String {
    let name: String = words(name).iter().map(|word| capitalised(word)).collect();
    match name.chars().next() {
        None => "Unnamed".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("N{name}"),
        Some(_) if name == "Self" => "Itself".to_owned(),
        Some(_) => name,
    }
}

/// What serde's `camelCase` makes of a field.
pub(super) fn camel(field: &str) -> String {
    let mut words = field.trim_start_matches("r#").split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &capitalised(word))
}

/// A string literal.
pub(super) fn literal(text: &str) -> String {
    let plain = !text.contains(['"', '\\']) && !text.chars().any(char::is_control);
    if plain {
        return format!("\"{text}\"");
    }
    let raw = text.contains(['"', '\\'])
        && !text.chars().any(|char| char.is_control() && char != '\n')
        && !text.contains("\"#");
    if raw && text.contains('"') {
        return format!("r#\"{text}\"#");
    }
    if raw {
        return format!("r\"{text}\"");
    }
    format!("{text:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_a_person_would_choose() {
        for (name, field, kind) in [
            ("tableId", "table_id", "TableId"),
            ("created_at", "created_at", "CreatedAt"),
            ("X-Request-ID", "x_request_id", "XRequestId"),
            ("HTTPRange", "http_range", "HttpRange"),
            ("type", "r#type", "Type"),
            ("2fa", "n2fa", "N2fa"),
            ("", "unnamed", "Unnamed"),
            ("ünicode", "nicode", "Nicode"),
        ] {
            assert_eq!((snake(name).as_str(), pascal(name).as_str()), (field, kind), "{name}");
        }
        assert_eq!(camel("created_at"), "createdAt");
    }

    #[test]
    fn literals_are_rust() {
        for text in
            ["plain", "a \"quoted\" one", "back\\slash", "\"#", "two\nlines", "\u{7}", "both \\ and \""]
        {
            let parsed: syn::LitStr =
                syn::parse_str(&literal(text)).unwrap_or_else(|error| panic!("{text:?}: {error}"));
            assert_eq!(parsed.value(), text);
        }
    }
}
