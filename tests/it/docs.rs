//! What is served of the contract, and the pages around it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Answer, App};

#[actix_web::test]
async fn the_served_documents_are_the_checked_one() {
    let app = App::start().await;
    let yaml = app.get("/openapi.yaml", &[]).await;
    assert_eq!(yaml.body, include_str!("../../openapi/attachments.yaml"));
    assert_eq!(yaml.header("content-type"), "application/yaml");
    let json = app.get("/openapi.json", &[]).await;
    assert_eq!(json.header("content-type"), "application/json");
    assert_eq!(app.get("/swagger.json", &[]).await.body, json.body);
    let document: Value = json.json();
    assert_eq!(document["openapi"], "3.0.0");
    assert_eq!(document["info"]["x-logo"]["altText"], "Teable logo");
    let newer: Value = app.get("/openapi-3.1.json", &[]).await.json();
    assert_eq!(newer["openapi"], "3.1.0");
    let tag = json.header("etag");
    assert_eq!(app.get("/openapi.json", &[("if-none-match", tag)]).await.status, 304);
    assert_eq!(app.get("/openapi.json", &[("if-none-match", "\"other\"")]).await.status, 200);
    assert_eq!(
        app.get("/openapi.json", &[("origin", "https://a.example")])
            .await
            .header("access-control-allow-origin"),
        "*"
    );
}

#[actix_web::test]
async fn the_front_door_leads_to_the_docs() {
    let app = App::start().await;
    for path in ["/", "/docs"] {
        let answer = app.get(path, &[]).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (307, "/docs/"));
    }
    for file in ["", "index.html", "swagger-ui.css", "swagger-ui-bundle.js"] {
        let answer = app.get(&format!("/docs/{file}"), &[]).await;
        assert_eq!((answer.status.as_u16(), answer.body.is_empty()), (200, false), "{file}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{file}");
    }
    // The Swagger UI's own page, which has no Content-Security-Policy, is served under no name.
    for path in [
        "/docs/%2F",
        "/docs//",
        "/docs/./index.html",
        "/docs/%69ndex.html",
        "/docs/swagger-initializer.js",
        "/docs/oauth2-redirect.html",
    ] {
        let answer = app.get(path, &[]).await;
        let guarded = answer.header("content-security-policy").starts_with("default-src 'none'");
        assert!(answer.status == 404 || guarded, "{path}: {answer:?}");
    }
}

#[actix_web::test]
async fn a_page_loads_nothing_that_is_not_served() {
    let app = App::start().await;
    let addresses = regex::Regex::new(r##"(?:src|href)="([^"#:]+)""##).expect("an expression");
    let mut loaded = 0;
    for page in ["/docs/", "/reference/", "/try/"] {
        let answer = app.get(page, &[]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (200, "text/html; charset=utf-8")
        );
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
        let html = text(&answer);
        assert!(!html.contains("//"), "an address elsewhere: {html}");
        for (_, [address]) in addresses.captures_iter(&html).map(|found| found.extract()) {
            let path =
                address.strip_prefix("./").map_or_else(|| address.to_owned(), |file| format!("{page}{file}"));
            let file = app.get(&path, &[]).await;
            assert!(file.status == 200 && !file.body.is_empty(), "{page} names {address}");
            loaded += 1;
        }
    }
    assert!(loaded > 20, "{loaded}");
    let upload = app.get("/try/", &[]).await;
    assert!(!upload.header("content-security-policy").contains("unsafe"));
}

/// A file that was uploaded is on the origin of the pages, and `'self'` alone would let a page load
/// it as a script. The second policy of a page names its own files, by path and on every host.
#[actix_web::test]
async fn a_page_allows_its_own_scripts_and_styles_alone() {
    let app = App::start().await;
    let tags = regex::Regex::new(r#"<(script|link rel="stylesheet")[^>]* (?:src|href)="([^"]+)""#)
        .expect("an expression");
    for page in ["/docs/", "/docs/index.html", "/reference/", "/try/"] {
        let answer = app.get(page, &[]).await;
        let policies: Vec<_> = answer.header("content-security-policy").split(", ").collect();
        let [first, own] = policies[..] else { panic!("two policies, not {policies:?}") };
        for kind in ["script-src 'self'", "style-src 'self'"] {
            assert!(first.contains(kind), "{first}");
        }
        let html = text(&answer);
        let loaded = |kind: &str| -> BTreeSet<String> {
            let found = tags.captures_iter(&html).map(|found| found.extract::<2>().1);
            let paths = found.filter(|[tag, _]| tag.starts_with(kind)).map(|[_, path]| path);
            paths.map(|path| path.replacen("./", "/docs/", 1)).collect()
        };
        let allowed = |kind: &str| -> BTreeSet<String> {
            let directive = own.split("; ").find_map(|part| part.strip_prefix(kind)).expect("a directive");
            let sources = directive.split_whitespace().filter(|source| *source != "'unsafe-inline'");
            sources.map(|source| source.strip_prefix("*:*").expect("any host").to_owned()).collect()
        };
        assert_eq!(allowed("script-src "), loaded("script"), "{page}");
        assert_eq!(allowed("style-src "), loaded("link"), "{page}");
        for path in allowed("script-src ").union(&allowed("style-src ")) {
            assert_eq!(app.get(path, &[]).await.status, 200, "no redirect, and no folder: {path}");
        }
    }
}

#[actix_web::test]
async fn a_program_that_reads_finds_a_page_for_each_operation() {
    let app = App::start_with(&["--public-origin", "https://files.example.com"]).await;
    let index = app.get("/llms.txt", &[]).await;
    assert_eq!(index.header("content-type"), "text/plain; charset=utf-8");
    let index = text(&index);
    insta::assert_snapshot!("llms", index);
    let links = regex::Regex::new(r"\(https://files\.example\.com(/[^)]+)\)").expect("an expression");
    let mut pages = 0;
    for (_, [path]) in links.captures_iter(&index).map(|found| found.extract()) {
        let answer = app.get(path, &[]).await;
        assert_eq!(answer.status, 200, "{path}");
        pages += usize::from(answer.header("content-type") == "text/markdown; charset=utf-8");
    }
    assert_eq!(pages, 7);
    let page = app.get("/docs/attachments/post-attachmentssignature.md", &[]).await;
    insta::assert_snapshot!("page", text(&page));
}

#[actix_web::test]
async fn each_operation_has_a_sample_in_four_languages_for_this_server() {
    let app = App::start_with(&["--public-origin", "https://files.example.com"]).await;
    let document: Value = app.get("/openapi.json", &[]).await.json();
    let mut told = String::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let samples = operation["x-codeSamples"].as_array().expect("samples");
            let languages: Vec<_> =
                samples.iter().map(|sample| sample["lang"].as_str().expect("a name")).collect();
            assert_eq!(languages, ["Shell", "JavaScript", "Node.js", "Python"]);
            for sample in samples {
                let source = sample["source"].as_str().expect("text");
                assert!(source.contains("https://files.example.com/api/attachments/"), "{source}");
                told += &format!("--- {method} {path}, {}\n{}\n", sample["lang"], source.trim_end());
            }
        }
    }
    insta::assert_snapshot!("samples", told);
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).expect("text")
}
