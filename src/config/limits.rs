//! How much of the service one client, one base or all clients together may take.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use clap::Args;

use super::Contradiction;
use crate::api::attachments::signature::CONTENT_LENGTH_MAX;
use crate::api::json::BODY_MAX;
use crate::http::{ProxyHeader, ProxyNetwork};
use crate::service::pace::Pace;
use crate::service::rate::Rate;

/// The limits.
#[derive(Args, Clone, Debug)]
pub struct LimitSettings {
    /// The most bytes of one file; the contract allows 5368709120
    #[arg(
        long,
        env = "MAX_ATTACHMENT_UPLOAD_SIZE",
        default_value_t = CONTENT_LENGTH_MAX,
        value_name = "BYTES"
    )]
    pub max_attachment_upload_size: u64,

    /// The most bytes of a JSON body, from 1024 to 16384
    #[arg(long, env = "MAX_JSON_BODY", default_value_t = JSON_BODY_MAX, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1024..=i64::from(JSON_BODY_MAX)))]
    pub max_json_body: u32,

    /// How long a client may take to send the headers of a request
    #[arg(long, env = "HEADER_TIMEOUT", default_value = "10s", value_name = "DURATION", value_parser = wait)]
    pub header_timeout: Duration,

    /// How long a connection may wait for its next request; longer than that of a proxy in front
    #[arg(long, env = "KEEP_ALIVE_TIMEOUT", default_value = "75s", value_name = "DURATION", value_parser = wait)]
    pub keep_alive_timeout: Duration,

    /// How long a client may send nothing of a body, or take nothing of an answer; a JSON body must be whole by then
    #[arg(long, env = "TRANSFER_IDLE_TIMEOUT", default_value = "30s", value_name = "DURATION", value_parser = wait)]
    pub transfer_idle_timeout: Duration,

    /// How many bytes a second a client must send or take on the whole, once it was waited for as long as that; 0 for no limit
    #[arg(long, env = "TRANSFER_MIN_RATE", default_value = "1024", value_name = "BYTES")]
    pub transfer_min_rate: u64,

    /// The most connections at once; more are told 503
    #[arg(long, env = "MAX_CONNECTIONS", default_value = "8192", value_name = "NUMBER")]
    pub max_connections: NonZeroU32,

    /// The most uploads through this service at once, of which each takes 512 KiB of memory; more are told 503
    #[arg(long, env = "MAX_PARALLEL_UPLOADS", default_value = "512", value_name = "NUMBER")]
    pub max_parallel_uploads: NonZeroU32,

    /// How often one access token may be used, such as `100/s`, `6000/m` or `10000/h`; as often as it likes if not given
    #[arg(long, env = "RATE_LIMIT_PER_TOKEN", value_name = "RATE")]
    pub rate_limit_per_token: Option<Rate>,

    /// How often one address may ask without an access token, or with a wrong one; as often as it likes if not given
    #[arg(long, env = "RATE_LIMIT_PER_ADDRESS", value_name = "RATE")]
    pub rate_limit_per_address: Option<Rate>,

    /// Networks of the proxies in front, such as `10.0.0.0/8`, separated by commas: what they say of the client's address is believed
    #[arg(long, env = "TRUSTED_PROXIES", value_name = "NETWORKS", value_delimiter = ',')]
    pub trusted_proxies: Vec<ProxyNetwork>,

    /// The header in which they say it; all others are the client's own
    #[arg(
        long,
        env = "TRUSTED_PROXY_HEADER",
        value_enum,
        default_value = "x-forwarded-for",
        value_name = "HEADER"
    )]
    pub trusted_proxy_header: ProxyHeader,

    /// How many bytes of the disk of the files stay free; for `local`. 0 for no limit
    #[arg(long, env = "MIN_FREE_DISK", default_value = "268435456", value_name = "BYTES")]
    pub min_free_disk: u64,

    /// The most bytes of all files of one base; no limit if not given
    #[arg(long, env = "QUOTA_PER_BASE", value_name = "BYTES")]
    pub quota_per_base: Option<NonZeroU64>,

    /// Maximum number of files of one base, of any size; no limit if not given
    #[arg(long, env = "MAX_FILES_PER_BASE", value_name = "NUMBER")]
    pub max_files_per_base: Option<NonZeroU64>,
}

// It is 16384.
#[expect(clippy::cast_possible_truncation)]
const JSON_BODY_MAX: u32 = BODY_MAX as u32;

impl LimitSettings {
    /// The most bytes of one file.
    pub(super) fn max_size(&self) -> Result<u64, Contradiction> {
        match self.max_attachment_upload_size {
            size if size > CONTENT_LENGTH_MAX => Err(Contradiction::TooLarge(size)),
            size => Ok(size),
        }
    }

    /// How slow a client may be.
    #[must_use]
    pub fn pace(&self) -> Pace {
        Pace { idle: self.transfer_idle_timeout, min_rate: self.transfer_min_rate }
    }
}

/// A time that somebody is waited for.
fn wait(text: &str) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::from_hours(1);
    match humantime::parse_duration(text) {
        Ok(wait) if wait.is_zero() || wait > LONGEST => {
            Err("must be more than nothing and at most 1h".to_owned())
        }
        Ok(wait) => Ok(wait),
        Err(error) => Err(format!("{error}; write it as 500ms, 30s or 2m")),
    }
}
