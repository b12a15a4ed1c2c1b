//! Ways out of the folder, in every place of an address and in every encoding that somebody has ever decoded twice.

use std::collections::BTreeSet;

use super::wire::ask;
use super::{everything, print, still_well};
use crate::support::{App, text};

/// What leads out, if it is taken for a path.
const STEPS: [&str; 6] = ["..", "../..", "../../../../../../..", "..\\..", "/", "./.."];
/// What would be found there.
const GOALS: [&str; 4] = ["registry.sqlite", "signing-key", "etc/passwd", ".owner"];

/// The spellings of a path that some server has taken for it.
fn spellings(path: &str) -> Vec<String> {
    let each = |encode: &dyn Fn(char) -> String| path.chars().map(encode).collect::<String>();
    let hex = |c: char| format!("%{:02x}", c as u32);
    let special = |c: char| matches!(c, '.' | '/' | '\\');
    let only_special =
        |encode: &dyn Fn(char) -> String| each(&|c| if special(c) { encode(c) } else { c.to_string() });
    vec![
        path.to_owned(),
        each(&hex),
        only_special(&hex),
        only_special(&|c| hex(c).to_uppercase()),
        only_special(&|c| hex(c).replace('%', "%25")),
        only_special(&|c| hex(c).replace('%', "%2525")),
        // UTF-8 of more bytes than it takes (RFC 3629, section 10).
        only_special(&|c| format!("%c0%{:02x}", 0x80 | (c as u32 & 0x3f))),
        only_special(&|c| format!("%e0%80%{:02x}", 0x80 | (c as u32 & 0x3f))),
        only_special(&|c| format!("%u{:04x}", c as u32)),
        // Letters that look the same.
        each(&|c| match c {
            '.' => "%ef%bc%8e".to_owned(),
            '/' => "%ef%bc%8f".to_owned(),
            '\\' => "%ef%bc%bc".to_owned(),
            other => other.to_string(),
        }),
        path.replace('/', "\\"),
        path.replace('/', "%5c"),
        path.replace("..", "..;"),
        path.replace("..", "....").replace('/', "//"),
        format!("{path}%00"),
        format!("{path}%00.png"),
        format!("{path}%0a"),
        format!("{path}%2500"),
    ]
}

#[actix_web::test]
async fn no_spelling_of_any_address_leads_out() {
    let app = App::start().await;
    let stored = app.store("text/plain", 2, b"a public text").await;
    let private = app.store("text/plain", 1, b"a private text").await;
    let name = text(&stored["path"]).rsplit('/').next().expect("a name").to_owned();
    let hidden = text(&private["path"]).to_owned();
    let key = std::fs::read(app.folder.path().join("data/signing-key")).expect("a key");
    let before = everything(&app);

    let mut paths = BTreeSet::new();
    for step in STEPS {
        for goal in GOALS
            .map(str::to_owned)
            .into_iter()
            .chain([format!("files/private/{hidden}"), format!("private/{hidden}")])
        {
            paths.extend(spellings(&format!("{step}/{goal}")));
        }
        paths.extend(spellings(step));
    }
    let mut targets = BTreeSet::new();
    for path in &paths {
        for place in [
            "/api/attachments/read/{}",
            "/api/attachments/read/{}/avatar/NAME",
            "/api/attachments/read/public/{}/NAME",
            "/api/attachments/read/public/avatar/{}",
            "/api/attachments/read/public/avatar/NAME/{}",
            "/api/attachments/read/public/avatar/NAME{}",
            "/api/attachments/{}",
            "/{}",
            "/docs/{}",
            "/assets/{}",
        ] {
            targets.insert(place.replace("{}", path).replace("NAME", &name));
        }
    }
    let bearer = &app.bearer;
    for target in &targets {
        let request = format!(
            "GET {target} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {bearer}\r\nconnection: close\r\n\r\n"
        );
        // A server may also refuse to understand it at all.
        let Some(answer) = ask(&app, request.as_bytes()).await else { continue };
        assert!((400..500).contains(&answer.status) || answer.status == 307, "{target}: {}", answer.text());
        for secret in [&b"SQLite format"[..], b"a private text", b"a public text", b"root:", key.trim_ascii()]
        {
            assert!(
                !answer.body.windows(secret.len()).any(|window| window == secret),
                "{target}: {}",
                answer.text()
            );
        }
    }

    // And to write.
    let mut written = 0;
    for path in &paths {
        for place in ["upload/{}", "notify/{}", "upload/x/{}"] {
            let target = format!("/api/attachments/{}", place.replace("{}", path));
            let method = if place.starts_with("notify") { "POST" } else { "PUT" };
            let request = format!(
                "{method} {target} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {bearer}\r\ncontent-length: 4\r\nconnection: close\r\n\r\nevil"
            );
            written += 1;
            let Some(answer) = ask(&app, request.as_bytes()).await else { continue };
            assert!((400..500).contains(&answer.status), "{target}: {}", answer.text());
        }
    }
    assert!(everything(&app) == before, "something was written, changed or removed");
    still_well(&app).await;
    print("path traversal", targets.len() + written, "refused");
}

/// A file's name is what a client calls it, and no part of where it stands.
#[actix_web::test]
async fn a_name_is_no_path() {
    let app = App::start().await;
    let mut count = 0;
    for name in [
        "..%2F..%2Fsigning-key",
        "%2Fetc%2Fpasswd",
        "..%5C..%5Cx",
        "C%3A%5Cx",
        ".",
        "..",
        "%2e%2e%2f%2e",
        "~%2F.ssh%2Fid",
    ] {
        let before = everything(&app);
        let token = app.upload("text/plain", 2, b"text").await;
        let stored = app.notify(&token, &format!("?filename={name}")).await;
        assert_eq!(stored.status, 201, "{stored:?}");
        let added: Vec<_> = everything(&app).into_keys().filter(|path| !before.contains_key(path)).collect();
        let path = text(&stored.json()["path"]).to_owned();
        let place = app.folder.path().join("data/files/public").join(path).display().to_string();
        assert_eq!(added, [place], "{name}");
        count += 1;
    }
    print("names that are paths", count, "kept as names");
}
