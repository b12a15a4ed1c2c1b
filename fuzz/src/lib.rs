//! What the targets share: the real surface over the real service, with a store and a registry in a folder of its own. No network
//! between, and nothing that stands in for anything.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::rt::{System, SystemRunner};
use actix_web::{App as ActixApp, test, web};
use contract::conformance::{Answer, App, InMemory, Request};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use teable_attachments::api::{self, port::Attachments};
use teable_attachments::domain::{AccessToken, BaseScope, Buckets};
use teable_attachments::metrics::{Build, Metrics};
use teable_attachments::registry::sqlite::SqliteRegistry;
use teable_attachments::registry::{BaseQuota, Registry};
use teable_attachments::service::pace::Pace;
use teable_attachments::service::{Policy, Service};
use teable_attachments::storage::local::{Access, DISK_TIMEOUT, Durability, LocalOptions, LocalStore};
use teable_attachments::token::Keyring;
use teable_attachments::token::access::AccessSecret;
use tempfile::TempDir;
use utoipa_actix_web::AppExt;

pub mod targets;

/// What the stored files hold.
pub const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz";

const LIFE: Duration = Duration::from_hours(24);

/// A running service with files in it.
pub struct World {
    system: SystemRunner,
    app: InMemory,
    /// A text that everybody reads.
    pub public: File,
    /// A text that is read with a token.
    pub private: File,
    /// A page that must never be shown.
    pub page: File,
    _folder: TempDir,
}

/// A stored file.
pub struct File {
    /// Its address, without the token.
    pub path: String,
    /// The read token, or nothing.
    pub token: String,
}

impl World {
    /// Starts it and stores the files.
    ///
    /// # Panics
    /// If it does not start: there is nothing to fuzz then.
    #[must_use]
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let system = System::new();
        let (app, files) = system.block_on(async {
            let (app, bearer) = start(&folder).await;
            let mut files = Vec::new();
            for (media_type, upload_type) in [("text/plain", 2), ("text/plain", 1), ("text/html", 2)] {
                files.push(store(&app, &bearer, media_type, upload_type).await);
            }
            (app, files)
        });
        let [public, private, page] = <[File; 3]>::try_from(files).unwrap_or_else(|_| unreachable!());
        Self { system, app, public, private, page, _folder: folder }
    }

    /// What the service answers, or nothing if that is no request that could be sent.
    ///
    /// # Panics
    /// If a handler does.
    #[must_use]
    pub fn ask(&self, method: &str, target: &str, headers: Vec<(String, Vec<u8>)>) -> Option<Answer> {
        let request =
            Request { method: method.to_owned(), target: target.to_owned(), headers, body: Vec::new() };
        match self.system.block_on(self.app.answer(request)) {
            Ok(answer) => {
                assert!(answer.status < 500, "{target:?}: {answer:?}");
                Some(answer)
            }
            Err(error) => {
                assert!(!error.to_string().starts_with("panicked"), "{error}");
                None
            }
        }
    }
}

/// The one value of a header of an answer.
///
/// # Panics
/// If there is none, or more than one, or if it is not printable ASCII.
#[must_use]
pub fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    let mut values = answer.headers.iter().filter(|(own, _)| own == name);
    let (Some((_, value)), None) = (values.next(), values.next()) else {
        panic!("not one {name}: {answer:?}")
    };
    let value = std::str::from_utf8(value).expect("text");
    assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{value:?}");
    value
}

/// `text` as a part of a query.
#[must_use]
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

async fn start(folder: &TempDir) -> (InMemory, String) {
    let buckets = Buckets { public: "public".to_owned(), private: "private".to_owned() };
    let registry = SqliteRegistry::open(&folder.path().join("registry.sqlite"), Duration::from_secs(3))
        .await
        .expect("a registry");
    let registry: Arc<dyn Registry> = Arc::new(registry);
    let (bearer, secret) = AccessSecret::generate().expect("randomness");
    let token = AccessToken {
        id: secret.id().to_owned(),
        name: "fuzz".to_owned(),
        digest: secret.digest(),
        bases: BaseScope::All,
        created_at: SystemTime::now(),
        expires_at: None,
        revoked_at: None,
    };
    registry.add_access_token(&token).await.expect("a token");
    // A power failure would end the fuzzing, too; and a small disk is no finding.
    let options = LocalOptions {
        durability: Durability::Relaxed,
        access: Access::Owner,
        min_free: 0,
        max_uploads: 16,
        disk_timeout: DISK_TIMEOUT,
    };
    let store = LocalStore::open(&folder.path().join("files"), buckets.clone(), &options).expect("a store");
    let policy = Policy {
        origin: "http://localhost".parse().expect("an origin"),
        buckets,
        max_size: 1024,
        upload_token_life: LIFE,
        read_token_life: LIFE,
        pace: Pace { idle: LIFE, min_rate: 0 },
        token_rate: None,
        base_quota: BaseQuota::default(),
    };
    let keys = Keyring::parse(&Keyring::generate().expect("randomness")).expect("keys");
    let metrics = Arc::new(Metrics::new(Build { storage: "local", registry: "sqlite" }));
    let service = Service::new(policy, keys, Arc::new(store), registry, SystemTime::now, metrics);
    let port: Arc<dyn Attachments> = Arc::new(service);
    let scope = utoipa_actix_web::scope(api::MOUNT).configure(api::configure);
    let app = ActixApp::new().into_utoipa_app().app_data(web::Data::from(port)).service(scope).into_app();
    (InMemory::new(test::init_service(app).await, Vec::new(), |_| {}), bearer)
}

async fn store(app: &InMemory, bearer: &str, media_type: &str, upload_type: u8) -> File {
    let own = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let bearer = || own("authorization", &format!("Bearer {bearer}"));
    let send = async |method: &str, target: &str, headers, body: &[u8]| -> Answer {
        let request =
            Request { method: method.to_owned(), target: target.to_owned(), headers, body: body.to_vec() };
        let answer = app.answer(request).await.expect("an answer");
        assert_eq!(answer.status, 201, "{answer:?}");
        answer
    };
    let wish = json!({"contentType": media_type, "contentLength": ALPHABET.len(), "type": upload_type});
    let headers = vec![bearer(), own("content-type", "application/json")];
    let signed = send("POST", "/api/attachments/signature", headers, wish.to_string().as_bytes()).await;
    let signed: Value = serde_json::from_slice(&signed.body).expect("JSON");
    let token = signed["token"].as_str().expect("a token");
    send("PUT", &format!("/api/attachments/upload/{token}"), Vec::new(), ALPHABET).await;
    let stored = send("POST", &format!("/api/attachments/notify/{token}"), vec![bearer()], b"").await;
    let stored: Value = serde_json::from_slice(&stored.body).expect("JSON");
    let address = stored["presignedUrl"].as_str().expect("an address");
    let token = address.split_once("?token=").map_or("", |(_, token)| token);
    File { path: stored["url"].as_str().expect("a path").to_owned(), token: token.to_owned() }
}
