//! The flow over an object store: clients send and read the bytes there, and the store refuses what was not signed.

use std::time::{Duration, SystemTime};

use actix_web::body::SizedStream;
use actix_web::web::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use teable_attachments::domain::{Buckets, MediaType, ObjectKey, ObjectName, UploadType};
use teable_attachments::storage::s3::S3Store;
use teable_attachments::storage::{Difference, Direct, Expected, StoreError, Uploaded};

use crate::support::process::run;
use crate::support::s3::{Conditions, Store};
use crate::support::{Answer, App, hex_sha256, png, put, send, text};

async fn over(store: &Store, more: &[&str]) -> App {
    let settings = store.settings();
    let arguments: Vec<&str> = settings.iter().map(String::as_str).chain(more.iter().copied()).collect();
    App::start_with(&arguments).await
}

async fn sign(app: &App, media_type: &str, upload_type: u8, body: &[u8], hash: Option<&str>) -> Value {
    let mut wish = json!({"contentType": media_type, "contentLength": body.len(), "type": upload_type});
    if let Some(hash) = hash {
        wish["hash"] = json!(hash);
    }
    let signed = app.sign(&wish).await;
    assert_eq!(signed.status, 201, "{signed:?}");
    signed.json()
}

/// Takes `body` through the whole flow and reads it back.
async fn stores_and_reads_back(
    app: &App,
    media_type: &str,
    upload_type: u8,
    body: &[u8],
    query: &str,
) -> (Value, Answer) {
    let signed = sign(app, media_type, upload_type, body, Some(&hex_sha256(body))).await;
    let sent = put(&signed, body, &[]).await;
    assert_eq!(sent.status, 200, "{sent:?}");
    let notified = app.notify(text(&signed["token"]), query).await;
    assert_eq!(notified.status, 201, "{notified:?}");
    let stored = notified.json();
    let read = send("GET", text(&stored["presignedUrl"]), &[], "").await;
    assert_eq!(read.status, 200, "{read:?}");
    assert!(read.body == body, "the bytes are equal");
    (stored, read)
}

const BOTH: [Conditions; 2] = [Conditions::Kept, Conditions::Ignored];

#[actix_web::test]
async fn the_published_request_is_answered_with_exactly_what_must_be_sent() {
    let body = r#"{"contentType":"image/png","contentLength":123,"expiresIn":3600,"hash":"xxxxxxxx","type":1,"baseId":"string"}"#;
    for (conditions, guard) in BOTH.into_iter().zip([Some("*"), None]) {
        let store = Store::start(conditions);
        let app = over(&store, &[]).await;
        let signed = app.sign(&serde_json::from_str(body).expect("JSON")).await;
        assert_eq!(signed.status, 201, "{signed:?}");
        let signed = signed.json();
        let mut headers = json!({"Content-Type": "image/png", "Content-Length": 123});
        if let Some(guard) = guard {
            headers["If-None-Match"] = json!(guard);
        }
        assert_eq!(signed["requestHeaders"], headers);
        let place = if guard.is_some() { "private/table/" } else { "private/staging/table/" };
        let url = text(&signed["url"]);
        assert!(url.starts_with(&format!("http://{}/{place}", store.address)), "{url}");
        assert_eq!(put(&signed, &[7; 123], &[]).await.status, 200);
        let stored = app.notify(text(&signed["token"]), "").await.json();
        assert_eq!(text(&stored["url"]), format!("/private/{}", text(&stored["path"])));
    }
}

#[actix_web::test]
async fn files_go_past_the_service_and_come_back() {
    for conditions in BOTH {
        let store = Store::start(conditions);
        let app = over(&store, &[]).await;
        let image = png(1400, 1200);
        assert!(image.len() > 5_000_000);
        let (stored, read) = stores_and_reads_back(&app, "image/png", 1, &image, "?filename=a.png").await;
        assert_eq!((&stored["width"], &stored["height"]), (&json!(1400), &json!(1200)));
        assert_eq!(read.header("content-type"), "image/png");
        assert_eq!(read.header("content-disposition"), "inline; filename=\"a.png\"");
        assert_eq!(read.header("cache-control"), "private, max-age=86400");

        let name = "?filename=%C3%9Cbung%20%22%C3%9F%22%20%E5%9B%BE.pdf";
        let (_, read) = stores_and_reads_back(&app, "application/pdf", 1, b"%PDF-1.7", name).await;
        assert_eq!(
            read.header("content-disposition"),
            "attachment; filename=\"_bung ___ _.pdf\"; filename*=UTF-8''%C3%9Cbung%20%22%C3%9F%22%20%E5%9B%BE.pdf"
        );
        stores_and_reads_back(&app, "text/plain; charset=utf-8", 1, b"", "").await;
        for upload_type in 1..=14 {
            stores_and_reads_back(&app, "text/html", upload_type, b"<p>", "").await;
        }
        assert_eq!(store.objects().iter().filter(|object| object.contains("staging")).count(), 0);
        assert!(!app.folder.path().join("data/files").exists(), "nothing is kept here");
    }
}

