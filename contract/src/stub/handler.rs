//! One operation as a module, and as the lines that mount it, ask the port for it, and stand in for that.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::names::{literal, pascal, snake};
use super::types::{Existing, Types, docs};
use super::{Idiom, Mount, Piece, Stub, lines};
use crate::finding::Operation;
use crate::grammar::Object;
use crate::pointer::At;
use crate::reference::settle;

/// What an operation answers when it succeeds.
pub(super) struct Success {
    pub(super) status: String,
    description: String,
    pub(super) body: Option<(String, String)>,
    /// Each header and what it means.
    pub(super) headers: Vec<(String, Option<String>)>,
}

/// Writes the stub of an operation. Of the types that it needs, those that `existing` knows are used.
pub(super) fn write(
    document: &Value,
    operation: &Operation,
    idiom: &Idiom,
    existing: &dyn Fn(&str) -> Option<Existing>,
    has_answer: &dyn Fn(&str) -> bool,
) -> Option<Stub> {
    let method = operation.method.to_lowercase();
    let node = document["paths"][&operation.path].get(&method)?;
    let id =
        node["operationId"].as_str().map_or_else(|| format!("{method} {}", operation.path), str::to_owned);
    let kind = pascal(&id);
    let mut types = Types {
        document,
        existing,
        present: idiom.present,
        imports: Vec::new(),
        foreign: Vec::new(),
        items: Vec::new(),
        by_hand: Vec::new(),
        names: ["Path", "Query", "Body", "Answer"].map(|part| format!("{kind}{part}")).into(),
    };
    let parts = Parts::read(document, operation, node, idiom, &id, has_answer, &mut types);
    let text = handler_text(document, operation, node, &parts, &mut types, idiom);
    let text = module_text(operation, idiom, &types, &parts.pieces, &text);
    let handler = parts.handler.trim_start_matches("r#").to_owned();
    let named = |text: &str| text.replace("{module}", &handler).replace("{handler}", &parts.handler);
    let mount = Mount::Line(named(idiom.mount.text));
    let lines = lines::lines(document, operation, &parts, idiom, &mut types);
    let mut by_hand = types.by_hand;
    by_hand.sort();
    by_hand.dedup();
    let path = operation.path.clone();
    Some(Stub { module: handler.clone(), text, mount, lines, by_hand, types: types.names, path, handler })
}

/// What an operation is made of.
pub(super) struct Parts<'a> {
    /// What its handler is given, each with its type.
    pub(super) pieces: Vec<(&'a Piece, String)>,
    /// What `#[utoipa::path]` is told of the body.
    asked: Vec<String>,
    /// The structs of its parameters.
    structs: Vec<String>,
    pub(super) successes: Vec<Success>,
    /// The types of its documented refusals.
    documented: Vec<String>,
    /// Their statuses.
    pub(super) refusals: Vec<&'a str>,
    kind: String,
    pub(super) answer: Answer,
    /// The security schemes that it asks for.
    secured: Option<Vec<&'a str>>,
    /// The function, and its module.
    pub(super) handler: String,
}

impl<'a> Parts<'a> {
    fn read(
        document: &'a Value,
        operation: &Operation,
        node: &'a Value,
        idiom: &'a Idiom,
        id: &str,
        has_answer: &dyn Fn(&str) -> bool,
        types: &mut Types<'_>,
    ) -> Self {
        let mut parts = Self {
            pieces: Vec::new(),
            asked: Vec::new(),
            structs: Vec::new(),
            successes: Vec::new(),
            documented: Vec::new(),
            refusals: Vec::new(),
            kind: pascal(id),
            answer: Answer { ty: "()".to_owned(), own: false },
            secured: secured(document, node),
            handler: snake(id),
        };
        match parts.secured.as_deref() {
            None => {}
            Some([scheme]) if *scheme == idiom.scheme => parts.pieces.push((&idiom.caller, String::new())),
            Some(_) => {
                let what = "the credentials: they are not those that the other operations ask for";
                types.by_hand.push(what.to_owned());
            }
        }
        parts.parameters(document, &document["paths"][&operation.path], node, idiom, types);
        if let Some(body) =
            node.get("requestBody").and_then(|body| follow(document, Object::RequestBody, body))
        {
            request_body(body, &parts.kind, types, &mut parts.pieces, &mut parts.asked, idiom);
        }
        parts.responses(document, node, idiom, has_answer, types);
        parts.answer = answer_type(&parts.kind, &parts.successes, types);
        parts
    }

