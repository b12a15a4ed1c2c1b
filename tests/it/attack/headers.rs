//! Headers: what a client says cannot become one of ours, nor lead somebody else to another host, nor fill the memory.

use serde_json::json;
use teable_attachments::domain::FileName;

use super::wire::{ask, exchange};
use super::{print, still_well};
use crate::support::{App, text};

/// Every control character, and what some reader has taken for the end of a line.
fn breaks() -> Vec<String> {
    let controls = (0..=0x1f).chain(0x7f..=0x9f).filter_map(char::from_u32).map(String::from);
    controls.chain(["\r\n", "\n\r", "\r\n\r\n<script>", "\r\n "].map(str::to_owned)).collect()
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[actix_web::test]
async fn no_text_of_a_client_ends_a_header() {
    let app = App::start().await;
    let public = app.store("text/plain", 2, b"text").await;
    let url = text(&public["presignedUrl"]).to_owned();
    let token = text(&public["token"]).to_owned();
    let mut refused = 0;
    for line_end in breaks() {
        let evil = format!("a{line_end}Set-Cookie: evil=1");
        for (name, value) in [
            ("contentType", format!("text/plain; a=\"{evil}\"")),
            ("hash", evil.clone()),
            ("baseId", evil.clone()),
        ] {
            let mut wish = json!({"contentType": "text/plain", "contentLength": 4, "type": 2});
            wish[name] = json!(value);
            app.sign(&wish).await.problem(400, "validation_error");
        }
        let name = encoded(&evil);
        app.notify(&token, &format!("?filename={name}")).await.problem(400, "validation_error");
        app.call("GET", &format!("/api/attachments/{token}?filename={name}"))
            .await
            .problem(400, "validation_error");
        for form in [
            "attachment; filename=\"{}\"",
            "attachment; filename={}",
            "inline{}",
            "attachment; filename*=UTF-8''{}",
        ] {
            let disposition = encoded(&form.replace("{}", &evil));
            let answer = app.get(&format!("{url}?response-content-disposition={disposition}"), &[]).await;
            answer.problem(400, "validation_error");
        }
        refused += 9;
    }
    print("header injection", refused, "refused");
}

/// A name of any letters is one parameter of one header, and never a second name or another kind.
#[actix_web::test]
async fn a_name_stays_a_name() {
    let app = App::start().await;
    let names = [
        "\"; filename=\"evil.html",
        "a\"; filename*=UTF-8''evil.html",
        "\\",
        "\\\"",
        "a;b=c",
        "a\\\"; inline; x=\"",
        "%22; filename=%22evil.html",
        "%0d%0aX: y",
        "\u{202e}gnp.exe",
        "\u{2028}",
        "\u{feff}",
        "a\u{300}",
        "=?utf-8?q?=22evil?=",
        "UTF-8''evil.html",
        "'",
        "''",
        "🦀🦀🦀",
        "<script>alert(1)</script>",
        "a, b",
        "a\u{3000}b",
        "\u{e000}",
        "\u{10ffff}",
        " ",
        "  a  ",
        ".",
        "CON",
        "a/b",
        "a\\b",
    ];
    let simple = regex::Regex::new(
        r#"^(inline|attachment); filename="[^"\\%]*"(; filename\*=UTF-8''([A-Za-z0-9!#$&+.^_`|~%-]+))?$"#,
    )
    .expect("a pattern");
    for name in names {
        assert!(FileName::parse(name).is_some(), "{name:?}");
        let token = app.upload("text/plain", 2, b"text").await;
        let stored = app.notify(&token, &format!("?filename={}", encoded(name))).await;
        assert_eq!(stored.status, 201, "{name:?}: {stored:?}");
        let stored = stored.json();
        for url in [text(&stored["presignedUrl"]), text(&stored["url"])] {
            let answer = app.get(url, &[]).await;
            assert_eq!(answer.headers.get_all("content-disposition").count(), 1);
            let disposition = answer.header("content-disposition");
            let found = simple.captures(disposition).unwrap_or_else(|| panic!("{name:?}: {disposition}"));
            let told = match found.get(3) {
                Some(extended) => percent_encoding::percent_decode_str(extended.as_str())
                    .decode_utf8()
                    .expect("UTF-8")
                    .into_owned(),
                None => disposition.split('"').nth(1).expect("a name").to_owned(),
            };
            assert_eq!(told, name);
        }
    }
    print("names that would be more than a name", names.len(), "kept as names");
}

/// Nothing that we answer comes from the request's idea of who we are.
#[actix_web::test]
async fn another_host_is_not_believed() {
    let app = App::start().await;
    let stored = app.store("text/plain", 1, b"text").await;
    let token = text(&stored["token"]);
    let bearer = format!("authorization: Bearer {}\r\n", app.bearer);
    let wish = json!({"contentType": "text/plain", "contentLength": 4, "type": 1}).to_string();
    let sign = format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n{wish}", wish.len());
    let requests = [
        ("GET", "/".to_owned(), "\r\n".to_owned()),
        ("GET", "/docs".to_owned(), "\r\n".to_owned()),
        ("GET", "/docs/".to_owned(), "\r\n".to_owned()),
        ("GET", "/reference/".to_owned(), "\r\n".to_owned()),
        ("GET", "/openapi.json".to_owned(), "\r\n".to_owned()),
        ("GET", "/llms.txt".to_owned(), "\r\n".to_owned()),
        ("GET", "/nowhere".to_owned(), "\r\n".to_owned()),
        ("POST", "/api/attachments/signature".to_owned(), sign),
        ("POST", format!("/api/attachments/notify/{token}"), "content-length: 0\r\n\r\n".to_owned()),
        ("GET", format!("/api/attachments/{token}"), "\r\n".to_owned()),
    ];
    let mut asked = 0;
    let mut answered = 0;
    for hosts in [
        "host: evil.example\r\n",
        "host: evil.example:80@127.0.0.1\r\n",
        "host: 127.0.0.1\r\nhost: evil.example\r\n",
        "host: evil.example\r\nhost: 127.0.0.1\r\n",
        "host: 127.0.0.1\r\nx-forwarded-host: evil.example\r\nx-forwarded-proto: evil.example\r\n",
        "host: 127.0.0.1\r\nforwarded: host=evil.example;proto=https;for=evil.example\r\n",
        "host: 127.0.0.1\r\nx-host: evil.example\r\nx-original-host: evil.example\r\nx-forwarded-server: evil.example\r\n",
        "host: 127.0.0.1\r\nx-original-url: http://evil.example/\r\nx-rewrite-url: /evil.example\r\nreferer: https://evil.example/\r\n",
        "host: evil.example\r\norigin: https://evil.example\r\n",
        "",
    ] {
        for (method, path, rest) in &requests {
            for target in [path.clone(), format!("http://evil.example{path}")] {
                let request =
                    format!("{method} {target} HTTP/1.1\r\n{hosts}connection: close\r\n{bearer}{rest}");
                asked += 1;
                let Some(answer) = ask(&app, request.as_bytes()).await else { continue };
                assert!(!answer.text().contains("evil.example"), "{request}\n{}", answer.text());
                answered += usize::from(answer.status < 400);
            }
        }
    }
    assert!(answered > asked / 2, "{answered} of {asked}");
    print("hostile hosts", asked, "not believed");
}

#[actix_web::test]
async fn headers_without_end_are_refused() {
    let app = App::start().await;
    let long = "a".repeat(200_000);
    let many = (0..5_000).map(|at| format!("x-{at}: y\r\n")).collect::<String>();
    let endless = |before: &str| format!("GET /healthz HTTP/1.1\r\nhost: a\r\n{before}");
    let attacks = [
        endless(&format!("x: {long}\r\n\r\n")),
        endless(&format!("{long}: x\r\n\r\n")),
        endless(&format!("{many}\r\n")),
        endless(&long.repeat(5)),
        format!("GET /{long} HTTP/1.1\r\nhost: a\r\n\r\n"),
        format!("GET /healthz?{long} HTTP/1.1\r\nhost: a\r\n\r\n"),
        format!("{long} /healthz HTTP/1.1\r\nhost: a\r\n\r\n"),
        format!("GET /healthz {long}\r\n\r\n"),
        endless(&format!("authorization: Bearer {long}\r\n\r\n")),
        endless(&format!("cookie: {}\r\n\r\n", "a=b; ".repeat(50_000))),
        endless(&format!("range: bytes={}\r\n\r\n", "0-0,".repeat(50_000))),
        "\r\n".repeat(200_000),
        "\0".repeat(200_000),
    ];
    for attack in &attacks {
        for answer in exchange(&app, attack.as_bytes()).await {
            assert!(
                (400..=431).contains(&answer.status),
                "{}: {}",
                &attack[..60.min(attack.len())],
                answer.text()
            );
        }
        still_well(&app).await;
    }
    print("headers without end", attacks.len(), "refused");
}
