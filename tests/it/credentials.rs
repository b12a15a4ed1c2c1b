//! Where the credentials for the object store are found when the settings name none, and that they are renewed before they end.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use actix_web::rt::task::spawn_blocking;
use actix_web::rt::time::timeout;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::support::metadata::{CONTAINER_TOKEN, INSTANCE_TOKEN, Key, Metadata, Mode};
use crate::support::process::{Process, binary};
use crate::support::s3::{Conditions, Store};
use crate::support::{Answer, eventually, put, send, text};

/// How long a start without credentials takes at the most.
const SOON: Duration = Duration::from_secs(15);

type Variable = (&'static str, String);

/// A key that the store takes, and that the metadata gives until `ends`.
fn key(store: &Store, id: &str, ends: SystemTime) -> Key {
    // The metadata tells whole seconds.
    let ends = ends.duration_since(UNIX_EPOCH).expect("a time").as_secs();
    let ends = UNIX_EPOCH + Duration::from_secs(ends);
    // The token has what must be encoded in a query.
    let key = Key {
        id: id.to_owned(),
        secret: format!("secret-of-{id}"),
        session_token: format!("token/of+{id}=="),
        ends,
    };
    store.admit(&key.id, &key.secret, Some(&key.session_token));
    key
}

fn after(seconds: u64) -> SystemTime {
    SystemTime::now() + Duration::from_secs(seconds)
}

/// The real service, which finds its credentials itself.
struct Service {
    process: Process,
    bearer: String,
    _folder: TempDir,
}

impl Service {
    async fn start(store: &Store, variables: &[Variable]) -> Self {
        let folder = TempDir::new().expect("a folder");
        // Each service has a registry of its own.
        store.empty();
        let (place, variables) = (folder.path().to_owned(), variables.to_vec());
        let mut arguments = store.settings_without_keys(store.address);
        // Whatever the log says, it says no secret.
        arguments.extend(["--log", "trace"].map(str::to_owned));
        let start = move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let mut command = binary();
            // What is no text is no matter.
            command.envs(variables).env("NO_TEXT", OsStr::from_bytes(b"\xff"));
            Process::start_as(command, 0, &place, &arguments)
        };
        let process = spawn_blocking(start).await.expect("it starts");
        let bearer = format!("Bearer {}", process.token());
        Self { process, bearer, _folder: folder }
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let headers = [("authorization", self.bearer.as_str()), ("content-type", "application/json")];
        send(method, &format!("{}{path}", self.process.origin), &headers, body.to_string()).await
    }

    async fn sign(&self) -> Answer {
        let wish = json!({"contentType": "text/plain", "contentLength": 2, "type": 1});
        self.call("POST", "/api/attachments/signature", &wish).await
    }

    async fn signed(&self) -> Value {
        let signed = self.sign().await;
        assert_eq!(signed.status, 201, "{signed:?}");
        signed.json()
    }

    /// Sends what was signed, and reads it back. Gives the address at which it was read.
    async fn finish(&self, signed: &Value) -> String {
        let sent = put(signed, b"hi", &[]).await;
        assert_eq!(sent.status, 200, "{sent:?}");
        let path = format!("/api/attachments/notify/{}", text(&signed["token"]));
        let notified = self.call("POST", &path, &json!({})).await;
        assert_eq!(notified.status, 201, "{notified:?}");
        let notified = notified.json();
        let address = text(&notified["presignedUrl"]);
        let read = send("GET", address, &[], "").await;
        assert_eq!((read.status.as_u16(), read.body.as_ref()), (200, b"hi".as_slice()), "{read:?}");
        address.to_owned()
    }

    /// Stops it, and looks for `secrets` in all that it has said.
    async fn stop(self, secrets: &[&str]) {
        let process = self.process;
        let log = spawn_blocking(move || process.terminate()).await.expect("it stops");
        assert!(log.contains("the object store was tried"), "there is a log: {log}");
        silent(&log, secrets);
    }
}

