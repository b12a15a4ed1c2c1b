//! Requests that two servers would divide differently (RFC 9112, sections 6 and 11.2): what stands behind the first must not be taken for
//! another one's.

use super::wire::exchange;
use super::{print, still_well};
use crate::support::App;
use crate::support::raw::Raw;

/// What somebody would have another client's connection ask.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";

/// The headers, and the body that they frame, if they frame one.
fn ambiguous() -> Vec<(String, String)> {
    let both = |body: &str| format!("{body}0\r\n\r\n{SMUGGLED}");
    let length = both("").len();
    let chunked = "transfer-encoding: chunked\r\n";
    let mut found = vec![
        (format!("content-length: {length}\r\n{chunked}"), both("")),
        (format!("{chunked}content-length: {length}\r\n"), both("")),
        (format!("content-length: 5\r\n{chunked}"), both("")),
        (format!("content-length: 0\r\n{chunked}"), both("")),
        (format!("content-length: 4\r\ncontent-length: {length}\r\n"), both("")),
        (format!("content-length: {length}\r\ncontent-length: 4\r\n"), both("")),
        ("content-length: 5\r\ncontent-length: 5\r\n".to_owned(), both("")),
        ("content-length: 0\r\ncontent-length: 5\r\n".to_owned(), both("")),
    ];
    for length in [
        "5, 5",
        "5,6",
        "+5",
        "-5",
        "0x5",
        "5 5",
        "5;",
        "5.0",
        "1e1",
        "\u{b}5",
        "",
        "five",
        "99999999999999999999999",
        "18446744073709551621",
        "0_5",
        "५",
    ] {
        found.push((format!("content-length: {length}\r\n"), both("")));
    }
    for coding in [
        "chunked, identity",
        "identity, chunked",
        "chunked, chunked",
        "xchunked",
        "chunkedx",
        "gzip",
        "chunked, gzip",
        "\"chunked\"",
        "identity",
        "chunked;q=1",
        "\u{b}chunked",
        "x",
        "",
        "chun\tked",
        ",chunked,",
        "chunked\u{0}",
    ] {
        found.push((format!("transfer-encoding: {coding}\r\n"), both("")));
        found.push((format!("content-length: {length}\r\ntransfer-encoding: {coding}\r\n"), both("")));
    }
    found.push((format!("{chunked}{chunked}"), both("")));
    found.push((format!("{chunked}transfer-encoding: identity\r\n"), both("")));
    // Names and lines that another reader would not see as such, or only that one.
    for header in [
        "content-length : 5\r\n",
        " content-length: 5\r\n",
        "content-length\t: 5\r\n",
        "x: y\r\n content-length: 5\r\n",
        "x: y\ncontent-length: 5\r\n",
        "content-length: 5\n\r\n",
        "transfer-encoding : chunked\r\n",
        "transfer-encoding:\r\n chunked\r\n",
        "x: y\rtransfer-encoding: chunked\r\n",
        "content_length: 5\r\n",
        "content-length\0: 5\r\n",
        "\0content-length: 5\r\n",
        "content-length: 5\0\r\n",
        ": chunked\r\n",
        "transfer-encoding\r\n",
        "content\u{ad}-length: 5\r\n",
    ] {
        found.push((format!("content-length: 0\r\n{header}"), both("")));
        found.push((format!("{header}{chunked}"), both("")));
    }
    // Chunks that are not.
    for chunks in [
        "fffffffffffffffff\r\n",
        "-1\r\n",
        "0x0\r\n",
        "+0\r\n",
        " 0\r\n",
        "0 \n",
        "5;a\nb\r\nhello\r\n",
        "5\rhello\r\n",
        "5\nhello\n",
        "5\r\nhello",
        "g\r\n",
        "10000000000000000\r\n",
        "\r\n",
        "0\n\r\n",
        "5\r\nhelloXX",
        "1;\u{0}\r\na\r\n",
    ] {
        found.push((chunked.to_owned(), both(chunks)));
    }
    found
}

