//! The settings of where the bytes are, as Teable names them.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, ValueEnum};

use super::{Contradiction, DataSettings};
use crate::domain::Buckets;
use crate::storage::local::{Access, Durability};
use crate::storage::s3::{AddressStyle, CredentialSource, Endpoint, OverwriteGuard, S3Config};

/// Where the bytes are kept.
#[derive(Args, Clone, Debug)]
pub struct StorageSettings {
    /// Where the bytes are kept
    #[arg(long = "storage-provider", env = "BACKEND_STORAGE_PROVIDER", value_enum, default_value_t = StorageProvider::Local, value_name = "PROVIDER")]
    pub provider: StorageProvider,

    /// Folder of the files; `files` in the data folder if not given
    #[arg(long = "storage-local-path", env = "BACKEND_STORAGE_LOCAL_PATH", value_name = "FOLDER")]
    pub local_path: Option<PathBuf>,

    /// When an upload counts as stored; for `local`
    #[arg(long = "storage-local-durability", env = "BACKEND_STORAGE_LOCAL_DURABILITY", value_enum, default_value_t = Durability::Full, value_name = "DURABILITY")]
    pub local_durability: Durability,

    /// Users of the machine who may read the files: `owner` for the service's user alone, `group`
    /// for the group of the folder too; for `local`
    #[arg(long = "storage-local-access", env = "BACKEND_STORAGE_LOCAL_ACCESS", value_enum, default_value_t = Access::Owner, value_name = "ACCESS")]
    pub local_access: Access,

    /// Name of the bucket that is read without a token
    #[arg(long = "storage-public-bucket", env = "BACKEND_STORAGE_PUBLIC_BUCKET", default_value = "public", value_name = "NAME", value_parser = bucket)]
    pub public_bucket: String,

    /// Name of the bucket that is read with a token
    #[arg(long = "storage-private-bucket", env = "BACKEND_STORAGE_PRIVATE_BUCKET", default_value = "private", value_name = "NAME", value_parser = bucket)]
    pub private_bucket: String,

    /// Where everybody reads the public bucket, such as `https://cdn.example.com`; for `s3` and `minio`, whose read addresses
    /// are signed if not given
    #[arg(long = "storage-public-url", env = "BACKEND_STORAGE_PUBLIC_URL", value_name = "URL", value_parser = public_url)]
    pub public_url: Option<String>,

    /// What keeps stored objects from being changed; for `s3` and `minio`, where it is tried out if not given
    #[arg(
        long = "storage-overwrite-guard",
        env = "BACKEND_STORAGE_OVERWRITE_GUARD",
        value_enum,
        value_name = "GUARD"
    )]
    pub overwrite_guard: Option<OverwriteGuard>,

    /// For `s3`
    #[command(flatten)]
    pub s3: S3Settings,

    /// For `minio`
    #[command(flatten)]
    pub minio: MinioSettings,
}

/// A place for bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StorageProvider {
    /// A folder of this machine
    Local,
    /// Amazon S3, or a store that speaks its API
    S3,
    /// MinIO
    Minio,
}

/// Amazon S3, or a store that speaks its API.
#[derive(Args, Clone)]
pub struct S3Settings {
    /// Region of the buckets; for `s3`
    #[arg(
        long = "storage-s3-region",
        env = "BACKEND_STORAGE_S3_REGION",
        default_value = "us-east-1",
        value_name = "REGION"
    )]
    pub s3_region: String,

    /// Where clients reach the store, such as `https://s3.example.com`; for `s3`, Amazon's of the region if not given
    #[arg(long = "storage-s3-endpoint", env = "BACKEND_STORAGE_S3_ENDPOINT", value_name = "URL")]
    pub s3_endpoint: Option<Endpoint>,

    /// Where this service reaches the store; for `s3`, as clients do if not given
    #[arg(
        long = "storage-s3-internal-endpoint",
        env = "BACKEND_STORAGE_S3_INTERNAL_ENDPOINT",
        value_name = "URL"
    )]
    pub s3_internal_endpoint: Option<Endpoint>,

    /// Id of the key to the store; for `s3`. If not given, credentials are looked for where Amazon's tools do: environment, profile, web
    /// identity, metadata of the container or the instance
    #[arg(
        long = "storage-s3-access-key",
        env = "BACKEND_STORAGE_S3_ACCESS_KEY",
        value_name = "ID",
        hide_env_values = true
    )]
    pub s3_access_key: Option<String>,

    /// Key to the store; for `s3`
    #[arg(
        long = "storage-s3-secret-key",
        env = "BACKEND_STORAGE_S3_SECRET_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    pub s3_secret_key: Option<String>,

    /// Whether buckets stand in the path of an address, and not in its host; for `s3`
    #[arg(long = "storage-s3-force-path-style", env = "BACKEND_STORAGE_S3_FORCE_PATH_STYLE", default_value = "false", value_name = "BOOL", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub s3_force_path_style: bool,
}

