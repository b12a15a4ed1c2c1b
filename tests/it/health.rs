//! `/readyz`: one probe per second, however many ask, and a failure is seen a second later at most.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::support::raw::Raw;
use crate::support::{App, eventually, send};

const CHECKS: [&str; 2] = [
    "attachments_store_call_duration_seconds_count{operation=\"check\"}",
    "attachments_registry_call_duration_seconds_count{operation=\"check\"}",
];

/// Number of checks of the store and of the registry.
async fn checks(app: &App) -> [u64; 2] {
    let address = app.metrics.as_ref().expect("metrics are wanted").address;
    let page = send("GET", &format!("http://{address}/metrics"), &[], "").await.body;
    let page = String::from_utf8(page.to_vec()).expect("text");
    CHECKS.map(|series| {
        let line = page.lines().find(|line| line.starts_with(series)).expect("a series");
        line.rsplit(' ').next().expect("a value").parse().expect("a number")
    })
}

#[actix_web::test]
async fn many_requests_share_one_probe_per_second() {
    let app = App::start_with(&["--metrics-address", "127.0.0.1:0"]).await;
    let begun = Instant::now();
    let readyz = async || {
        let answer = app.get("/readyz", &[]).await;
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"storage ok\nregistry ok\n"[..]));
    };
    join_all((0..100).map(|_| readyz())).await;
    for _ in 0..100 {
        readyz().await;
    }
    // Clients that do not wait for the answer begin no probes of their own.
    for _ in 0..100 {
        Raw::open(&app.origin).await.send("GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    }
    let most = begun.elapsed().as_secs() + 1;
    for made in checks(&app).await {
        assert!((1..=most).contains(&made), "{made} probes in {most} seconds");
    }
}

#[actix_web::test]
async fn a_failure_is_seen_after_a_second_and_so_is_its_end() {
    let app = App::start().await;
    let folder = app.folder.path().join("data/files/private/chat-file");
    let answers = async |body: &str| app.get("/readyz", &[]).await.body == body;
    assert!(answers("storage ok\nregistry ok\n").await);
    std::fs::remove_dir(&folder).expect("removed");
    let begun = Instant::now();
    eventually("the failure is seen", || answers("storage failed\nregistry ok\n")).await;
    assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
    std::fs::create_dir(&folder).expect("made");
    eventually("its end is seen", || answers("storage ok\nregistry ok\n")).await;
}
