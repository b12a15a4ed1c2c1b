//! Files that are more than they seem, and what stands in their place on the disk.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::{print, still_well};
use crate::support::{App, png, text};

/// Images that say that they are larger than any memory, or that lead a reader in circles.
fn images() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let mut huge = png(1, 1);
    huge[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    let mut all_bits = png(1, 1);
    all_bits[16..24].copy_from_slice(&[0xff; 8]);
    // A JPEG of segments of no length, and one that never ends.
    let segments = [&b"\xff\xd8"[..], &b"\xff\xe0\x00\x02".repeat(100_000)].concat();
    let nothing = [&b"\xff\xd8"[..], &b"\xff\xe0\x00\x00".repeat(100_000)].concat();
    let fill = [&b"\xff\xd8"[..], &vec![0xff; 600_000]].concat();
    // A TIFF whose one directory is the next one, too, and has more entries than the file has bytes.
    let circle = b"II*\0\x08\0\0\0\xff\xff\x08\0\0\0\x08\0\0\0\x08\0\0\0".repeat(50);
    // Boxes of HEIF in each other, of a length without end, and of none.
    let boxed =
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\0\x01meta\xff\xff\xff\xff\xff\xff\xff\xff".repeat(1000);
    let empty = [&b"\0\0\0\x18ftypavif\0\0\0\0mif1avif"[..], &b"\0\0\0\0meta".repeat(10_000)].concat();
    let gif = [&b"GIF89a\xff\xff\xff\xff"[..], &b"!\xfe\0".repeat(100_000)].concat();
    let webp = b"RIFF\xff\xff\xff\xffWEBPVP8X\xff\xff\xff\xff\0\0\0\0\xff\xff\xff\xff\xff\xff".to_vec();
    let ico = b"\0\0\x01\0\xff\xff".repeat(10_000);
    vec![
        ("a PNG of 2147483647 times 2147483647", "image/png", huge),
        ("a PNG of 4294967295 times 4294967295", "image/png", all_bits),
        ("a JPEG of empty segments", "image/jpeg", segments),
        ("a JPEG of segments without a length", "image/jpeg", nothing),
        ("a JPEG of filling", "image/jpeg", fill),
        ("a TIFF in a circle", "image/tiff", circle),
        ("boxes without end", "image/heic", boxed),
        ("boxes of nothing", "image/avif", empty),
        ("a GIF of comments", "image/gif", gif),
        ("a WebP of 16777216 times 16777216", "image/webp", webp),
        ("an icon of 65535 pictures", "image/x-icon", ico),
        (
            "a PSD",
            "image/vnd.adobe.photoshop",
            b"8BPS\0\x01\0\0\0\0\0\0\0\x03\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        ),
        ("a Radiance picture", "image/vnd.radiance", [&b"#?RADIANCE\n"[..], &b"A".repeat(400_000)].concat()),
        ("a portable map", "image/x-portable-pixmap", [&b"P6\n"[..], &b"#\n".repeat(200_000)].concat()),
        ("an SVG with entities", "image/svg+xml", BILLION_LAUGHS.as_bytes().to_vec()),
    ]
}

const BILLION_LAUGHS: &str = r#"<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
<!ENTITY x SYSTEM "file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg" width="&c;" height="&x;"><text>&c;&x;</text></svg>"#;

/// The probe looks at the beginning and decodes nothing: a file is stored whatever it says of itself.
#[actix_web::test]
async fn an_image_costs_no_more_than_its_bytes() {
    let app = App::start().await;
    let images = images();
    for (what, media_type, bytes) in &images {
        let stored = app.store(media_type, 1, bytes).await;
        let within = |name: &str| stored.get(name).is_none_or(Value::is_u64);
        assert!(within("width") && within("height"), "{what}: {stored}");
        let read = app.get(text(&stored["presignedUrl"]), &[]).await;
        assert!(read.body == bytes[..], "{what}");
        let head = app.send("HEAD", text(&stored["presignedUrl"]), &[], "").await;
        assert_eq!(head.header("content-length"), bytes.len().to_string());
    }
    still_well(&app).await;
    print("pixel bombs and endless images", images.len(), "stored as they are");
}

/// Nothing is unpacked: neither a file that is an archive nor a body that says that it is compressed.
#[actix_web::test]
async fn what_is_compressed_stays_so() {
    let app = App::start().await;
    let zeros = Command::new("sh")
        .args(["-c", "head -c 100000000 /dev/zero | gzip -9 | gzip -9"])
        .output()
        .expect("gzip");
    let bomb = zeros.stdout;
    assert!((100..100_000).contains(&bomb.len()), "{}", bomb.len());
    let mut kept = 0;
    for coding in ["gzip", "deflate", "br", "zstd", "gzip, gzip", "identity", "x-gzip"] {
        let wish = json!({"contentType": "application/gzip", "contentLength": bomb.len(), "type": 1});
        let signed = app.sign(&wish).await.json();
        let headers = [("content-encoding", coding), ("content-type", "application/gzip")];
        let put = app.send("PUT", text(&signed["url"]), &headers, bomb.clone()).await;
        assert_eq!(put.status, 201, "{coding}: {put:?}");
        let stored = app.notify(text(&signed["token"]), "").await.json();
        assert_eq!(stored["size"], bomb.len());
        let read = app.get(text(&stored["presignedUrl"]), &[("accept-encoding", "identity")]).await;
        assert!(read.body == bomb && read.header("content-encoding").is_empty(), "{coding}");
        // And JSON that is compressed is no JSON.
        let bearer = format!("Bearer {}", app.bearer);
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("content-encoding", coding),
        ];
        let mut compressed = bomb.clone();
        compressed.truncate(16 * 1024);
        app.send("POST", "/api/attachments/signature", &headers, compressed)
            .await
            .problem(400, "validation_error");
        kept += 2;
    }
    print("compressed bombs", kept, "not unpacked");
}

