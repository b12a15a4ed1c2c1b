//! How many files and connections the operating system lets this process have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is open beside connections and the files that they ask for: registry, log, standard streams, the store's connections.
const OTHERS: u64 = 256;

/// Asks the operating system for enough of them for so many connections, each with a file, and gives how many connections there can be.
pub(crate) fn for_connections(wanted: u32) -> u32 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let needed = 2 * u64::from(wanted) + OTHERS;
    // No limit is enough.
    let (Some(current), maximum) = (current, maximum.unwrap_or(u64::MAX)) else { return wanted };
    let mut limit = current;
    if current < needed {
        let raised =
            Rlimit { current: Some(needed.min(maximum)), maximum: getrlimit(Resource::Nofile).maximum };
        match setrlimit(Resource::Nofile, raised) {
            Ok(()) => limit = needed.min(maximum),
            Err(error) => tracing::warn!(%error, "the limit of open files cannot be raised"),
        }
    }
    let possible = connections(limit, wanted);
    if possible < wanted {
        tracing::warn!(
            MAX_CONNECTIONS = wanted,
            possible,
            open_files = limit,
            needed,
            "the operating system allows too few open files (ulimit -n, LimitNOFILE) for as many connections"
        );
    }
    possible
}

fn connections(limit: u64, wanted: u32) -> u32 {
    u32::try_from(limit.saturating_sub(OTHERS) / 2).unwrap_or(u32::MAX).clamp(1, wanted.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_may_have_a_file() {
        assert_eq!(connections(1024, 8192), 384);
        assert_eq!(connections(2 * 8192 + OTHERS, 8192), 8192);
        assert_eq!(connections(u64::MAX, 8192), 8192);
        assert_eq!(connections(16, 8192), 1);
    }
}
