//! Authentication by access token, with a cache of what the registry said of a token.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use quick_cache::sync::Cache;
use tokio::sync::Mutex as FairMutex;

use super::Service;
use crate::api::port::{Admission, Bases, Caller, Lookup, Refusal};
use crate::audit;
use crate::domain::{AccessToken, BaseScope, Sha256};
use crate::token::access::AccessSecret;

/// Lifetime of a cached answer, and so the longest time that a revoked token goes on working.
const CACHE_TTL: Duration = Duration::from_secs(5);

/// Number of tokens that are cached. One that is seldom used is evicted first.
const CACHE_CAPACITY: usize = 8192;

/// Access tokens that exist, by id. Made-up ids are never cached. A token stays in the cache after
/// its answer has expired: it is then known to exist, but has to be looked up again.
pub(super) struct AccessCache(Cache<String, Arc<CachedToken>>);

impl Default for AccessCache {
    fn default() -> Self {
        Self(Cache::new(CACHE_CAPACITY))
    }
}

/// A token that exists.
struct CachedToken {
    /// SHA-256 of the secret, which never changes.
    digest: Sha256,
    answer: Mutex<Answer>,
    /// Held during a look-up, so that there is one per token at a time.
    look_up: FairMutex<()>,
}

/// Answer of the registry.
struct Answer {
    token: Arc<AccessToken>,
    asked_at: SystemTime,
}

impl CachedToken {
    fn new(token: Arc<AccessToken>, asked_at: SystemTime) -> Self {
        let digest = token.digest;
        Self { digest, answer: Mutex::new(Answer { token, asked_at }), look_up: FairMutex::default() }
    }

    /// The token, unless the answer has expired.
    fn fresh(&self, now: SystemTime) -> Option<Arc<AccessToken>> {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back makes an answer old, not new.
        let age = now.duration_since(answer.asked_at).ok()?;
        (age < CACHE_TTL).then(|| Arc::clone(&answer.token))
    }

    fn renew(&self, token: Arc<AccessToken>, asked_at: SystemTime) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Answer { token, asked_at };
    }
}

impl Service {
    pub(super) async fn authenticate(
        &self,
        access_token: &str,
        lookup: Lookup,
    ) -> Result<Admission, Refusal> {
        let secret = AccessSecret::parse(access_token).ok_or(Refusal::UnknownAccessToken)?;
        let token = self.access_token(&secret, lookup).await?;
        audit::caller(&token.id);
        if !token.is_valid(self.now()) {
            return Err(Refusal::UnknownAccessToken);
        }
        let bases = match &token.bases {
            BaseScope::All => Bases::All,
            BaseScope::Only(bases) => Bases::Only(bases.clone()),
        };
        // Only tokens that exist are counted.
        let allowance = self.callers.as_ref().map(|callers| callers.ask(&token.id)).transpose()?;
        Ok(Admission { caller: Caller { id: token.id.clone(), bases }, allowance })
    }

    /// The token with this secret: from the cache, or from the registry as far as `lookup` allows
    /// it.
    async fn access_token(&self, secret: &AccessSecret, lookup: Lookup) -> Result<Arc<AccessToken>, Refusal> {
        let id = secret.id();
        let cached = match lookup {
            Lookup::CacheOnly => self.access.0.get(id).ok_or(Refusal::UnknownAccessToken)?,
            Lookup::Registry => match self.access.0.get_value_or_guard_async(id).await {
                Ok(cached) => cached,
                // Others with this id wait for the guard. Without an insert, the next of them has
                // it.
                Err(guard) => {
                    let asked_at = self.now();
                    let token = self.look_up(id).await?.ok_or(Refusal::UnknownAccessToken)?;
                    let _ = guard.insert(Arc::new(CachedToken::new(Arc::clone(&token), asked_at)));
                    return matching(secret, token);
                }
            },
        };
        // The caller may know an id without its secret: that is no reason to ask the registry.
        if !secret.matches(&cached.digest) {
            self.metrics.access_cache_hits.inc();
            return Err(Refusal::UnknownAccessToken);
        }
        let fresh = |now| {
            let token = cached.fresh(now)?;
            self.metrics.access_cache_hits.inc();
            Some(token)
        };
        if let Some(token) = fresh(self.now()) {
            return Ok(token);
        }
        let _guard = cached.look_up.lock().await;
        let asked_at = self.now();
        if let Some(token) = fresh(asked_at) {
            return Ok(token);
        }
        // If the registry fails, the token stays in the cache.
        let Some(token) = self.look_up(id).await? else {
            self.access.0.remove(id);
            return Err(Refusal::UnknownAccessToken);
        };
        cached.renew(Arc::clone(&token), asked_at);
        matching(secret, token)
    }

    async fn look_up(&self, id: &str) -> Result<Option<Arc<AccessToken>>, Refusal> {
        self.metrics.access_cache_misses.inc();
        Ok(self.registry.access_token(id).await?.map(Arc::new))
    }
}

fn matching(secret: &AccessSecret, token: Arc<AccessToken>) -> Result<Arc<AccessToken>, Refusal> {
    if secret.matches(&token.digest) { Ok(token) } else { Err(Refusal::UnknownAccessToken) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn token(number: usize) -> (String, Arc<CachedToken>) {
        let id = format!("{number:012x}");
        let token = AccessToken {
            id: id.clone(),
            name: "test".to_owned(),
            digest: Sha256::of(id.as_bytes()),
            bases: BaseScope::All,
            created_at: NOW,
            expires_at: None,
            revoked_at: None,
        };
        (id, Arc::new(CachedToken::new(Arc::new(token), NOW)))
    }

    fn known(cache: &AccessCache, numbers: std::ops::Range<usize>) -> usize {
        numbers.filter(|number| cache.0.get(&token(*number).0).is_some()).count()
    }

    #[test]
    fn many_valid_tokens_do_not_clear_the_cache() {
        let cache = AccessCache::default();
        for number in 0..5_000 {
            let (id, token) = token(number);
            cache.0.insert(id, token);
        }
        assert_eq!(known(&cache, 0..5_000), 5_000);
        for number in 5_000..50_000 {
            let (id, token) = token(number);
            cache.0.insert(id, token);
            assert!(cache.0.len() <= CACHE_CAPACITY);
        }
        let kept = known(&cache, 0..50_000);
        assert!(kept > CACHE_CAPACITY * 9 / 10, "{kept}");
    }

    #[actix_web::test]
    async fn made_up_ids_do_not_fill_the_cache() {
        let cache = AccessCache::default();
        for number in 0..1_000 {
            let (id, token) = token(number);
            cache.0.insert(id, token);
        }
        for number in 1_000..50_000 {
            let guard = cache.0.get_value_or_guard_async(&token(number).0).await;
            assert!(guard.is_err(), "it is not known, and does not become so");
        }
        assert_eq!((known(&cache, 0..1_000), cache.0.len()), (1_000, 1_000));
    }

    #[test]
    fn an_answer_expires_and_is_old_if_the_clock_was_set_back() {
        let (_, cached) = token(1);
        let after = |seconds| NOW + Duration::from_secs(seconds);
        assert!(cached.fresh(NOW).is_some() && cached.fresh(after(4)).is_some());
        assert!(cached.fresh(after(5)).is_none() && cached.fresh(NOW - Duration::from_secs(1)).is_none());
        let token = cached.fresh(NOW).expect("a token");
        cached.renew(token, after(5));
        assert!(cached.fresh(after(9)).is_some());
    }
}