#[actix_web::test]
async fn the_public_bucket_may_have_an_address_of_its_own() {
    let store = Store::start(Conditions::Kept);
    let app = over(&store, &["--storage-public-url", "https://cdn.example.com/files/"]).await;
    let signed = sign(&app, "image/svg+xml", 2, b"<svg/>", None).await;
    // Who reads there is told only what is stored with the object.
    assert_eq!(signed["requestHeaders"]["Content-Disposition"], "attachment");
    assert_eq!(signed["requestHeaders"]["Cache-Control"], "public, max-age=3600");
    // And nobody reads it before it was looked at.
    assert!(text(&signed["url"]).contains("/public/staging/avatar/"), "{signed}");
    assert_eq!(put(&signed, b"<svg/>", &[("content-disposition", "")]).await.status, 403);
    assert_eq!(put(&signed, b"<svg/>", &[]).await.status, 200);
    let stored = app.notify(text(&signed["token"]), "?filename=a.svg").await.json();
    let path = text(&stored["path"]);
    assert_eq!(stored["presignedUrl"], format!("https://cdn.example.com/files/{path}"));
    assert_eq!(stored["url"], format!("/public/{path}"));
}

#[actix_web::test]
async fn the_store_refuses_what_was_not_signed() {
    for conditions in BOTH {
        let store = Store::start(conditions);
        let app = over(&store, &[]).await;
        let signed = sign(&app, "text/plain", 1, b"abc", Some(&hex_sha256(b"abc"))).await;
        assert_eq!(put(&signed, b"abcd", &[]).await.status, 403, "another size");
        assert_eq!(put(&signed, b"abc", &[("content-type", "text/html")]).await.status, 403, "another type");
        assert_eq!(put(&signed, b"abc", &[("x-amz-checksum-sha256", "")]).await.status, 403, "no checksum");
        assert_eq!(put(&signed, b"abd", &[]).await.status, 400, "other bytes");
        let read = send("GET", text(&signed["url"]), &[], "").await;
        assert_eq!(read.status, 403, "the address is for sending alone");
        if conditions == Conditions::Ignored {
            // This store keeps what it has refused.
            app.notify(text(&signed["token"]), "").await.problem(400, "validation_error");
        }
        assert!(store.objects().is_empty(), "{:?}", store.objects());
        app.notify(text(&signed["token"]), "").await.problem(404, "not_found");

        let wish = json!({"contentType": "", "contentLength": 1, "type": 1, "expiresIn": 1});
        let signed = app.sign(&wish).await.json();
        crate::support::eventually("the address expires", || async {
            send("PUT", text(&signed["url"]), &[], "x").await.status == 403
                && put(&signed, b"x", &[]).await.status == 403
        })
        .await;
        // It may have been taken while the address was good.
        let left: Vec<_> = store.objects();
        assert!(left.len() <= 1, "{left:?}");
    }
}

#[actix_web::test]
async fn nobody_swaps_what_was_notified() {
    for conditions in BOTH {
        let store = Store::start(conditions);
        let app = over(&store, &[]).await;
        let signed = sign(&app, "text/plain", 1, b"first", None).await;
        assert_eq!(put(&signed, b"first", &[]).await.status, 200);
        let token = text(&signed["token"]);
        let stored = app.notify(token, "").await.json();
        let again = put(&signed, b"other", &[]).await;
        if conditions == Conditions::Kept {
            assert_eq!(again.status, 412);
            assert_eq!(put(&signed, b"other", &[("if-none-match", "")]).await.status, 403);
        }
        for answer in
            [app.notify(token, "").await, app.call("GET", &format!("/api/attachments/{token}")).await]
        {
            let url = match answer.status.as_u16() {
                302 => answer.header("location").to_owned(),
                _ => text(&answer.json()["presignedUrl"]).to_owned(),
            };
            assert_eq!(send("GET", &url, &[], "").await.body, "first");
        }
        assert_eq!(send("GET", text(&stored["presignedUrl"]), &[], "").await.body, "first");
    }
}

