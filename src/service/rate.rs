//! How often one may ask: the generic cell rate algorithm, which lets a whole window's requests through at once and then one after the
//! other as time passes. Each process counts for itself.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};

use crate::api::port::Refusal;
use crate::api::rate_limit::{Allowance, Counted};

/// How many keys are remembered. One that has asked for nothing lately is the first to go.
const REMEMBERED: usize = 65_536;

/// So many requests in a second, a minute or an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    requests: NonZeroU32,
    window: Window,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Window {
    Second,
    Minute,
    Hour,
}

impl Window {
    fn seconds(self) -> u32 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
        }
    }
}

/// The text is no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a number of requests in a second, a minute or an hour, such as 100/s, 6000/m or 10000/h")]
pub struct InvalidRate;

impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, InvalidRate> {
        let (requests, window) = text.split_once('/').ok_or(InvalidRate)?;
        let window = match window {
            "s" => Window::Second,
            "m" => Window::Minute,
            "h" => Window::Hour,
            _ => return Err(InvalidRate),
        };
        Ok(Self { requests: requests.parse().map_err(|_| InvalidRate)?, window })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.window {
            Window::Second => 's',
            Window::Minute => 'm',
            Window::Hour => 'h',
        };
        write!(f, "{}/{unit}", self.requests)
    }
}

/// Counts how often each of its keys asks.
pub struct Limiter<K: Hash + Eq + Clone> {
    counted: Counted,
    rate: Rate,
    quota: Quota,
    governor: RateLimiter<K, Cells<K>, DefaultClock, StateInformationMiddleware>,
    /// The cells of `governor`, which has no way to look at one without counting.
    cells: Cells<K>,
    clock: DefaultClock,
    /// Time from which the cells count.
    start: <DefaultClock as Clock>::Instant,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// One that lets each key ask at this rate.
    #[must_use]
    pub fn new(counted: Counted, rate: Rate) -> Self {
        let quota = match rate.window {
            Window::Second => Quota::per_second(rate.requests),
            Window::Minute => Quota::per_minute(rate.requests),
            Window::Hour => Quota::per_hour(rate.requests),
        };
        let clock = DefaultClock::default();
        let (cells, start) = (Cells::default(), clock.now());
        let governor = RateLimiter::new(quota, cells.clone(), clock.clone());
        Self { counted, rate, quota, governor, cells, clock, start }
    }

    /// Counts a request of `key`.
    ///
    /// # Errors
    /// [`Refusal::TooManyRequests`] if it is one too many.
    pub fn ask(&self, key: &K) -> Result<Allowance, Refusal> {
        match self.governor.check_key(key) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let missing = self.rate.requests.get().saturating_sub(remaining);
                Ok(self.allowance(remaining, state.quota().replenish_interval() * missing))
            }
            Err(not_until) => {
                Err(Refusal::TooManyRequests(self.exceeded(not_until.wait_time_from(self.clock.now()))))
            }
        }
    }

    /// Looks at `key` without counting a request. The allowance, if a request now would be one too
    /// many.
    #[must_use]
    pub fn exhausted(&self, key: &K) -> Option<Allowance> {
        let even_at = self.cells.even_at(key)?;
        // The generic cell rate algorithm accepts a request once all but one of the window's are
        // paid back.
        let tolerance = self.quota.replenish_interval() * (self.rate.requests.get() - 1);
        let next = Duration::from_nanos(even_at.as_u64()).saturating_sub(tolerance);
        let now = self.clock.now().duration_since(self.start);
        let wait = next.saturating_sub(now);
        (!wait.is_zero()).then(|| self.exceeded(wait))
    }

    fn exceeded(&self, wait: Duration) -> Allowance {
        self.allowance(0, wait.max(Duration::from_secs(1)))
    }

    fn allowance(&self, remaining: u32, wait: Duration) -> Allowance {
        Allowance {
            counted: self.counted,
            quota: self.rate.requests.get(),
            window: self.rate.window.seconds(),
            remaining,
            reset: whole_seconds(wait),
        }
    }
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// When each key is even again. Of bounded size, whoever asks under however many names.
struct Cells<K>(Arc<Mutex<HashMap<K, Nanos>>>);

