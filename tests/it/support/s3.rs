//! An S3 that verifies signatures, in this process: `s3s` over a folder.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, DeleteObjectInput, DeleteObjectOutput, GetObjectInput,
    GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput,
    ListObjectsV2Input, ListObjectsV2Output, PutObjectInput, PutObjectOutput,
};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use teable_attachments::storage::s3::{AddressStyle, CredentialSource, Endpoint, S3Config};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::RwLock;

use super::store_faults::{Faults, Injection, Rule};
use super::{evidence, walk};

const ACCESS_KEY: &str = "test-access-key";
const SECRET_KEY: &str = "test-secret-key";

/// What a store does with what should keep a client within its address: `If-None-Match`, a checksum, headers that are not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conditions {
    /// It keeps to all of it, as Amazon does.
    Kept,
    /// It takes `If-None-Match` and overwrites, as Garage does; it keeps what it refuses for its checksum; and it takes
    /// headers that are not signed.
    Ignored,
    /// It keeps to all of it, but answers 501 to a copy with `If-None-Match`, as Amazon did before
    /// October 2025.
    NoConditionalCopies,
}

/// A running store with the buckets `public` and `private`. It runs as long as the test's process.
pub struct Store {
    pub address: SocketAddr,
    folder: TempDir,
    keys: Keys,
    faults: Faults,
}

/// The keys that a store takes, by their ids.
#[derive(Clone, Default)]
struct Keys(Arc<Mutex<Known>>);

/// Secrets and session tokens.
type Known = HashMap<String, (SecretKey, Option<String>)>;

impl Keys {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, id: &str) -> S3Result<SecretKey> {
        let known = self.lock().get(id).map(|(secret, _)| secret.clone());
        known.ok_or_else(|| s3_error!(InvalidAccessKeyId, "nobody has this key"))
    }
}

/// `s3s` verifies the signature, and knows nothing of session tokens.
#[async_trait::async_trait]
impl S3Access for Keys {
    async fn check(&self, request: &mut S3AccessContext<'_>) -> S3Result<()> {
        let id = request.credentials().map(|credentials| credentials.access_key.clone());
        let expected = id.and_then(|id| self.lock().get(&id).cloned());
        let (_, expected) = expected.ok_or_else(|| s3_error!(AccessDenied, "nobody signed this"))?;
        let header = request.headers().get("x-amz-security-token");
        let header = header.map(|token| token.to_str().expect("text").to_owned());
        let mut query = request.uri().query().unwrap_or_default().split('&');
        let query = query.find_map(|pair| pair.strip_prefix("X-Amz-Security-Token="));
        let query = query.map(|token| percent_decode_str(token).decode_utf8_lossy().into_owned());
        if header.or(query) == expected {
            Ok(())
        } else {
            Err(s3_error!(InvalidToken, "another session's token, or none"))
        }
    }
}

impl Store {
    pub fn start(conditions: Conditions) -> Self {
        let folder = TempDir::new().expect("a folder");
        for bucket in ["public", "private"] {
            std::fs::create_dir(folder.path().join(bucket)).expect("a bucket");
        }
        let files = Arc::new(FileSystem::new(folder.path()).expect("a store"));
        let root = folder.path().to_owned();
        let mut builder = S3ServiceBuilder::new(Disk { root, files, conditions, changing: Arc::default() });
        let keys = Keys::default();
        builder.set_auth(keys.clone());
        builder.set_access(keys.clone());
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let faults = Faults::default();
        let injected = faults.clone();
        std::thread::spawn(move || serve(listener, &service, &injected));
        let store = Self { address, folder, keys, faults };
        store.admit(ACCESS_KEY, SECRET_KEY, None);
        store
    }

    /// Applies a fault to chosen requests from now on.
    pub fn inject(&self, rule: Rule) -> Arc<Injection> {
        self.faults.inject(rule)
    }

    /// Takes what is signed with this key, too.
    pub fn admit(&self, id: &str, secret: &str, session_token: Option<&str>) {
        evidence::secret("store", secret);
        evidence::secret("store", session_token.unwrap_or_default());
        let key = (secret.into(), session_token.map(str::to_owned));
        self.keys.lock().insert(id.to_owned(), key);
    }

    /// Takes what is signed with this key no more.
    pub fn dismiss(&self, id: &str) {
        self.keys.lock().remove(id).expect("a key");
    }

    /// The settings of an application over this store, which it reaches at `address`.
    pub fn settings_at(&self, address: SocketAddr) -> Vec<String> {
        let keys = [("--storage-s3-access-key", ACCESS_KEY), ("--storage-s3-secret-key", SECRET_KEY)];
        let keys = keys.iter().flat_map(|(flag, value)| [(*flag).to_owned(), (*value).to_owned()]);
        self.settings_without_keys(address).into_iter().chain(keys).collect()
    }

    /// As [`Self::settings_at`], for an application that finds its credentials itself.
    pub fn settings_without_keys(&self, address: SocketAddr) -> Vec<String> {
        [
            ("--storage-provider", "s3"),
            ("--storage-s3-endpoint", &format!("http://{}", self.address)),
            ("--storage-s3-internal-endpoint", &format!("http://{address}")),
            ("--storage-s3-force-path-style", "true"),
        ]
        .iter()
        .flat_map(|(flag, value)| [(*flag).to_owned(), (*value).to_owned()])
        .collect()
    }

