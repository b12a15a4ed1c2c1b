//! Strings at the edges of a schema: as long as wanted, and next to what a pattern matches.

use proptest::strategy::{Strategy, ValueTree};
use proptest::string::{RegexGeneratorStrategy, string_regex};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

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
    shorter(chars, length, &fits).into_iter().collect()
}

/// Takes characters out, wherever what is left still fits.
fn shorter(mut chars: Vec<char>, length: usize, fits: &impl Fn(&str) -> bool) -> Option<String> {
    while chars.len() > length {
        let without = |position: usize| {
            let rest = chars.iter().enumerate().filter(|(index, _)| *index != position);
            rest.map(|(_, char)| *char).collect::<String>()
        };
        let text = spread(chars.len()).map(without).find(|text| fits(text))?;
        chars = text.chars().collect();
    }
    let text: String = chars.into_iter().collect();
    fits(&text).then_some(text)
}

fn longer(chars: &[char], missing: usize, fits: &impl Fn(&str) -> bool) -> Vec<String> {
    let stretched = |position: usize, filler: char, count: usize| {
        let (before, after) = chars.split_at(position);
        let filling = std::iter::repeat_n(filler, count);
        before.iter().copied().chain(filling).chain(after.iter().copied()).collect::<String>()
    };
    // The end is where most patterns are open. One character tells where more may stand, and is quickly tried.
    let places = || std::iter::once(chars.len()).chain(spread(chars.len()));
    let stretch = |filler: char| {
        let open = places().filter(|place| fits(&stretched(*place, filler, 1)));
        open.map(|place| stretched(place, filler, missing)).take(2).find(|text| fits(text))
    };
    let own = chars.iter().rev().take(MOST_POSITIONS).find_map(|filler| stretch(*filler));
    let mut found: Vec<String> = own.into_iter().chain(FILLERS.into_iter().filter_map(stretch)).collect();
    found.sort();
    found.dedup();
    if found.is_empty() {
        // Some patterns only take several characters at once.
        let last = chars.last().copied().unwrap_or('x');
        found.extend(places().map(|place| stretched(place, last, missing)).find(|text| fits(text)));
    }
    found
}

/// Strings that a pattern (ECMA-262) matches, always the same ones; none if it uses what cannot be drawn from.
pub(super) fn drawn(pattern: &str, count: usize) -> Vec<String> {
    let Some(strategy) = strategy(pattern) else { return Vec::new() };
    let rng = TestRng::from_seed(RngAlgorithm::XorShift, &[1; 16]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    (0..count).filter_map(|_| strategy.new_tree(&mut runner).ok().map(|tree| tree.current())).collect()
}

/// Strings that a pattern matches from its first character to its last.
pub(super) fn strategy(pattern: &str) -> Option<RegexGeneratorStrategy<String>> {
    let pattern = jsonschema_regex::to_rust_regex(pattern).ok()?;
    let pattern = pattern.strip_prefix('^').unwrap_or(&pattern);
    string_regex(pattern.strip_suffix('$').unwrap_or(pattern)).ok()
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

/// Strings that an implementation may stumble over, made of `seed`, which a schema that asks for nothing allows.
pub(super) fn strange(seed: &str) -> Vec<String> {
    let within = |intruder: &&str| format!("{seed}{intruder}{seed}");
    [String::new()].into_iter().chain(INTRUDERS.iter().map(within)).collect()
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
