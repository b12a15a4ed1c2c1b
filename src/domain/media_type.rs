//! Media types (RFC 9110, section 8.3.1), and what may be done with a file of each.

use std::fmt;

/// A media type that can stand in a header as it is.
#[derive(Clone, Debug)]
pub struct MediaType(String);

/// What a browser shows without running anything of it. Any other type is only ever saved: SVG, HTML, XML and PDF can
/// carry scripts.
const INERT: [&str; 22] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/avif",
    "image/bmp",
    "image/tiff",
    "image/x-icon",
    "image/vnd.microsoft.icon",
    "image/heic",
    "image/heif",
    "audio/mpeg",
    "audio/ogg",
    "audio/wav",
    "audio/webm",
    "audio/mp4",
    "audio/aac",
    "audio/flac",
    "video/mp4",
    "video/webm",
    "video/ogg",
    "text/plain",
];

impl MediaType {
    /// The type of bytes of which nothing is known.
    pub const UNKNOWN: &'static str = "application/octet-stream";

    /// The media type that `text` is, if it is printable ASCII with something on both sides of a slash. Empty text, which
    /// browsers send for a file that they do not know, is [`MediaType::UNKNOWN`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(Self::UNKNOWN.to_owned()));
        }
        let (kind, subtype) = essence(text).split_once('/')?;
        let sendable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        (sendable && !kind.is_empty() && !subtype.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The whole type, with its parameters, as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a file of this type can be shown without running anything of it. A browser that finds a comma outside of quotes takes what
    /// stands behind it for the type (the Fetch standard's "extract a MIME type"), so nothing with a comma is.
    #[must_use]
    pub fn is_inert(&self) -> bool {
        !self.0.contains(',') && INERT.iter().any(|inert| inert.eq_ignore_ascii_case(essence(&self.0)))
    }

    /// Whether any page may show or play a file of this type in itself: pictures (of which no script runs there), sound, film and text.
    #[must_use]
    pub fn is_medium(&self) -> bool {
        self.is_inert() || self.is_image()
    }

    /// Whether a file of this type has a width and a height.
    #[must_use]
    pub fn is_image(&self) -> bool {
        essence(&self.0).get(..6).is_some_and(|start| start.eq_ignore_ascii_case("image/"))
    }

    /// Whether `claimed`, the `Content-Type` of an upload, is this type. `application/octet-stream` claims nothing;
    /// parameters and case say nothing of what the bytes are.
    #[must_use]
    pub fn accepts(&self, claimed: &str) -> bool {
        let claimed = essence(claimed);
        claimed.eq_ignore_ascii_case(essence(&self.0)) || claimed.eq_ignore_ascii_case(Self::UNKNOWN)
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim_matches(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media_type(text: &str) -> MediaType {
        MediaType::parse(text).expect("a media type")
    }

    #[test]
    fn active_types_are_not_inert() {
        for active in [
            "image/svg+xml",
            "text/html",
            "application/pdf",
            "application/xhtml+xml",
            "text/html;a=b",
            "image/png;a=b,text/html",
            "image/png, text/html",
        ] {
            assert!(!media_type(active).is_inert(), "{active}");
        }
        assert!(media_type("IMAGE/PNG").is_inert());
        assert!(media_type("text/plain; charset=utf-8").is_inert());
    }

    #[test]
    fn a_script_is_no_medium() {
        for other in
            ["text/javascript", "application/javascript", "text/css", "text/html", "multipart/mixed", ""]
        {
            assert!(!media_type(other).is_medium(), "{other}");
        }
        assert!(media_type("image/svg+xml").is_medium() && media_type("video/mp4").is_medium());
    }

    #[test]
    fn an_upload_claims_the_signed_type_or_nothing() {
        let signed = media_type("text/plain; charset=utf-8");
        assert!(signed.accepts("Text/Plain"));
        assert!(signed.accepts("application/octet-stream"));
        assert!(!signed.accepts("text/html"));
    }

    #[test]
    fn what_could_not_stand_in_a_header_is_no_media_type() {
        for text in ["a", "/b", "a/", "a/b\r\nc: d", "a/\u{e9}"] {
            assert!(MediaType::parse(text).is_none(), "{text}");
        }
        assert_eq!(media_type("").as_str(), MediaType::UNKNOWN);
    }
}
