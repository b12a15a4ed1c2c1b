//! What stands between us and others, and keeps answers: a private file is nobody else's, a refusal lasts no longer than it is true, and
//! nothing changes an answer but what a cache tells answers apart by.

use crate::support::{Answer, App, text};

use super::print;

/// The headers and the body, without what differs each time.
fn told(answer: &Answer) -> (u16, Vec<String>, Vec<u8>) {
    let own = ["date", "x-request-id"];
    let mut headers: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| !own.contains(&name.as_str()))
        .map(|(name, value)| {
            // Each worker of the server has its own order of what it exposes.
            let mut parts: Vec<&str> = value.to_str().expect("text").split(", ").collect();
            parts.sort_unstable();
            format!("{name}: {}", parts.join(", "))
        })
        .collect();
    headers.sort();
    (answer.status.as_u16(), headers, answer.body.to_vec())
}

/// What a cache does not look at, and somebody can send on another one's behalf.
const UNKEYED: [(&str, &str); 21] = [
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-scheme", "http"),
    ("x-forwarded-proto", "http"),
    ("x-forwarded-port", "1"),
    ("x-forwarded-prefix", "/evil"),
    ("x-original-url", "/openapi.json"),
    ("x-rewrite-url", "/openapi.json"),
    ("x-http-method-override", "DELETE"),
    ("x-http-method", "HEAD"),
    ("x-method-override", "PUT"),
    ("accept", "text/html"),
    ("accept-language", "de"),
    ("accept-encoding", "gzip, br"),
    ("accept-charset", "utf-16"),
    ("cookie", "a=b"),
    ("authorization", "Bearer evil"),
    ("origin", "https://evil.example"),
    ("user-agent", "<script>"),
    ("referer", "https://evil.example/"),
    ("x-request-id", "evil"),
    ("content-type", "text/html"),
];

#[actix_web::test]
async fn what_a_cache_does_not_look_at_changes_nothing() {
    let app = App::start().await;
    let public = app.store("text/plain", 2, b"a public text").await;
    let private = app.store("text/plain", 1, b"a private text").await;
    let mut asked = 0;
    for path in [
        text(&public["presignedUrl"]),
        text(&private["presignedUrl"]),
        "/openapi.json",
        "/openapi.yaml",
        "/docs/",
        "/try/",
        "/assets/site.css",
        "/api/attachments/read/public/avatar/x",
        "/llms.txt",
    ] {
        let plain = told(&app.get(path, &[("origin", "https://app.example")]).await);
        for header in UNKEYED {
            let headers = if header.0 == "origin" {
                vec![header]
            } else {
                vec![("origin", "https://app.example"), header]
            };
            let mut poisoned = told(&app.get(path, &headers).await);
            if plain.0 >= 400 {
                // A problem has the request's id.
                poisoned.2.clone_from(&plain.2);
            }
            assert_eq!(poisoned, plain, "{path}: {header:?}");
            asked += 1;
        }
        let without = app.get(path, &[]).await;
        assert_eq!(
            (without.status.as_u16(), without.header("content-type")),
            (plain.0, header(&plain.1, "content-type"))
        );
    }
    print("cache poisoning", asked, "without effect");
}

fn header<'a>(headers: &'a [String], name: &str) -> &'a str {
    headers.iter().find_map(|header| header.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
}

#[actix_web::test]
async fn what_is_private_or_refused_is_kept_by_nobody() {
    let app = App::start().await;
    let private = app.store("text/plain", 1, b"a private text").await;
    let url = text(&private["presignedUrl"]);
    let kept = app.get(url, &[]).await;
    assert!(kept.header("cache-control").starts_with("private, max-age="), "{kept:?}");
    // The copy that a browser may have is asked about with the token alone.
    let tag = kept.header("etag").to_owned();
    let place = text(&private["url"]);
    for token in ["", "?token=", "?token=x"] {
        let answer = app.get(&format!("{place}{token}"), &[("if-none-match", &tag)]).await;
        assert_eq!(answer.status, 403, "no 304 to a stranger: {answer:?}");
        assert_eq!(answer.header("etag"), "");
    }
    let opened = app.call("GET", &format!("/api/attachments/{}", text(&private["token"]))).await;
    assert_eq!((opened.status.as_u16(), opened.header("cache-control")), (302, "no-store"));
    // A file that is asked for before it is there must be found after.
    let mut refused = 0;
    for (method, path) in [
        ("GET", place),
        ("GET", "/api/attachments/read/public/avatar/x"),
        ("GET", "/nowhere"),
        ("GET", "/api/nowhere"),
        ("DELETE", "/api/attachments/signature"),
        ("POST", "/api/attachments/signature"),
        ("GET", "/api/attachments/x"),
        ("PUT", "/api/attachments/upload/x"),
    ] {
        let answer = app.send(method, path, &[], "").await;
        assert!(answer.status.is_client_error());
        assert_eq!(answer.header("cache-control"), "no-store", "{method} {path}: {answer:?}");
        refused += 1;
    }
    print("answers that nobody may keep", refused + 5, "marked so");
}

/// The address of a private file is a credential, and a page of ours tells nobody which page it is.
#[actix_web::test]
async fn no_page_tells_where_it_was_left() {
    let app = App::start().await;
    for page in ["/docs/", "/docs/index.html", "/reference/", "/try/"] {
        assert_eq!(app.get(page, &[]).await.header("referrer-policy"), "no-referrer", "{page}");
    }
}