/// Fails if `said` has a secret in it.
#[track_caller]
fn silent(said: &str, secrets: &[&str]) {
    for secret in secrets {
        assert!(!said.contains(secret), "{secret} stands in {said}");
    }
}

/// Who has signed an address, with which session, and until when.
struct Signature {
    id: String,
    session_token: Option<String>,
    ends: SystemTime,
}

fn signature(address: &str) -> Signature {
    let url = reqwest::Url::parse(address).expect("an address");
    let value = |wanted: &str| {
        let mut values = url.query_pairs().filter(|(name, _)| name == wanted);
        values.next().map(|(_, value)| value.into_owned())
    };
    let date = value("X-Amz-Date").expect("a date");
    let (day, time) = date.trim_end_matches('Z').split_once('T').expect("a day and a time");
    let rfc3339 =
        format!("{}-{}-{}T{}:{}:{}Z", &day[..4], &day[4..6], &day[6..], &time[..2], &time[2..4], &time[4..]);
    let life = value("X-Amz-Expires").expect("a life").parse().expect("seconds");
    let id = value("X-Amz-Credential").expect("credentials");
    Signature {
        id: id.split('/').next().expect("an id").to_owned(),
        session_token: value("X-Amz-Security-Token"),
        ends: humantime::parse_rfc3339(&rfc3339).expect("a time") + Duration::from_secs(life),
    }
}

fn write(folder: &TempDir, name: &str, content: &str) -> String {
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(&path, content).expect("a file");
    path.display().to_string()
}