    fn parameters(
        &mut self,
        document: &Value,
        item: &Value,
        node: &Value,
        idiom: &'a Idiom,
        types: &mut Types<'_>,
    ) {
        let all: Vec<&Value> = [&item["parameters"], &node["parameters"]]
            .into_iter()
            .flat_map(|list| list.as_array().into_iter().flatten())
            .filter_map(|parameter| follow(document, Object::Parameter, parameter))
            .collect();
        for (place, piece) in [("path", &idiom.path), ("query", &idiom.query)] {
            let here: Vec<&Value> =
                all.iter().copied().filter(|parameter| parameter["in"] == place).collect();
            if !here.is_empty() {
                let name = format!("{}{}", self.kind, pascal(place));
                types.parameters(&name, &pascal(place), &here);
                self.structs.push(name.clone());
                self.pieces.push((piece, name));
            }
        }
        for parameter in all {
            let (name, place) = (parameter["name"].as_str(), parameter["in"].as_str().unwrap_or_default());
            if !matches!(place, "path" | "query") {
                types.by_hand.push(format!("the parameter `{}` in the {place}", name.unwrap_or_default()));
            }
        }
    }

    fn responses(
        &mut self,
        document: &Value,
        node: &'a Value,
        idiom: &Idiom,
        has_answer: &dyn Fn(&str) -> bool,
        types: &mut Types<'_>,
    ) {
        for (status, stated) in node["responses"].as_object().into_iter().flatten() {
            let Some(response) = follow(document, Object::Response, stated) else { continue };
            let reference = stated["$ref"].as_str();
            let component = reference.and_then(|reference| reference.strip_prefix("#/components/responses/"));
            if status.starts_with(['2', '3']) {
                self.successes.push(success(document, status, response, &self.kind, types));
            } else if let Some(name) = component.filter(|name| has_answer(name)) {
                types.foreign.push(format!("{}::{name}", idiom.answers));
                self.documented.push(name.to_owned());
                self.refusals.push(status);
            } else {
                let answers = idiom.answers;
                types.by_hand.push(format!(
                    "the response {status}: no type of `{answers}` is called as its component"
                ));
            }
        }
    }
}

fn follow<'d>(document: &'d Value, object: Object, value: &'d Value) -> Option<&'d Value> {
    settle(document, object, At::root(), value).map(|(_, value)| value).ok()
}

/// What the port gives back.
pub(super) struct Answer {
    pub(super) ty: String,
    /// Whether it is an enum that the module has for it.
    pub(super) own: bool,
}

/// The schemes that an operation asks for; none if it asks for none.
fn secured<'d>(document: &'d Value, node: &'d Value) -> Option<Vec<&'d str>> {
    let security = node.get("security").or_else(|| document.get("security"))?.as_array()?;
    let schemes: Vec<&str> = security
        .iter()
        .flat_map(|one| one.as_object().into_iter().flatten())
        .map(|(name, _)| name.as_str())
        .collect();
    (!schemes.is_empty()).then_some(schemes)
}

