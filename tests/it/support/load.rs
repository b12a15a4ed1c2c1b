//! Many clients that take files through the whole flow over an object store, at one node or at several.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use teable_attachments::domain::{ObjectName, Sha256, UploadType};
use teable_attachments::registry::Registry;
use tokio::sync::{Mutex, MutexGuard};

use super::s3::Store;
use super::{Answer, eventually, png, put, send, text, try_send};

/// How long a client waits before it tries again what was answered 503. Shorter than it is told, so that more is asked.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a client tries.
const PERSISTENCE: Duration = Duration::from_secs(40);

/// One load at a time: two would leave no node a chance to start within its patience on a machine with two cores.
static TURN: Mutex<()> = Mutex::const_new(());

/// A running load. Its clients share this thread.
pub struct Load {
    shared: Rc<Shared>,
    clients: Vec<actix_web::rt::task::JoinHandle<()>>,
    _turn: MutexGuard<'static, ()>,
}

struct Shared {
    nodes: Vec<String>,
    bearer: String,
    figures: RefCell<Figures>,
    stopped: Cell<bool>,
}

/// What came of a load.
#[derive(Default)]
pub struct Figures {
    /// The flows whose notify was answered 201.
    pub acknowledged: Vec<Acknowledged>,
    /// How often each operation was answered with a status.
    pub answers: BTreeMap<(&'static str, u16), u32>,
    /// The connections that ended without an answer.
    pub unanswered: u32,
    pub slowest: Duration,
}

/// A file that a client was told is kept.
pub struct Acknowledged {
    pub token: String,
    pub path: String,
    content: Content,
}

/// Which file a client stores: others each time.
#[derive(Clone, Copy)]
struct Content {
    client: usize,
    flow: usize,
}

impl Content {
    fn media_type(self) -> &'static str {
        if self.flow.is_multiple_of(4) { "image/png" } else { "application/octet-stream" }
    }

    fn bytes(self) -> Vec<u8> {
        let Self { client, flow } = self;
        let mut bytes = if self.media_type() == "image/png" { png(9, 7) } else { Vec::new() };
        // What follows an image is no part of it.
        bytes.extend(
            format!("client {client}, flow {flow}; ").repeat(1 + (client * 31 + flow * 17) % 500).bytes(),
        );
        bytes
    }
}

impl Load {
    /// `clients` clients that go round `nodes`, until they are stopped. Waits until no other load runs.
    pub async fn start(nodes: &[String], bearer: &str, clients: usize) -> Self {
        let turn = TURN.lock().await;
        let shared = Rc::new(Shared {
            nodes: nodes.to_vec(),
            bearer: format!("Bearer {bearer}"),
            figures: RefCell::default(),
            stopped: Cell::new(false),
        });
        let clients = (0..clients)
            .map(|client| {
                let shared = Rc::clone(&shared);
                actix_web::rt::spawn(async move {
                    let mut node = client;
                    for flow in 0.. {
                        shared.flow(Content { client, flow }, &mut node).await;
                        if shared.stopped.get() {
                            break;
                        }
                    }
                })
            })
            .collect();
        Self { shared, clients, _turn: turn }
    }

    /// Waits until `more` flows are acknowledged that are not now.
    pub async fn goes_on(&self, more: usize) {
        let count = || self.shared.figures.borrow().acknowledged.len();
        let goal = count() + more;
        eventually("flows succeed", || async { count() >= goal }).await;
    }

    /// Lets every client end the flow that it is at.
    pub async fn stop(self) -> Figures {
        self.shared.stopped.set(true);
        for ended in join_all(self.clients).await {
            ended.expect("every flow is as it must be");
        }
        self.shared.figures.take()
    }
}

impl Shared {
    async fn flow(&self, content: Content, node: &mut usize) {
        let bytes = content.bytes();
        let wish = json!({"contentType": content.media_type(), "contentLength": bytes.len(), "type": 1});
        let signed = self.insist("sign", "/api/attachments/signature", &wish.to_string(), node).await;
        let token = text(&signed["token"]).to_owned();
        let sent = put(&signed, &bytes, &[]).await;
        assert_eq!(sent.status, 200, "the store itself is there: {sent:?}");
        // What one node has signed another is told of.
        *node += 1;
        let notified = self.insist("notify", &format!("/api/attachments/notify/{token}"), "", node).await;
        let read = send("GET", text(&notified["presignedUrl"]), &[], "").await;
        assert!(read.status == 200 && read.body == bytes, "it is read back: {}", read.status);
        let path = text(&notified["path"]).to_owned();
        self.figures.borrow_mut().acknowledged.push(Acknowledged { token, path, content });
    }

