//! The word that a misspelt one was probably meant to be.

use crate::grammar::{Object, Since};

/// The object's field whose name is nearest to a key, if one is near.
pub(super) fn field(object: Object, key: &str) -> Option<&'static str> {
    let names = object.fields().iter().filter(|field| field.since == Since::V30).map(|field| field.name);
    names
        .map(|name| (distance(&name.to_lowercase(), &key.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= (name.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many letters must be put in, taken out or replaced to make one word of the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, field};
    use crate::grammar::Object;

    #[test]
    fn counts_letters() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("requred", "required"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn suggests_what_is_near() {
        assert_eq!(field(Object::Schema, "requred"), Some("required"));
        assert_eq!(field(Object::Schema, "maxlength"), Some("maxLength"));
        assert_eq!(field(Object::Operation, "operationid"), Some("operationId"));
        assert_eq!(field(Object::Schema, "colour"), None);
    }
}
