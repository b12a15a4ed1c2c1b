//! Publishing staged uploads: the store copies an object from its staging key to its final key when
//! it is notified. Copies are late, connections break, notifies overlap, and one client has many
//! large files.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::rt;
use actix_web::rt::task::spawn_blocking;
use actix_web::rt::time::timeout;
use futures_util::future::{Either, join, join_all, select, select_all};
use rustix::process::Signal;
use serde_json::{Value, json};
use teable_attachments::domain::{BaseScope, Buckets, MediaType, ObjectKey, ObjectName, UploadType};
use teable_attachments::registry::Registry as _;
use teable_attachments::registry::sqlite::SqliteRegistry;
use teable_attachments::service::collect::{Verdict, collect};
use teable_attachments::storage::s3::S3Store;
use teable_attachments::storage::{Direct, Expected, Uploaded};
use tempfile::TempDir;

use crate::support::postgres::database;
use crate::support::process::Process;
use crate::support::proxy::{Mode, Proxy};
use crate::support::s3::{Conditions, Store};
use crate::support::store_faults::{Fault, Injection, Rule, Step};
use crate::support::{Answer, App, access_token, eventually, png, put, send, text, try_send};

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
    sign_in(app, None, "text/plain", size).await
}

async fn sign_in(app: &App, base: Option<&str>, media_type: &str, size: usize) -> Value {
    let mut wish = json!({"contentType": media_type, "contentLength": size, "type": AVATAR});
    if let Some(base) = base {
        wish["baseId"] = json!(base);
    }
    let signed = app.sign(&wish).await;
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

/// Two messages with the same MD5, and so with the same `ETag` (X. Wang, H. Yu, "How to Break MD5
/// and Other Hash Functions", 2005).
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

/// Notifies one upload twice while the first copy is late, and swaps the staged bytes for others
/// with the same MD5. The client of the first notify may leave meanwhile.
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
    for copy in &copies {
        copy.release();
    }
    for notified in join_all(notifies).await {
        let notified = notified.expect("an answer");
        assert_eq!(notified.status, 201, "{notified:?}");
    }
}

/// The final object of a signature.
fn final_object(signed: &Value) -> String {
    format!("public/avatar/{}", name(signed))
}

async fn usage(app: &App, base: &str) -> (u64, u64) {
    let usage = app.registry.base_usage(base).await.expect("a usage");
    (usage.bytes, usage.files)
}

#[actix_web::test]
async fn a_file_over_the_quota_is_not_published() {
    for conditions in STORES {
        let store = Store::start(conditions);
        let app = start(&store, &["--quota-per-base", "1000"]).await;
        // One after the other, and all at once.
        for (base, at_once) in [("bse1", false), ("bse2", true)] {
            let what = format!("{conditions:?}, at once: {at_once}");
            let mut files = Vec::new();
            for _ in 0..4 {
                let signed = sign_in(&app, Some(base), "text/plain", 800).await;
                stage(&signed, &[b'x'; 800]).await;
                files.push(signed);
            }
            let mut answers = Vec::new();
            let notify = async |signed: &Value| app.notify(text(&signed["token"]), "").await;
            if at_once {
                answers = join_all(files.iter().map(notify)).await;
            } else {
                for signed in &files {
                    answers.push(notify(signed).await);
                }
            }
            let objects = store.objects();
            let mut stored = 0;
            for (signed, notified) in files.iter().zip(&answers) {
                let is_published = objects.contains(&final_object(signed));
                if notified.status == 201 {
                    stored += 1;
                    assert!(is_published, "{what}");
                } else {
                    notified.problem(507, "quota_exceeded");
                    assert!(!is_published, "{what}: {objects:?}");
                }
            }
            assert_eq!(stored, 1, "{what}: {answers:?}");
            assert_eq!(usage(&app, base).await, (800, 1), "{what}");
        }
    }
}

