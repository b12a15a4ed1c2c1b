//! The headers that choose a part of a file or none of it: `Range`, `If-Range`, `If-None-Match`, `If-Modified-Since`, a line of the
//! input each, through the real handlers.

use super::super::{ALPHABET, World, header};

const NAMES: [&str; 4] = ["range", "if-range", "if-none-match", "if-modified-since"];

thread_local! {
    static WORLD: World = World::start();
}

/// Runs the target on one input.
///
/// # Panics
/// If a property does not hold.
pub fn run(input: &[u8]) {
    let mut headers = Vec::new();
    for line in input.split(|byte| *byte == b'\n') {
        let Some(at) = line.iter().position(|byte| *byte == b':') else { continue };
        if let Some(name) = NAMES.iter().find(|name| name.as_bytes() == &line[..at]) {
            headers.push(((*name).to_owned(), line[at + 1..].trim_ascii().to_vec()));
        }
    }
    let expected = plain(&headers);
    let answer = WORLD.with(|world| world.ask("GET", &world.public.path, headers));
    let Some(answer) = answer else { return };
    match answer.status {
        200 => assert_eq!(answer.body, ALPHABET),
        206 => {
            let part = header(&answer, "content-range");
            let (first, last) = part
                .strip_prefix("bytes ")
                .and_then(|part| part.strip_suffix("/26"))
                .and_then(|part| part.split_once('-'))
                .unwrap_or_else(|| panic!("{part:?}"));
            let (first, last): (usize, usize) =
                (first.parse().expect("a number"), last.parse().expect("a number"));
            assert_eq!(answer.body, ALPHABET[first..=last]);
        }
        304 => assert!(answer.body.is_empty()),
        416 => assert_eq!(header(&answer, "content-range"), "bytes */26"),
        other => panic!("{other}: {answer:?}"),
    }
    if let Some((first, last)) = expected {
        let part = ALPHABET.get(first..=last.min(25)).filter(|part| !part.is_empty());
        let expected = part.map_or((416, None), |part| (206, Some(part)));
        assert_eq!((answer.status, part.map(|_| &answer.body[..])), expected);
    }
}

/// The one range that the headers ask for, if that is all they do and it is written plainly.
fn plain(headers: &[(String, Vec<u8>)]) -> Option<(usize, usize)> {
    let [(name, value)] = headers else { return None };
    let value = std::str::from_utf8(value).ok().filter(|_| name == "range")?;
    let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| {
        let plain = (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse::<usize>().ok()).flatten()
    };
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some((first, last))
}
