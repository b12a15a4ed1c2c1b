//! Media types: what may be shown is inert for a browser too, however it reads the header.

use actix_web::http::header::HeaderValue;
use teable_attachments::api::text::media_type_or_empty;
use teable_attachments::domain::MediaType;

/// Parts of the media types that a browser executes, or passes to a plug-in.
const ACTIVE: [&str; 8] = ["html", "xml", "svg", "pdf", "script", "flash", "wasm", "multipart"];

/// Runs the target on one input. Skips an input that is not UTF-8.
///
/// # Panics
/// If a property does not hold.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Some(media_type) = MediaType::parse(text) else {
        assert!(
            media_type_or_empty(text).is_err(),
            "the surface lets pass what the service refuses: {text:?}"
        );
        return;
    };
    let written = media_type.as_str();
    let value = HeaderValue::from_str(written).expect("it can stand in a header");
    assert!(value.to_str().is_ok(), "{written:?}");
    assert!(written.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{written:?}");
    assert_eq!(written, if text.is_empty() { MediaType::UNKNOWN } else { text });
    assert!(media_type.accepts(written) && media_type.accepts(MediaType::UNKNOWN));
    if media_type.is_inert() {
        for seen in extracted(written) {
            let seen = seen.to_ascii_lowercase();
            assert!(!ACTIVE.iter().any(|active| seen.contains(active)), "{written:?} is {seen:?}");
        }
    }
}

/// Every type that the Fetch standard's "extract a MIME type" could come to: the essence of each value between commas that stand in no
/// quoted string.
fn extracted(text: &str) -> Vec<String> {
    let (mut values, mut value) = (Vec::new(), String::new());
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                values.push(std::mem::take(&mut value));
                continue;
            }
            _ => {}
        }
        value.push(c);
    }
    values.push(value);
    values.iter().map(|value| value.split(';').next().unwrap_or_default().trim().to_owned()).collect()
}
