//! Publishing staged uploads: the store copies an object from its staging key to its final key when it is notified. Copies
//! are late, connections break, notifies overlap, and one client has many large files.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::rt;
use actix_web::rt::task::spawn_blocking;
use actix_web::rt::time::timeout;
use futures_util::future::{join, join_all, select_all};
use serde_json::{Value, json};
use teable_attachments::domain::{BaseScope, Buckets, MediaType, ObjectKey, ObjectName, UploadType};
use teable_attachments::storage::s3::S3Store;
use teable_attachments::storage::{Direct, Expected, Uploaded};
use tempfile::TempDir;

use crate::support::process::Process;
use crate::support::s3::{Conditions, Store};
use crate::support::store_faults::{Fault, Injection, Rule, Step};
use crate::support::{Answer, App, access_token, eventually, put, send, text};

/// An uploaded avatar. With a public URL, avatars are staged on every store.
const AVATAR: u8 = 2;

async fn start(store: &Store, more: &[&str]) -> Rc<App> {
    let settings = store.settings();
    let public = ["--storage-public-url", "https://cdn.example.com/files"];
    let arguments: Vec<&str> =
        settings.iter().map(String::as_str).chain(public).chain(more.iter().copied()).collect();
    Rc::new(App::start_with(&arguments).await)
}

async fn sign(app: &App, size: usize) -> Value {
    let signed = app.sign(&json!({"contentType": "text/plain", "contentLength": size, "type": AVATAR})).await;
    assert_eq!(signed.status, 201, "{signed:?}");
    signed.json()
}

async fn stage(signed: &Value, body: &[u8]) {
    let sent = put(signed, body, &[]).await;
    assert_eq!(sent.status, 200, "{sent:?}");
}

/// The name of the object that a signature is for.
fn name(signed: &Value) -> String {
    let url = text(&signed["url"]);
    let path = url.split('?').next().expect("a path");
    assert!(path.contains("/public/staging/avatar/"), "{path}");
    path.rsplit('/').next().expect("a name").to_owned()
}

/// Two messages with the same MD5, and so with the same `ETag` (X. Wang, H. Yu, "How to Break MD5 and Other Hash
/// Functions", 2005).
const COLLISION: [&str; 2] = [
    "d131dd02c5e6eec4693d9a0698aff95c2fcab58712467eab4004583eb8fb7f89\
     55ad340609f4b30283e488832571415a085125e8f7cdc99fd91dbdf280373c5b\
     d8823e3156348f5bae6dacd436c919c6dd53e2b487da03fd02396306d248cda0\
     e99f33420f577ee8ce54b67080a80d1ec69821bcb6a8839396f9652b6ff72a70",
    "d131dd02c5e6eec4693d9a0698aff95c2fcab50712467eab4004583eb8fb7f89\
     55ad340609f4b30283e4888325f1415a085125e8f7cdc99fd91dbd7280373c5b\
     d8823e3156348f5bae6dacd436c919c6dd53e23487da03fd02396306d248cda0\
     e99f33420f577ee8ce54b67080280d1ec69821bcb6a8839396f965ab6ff72a70",
];

fn collision() -> [Vec<u8>; 2] {
    COLLISION.map(|hex| {
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("two digits");
        (0..hex.len()).step_by(2).map(byte).collect()
    })
}

/// Stores with conditional copies and without.
const STORES: [Conditions; 3] = [Conditions::Kept, Conditions::NoConditionalCopies, Conditions::Ignored];

#[actix_web::test]
async fn a_notified_file_does_not_change_when_notifies_overlap() {
    let cases = STORES.into_iter().flat_map(|store| [(store, false), (store, true)]);
    join_all(cases.map(|(conditions, leaves)| overlap(conditions, leaves))).await;
}

