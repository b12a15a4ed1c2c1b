//! A store and a database that fail in each of the ways in which networks and servers do: what cannot be done is answered 503 in time,
//! and all goes on by itself when they are back.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use actix_web::rt::task::spawn_blocking;
use actix_web::rt::time::{sleep, timeout};
use futures_util::future::{join, join_all, join3};
use serde_json::{Value, json};
use teable_attachments::domain::BaseScope;
use tempfile::TempDir;

use crate::support::load::{Load, unavailable};
use crate::support::postgres::{Cluster, database};
use crate::support::process::Process;
use crate::support::proxy::{Mode, Proxy};
use crate::support::s3::{Conditions, Store};
use crate::support::{Answer, App, access_token, eventually, free_port, png, put, send, text};

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// The longest that a client waits to be told that something is away.
const IN_TIME: Duration = Duration::from_secs(5);

/// At how many points of a notify something falls silent.
const CASES: usize = 12;

/// How long something is away under load.
const AWAY: Duration = Duration::from_secs(10);

/// What can be away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Store,
    Registry,
    Both,
}

/// The application with a proxy before each thing that it needs. Clients reach the store past it.
struct Whole {
    app: App,
    store: Arc<Store>,
    to_store: Proxy,
    to_registry: Proxy,
}

impl Whole {
    async fn start(store: Arc<Store>, database: &str) -> Self {
        let (before, rest) = database.split_once("127.0.0.1:").expect("an address");
        let (port, name) = rest.split_once('/').expect("a database");
        let registry = SocketAddr::from(([127, 0, 0, 1], port.parse().expect("a port")));
        let (to_store, to_registry) = join(Proxy::start(store.address), Proxy::start(registry)).await;
        let url = format!("{before}{}/{name}", to_registry.address);
        let mut arguments = store.settings_at(to_store.address);
        arguments.extend(["--database-url", &url, "--signing-keys", KEY].map(str::to_owned));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let app = App::start_with(&arguments).await;
        Self { app, store, to_store, to_registry }
    }

    async fn switch(&self, part: Part, mode: Mode) {
        if part != Part::Registry {
            self.to_store.switch(mode).await;
        }
        if part != Part::Store {
            self.to_registry.switch(mode).await;
        }
    }

    /// Signs and sends an image, and gives the answer to the first.
    async fn send(&self) -> Value {
        let body = png(9, 7);
        let wish = json!({"contentType": "image/png", "contentLength": body.len(), "type": 1});
        let signed = self.app.sign(&wish).await;
        assert_eq!(signed.status, 201, "{signed:?}");
        let signed = signed.json();
        let sent = put(&signed, &body, &[]).await;
        assert_eq!(sent.status, 200, "{sent:?}");
        signed
    }

    /// A token of what was sent and not notified.
    async fn unfinished(&self) -> String {
        text(&self.send().await["token"]).to_owned()
    }

    /// Notifies, and reads back what was sent.
    async fn finish(&self, token: &str) {
        let notified = self.app.notify(token, "").await;
        assert_eq!(notified.status, 201, "{notified:?}");
        let notified = notified.json();
        assert_eq!((&notified["width"], &notified["height"]), (&json!(9), &json!(7)));
        let read = send("GET", text(&notified["presignedUrl"]), &[], "").await;
        assert!(read.body == png(9, 7), "the bytes are equal");
    }

    async fn is_back(&self) {
        eventually("all is back", || async { self.app.get("/readyz", &[]).await.status == 200 }).await;
    }
}

/// What is answered, which must be soon.
async fn in_time(what: &str, asking: impl Future<Output = Answer>) -> Answer {
    timeout(IN_TIME, asking).await.unwrap_or_else(|_| panic!("{what}: no answer within {IN_TIME:?}"))
}

#[actix_web::test]
async fn a_store_that_fails_in_any_way_is_a_503_until_it_is_back() {
    survives(Part::Store, "storage failed\nregistry ok\n").await;
}

#[actix_web::test]
async fn a_database_that_fails_in_any_way_is_a_503_until_it_is_back() {
    survives(Part::Registry, "storage ok\nregistry failed\n").await;
}

#[actix_web::test]
async fn both_at_once_are_a_503_until_they_are_back() {
    survives(Part::Both, "storage failed\nregistry failed\n").await;
}

async fn survives(part: Part, ready: &str) {
    let whole = Whole::start(Arc::new(Store::start(Conditions::Kept)), &database()).await;
    let app = &whole.app;
    let kept = whole.unfinished().await;
    whole.finish(&kept).await;
    // In the middle of an answer's headers, and before anything.
    for mode in [Mode::Stall, Mode::Reset, Mode::Truncate(20), Mode::Truncate(0), Mode::Refuse] {
        let unasked = access_token(app.registry.as_ref(), BaseScope::All, None).await;
        let remembered = access_token(app.registry.as_ref(), BaseScope::All, None).await;
        let wish = json!({"contentType": "", "contentLength": 1, "type": 1});
        assert_eq!(app.sign_as(&remembered, &wish).await.status, 201);
        let waiting = whole.unfinished().await;
        whole.switch(part, mode).await;

        let what = format!("{part:?} {mode:?}");
        let signed = in_time(&what, app.sign_as(&remembered, &wish)).await;
        assert_eq!(signed.status, 201, "{what}: signing goes on: {signed:?}");
        let signed = in_time(&what, app.sign_as(&unasked, &wish)).await;
        match part {
            Part::Store => assert_eq!(signed.status, 201, "{what}: {signed:?}"),
            Part::Registry | Part::Both => unavailable(&signed),
        }

        let open = format!("/api/attachments/{kept}");
        let (notified, again, opened) = join3(
            in_time(&what, app.notify(&waiting, "")),
            in_time(&what, app.notify(&kept, "")),
            in_time(&what, app.call("GET", &open)),
        )
        .await;
        for answer in [notified, again, opened] {
            unavailable(&answer);
        }
        // One probe a second answers all.
        let not_ready = async || {
            let readyz = in_time(&what, app.get("/readyz", &[])).await;
            assert_eq!(readyz.header("content-type"), "text/plain; charset=utf-8");
            (readyz.status.as_u16(), &readyz.body[..]) == (503, ready.as_bytes())
        };
        eventually(&what, not_ready).await;
        assert_eq!(in_time(&what, app.get("/healthz", &[])).await.status, 200);

        whole.switch(part, Mode::Pass).await;
        whole.is_back().await;
        whole.finish(&waiting).await;
        assert_eq!(app.call("GET", &open).await.status, 302);
    }
}