fn request_body<'a>(
    body: &Value,
    kind: &str,
    types: &mut Types<'_>,
    pieces: &mut Vec<(&'a Piece, String)>,
    asked: &mut Vec<String>,
    idiom: &'a Idiom,
) {
    let content = body["content"].as_object();
    let json = content.and_then(|content| content.get("application/json"));
    if body["required"] != Value::Bool(true) {
        types.by_hand.push("the body, which need not be there".to_owned());
    }
    let Some(schema) = json
        .and_then(|json| json.get("schema"))
        .filter(|_| content.is_some_and(|content| content.len() == 1))
    else {
        types.by_hand.push("the body, which is not JSON alone".to_owned());
        return;
    };
    let (ty, named) = types.body(schema, &format!("{kind}Body"));
    if ty.contains('<') || matches!(ty.as_str(), "String" | "bool" | "i32" | "i64" | "f64") {
        types.by_hand.push("the body, which is not an object with properties".to_owned());
    }
    let mut said = vec![format!("content = {named}")];
    said.extend(body["description"].as_str().map(|text| format!("description = {}", literal(text))));
    if let Some(example) = json.and_then(|json| json.get("example")) {
        said.push(format!("example = json!({example})"));
    }
    asked.push(if said.len() == 1 {
        format!("request_body = {named}")
    } else {
        format!("request_body({})", said.join(", "))
    });
    pieces.push((&idiom.body, ty));
}

fn success(document: &Value, status: &str, response: &Value, kind: &str, types: &mut Types<'_>) -> Success {
    let content = response["content"].as_object();
    let json =
        content.and_then(|content| content.get("application/json")).and_then(|json| json.get("schema"));
    if content.is_some_and(|content| content.len() > 1 || (json.is_none() && !content.is_empty())) {
        types.by_hand.push(format!("the body of the response {status}, which is not JSON alone"));
    }
    let headers = response["headers"].as_object().into_iter().flatten().map(|(name, header)| {
        let header =
            settle(document, Object::Header, At::root(), header).map_or(header, |(_, header)| header);
        let plain = header["schema"]
            .as_object()
            .is_some_and(|schema| schema.len() == 1 && schema["type"] == "string");
        if !plain || header.get("example").is_some() || header.get("required").is_some() {
            types
                .by_hand
                .push(format!("the header `{name}` of the response {status}, which is more than a string"));
        }
        (name.clone(), header["description"].as_str().map(str::to_owned))
    });
    let headers = headers.collect();
    Success {
        status: status.to_owned(),
        description: response["description"].as_str().unwrap_or_default().to_owned(),
        body: json.map(|schema| types.body(schema, &format!("{kind}{}", reason(status)))),
        headers,
    }
}

/// What stands behind the port's method: a type of the spec if that is enough, else an enum of the answers that there are.
fn answer_type(kind: &str, successes: &[Success], types: &mut Types<'_>) -> Answer {
    match successes {
        [Success { headers, body, .. }] if headers.is_empty() => {
            Answer { ty: body.as_ref().map_or_else(|| "()".to_owned(), |(ty, _)| ty.clone()), own: false }
        }
        [] => {
            types.by_hand.push("the answer: the spec documents no success".to_owned());
            Answer { ty: "()".to_owned(), own: false }
        }
        successes => {
            let ty = format!("{kind}Answer");
            let mut variants = String::new();
            for success in successes {
                variants.push_str(&docs(Some(&success.description), "    "));
                let mut fields = String::new();
                for (name, meaning) in &success.headers {
                    fields.push_str(&docs(meaning.as_deref(), "        "));
                    fields.push_str(&format!("        {}: String,\n", snake(name)));
                }
                if let Some((body, _)) = &success.body {
                    fields.push_str(&format!("        /// The body.\n        body: {body},\n"));
                }
                let variant = reason(&success.status);
                variants.push_str(&if fields.is_empty() {
                    format!("    {variant},\n")
                } else {
                    format!("    {variant} {{\n{fields}    }},\n")
                });
            }
            types.items.push(format!(
                "/// What it comes to.\n#[derive(Clone, Debug, PartialEq)]\npub enum {ty} {{\n{variants}}}"
            ));
            Answer { ty, own: true }
        }
    }
}

