//! Every setting: its flag, its environment variable, its default, its meaning. `--help` and the table in the README come
//! from here. Rules between settings are checked at the start, not at first use.

mod limits;
mod observation;
mod storage;

use std::ffi::OsStr;
use std::fmt;
use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Args, ValueEnum};

use crate::registry::BaseQuota;
use crate::registry::postgres::DatabaseUrl;
use crate::service::{Policy, PublicOrigin};

pub use limits::LimitSettings;
pub use observation::{AuditSettings, ObservationSettings, TraceSettings};
pub use storage::{MinioSettings, S3Settings, StorageProvider, StorageSettings};

/// S3 takes no longer life in a presigned request, and the same client may meet either storage.
const LIFE_LIMIT: Duration = crate::storage::s3::LONGEST_LIFE;

/// The oldest that anything here can be, and within what dates can say.
const LONGEST_AGE: Duration = Duration::from_hours(10 * 365 * 24);

/// How to serve.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Address to listen on; `0.0.0.0` for all
    #[arg(long, env = "HOST", default_value = "127.0.0.1", value_name = "ADDRESS")]
    pub host: IpAddr,

    /// Port to listen on; 0 for any free one
    #[arg(long, env = "PORT", default_value_t = 3000)]
    pub port: u16,

    /// Where the service keeps what it knows
    #[command(flatten)]
    pub data: DataSettings,

    /// Where clients reach the service, such as `https://files.example.com`; the address listened on if not given
    #[arg(long, env = "PUBLIC_ORIGIN", value_name = "ORIGIN")]
    pub public_origin: Option<PublicOrigin>,

    /// Keys that sign tokens, in base64, separated by commas: the first signs, all verify. If not given, a random key is
    /// made at the first start and kept in the data folder; with `DATABASE_URL` they must be given
    #[arg(long, env = "SIGNING_KEYS", value_name = "KEYS", hide_env_values = true)]
    pub signing_keys: Option<String>,

    /// Origins whose pages may call the service, separated by commas; `*` for all
    #[arg(
        long,
        env = "CORS_ALLOWED_ORIGINS",
        default_value = "*",
        value_name = "ORIGINS",
        value_delimiter = ','
    )]
    pub cors_allowed_origins: Vec<String>,

    /// How much may be taken
    #[command(flatten)]
    pub limits: LimitSettings,

    /// Where the bytes are kept
    #[command(flatten)]
    pub storage: StorageSettings,

    /// What becomes of what nobody notified
    #[command(flatten)]
    pub collection: CollectionSettings,

    /// Life of an upload token for which the client asks no other, below 7 days
    #[arg(long, env = "BACKEND_STORAGE_TOKEN_EXPIRE_IN", default_value = "6d", value_name = "DURATION", value_parser = life)]
    pub storage_token_expire_in: Duration,

    /// Life of a read address, below 7 days
    #[arg(long, env = "BACKEND_STORAGE_URL_EXPIRE_IN", default_value = "6d", value_name = "DURATION", value_parser = life)]
    pub storage_url_expire_in: Duration,

    /// How long running requests may go on after a signal to stop
    #[arg(long, env = "SHUTDOWN_TIMEOUT", default_value = "60s", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub shutdown_timeout: Duration,

    /// File in which a start says where it listens and, the first time, the access token; for its
    /// owner alone, and replaced by each start. If not given, it says so on stdout
    #[arg(long, env = "WELCOME_FILE", value_name = "FILE")]
    pub welcome_file: Option<PathBuf>,

    /// What is logged, and how
    #[command(flatten)]
    pub log: LogSettings,

    /// What else an operator sees
    #[command(flatten)]
    pub observation: ObservationSettings,
}

/// What becomes of what nobody notified.
#[derive(Args, Clone, Debug)]
pub struct CollectionSettings {
    /// How often uploads that nobody notified are collected, by one of all nodes; `off` for never
    #[arg(long, env = "GC_INTERVAL", default_value = "1h", value_name = "DURATION")]
    pub gc_interval: Interval,

    /// How old such an upload is when it is collected: more than the 7 days for which an upload token may be good
    #[arg(long, env = "GC_OLDER_THAN", default_value = "8d", value_name = "DURATION", value_parser = collectable_age)]
    pub gc_older_than: Duration,
}

/// How often something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    /// Never.
    Off,
    /// Whenever so long has passed.
    Every(Duration),
}

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            _ => match humantime::parse_duration(text) {
                Ok(interval) if interval.is_zero() || interval > LONGEST_AGE => {
                    Err("write `off` for never".to_owned())
                }
                Ok(interval) => Ok(Self::Every(interval)),
                Err(error) => Err(format!("{error}; write it as 30m, 1h or off")),
            },
        }
    }
}

/// Where the service keeps what it knows.
#[derive(Args, Clone, Debug)]
pub struct DataSettings {
    /// Folder of the registry, the signing key and, if nothing else is said, the files
    #[arg(long = "data-dir", env = "DATA_DIR", default_value = "./data", value_name = "FOLDER")]
    pub path: PathBuf,

    /// PostgreSQL database of the registry, such as `postgres://user:password@db.example.com:5432/attachments`; `sslmode=` in it
    /// says how TLS is used. If not given, the registry is a file in the data folder
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true, value_parser = DatabaseUrlParser)]
    pub database_url: Option<DatabaseUrl>,

    /// The most connections to the PostgreSQL database at once
    #[arg(long, env = "DATABASE_MAX_CONNECTIONS", default_value = "10", value_name = "NUMBER")]
    pub database_max_connections: NonZeroU32,
}