    pub fn settings(&self) -> Vec<String> {
        self.settings_at(self.address)
    }

    /// What must be known of it.
    pub fn config(&self) -> S3Config {
        let endpoint: Endpoint = format!("http://{}", self.address).parse().expect("an endpoint");
        S3Config {
            region: "us-east-1".to_owned(),
            endpoint: endpoint.clone(),
            internal_endpoint: endpoint,
            style: AddressStyle::Path,
            credentials: CredentialSource::Static {
                access_key: ACCESS_KEY.to_owned(),
                secret_key: SECRET_KEY.to_owned(),
            },
            public_url: None,
            guard: None,
        }
    }

    /// Where an object's bytes are.
    pub fn file(&self, bucket: &str, path: &str) -> PathBuf {
        self.folder.path().join(bucket).join(path)
    }

    /// Removes everything, so that a registry of another service may have it.
    pub fn empty(&self) {
        for bucket in ["public", "private"] {
            let folder = self.folder.path().join(bucket);
            std::fs::remove_dir_all(&folder).expect("it was there");
            std::fs::create_dir(folder).expect("a bucket");
        }
    }

    /// Every object, as `bucket/key`, but for the owner's id.
    pub fn objects(&self) -> Vec<String> {
        let mut found = Vec::new();
        for bucket in ["public", "private"] {
            walk(&self.folder.path().join(bucket), &mut found);
        }
        let root = format!("{}/", self.folder.path().display());
        found.retain(|path| !path.ends_with("/teable-attachments-owner"));
        found.iter().map(|path| path.trim_start_matches(&root).to_owned()).collect()
    }
}

fn serve(listener: TcpListener, service: &S3Service, faults: &Faults) {
    listener.set_nonblocking(true).expect("a listener");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        loop {
            let (socket, _) = listener.accept().await.expect("a connection");
            let (service, faults) = (service.clone(), faults.clone());
            // A second descriptor of the connection, by which a fault can reset it.
            let socket = socket.into_std().expect("a socket");
            let second = socket.try_clone().and_then(TcpStream::from_std).expect("a descriptor");
            let socket = TcpStream::from_std(socket).expect("a socket");
            let second = Arc::new(second);
            let answer = move |request| faults.clone().answer(service.clone(), Arc::clone(&second), request);
            tokio::spawn(async move {
                // A client that goes away is no failure of the store.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), service_fn(answer))
                    .await;
            });
        }
    });
}

/// `s3s-fs` keeps what it refuses for its checksum. It copies and deletes an object before its headers, and stops halfway when the
/// client goes away; so it goes to the end here, and nobody looks meanwhile.
struct Disk {
    root: PathBuf,
    files: Arc<FileSystem>,
    conditions: Conditions,
    changing: Arc<RwLock<()>>,
}

#[async_trait::async_trait]
impl S3 for Disk {
    async fn put_object(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        if self.conditions == Conditions::Ignored {
            request.input.if_none_match = None;
            return self.files.put_object(request).await;
        }
        all_signed(&request)?;
        let object = self.root.join(&request.input.bucket).join(&request.input.key);
        let put = self.files.put_object(request).await;
        if put.as_ref().is_err_and(|error| *error.code() == S3ErrorCode::BadDigest) {
            std::fs::remove_file(object).expect("what was refused goes");
        }
        put
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let _whole = self.changing.read().await;
        self.files.get_object(request).await
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let _whole = self.changing.read().await;
        self.files.head_object(request).await
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.files.head_bucket(request).await
    }

    async fn copy_object(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        if self.conditions != Conditions::Ignored {
            all_signed(&request)?;
        }
        let is_conditional = request.headers.contains_key("if-none-match");
        if is_conditional && self.conditions == Conditions::NoConditionalCopies {
            return Err(s3_error!(NotImplemented, "a copy takes no If-None-Match"));
        }
        let keeps = is_conditional && self.conditions == Conditions::Kept;
        let target = self.root.join(&request.input.bucket).join(&request.input.key);
        let (files, changing) = (Arc::clone(&self.files), Arc::clone(&self.changing));
        let copy = tokio::spawn(async move {
            let _alone = changing.write().await;
            if keeps && target.exists() {
                return Err(s3_error!(PreconditionFailed, "the object exists"));
            }
            files.copy_object(request).await
        });
        copy.await.expect("it copies")
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let (files, changing) = (Arc::clone(&self.files), Arc::clone(&self.changing));
        let deletion = tokio::spawn(async move {
            let _alone = changing.write().await;
            files.delete_object(request).await
        });
        deletion.await.expect("it deletes")
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.files.list_objects_v2(request).await
    }
}

/// Refuses an `x-amz-` header that a signed address does not name.
fn all_signed<T>(request: &S3Request<T>) -> S3Result<()> {
    let Some(query) = request.uri.query().filter(|query| query.contains("X-Amz-SignedHeaders=")) else {
        return Ok(());
    };
    let signed =
        query.split('&').find_map(|pair| pair.strip_prefix("X-Amz-SignedHeaders=")).unwrap_or_default();
    let is_signed = |name: &str| signed.split("%3B").any(|signed| signed == name);
    let foreign = |name: &&str| name.starts_with("x-amz-") && !is_signed(name);
    match request.headers.keys().map(http::HeaderName::as_str).find(foreign) {
        Some(name) => Err(s3s::s3_error!(AccessDenied, "{name} is not signed")),
        None => Ok(()),
    }
}
