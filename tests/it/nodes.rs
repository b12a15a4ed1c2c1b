//! Two nodes, the real binary twice, over one PostgreSQL and one S3: each goes on where the other was killed.

use std::thread;
use std::time::{Duration, Instant};

use actix_web::rt::task::spawn_blocking;
use futures_util::future::join_all;
use serde_json::{Value, json};
use teable_attachments::domain::BaseScope;
use teable_attachments::registry::postgres::PostgresRegistry;
use tempfile::TempDir;

use crate::support::load::Load;
use crate::support::postgres::database;
use crate::support::process::Process;
use crate::support::s3::{Conditions, Store};
use crate::support::{Answer, access_token, free_port, put, send, text};

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// How many clients go through flows at once, and how often one of the nodes is killed meanwhile.
const CLIENTS: usize = 200;
const KILLS: usize = 8;
const EVERY: Duration = Duration::from_secs(1);

/// What the nodes share.
struct Site {
    store: Store,
    database: String,
    registry: PostgresRegistry,
    bearer: String,
}

impl Site {
    async fn start(conditions: Conditions) -> Self {
        let database = database();
        let url = database.parse().expect("an address");
        let most = 5.try_into().expect("not zero");
        let registry = PostgresRegistry::open(&url, most, Duration::ZERO).await.expect("a registry");
        let bearer = access_token(&registry, BaseScope::All, None).await;
        Self { store: Store::start(conditions), database, registry, bearer }
    }

    fn node(&self) -> Node {
        let mut arguments = self.store.settings();
        arguments.extend(["--database-url", &self.database, "--signing-keys", KEY].map(str::to_owned));
        let mut node =
            Node { folder: TempDir::new().expect("a folder"), arguments, port: free_port(), process: None };
        node.start();
        node
    }

    /// Asks a node as a client does.
    async fn ask(&self, method: &str, node: &Node, path: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {}", self.bearer);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        send(method, &format!("{}/api/attachments/{path}", node.origin()), &headers, body.to_owned()).await
    }

    async fn sign(&self, node: &Node, body: &[u8]) -> Value {
        let wish = json!({"contentType": "text/plain", "contentLength": body.len(), "type": 1});
        let signed = self.ask("POST", node, "signature", &wish.to_string()).await;
        assert_eq!(signed.status, 201, "{signed:?}");
        signed.json()
    }
}

/// A node, with a folder and a port of its own that it keeps.
struct Node {
    folder: TempDir,
    arguments: Vec<String>,
    port: u16,
    process: Option<Process>,
}

impl Node {
    /// Starts it, and again if it gives up, as a supervisor does: the store that all share may be too busy for as long as a start waits.
    fn start(&mut self) {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let start = || Process::try_start_at(self.port, self.folder.path(), &arguments);
        let started = start().or_else(|given_up| {
            assert!(given_up.contains("the object store did not answer in time"), "{given_up}");
            start()
        });
        self.process = Some(started.unwrap_or_else(|given_up| panic!("{given_up}")));
    }

    fn kill(&mut self) {
        self.process.take().expect("it runs").kill();
    }

    fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }
}

#[actix_web::test]
async fn what_one_node_has_signed_another_finishes() {
    for conditions in [Conditions::Kept, Conditions::Ignored] {
        let site = Site::start(conditions).await;
        let (mut one, other) = (site.node(), site.node());
        let signed = site.sign(&one, b"text").await;
        one.kill();
        let sent = put(&signed, b"text", &[]).await;
        assert_eq!(sent.status, 200, "{sent:?}");
        let token = text(&signed["token"]);
        let notified = site.ask("POST", &other, &format!("notify/{token}"), "").await;
        assert_eq!(notified.status, 201, "{notified:?}");
        let opened = site.ask("GET", &other, token, "").await;
        assert_eq!(opened.status, 302, "{opened:?}");
        for address in [text(&notified.json()["presignedUrl"]), opened.header("location")] {
            let read = send("GET", address, &[], "").await;
            assert_eq!((read.status.as_u16(), &read.body[..]), (200, &b"text"[..]));
        }
        one.start();
        let again = site.ask("POST", &one, &format!("notify/{token}"), "").await;
        assert_eq!(again.json()["path"], notified.json()["path"]);
    }
}

/// A client that has lost its answer asks the other node, while the first is still at it.
#[actix_web::test]
async fn an_upload_that_is_notified_everywhere_at_once_is_one_file() {
    for conditions in [Conditions::Kept, Conditions::Ignored] {
        let site = Site::start(conditions).await;
        let nodes = [site.node(), site.node()];
        for round in 0..10 {
            let body = format!("round {round}");
            let signed = site.sign(&nodes[0], body.as_bytes()).await;
            let sent = put(&signed, body.as_bytes(), &[]).await;
            assert_eq!(sent.status, 200, "{sent:?}");
            let path = format!("notify/{}", text(&signed["token"]));
            let at_once = (0..8).map(|client| site.ask("POST", &nodes[client % 2], &path, ""));
            let mut files: Vec<String> = join_all(at_once)
                .await
                .iter()
                .map(|notified| {
                    assert_eq!(notified.status, 201, "{conditions:?}, round {round}: {notified:?}");
                    text(&notified.json()["path"]).to_owned()
                })
                .collect();
            files.dedup();
            assert_eq!(files.len(), 1, "{files:?}");
            let stored = std::fs::read(site.store.file("private", &files[0])).expect("it is stored");
            assert_eq!(stored, body.as_bytes());
            assert_eq!(site.store.objects().len(), round + 1, "{:?}", site.store.objects());
        }
    }
}

#[actix_web::test]
async fn nodes_that_are_killed_all_the_time_lose_nothing() {
    are_killed_all_the_time(Conditions::Kept).await;
}

#[actix_web::test]
async fn nodes_that_are_killed_all_the_time_lose_nothing_that_was_staged() {
    are_killed_all_the_time(Conditions::Ignored).await;
}

async fn are_killed_all_the_time(conditions: Conditions) {
    let site = Site::start(conditions).await;
    let mut nodes = [site.node(), site.node()];
    let origins = nodes.each_ref().map(Node::origin);
    let load = Load::start(&origins, &site.bearer, CLIENTS).await;
    load.goes_on(CLIENTS / 2).await;
    // The clients go on in this thread meanwhile.
    let killing = spawn_blocking(move || {
        for kill in 0..KILLS {
            let begun = Instant::now();
            let node = &mut nodes[kill % 2];
            node.kill();
            node.start();
            thread::sleep(EVERY.saturating_sub(begun.elapsed()));
        }
        nodes
    });
    let _nodes = killing.await.expect("the nodes start again");
    load.goes_on(CLIENTS).await;
    let figures = load.stop().await;
    figures.print(&format!("{KILLS} kills, {conditions:?}"));
    assert!(figures.unanswered > 0, "the kills are felt");
    assert!(figures.acknowledged.len() > CLIENTS);
    figures.verify(&site.registry, &site.store).await;
    figures.verify_again(&origins, &site.bearer).await;
}