/// MinIO, whose buckets stand in the path.
#[derive(Args, Clone)]
pub struct MinioSettings {
    /// Host at which clients reach the store; for `minio`
    #[arg(long = "storage-minio-endpoint", env = "BACKEND_STORAGE_MINIO_ENDPOINT", value_name = "HOST")]
    pub minio_endpoint: Option<String>,

    /// Host at which this service reaches the store, by http; for `minio`, as clients do if not given
    #[arg(
        long = "storage-minio-internal-endpoint",
        env = "BACKEND_STORAGE_MINIO_INTERNAL_ENDPOINT",
        value_name = "HOST"
    )]
    pub minio_internal_endpoint: Option<String>,

    /// Port at which clients reach the store; for `minio`
    #[arg(
        long = "storage-minio-port",
        env = "BACKEND_STORAGE_MINIO_PORT",
        default_value_t = 9000,
        value_name = "PORT"
    )]
    pub minio_port: u16,

    /// Port at which this service reaches the store, where it has a host of its own for that; for `minio`
    #[arg(
        long = "storage-minio-internal-port",
        env = "BACKEND_STORAGE_MINIO_INTERNAL_PORT",
        default_value_t = 9000,
        value_name = "PORT"
    )]
    pub minio_internal_port: u16,

    /// Whether clients reach the store by https; for `minio`
    #[arg(long = "storage-minio-use-ssl", env = "BACKEND_STORAGE_MINIO_USE_SSL", default_value = "false", value_name = "BOOL", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub minio_use_ssl: bool,

    /// Id of the key to the store; for `minio`
    #[arg(
        long = "storage-minio-access-key",
        env = "BACKEND_STORAGE_MINIO_ACCESS_KEY",
        value_name = "ID",
        hide_env_values = true
    )]
    pub minio_access_key: Option<String>,

    /// Key to the store; for `minio`
    #[arg(
        long = "storage-minio-secret-key",
        env = "BACKEND_STORAGE_MINIO_SECRET_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    pub minio_secret_key: Option<String>,

    /// Region of the buckets; for `minio`
    #[arg(
        long = "storage-minio-region",
        env = "BACKEND_STORAGE_MINIO_REGION",
        default_value = "us-east-1",
        value_name = "REGION"
    )]
    pub minio_region: String,
}

impl StorageSettings {
    /// The names of the buckets.
    pub fn buckets(&self) -> Result<Buckets, Contradiction> {
        if self.public_bucket == self.private_bucket {
            return Err(Contradiction::OneBucket(self.public_bucket.clone()));
        }
        Ok(Buckets { public: self.public_bucket.clone(), private: self.private_bucket.clone() })
    }

    /// The folder of the files, if they are in one.
    #[must_use]
    pub fn files(&self, data: &DataSettings) -> PathBuf {
        self.local_path.clone().unwrap_or_else(|| data.files())
    }

    /// Where the files are, for people.
    #[must_use]
    pub fn place(&self, data: &DataSettings) -> String {
        match self.object_store() {
            Ok(Some(S3Config { endpoint, .. })) => {
                format!("{endpoint}, in the buckets {} and {}", self.public_bucket, self.private_bucket)
            }
            _ => self.files(data).display().to_string(),
        }
    }

