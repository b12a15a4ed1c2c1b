//! Signature, upload, notify, read: with files as people have them.

use serde_json::{Value, json};

use crate::support::{App, hex_sha256, png, text};

#[actix_web::test]
async fn the_published_request_is_answered_with_the_published_properties() {
    let app = App::start().await;
    let body = r#"{"contentType":"image/png","contentLength":123,"expiresIn":3600,"hash":"xxxxxxxx","type":1,"baseId":"string"}"#;
    let answer = app.sign(&serde_json::from_str(body).expect("JSON")).await;
    assert_eq!(answer.status, 201);
    let answer = answer.json();
    let mut names: Vec<_> = answer.as_object().expect("an object").keys().collect();
    names.sort();
    assert_eq!(names, ["requestHeaders", "token", "uploadMethod", "url"]);
    assert_eq!(answer["uploadMethod"], "PUT");
    assert_eq!(answer["requestHeaders"], json!({"Content-Type": "image/png", "Content-Length": 123}));
    assert_eq!(
        text(&answer["url"]),
        format!("{}/api/attachments/upload/{}", app.origin, text(&answer["token"]))
    );
}

async fn stores_and_reads_back(
    app: &App,
    media_type: &str,
    upload_type: u8,
    bytes: &[u8],
    query: &str,
) -> Value {
    let token = app.upload(media_type, upload_type, bytes).await;
    let notified = app.notify(&token, query).await;
    assert_eq!(notified.status, 201, "{notified:?}");
    let stored = notified.json();
    assert_eq!(stored["token"], token.as_str());
    assert_eq!(stored["size"], bytes.len());
    let read = app.get(text(&stored["presignedUrl"]), &[]).await;
    assert_eq!(read.status, 200);
    assert!(read.body == bytes, "the bytes are equal");
    assert_eq!(read.header("content-length"), bytes.len().to_string());
    stored
}

#[actix_web::test]
async fn a_large_image_comes_back_with_its_width_and_height() {
    let app = App::start().await;
    let image = png(1400, 1200);
    assert!(image.len() > 5_000_000);
    let stored = stores_and_reads_back(&app, "image/png", 1, &image, "").await;
    assert_eq!((&stored["width"], &stored["height"]), (&json!(1400), &json!(1200)));
    assert_eq!(stored["mimetype"], "image/png");
    assert!(text(&stored["path"]).starts_with("table/"));
    assert_eq!(text(&stored["url"]), format!("/api/attachments/read/private/{}", text(&stored["path"])));
}

#[actix_web::test]
async fn nothing_is_a_file_too() {
    let app = App::start().await;
    let stored = stores_and_reads_back(&app, "text/plain", 1, b"", "?filename=empty.txt").await;
    assert_eq!(stored.get("width"), None);
}

#[actix_web::test]
async fn any_name_survives_the_way_through_the_headers() {
    let app = App::start().await;
    let query = "?filename=%C3%9Cbung%20%22%C3%9F%22%20%E5%9B%BE.pdf";
    let stored = stores_and_reads_back(&app, "application/pdf", 1, b"%PDF-1.7", query).await;
    let read = app.get(text(&stored["presignedUrl"]), &[]).await;
    assert_eq!(
        read.header("content-disposition"),
        "attachment; filename=\"_bung ___ _.pdf\"; filename*=UTF-8''%C3%9Cbung%20%22%C3%9F%22%20%E5%9B%BE.pdf"
    );
}

#[actix_web::test]
async fn a_file_of_a_public_type_is_read_without_a_token() {
    let app = App::start().await;
    let stored = stores_and_reads_back(&app, "image/png", 2, &png(3, 2), "").await;
    assert_eq!(text(&stored["presignedUrl"]), format!("{}{}", app.origin, text(&stored["url"])));
    assert!(text(&stored["url"]).starts_with("/api/attachments/read/public/avatar/"));
}

#[actix_web::test]
async fn every_upload_type_has_its_place() {
    let app = App::start().await;
    for upload_type in 1..=14 {
        stores_and_reads_back(&app, "text/plain", upload_type, b"some text", "").await;
    }
}

#[actix_web::test]
async fn a_file_whose_type_the_browser_does_not_know() {
    let app = App::start().await;
    let signed = app.sign(&json!({"contentType": "", "contentLength": 3, "type": 1})).await.json();
    assert_eq!(signed["requestHeaders"]["Content-Type"], "application/octet-stream");
    let stored = stores_and_reads_back(&app, "", 1, b"abc", "").await;
    assert_eq!(stored["mimetype"], "application/octet-stream");
}

