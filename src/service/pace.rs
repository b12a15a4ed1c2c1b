//! How slow the other side of a transfer may be. Only the time counts for which it was waited for: a slow disk is not its fault.

use std::time::Duration;

/// The slowest pace that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// For how long nothing at all may come.
    pub idle: Duration,
    /// How many bytes must come in each second on the whole, once it was waited as long as that.
    pub min_rate: u64,
}

/// What has come of a transfer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    bytes: u64,
    waited: Duration,
}

impl Progress {
    /// So many more bytes came, after it was waited for so long. False if that is slower than `pace`.
    #[must_use]
    pub fn keeps(&mut self, pace: Pace, bytes: u64, waited: Duration) -> bool {
        self.bytes += bytes;
        self.waited += waited;
        self.waited <= pace.idle || self.bytes >= pace.min_rate.saturating_mul(self.waited.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { idle: Duration::from_secs(30), min_rate: 1024 };

    #[test]
    fn a_beginning_may_be_slow_and_the_whole_may_not() {
        let mut progress = Progress::default();
        assert!(progress.keeps(PACE, 1, Duration::from_secs(30)));
        assert!(!progress.keeps(PACE, 1, Duration::from_secs(1)));
        assert!(progress.keeps(PACE, 31 * 1024, Duration::from_millis(900)), "what was lost is made up for");
    }

    #[test]
    fn no_rate_is_no_limit() {
        let mut progress = Progress::default();
        assert!(progress.keeps(Pace { min_rate: 0, ..PACE }, 0, Duration::from_hours(9)));
    }
}