#[actix_web::test]
async fn what_is_not_as_signed_is_removed_for_good() {
    for conditions in BOTH {
        let store = Store::start(conditions);
        let app = over(&store, &[]).await;
        let signed = sign(&app, "text/plain", 1, b"abc", None).await;
        assert_eq!(put(&signed, b"abc", &[]).await.status, 200);
        // As if the store had taken it.
        let object = store.objects().pop().expect("an object");
        let (bucket, path) = object.split_once('/').expect("a bucket");
        std::fs::write(store.file(bucket, path), "abcd").expect("it is changed");
        let problem = app.notify(text(&signed["token"]), "").await.problem(400, "validation_error");
        assert!(text(&problem["detail"]).contains("another size"), "{problem}");
        assert!(store.objects().is_empty());
        app.notify(text(&signed["token"]), "").await.problem(404, "not_found");
        // Somebody may still be removing what stands under the name.
        assert_eq!(put(&signed, b"abc", &[]).await.status, 200);
        app.notify(text(&signed["token"]), "").await.problem(404, "not_found");
    }
}

#[actix_web::test]
async fn of_what_is_staged_one_version_is_made_final_however_late_a_notify_comes() {
    let store = Store::start(Conditions::Ignored);
    let buckets = Buckets { public: "public".to_owned(), private: "private".to_owned() };
    let ours = S3Store::open(store.config(), buckets, Duration::ZERO).await.expect("a store");
    let media_type = MediaType::parse("text/plain").expect("a type");
    let key = ObjectKey { upload_type: UploadType::Table, name: ObjectName::fresh() };
    let expected = Expected { key, media_type: &media_type, size: 5, sha256: None };
    let now = SystemTime::now();
    let address = ours.upload_address(&expected, now, now + Duration::from_mins(1)).expect("an address");
    let put = async |body: &'static str| {
        let headers: Vec<_> = address.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(send("PUT", &address.url, &headers, body).await.status, 200);
    };
    let version = async || match ours.inspect(&expected).await.expect("it is there") {
        Uploaded::Staged(version) => version,
        Uploaded::Final(_) => panic!("it is final"),
    };
    let read = || std::fs::read_to_string(store.file("private", &key.path()));

    put("first").await;
    let first = version().await;
    put("other").await;
    assert_ne!(version().await, first);
    let refused = ours.make_final(&expected, &first).await;
    assert!(matches!(refused, Err(StoreError::Unexpected(Difference::Version))), "it was changed meanwhile");
    assert!(read().is_err());

    put("first").await;
    ours.make_final(&expected, &first).await.expect("it is the version that was seen first");
    put("other").await;
    // A notify that looked before there was a final one comes this far.
    let object = ours.make_final(&expected, &first).await.expect("it is final");
    assert_eq!((object.size(), read().expect("a file").as_str()), (5, "first"));
}

#[actix_web::test]
async fn bytes_do_not_pass_through_the_service() {
    let store = Store::start(Conditions::Kept);
    let app = over(&store, &[]).await;
    let signed = sign(&app, "text/plain", 1, b"abc", None).await;
    let upload = format!("/api/attachments/upload/{}", text(&signed["token"]));
    for method in ["PUT", "POST"] {
        app.send(method, &upload, &[], "abc").await.problem(404, "not_found");
    }
    assert_eq!(put(&signed, b"abc", &[]).await.status, 200);
    let stored = app.notify(text(&signed["token"]), "").await.json();
    let read = format!("/api/attachments/read/private/{}", text(&stored["path"]));
    app.get(&read, &[]).await.problem(404, "not_found");
    assert_eq!(app.send("HEAD", &read, &[], "").await.status, 404);
}

#[actix_web::test]
async fn an_upload_that_was_never_sent_and_one_that_is_gone() {
    let store = Store::start(Conditions::Kept);
    let app = over(&store, &[]).await;
    let signed = sign(&app, "text/plain", 1, b"abc", None).await;
    app.notify(text(&signed["token"]), "").await.problem(404, "not_found");
    put(&signed, b"abc", &[]).await;
    let stored = app.notify(text(&signed["token"]), "").await.json();
    std::fs::remove_file(store.file("private", text(&stored["path"]))).expect("it is removed");
    app.notify(text(&signed["token"]), "").await.problem(404, "not_found");
    app.call("GET", &format!("/api/attachments/{}", text(&signed["token"]))).await.problem(404, "not_found");
}

