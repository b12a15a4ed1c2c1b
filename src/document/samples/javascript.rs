//! `fetch`, in a browser and with Node.js.

use serde_json::json;

use super::{Answer, Body, FILE, Request};

pub(super) fn in_a_browser(request: &Request<'_>) -> String {
    let file = "const file = document.querySelector('input[type=\"file\"]').files[0];\n\n";
    let before = if matches!(request.body, Body::File) { file } else { "" };
    let after = match request.answer {
        Answer::File => {
            "const image = new Image();\nimage.src = URL.createObjectURL(await response.blob());\ndocument.body.append(image);\n"
        }
        other => printed(other),
    };
    format!("{before}{}{after}", call(request, "file"))
}

pub(super) fn in_node(request: &Request<'_>) -> String {
    let before = match (&request.body, request.answer) {
        (Body::File, _) => "import { readFile } from 'node:fs/promises';\n\n",
        (_, Answer::File) => "import { writeFile } from 'node:fs/promises';\n\n",
        _ => "",
    };
    let save = format!("await writeFile('{FILE}', new Uint8Array(await response.arrayBuffer()));\n");
    let after = if request.answer == Answer::File { &save } else { printed(request.answer) };
    format!("{before}{}{after}", call(request, &format!("await readFile('{FILE}')")))
}

fn printed(answer: Answer) -> &'static str {
    match answer {
        Answer::Json => "console.log(await response.json());\n",
        Answer::Headers => "console.log(Object.fromEntries(response.headers));\n",
        Answer::Nothing | Answer::File => "",
    }
}

/// The call, whose body of bytes is the expression `file`.
fn call(request: &Request<'_>, file: &str) -> String {
    let mut options = Vec::new();
    if request.method != "GET" {
        options.push(format!("  method: {},\n", quoted(&request.method)));
    }
    if !request.headers.is_empty() {
        let headers: String = request
            .headers
            .iter()
            .map(|(name, value)| format!("    {}: {},\n", key(name), quoted(value)))
            .collect();
        options.push(format!("  headers: {{\n{headers}  }},\n"));
    }
    match &request.body {
        Body::Nothing => {}
        Body::File => options.push(format!("  body: {file},\n")),
        Body::Json(body) => {
            let members: String = super::members(body)
                .map(|(name, value)| {
                    format!(
                        "    {}: {},\n",
                        key(name),
                        value.as_str().map_or_else(|| value.to_string(), quoted)
                    )
                })
                .collect();
            options.push(format!("  body: JSON.stringify({{\n{members}  }}),\n"));
        }
    }
    let url = quoted(&request.url);
    let call = if options.is_empty() {
        format!("const response = await fetch({url});\n")
    } else {
        format!("const response = await fetch({url}, {{\n{}}});\n", options.concat())
    };
    format!("{call}if (!response.ok) throw new Error(`${{response.status}} ${{await response.text()}}`);\n")
}

fn key(name: &str) -> String {
    let is_identifier = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|character| character.is_ascii_alphanumeric());
    if is_identifier { name.to_owned() } else { quoted(name) }
}

fn quoted(text: &str) -> String {
    if text.contains(['\'', '\\']) || text.contains(char::is_control) {
        json!(text).to_string()
    } else {
        format!("'{text}'")
    }
}
