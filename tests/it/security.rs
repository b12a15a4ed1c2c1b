//! `docs/security.md` says which test holds each promise. It must be there.

use std::fs;
use std::path::Path;

use regex::Regex;

#[test]
fn every_test_that_the_document_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(root.join("docs/security.md")).expect("a document");
    let name = Regex::new("`([a-z0-9_]+(?:::[a-z0-9_]+)+)`").expect("an expression");
    let mut named = 0;
    for (_, [path]) in name.captures_iter(&document).map(|found| found.extract()) {
        assert!(exists(root, path), "there is no test {path}");
        named += 1;
    }
    let file = Regex::new("`((?:src|tests|docs)/[^` ]+)`").expect("an expression");
    for (_, [path]) in file.captures_iter(&document).map(|found| found.extract()) {
        assert!(root.join(path).is_file(), "there is no {path}");
        named += 1;
    }
    assert!(named > 30, "{named}");
    assert!(!exists(root, "read::no_such_test") && !exists(root, "support::text"), "only tests are found");
}

/// Whether a test is called so, in the integration tests or in a unit.
fn exists(root: &Path, path: &str) -> bool {
    let (modules, test) = path.rsplit_once("::").expect("a path");
    let modules = modules.replace("::", "/");
    let unit = modules.trim_end_matches("/tests");
    let files = [format!("tests/it/{modules}.rs"), format!("src/{modules}.rs"), format!("src/{unit}.rs")];
    let marked =
        Regex::new(&format!(r"#\[(actix_web::)?test\]\s+(async )?fn {test}\(\)")).expect("an expression");
    files.iter().any(|file| fs::read_to_string(root.join(file)).is_ok_and(|text| marked.is_match(&text)))
}
