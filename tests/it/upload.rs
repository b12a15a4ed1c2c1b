//! The commands for those who use a service: `upload`, `openapi`, `completions`, `man`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::App;
use crate::support::process::{Process, binary, run};

fn upload(folder: &Path, service: &Process, arguments: &[&str]) -> Output {
    let settings = ["upload", "--url", &service.origin, "--token", service.token()];
    run(folder, &[&settings, arguments].concat())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn lines(bytes: &[u8]) -> Vec<String> {
    text(bytes).lines().map(str::to_owned).collect()
}

/// What stands at a read link.
fn read(link: &str) -> Vec<u8> {
    let output = Command::new("curl").args(["-sS", "--fail-with-body", link]).output().expect("curl");
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

#[test]
fn files_are_uploaded_and_their_links_printed() {
    let folder = TempDir::new().expect("a folder");
    let service = Process::start(folder.path(), &[]);
    let files: Vec<(String, Vec<u8>)> = vec![
        ("large.bin".to_owned(), (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect()),
        ("empty".to_owned(), Vec::new()),
        ("Übung \"ß\" 图.txt".to_owned(), b"Read me.\n".to_vec()),
    ];
    for (name, content) in &files {
        std::fs::write(folder.path().join(name), content).expect("a file");
    }
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let output = upload(folder.path(), &service, &names);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let links = lines(&output.stdout);
    assert_eq!(links.len(), 3);
    for (name, content) in &files {
        let told = links.iter().filter_map(|line| line.split_once('\t')).find(|(file, _)| file == name);
        let (_, link) = told.expect("a file and its link");
        assert!(read(link) == *content, "{name} comes back as it was");
    }
    let mut told = lines(&output.stderr);
    told.sort();
    assert_eq!(
        told,
        ["empty: stored, 0 B", "large.bin: stored, 12.00 MB", "Übung \"ß\" 图.txt: stored, 9 B"]
    );

    let alone = upload(folder.path(), &service, &["--type", "avatar", "empty"]);
    let link = text(&alone.stdout);
    assert!(link.starts_with(&format!("{}/api/attachments/read/public/avatar/", service.origin)), "{link}");
    assert_eq!(read(link.trim_end()), b"");
    service.terminate();
}

#[test]
fn what_goes_wrong_is_said_in_words_and_in_the_exit_code() {
    let folder = TempDir::new().expect("a folder");
    let service = Process::start(folder.path(), &[]);
    std::fs::write(folder.path().join("a.txt"), "a").expect("a file");
    std::fs::write(folder.path().join("b\u{1}.txt"), "b").expect("a file");
    std::fs::create_dir(folder.path().join("folder")).expect("a folder");
    let mut told = String::new();
    let mut tell = |arguments: &[&str], output: &Output| {
        let code = output.status.code().expect("a code");
        told +=
            &format!("$ upload {} # {code}\n{}", arguments.join(" ").escape_debug(), text(&output.stderr));
        code
    };
    for (arguments, expected) in [
        (&["missing.txt"][..], 1),
        (&["folder"], 1),
        (&["b\u{1}.txt"], 1),
        (&["--token", "two words", "a.txt"], 2),
        (&["--base", "bse\u{1}", "a.txt"], 3),
        (&["--token", "tat_wrong", "a.txt"], 3),
        (&["--retries", "0", "--url", "http://127.0.0.1:1", "a.txt"], 4),
        (&["--url", "http://127.0.0.1:1", "--retries", "0", "a.txt", "missing.txt"], 4),
        (&["--type", "tables", "a.txt"], 2),
        (&["--url", "files.example.com", "a.txt"], 2),
        (&[], 2),
    ] {
        let mut command = vec!["upload"];
        if !arguments.contains(&"--url") {
            command.extend(["--url", &service.origin]);
        }
        if !arguments.contains(&"--token") {
            command.extend(["--token", service.token()]);
        }
        command.extend(arguments);
        let output = run(folder.path(), &command);
        assert_eq!(tell(arguments, &output), expected, "{output:?}");
        assert_eq!(text(&output.stdout), "");
    }
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"request [0-9a-f-]{36}", "request ID");
    settings.bind(|| insta::assert_snapshot!("failures", told));
    service.terminate();
}

#[test]
fn json_says_all_of_it() {
    let folder = TempDir::new().expect("a folder");
    let service = Process::start(folder.path(), &[]);
    std::fs::write(folder.path().join("a.txt"), "a").expect("a file");
    let output = upload(folder.path(), &service, &["--json", "a.txt", "missing.txt"]);
    assert_eq!(output.status.code(), Some(1));
    let mut told: Vec<Value> =
        lines(&output.stdout).iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    told.sort_by_key(|line| line["file"].to_string());
    assert_eq!(told.len(), 2);
    assert_eq!((&told[0]["file"], &told[0]["stored"]["mimetype"]), (&"a.txt".into(), &"text/plain".into()));
    assert_eq!(read(told[0]["stored"]["presignedUrl"].as_str().expect("a link")), b"a");
    assert_eq!(told[1]["file"], "missing.txt");
    assert!(told[1]["error"].as_str().expect("words").contains("cannot be read"));

    let refused = upload(folder.path(), &service, &["--json", "--base", "b\u{1}", "a.txt"]);
    let told: Value = serde_json::from_slice(&refused.stdout).expect("JSON");
    assert_eq!(
        (&told["problem"]["status"], &told["problem"]["code"]),
        (&400.into(), &"validation_error".into())
    );
    assert_eq!(told["problem"]["errors"][0]["pointer"], "/baseId");
    service.terminate();
}

#[test]
fn a_server_that_comes_late_still_gets_the_file() {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("a.txt"), "a").expect("a file");
    let made = run(folder.path(), &["token", "create", "--name", "early"]);
    let token = text(&made.stdout);
    // A port that is free, and which nobody listens on when the upload begins.
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("a port").port();
    let url = format!("http://127.0.0.1:{port}");
    let uploading = binary()
        .current_dir(folder.path())
        .args(["upload", "--url", &url, "--token", token.trim(), "--retries", "6", "a.txt"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut service = binary()
        .current_dir(folder.path())
        .args(["--port", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the service starts");
    let output = uploading.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(read(text(&output.stdout).trim_end()), b"a");
    service.kill().expect("it stops");
    service.wait().expect("it ends");
}

#[actix_web::test]
async fn the_document_is_printed_as_it_is_served() {
    let app = App::start().await;
    let folder = TempDir::new().expect("a folder");
    for (arguments, path) in [
        (&["--format", "yaml"][..], "/openapi.yaml"),
        (&["--format", "json"], "/openapi.json"),
        (&["--format", "json", "--version", "3.1"], "/openapi-3.1.json"),
    ] {
        let output = run(folder.path(), &[&["openapi", "--public-origin", &app.origin], arguments].concat());
        assert!(output.status.success(), "{output:?}");
        assert!(output.stdout == app.get(path, &[]).await.body, "{path}");
    }
    let newer = run(folder.path(), &["openapi", "--version", "3.1"]);
    assert!(
        text(&newer.stdout).starts_with("openapi: \"3.1.0\"\n")
            || text(&newer.stdout).starts_with("openapi: 3.1.0\n")
    );
}

#[test]
fn shells_and_manuals_are_told() {
    let folder = TempDir::new().expect("a folder");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = run(folder.path(), &["completions", shell]);
        assert!(output.status.success() && text(&output.stdout).contains("upload"), "{shell}");
    }
    // As bash asks for them when a person presses Tab.
    let bash = text(&run(folder.path(), &["completions", "bash"]).stdout);
    for (words, expected) in [
        (&["teable-attachments", "up"][..], "upload"),
        (&["teable-attachments", "upload", "--ty"], "--type"),
        (&["teable-attachments", "upload", "--type", "av"], "avatar"),
        (&["teable-attachments", "token", "cr"], "create"),
    ] {
        let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let (last, before) = (&words[words.len() - 1], &words[words.len() - 2]);
        let asks = format!(
            "{bash}\nCOMP_WORDS=({}); COMP_CWORD={}; _teable__attachments 'teable-attachments' {last} {before}; echo \"${{COMPREPLY[@]}}\"",
            words.join(" "),
            words.len() - 1
        );
        let output = Command::new("bash").args(["-c", &asks]).output().expect("bash");
        assert_eq!(text(&output.stdout).trim(), expected, "{output:?}");
    }

    let page = |path: &[&str]| text(&run(folder.path(), &[&["man"], path].concat()).stdout);
    assert!(page(&[]).contains("SUBCOMMANDS"));
    assert!(page(&["upload"]).contains("the server refused a file"));
    assert!(page(&["upload"]).contains("TEABLE_TOKEN"));
    assert!(page(&["token", "create"]).contains("expires"));
    assert_eq!(run(folder.path(), &["man", "nonsense"]).status.code(), Some(1));
    insta::assert_snapshot!("upload_help", text(&run(folder.path(), &["upload", "--help"]).stdout));
}

/// Reads the head of the next request from a connection. Returns `None` at the end of the
/// connection.
fn request_head(connection: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if connection.read_line(&mut head).expect("a request") == 0 {
            return None;
        }
    }
    Some(head.to_ascii_lowercase())
}

fn content_length(head: &str) -> Option<usize> {
    head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
}

/// Runs `upload` on `file` against a server that answers the requests of one connection. `answer`
/// gets the server's origin and the head of a request, and returns the status and the body of the
/// response. The body of a request is not read if the status is 413.
fn upload_to(
    folder: &Path,
    file: &str,
    answer: impl Fn(&str, &str) -> (u16, String) + Send + 'static,
) -> Output {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let server = std::thread::spawn({
        let origin = origin.clone();
        move || {
            let (mut connection, _) = listener.accept().expect("a connection");
            let mut requests = BufReader::new(TcpStream::try_clone(&connection).expect("a connection"));
            while let Some(head) = request_head(&mut requests) {
                let (status, body) = answer(&origin, &head);
                if status != 413 {
                    let mut sent = vec![0; content_length(&head).expect("a length")];
                    requests.read_exact(&mut sent).expect("a body");
                }
                write!(connection, "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len())
                    .expect("sent");
                if status == 413 {
                    break;
                }
            }
            // The connection stays open until the upload has ended. Closing it earlier resets it.
            (connection, requests)
        }
    });
    let output = run(folder, &["upload", "--url", &origin, "--token", "tat_secret", "--retries", "0", file]);
    drop(server.join().expect("the server ends"));
    output
}

fn signature(url: &str, headers: &Value) -> (u16, String) {
    let body = serde_json::json!({
        "url": url, "uploadMethod": "PUT", "token": "token", "requestHeaders": headers,
    });
    (201, body.to_string())
}

#[test]
fn only_the_signed_headers_are_sent_with_the_file() {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("a.txt"), "four").expect("a file");
    let output = upload_to(folder.path(), "a.txt", |origin, head| {
        let length = content_length(head);
        match head.split(' ').next() {
            Some("put") => {
                assert_eq!((length, head.contains("authorization")), (Some(4), false), "{head}");
                assert!(head.starts_with("put /a%2fb?sig=%2b http/1.1\r\n"), "{head}");
                assert!(head.contains("content-type: text/x-signed\r\n"), "{head}");
                assert!(head.contains("accept-encoding: identity\r\n"), "{head}");
                (200, String::new())
            }
            _ if head.starts_with("post /api/attachments/signature ") => {
                assert!(head.contains("authorization: bearer tat_secret\r\n"), "{head}");
                let headers = serde_json::json!({"Content-Type": "text/x-signed", "Content-Length": 4});
                signature(&format!("{origin}/a%2Fb?sig=%2B"), &headers)
            }
            _ => {
                assert!(head.starts_with("post /api/attachments/notify/token?filename=a.txt "), "{head}");
                assert_eq!(length, Some(0), "{head}");
                (201, r#"{"presignedUrl": "link", "size": 4}"#.to_owned())
            }
        }
    });
    assert_eq!(text(&output.stdout), "link\n", "{output:?}");
}

#[test]
fn a_refusal_is_shown_although_the_file_was_not_sent_completely() {
    let folder = TempDir::new().expect("a folder");
    let file = std::fs::File::create(folder.path().join("large")).expect("a file");
    file.set_len(100_000_000).expect("its size");
    let output = upload_to(folder.path(), "large", |origin, head| {
        if head.starts_with("put") {
            (413, r#"{"message": "The file is too large.", "code": "too_large"}"#.to_owned())
        } else {
            signature(&format!("{origin}/x"), &serde_json::json!({}))
        }
    });
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert_eq!(text(&output.stderr), "large: The file is too large (status 413, too_large)\n");
}

#[test]
fn a_signature_that_cannot_be_used_is_shown_as_an_error_of_the_server() {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("a.txt"), "a").expect("a file");
    for (url, headers) in [
        ("/relative", serde_json::json!({})),
        ("ftp://127.0.0.1/a", serde_json::json!({})),
        ("http://127.0.0.1:1/a", serde_json::json!({"a": "line\nbreak"})),
    ] {
        let output = upload_to(folder.path(), "a.txt", move |_, _| signature(url, &headers));
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(text(&output.stderr).contains("does not answer as an attachment service"), "{output:?}");
    }
}