    /// What must be known of the object store, if there is one.
    pub fn object_store(&self) -> Result<Option<S3Config>, Contradiction> {
        let mut config = match self.provider {
            StorageProvider::Local => return Ok(None),
            StorageProvider::S3 => self.s3.config()?,
            StorageProvider::Minio => self.minio.config()?,
        };
        config.public_url.clone_from(&self.public_url);
        config.guard = self.overwrite_guard;
        Ok(Some(config))
    }
}

impl S3Settings {
    fn config(&self) -> Result<S3Config, Contradiction> {
        let endpoint = self.s3_endpoint.clone().unwrap_or_else(|| Endpoint::amazon(&self.s3_region));
        let keys = (&self.s3_access_key, &self.s3_secret_key);
        Ok(S3Config {
            region: self.s3_region.clone(),
            internal_endpoint: self.s3_internal_endpoint.clone().unwrap_or_else(|| endpoint.clone()),
            endpoint,
            style: if self.s3_force_path_style { AddressStyle::Path } else { AddressStyle::VirtualHost },
            credentials: key_pair("BACKEND_STORAGE_S3", keys)?.unwrap_or(CredentialSource::Chain),
            public_url: None,
            guard: None,
        })
    }
}

impl MinioSettings {
    fn config(&self) -> Result<S3Config, Contradiction> {
        let missing = |setting| Contradiction::Missing { provider: "minio", setting };
        let host = self.minio_endpoint.as_deref().ok_or(missing("BACKEND_STORAGE_MINIO_ENDPOINT"))?;
        let keys = (&self.minio_access_key, &self.minio_secret_key);
        let credentials = key_pair("BACKEND_STORAGE_MINIO", keys)?;
        let scheme = if self.minio_use_ssl { "https" } else { "http" };
        let endpoint = address("BACKEND_STORAGE_MINIO_ENDPOINT", scheme, host, self.minio_port)?;
        let internal_endpoint = match &self.minio_internal_endpoint {
            None => endpoint.clone(),
            // Inside a cluster, as Teable does it.
            Some(host) => {
                let setting = "BACKEND_STORAGE_MINIO_INTERNAL_ENDPOINT";
                address(setting, "http", host, self.minio_internal_port)?
            }
        };
        Ok(S3Config {
            region: self.minio_region.clone(),
            endpoint,
            internal_endpoint,
            style: AddressStyle::Path,
            credentials: credentials.ok_or(missing("BACKEND_STORAGE_MINIO_ACCESS_KEY"))?,
            public_url: None,
            guard: None,
        })
    }
}

fn address(setting: &'static str, scheme: &str, host: &str, port: u16) -> Result<Endpoint, Contradiction> {
    format!("{scheme}://{host}:{port}").parse().map_err(|_| Contradiction::NoEndpoint(setting))
}

/// Both keys, or none.
fn key_pair(
    prefix: &'static str,
    keys: (&Option<String>, &Option<String>),
) -> Result<Option<CredentialSource>, Contradiction> {
    match keys {
        (None, None) => Ok(None),
        (Some(access_key), Some(secret_key)) => Ok(Some(CredentialSource::Static {
            access_key: access_key.clone(),
            secret_key: secret_key.clone(),
        })),
        (None, Some(_)) => Err(Contradiction::HalfAKeyPair { prefix, missing: "the id" }),
        (Some(_), None) => Err(Contradiction::HalfAKeyPair { prefix, missing: "the key" }),
    }
}

/// Secrets stay out of logs.
macro_rules! hidden {
    ($($settings:ident)*) => {$(
        impl std::fmt::Debug for $settings {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.debug_struct(stringify!($settings)).finish_non_exhaustive()
            }
        }
    )*};
}

hidden!(S3Settings MinioSettings);

fn public_url(text: &str) -> Result<String, &'static str> {
    let url = reqwest::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    match url {
        Some(url) if url.query().is_none() && url.fragment().is_none() => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("must be an address such as https://cdn.example.com, with a path or without"),
    }
}

/// A bucket's name becomes a folder and a part of addresses.
fn bucket(text: &str) -> Result<String, &'static str> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !text.is_empty() && text.len() <= 63 && text.bytes().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("a bucket's name has 1 to 63 lower-case letters, digits and hyphens")
    }
}