#[actix_web::test]
async fn an_upload_that_gets_a_tombstone_while_it_is_copied_is_removed() {
    for conditions in STORES {
        let store = Store::start(conditions);
        let app = start(&store, &["--quota-per-base", "1000"]).await;
        let signed = sign_in(&app, Some("bse1"), "text/plain", 800).await;
        stage(&signed, &[b'x'; 800]).await;
        let copy = store.inject(Rule::once(Fault::Hold, Step::Copy, &name(&signed)));
        let garbage_collection = async {
            copy.wait_for_hits(1).await;
            let name = ObjectName::parse(&name(&signed)).expect("a name");
            let condemned = app.registry.condemn(&[name], SystemTime::now()).await.expect("a registry");
            assert_eq!(condemned, [name]);
            copy.release();
        };
        let (notified, ()) = join(app.notify(text(&signed["token"]), ""), garbage_collection).await;
        notified.problem(404, "not_found");
        assert!(store.objects().is_empty(), "{conditions:?}: {:?}", store.objects());
        assert_eq!(usage(&app, "bse1").await, (0, 0), "{conditions:?}: the reservation is released");
    }
}

#[actix_web::test]
async fn a_registry_that_fails_after_the_copy_is_asked_again_by_the_next_notify() {
    let database = database();
    let (before, rest) = database.split_once("127.0.0.1:").expect("an address");
    let (port, path) = rest.split_once('/').expect("a database");
    let registry = SocketAddr::from(([127, 0, 0, 1], port.parse().expect("a port")));
    let proxy = Proxy::start(registry).await;
    let url = format!("{before}{}/{path}", proxy.address);
    let store = Store::start(Conditions::Ignored);
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let more = ["--quota-per-base", "1000", "--database-url", &url, "--signing-keys", key];
    let app = start(&store, &more).await;
    let signed = sign_in(&app, Some("bse1"), "text/plain", 800).await;
    stage(&signed, &[b'x'; 800]).await;
    let copied = Rule { skip: 1, ..Rule::once(Fault::Hold, Step::HeadFinal, &name(&signed)) };
    let copied = store.inject(copied);
    let failure = async {
        copied.wait_for_hits(1).await;
        proxy.switch(Mode::Reset).await;
        copied.release();
    };
    let (notified, ()) = join(app.notify(text(&signed["token"]), ""), failure).await;
    notified.problem(503, "service_unavailable");
    assert!(store.objects().contains(&final_object(&signed)));
    proxy.switch(Mode::Pass).await;
    eventually("the registry is back", || async {
        app.notify(text(&signed["token"]), "").await.status == 201
    })
    .await;
    assert_eq!(store.objects(), [final_object(&signed)]);
    assert_eq!(usage(&app, "bse1").await, (800, 1));
}

#[actix_web::test]
async fn a_copy_without_a_row_is_found_by_the_next_notify_or_by_garbage_collection() {
    let store = Store::start(Conditions::Ignored);
    let folder = TempDir::new().expect("a folder");
    let mut arguments = store.settings();
    let more = ["--storage-public-url", "https://cdn.example.com/files", "--quota-per-base", "2000"];
    arguments.extend(more.map(str::to_owned));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let service = Process::start(folder.path(), &arguments);
    let bearer = format!("Bearer {}", service.token());
    let call = async |service: &Process, path: String, body: String| {
        let url = format!("{}/api/attachments/{path}", service.origin);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        try_send("POST", &url, &headers, body).await
    };
    let mut files = Vec::new();
    for _ in 0..2 {
        let wish =
            json!({"contentType": "text/plain", "contentLength": 800, "type": AVATAR, "baseId": "bse1"});
        let signed =
            call(&service, "signature".to_owned(), wish.to_string()).await.expect("an answer").json();
        stage(&signed, &[b'x'; 800]).await;
        files.push(signed);
    }
    let notify = |signed: &Value| format!("notify/{}", text(&signed["token"]));
    let copied =
        |signed| store.inject(Rule { skip: 1, ..Rule::once(Fault::Hold, Step::HeadFinal, &name(signed)) });
    let copied: Vec<_> = files.iter().map(copied).collect();
    let notifies = join_all(files.iter().map(|signed| call(&service, notify(signed), String::new())));
    let copies = join_all(copied.iter().map(|copied| copied.wait_for_hits(1)));
    let Either::Right((_, notifies)) = select(notifies, copies).await else { panic!("they wait") };
    service.signal(Signal::KILL);
    assert!(notifies.await.iter().all(Result::is_err), "nothing is acknowledged");
    drop(service);
    for copy in &copied {
        copy.release();
    }
    for signed in &files {
        assert!(store.objects().contains(&final_object(signed)), "it is copied");
    }

    let service = Process::start(folder.path(), &arguments);
    let again = call(&service, notify(&files[0]), String::new()).await.expect("an answer");
    assert_eq!(again.status, 201, "{again:?}");
    service.terminate();
    let registry = folder.path().join("data/registry.sqlite");
    let registry = SqliteRegistry::open(&registry, Duration::from_secs(3)).await;
    let registry = registry.expect("a registry");
    let buckets = Buckets { public: "public".to_owned(), private: "private".to_owned() };
    let files_of = S3Store::connect(store.config(), buckets).await.expect("a store");
    let now = SystemTime::now();
    // As if all of it were old enough.
    let before = now + Duration::from_hours(1);
    let tally = collect(&files_of, &registry, Verdict::Remove, before, now, &|_| ()).await.expect("a result");
    assert_eq!((tally.claimed, tally.missing, tally.failed), (1, 0, 0), "{tally:?}");
    assert_eq!(store.objects(), [final_object(&files[0])]);
    let usage = registry.base_usage("bse1").await.expect("a usage");
    assert_eq!((usage.bytes, usage.files), (800, 1), "the reservation is released");
    registry.close().await;
}

