//! The settings of object stores, as Teable names them.

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

use super::{Contradiction, Settings, StorageProvider};
use crate::storage::s3::{AddressStyle, CredentialSource, Endpoint, S3Config};

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

impl Settings {
    /// What must be known of the object store, if there is one.
    pub fn object_store(&self) -> Result<Option<S3Config>, Contradiction> {
        let mut config = match self.storage_provider {
            StorageProvider::Local => return Ok(None),
            StorageProvider::S3 => self.s3.config()?,
            StorageProvider::Minio => self.minio.config()?,
        };
        config.public_url.clone_from(&self.storage_public_url);
        config.guard = self.storage_overwrite_guard;
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