#[actix_web::test]
async fn whole_numbers_may_be_written_as_javascript_writes_them() {
    let app = App::start().await;
    for (length, read) in [("123.0", 123), ("1e2", 100), ("0", 0), ("5368709120", 5_368_709_120_u64)] {
        let body = format!(r#"{{"contentType":"","contentLength":{length},"type":1.0,"unknown":[null]}}"#);
        let bearer = format!("Bearer {}", app.bearer);
        let headers =
            [("authorization", bearer.as_str()), ("content-type", "application/json; charset=utf-8")];
        let answer = app.send("POST", "/api/attachments/signature", &headers, body).await;
        assert_eq!(answer.status, 201, "{length}: {answer:?}");
        assert_eq!(answer.json()["requestHeaders"]["Content-Length"], read);
    }
}

#[actix_web::test]
async fn an_upload_happens_once() {
    let app = App::start().await;
    let token = app.upload("text/plain", 1, b"first").await;
    let address = format!("/api/attachments/upload/{token}");
    for method in ["PUT", "POST"] {
        assert_eq!(app.send(method, &address, &[], "first").await.status, 201, "the same bytes again");
        app.send(method, &address, &[], "other").await.problem(409, "conflict");
    }
    let stored = app.notify(&token, "").await.json();
    app.send("PUT", &address, &[], "other").await.problem(409, "conflict");
    assert_eq!(app.get(text(&stored["presignedUrl"]), &[]).await.body, "first");
}

#[actix_web::test]
async fn the_same_upload_many_times_at_once_is_stored_once() {
    let app = App::start().await;
    let bytes = vec![7; 600_000];
    let wish = json!({"contentType": "", "contentLength": bytes.len(), "type": 1});
    let signed = app.sign(&wish).await.json();
    let one = || app.send("PUT", text(&signed["url"]), &[], bytes.clone());
    let answers = futures_util::future::join_all((0..20).map(|_| one())).await;
    assert!(answers.iter().all(|answer| answer.status == 201), "{answers:?}");
    assert_eq!(app.files().len(), 1);
}

#[actix_web::test]
async fn notify_gives_the_same_file_again_and_after_a_restart() {
    let app = App::start().await;
    let token = app.upload("image/png", 1, &png(5, 4)).await;
    let once = app.notify(&token, "?filename=a.png").await;
    let answers =
        futures_util::future::join_all((0..10).map(|_| app.notify(&token, "?filename=a.png"))).await;
    let app = app.restart().await;
    let after = app.notify(&token, "?filename=a.png").await;
    let without_addresses = |answer: &crate::support::Answer| {
        assert_eq!(answer.status, 201);
        let mut json = answer.json();
        json.as_object_mut().expect("an object").remove("presignedUrl");
        json
    };
    for answer in answers.iter().chain([&after]) {
        assert_eq!(without_addresses(answer), without_addresses(&once));
    }
    let read = app.get(&presigned_path(&after.json()), &[]).await;
    assert_eq!(read.status, 200);
    assert_eq!(read.header("content-disposition"), "inline; filename=\"a.png\"");
}

fn presigned_path(stored: &Value) -> String {
    let url = text(&stored["presignedUrl"]);
    url[url.find("/api/").expect("a path")..].to_owned()
}

#[actix_web::test]
async fn a_hash_of_64_digits_is_held_against_the_bytes() {
    let app = App::start().await;
    let sign = async |hash: &str| {
        app.sign(&json!({"contentType": "", "contentLength": 3, "type": 1, "hash": hash})).await.json()
    };
    let signed = sign(&hex_sha256(b"abc").to_uppercase()).await;
    let refused = app.send("PUT", text(&signed["url"]), &[], "abd").await;
    let problem = refused.problem(400, "validation_error");
    assert!(text(&problem["detail"]).contains("SHA-256"), "{problem}");
    assert!(app.files().is_empty());
    assert_eq!(app.send("PUT", text(&signed["url"]), &[], "abc").await.status, 201);
    let label = sign("xxxxxxxx").await;
    assert_eq!(app.send("PUT", text(&label["url"]), &[], "abd").await.status, 201);
}

#[actix_web::test]
async fn open_leads_from_the_token_to_the_file() {
    let app = App::start().await;
    let stored = app.store("text/plain", 1, b"some text").await;
    let path = format!("/api/attachments/{}", text(&stored["token"]));
    let opened = app.call("GET", &format!("{path}?filename=b.txt")).await;
    assert_eq!(opened.status, 302);
    assert_eq!(opened.header("cache-control"), "no-store");
    let read = app.get(opened.header("location"), &[]).await;
    assert_eq!(read.body, "some text");
    assert_eq!(read.header("content-disposition"), "inline; filename=\"b.txt\"");
    app.get(&path, &[]).await.problem(401, "unauthorized");
}

#[actix_web::test]
async fn an_unknown_length_is_counted() {
    use futures_util::stream;
    let app = App::start().await;
    let signed = app.sign(&json!({"contentType": "", "contentLength": 6, "type": 1})).await.json();
    for (chunks, status) in [(2, 400), (4, 413), (3, 201)] {
        let body = stream::iter((0..chunks).map(|_| Ok::<_, std::io::Error>("ab".into())));
        let answer = awc::Client::default().put(text(&signed["url"])).send_stream(Box::pin(body)).await;
        assert_eq!(answer.expect("an answer").status(), status, "{chunks} chunks");
    }
}
