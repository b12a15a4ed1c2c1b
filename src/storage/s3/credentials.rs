//! With whose rights the store is asked. They are looked for in the background and renewed before they end, so that signing never waits.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use reqsign_aws_v4::{
    AssumeRoleWithWebIdentityCredentialProvider, Credential, ECSCredentialProvider, EnvCredentialProvider,
    IMDSv2CredentialProvider, ProcessCredentialProvider, ProfileCredentialProvider, SSOCredentialProvider,
};
use reqsign_core::{Context, Env, OsEnv, ProvideCredentialDyn};
use reqsign_file_read_tokio::TokioFileRead;
use reqsign_http_send_reqwest::ReqwestHttpSend;
use tokio::task::JoinHandle;

use super::presign::Presigner;
use super::request::Failure;

/// How long before their end credentials are renewed. Those that live shortly are renewed in the middle of their life.
const EARLY: Duration = Duration::from_mins(5);

/// The least time between two renewals. One that fails is tried again in the middle of what is left, and then as often as this.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// How long one place may take to give credentials.
const PATIENCE: Duration = Duration::from_secs(5);

/// The place that is asked without being set, wherever we run.
const INSTANCE: &str = "the instance's metadata";

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
    fn new(mut credential: Credential, region: &str) -> Arc<Self> {
        let presigner = Presigner::new(
            &credential.access_key_id,
            &credential.secret_access_key,
            credential.session_token.as_deref(),
            region,
        );
        // The signer is not told the end: it would refuse to sign in the last seconds before it.
        let valid_until = credential.expires_in.take().map(reqsign_core::time::Timestamp::as_system_time);
        Arc::new(Self { credential, presigner, valid_until })
    }

    /// How much of `life` what is signed at `now` has: the store takes nothing after the end of the credentials.
    pub(super) fn within(&self, life: Duration, now: SystemTime) -> Duration {
        let left = self.valid_until.map(|end| end.duration_since(now).unwrap_or_default());
        left.map_or(life, |left| left.min(life))
    }

    fn is_valid(&self, now: SystemTime) -> bool {
        self.valid_until.is_none_or(|end| end > now)
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
        if let CredentialSource::Static { access_key, secret_key } = source {
            let credential = Credential {
                access_key_id: access_key.clone(),
                secret_access_key: secret_key.clone(),
                session_token: None,
                expires_in: None,
            };
            let current = Arc::new(RwLock::new(Current::new(credential, region)));
            return Ok(Self { current, renewal: None });
        }
        let context = Context::new()
            .with_env(Environment)
            .with_file_read(TokioFileRead)
            .with_http_send(ReqwestHttpSend::new(http.clone()));
        let first = search(&context, region).await.map_err(|failure| match failure {
            // All other places had nothing, and most machines have no such metadata: the operator is to set something.
            Failure::Credentials { place: INSTANCE, source } => Failure::NoCredentials(Some(source)),
            other => other,
        })?;
        let current = Arc::new(RwLock::new(first));
        let renewal = renew(context, region.to_owned(), Arc::clone(&current));
        Ok(Self { current, renewal: Some(tokio::spawn(renewal)) })
    }

    /// What is valid at `now`.
    pub(super) fn at(&self, now: SystemTime) -> Result<Arc<Current>, Failure> {
        let current = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        if current.is_valid(now) { Ok(current) } else { Err(Failure::CredentialsExpired) }
    }
}

impl Drop for Credentials {
    fn drop(&mut self) {
        if let Some(renewal) = &self.renewal {
            renewal.abort();
        }
    }
}

/// The environment, in which what is empty is not set. Compose files and charts give empty variables.
#[derive(Debug)]
struct Environment;

impl Env for Environment {
    fn var(&self, key: &str) -> Option<String> {
        OsEnv.var(key).filter(|value| !value.is_empty())
    }

    fn vars(&self) -> HashMap<String, String> {
        // What is no text has nothing for us; `OsEnv` panics there.
        let texts = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        texts.filter(|(_, value)| !value.is_empty()).collect()
    }

    fn home_dir(&self) -> Option<PathBuf> {
        OsEnv.home_dir()
    }
}

type Place = (&'static str, Box<dyn ProvideCredentialDyn<Credential = Credential>>);

/// Where credentials may be, in the order of Amazon's tools. They are made for each search: the one for the instance would keep a
/// token for hours that the metadata takes no more.
fn places() -> [Place; 7] {
    [
        ("the environment", Box::new(EnvCredentialProvider::new())),
        ("the profile", Box::new(ProfileCredentialProvider::new())),
        ("the profile's single sign-on", Box::new(SSOCredentialProvider::new())),
        (
            "the web identity of AWS_WEB_IDENTITY_TOKEN_FILE",
            Box::new(AssumeRoleWithWebIdentityCredentialProvider::new()),
        ),
        ("the profile's credential_process", Box::new(ProcessCredentialProvider::new())),
        ("the container's metadata", Box::new(ECSCredentialProvider::new())),
        (INSTANCE, Box::new(IMDSv2CredentialProvider::new())),
    ]
}

/// What the first place gives that has credentials. One that is set and fails ends the search: what stands behind it, such as the role
/// of the machine under a container, has other rights.
async fn search(context: &Context, region: &str) -> Result<Arc<Current>, Failure> {
    for (place, provider) in places() {
        let found = tokio::time::timeout(PATIENCE, provider.provide_credential_dyn(context)).await;
        let found = found.map_err(Into::into).and_then(|found| found.map_err(Into::into));
        let found = found.map_err(|source| Failure::Credentials { place, source })?;
        // As in the environment, what is empty is not set.
        let is_set = |key: &Credential| !key.access_key_id.is_empty() && !key.secret_access_key.is_empty();
        if let Some(mut credential) = found.filter(is_set) {
            credential.session_token = credential.session_token.filter(|token| !token.is_empty());
            let found = Current::new(credential, region);
            let is_valid = found.is_valid(SystemTime::now());
            return if is_valid { Ok(found) } else { Err(Failure::CredentialsExpired) };
        }
    }
    Err(Failure::NoCredentials(None))
}

/// Renews what has an end, for good.
async fn renew(context: Context, region: String, current: Arc<RwLock<Arc<Current>>>) {
    loop {
        let held = Arc::clone(&current.read().unwrap_or_else(PoisonError::into_inner));
        let Some(wait) = held.renew_after(SystemTime::now()) else { return };
        tokio::time::sleep(wait.max(AGAIN_AFTER)).await;
        match search(&context, &region).await {
            Ok(fresh) => {
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
