//! Open files and sockets that the operating system allows the process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Most descriptors kept for everything that is no connection of a client: connections to the
/// store, workers, uploads, logs.
const RESERVED_MAX: u64 = 512;

/// Raises the limit as far as the process itself may, and gives the one in use; none when there is
/// no limit.
pub fn raise() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files could not be raised");
            current
        }
    }
}

/// How many connections each HTTP worker may hold: `wanted`, or what `limit` leaves for it.
pub fn connections(wanted: usize, workers: usize, limit: Option<u64>) -> usize {
    let Some(limit) = limit else {
        return wanted;
    };
    let reserved = (limit / 2).min(RESERVED_MAX);
    let workers = u64::try_from(workers).unwrap_or(u64::MAX).max(1);
    let each = ((limit - reserved) / workers).max(1);
    usize::try_from(each).map_or(wanted, |each| each.min(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_share_what_the_limit_leaves() {
        assert_eq!(connections(25_000, 2, None), 25_000);
        assert_eq!(connections(25_000, 2, Some(1_048_576)), 25_000);
        assert_eq!(connections(25_000, 2, Some(256)), 64);
        assert_eq!(connections(25_000, 4, Some(65_536)), 16_256);
        assert_eq!(connections(10, 2, Some(256)), 10);
        assert_eq!(connections(10, 64, Some(8)), 1);
    }
}