#[actix_web::test]
async fn a_store_that_is_away_at_the_start_is_waited_for() {
    let store = Store::start(Conditions::Kept);
    let proxy = Proxy::start(store.address).await;
    proxy.switch(Mode::Reset).await;
    let (settings, port) = (store.settings_at(proxy.address), free_port());
    let starting = spawn_blocking(move || {
        let folder = TempDir::new().expect("a folder");
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        (Process::start_at(port, folder.path(), &settings), folder)
    });
    // One request is tried five times at most.
    eventually("the start is tried again", || async { proxy.accepted() > 5 }).await;
    let early = TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.kind());
    assert_eq!(early.err(), Some(ErrorKind::ConnectionRefused), "nobody waits for the start");
    proxy.switch(Mode::Pass).await;
    let (service, _folder) = starting.await.expect("it starts");
    assert_eq!(send("GET", &format!("{}/readyz", service.origin), &[], "").await.status, 200);
    service.terminate();
}

#[actix_web::test]
async fn a_store_that_falls_silent_anywhere_in_a_notify_is_a_503() {
    for conditions in [Conditions::Kept, Conditions::Ignored] {
        falls_silent(Part::Store, conditions, 150).await;
    }
}

#[actix_web::test]
async fn a_database_that_falls_silent_anywhere_in_a_notify_is_a_503() {
    falls_silent(Part::Registry, Conditions::Kept, 150).await;
}

/// Notifies while the answers of `part` end after each multiple of `step` bytes, with the connections left open.
async fn falls_silent(part: Part, conditions: Conditions, step: usize) {
    let store = Arc::new(Store::start(conditions));
    let database = database();
    let mut wholes = Vec::new();
    for case in 0..CASES {
        wholes.push((case * step, Whole::start(Arc::clone(&store), &database).await));
    }
    let cases = wholes.iter().map(|(bytes, whole)| async move {
        let token = whole.unfinished().await;
        whole.switch(part, Mode::StallAfter(*bytes)).await;
        let what = format!("{part:?} {conditions:?} after {bytes} bytes");
        let notified = in_time(&what, whole.app.notify(&token, "")).await;
        let status = notified.status.as_u16();
        if status != 201 {
            unavailable(&notified);
        }
        whole.switch(part, Mode::Pass).await;
        whole.is_back().await;
        whole.finish(&token).await;
        status
    });
    let statuses = join_all(cases).await;
    println!("{part:?} {conditions:?}: {statuses:?}");
    assert_eq!(statuses.first(), Some(&503));
    assert_eq!(statuses.last(), Some(&201), "the cases go on to the end of a notify");
    assert_eq!(store.objects().len(), statuses.len(), "one object for each: {:?}", store.objects());
}

#[actix_web::test]
async fn a_database_that_crashes_under_load_loses_nothing() {
    let cluster = Arc::new(Cluster::start());
    let whole = Whole::start(Arc::new(Store::start(Conditions::Kept)), &cluster.database()).await;
    // The clients go on in this thread meanwhile.
    let (crashing, beginning) = (Arc::clone(&cluster), Arc::clone(&cluster));
    under_load(
        "PostgreSQL away",
        &whole,
        async move { spawn_blocking(move || crashing.crash()).await.expect("it ends") },
        async move { spawn_blocking(move || beginning.begin()).await.expect("it begins") },
    )
    .await;
}

#[actix_web::test]
async fn a_store_that_stalls_under_load_loses_nothing() {
    let whole = Whole::start(Arc::new(Store::start(Conditions::Kept)), &database()).await;
    under_load("S3 stalled", &whole, whole.to_store.switch(Mode::Stall), whole.to_store.switch(Mode::Pass))
        .await;
}

async fn under_load(
    what: &str,
    whole: &Whole,
    take_away: impl Future<Output = ()>,
    bring_back: impl Future<Output = ()>,
) {
    let app = &whole.app;
    let nodes = [app.origin.clone()];
    let load = Load::start(&nodes, &app.bearer, 8).await;
    load.goes_on(40).await;
    take_away.await;
    sleep(AWAY).await;
    bring_back.await;
    load.goes_on(40).await;
    let figures = load.stop().await;
    figures.print(what);
    assert!(figures.count(503) > 0, "it was away");
    assert_eq!(figures.unanswered, 0);
    assert!(figures.slowest < IN_TIME, "{:?}", figures.slowest);
    figures.verify(app.registry.as_ref(), &whole.store).await;
    figures.verify_again(&nodes, &app.bearer).await;
}
