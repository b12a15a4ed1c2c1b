//! The composition root: the only place that names every layer. `serve` and the tests start the same application here.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use actix_web::rt::task::JoinHandle;
use tokio::net::{TcpListener, TcpSocket};
use uuid::Uuid;

use crate::audit::AuditLog;
use crate::config::{
    Contradiction, DataSettings, Interval, RegistryPlace, Settings, StorageProvider, StorageSettings,
};
use crate::descriptors;
use crate::domain::Buckets;
use crate::http::metrics::MetricsServer;
use crate::http::{
    self, AllowedOrigins, Backend, InvalidOrigins, Limits, Listening, Observers, Proxies, Timeouts,
};
use crate::metrics::{Build, MeasuredRegistry, MeasuredStore, Metrics};
use crate::registry::postgres::PostgresRegistry;
use crate::registry::sqlite::{SqliteRegistry, UnusableFile};
use crate::registry::{Registry, RegistryError};
use crate::service::collect::{Finding, Interrupted, Mismatch, Tally, Verdict, belong_together, collect};
use crate::service::{PublicOrigin, Service};
use crate::storage::ObjectStore;
use crate::storage::local::{DISK_TIMEOUT, LocalOptions, LocalStore, UnusableFolder};
use crate::storage::s3::{S3Store, UnusableStore};
use crate::token::{InvalidKeys, Keyring};

/// How long a service that starts waits for a database and for an object store that start too.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// How many connections wait to be accepted.
const BACKLOG: u32 = 1024;

/// The application, ready to be run.
pub struct Application {
    /// The server.
    pub listening: Listening,
    /// Where clients reach it.
    pub origin: PublicOrigin,
    /// The registry, to look into and to close.
    pub registry: Arc<dyn Registry>,
    /// What cleans up in the background, if that is wanted.
    pub collector: Option<Collector>,
    /// The server of the metrics, if that is wanted.
    pub metrics: Option<MetricsServer>,
    /// The audit log, if that is wanted.
    pub audit: Option<AuditLog>,
}

