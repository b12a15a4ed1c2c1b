//! File names: what they become in a header is one header, in our own grammar, and says the whole name.

use percent_encoding::percent_decode_str;
use teable_attachments::api::attachments::read::Disposition;
use teable_attachments::api::text::{DISPOSITION, LABEL, printable};
use teable_attachments::domain::FileName;

/// Runs the target on one input. Skips an input that is not UTF-8.
///
/// # Panics
/// If a property does not hold.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Some(name) = FileName::parse(text) else {
        assert!(text.is_empty() || printable(text).is_err(), "{text:?}");
        return;
    };
    assert_eq!(name.as_str(), text);
    let parameters = name.disposition_parameters();
    assert!(parameters.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{parameters:?}");
    for kind in ["inline", "attachment"] {
        assert!(Disposition::parse(&format!("{kind}{parameters}")).is_some(), "{parameters:?}");
    }
    if text.chars().count() as u64 <= LABEL.max {
        assert!(format!("attachment{parameters}").chars().count() as u64 <= DISPOSITION.max);
    }
    let told = if let Some((_, extended)) = parameters.split_once("; filename*=UTF-8''") {
        percent_decode_str(extended).decode_utf8().expect("UTF-8").into_owned()
    } else {
        let quoted = parameters.strip_prefix("; filename=\"").and_then(|rest| rest.strip_suffix('"'));
        quoted.expect("a quoted string").to_owned()
    };
    assert_eq!(told, text);
}
