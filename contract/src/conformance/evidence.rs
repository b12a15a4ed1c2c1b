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
        Ok(text) if text.len() <= LONGEST && !text.chars().any(char::is_control) => quote(text),
        Ok(text) => escaped(&text.chars().take(LONGEST).collect::<String>(), text.len()),
        Err(_) => format!("({} bytes that are no text)", bytes.len()),
    }
}

fn escaped(text: &str, length: usize) -> String {
    let shown: String = text
        .chars()
        .flat_map(|char| {
            if char.is_control() || char == '\'' { char.escape_default().collect() } else { vec![char] }
        })
        .collect();
    let mark = if text.len() < length { format!("… ({length} bytes)") } else { String::new() };
    format!("$'{shown}'{mark}")
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
    let text = String::from_utf8_lossy(&answer.body);
    if !text.is_empty() {
        let shown: String =
            text.chars().take(LONGEST).map(|char| if char.is_control() { ' ' } else { char }).collect();
        parts.push(if shown.len() < text.len() { format!("{shown}…") } else { shown });
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