/// Everybody may read the public bucket, if its operator opens all of it.
#[actix_web::test]
async fn the_public_bucket_tells_no_registry_id() {
    let store = Store::start(Conditions::Kept);
    let app = over(&store, &[]).await;
    let [public, private] =
        ["public", "private"].map(|bucket| store.file(bucket, "teable-attachments-owner"));
    let read = |path: &std::path::Path| std::fs::read_to_string(path).expect("an owner object");
    let (id, digest) = (read(&private), read(&public));
    assert_eq!(id, app.registry.identity("unused").await.expect("an id"));
    assert_eq!(digest, hex_sha256(id.as_bytes()));

    let arguments = [vec!["gc".to_owned(), "--dry-run".to_owned()], store.settings()].concat();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let is_own = || run(app.folder.path(), &arguments).status.success();
    // Older versions wrote the id into both, and so may an operator who hands the buckets over.
    for (public_text, private_text, own) in [
        (&digest, &id, true),
        (&id, &id, true),
        (&digest, &digest, false),
        (&hex_sha256(b"another id"), &id, false),
        (&digest, &"another id".to_owned(), false),
    ] {
        std::fs::write(&public, public_text).expect("it is written");
        std::fs::write(&private, private_text).expect("it is written");
        assert_eq!(is_own(), own, "{public_text} and {private_text}");
    }
}

#[actix_web::test]
async fn the_pages_may_go_to_the_store() {
    let store = Store::start(Conditions::Kept);
    let app = over(&store, &["--storage-public-url", "https://cdn.example.com/files"]).await;
    let page = app.get("/try/", &[]).await;
    let policy = page.header("content-security-policy");
    for source in [format!("http://{}", store.address), "https://cdn.example.com".to_owned()] {
        assert!(policy.matches(&source).count() >= 2, "{source} in {policy}");
    }
}

#[actix_web::test]
async fn a_store_that_is_not_as_configured_is_told_at_the_start() {
    let store = Store::start(Conditions::Kept);
    let start = |flag: &str, value: &str| {
        let folder = tempfile::TempDir::new().expect("a folder");
        let mut arguments = store.settings();
        arguments.extend(["--storage-private-bucket".to_owned(), "private".to_owned()]);
        let at = arguments.iter().position(|argument| argument == flag).expect("a flag");
        value.clone_into(&mut arguments[at + 1]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let run = crate::support::process::run(folder.path(), &arguments);
        assert!(!run.status.success());
        String::from_utf8(run.stderr).expect("text")
    };
    let said = start("--storage-private-bucket", "another");
    assert!(said.contains("the bucket \"another\" of the object store cannot be used"), "{said}");
    assert!(said.contains("there is no such bucket"), "{said}");
    let said = start("--storage-s3-secret-key", "a-wrong-one");
    assert!(said.contains("the credentials are wrong"), "{said}");
    assert!(!said.contains("a-wrong-one"), "{said}");
}

#[actix_web::test]
async fn two_gibibytes_go_past_the_service() {
    const SIZE: u64 = 2 << 30;
    const CHUNK: usize = 1 << 20;
    let store = Store::start(Conditions::Kept);
    let app = over(&store, &[]).await;
    let wish = json!({"contentType": "video/mp4", "contentLength": SIZE, "type": 1});
    let signed = app.sign(&wish).await.json();
    // Every chunk says which it is.
    let chunk = |index: u64| {
        let mut chunk = vec![7; CHUNK];
        chunk[..8].copy_from_slice(&index.to_le_bytes());
        chunk
    };
    let count = SIZE / CHUNK as u64;
    let body = stream::iter((0..count).map(move |index| Ok::<_, std::io::Error>(Bytes::from(chunk(index)))));
    let client = awc::Client::builder().timeout(Duration::from_mins(4)).finish();
    let put = client.put(text(&signed["url"])).insert_header(("if-none-match", "*"));
    let put = put.insert_header(("content-type", "video/mp4")).no_decompress();
    let sent = put.send_body(SizedStream::new(SIZE, body)).await.expect("an answer");
    assert_eq!(sent.status(), 200);
    let stored = app.notify(text(&signed["token"]), "?filename=film.mp4").await.json();
    assert_eq!(stored["size"], SIZE);

    let mut read = client.get(text(&stored["presignedUrl"])).send().await.expect("an answer");
    let (mut at, mut expected) = (0_u64, Vec::new());
    while let Some(part) = read.next().await {
        for piece in part.expect("bytes").chunks(64 * 1024) {
            let mut piece = piece;
            while !piece.is_empty() {
                let within = usize::try_from(at % CHUNK as u64).expect("small");
                if within == 0 {
                    expected = chunk(at / CHUNK as u64);
                }
                let length = piece.len().min(CHUNK - within);
                assert!(piece[..length] == expected[within..within + length], "equal at {at}");
                at += length as u64;
                piece = &piece[length..];
            }
        }
    }
    assert_eq!(at, SIZE);
}