/// What is planted, and how.
type Plant<'a> = (&'a str, &'a dyn Fn(&PathBuf));

/// Where somebody has planted a link, a pipe or a folder before the bytes come, they are not written through it, read from it or waited for.
#[actix_web::test]
async fn nothing_is_written_through_what_was_planted() {
    let app = App::start().await;
    let outside = app.folder.path().join("outside");
    let pipe = app.folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let plants: [Plant<'_>; 5] = [
        ("a link to a file with the same bytes", &|place| symlink(&outside, place).expect("a link")),
        ("a link to nothing", &|place| symlink(app.folder.path().join("none"), place).expect("a link")),
        ("a link to itself", &|place| symlink(place, place).expect("a link")),
        ("a pipe that nobody writes", &|place| std::fs::rename(&pipe, place).expect("moved")),
        ("a folder", &|place| std::fs::create_dir(place).expect("a folder")),
    ];
    for (what, plant) in plants {
        std::fs::write(&outside, "bytes").expect("written");
        let signed = app.sign(&json!({"contentType": "", "contentLength": 5, "type": 1})).await.json();
        let token = text(&signed["token"]);
        let place = app.folder.path().join("data/files/private/table").join(name(token));
        plant(&place);
        let answer = app.send("PUT", text(&signed["url"]), &[], "bytes").await;
        assert!([409, 503].contains(&answer.status.as_u16()), "{what}: {answer:?}");
        assert!(![200, 201].contains(&app.notify(token, "").await.status.as_u16()), "{what}");
        assert_eq!(std::fs::read(&outside).expect("a file"), b"bytes", "{what}");
        assert!(!app.folder.path().join("none").exists(), "{what}");
        if place.is_dir() && !place.is_symlink() {
            std::fs::remove_dir(&place)
        } else {
            std::fs::remove_file(&place)
        }
        .expect(what);
    }
    still_well(&app).await;
    print("planted links, pipes and folders", plants.len(), "not followed");
}

/// The object's name, which stands in the token for everybody to read.
fn name(token: &str) -> String {
    use base64::Engine as _;
    let claims =
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("claims"));
    let claims: Value = serde_json::from_slice(&claims.expect("base64")).expect("JSON");
    text(&claims["jti"]).to_owned()
}
