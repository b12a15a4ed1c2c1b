use contract::Spec;

use super::*;

fn spec() -> Spec {
    Spec::read("openapi.yaml", YAML).expect("the build has read it")
}

#[test]
fn what_is_told_says_what_was_checked() {
    let documents = Documents::of("http://localhost:3000");
    for version in [Version::V3_0, Version::V3_1] {
        contract::check(spec(), documents.value(version)).unwrap_or_else(|report| panic!("{report}"));
    }
}

/// What our own document has no use for yet.
const OTHER: &str = r"
openapi: 3.0.3
info: { title: Other, version: '1' }
paths:
  /things/{id}:
    get:
      parameters:
        - { name: id, in: path, required: true, schema: { type: integer, minimum: 0, exclusiveMinimum: true } }
        - { name: at, in: query, schema: { type: number, maximum: 9, exclusiveMaximum: false, nullable: false } }
      responses:
        '200':
          description: A thing
          content:
            application/json:
              schema:
                type: object
                nullable: true
                example: { nullable: true, example: kept }
                properties:
                  kind: { type: string, nullable: true, enum: [one, two, null] }
                  # A property that is called as a keyword is.
                  nullable: { allOf: [{ type: string, example: text }] }
                  list: { type: array, items: { type: number, maximum: 2, exclusiveMaximum: true } }
";

#[test]
fn what_is_written_otherwise_in_3_1_says_the_same() {
    let spec = contract::Spec::read("other.yaml", OTHER).unwrap_or_else(|report| panic!("{report}"));
    let newer = upgrade::to_3_1(spec.document());
    contract::check(spec, &newer).unwrap_or_else(|report| panic!("{report}"));
    let thing = "/paths/~1things~1{id}/get/responses/200/content/application~1json/schema";
    let told = newer.pointer(thing).expect("a schema");
    assert_eq!(told["type"], serde_json::json!(["object", "null"]));
    assert_eq!(told["examples"], serde_json::json!([{ "nullable": true, "example": "kept" }]));
    assert_eq!(told["properties"]["list"]["items"]["exclusiveMaximum"], 2);
    assert_eq!(
        newer.pointer("/paths/~1things~1{id}/get/parameters/0/schema/exclusiveMinimum"),
        Some(&0.into())
    );
}

#[test]
fn a_page_holds_what_its_operation_needs_and_no_more() {
    let documents = Documents::of("https://files.example.com");
    assert_eq!(documents.pages.len(), 7);
    for page in &documents.pages {
        let block =
            page.text.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
        let spec = contract::Spec::read(&page.path, block).unwrap_or_else(|report| panic!("{report}"));
        let document = spec.document();
        assert_eq!(document["paths"].as_object().map(serde_json::Map::len), Some(1));
        let text = document.to_string();
        for (kind, named) in members(&document["components"]).filter(|(kind, _)| *kind != "securitySchemes") {
            for (name, _) in members(named) {
                assert!(text.contains(&format!("\"#/components/{kind}/{name}\"")), "{}: {name}", page.path);
            }
        }
    }
}