impl<K> Default for Cells<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K> Clone for Cells<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Hash + Eq> Cells<K> {
    fn even_at(&self, key: &K) -> Option<Nanos> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }
}

impl<K: Hash + Eq + Clone> StateStore for Cells<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(even_at) = cells.get_mut(key) {
            let (outcome, next) = measure(Some(*even_at))?;
            *even_at = next;
            return Ok(outcome);
        }
        let (outcome, next) = measure(None)?;
        if cells.len() >= REMEMBERED {
            // A key that asks for the first time is even one request from now. Who is even by then has at most one to come.
            cells.retain(|_, even_at| *even_at > next);
            if cells.len() >= REMEMBERED {
                // So many at once are no single client, and all begin anew.
                cells.clear();
            }
        }
        cells.insert(key.clone(), next);
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(rate: &str) -> Limiter<u32> {
        Limiter::new(Counted::ByToken, rate.parse().expect("a rate"))
    }

    #[test]
    fn a_rate_is_a_number_and_a_unit() {
        for text in ["1/s", "100/s", "6000/m", "10000/h", "4294967295/s"] {
            assert_eq!(text.parse::<Rate>().expect("a rate").to_string(), text);
        }
        for text in ["", "0/s", "-1/s", "1", "1/d", "1/", "/s", "1.5/s", "off", "1/s ", "4294967296/s"] {
            assert_eq!(text.parse::<Rate>(), Err(InvalidRate), "{text}");
        }
    }

    #[test]
    fn a_window_is_there_at_once_and_each_key_has_its_own() {
        let limiter = limiter("3/h");
        for left in [2, 1, 0] {
            let allowance = limiter.ask(&1).expect("one more");
            assert_eq!((allowance.remaining, allowance.quota, allowance.window), (left, 3, 3600));
            assert!(allowance.reset <= u64::from(3 - left) * 1200);
        }
        let Err(Refusal::TooManyRequests(allowance)) = limiter.ask(&1) else { panic!("one too many") };
        assert_eq!(allowance.remaining, 0);
        assert!((1..=1200).contains(&allowance.reset), "{allowance:?}");
        assert!(limiter.ask(&2).is_ok());
    }

    #[test]
    fn a_look_counts_nothing() {
        let limiter = limiter("3/h");
        for _ in 0..3 {
            for _ in 0..10 {
                assert_eq!(limiter.exhausted(&1), None);
            }
            limiter.ask(&1).expect("one more");
        }
        let seen = limiter.exhausted(&1).expect("the window is used up");
        let Err(Refusal::TooManyRequests(told)) = limiter.ask(&1) else { panic!("one too many") };
        assert_eq!(Allowance { reset: 0, ..seen }, Allowance { reset: 0, ..told });
        assert!(seen.reset.abs_diff(told.reset) <= 1, "{seen:?} {told:?}");
        assert_eq!(limiter.exhausted(&2), None);
    }

    #[test]
    fn made_up_keys_do_not_fill_the_memory() {
        let cells = Cells::default();
        let ask = |key: u32, even_at: u64| {
            let measured: Result<(), ()> = cells.measure_and_replace(&key, |_| Ok(((), Nanos::new(even_at))));
            measured.expect("a measurement");
        };
        let remembered = || cells.0.lock().expect("a lock").len();
        let full = u32::try_from(REMEMBERED).expect("a number");
        for key in 0..full {
            ask(key, u64::from(key));
        }
        assert_eq!(remembered(), REMEMBERED);
        ask(full, u64::from(full) / 2);
        assert_eq!(remembered(), REMEMBERED / 2, "who is even is forgotten");
        for key in 0..2 * full {
            ask(key, 10);
            assert!(remembered() <= REMEMBERED);
        }
    }
}
