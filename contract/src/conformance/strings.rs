//! Strings at the edges of a schema: as long as wanted, and next to what a pattern matches.

/// Strings of more than this are not made: requests have limits of their own.
const LONGEST: usize = 20_000;

/// Positions of a string that are tried out.
const MOST_POSITIONS: usize = 24;

/// What is put into a string to see whether it may stand there.
const INTRUDERS: [&str; 12] = [" ", "\"", "\\", "\0", "\n", "\u{7f}", "\u{85}", "é", "😀", "/", ";", "%"];

/// What a string is made longer with, besides its own characters. The last two have more than one byte.
const FILLERS: [char; 5] = ['a', '0', '-', 'é', '😀'];

/// A string of `length` characters that `fits`, made of `seed`: a string like it where a count is off by one can be told from a
/// pattern that does not match. Of several, one for each filler.
pub(super) fn of_length(seed: &str, length: usize, fits: impl Fn(&str) -> bool) -> Vec<String> {
    if length > LONGEST {
        return Vec::new();
    }
    let chars: Vec<char> = seed.chars().collect();
    if let Some(missing) = length.checked_sub(chars.len()).filter(|missing| *missing > 0) {
        return longer(&chars, missing, &fits);
    }
    let head: String = chars[..length].iter().collect();
    let tail: String = chars[chars.len() - length..].iter().collect();
    [head, tail].into_iter().find(|text| fits(text)).into_iter().collect()
}

fn longer(chars: &[char], missing: usize, fits: &impl Fn(&str) -> bool) -> Vec<String> {
    let positions = || spread(chars.len() + 1);
    let stretched = |position: usize, filler: char| {
        let (before, after) = chars.split_at(position);
        let filling = std::iter::repeat_n(filler, missing);
        before.iter().copied().chain(filling).chain(after.iter().copied()).collect::<String>()
    };
    let own = positions().filter_map(|position| {
        let filler = *chars.get(position.min(chars.len().checked_sub(1)?))?;
        Some(stretched(position, filler))
    });
    let mut found: Vec<String> = own.take(MOST_POSITIONS).find(|text| fits(text)).into_iter().collect();
    for filler in FILLERS {
        // The end is where most patterns are open.
        let places = std::iter::once(chars.len()).chain(positions());
        found.extend(places.map(|position| stretched(position, filler)).find(|text| fits(text)));
    }
    found.dedup();
    found
}

/// Strings that differ from `seed` in little.
pub(super) fn neighbours(seed: &str) -> Vec<String> {
    let chars: Vec<char> = seed.chars().collect();
    let mut all = vec![String::new(), seed.to_uppercase(), seed.to_lowercase(), format!("{seed}{seed}")];
    for position in spread(chars.len()) {
        let without = chars.iter().enumerate().filter(|(index, _)| *index != position);
        all.push(without.map(|(_, char)| *char).collect());
    }
    for intruder in INTRUDERS {
        for position in [0, chars.len() / 2, chars.len()] {
            let (before, after) = chars.split_at(position);
            all.push(before.iter().copied().chain(intruder.chars()).chain(after.iter().copied()).collect());
        }
    }
    all.retain(|text| text != seed);
    all.sort();
    all.dedup();
    all
}

/// Some of `0..length`, the ends among them.
fn spread(length: usize) -> impl Iterator<Item = usize> {
    let step = length.div_ceil(MOST_POSITIONS).max(1);
    (0..length).step_by(step).chain(length.checked_sub(1).filter(|last| last % step != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media_type(text: &str) -> bool {
        text.split_once('/').is_some_and(|(a, b)| {
            [a, b]
                .iter()
                .all(|part| !part.is_empty() && part.chars().all(|char| char.is_ascii_alphanumeric()))
        })
    }

    #[test]
    fn a_string_gets_the_wanted_length_and_still_fits() {
        for length in [3, 4, 9, 10, 255, 256] {
            let made = of_length("image/png", length, media_type);
            assert!(!made.is_empty(), "{length}");
            assert!(made.iter().all(|text| text.chars().count() == length && media_type(text)), "{made:?}");
        }
        assert!(of_length("image/png", 2, media_type).is_empty());
    }

    #[test]
    fn a_length_counts_characters() {
        let made = of_length("x", 5, |_| true);
        assert!(made.iter().any(|text| text.len() > 5), "{made:?}");
        assert!(made.iter().all(|text| text.chars().count() == 5), "{made:?}");
    }

    #[test]
    fn neighbours_are_other_strings() {
        let near = neighbours("978");
        for expected in ["", "78", "98", "97", "978978", " 978", "978\n", "9é78"] {
            assert!(near.iter().any(|text| text == expected), "{expected:?} in {near:?}");
        }
        assert!(!near.contains(&"978".to_owned()));
    }
}
