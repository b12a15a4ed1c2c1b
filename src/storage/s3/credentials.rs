//! With whose rights the store is asked. They are looked for in the background and renewed before they end, so that signing never waits.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use reqsign_aws_v4::{Credential, DefaultCredentialProvider};
use reqsign_core::{Context, OsEnv, ProvideCredential, SigningCredential};
use reqsign_file_read_tokio::TokioFileRead;
use reqsign_http_send_reqwest::ReqwestHttpSend;
use tokio::task::JoinHandle;

use super::presign::Presigner;
use super::request::Failure;

/// How long before their end credentials are renewed. Those that live shortly are renewed in the middle of their life.
const EARLY: Duration = Duration::from_mins(5);

/// After how long a failed renewal is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// How long a search for credentials may take: the chain may ask the instance's metadata, which nobody answers elsewhere.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where credentials come from.
#[derive(Clone)]
pub enum CredentialSource {
    /// From the settings.
    Static {
        /// The id of the key.
        access_key: String,
        /// The key.
        secret_key: String,
    },
    /// From where Amazon's own tools take them: the environment, a profile, a web identity, the container's or the instance's metadata.
    Chain,
}

impl std::fmt::Debug for CredentialSource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Static { access_key, .. } => write!(formatter, "Static({access_key})"),
            Self::Chain => formatter.write_str("Chain"),
        }
    }
}

/// What is known of credentials now.
pub(super) struct Credentials {
    current: Arc<RwLock<Arc<Current>>>,
    renewal: Option<JoinHandle<()>>,
}

/// Credentials, and who signs with them.
pub(super) struct Current {
    pub(super) credential: Credential,
    pub(super) presigner: Presigner,
    /// Until when what they sign is taken.
    pub(super) valid_until: Option<SystemTime>,
}

impl Current {
    fn new(credential: Credential, region: &str) -> Arc<Self> {
        let presigner = Presigner::new(
            &credential.access_key_id,
            &credential.secret_access_key,
            credential.session_token.as_deref(),
            region,
        );
        let valid_until = credential.expires_in.map(reqsign_core::time::Timestamp::as_system_time);
        Arc::new(Self { credential, presigner, valid_until })
    }

    /// After how long they are to be renewed, if ever.
    fn renew_after(&self, now: SystemTime) -> Option<Duration> {
        let left = self.valid_until?.duration_since(now).unwrap_or_default();
        Some(left.saturating_sub(EARLY).max(left / 2))
    }
}

impl Credentials {
    /// The credentials of `source`, which are kept fresh as long as this lives.
    pub(super) async fn find(
        source: &CredentialSource,
        region: &str,
        http: &reqwest::Client,
    ) -> Result<Self, Failure> {
        let provider = match source {
            CredentialSource::Static { access_key, secret_key } => {
                let credential = Credential {
                    access_key_id: access_key.clone(),
                    secret_access_key: secret_key.clone(),
                    session_token: None,
                    expires_in: None,
                };
                let current = Arc::new(RwLock::new(Current::new(credential, region)));
                return Ok(Self { current, renewal: None });
            }
            CredentialSource::Chain => DefaultCredentialProvider::new(),
        };
        let context = Context::new()
            .with_env(OsEnv)
            .with_file_read(TokioFileRead)
            .with_http_send(ReqwestHttpSend::new(http.clone()));
        let first = Current::new(search(&provider, &context).await?, region);
        let current = Arc::new(RwLock::new(first));
        let renewal = renew(provider, context, region.to_owned(), Arc::clone(&current));
        Ok(Self { current, renewal: Some(tokio::spawn(renewal)) })
    }

    /// What is valid at `now`.
    pub(super) fn at(&self, now: SystemTime) -> Result<Arc<Current>, Failure> {
        let current = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        if current.valid_until.is_some_and(|end| end <= now) {
            return Err(Failure::CredentialsExpired);
        }
        Ok(current)
    }
}

impl Drop for Credentials {
    fn drop(&mut self) {
        if let Some(renewal) = &self.renewal {
            renewal.abort();
        }
    }
}

async fn search(provider: &DefaultCredentialProvider, context: &Context) -> Result<Credential, Failure> {
    let found = tokio::time::timeout(PATIENCE, provider.provide_credential(context)).await;
    let found = found.map_err(|_| Failure::Slow)?.map_err(Failure::Credentials)?;
    found.filter(SigningCredential::is_valid).ok_or(Failure::NoCredentials)
}

/// Renews what has an end, for good.
async fn renew(
    provider: DefaultCredentialProvider,
    context: Context,
    region: String,
    current: Arc<RwLock<Arc<Current>>>,
) {
    loop {
        let held = Arc::clone(&current.read().unwrap_or_else(PoisonError::into_inner));
        let Some(wait) = held.renew_after(SystemTime::now()) else { return };
        tokio::time::sleep(wait.max(AGAIN_AFTER)).await;
        match search(&provider, &context).await {
            Ok(credential) => {
                let fresh = Current::new(credential, &region);
                *current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
                tracing::debug!("the object store's credentials are renewed");
            }
            Err(error) => {
                tracing::warn!(
                    cause = crate::telemetry::causes(&error),
                    "the object store's credentials cannot be renewed"
                );
            }
        }
    }
}
