//! How each kind of finding reads, to the letter: `tests/reports/NAME.txt`. With `UPDATE_REPORTS=1` the files are
//! written anew; read the difference before you keep it.

#![allow(clippy::semicolon_if_nothing_returned, reason = "a table of closures")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use support::{check, drawn, with};

/// A change to the fixture, on one of its sides.
enum Change {
    Spec(&'static str, &'static str),
    Text(&'static str),
    Drawn(fn(&mut Value)),
}

use Change::{Drawn, Spec, Text};

const CASES: &[(&str, Change)] = &[
    // What is wrong with a spec on its own.
    ("syntax", Spec("  /shelf:\n", "  /shelf: [\n")),
    ("empty", Text("# nothing\n")),
    ("duplicate-key", Spec("    put:\n", "    put:\n      operationId: sort\n")),
    ("not-json", Spec("x-desk: 4", "x-desk: .inf")),
    ("second-document", Spec("x-tail: [1, 2]", "---\nx-tail: [1, 2]")),
    ("version", Spec("openapi: 3.0.3", "openapi: 3.1.0")),
    ("unknown-key", Spec("          required: [id]\n", "          colour: red\n")),
    ("unknown-key-misspelt", Spec("required: [inner, name]", "requred: [inner, name]")),
    ("word-of-3.1", Spec("description: How it is bound", "const: paper")),
    ("missing-key", Spec("'204': {description: It is gone}", "'204': {}")),
    ("invalid-value", Spec("maxItems: 3", "maxItems: -3")),
    ("invalid-status", Spec("        '409':", "        '4O9':")),
    (
        "ignored-beside-reference",
        Spec(
            "items: {$ref: '#/components/schemas/Book'}",
            "items: {$ref: '#/components/schemas/Book', maxLength: 3}",
        ),
    ),
    ("ignored-key", Spec("      style: label\n", "      allowReserved: true\n")),
    ("not-unique", Spec("operationId: sortShelf", "operationId: getBook")),
    (
        "unresolved-reference",
        Spec(
            "spare: {$ref: '#/components/schemas/Binding'}",
            "spare: {$ref: '#/components/schemas/binding'}",
        ),
    ),
    ("path-without-parameter", Spec("parameters: [{$ref: '#/components/parameters/Id'}]", "parameters: []")),
    ("parameter-without-path", Spec("  /books/{id}:", "  /books/one:")),
    ("unresolved-scheme", Spec("- key: []", "- kye: []")),
    (
        "unused-component",
        Spec("  examples:\n    Nothing:", "  examples:\n    Other: {value: 1}\n    Nothing:"),
    ),
    // What only the spec has.
    ("operation-not-implemented", Drawn(|drawn| remove(drawn, "/paths/~1books~1{id}", "delete"))),
    ("path-not-implemented", Drawn(|drawn| remove(drawn, "/paths", "/books"))),
    (
        "parameter-not-implemented",
        Drawn(|drawn| remove(drawn, "/paths/~1books~1{id}/delete/parameters", "0")),
    ),
    ("request-body-not-implemented", Drawn(|drawn| remove(drawn, "/paths/~1shelf/put", "requestBody"))),
    (
        "media-type-not-implemented",
        Drawn(|drawn| remove(drawn, "/paths/~1books/get/responses/200/content", "text/csv")),
    ),
    ("response-not-implemented", Drawn(|drawn| remove(drawn, "/paths/~1books/post/responses", "409"))),
    ("header-not-implemented", Drawn(|drawn| remove(drawn, "/components/responses/Refused", "headers"))),
    (
        "property-not-implemented",
        Drawn(|drawn| remove(drawn, "/components/schemas/library.NewBook/properties", "title")),
    ),
    (
        "keyword-not-implemented",
        Drawn(|drawn| remove(drawn, "/components/schemas/library.NewBook/properties/title", "minLength")),
    ),
    (
        "enum-member-not-implemented",
        Drawn(|drawn| remove(drawn, "/components/schemas/Book/allOf/1/properties/state/anyOf/0/enum", "1")),
    ),
    ("required-not-implemented", Drawn(|drawn| remove(drawn, "/components/schemas/Branch", "required"))),
    ("tag-not-implemented", Drawn(|drawn| remove(drawn, "/tags", "1"))),
    ("server-not-implemented", Drawn(|drawn| remove(drawn, "/servers", "0"))),
    ("security-not-implemented", Drawn(|drawn| remove(drawn, "/paths/~1books/get", "security"))),
    (
        "security-scheme-not-implemented",
        Drawn(|drawn| remove(drawn, "/components/securitySchemes", "openid")),
    ),
    (
        "example-not-implemented",
        Drawn(|drawn| {
            remove(drawn, "/paths/~1books/get/responses/200/content/application~1json/examples", "one")
        }),
    ),
    ("callback-not-implemented", Drawn(|drawn| remove(drawn, "/paths/~1books/post/callbacks", "moved"))),
    (
        "link-not-implemented",
        Drawn(|drawn| remove(drawn, "/paths/~1books/get/responses/200/links", "second")),
    ),
    ("field-not-implemented", Drawn(|drawn| remove(drawn, "/info", "contact"))),
    // What only the implementation has.
    (
        "operation-not-documented",
        Drawn(|drawn| {
            put(drawn, "/paths/~1shelf", "patch", json!({ "operationId": "patchShelf", "responses": {} }))
        }),
    ),
    (
        "parameter-not-documented",
        Drawn(|drawn| {
            put(
                drawn,
                "/paths/~1shelf/put",
                "parameters",
                json!([{ "name": "dry", "in": "query", "schema": { "type": "boolean" } }]),
            )
        }),
    ),
    (
        "response-not-documented",
        Drawn(|drawn| put(drawn, "/paths/~1shelf/put/responses", "500", json!({ "description": "" }))),
    ),
    (
        "property-not-documented",
        Drawn(|drawn| {
            put(drawn, "/components/schemas/Branch/properties", "city", json!({ "type": "string" }))
        }),
    ),
    (
        "keyword-not-documented",
        Drawn(|drawn| put(drawn, "/components/schemas/Branch/properties/kind", "maxLength", json!(5))),
    ),
    (
        "nullable-not-documented",
        Drawn(|drawn| {
            put(drawn, "/components/schemas/Branch/properties/kind", "type", json!(["string", "null"]))
        }),
    ),
    (
        "enum-member-not-documented",
        Drawn(|drawn| {
            push(drawn, "/components/schemas/Book/allOf/1/properties/state/anyOf/0/enum", json!("stolen"))
        }),
    ),
    (
        "required-not-documented",
        Drawn(|drawn| push(drawn, "/components/schemas/Branch/required", json!("address"))),
    ),
    ("empty-license", Drawn(|drawn| put(drawn, "/info", "license", json!({ "name": "" })))),
    // What both have, and differs.
    ("operation-moved", Spec("  /shelf:\n", "  /shelves:\n")),
    ("property-renamed", Spec("        weight:", "        weigth:")),
    ("header-renamed", Spec("x-next:", "x-nxt:")),
    ("keyword-differs", Spec("maximum: 1000", "maximum: 999")),
    ("description-differs", Spec("As it stands on the cover", "As it stands on the spine")),
    ("enum-member-differs", Spec("[new, used, lost]", "[new, usd, lost]")),
    (
        "type-differs",
        Drawn(|drawn| {
            put(drawn, "/components/schemas/library.NewBook/properties/title", "type", json!("integer"))
        }),
    ),
    (
        "additional-properties-differ",
        Spec(
            "closed: {type: object, additionalProperties: false}",
            "closed: {type: object, additionalProperties: true}",
        ),
    ),
    (
        "reached-by-many",
        Spec("message: {type: string, example: no}", "message: {type: string, example: yes}"),
    ),
    ("discriminator-name-differs", Spec("                  reader: '#/components/schemas/Reader'\n", "")),
    ("server-order", Drawn(|drawn| reverse(drawn, "/servers"))),
    ("tag-order", Drawn(|drawn| reverse(drawn, "/tags"))),
    ("security-order", Drawn(|drawn| reverse(drawn, "/security"))),
    ("drawn-reference-to-nothing", Drawn(|drawn| remove(drawn, "/components/schemas", "Reader"))),
];

fn at<'d>(drawn: &'d mut Value, pointer: &str) -> &'d mut Value {
    drawn.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} is not in the fixture"))
}