/// With these, what follows has no end for actix, whatever length it has.
fn upgrades() -> impl Iterator<Item = (String, String)> {
    let headers = |upgrade| {
        [
            format!("upgrade: {upgrade}\r\ncontent-length: 5\r\n"),
            format!("content-length: 5\r\nupgrade: {upgrade}\r\n"),
        ]
    };
    let all = ["websocket", "WebSocket", " websocket "].into_iter().flat_map(headers);
    all.map(|headers| (headers, format!("hello{SMUGGLED}")))
}

#[actix_web::test]
async fn what_is_framed_two_ways_is_refused() {
    let app = App::start().await;
    let signed =
        app.sign(&serde_json::json!({"contentType": "", "contentLength": 5, "type": 1})).await.json();
    let upload = format!("/api/attachments/upload/{}", signed["token"].as_str().expect("a token"));
    let mut refused = 0;
    let (mut sent, mut followed) = (0, 0);
    for (method, target) in [
        ("PUT", upload.as_str()),
        ("POST", "/api/attachments/signature"),
        ("GET", "/healthz"),
        ("GET", "/docs/"),
    ] {
        for (headers, body) in ambiguous().into_iter().chain(upgrades()) {
            let request = format!("{method} {target} HTTP/1.1\r\nhost: a\r\n{headers}\r\n{body}");
            let answers = exchange(&app, request.as_bytes()).await;
            // What is understood in one way alone may be answered, and then what follows is what anybody takes for the next request. What is
            // refused is the last on its connection.
            for (at, answer) in answers.iter().enumerate() {
                let smuggled = at > 0 && answer.status == 404;
                assert!(!smuggled || plainly_framed(&headers), "{request:?}\n{answers:#?}");
                followed += usize::from(smuggled);
            }
            refused += usize::from(answers.len() == 1 && answers[0].status == 400);
            sent += 1;
        }
        still_well(&app).await;
    }
    assert!(
        followed > 0,
        "what follows a request that has one reading is answered: this test would see what is smuggled"
    );
    print(
        "request smuggling",
        sent,
        &format!("in none of which another request hid; {refused} refused as a whole"),
    );
}

/// Whoever forwards such a request takes what comes behind its answer for that of somebody else, if there is any (RFC 9112, section 9.6).
#[actix_web::test]
async fn nothing_behind_the_last_request_of_a_connection_is_answered() {
    let app = App::start().await;
    let behind = "GET /openapi.json HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let chunks = "4\r\n{\"a\"\r\n3\r\n:1}\r\n0\r\n\r\n";
    for (version, headers, body, answered) in [
        ("1.1", "", "", 2),
        ("1.0", "connection: keep-alive\r\n", "", 2),
        ("1.1", "transfer-encoding: chunked\r\n", chunks, 2),
        ("1.1", "connection: close\r\n", "", 1),
        ("1.1", "connection: Close\r\n", "", 1),
        ("1.0", "", "", 1),
        ("1.0", "content-length: 5\r\n", "hello", 1),
        ("1.1", "connection: close\r\ncontent-length: 5\r\n", "hello", 1),
        ("1.1", "transfer-encoding: chunked\r\nconnection: close\r\n", chunks, 1),
    ] {
        for target in ["GET /healthz", "GET /nowhere"] {
            let request = format!("{target} HTTP/{version}\r\nhost: a\r\n{headers}\r\n{body}");
            let mut client = Raw::open(&app.origin).await;
            client.send(format!("{request}{}", behind.repeat(2))).await;
            let rest = String::from_utf8(client.rest().await).expect("text");
            let answers = rest.matches("HTTP/1.").count();
            assert_eq!(answers, answered, "{request:?}: {rest}");
        }
    }
    still_well(&app).await;
}

/// Whether RFC 9112 has one reading of it.
fn plainly_framed(headers: &str) -> bool {
    let lines: Vec<&str> = headers.split_terminator("\r\n").collect();
    let framing = |line: &&&str| line.contains("ontent-length") || line.contains("ransfer-encoding");
    let plain = ["content-length: 0", "transfer-encoding: chunked"];
    let own: Vec<&&str> = lines.iter().filter(framing).collect();
    matches!(own[..], [one] if plain.contains(one))
}