/// The requests of one notify that copies an image, and the number of the same kind before each.
const STEPS: [(Step, usize); 6] = [
    (Step::HeadFinal, 0),
    (Step::HeadStaged, 0),
    (Step::Copy, 0),
    (Step::DeleteStaged, 0),
    (Step::HeadFinal, 1),
    (Step::GetPrefix, 0),
];

#[actix_web::test]
async fn a_fault_at_any_step_of_notify_loses_nothing_and_doubles_nothing() {
    let image = png(9, 7);
    let quota = (image.len() + 1).to_string();
    join_all(STORES.map(async |conditions| {
        let store = Store::start(conditions);
        let app = start(&store, &["--quota-per-base", &quota]).await;
        let mut rules = Vec::new();
        for (step, skip) in STEPS {
            for fault in [Fault::Hold, Fault::ResetBefore, Fault::ResetAfter] {
                for times in [1, usize::MAX] {
                    rules.push(Rule { fault, step, name: String::new(), skip, times });
                }
            }
        }
        let cases = rules.into_iter().enumerate();
        join_all(cases.map(|(case, rule)| faulty_notify(&store, &app, format!("bse{case}"), rule, &image)))
            .await;
    }))
    .await;
}

/// Notifies two uploads of a base that has room for one, each under the fault and again without it.
async fn faulty_notify(store: &Store, app: &App, base: String, rule: Rule, image: &[u8]) {
    let mut files = Vec::new();
    for _ in 0..2 {
        let signed = sign_in(app, Some(&base), "image/png", image.len()).await;
        stage(&signed, image).await;
        files.push(signed);
    }
    for (signed, expected) in files.iter().zip([201, 507]) {
        let rule = Rule { name: name(signed), ..rule.clone() };
        let what = format!("{rule:?}, {expected}");
        let fault = store.inject(rule);
        let first = app.notify(text(&signed["token"]), "").await.status.as_u16();
        assert!(first == 503 || first == expected, "{what}: {first}");
        assert!(expected == 507 || fault.hits() > 0, "{what}: the step was reached");
        fault.stop();
        let last = async || app.notify(text(&signed["token"]), "").await;
        eventually(&what, || async { last().await.status == expected }).await;
        // A request that was late takes effect now.
        fault.finish().await;
        let again = last().await;
        assert_eq!(again.status, expected, "{what}: {again:?}");
        let object = std::fs::read(store.file("public", &format!("avatar/{}", name(signed)))).ok();
        if expected == 201 {
            assert_eq!((&again.json()["width"], &again.json()["height"]), (&json!(9), &json!(7)), "{what}");
            assert!(object.as_deref() == Some(image), "{what}: the bytes are equal");
        } else {
            assert!(object.is_none(), "{what}: it is not published");
        }
        assert_eq!(usage(app, &base).await, (image.len() as u64, 1), "{what}");
    }
    let finals: Vec<_> = store
        .objects()
        .into_iter()
        .filter(|object| files.iter().any(|f| *object == final_object(f)))
        .collect();
    assert_eq!(finals.len(), 1, "{finals:?}");
}
