//! No input makes the check panic, whatever it thinks of it.

mod support;

use proptest::prelude::*;
use serde_json::{Value, json};
use support::{SPEC, check, drawn};

/// JSON that looks like OpenAPI in places.
fn lookalike() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "$ref",
        "type",
        "properties",
        "allOf",
        "oneOf",
        "schema",
        "parameters",
        "in",
        "name",
        "content",
        "paths",
        "/a",
        "get",
        "responses",
        "200",
        "x-y",
        "required",
        "enum",
        "items",
        "nullable",
        "additionalProperties",
        "components",
        "schemas",
        "openapi",
        "info",
        "discriminator",
        "mapping",
        "headers",
        "example",
        "examples",
        "exclusiveMinimum",
        "minimum",
        "servers",
        "tags",
        "security",
        "callbacks",
        "links",
        "url",
        "style",
        "explode",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        any::<u64>().prop_map(|number| json!(number)),
        word.clone().prop_map(Value::from),
        prop::sample::select(vec![
            "#/components/schemas/A",
            "#",
            "#/paths/~1a",
            "other#/a",
            "#/%",
            "#/%zz",
            "null"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..6).prop_map(|entries| {
                Value::Object(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            }),
        ]
    })
}

/// Puts a value somewhere into a document: `places` chooses the way down.
fn plant(document: &mut Value, places: &[usize], value: Value) {
    let mut node = document;
    for place in places {
        let count = match node {
            Value::Object(map) => map.len(),
            Value::Array(items) => items.len(),
            _ => 0,
        };
        if count == 0 {
            break;
        }
        node = match node {
            Value::Object(map) => map.values_mut().nth(place % count).expect("it is within the count"),
            Value::Array(items) => &mut items[place % count],
            _ => return,
        };
    }
    *node = value;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_text(text in any::<String>()) {
        let _ = check(&text, &drawn());
    }

    #[test]
    fn text_that_looks_like_yaml(text in "([ \t]{0,4}([-?:&*!|>'\"#%@`{}\\[\\],\n]|[a-z0-9.~]{1,4}|: |- |\n|<<|---|\\.\\.\\.)){0,60}") {
        let _ = check(&text, &drawn());
    }

    #[test]
    fn the_spec_with_a_hole(start in 0..SPEC.len(), length in 0..200_usize, filling in "[ -~\n]{0,5}") {
        let mut text: Vec<char> = SPEC.chars().collect();
        let start = start.min(text.len());
        let end = (start + length).min(text.len());
        text.splice(start..end, filling.chars());
        let _ = check(&text.into_iter().collect::<String>(), &drawn());
    }

    #[test]
    fn anything_as_either_document(spec in lookalike(), drawn in lookalike()) {
        let _ = check(&spec.to_string(), &drawn);
        let mut spec = spec;
        if let Some(map) = spec.as_object_mut() {
            map.insert("openapi".to_owned(), json!("3.0.0"));
        }
        let _ = check(&spec.to_string(), &drawn);
    }

    #[test]
    fn the_fixture_with_something_planted(
        places in prop::collection::vec(any::<usize>(), 1..10),
        value in lookalike(),
        into_spec in any::<bool>(),
    ) {
        let spec = contract::Spec::read("spec", SPEC).expect("the fixture is sound");
        let (mut document, mut drawn) = (spec.document().clone(), drawn());
        plant(if into_spec { &mut document } else { &mut drawn }, &places, value);
        if let Err(report) = check(&document.to_string(), &drawn) {
            prop_assert!(!report.to_string().is_empty());
        }
    }
}

#[test]
fn deep_nesting_is_a_finding() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", "")] {
        let text = format!("openapi: 3.0.0\nx-deep: {}{}", open.repeat(100_000), close.repeat(100_000));
        assert!(check(&text, &drawn()).is_err());
    }
}

#[test]
fn aliases_cannot_fill_the_memory() {
    use std::fmt::Write;
    let mut text = "openapi: 3.0.0\nx-0: &a0 [a, b, c, d, e, f, g, h, i, j]\n".to_owned();
    for level in 1..30 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "x-{level}: &a{level} [{aliases}]").expect("a string takes everything");
    }
    let report = check(&text, &drawn()).expect_err("it is refused");
    assert!(report.to_string().contains("the aliases stand for too much"), "{report}");
}

