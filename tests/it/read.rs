//! Reading: ranges, conditions, headers (RFC 9110, sections 13 and 14), and who may.

use serde_json::Value;

use crate::support::{Answer, App, png, text};

const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz";

async fn stored(app: &App) -> String {
    text(&app.store("text/plain", 2, ALPHABET).await["presignedUrl"]).to_owned()
}

#[actix_web::test]
async fn one_range_is_answered_and_the_rest_is_ignored() {
    let app = App::start().await;
    let url = stored(&app).await;
    let cases = [
        ("bytes=0-0", Some((0, 0))),
        ("bytes=3-5", Some((3, 5))),
        ("bytes=20-", Some((20, 25))),
        ("bytes=-3", Some((23, 25))),
        ("bytes=-100", Some((0, 25))),
        ("bytes=24-100", Some((24, 25))),
        ("bytes=0-1,3-4", None),
        ("bytes=x", None),
        ("lines=1-2", None),
        ("", None),
    ];
    for (range, part) in cases {
        let answer = app.get(&url, &[("range", range)]).await;
        let Some((first, last)) = part else {
            assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, ALPHABET), "{range}");
            continue;
        };
        assert_eq!(answer.status, 206, "{range}");
        assert_eq!(answer.body, ALPHABET[first..=last], "{range}");
        assert_eq!(answer.header("content-range"), format!("bytes {first}-{last}/26"));
        assert_eq!(answer.header("content-length"), (last - first + 1).to_string());
    }
    for range in ["bytes=26-", "bytes=100-200", "bytes=-0"] {
        let answer = app.get(&url, &[("range", range)]).await;
        answer.problem(416, "range_not_satisfiable");
        assert_eq!(answer.header("content-range"), "bytes */26");
    }
}

#[actix_web::test]
async fn a_range_of_nothing_cannot_be_satisfied() {
    let app = App::start().await;
    let stored = app.store("text/plain", 2, b"").await;
    let answer = app.get(text(&stored["presignedUrl"]), &[("range", "bytes=0-")]).await;
    answer.problem(416, "range_not_satisfiable");
}

#[actix_web::test]
async fn conditions_are_judged_in_their_order() {
    let app = App::start().await;
    let url = stored(&app).await;
    let first = app.get(&url, &[]).await;
    let (tag, date) = (first.header("etag"), first.header("last-modified"));
    let weak = format!("W/{tag}");
    let before = "Sun, 06 Nov 1994 08:49:37 GMT";
    let cases: [(&[(&str, &str)], u16); 17] = [
        (&[("if-none-match", tag)], 304),
        (&[("if-none-match", &weak)], 304),
        (&[("if-none-match", "*")], 304),
        (&[("if-none-match", "\"other\"")], 200),
        (&[("if-none-match", "nonsense")], 200),
        (&[("if-modified-since", date)], 304),
        (&[("if-modified-since", before)], 200),
        (&[("if-modified-since", "nonsense")], 200),
        (&[("if-none-match", "\"other\""), ("if-modified-since", date)], 200),
        (&[("if-none-match", tag), ("range", "bytes=0-1")], 304),
        (&[("if-range", tag), ("range", "bytes=0-1")], 206),
        (&[("if-range", &weak), ("range", "bytes=0-1")], 200),
        (&[("if-range", "\"other\""), ("range", "bytes=0-1")], 200),
        (&[("if-range", date), ("range", "bytes=0-1")], 206),
        (&[("if-range", before), ("range", "bytes=0-1")], 200),
        (&[("if-range", "nonsense"), ("range", "bytes=0-1")], 200),
        (&[("if-range", "\"other\""), ("range", "bytes=99-")], 200),
    ];
    for (headers, status) in cases {
        let answer = app.get(&url, headers).await;
        assert_eq!(answer.status, status, "{headers:?}");
        assert_eq!(answer.header("etag"), tag);
        if status == 304 {
            assert!(answer.body.is_empty());
            assert_eq!(answer.header("cache-control"), first.header("cache-control"));
        }
    }
}

