//! Bad input of every kind: a documented problem, and nothing stored.

use serde_json::{Value, json};

use crate::support::{App, eventually, text};

fn valid() -> Value {
    json!({"contentType": "image/png", "contentLength": 123, "type": 1})
}

fn with(name: &str, value: Value) -> Value {
    let mut wish = valid();
    wish[name] = value;
    wish
}

fn pointers(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().expect("errors").iter().map(|error| text(&error["pointer"])).collect()
}

#[actix_web::test]
async fn each_field_is_refused_by_its_name() {
    let app = App::start().await;
    let long = "x".repeat(256);
    let cases = [
        (
            "contentType",
            vec![json!(null), json!(5), json!(["image/png"]), json!("png"), json!("image/"), json!("/png")],
        ),
        (
            "contentType",
            vec![
                json!("image/png\r\nX: y"),
                json!("a/b;"),
                json!("a/b; c"),
                json!("a/b; c=\"d"),
                json!("ä/b"),
            ],
        ),
        ("contentType", vec![json!(format!("a/{long}"))]),
        (
            "contentLength",
            vec![json!(null), json!("123"), json!(-1), json!(1.5), json!(5_368_709_121_u64), json!(true)],
        ),
        ("expiresIn", vec![json!(null), json!("60"), json!(0), json!(604_801), json!(1.5), json!({})]),
        ("hash", vec![json!(null), json!(5), json!("a\u{0}b"), json!("a\u{85}b"), json!(long)]),
        ("type", vec![json!(null), json!("1"), json!(0), json!(15), json!(1.5), json!(-1)]),
        ("baseId", vec![json!(null), json!(5), json!("a\nb"), json!(long)]),
    ];
    for (name, values) in cases {
        for value in values {
            let problem = app.sign(&with(name, value.clone())).await.problem(400, "validation_error");
            assert_eq!(pointers(&problem), [format!("/{name}")], "{name}: {value}");
        }
    }
}

#[actix_web::test]
async fn every_offending_field_is_named_at_once() {
    let app = App::start().await;
    let wish =
        json!({"contentType": "png", "contentLength": -1, "expiresIn": null, "hash": 5, "baseId": "a\nb"});
    let problem = app.sign(&wish).await.problem(400, "validation_error");
    let mut named = pointers(&problem);
    named.sort_unstable();
    assert_eq!(named, ["/baseId", "/contentLength", "/contentType", "/expiresIn", "/hash", "/type"]);
    insta::assert_snapshot!(text(&problem["detail"]), @"contentLength must be a whole number from 0 to 5368709120; expiresIn must be a whole number from 1 to 604800; hash must be a string; type is required; baseId must have no control characters; contentType must be empty or a media type such as image/png");
    let problem = app.sign(&json!({})).await.problem(400, "validation_error");
    assert_eq!(pointers(&problem), ["/contentType", "/contentLength", "/type"]);
}

#[actix_web::test]
async fn what_is_no_json_object_is_refused_as_a_whole() {
    let app = App::start().await;
    let bearer = format!("Bearer {}", app.bearer);
    let bodies =
        ["", "{", "null", "5", "[\"image/png\",123,1]", "\"a\"", "{\"type\":1}{", "\u{feff}{}", "{'type':1}"];
    for body in bodies {
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let answer = app.send("POST", "/api/attachments/signature", &headers, body).await;
        assert_eq!(pointers(&answer.problem(400, "validation_error")), [""], "{body}");
    }
    let twice = r#"{"contentType":"","contentLength":1,"type":1,"type":2}"#;
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let answer = app.send("POST", "/api/attachments/signature", &headers, twice).await;
    assert_eq!(pointers(&answer.problem(400, "validation_error")), ["/type"]);
    let deep = "[".repeat(5000);
    let answer = app.send("POST", "/api/attachments/signature", &headers, deep).await;
    answer.problem(400, "validation_error");
}

