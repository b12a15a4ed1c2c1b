//! The two forms of each grammar of the contract, its pattern and its check in Rust, accept the same strings.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use regex::Regex;
use teable_attachments::api::attachments::read::Disposition;
use teable_attachments::api::text::{DISPOSITION, LABEL, MEDIA_TYPE, media_type_or_empty, printable};
use teable_attachments::domain::{FileName, MediaType};

/// Strings that are close to a grammar: pieces of it, in any order, with strangers among them.
fn near(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    let piece = prop_oneof![9 => prop::sample::select(pieces).prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)];
    prop::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
}

#[track_caller]
fn agree(pattern: &str, strings: impl Strategy<Value = String>, accepts: impl Fn(&str) -> bool) {
    // Rust's `$` is ECMA-262's: the end of the text, and no line end before it.
    let pattern = Regex::new(pattern).expect("a pattern");
    let mut accepted = 0;
    let mut runner =
        TestRunner::new(Config { cases: 20_000, failure_persistence: None, ..Config::default() });
    runner
        .run(&strings, |text| {
            prop_assert_eq!(accepts(&text), pattern.is_match(&text), "{:?}", text);
            Ok(())
        })
        .expect("they agree");
    let mut runner = TestRunner::deterministic();
    for _ in 0..2_000 {
        let text = strings.new_tree(&mut runner).expect("a string").current();
        accepted += usize::from(accepts(&text));
    }
    assert!((20..1_980).contains(&accepted), "both answers are common: {accepted} of 2000");
}

#[test]
fn media_types() {
    let pieces = &[
        "image",
        "png",
        "/",
        ";",
        " ",
        "=",
        "\"",
        "\\",
        "a",
        "+",
        "text/plain",
        "; charset=utf-8",
        ";a=\"b c\"",
        "ä",
        "\t",
    ];
    agree(MEDIA_TYPE.pattern, near(pieces), |text| media_type_or_empty(text).is_ok());
}

#[test]
fn labels() {
    let pieces = &[
        "a", "ß", "图", " ", "\"", "\u{0}", "\u{1f}", "\u{7f}", "\u{85}", "\u{a0}", "word", "another", "/",
        ".",
    ];
    agree(LABEL.pattern, near(pieces), |text| printable(text).is_ok());
}

#[test]
fn dispositions() {
    let pieces = &[
        "inline",
        "attachment",
        ";",
        "; ",
        " ",
        "filename",
        "=",
        "*",
        "\"",
        "\\",
        "a.txt",
        "UTF-8''",
        "%C3",
        "%",
        "; filename=\"a b\"",
        ";filename*=UTF-8''a%20b",
        "attachment; filename=a",
    ];
    agree(DISPOSITION.pattern, near(pieces), |text| Disposition::parse(text).is_some());
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    /// What the surface lets pass, the rooms behind it can hold.
    #[test]
    fn what_passes_the_surface_is_a_domain_value(text in near(&["image", "png", "/", ";", "a", "=", "\"", " ", "ä", "b"])) {
        if media_type_or_empty(&text).is_ok() {
            prop_assert!(MediaType::parse(&text).is_some(), "{:?}", text);
        }
        if printable(&text).is_ok() && !text.is_empty() {
            prop_assert!(FileName::parse(&text).is_some());
        }
    }

    /// What we put into an address for a name, we accept from it, within the bound.
    #[test]
    fn the_disposition_of_any_name_is_in_the_grammar(name in "[^\\p{Cc}]{1,255}") {
        let name = FileName::parse(&name).expect("a name");
        let disposition = format!("attachment{}", name.disposition_parameters());
        prop_assert!(Disposition::parse(&disposition).is_some(), "{}", disposition);
        prop_assert!(disposition.chars().count() as u64 <= DISPOSITION.max);
    }
}