#[actix_web::test]
async fn head_tells_the_same_without_the_bytes() {
    let app = App::start().await;
    let url = stored(&app).await;
    let get = app.get(&url, &[]).await;
    let head = app.send("HEAD", &url, &[("range", "bytes=0-1")], "").await;
    assert_eq!(head.status, 200, "a range is nothing to HEAD");
    let told = |answer: &Answer| {
        let varying = ["date", "x-request-id"];
        let mut headers: Vec<_> = answer
            .headers
            .iter()
            .filter(|(name, _)| !varying.contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")))
            .collect();
        headers.sort();
        headers
    };
    let sorted = |headers: Vec<String>| {
        headers.into_iter().filter(|header| !header.starts_with("access-control-expose")).collect::<Vec<_>>()
    };
    assert_eq!(sorted(told(&head)), sorted(told(&get)));
    let head = app.send("HEAD", &url, &[("if-none-match", get.header("etag"))], "").await;
    assert_eq!(head.status, 304);
}

#[actix_web::test]
async fn nothing_runs_from_here() {
    let app = App::start().await;
    for (media_type, kind, embedded) in [
        ("image/png", "inline", "cross-origin"),
        ("text/plain; charset=utf-8", "inline", "cross-origin"),
        ("image/svg+xml", "attachment", "cross-origin"),
        ("text/html", "attachment", "same-origin"),
        ("text/javascript", "attachment", "same-origin"),
        ("application/pdf", "attachment", "same-origin"),
        ("application/xhtml+xml", "attachment", "same-origin"),
        ("", "attachment", "same-origin"),
    ] {
        let stored = app.store(media_type, 2, &png(1, 1)).await;
        let url = text(&stored["presignedUrl"]);
        for query in ["", "?response-content-disposition=inline"] {
            let read = app.get(&format!("{url}{query}"), &[]).await;
            assert_eq!(read.header("content-disposition"), kind, "{media_type}{query}");
            assert_eq!(read.header("x-content-type-options"), "nosniff");
            assert_eq!(read.header("content-security-policy"), "sandbox; default-src 'none'");
            assert_eq!(read.header("cross-origin-resource-policy"), embedded, "{media_type}");
        }
    }
}

#[actix_web::test]
async fn the_reader_may_choose_how_it_is_offered() {
    let app = App::start().await;
    let url = stored(&app).await;
    let ask = async |value: &str| app.get(&format!("{url}?response-content-disposition={value}"), &[]).await;
    for (value, offered) in [
        ("attachment", "attachment"),
        ("attachment;%20filename=a.txt", "attachment; filename=a.txt"),
        (
            "inline;filename=%22a%20b.txt%22;filename*=UTF-8''%25C3%25A4",
            "inline;filename=\"a b.txt\";filename*=UTF-8''%C3%A4",
        ),
    ] {
        assert_eq!(ask(value).await.header("content-disposition"), offered);
    }
    for value in [
        "",
        "foo",
        "inline%0d%0aX:%20y",
        "inline;%20a=b",
        "attachment;%20filename=%22a",
        "INLINE",
        "attachment;%20filename*=UTF-8''%25zz",
    ] {
        let problem = ask(value).await.problem(400, "validation_error");
        assert_eq!(problem["errors"][0]["pointer"], "/query/response-content-disposition", "{value}");
    }
}

#[actix_web::test]
async fn copies_are_kept_no_longer_than_is_right() {
    let app = App::start_with(&["--storage-url-expire-in", "1h"]).await;
    for upload_type in 1..=14 {
        let stored = app.store("text/plain", upload_type, b"text").await;
        let cache = app.get(text(&stored["presignedUrl"]), &[]).await.header("cache-control").to_owned();
        match upload_type {
            3 | 4 | 10 | 11 => assert_eq!(cache, "public, max-age=31536000, immutable"),
            2 | 6 | 8 => assert_eq!(cache, "public, max-age=3600"),
            _ => {
                let age = cache
                    .strip_prefix("private, max-age=")
                    .expect("private")
                    .parse::<u64>()
                    .expect("seconds");
                assert!((3500..=3600).contains(&age), "never beyond the token: {age}");
            }
        }
    }
}

#[actix_web::test]
async fn a_private_file_is_read_with_its_own_token_alone() {
    let app = App::start().await;
    let one = app.store("text/plain", 1, b"one").await;
    let other = app.store("text/plain", 1, b"other").await;
    let path = |stored: &Value| text(&stored["url"]).to_owned();
    let read_token =
        |stored: &Value| text(&stored["presignedUrl"]).split_once("token=").expect("a token").1.to_owned();
    let read = async |path: &str, token: &str| app.get(&format!("{path}?token={token}"), &[]).await;

    assert_eq!(read(&path(&one), &read_token(&one)).await.body, "one");
    app.get(&path(&one), &[]).await.problem(403, "restricted_resource");
    let bearer = format!("Bearer {}", app.bearer);
    app.get(&path(&one), &[("authorization", &bearer)]).await.problem(403, "restricted_resource");
    for wrong in [&read_token(&other), text(&one["token"]), "", "x", &app.bearer] {
        read(&path(&one), wrong).await.problem(403, "restricted_resource");
    }
    // Nor does an upload token pass for a read token, or the other way round.
    let upload = format!("/api/attachments/upload/{}", read_token(&one));
    app.send("PUT", &upload, &[], "one").await.problem(403, "restricted_resource");
}

#[actix_web::test]
async fn a_read_token_ends() {
    let app = App::start_with(&["--storage-url-expire-in", "1s"]).await;
    let stored = app.store("text/plain", 1, b"text").await;
    let url = text(&stored["presignedUrl"]).to_owned();
    let ended = || async {
        let answer = app.get(&url, &[]).await;
        if answer.status == 403 {
            answer.problem(403, "token_expired");
        }
        answer.status == 403
    };
    crate::support::eventually("the read token expires", ended).await;
}

#[actix_web::test]
async fn only_what_was_notified_can_be_read() {
    let app = App::start().await;
    app.upload("text/plain", 2, b"text").await;
    let file = app.files().pop().expect("a file");
    let name = file.rsplit('/').next().expect("a name");
    app.get(&format!("/api/attachments/read/public/avatar/{name}"), &[]).await.problem(404, "not_found");
}

#[actix_web::test]
async fn no_address_leads_out_of_the_folder() {
    let app = App::start().await;
    let stored = app.store("text/plain", 2, b"text").await;
    let name = text(&stored["path"]).rsplit('/').next().expect("a name");
    let upper = name.to_uppercase();
    for path in [
        format!("public/avatar/{upper}"),
        format!("private/avatar/{name}"),
        format!("public/form/{name}"),
        format!("public/..%2favatar/{name}"),
        format!("public%2favatar/avatar/{name}"),
        format!("./avatar/{name}"),
        "public/avatar/..".to_owned(),
        "public/avatar/%2e%2e%2f%2e%2e%2f%2e%2e%2fregistry.sqlite".to_owned(),
        "public/avatar/..%5c..%5cregistry.sqlite".to_owned(),
        "public/avatar/%00".to_owned(),
        "public/avatar/%ff".to_owned(),
        "%2e%2e/%2e%2e/registry.sqlite".to_owned(),
        ".incoming/x/y".to_owned(),
    ] {
        app.get(&format!("/api/attachments/read/{path}"), &[]).await.problem(404, "not_found");
    }
}
