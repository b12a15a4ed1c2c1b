//! The name under which a file is offered for saving.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// A file's name: not empty, and no control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName(String);

/// What RFC 8187 lets stand as it is: `attr-char` of section 3.2.1.
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

impl FileName {
    /// The name that `text` is, if it is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (!text.is_empty() && !text.chars().any(char::is_control)).then(|| Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parameters of a `Content-Disposition` (RFC 6266, section 4.3) that offer this name: `filename` in ASCII for
    /// old readers and, where that does not say it all, `filename*` in UTF-8.
    #[must_use]
    pub fn disposition_parameters(&self) -> String {
        let ascii: String = self
            .0
            .chars()
            .map(|c| match c {
                // Readers disagree on escapes in quoted strings (RFC 6266, appendix D).
                '"' | '\\' | '%' => '_',
                ' '..='~' => c,
                _ => '_',
            })
            .collect();
        if ascii == self.0 {
            format!("; filename=\"{ascii}\"")
        } else {
            format!(
                "; filename=\"{ascii}\"; filename*=UTF-8''{}",
                utf8_percent_encode(&self.0, NOT_ATTR_CHAR)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(name: &str) -> String {
        FileName::parse(name).expect("a name").disposition_parameters()
    }

    #[test]
    fn a_plain_name_needs_no_extended_parameter() {
        assert_eq!(offered("photo 1.png"), "; filename=\"photo 1.png\"");
    }

    #[test]
    fn any_other_name_is_given_in_utf_8_too() {
        assert_eq!(
            offered("Übung \"ß\" 图.pdf"),
            "; filename=\"_bung ___ _.pdf\"; filename*=UTF-8''%C3%9Cbung%20%22%C3%9F%22%20%E5%9B%BE.pdf"
        );
    }

    #[test]
    fn control_characters_make_no_name() {
        assert_eq!(FileName::parse("a\r\nSet-Cookie: b"), None);
        assert_eq!(FileName::parse(""), None);
    }
}
