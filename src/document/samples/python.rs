//! Python, with the `requests` package.

use serde_json::{Value, json};

use super::{Answer, Body, FILE, Request};

pub(super) fn write(request: &Request<'_>) -> String {
    let mut arguments = vec![format!("{},\n", json!(request.url))];
    if !request.headers.is_empty() {
        let headers: String = request
            .headers
            .iter()
            .map(|(name, value)| format!("    {}: {},\n", json!(name), json!(value)))
            .collect();
        arguments.push(format!("headers={{\n{headers}}},\n"));
    }
    match &request.body {
        Body::Nothing => {}
        Body::File => arguments.push("data=file,\n".to_owned()),
        Body::Json(body) => arguments.push(format!("json={},\n", literal(body))),
    }
    let arguments = indented(&arguments.concat());
    let call = format!("response = requests.{}(\n{arguments})\n", request.method.to_lowercase());
    let call = match request.body {
        Body::File => format!("with open(\"{FILE}\", \"rb\") as file:\n{}", indented(&call)),
        _ => call,
    };
    let after = match request.answer {
        Answer::Nothing => String::new(),
        Answer::Json => "print(response.json())\n".to_owned(),
        Answer::Headers => "print(response.headers)\n".to_owned(),
        Answer::File => format!("with open(\"{FILE}\", \"wb\") as file:\n    file.write(response.content)\n"),
    };
    format!("import requests\n\n{call}response.raise_for_status()\n{after}")
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Array(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members: String = members
                .iter()
                .map(|(name, value)| format!("    {}: {},\n", json!(name), literal(value)))
                .collect();
            format!("{{\n{members}}}")
        }
        Value::Number(_) | Value::String(_) => value.to_string(),
    }
}