#[actix_web::test]
async fn other_types_and_sizes_of_body() {
    let app = App::start().await;
    let bearer = format!("Bearer {}", app.bearer);
    let post = async |content_type: Option<&str>, body: String| {
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(content_type.map(|value| ("content-type", value)));
        app.send("POST", "/api/attachments/signature", &headers, body).await
    };
    for other in
        [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/vnd.a+json")]
    {
        post(other, valid().to_string()).await.problem(415, "unsupported_media_type");
    }
    let padded = format!("{}{}", valid(), " ".repeat(16 * 1024));
    post(Some("application/json"), padded).await.problem(413, "payload_too_large");
    let fits = format!("{:<1$}", valid().to_string(), 16 * 1024);
    assert_eq!(post(Some("Application/JSON"), fits).await.status, 201);
}

#[actix_web::test]
async fn credentials_are_judged_before_anything_else() {
    let app = App::start().await;
    let paths = ["/api/attachments/signature", "/api/attachments/notify/x?filename=%00"];
    let digits = "0".repeat(64);
    for path in paths {
        for credentials in
            [None, Some("Basic dXNlcjpwYXNz"), Some("Bearer"), Some("Bearer "), Some("Token x")]
        {
            let headers: Vec<_> = credentials.map(|value| ("authorization", value)).into_iter().collect();
            let answer = app.send("POST", path, &headers, "{").await;
            answer.problem(401, "unauthorized");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
        for unknown in
            ["x", "tat_", "tat_0_0", &format!("tat_000000000000_{digits}"), &format!("{}0", app.bearer)]
        {
            let answer =
                app.send("POST", path, &[("authorization", &format!("Bearer {unknown}"))], "{").await;
            answer.problem(401, "unauthorized");
            assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
        }
    }
    let headers =
        [("authorization", &*format!("bEARER  {}", app.bearer)), ("content-type", "application/json")];
    assert_eq!(
        app.send("POST", paths[0], &headers, valid().to_string()).await.status,
        201,
        "a scheme has no case"
    );
}

#[actix_web::test]
async fn other_methods_and_paths() {
    let app = App::start().await;
    let name = "0".repeat(32);
    let cases = [
        ("/api/attachments/signature".to_owned(), "POST"),
        ("/api/attachments/upload/x".to_owned(), "PUT, POST"),
        ("/api/attachments/notify/x".to_owned(), "POST"),
        (format!("/api/attachments/read/public/avatar/{name}"), "GET, HEAD"),
        ("/api/attachments/x".to_owned(), "GET"),
    ];
    for (path, allow) in cases {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"] {
            if allow.split(", ").any(|allowed| allowed == method) {
                continue;
            }
            let answer = app.send(method, &path, &[], "").await;
            assert_eq!(answer.header("allow"), allow, "{method} {path}: {answer:?}");
            if method == "HEAD" {
                assert_eq!(answer.status, 405);
            } else {
                answer.problem(405, "method_not_allowed");
            }
        }
    }
    for path in [
        "/api",
        "/api/",
        "/api/attachments",
        "/api/attachments/",
        "/api/attachments/a/b",
        "/api/x",
        "/x",
        "/docs/x",
    ] {
        let answer = app.get(path, &[]).await;
        assert_eq!(answer.status, 404, "{path}");
        if !path.starts_with("/docs") {
            answer.problem(404, "not_found");
        }
    }
}

#[actix_web::test]
async fn an_upload_is_held_to_its_signature() {
    let app = App::start_with(&["--storage-token-expire-in", "1s"]).await;
    let wish = json!({"contentType": "text/plain", "contentLength": 5, "type": 1, "expiresIn": 3600});
    let signed = app.sign(&wish).await.json();
    let url = text(&signed["url"]);
    let put =
        async |headers: &[(&str, &str)], body: &str| app.send("PUT", url, headers, body.to_owned()).await;

    put(&[], "1234").await.problem(400, "validation_error");
    put(&[], "123456").await.problem(413, "payload_too_large");
    put(&[("content-type", "text/html")], "12345").await.problem(415, "unsupported_media_type");
    put(&[("content-type", "nonsense")], "12345").await.problem(415, "unsupported_media_type");
    for token in ["x", "a.b.c", &app.bearer, &format!("{}x", text(&signed["token"]))] {
        let answer = app.send("PUT", &format!("/api/attachments/upload/{token}"), &[], "12345").await;
        answer.problem(403, "restricted_resource");
    }
    assert!(app.files().is_empty(), "{:?}", app.files());

    let brief = app.sign(&json!({"contentType": "", "contentLength": 5, "type": 1})).await.json();
    let late = || async {
        let answer = app.send("PUT", text(&brief["url"]), &[], "12345").await;
        if answer.status == 403 {
            answer.problem(403, "token_expired");
        }
        answer.status == 403
    };
    eventually("the token expires", late).await;

    for accepted in [None, Some("application/octet-stream"), Some("TEXT/PLAIN; charset=utf-8")] {
        let headers: Vec<_> = accepted.map(|value| ("content-type", value)).into_iter().collect();
        assert_eq!(put(&headers, "12345").await.status, 201, "{accepted:?}");
    }
}

#[actix_web::test]
async fn notify_and_open_want_what_is_there() {
    let app = App::start().await;
    let signed = app.sign(&valid()).await.json();
    let token = text(&signed["token"]);
    app.notify(token, "").await.problem(404, "not_found");
    app.notify("x", "").await.problem(403, "restricted_resource");
    for (query, pointer) in [
        ("?filename=%0d%0a", "/query/filename"),
        (&*format!("?filename={}", "x".repeat(256)), "/query/filename"),
        ("?filename=a&filename=b", "/query/filename"),
    ] {
        let problem = app.notify(token, query).await.problem(400, "validation_error");
        assert_eq!(pointers(&problem), [pointer]);
    }
    for token in [token, "x"] {
        app.call("GET", &format!("/api/attachments/{token}")).await.problem(404, "not_found");
    }
}

#[actix_web::test]
async fn a_server_may_allow_less_than_the_contract() {
    let app = App::start_with(&["--max-attachment-upload-size", "100"]).await;
    let problem = app.sign(&valid()).await.problem(400, "validation_error");
    assert_eq!(pointers(&problem), ["/contentLength"]);
    assert_eq!(app.sign(&with("contentLength", json!(100))).await.status, 201);
}

#[actix_web::test]
async fn a_storage_that_fails_is_a_503_and_a_missing_file_a_404() {
    let app = App::start().await;
    let token = app.upload("text/plain", 1, b"text").await;
    let stored = app.notify(&token, "").await.json();
    let place = app.files().pop().expect("a file");
    std::fs::remove_file(place).expect("removed");
    app.get(text(&stored["presignedUrl"]), &[]).await.problem(404, "not_found");
    app.notify(&token, "").await.problem(404, "not_found");
    app.call("GET", &format!("/api/attachments/{token}")).await.problem(404, "not_found");

    std::fs::remove_dir_all(app.folder.path().join("data/files/.incoming")).expect("removed");
    let signed = app.sign(&json!({"contentType": "", "contentLength": 1, "type": 1})).await.json();
    let answer = app.send("PUT", text(&signed["url"]), &[], "x").await;
    let problem = answer.problem(503, "service_unavailable");
    assert_eq!(answer.header("retry-after"), "5");
    assert!(!problem.to_string().contains("incoming"), "nothing internal is told: {problem}");
    assert_eq!(app.get("/readyz", &[]).await.status, 503);
    assert_eq!(app.get("/healthz", &[]).await.status, 200);
}

#[actix_web::test]
async fn a_registry_that_fails_is_a_503() {
    let app = App::start().await;
    assert_eq!(app.get("/readyz", &[]).await.status, 200);
    app.registry.close().await;
    let answer = app.sign(&valid()).await;
    answer.problem(503, "service_unavailable");
    assert_eq!(answer.header("retry-after"), "5");
    // One probe a second answers all.
    let failed = async || {
        let readyz = app.get("/readyz", &[]).await;
        (readyz.status.as_u16(), &readyz.body[..]) == (503, &b"storage ok\nregistry failed\n"[..])
    };
    eventually("the registry is not ready", failed).await;
}

/// What someone else has put in a file's place is never served as the file, nor waited for.
#[actix_web::test]
async fn what_is_not_the_stored_file_is_a_503() {
    let app = App::start().await;
    let stored = app.store("text/plain", 1, b"text").await;
    let place = std::path::PathBuf::from(app.files().pop().expect("a file"));
    let key = app.folder.path().join("data/signing-key");
    let pipe = app.folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let plants: [(&str, &dyn Fn()); 4] = [
        ("a link to a secret", &|| std::os::unix::fs::symlink(&key, &place).expect("a link")),
        ("a pipe that nobody writes", &|| std::fs::rename(&pipe, &place).expect("moved")),
        ("a folder", &|| std::fs::create_dir(&place).expect("a folder")),
        ("a file of another size", &|| std::fs::write(&place, "tex").expect("written")),
    ];
    for (what, plant) in plants {
        if place.is_dir() { std::fs::remove_dir(&place) } else { std::fs::remove_file(&place) }.expect(what);
        plant();
        let answer = app.get(text(&stored["presignedUrl"]), &[]).await;
        answer.problem(503, "service_unavailable");
        app.notify(text(&stored["token"]), "").await.problem(503, "service_unavailable");
    }
}

#[actix_web::test]
async fn readiness_looks_at_every_folder() {
    let app = App::start().await;
    std::fs::remove_dir(app.folder.path().join("data/files/private/chat-file")).expect("removed");
    let readyz = app.get("/readyz", &[]).await;
    assert_eq!((readyz.status.as_u16(), &readyz.body[..]), (503, &b"storage failed\nregistry ok\n"[..]));
}
