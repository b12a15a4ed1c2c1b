//! Who holds an access token. What the registry said is believed for a few seconds, so that signing asks it seldom.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::Service;
use crate::api::port::{Admission, Bases, Caller, Refusal};
use crate::audit;
use crate::domain::{AccessToken, BaseScope};
use crate::token::access::AccessSecret;

/// How long a revoked token may go on working.
const BELIEVED_FOR: Duration = Duration::from_secs(5);

/// How many tokens are remembered. Beyond that all are forgotten, which costs each one look-up.
const REMEMBERED: usize = 4096;

/// What the registry said of access tokens a moment ago. Only of tokens that exist: made-up ids cannot fill it.
#[derive(Default)]
pub(super) struct AccessCache {
    tokens: Mutex<HashMap<String, (AccessToken, SystemTime)>>,
}

impl AccessCache {
    fn get(&self, id: &str, now: SystemTime) -> Option<AccessToken> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let (token, asked_at) = tokens.get(id)?;
        // A clock that was set back makes an answer old, not new.
        let age = now.duration_since(*asked_at).ok()?;
        (age < BELIEVED_FOR).then(|| token.clone())
    }

    fn put(&self, token: AccessToken, now: SystemTime) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= REMEMBERED {
            tokens.clear();
        }
        tokens.insert(token.id.clone(), (token, now));
    }
}

impl Service {
    pub(super) async fn authenticate(&self, access_token: &str) -> Result<Admission, Refusal> {
        let secret = AccessSecret::parse(access_token).ok_or(Refusal::UnknownAccessToken)?;
        let now = self.now();
        let token = if let Some(token) = self.access.get(secret.id(), now) {
            self.metrics.access_cache_hits.inc();
            token
        } else {
            self.metrics.access_cache_misses.inc();
            let token = self.registry.access_token(secret.id()).await?.ok_or(Refusal::UnknownAccessToken)?;
            self.access.put(token.clone(), now);
            token
        };
        // Whoever knows an id does not act in its name.
        if !secret.matches(&token.digest) {
            return Err(Refusal::UnknownAccessToken);
        }
        audit::caller(&token.id);
        if !token.is_valid(now) {
            return Err(Refusal::UnknownAccessToken);
        }
        let bases = match token.bases {
            BaseScope::All => Bases::All,
            BaseScope::Only(bases) => Bases::Only(bases),
        };
        // Only tokens that exist are counted.
        let allowance = self.callers.as_ref().map(|callers| callers.ask(&token.id)).transpose()?;
        Ok(Admission { caller: Caller { id: token.id, bases }, allowance })
    }
}