    /// Asks until it is done; another node after each failure.
    async fn insist(&self, operation: &'static str, path: &str, body: &str, node: &mut usize) -> Value {
        let begun = Instant::now();
        let headers = [("authorization", self.bearer.as_str()), ("content-type", "application/json")];
        loop {
            assert!(begun.elapsed() < PERSISTENCE, "{operation} does not succeed any more");
            let url = format!("{}{path}", self.nodes[*node % self.nodes.len()]);
            let asked = Instant::now();
            let answer = try_send("POST", &url, &headers, body.to_owned()).await;
            {
                let mut figures = self.figures.borrow_mut();
                figures.slowest = figures.slowest.max(asked.elapsed());
                match &answer {
                    Ok(answer) => {
                        *figures.answers.entry((operation, answer.status.as_u16())).or_default() += 1;
                    }
                    Err(_) => figures.unanswered += 1,
                }
            }
            match answer {
                Ok(answer) if answer.status == 201 => return answer.json(),
                Ok(answer) => unavailable(&answer),
                Err(_) => {}
            }
            *node += 1;
            actix_web::rt::time::sleep(PAUSE).await;
        }
    }
}

/// The answer, which must be the documented one of a service that cannot now.
#[track_caller]
pub fn unavailable(answer: &Answer) {
    answer.problem(503, "service_unavailable");
    assert_eq!(answer.header("retry-after"), "5");
}

impl Figures {
    pub fn print(&self, what: &str) {
        let answers: Vec<String> = self
            .answers
            .iter()
            .map(|((operation, status), count)| format!("{operation} {status}: {count}"))
            .collect();
        println!(
            "{what}: flows acknowledged: {}, {}, unanswered: {}, slowest answer: {} ms",
            self.acknowledged.len(),
            answers.join(", "),
            self.unanswered,
            self.slowest.as_millis()
        );
    }

    pub fn count(&self, status: u16) -> u32 {
        self.answers.iter().filter(|((_, own), _)| *own == status).map(|(_, count)| count).sum()
    }

    /// Every acknowledged file is there once and byte-equal, in the registry and in the store; and nothing else is.
    pub async fn verify(&self, registry: &dyn Registry, store: &Store) {
        let paths: BTreeSet<&str> = self.acknowledged.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths.len(), self.acknowledged.len(), "each flow has a file of its own");
        for Acknowledged { token, path, content } in &self.acknowledged {
            let bytes = content.bytes();
            let stored = std::fs::read(store.file("private", path)).expect("what was acknowledged is stored");
            assert!(stored == bytes, "{path} is byte-equal");
            let row = registry.attachment_by_token(Sha256::of(token.as_bytes())).await.expect("it answers");
            let row = row.expect("what was acknowledged is registered");
            assert_eq!((row.key.path(), row.size), (path.clone(), bytes.len() as u64));
            assert_eq!(row.dimensions.is_some(), content.media_type() == "image/png");
        }
        let table = UploadType::try_from(1).expect("a type");
        let names = registry.names(table, None, ObjectName::fresh(), u32::MAX).await.expect("it answers");
        assert_eq!(names.len(), self.acknowledged.len(), "one row for each");
        let objects = store.objects();
        let kept: BTreeSet<&str> =
            objects.iter().map(|object| object.strip_prefix("private/").expect("a private file")).collect();
        assert_eq!(kept, paths, "one object for each, and nothing staged");
    }

    /// Notify again, at the node after the one before, gives the same files.
    pub async fn verify_again(&self, nodes: &[String], bearer: &str) {
        let bearer = format!("Bearer {bearer}");
        for (files, node) in self.acknowledged.chunks(10).take(10).zip(nodes.iter().cycle()) {
            let asked = files.iter().map(|file| async {
                let url = format!("{node}/api/attachments/notify/{}", file.token);
                let again = send("POST", &url, &[("authorization", &bearer)], "").await;
                assert_eq!(again.status, 201, "{again:?}");
                assert_eq!(again.json()["path"], json!(file.path));
                let read = send("GET", text(&again.json()["presignedUrl"]), &[], "").await;
                assert!(read.body == file.content.bytes(), "it is read back");
            });
            join_all(asked).await;
        }
    }
}