/// Notifies one upload twice while the first copy is late, and swaps the staged bytes for others with the same MD5. The
/// client of the first notify may leave meanwhile.
async fn overlap(conditions: Conditions, leaves: bool) {
    let what = format!("{conditions:?}, the first client leaves: {leaves}");
    let store = Store::start(conditions);
    let app = start(&store, &[]).await;
    let [one, other] = collision();
    let signed = sign(&app, one.len()).await;
    let (name, token) = (name(&signed), text(&signed["token"]).to_owned());
    let read = || std::fs::read(store.file("public", &format!("avatar/{name}")));
    stage(&signed, &one).await;
    let copy = store.inject(Rule::once(Fault::Hold, Step::Copy, &name));
    let notify = || {
        let (app, token) = (Rc::clone(&app), token.clone());
        rt::spawn(async move { app.notify(&token, "").await })
    };
    let first = notify();
    copy.wait_for_hits(1).await;
    let first = if leaves {
        first.abort();
        None
    } else {
        Some(first)
    };
    let mut second = notify();
    // It must wait for the copy. Where it does not, the file is stored now.
    let early = timeout(Duration::from_secs(1), &mut second).await.ok();
    let acknowledged = early.is_some().then(|| read().expect("a file"));
    stage(&signed, &other).await;
    copy.finish().await;
    for notified in [first, early.is_none().then_some(second)].into_iter().flatten() {
        let notified = notified.await.expect("an answer");
        assert_eq!(notified.status, 201, "{what}: {notified:?}");
    }
    let acknowledged = acknowledged.unwrap_or_else(|| read().expect("a file"));
    stage(&signed, if acknowledged == one { &other } else { &one }).await;
    assert_eq!(app.notify(&token, "").await.status, 201, "{what}");
    assert!(read().expect("a file") == acknowledged, "{what}: the bytes stay");
}

/// A copy that a node has given up takes effect after another node has published the file.
#[actix_web::test]
async fn a_conditional_copy_that_is_late_does_not_replace_what_is_published() {
    let store = Store::start(Conditions::Kept);
    let open = async || {
        let buckets = Buckets { public: "public".to_owned(), private: "private".to_owned() };
        let mut config = store.config();
        config.public_url = Some("https://cdn.example.com/files".to_owned());
        Rc::new(S3Store::open(config, buckets, Duration::ZERO).await.expect("a store"))
    };
    let (one, other) = (open().await, open().await);
    let key = ObjectKey { upload_type: UploadType::Avatar, name: ObjectName::fresh() };
    let media_type = MediaType::parse("text/plain").expect("a type");
    let [bytes, swapped] = collision();
    let expected = Expected { key, media_type: &media_type, size: bytes.len() as u64, sha256: None };
    let now = SystemTime::now();
    let address = one.upload_address(&expected, now, now + Duration::from_mins(1)).expect("an address");
    let put = async |body: &[u8]| {
        let headers: Vec<_> = address.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(send("PUT", &address.url, &headers, body.to_vec()).await.status, 200);
    };
    put(&bytes).await;
    let Uploaded::Staged(version) = one.inspect(&expected).await.expect("it is there") else {
        panic!("it is final")
    };
    let copy = store.inject(Rule::once(Fault::Hold, Step::Copy, &key.name.to_string()));
    let late = async {
        let made = one.make_final(&expected, &version).await.expect("another node has published it");
        assert_eq!(made.size(), 128);
    };
    let overtaking = async {
        copy.wait_for_hits(1).await;
        other.make_final(&expected, &version).await.expect("it is published");
        put(&swapped).await;
        copy.finish().await;
    };
    join(late, overtaking).await;
    let stored = std::fs::read(store.file("public", &key.path())).expect("a file");
    assert!(stored == bytes, "the bytes stay");
    assert_eq!(store.objects().len(), 1, "the staged object is removed: {:?}", store.objects());
}

