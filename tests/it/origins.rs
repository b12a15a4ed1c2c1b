//! Pages of other origins (CORS).

use crate::support::App;

const PREFLIGHT: [(&str, &str); 3] = [
    ("origin", "https://app.example"),
    ("access-control-request-method", "PUT"),
    ("access-control-request-headers", "content-type,x-amz-checksum-sha256"),
];

#[actix_web::test]
async fn any_page_may_send_any_header_that_a_signature_names() {
    let app = App::start().await;
    for path in ["/api/attachments/upload/x", "/api/attachments/signature", "/openapi.json"] {
        let answer = app.send("OPTIONS", path, &PREFLIGHT, "").await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
        assert!(
            answer.header("access-control-allow-headers").contains("x-amz-checksum-sha256"),
            "{answer:?}"
        );
        assert!(answer.header("access-control-allow-methods").contains("PUT"));
    }
    let answer = app.get("/api/attachments/x", &[("origin", "https://app.example")]).await;
    answer.problem(401, "unauthorized");
    assert_eq!(answer.header("access-control-allow-origin"), "*", "a page can read why it was refused");
    let exposed = answer.header("access-control-expose-headers").to_lowercase();
    for name in
        ["etag", "content-range", "content-disposition", "location", "x-request-id", "www-authenticate"]
    {
        assert!(exposed.contains(name), "{name}");
    }
}

#[actix_web::test]
async fn other_pages_may_not_where_some_are_named() {
    let app = App::start_with(&["--cors-allowed-origins", "https://app.example,http://localhost:8080"]).await;
    let answer = app.send("OPTIONS", "/api/attachments/upload/x", &PREFLIGHT, "").await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example");
    let other = app.get("/openapi.json", &[("origin", "https://other.example")]).await;
    assert_eq!(other.header("access-control-allow-origin"), "");
    assert_eq!(other.status, 200, "a browser refuses; others have no origin to be judged by");
}