/// Where the registry is.
#[derive(Clone, Copy, Debug)]
pub enum RegistryPlace<'a> {
    /// A file in this data folder, which is this node's own.
    Folder(&'a Path),
    /// A database, which other nodes may share.
    Database(&'a DatabaseUrl),
}

impl fmt::Display for RegistryPlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::Database(url) => url.fmt(f),
        }
    }
}

/// What is logged, and how.
#[derive(Args, Clone, Debug)]
pub struct LogSettings {
    /// What is logged: a level, or `tracing` directives such as `info,sqlx=debug`
    #[arg(long, env = "LOG", default_value = "info,actix_server=warn,actix_http=off", value_name = "FILTER")]
    pub log: String,

    /// How the log is written; text on a terminal and JSON elsewhere if not given
    #[arg(long, env = "LOG_FORMAT", value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// Settings that contradict each other.
#[derive(Debug, thiserror::Error)]
pub enum Contradiction {
    /// Both buckets would be one.
    #[error("the public and the private bucket must have different names; both are {0:?}")]
    OneBucket(String),
    /// One half of a key pair is missing.
    #[error("{prefix}_ACCESS_KEY and {prefix}_SECRET_KEY go together; {missing} is missing")]
    HalfAKeyPair {
        /// What both begin with.
        prefix: &'static str,
        /// The one that is not there.
        missing: &'static str,
    },
    /// A setting that the provider needs is not there.
    #[error("BACKEND_STORAGE_PROVIDER={provider} needs {setting}")]
    Missing {
        /// The provider.
        provider: &'static str,
        /// The setting.
        setting: &'static str,
    },
    /// The settings of MinIO make no address.
    #[error("{0} makes no address of a MinIO: it is a host name such as minio.example.com")]
    NoEndpoint(&'static str),
    /// The limit is beyond the contract's.
    #[error("MAX_ATTACHMENT_UPLOAD_SIZE may be at most {max}, which is the contract's limit; it is {0}", max = crate::api::attachments::signature::CONTENT_LENGTH_MAX)]
    TooLarge(u64),
    /// Nodes that share a database would each have a key of their own.
    #[error(
        "with DATABASE_URL set, SIGNING_KEYS must be set too, for all nodes on a database share them; `openssl rand -base64 32` makes a key"
    )]
    KeysNotShared,
}

impl Settings {
    /// What the use cases are to go by, when clients reach the service at `origin`.
    pub fn policy(&self, origin: PublicOrigin) -> Result<Policy, Contradiction> {
        let buckets = self.storage.buckets()?;
        let max_size = self.limits.max_size()?;
        if let (RegistryPlace::Database(_), None) = (self.data.place(), &self.signing_keys) {
            return Err(Contradiction::KeysNotShared);
        }
        Ok(Policy {
            origin,
            buckets,
            max_size,
            upload_token_life: self.storage_token_expire_in,
            read_token_life: self.storage_url_expire_in,
            pace: self.limits.pace(),
            token_rate: self.limits.rate_limit_per_token,
            base_quota: BaseQuota {
                bytes: self.limits.quota_per_base.map(NonZeroU64::get),
                files: self.limits.max_files_per_base.map(NonZeroU64::get),
            },
        })
    }
}

impl DataSettings {
    /// Where the registry is.
    #[must_use]
    pub fn place(&self) -> RegistryPlace<'_> {
        match &self.database_url {
            None => RegistryPlace::Folder(&self.path),
            Some(url) => RegistryPlace::Database(url),
        }
    }

    /// The file of the registry, if it is one.
    #[must_use]
    pub fn registry(&self) -> PathBuf {
        self.path.join("registry.sqlite")
    }

    /// The folder of the files, if nothing else is said.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.path.join("files")
    }

    /// The file of the signing key.
    #[must_use]
    pub fn signing_key(&self) -> PathBuf {
        self.path.join("signing-key")
    }
}

/// Parses a [`DatabaseUrl`]. clap would repeat what it cannot parse, and a password may be in that.
#[derive(Clone)]
struct DatabaseUrlParser;

impl TypedValueParser for DatabaseUrlParser {
    type Value = DatabaseUrl;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<DatabaseUrl, clap::Error> {
        let text = value.to_str().unwrap_or_default();
        text.parse().map_err(|error| {
            let argument = argument.map(ToString::to_string).unwrap_or_default();
            let sentence = format!("invalid value for '{argument}': {error}\n");
            clap::Error::raw(ErrorKind::ValueValidation, sentence).with_cmd(command)
        })
    }
}

fn life(text: &str) -> Result<Duration, String> {
    let life =
        humantime::parse_duration(text).map_err(|error| format!("{error}; write it as 90s, 12h or 6d"))?;
    if life.is_zero() || life >= LIFE_LIMIT {
        return Err("must be more than nothing and less than 7 days".to_owned());
    }
    Ok(life)
}

/// An age at which no upload token is good any more.
pub(crate) fn collectable_age(text: &str) -> Result<Duration, String> {
    let age = humantime::parse_duration(text).map_err(|error| format!("{error}; write it as 8d or 200h"))?;
    if age <= LIFE_LIMIT || age > LONGEST_AGE {
        return Err("must be more than 7 days, for which an upload token may be good, and at most 10 years"
            .to_owned());
    }
    Ok(age)
}