#[actix_web::test]
async fn the_start_finds_out_whether_copies_are_conditional() {
    for (conditions, found) in STORES.into_iter().zip(["enforced", "unsupported", "ignored"]) {
        let store = Store::start(conditions);
        // A copy whose response is lost is not taken for one that the store refuses.
        let lost = store.inject(Rule::once(Fault::ResetAfter, Step::Copy, "-copy-2"));
        let settings = store.settings();
        let log = spawn_blocking(move || {
            let folder = TempDir::new().expect("a folder");
            let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
            Process::start(folder.path(), &settings).terminate()
        });
        let log = log.await.expect("it starts");
        assert_eq!(lost.hits(), 1);
        assert!(log.contains(&format!(r#""conditional_copies":"{found}""#)), "{conditions:?}: {log}");
        assert!(store.objects().is_empty(), "the probes are removed: {:?}", store.objects());
    }
}

/// The size of a large file: the store is given more time for it.
const LARGE: usize = 20_000_000;

/// An application whose store copies, a client with many large files, and another client.
struct Clients {
    store: Store,
    app: Rc<App>,
    other: String,
    large: Vec<u8>,
}

impl Clients {
    async fn start() -> Self {
        let store = Store::start(Conditions::Ignored);
        let app = start(&store, &[]).await;
        let other = access_token(app.registry.as_ref(), BaseScope::All, None).await;
        Self { store, app, other, large: vec![7; LARGE] }
    }

    async fn upload(&self, body: &[u8]) -> Value {
        let signed = sign(&self.app, body.len()).await;
        stage(&signed, body).await;
        signed
    }

    fn notify(&self, signed: &Value) -> rt::task::JoinHandle<Answer> {
        let (app, token) = (Rc::clone(&self.app), text(&signed["token"]).to_owned());
        rt::spawn(async move { app.notify(&token, "").await })
    }

    fn hold_copy(&self, signed: &Value) -> Arc<Injection> {
        self.store.inject(Rule { times: usize::MAX, ..Rule::once(Fault::Hold, Step::Copy, &name(signed)) })
    }

    /// Notifies `files` as the other client, within the time that this takes without large copies.
    async fn others_go_on(&self, files: &[Value]) {
        for signed in files {
            let url = self.app.url(&format!("/api/attachments/notify/{}", text(&signed["token"])));
            let bearer = format!("Bearer {}", self.other);
            let headers = [("authorization", bearer.as_str())];
            let notified = timeout(Duration::from_secs(1), send("POST", &url, &headers, "")).await;
            let notified = notified.expect("an answer in the usual time");
            assert_eq!(notified.status, 201, "{notified:?}");
        }
    }
}

#[actix_web::test]
async fn a_large_upload_is_copied_once_however_often_it_is_notified() {
    let clients = Clients::start().await;
    let others = [clients.upload(b"small").await, clients.upload(&clients.large).await];
    let large = clients.upload(&clients.large).await;
    let copies = clients.hold_copy(&large);
    let notifies: Vec<_> = (0..16).map(|_| clients.notify(&large)).collect();
    copies.wait_for_hits(1).await;
    clients.others_go_on(&others).await;
    copies.release();
    for notified in join_all(notifies).await {
        let notified = notified.expect("an answer");
        assert_eq!(notified.status, 201, "{notified:?}");
    }
    assert_eq!(copies.hits(), 1, "one copy for all");
    // More than may wait are told so at once.
    let large = clients.upload(&clients.large).await;
    let copies = clients.hold_copy(&large);
    let notifies: Vec<_> = (0..40).map(|_| clients.notify(&large)).collect();
    copies.wait_for_hits(1).await;
    let (busy, _, rest) = select_all(notifies).await;
    let busy = busy.expect("an answer");
    busy.problem(503, "service_unavailable");
    assert!(!busy.header("retry-after").is_empty());
    copies.release();
    let answers = join_all(rest).await;
    let stored = answers.iter().flatten().filter(|answer| answer.status == 201).count();
    assert_eq!(stored, 32, "{answers:?}");
}

#[actix_web::test]
async fn large_copies_of_one_caller_leave_places_for_others() {
    let clients = Clients::start().await;
    let others = [clients.upload(b"small").await, clients.upload(&clients.large).await];
    let mut files = Vec::new();
    for _ in 0..16 {
        files.push(clients.upload(&clients.large).await);
    }
    let copies: Vec<_> = files.iter().map(|signed| clients.hold_copy(signed)).collect();
    let notifies: Vec<_> = files.iter().map(|signed| clients.notify(signed)).collect();
    let hits = || copies.iter().map(|copy| copy.hits()).sum::<usize>();
    eventually("copies begin", || async { hits() >= 4 }).await;
    clients.others_go_on(&others).await;
    assert_eq!(hits(), 4, "a quarter of the places");
    copies.iter().for_each(|copy| copy.release());
    for notified in join_all(notifies).await {
        let notified = notified.expect("an answer");
        assert_eq!(notified.status, 201, "{notified:?}");
    }
}
