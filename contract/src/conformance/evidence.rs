//! Requests and answers as people read and repeat them.

use super::{Answer, Request};

/// Longer bodies are cut.
const LONGEST: usize = 200;

/// The request as a command line. A cut or binary body is marked, since it cannot be pasted.
pub(super) fn curl(request: &Request) -> String {
    let mut line =
        format!("curl -i{} {}", method(request), quote(&format!("http://localhost{}", request.target)));
    for (name, value) in &request.headers {
        let header = format!("{name}: {}", String::from_utf8_lossy(value));
        // What has no value behind its colon, curl takes for a header to leave out.
        let header = if value.is_empty() { format!("{name};") } else { header };
        line.push_str(&format!(" -H {}", quote(&header)));
    }
    if !request.body.is_empty() {
        line.push_str(&format!(" --data-binary {}", body(&request.body)));
    }
    line
}

fn method(request: &Request) -> String {
    match (request.method.as_str(), request.body.is_empty()) {
        ("GET", true) | ("POST", false) => String::new(),
        ("HEAD", _) => " --head".to_owned(),
        (method, _) => format!(" -X {method}"),
    }
}

fn body(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.len() <= LONGEST && text.chars().all(is_plain) => quote(text),
        Ok(text) => escaped(text),
        Err(_) => format!("({} bytes that are no text)", bytes.len()),
    }
}

/// Whether a reader sees the character for what it is.
fn is_plain(char: char) -> bool {
    char == ' ' || char.is_ascii_graphic() || char.is_alphanumeric()
}

/// As one word of bash, with what cannot be seen as an escape, and the rest of a long text as a count.
fn escaped(text: &str) -> String {
    let mut shown = String::new();
    for char in text.chars().take(LONGEST) {
        match char {
            '\'' | '\\' => shown.extend(['\\', char]),
            char if is_plain(char) => shown.push(char),
            char => shown.push_str(&format!("\\U{:08x}", u32::from(char))),
        }
    }
    let mark = if text.chars().nth(LONGEST).is_some() {
        format!("… ({} bytes)", text.len())
    } else {
        String::new()
    };
    format!("$'{shown}'{mark}")
}

/// The text with what cannot be seen as an escape, and the rest of a long one as a count.
pub(super) fn shown(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for char in text.chars().take(most) {
        if is_plain(char) {
            shown.push(char);
        } else {
            shown.extend(char.escape_unicode());
        }
    }
    match text.chars().count() {
        count if count > most => format!("{shown}… ({count} characters)"),
        _ => shown,
    }
}

/// As one word of a shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The answer in one line.
pub(super) fn answered(answer: &Answer) -> String {
    let header = |name: &str| {
        let (_, value) = answer.headers.iter().find(|(other, _)| other == name)?;
        Some(format!("{name}: {}", String::from_utf8_lossy(value)))
    };
    let mut parts = vec![answer.status.to_string()];
    parts.extend(["content-type", "allow", "location"].into_iter().filter_map(header));
    if !answer.body.is_empty() {
        parts.push(shown(&String::from_utf8_lossy(&answer.body), LONGEST));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_can_be_pasted() {
        let request = Request {
            method: "POST".to_owned(),
            target: "/books?x=%27".to_owned(),
            headers: vec![("X-It".to_owned(), b"it's".to_vec()), ("X-None".to_owned(), Vec::new())],
            body: b"{\"a\":\"it's\"}".to_vec(),
        };
        assert_eq!(
            curl(&request),
            r#"curl -i 'http://localhost/books?x=%27' -H 'X-It: it'\''s' -H 'X-None;' --data-binary '{"a":"it'\''s"}'"#
        );
        let bare = Request { body: Vec::new(), headers: Vec::new(), ..request };
        assert_eq!(curl(&bare), "curl -i -X POST 'http://localhost/books?x=%27'");
    }
}