/// Why the application cannot start. Each is one sentence for whoever started it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings contradict each other.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
    /// `CORS_ALLOWED_ORIGINS` cannot be read.
    #[error(transparent)]
    Origins(#[from] InvalidOrigins),
    /// `SIGNING_KEYS` cannot be read.
    #[error("SIGNING_KEYS: {0}")]
    Keys(InvalidKeys),
    /// The file of the signing key cannot be read.
    #[error("{} is damaged; restore it, for a new key would end every token that was given out", path.display())]
    KeyFile {
        /// Where it is.
        path: PathBuf,
    },
    /// A file or folder cannot be made or read.
    #[error("cannot use {}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No random key can be made.
    #[error("the operating system gives no random bytes for a signing key")]
    Random(#[source] getrandom::Error),
    /// The folder of the files cannot be used.
    #[error(transparent)]
    Storage(#[from] UnusableFolder),
    /// The object store cannot be used.
    #[error(transparent)]
    ObjectStore(#[from] UnusableStore),
    /// The store and the registry do not belong together.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The registry's file cannot be used.
    #[error(transparent)]
    Registry(#[from] UnusableFile),
    /// The registry's database cannot be used.
    #[error("cannot use the database {database}")]
    Database {
        /// Where it is, without the password.
        database: String,
        /// Why.
        #[source]
        source: RegistryError,
    },
    /// The audit log cannot be written to.
    #[error("AUDIT_LOG cannot be written to")]
    Audit(#[source] io::Error),
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which address.
        address: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Application {
    /// Puts the layers together as `settings` say, and listens.
    pub async fn start(settings: &Settings) -> Result<Self, StartError> {
        let origins = AllowedOrigins::parse(&settings.cors_allowed_origins)?;
        let address = format!("{}:{}", bracketed(settings), settings.port);
        let listen = |source| StartError::Listen { address: address.clone(), source };
        let socket = bind((settings.host, settings.port).into()).map_err(listen)?;
        let origin = match &settings.public_origin {
            Some(origin) => origin.clone(),
            None => listened(settings, socket.local_addr().map_err(listen)?.port()),
        };
        let policy = settings.policy(origin.clone())?;

        // A node with everything elsewhere needs no folder, and may have none that it can write to.
        if settings.signing_keys.is_none() || settings.storage.provider == StorageProvider::Local {
            make_folder(&settings.data.path)?;
        }
        let keys = keys(settings)?;
        let metrics = Arc::new(Metrics::new(build(settings)));
        let audit = match &settings.observation.audit.audit_log {
            None => None,
            Some(place) => Some(AuditLog::start(place, &metrics).map_err(StartError::Audit)?),
        };
        // Prometheus may look while the start waits for a store or a database.
        let metrics_server = serve_metrics(settings, &metrics)?;
        let (store, store_origins) = open_store(settings, policy.buckets.clone()).await?;
        let store: Arc<dyn ObjectStore> = Arc::new(MeasuredStore::new(store, &metrics));
        let registry = open_registry(&settings.data, RegistryTimeouts::SERVICE).await?;
        let registry: Arc<dyn Registry> = Arc::new(MeasuredRegistry::new(registry, &metrics));
        let deadline = Instant::now() + START_PATIENCE;
        while let Err(error) = belong_together(store.as_ref(), registry.as_ref()).await {
            let may_pass = matches!(error, Mismatch::Store(_) | Mismatch::Registry(_));
            if !may_pass || Instant::now() > deadline {
                return Err(error.into());
            }
            tracing::warn!(cause = crate::telemetry::causes(&error), "cannot start yet; trying again");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let collector = match settings.collection.gc_interval {
            Interval::Off => None,
            Interval::Every(interval) => {
                let age = settings.collection.gc_older_than;
                let gc = Gc { interval, age, metrics: metrics.clone() };
                Some(Collector::start(store.clone(), registry.clone(), gc))
            }
        };
        let service =
            Service::new(policy, keys, store.clone(), registry.clone(), SystemTime::now, metrics.clone());
        let backend = Backend {
            port: Arc::new(service),
            store,
            store_origins,
            registry: registry.clone(),
            origin: origin.clone(),
            observers: Observers {
                metrics,
                audit: audit.clone(),
                traces: settings.observation.traces.wanted(),
            },
        };
        let listener = socket.listen(BACKLOG).and_then(TcpListener::into_std).map_err(listen)?;
        let listening = http::serve(listener, backend, origins, limits(settings), settings.shutdown_timeout)
            .map_err(listen)?;
        Ok(Self { listening, origin, registry, collector, metrics: metrics_server, audit })
    }
}

/// What the server holds clients to.
fn limits(settings: &Settings) -> Limits {
    let limits = &settings.limits;
    Limits {
        timeouts: Timeouts {
            header: limits.header_timeout,
            keep_alive: limits.keep_alive_timeout,
            pace: limits.pace(),
        },
        connections: descriptors::for_connections(limits.max_connections.get()),
        json_body: limits.max_json_body,
        address_rate: limits.rate_limit_per_address,
        proxies: Proxies { networks: limits.trusted_proxies.clone(), header: limits.trusted_proxy_header },
    }
}

/// A socket that has the address and refuses connections: a client that was let in would wait for as long as the start takes.
fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
    // What a process before this one has left in `TIME_WAIT` is not in the way.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// How to clean up in the background.
struct Gc {
    interval: Duration,
    age: Duration,
    metrics: Arc<Metrics>,
}

/// Cleans up in the background, as long as it lives.
pub struct Collector(JoinHandle<()>);

impl Collector {
    fn start(store: Arc<dyn ObjectStore>, registry: Arc<dyn Registry>, gc: Gc) -> Self {
        Self(actix_web::rt::spawn(async move {
            loop {
                tokio::time::sleep(gc.interval).await;
                if let Err(error) = collect_once(store.as_ref(), registry.as_ref(), &gc).await {
                    gc.metrics.gc.interrupted();
                    tracing::warn!(cause = crate::telemetry::causes(&error), "the clean-up was interrupted");
                }
            }
        }))
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Cleans up, unless another node does, or has.
async fn collect_once(store: &dyn ObjectStore, registry: &dyn Registry, gc: &Gc) -> Result<(), Interrupted> {
    let Some(_lock) = registry.collector().await? else { return Ok(()) };
    // The clock of a node may be wrong, and all nodes go by what is written here.
    let (begun, now) = (Instant::now(), registry.now().await?);
    // Another node may have done it a moment ago: of all nodes one does it in each interval.
    if !registry.begin_collection(now - gc.interval / 2, now).await? {
        return Ok(());
    }
    let hear = |finding| {
        if let Finding::Missing(key) = finding {
            tracing::error!(path = key.path(), "the bytes of a stored file are gone");
        }
    };
    let tally = collect(store, registry, Verdict::Remove, now - gc.age, now, &hear).await?;
    gc.metrics.gc.done(&tally, begun.elapsed(), SystemTime::now());
    let Tally { listed, claimed, abandoned, removed, failed, missing, foreign } = tally;
    tracing::info!(listed, claimed, abandoned, removed, failed, missing, foreign, "cleaned up");
    Ok(())
}

/// What the metrics say of the process.
fn build(settings: &Settings) -> Build {
    let registry = match settings.data.place() {
        RegistryPlace::Folder(_) => "sqlite",
        RegistryPlace::Database(_) => "postgres",
    };
    let storage = match settings.storage.provider {
        StorageProvider::Local => "local",
        StorageProvider::S3 => "s3",
        StorageProvider::Minio => "minio",
    };
    Build { storage, registry }
}

/// The server of the metrics, if the settings want it.
fn serve_metrics(settings: &Settings, metrics: &Arc<Metrics>) -> Result<Option<MetricsServer>, StartError> {
    let Some(address) = settings.observation.metrics_address else { return Ok(None) };
    let listen = |source| StartError::Listen { address: address.to_string(), source };
    let listener = bind(address).and_then(|socket| socket.listen(BACKLOG)?.into_std()).map_err(listen)?;
    MetricsServer::start(listener, metrics.clone()).map(Some).map_err(listen)
}

/// The store of the settings, and the origins at which clients meet it, if they do.
async fn open_store(
    settings: &Settings,
    buckets: Buckets,
) -> Result<(Arc<dyn ObjectStore>, Vec<String>), StartError> {
    let Some(config) = settings.storage.object_store()? else {
        let folder = settings.storage.files(&settings.data);
        let store = LocalStore::open(&folder, buckets, &local_options(settings))?;
        return Ok((Arc::new(store), Vec::new()));
    };
    let store = S3Store::open(config, buckets, START_PATIENCE).await?;
    let origins = store.origins();
    Ok((Arc::new(store), origins))
}

fn local_options(settings: &Settings) -> LocalOptions {
    let limits = &settings.limits;
    LocalOptions {
        durability: settings.storage.local_durability,
        access: settings.storage.local_access,
        min_free: limits.min_free_disk,
        max_uploads: usize::try_from(limits.max_parallel_uploads.get()).unwrap_or(usize::MAX),
        disk_timeout: DISK_TIMEOUT,
    }
}

/// The store of the settings, to look and to remove beside the nodes that serve it.
pub async fn beside_store(
    storage: &StorageSettings,
    data: &DataSettings,
) -> Result<Arc<dyn ObjectStore>, StartError> {
    let buckets = storage.buckets()?;
    match storage.object_store()? {
        None => Ok(Arc::new(LocalStore::beside(&storage.files(data), buckets))),
        Some(config) => Ok(Arc::new(S3Store::connect(config, buckets).await?)),
    }
}

/// Timeouts of whoever uses the registry.
#[derive(Clone, Copy, Debug)]
pub struct RegistryTimeouts {
    /// Time for which a PostgreSQL database that cannot be used is tried again.
    connect: Duration,
    /// Timeout of a write to an SQLite file, with the time for which other processes keep it
    /// locked.
    write: Duration,
}

impl RegistryTimeouts {
    /// A service waits for a database that starts too, and tells its clients soon that it cannot
    /// write.
    const SERVICE: Self = Self { connect: START_PATIENCE, write: Duration::from_secs(3) };

    /// A command tells its user at once that a database cannot be used. It waits for the lock of a
    /// busy service, whose next writer is often faster.
    pub const COMMAND: Self = Self { connect: Duration::ZERO, write: Duration::from_secs(30) };
}

/// The registry that `data` names, which is made if it is not there.
pub async fn open_registry(
    data: &DataSettings,
    timeouts: RegistryTimeouts,
) -> Result<Arc<dyn Registry>, StartError> {
    match data.place() {
        RegistryPlace::Folder(folder) => {
            make_folder(folder)?;
            Ok(Arc::new(SqliteRegistry::open(&data.registry(), timeouts.write).await?))
        }
        RegistryPlace::Database(url) => {
            match PostgresRegistry::open(url, data.database_max_connections, timeouts.connect).await {
                Ok(registry) => Ok(Arc::new(registry)),
                Err(source) => Err(StartError::Database { database: url.to_string(), source }),
            }
        }
    }
}

/// Makes the data folder, for this user alone: it holds the signing key and the registry.
fn make_folder(path: &Path) -> Result<(), StartError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| StartError::Folder { path: path.to_owned(), source })
}

/// The keys of the settings, or else the one in the data folder, which is made at the first start.
fn keys(settings: &Settings) -> Result<Keyring, StartError> {
    if let Some(keys) = &settings.signing_keys {
        return Keyring::parse(keys).map_err(StartError::Keys);
    }
    let path = settings.data.signing_key();
    let unusable = |source| StartError::Folder { path: path.clone(), source };
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create_key(&path, &Keyring::generate().map_err(StartError::Random)?).map_err(unusable)?;
            fs::read_to_string(&path).map_err(unusable)?
        }
        read => read.map_err(unusable)?,
    };
    Keyring::parse(&text).map_err(|_| StartError::KeyFile { path })
}

/// Creates the file of the signing key, which only this user can read, unless another process that
/// starts creates it first. The name appears when the file is complete: it is a link, which never
/// replaces a file.
fn create_key(path: &Path, key: &str) -> io::Result<()> {
    let unfinished = path.with_extension(format!("{}.new", Uuid::now_v7().simple()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    let linked = writeln!(file, "{key}").and_then(|()| file.sync_all()).and_then(|()| {
        match fs::hard_link(&unfinished, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    });
    fs::remove_file(&unfinished)?;
    linked?;
    path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
}

fn bracketed(settings: &Settings) -> String {
    if settings.host.is_ipv6() { format!("[{}]", settings.host) } else { settings.host.to_string() }
}

/// The address listened on, as an address to go to.
fn listened(settings: &Settings, port: u16) -> PublicOrigin {
    let host = if settings.host.is_unspecified() { "localhost".to_owned() } else { bracketed(settings) };
    PublicOrigin::http(&host, port)
}