#[test]
fn an_alias_of_itself_is_a_finding() {
    let report = check("openapi: 3.0.0\nx-a: &a [*a]\n", &drawn()).expect_err("it is refused");
    assert!(report.to_string().contains("inside of what it stands for"), "{report}");
}

#[test]
fn references_in_a_circle_are_findings() {
    let text = "openapi: 3.0.0\ninfo: {title: t, version: '1'}\npaths:\n  /a:\n    get:\n      responses:\n        '200': {$ref: '#/components/responses/A'}\ncomponents:\n  responses:\n    A: {$ref: '#/components/responses/B'}\n    B: {$ref: '#/components/responses/A'}\n";
    let report = check(text, &json!({})).expect_err("it is refused");
    assert!(report.to_string().contains("leads back to itself"), "{report}");
}

#[test]
fn a_schema_of_layers_that_lead_back_to_it_ends() {
    let spec = "openapi: 3.0.0\ninfo: {title: t, version: '1'}\npaths:\n  /a:\n    get:\n      responses:\n        '200':\n          description: ok\n          content:\n            a/b:\n              schema: {$ref: '#/components/schemas/A'}\ncomponents:\n  schemas:\n    A: {allOf: [{$ref: '#/components/schemas/B'}]}\n    B: {allOf: [{$ref: '#/components/schemas/A'}]}\n";
    let spec_as_json = contract::Spec::read("spec", spec).unwrap_or_else(|report| panic!("{report}"));
    let checked = check(spec, spec_as_json.document());
    assert!(checked.is_ok(), "{}", checked.expect_err("it is refused"));
}

/// Schemas of which no value is to be had, or none by any simple way.
const ODD: &[&str] = &[
    "{}",
    "{type: string, pattern: '(['}",
    "{type: string, pattern: '^(a+)+$', minLength: 5000}",
    "{type: string, minLength: 9, maxLength: 3}",
    "{type: string, maxLength: 18446744073709551615}",
    "{type: string, enum: []}",
    "{type: string, pattern: '^(?!x).*(?<=y)$'}",
    "{type: integer, minimum: 10, maximum: 1}",
    "{type: integer, minimum: 1e300, maximum: 1e301}",
    "{type: number, multipleOf: 0.0000000001, minimum: 0, exclusiveMinimum: true, maximum: 0.00000000001}",
    "{type: integer, format: int32, enum: [99999999999]}",
    "{type: array, items: {type: string}, minItems: 100000}",
    "{type: array, items: {$ref: '#/components/schemas/Odd'}, minItems: 1}",
    "{type: object, required: [self], properties: {self: {$ref: '#/components/schemas/Odd'}}}",
    "{type: object, required: [missing], additionalProperties: false}",
    "{allOf: [{type: string}, {type: integer}]}",
    "{oneOf: [{type: string}, {type: string}]}",
    "{not: {}}",
    "{type: object, minProperties: 3, maxProperties: 2, additionalProperties: {type: boolean}}",
    "{type: boolean, enum: ['yes']}",
    "{type: string, format: date-time, example: 7}",
];

#[test]
fn cases_are_derived_from_odd_schemas_and_without_end_from_none() {
    for schema in ODD {
        let text = format!(
            "openapi: 3.0.3\ninfo: {{title: Odd, version: '1'}}\npaths:\n  /odd/{{odd}}:\n    put:\n      operationId: put\n      \
             parameters:\n        - {{name: odd, in: path, required: true, schema: {{$ref: '#/components/schemas/Odd'}}}}\n        \
             - {{name: odd, in: query, schema: {{$ref: '#/components/schemas/Odd'}}}}\n        \
             - {{name: X-Odd, in: header, schema: {{$ref: '#/components/schemas/Odd'}}}}\n      \
             requestBody: {{content: {{application/json: {{schema: {{$ref: '#/components/schemas/Odd'}}}}}}}}\n      \
             responses: {{'200': {{description: ok, content: {{application/json: {{schema: {{$ref: '#/components/schemas/Odd'}}}}}}}}}}\n\
             components:\n  schemas:\n    Odd: {schema}\n"
        );
        // What the gate refuses is not run; what it takes must not panic or hang.
        let Ok(spec) = contract::Spec::read("odd.yaml", &text) else { continue };
        let started = std::time::Instant::now();
        let suite = contract::conformance::Suite::derive(&spec, contract::conformance::Options::default());
        println!("{schema}: {} cases in {:?}", suite.cases(), started.elapsed());
    }
}