/// The name of a status, as a variant and as the end of a type's name.
pub(super) fn reason(status: &str) -> String {
    let named = match status {
        "200" => "Ok",
        "201" => "Created",
        "202" => "Accepted",
        "203" => "NonAuthoritativeInformation",
        "204" => "NoContent",
        "205" => "ResetContent",
        "206" => "PartialContent",
        "207" => "MultiStatus",
        "301" => "MovedPermanently",
        "302" => "Found",
        "303" => "SeeOther",
        "304" => "NotModified",
        "307" => "TemporaryRedirect",
        "308" => "PermanentRedirect",
        other => return format!("Status{other}"),
    };
    named.to_owned()
}

/// The constant of `http::StatusCode` for it.
fn code(status: &str, types: &mut Types<'_>) -> String {
    let name = reason(status);
    if name.starts_with("Status") {
        types.by_hand.push(format!("the status {status}"));
        return "StatusCode::OK".to_owned();
    }
    format!("StatusCode::{}", snake(&name).to_uppercase())
}

fn handler_text(
    document: &Value,
    operation: &Operation,
    node: &Value,
    parts: &Parts<'_>,
    types: &mut Types<'_>,
    idiom: &Idiom,
) -> String {
    let mut said: Vec<String> = Vec::new();
    said.extend(node["operationId"].as_str().map(|id| format!("operation_id = {}", literal(id))));
    let tags: Vec<String> =
        node["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).map(literal).collect();
    match tags.as_slice() {
        [] => {}
        [tag] => said.push(format!("tag = {tag}")),
        tags => said.push(format!("tags = [{}]", tags.join(", "))),
    }
    said.extend(node["description"].as_str().map(|text| format!("description = {}", literal(text))));
    if !parts.structs.is_empty() {
        said.push(format!("params({})", parts.structs.join(", ")));
    }
    said.extend(parts.asked.iter().cloned());
    let mut responses: Vec<String> = Vec::new();
    for success in &parts.successes {
        let mut one = vec![
            format!("status = {}", success.status),
            format!("description = {}", literal(&success.description)),
        ];
        one.extend(success.body.as_ref().map(|(_, named)| format!("body = {named}")));
        if !success.headers.is_empty() {
            let headers = success.headers.iter().map(|(name, meaning)| {
                let meaning = meaning
                    .as_ref()
                    .map_or_else(String::new, |text| format!(", description = {}", literal(text)));
                format!("({} = String{meaning})", literal(name))
            });
            one.push(format!("headers({})", headers.collect::<Vec<_>>().join(", ")));
        }
        responses.push(format!("        ({}),", one.join(", ")));
    }
    if !parts.documented.is_empty() {
        responses.push(format!("        {},", parts.documented.join(", ")));
    }
    said.push(format!("responses(\n{}\n    )", responses.join("\n")));
    if let Some(schemes) = &parts.secured {
        let schemes: Vec<String> =
            schemes.iter().map(|scheme| format!("({} = [])", literal(scheme))).collect();
        said.push(format!("security({})", schemes.join(", ")));
    } else if document["security"].as_array().is_some_and(|security| !security.is_empty()) {
        types.by_hand.push("`security: []`".to_owned());
    }
    for keyword in ["deprecated", "externalDocs", "callbacks", "servers"] {
        if node.get(keyword).is_some() {
            types.by_hand.push(format!("`{keyword}` of the operation"));
        }
    }
    let mut arguments: Vec<String> = std::iter::once(idiom.port.argument.to_owned())
        .chain(parts.pieces.iter().map(|(piece, ty)| filled(piece.argument, ty)))
        .collect();
    // Path and query may be read from one argument.
    let mut seen = BTreeSet::new();
    arguments.retain(|argument| seen.insert(argument.clone()));
    let statements: String = parts
        .pieces
        .iter()
        .filter(|(piece, _)| !piece.statement.is_empty())
        .map(|(piece, ty)| format!("    {}\n", filled(piece.statement, ty)))
        .collect();
    let passed: Vec<&str> = parts.pieces.iter().map(|(piece, _)| piece.passed).collect();
    let call = format!("{}.{}({}).await?", idiom.port.passed, parts.handler, passed.join(", "));
    let answer = answering(parts, &call, types);
    format!(
        "{}#[utoipa::path(\n    {},\n)]\n#[{}({})]\npub async fn {}({}) -> Result<HttpResponse, Problem> {{\n{statements}{answer}}}\n",
        docs(node["summary"].as_str(), ""),
        said.join(",\n    "),
        operation.method.to_lowercase(),
        literal(&operation.path),
        parts.handler,
        arguments.join(", "),
    )
}

/// The statements that turn what the port gave back into an answer.
fn answering(parts: &Parts<'_>, call: &str, types: &mut Types<'_>) -> String {
    if !parts.answer.own {
        let status = parts.successes.first().map_or("204", |success| &success.status);
        let status = code(status, types);
        return if parts.answer.ty == "()" {
            format!("    {call};\n    Ok(HttpResponse::build({status}).finish())\n")
        } else {
            format!("    let answer = {call};\n    Ok(HttpResponse::build({status}).json(answer))\n")
        };
    }
    let mut arms = String::new();
    for success in &parts.successes {
        let mut fields: Vec<String> = success.headers.iter().map(|(name, _)| snake(name)).collect();
        fields.extend(success.body.is_some().then(|| "body".to_owned()));
        let fields = if fields.is_empty() { String::new() } else { format!(" {{ {} }}", fields.join(", ")) };
        let headers: String = success
            .headers
            .iter()
            .map(|(name, _)| format!(".insert_header(({}, {}))", literal(name), snake(name)))
            .collect();
        let end = if success.body.is_some() { "json(body)" } else { "finish()" };
        arms.push_str(&format!(
            "        {}Answer::{}{fields} => HttpResponse::build({}){headers}.{end},\n",
            parts.kind,
            reason(&success.status),
            code(&success.status, types)
        ));
    }
    format!("    Ok(match {call} {{\n{arms}    }})\n")
}

fn module_text(
    operation: &Operation,
    idiom: &Idiom,
    types: &Types<'_>,
    pieces: &[(&Piece, String)],
    handler: &str,
) -> String {
    let mut imports: BTreeSet<String> = types.imports.iter().map(|import| (*import).to_owned()).collect();
    let method = operation.method.to_lowercase();
    imports.extend([
        "actix_web::HttpResponse".to_owned(),
        "actix_web::http::StatusCode".to_owned(),
        format!("actix_web::{method}"),
    ]);
    let mut ours: BTreeSet<String> = idiom.port.imports.iter().map(|import| (*import).to_owned()).collect();
    for import in pieces.iter().flat_map(|(piece, _)| piece.imports) {
        let external = import.starts_with("actix_web::") || import.starts_with("std::");
        if external {
            imports.insert((*import).to_owned())
        } else {
            ours.insert((*import).to_owned())
        };
    }
    // Where a field takes what may not be `null`.
    let text = types.items.join("\n\n");
    ours.extend(text.contains(idiom.present).then(|| idiom.present_import.to_owned()));
    ours.extend(types.foreign.iter().cloned());
    let header = format!(
        "//! `{operation}`: a stub, made from the spec. It refuses until the port's method is written.\n"
    );
    format!("{header}\n{}\n{}\n{text}\n\n{handler}", uses(&imports), uses(&ours))
}

/// The imports, one line for each module.
fn uses(imports: &BTreeSet<String>) -> String {
    let mut modules: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (module, name) in imports.iter().filter_map(|import| import.rsplit_once("::")) {
        modules.entry(module).or_default().push(name);
    }
    let line = |(module, names): (&str, Vec<&str>)| match names.as_slice() {
        [name] => format!("use {module}::{name};\n"),
        names => format!("use {module}::{{{}}};\n", names.join(", ")),
    };
    modules.into_iter().map(line).collect()
}

pub(super) fn filled(template: &str, ty: &str) -> String {
    template.replace("{type}", ty)
}