fn remove(drawn: &mut Value, pointer: &str, key: &str) {
    match at(drawn, pointer) {
        Value::Object(map) => drop(map.shift_remove(key).expect("it is in the fixture")),
        Value::Array(items) => drop(items.remove(key.parse().expect("it is an index"))),
        _ => panic!("{pointer} holds nothing"),
    }
}

fn put(drawn: &mut Value, pointer: &str, key: &str, value: Value) {
    at(drawn, pointer)[key] = value;
}

fn push(drawn: &mut Value, pointer: &str, value: Value) {
    at(drawn, pointer).as_array_mut().expect("it is a list").push(value);
}

fn reverse(drawn: &mut Value, pointer: &str) {
    at(drawn, pointer).as_array_mut().expect("it is a list").reverse();
}

fn report(change: &Change) -> contract::Report {
    let mut drawn = drawn();
    let spec = match change {
        Text(text) => (*text).to_owned(),
        Spec(from, to) => with(from, to),
        Drawn(change) => {
            change(&mut drawn);
            support::SPEC.to_owned()
        }
    };
    check(&spec, &drawn).expect_err("the change must be found")
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reports").join(format!("{name}.txt"))
}

#[test]
fn each_kind_of_finding_reads_as_it_should() {
    let update = std::env::var_os("UPDATE_REPORTS").is_some();
    let mut wrong = Vec::new();
    for (name, change) in CASES {
        let report = report(change).to_string();
        if update {
            fs::write(golden(name), &report).expect("the folder is writable");
        }
        let expected = fs::read_to_string(golden(name)).unwrap_or_default();
        if report != expected {
            wrong.push(format!("--- {name}, expected:\n{expected}\n--- got:\n{report}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_report_is_left_over() {
    let folder = golden("x");
    let files = fs::read_dir(folder.parent().expect("it has a folder")).expect("it is there");
    let found: BTreeSet<PathBuf> = files.map(|file| file.expect("it is readable").path()).collect();
    let known: BTreeSet<PathBuf> = CASES.iter().map(|(name, _)| golden(name)).collect();
    assert_eq!(found, known);
}

/// Holds a text to the file `rendered/NAME`.
fn held(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/rendered").join(name);
    if std::env::var_os("UPDATE_REPORTS").is_some() {
        fs::write(&path, text).expect("the folder is writable");
    }
    assert_eq!(fs::read_to_string(path).unwrap_or_default(), text);
}

#[test]
fn a_report_has_colours_and_is_data() {
    let (_, change) = CASES.iter().find(|(name, _)| *name == "keyword-differs").expect("it is a case");
    let report = report(change);
    held("coloured.txt", &report.text(contract::Style::Coloured).replace('\u{1b}', "␛"));
    held("data.json", &format!("{:#}\n", report.json()));
}