#[actix_web::test]
async fn the_environment_a_profile_and_the_metadata_are_asked_in_this_order() {
    let store = Store::start(Conditions::Kept);
    let folder = TempDir::new().expect("a folder");
    let [variable, default, other, configured, home, contained, instance] =
        ["variable", "default", "other", "configured", "home", "contained", "instance"]
            .map(|id| key(&store, id, after(3600)));
    store.admit("lasting", "secret-of-lasting", None);
    let lines = |key: &Key| {
        let Key { id, secret, session_token, .. } = key;
        format!("aws_access_key_id={id}\naws_secret_access_key={secret}\naws_session_token={session_token}\n")
    };
    let credentials = format!("[default]\n{}\n[other]\n{}", lines(&default), lines(&other));
    let credentials = ("AWS_SHARED_CREDENTIALS_FILE", write(&folder, "credentials", &credentials));
    let config = format!("[profile configured]\n{}", lines(&configured));
    let config = ("AWS_CONFIG_FILE", write(&folder, "config", &config));
    write(&folder, ".aws/credentials", &format!("[default]\n{}", lines(&home)));
    let at_home = ("HOME", folder.path().display().to_string());
    let (container, machine) = (Metadata::start(&contained), Metadata::start(&instance));
    let metadata = [container.container().to_vec(), vec![machine.instance()]].concat();
    let profile = |name: &str| ("AWS_PROFILE", name.to_owned());
    let keys = |key: &Key| {
        [
            ("AWS_ACCESS_KEY_ID", key.id.clone()),
            ("AWS_SECRET_ACCESS_KEY", key.secret.clone()),
            ("AWS_SESSION_TOKEN", key.session_token.clone()),
        ]
    };
    let nothing = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"]
        .map(|name| (name, String::new()));
    let lasting = [
        ("AWS_ACCESS_KEY_ID", "lasting".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret-of-lasting".to_owned()),
    ];

    let cases: [(&str, Vec<Variable>); 8] = [
        ("variable", [&keys(&variable)[..], std::slice::from_ref(&credentials), &metadata].concat()),
        ("lasting", lasting.to_vec()),
        ("other", [&[profile("other"), credentials.clone()], &metadata[..]].concat()),
        ("configured", vec![profile("configured"), credentials.clone(), config]),
        // What is empty is not set.
        ("default", [&nothing[..], &[credentials]].concat()),
        ("home", vec![at_home]),
        ("contained", metadata),
        ("instance", vec![machine.instance()]),
    ];
    let secrets: Vec<String> = cases
        .iter()
        .flat_map(|(id, _)| [format!("secret-of-{id}"), format!("token/of+{id}==")])
        .chain([INSTANCE_TOKEN.to_owned(), CONTAINER_TOKEN.to_owned()])
        .collect();
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    for (id, variables) in cases {
        let service = Service::start(&store, &variables).await;
        let upload = service.signed().await;
        let read = service.finish(&upload).await;
        for address in [text(&upload["url"]), &read] {
            let signature = signature(address);
            assert_eq!(signature.id, id);
            let token = (id != "lasting").then(|| format!("token/of+{id}=="));
            assert_eq!(signature.session_token, token, "of {id}");
        }
        service.stop(&secrets).await;
    }
}

#[actix_web::test]
async fn what_ends_is_renewed_before_and_what_has_ended_signs_nothing_until_it_is_renewed() {
    let store = Store::start(Conditions::Kept);
    let first = key(&store, "first", after(10));
    let metadata = Metadata::start(&first);
    let service = Service::start(&store, &[metadata.instance()]).await;

    // No address says that it lives longer than its credentials, and each lives nearly as long.
    let upload = service.signed().await;
    let read = service.finish(&upload).await;
    for address in [text(&upload["url"]), &read] {
        let signature = signature(address);
        assert_eq!(signature.id, "first");
        assert!(signature.ends <= first.ends, "{address} beyond {:?}", first.ends);
        assert!(signature.ends + Duration::from_secs(3) > first.ends, "{address} before {:?}", first.ends);
    }

    let second = key(&store, "second", first.ends + Duration::from_secs(3));
    metadata.give(&second);
    eventually("the next credentials sign", || async {
        signature(text(&service.signed().await["url"])).id == "second"
    })
    .await;
    assert!(SystemTime::now() < first.ends, "the first have ended meanwhile");
    // Neither the service's own requests nor the addresses of clients need the first any more.
    store.dismiss("first");
    service.finish(&service.signed().await).await;

    metadata.switch(Mode::Fail);
    let refused = RefCell::new(None);
    eventually("nothing is signed after the end", || async {
        let answer = service.sign().await;
        if answer.status == 201 {
            assert!(signature(text(&answer.json()["url"])).ends <= second.ends);
            return false;
        }
        refused.replace(Some(answer));
        true
    })
    .await;
    assert!(SystemTime::now() >= second.ends, "not before the end");
    let refused = refused.take().expect("an answer");
    refused.problem(503, "service_unavailable");
    assert_eq!(refused.header("retry-after"), "5");
    assert_eq!(service.call("GET", "/readyz", &json!({})).await.status, 503);

    let third = key(&store, "third", after(3600));
    metadata.give(&third);
    metadata.switch(Mode::Answer);
    eventually("it signs again", || async { service.sign().await.status == 201 }).await;
    let signed = service.signed().await;
    assert_eq!(signature(text(&signed["url"])).id, "third");
    service.finish(&signed).await;
    let secrets = [&first, &second, &third].map(|key| [key.secret.as_str(), key.session_token.as_str()]);
    service.stop(&[&secrets.concat()[..], &[INSTANCE_TOKEN]].concat()).await;
}

#[actix_web::test]
async fn signing_waits_for_no_metadata() {
    let store = Store::start(Conditions::Kept);
    let key = key(&store, "key", after(30));
    let metadata = Metadata::start(&Key { ends: after(8), ..key.clone() });
    let service = Service::start(&store, &[metadata.instance()]).await;
    metadata.switch(Mode::Stall);
    eventually("it asks for the next credentials", || async { metadata.waiting() > 0 }).await;
    let asked = metadata.asked();
    for _ in 0..100 {
        service.signed().await;
    }
    assert_eq!((metadata.waiting(), metadata.asked()), (1, asked), "the same request waits still");
    // Who has waited in vain asks anew.
    metadata.give(&key);
    metadata.switch(Mode::Answer);
    eventually("it asks again", || async { metadata.asked() > asked }).await;
    service.stop(&[&key.secret]).await;
}

/// What the service says when it cannot start, which must be soon.
async fn fails(store: &Store, variables: Vec<Variable>) -> String {
    let arguments = store.settings_without_keys(store.address);
    let run = move || {
        let folder = TempDir::new().expect("a folder");
        let begun = Instant::now();
        let mut command = binary();
        command.current_dir(folder.path()).args(arguments).args(["--port", "0"]).envs(variables);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it runs");
        // A service that starts after all does not end by itself.
        while child.try_wait().expect("a child").is_none() {
            if begun.elapsed() > SOON {
                child.kill().expect("SIGKILL");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let output = child.wait_with_output().expect("what it said");
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        said
    };
    spawn_blocking(run).await.expect("it ends")
}

/// A listener whose queue is full: who connects hears nothing, as where there is no metadata and a firewall drops what is sent.
async fn full() -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let listener = socket.listen(1).expect("a listener");
    let address = listener.local_addr().expect("an address");
    let mut waiting = Vec::new();
    while let Ok(connected) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        waiting.push(connected.expect("a connection"));
        assert!(waiting.len() < 100, "it is never full");
    }
    (listener, waiting)
}

#[actix_web::test]
async fn without_credentials_the_start_ends_soon_and_says_what_to_set() {
    let store = Store::start(Conditions::Kept);
    let stalled = Metadata::start(&key(&store, "never", after(3600)));
    stalled.switch(Mode::Stall);
    let endpoint = |address: &str| vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{address}"))];
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let (full, _waiting) = full().await;
    let cases = [
        vec![("AWS_EC2_METADATA_DISABLED", "true".to_owned())],
        // Nobody listens; nobody answers at all; somebody takes connections and is silent.
        endpoint(&free.to_string()),
        endpoint(&full.local_addr().expect("an address").to_string()),
        vec![stalled.instance()],
    ];
    for said in join_all(cases.map(|variables| fails(&store, variables))).await {
        assert!(said.starts_with("error: the object store cannot be asked: no credentials for "), "{said}");
        for setting in ["BACKEND_STORAGE_S3_ACCESS_KEY", "BACKEND_STORAGE_S3_SECRET_KEY"] {
            assert!(said.contains(setting), "{said}");
        }
    }
}

#[actix_web::test]
async fn a_place_that_is_set_and_fails_is_named_and_no_other_rights_are_taken() {
    let store = Store::start(Conditions::Kept);
    // The machine's role would do, and is not what was asked for.
    let machine = Metadata::start(&key(&store, "machine", after(3600)));
    let container = Metadata::start(&key(&store, "container", after(3600)));
    container.switch(Mode::Fail);
    let missing = Path::new("/nowhere/token").display().to_string();
    let identity = vec![
        ("AWS_WEB_IDENTITY_TOKEN_FILE", missing),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/attachments".to_owned()),
        machine.instance(),
    ];
    let contained = [&container.container()[..], &[machine.instance()]].concat();
    let wrong_token = vec![
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{}/container", machine.address)),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "a-wrong-token".to_owned()),
    ];
    let said = join_all([identity, contained, wrong_token].map(|variables| fails(&store, variables))).await;
    for (said, place) in
        said.iter().zip(["AWS_WEB_IDENTITY_TOKEN_FILE", "the container's", "the container's"])
    {
        assert!(said.contains(place), "{said}");
        silent(said, &["secret-of-", "token/of+", CONTAINER_TOKEN, "a-wrong-token"]);
    }
    assert_eq!(machine.asked(), 1, "by the one with the wrong token alone");

    let ended = Metadata::start(&key(&store, "ended", SystemTime::now() - Duration::from_mins(1)));
    let said = fails(&store, vec![ended.instance()]).await;
    assert!(said.contains("have expired"), "{said}");
}
