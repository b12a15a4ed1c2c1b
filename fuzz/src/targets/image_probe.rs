//! The width and height that the beginning of an image says: no answer is better than a wrong one, and none costs more than a look.

use teable_attachments::service::probe;

/// Runs the target on one input.
///
/// # Panics
/// If a property does not hold.
pub fn run(prefix: &[u8]) {
    let size = probe(prefix).map(|size| (size.width, size.height));
    assert_eq!(probe(prefix).map(|size| (size.width, size.height)), size);
    let Some(size) = size else { return };
    // PNG, third edition, section 11.2.1; GIF89a, section 18.
    if let Some(rest) = prefix.strip_prefix(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR") {
        let number = |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().expect("four bytes"));
        assert_eq!(size, (number(0), number(4)));
    } else if let Some(rest) = prefix.strip_prefix(b"GIF89a").or_else(|| prefix.strip_prefix(b"GIF87a")) {
        let number = |at: usize| u32::from(u16::from_le_bytes([rest[at], rest[at + 1]]));
        assert_eq!(size, (number(0), number(2)));
    }
}
