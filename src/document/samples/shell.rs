//! `curl`.

use super::{Answer, Body, FILE, Request};

pub(super) fn write(request: &Request<'_>) -> String {
    let mut words = vec!["curl -sS --fail-with-body".to_owned()];
    let implied = match request.body {
        Body::Nothing if request.method == "HEAD" => "-I",
        Body::Nothing if request.method == "GET" => "",
        Body::File if request.method == "PUT" => "",
        Body::Json(_) if request.method == "POST" => "",
        _ => &format!("-X {}", request.method),
    };
    if !implied.is_empty() {
        words[0].push_str(&format!(" {implied}"));
    }
    if request.answer == Answer::File {
        words[0].push_str(&format!(" -L -o {FILE}"));
    }
    if matches!(request.body, Body::File) {
        words[0].push_str(&format!(" -T {FILE}"));
    }
    words[0].push_str(&format!(" {}", quoted(&request.url)));
    for (name, value) in &request.headers {
        words.push(format!("-H {}", quoted(&format!("{name}: {value}"))));
    }
    if let Body::Json(body) = &request.body {
        words.push(format!("-d {}", quoted(&format!("{body:#}"))));
    }
    words.join(" \\\n  ")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
