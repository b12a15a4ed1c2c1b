//! The lines that mount a stub, ask the port for it, and stand in for that.

use serde_json::Value;

use super::Idiom;
use super::handler::{Answer, Parts, Success, filled, reason};
use super::names::{literal, snake};
use super::types::Types;
use crate::finding::Operation;
use crate::pointer::escape;

/// The text of each of the idiom's edits.
pub(super) fn lines(
    document: &Value,
    operation: &Operation,
    parts: &Parts<'_>,
    idiom: &Idiom,
    types: &mut Types<'_>,
) -> Vec<String> {
    let module = parts.handler.trim_start_matches("r#");
    let node = &document["paths"][&operation.path][operation.method.to_lowercase()];
    let outside = |ty: &str| qualified(ty, types, &idiom.outside.replace("{module}", module));
    let takes: Vec<String> =
        parts.pieces.iter().map(|(piece, ty)| filled(piece.takes, &outside(ty))).collect();
    let answer_ty = outside(&parts.answer.ty);
    let samples: Vec<(String, Option<String>)> = parts
        .successes
        .iter()
        .map(|success| {
            let at = success.body.as_ref().and_then(|_| response_schema(operation, node, &success.status));
            let sample = at.and_then(|at| crate::conformance::sample(document, &at));
            if success.body.is_some() && sample.is_none() {
                types
                    .by_hand
                    .push(format!("the stand-in's answer {}: the spec gives no example", success.status));
            }
            (success.status.clone(), sample.map(|sample| sample.to_string()))
        })
        .collect();
    let body = stand_in_body(&parts.successes, &parts.answer, &answer_ty, &samples, idiom);
    let raised: Vec<String> = parts
        .refusals
        .iter()
        .filter_map(|status| idiom.raised.iter().find(|(own, _)| own == status))
        .map(|(_, raised)| (*raised).to_owned())
        .collect();
    let summary = node["summary"].as_str().unwrap_or("Does what the spec says of it");
    idiom
        .edits
        .iter()
        .map(|edit| {
            edit.text
                .replace("{module}", module)
                .replace("{handler}", &parts.handler)
                .replace("{summary}", summary)
                .replace("{takes}", &takes.iter().map(|takes| format!(", {takes}")).collect::<String>())
                .replace("{answer}", &answer_ty)
                .replace("{raised}", &raised.join(", "))
                .replace("{body}", &body)
        })
        .collect()
}

/// Where the schema of a response's JSON stands.
fn response_schema(operation: &Operation, node: &Value, status: &str) -> Option<String> {
    let at = if let Some(reference) = node["responses"][status]["$ref"].as_str() {
        reference.strip_prefix('#')?.to_owned()
    } else {
        let (path, method) = (escape(&operation.path), operation.method.to_lowercase());
        format!("/paths/{path}/{method}/responses/{status}")
    };
    Some(format!("{at}/content/application~1json/schema"))
}

/// What the stand-in answers: the spec's example, or each in turn if there are several answers.
fn stand_in_body(
    successes: &[Success],
    answer: &Answer,
    answer_ty: &str,
    samples: &[(String, Option<String>)],
    idiom: &Idiom,
) -> String {
    let read = |sample: &Option<String>| match sample {
        Some(sample) => idiom.example.replace("{json}", &literal(sample)),
        None => idiom.unwritten.to_owned(),
    };
    if !answer.own {
        return match samples {
            [(_, sample)] if answer.ty != "()" => read(sample),
            _ => "Ok(())".to_owned(),
        };
    }
    let mut arms = String::new();
    for (at, (success, (_, sample))) in successes.iter().zip(samples).enumerate() {
        let mut fields: Vec<String> = success
            .headers
            .iter()
            .map(|(name, _)| format!("{}: {}.to_owned()", snake(name), literal(header_example(name))))
            .collect();
        fields.extend(success.body.is_some().then(|| format!("body: {}?", read(sample))));
        let fields = if fields.is_empty() { String::new() } else { format!(" {{ {} }}", fields.join(", ")) };
        let pattern = if at + 1 == successes.len() { "_".to_owned() } else { at.to_string() };
        arms.push_str(&format!("{pattern} => {answer_ty}::{}{fields}, ", reason(&success.status)));
    }
    if successes.len() == 1 {
        return format!("Ok({})", arms.trim_start_matches("_ => ").trim_end_matches(", "));
    }
    format!("Ok(match {} % {} {{ {arms}}})", idiom.turn, successes.len())
}

/// What a client could be told in this header.
fn header_example(name: &str) -> &'static str {
    match name.to_ascii_lowercase().as_str() {
        "location" | "content-location" => "https://example.com/",
        "etag" => "\"xxxxxxxx\"",
        "retry-after" | "x-total-count" | "age" => "5",
        "cache-control" => "no-store",
        "last-modified" | "expires" => "Tue, 15 Nov 1994 12:45:26 GMT",
        _ => "xxxxxxxx",
    }
}

/// A type of the module as the rest of the app writes it.
fn qualified(ty: &str, types: &Types<'_>, outside: &str) -> String {
    let foreign = |name: &str| types.foreign.iter().find(|path| path.rsplit("::").next() == Some(name));
    let one = |name: &str| match name {
        "String" | "bool" | "i32" | "i64" | "f64" | "()" | "Vec" | "Option" => name.to_owned(),
        "BTreeMap" => "std::collections::BTreeMap".to_owned(),
        name => foreign(name).cloned().unwrap_or_else(|| format!("{outside}::{name}")),
    };
    let mut text = String::new();
    let mut word = String::new();
    for char in ty.chars().chain([' ']) {
        if char.is_alphanumeric() || char == '_' {
            word.push(char);
            continue;
        }
        if !word.is_empty() {
            text.push_str(&one(&std::mem::take(&mut word)));
        }
        text.push(char);
    }
    text.trim_end().to_owned()
}
