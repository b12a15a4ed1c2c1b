//! Pages of other origins (the Fetch standard's CORS protocol) that pretend to be one that may.

use crate::support::App;

use super::print;

#[actix_web::test]
async fn an_origin_is_the_whole_of_it() {
    let app = App::start_with(&["--cors-allowed-origins", "https://app.example,http://localhost:8080"]).await;
    let mut refused = 0;
    for origin in [
        "null",
        "*",
        "https://app.example.evil.example",
        "https://evilapp.example",
        "https://app.example:444",
        "http://app.example",
        "https://sub.app.example",
        "https://app.example/",
        "https://app.example@evil.example",
        "https://app.example.",
        "https://app-example",
        "https://app.example,https://evil.example",
        "https://evil.example https://app.example",
        "https://app.example%00.evil.example",
        "file://",
        "http://localhost",
        "http://localhost:80",
        "http://localhost:80801",
        "http://127.0.0.1:8080",
        "chrome-extension://x",
        "https://app.example#",
        "https://app.example?",
        "//app.example",
        "app.example",
        "",
        "https://äpp.example",
        "https://app\u{2024}example",
    ] {
        for (method, extra) in [("GET", vec![]), ("OPTIONS", vec![("access-control-request-method", "PUT")])]
        {
            let mut headers = vec![("origin", origin)];
            headers.extend(extra);
            for path in ["/api/attachments/signature", "/api/attachments/upload/x", "/openapi.json"] {
                let answer = app.send(method, path, &headers, "").await;
                let allowed = answer.header("access-control-allow-origin");
                assert!(allowed.is_empty(), "{method} {path} from {origin:?}: {answer:?}");
                assert_eq!(answer.header("access-control-allow-credentials"), "");
                refused += 1;
            }
        }
    }
    // What is allowed depends on who asks, and a cache is told so.
    for origin in ["https://app.example", "https://evil.example"] {
        let answer = app.get("/openapi.json", &[("origin", origin)]).await;
        assert!(answer.header("vary").to_lowercase().contains("origin"), "{origin}: {answer:?}");
    }
    print("origins that may not", refused, "refused");
}

/// Where every page may call, none may do so as its reader: there is nothing that a browser would add by itself.
#[actix_web::test]
async fn no_page_calls_with_its_readers_credentials() {
    let app = App::start().await;
    for origin in ["https://evil.example", "null"] {
        for method in ["GET", "OPTIONS"] {
            let headers = [("origin", origin), ("access-control-request-method", "POST"), ("cookie", "a=b")];
            let answer = app.send(method, "/api/attachments/signature", &headers, "").await;
            assert_eq!(answer.header("access-control-allow-origin"), "*", "{answer:?}");
            assert_eq!(answer.header("access-control-allow-credentials"), "");
            assert_eq!(answer.header("set-cookie"), "");
            // A page in a public network that is opened in a private one is let in by nobody (Private Network Access).
            assert_eq!(answer.header("access-control-allow-private-network"), "");
        }
    }
}
