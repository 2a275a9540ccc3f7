//! CPU time of a server: its process, all threads, and every process below it.

use std::{collections::HashMap, time::Duration};

use procfs::process::{Stat, all_processes};

/// Why a server's CPU time cannot be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CpuError {
    #[error("processes could not be listed")]
    List(#[source] procfs::ProcError),
    #[error("process {0} is not running")]
    Gone(i32),
}

/// CPU time that the tree below `pid` has used so far, in user and in kernel mode.
///
/// Counts processes that ended as soon as their parent has waited for them. The kernel counts in
/// ticks, mostly of 10 ms: take the difference over seconds.
pub(crate) fn used_by_tree(pid: i32) -> Result<Duration, CpuError> {
    let stats: HashMap<i32, Stat> = all_processes()
        .map_err(CpuError::List)?
        // A process may end while the list is read.
        .filter_map(|process| process.ok()?.stat().ok())
        .map(|stat| (stat.pid, stat))
        .collect();
    if !stats.contains_key(&pid) {
        return Err(CpuError::Gone(pid));
    }
    let ticks: u64 = stats
        .values()
        .filter(|stat| is_below(stat.pid, pid, &stats))
        .map(used_ticks)
        .sum();
    let ticks_per_second = procfs::ticks_per_second();
    Ok(Duration::from_micros(ticks * 1_000_000 / ticks_per_second))
}

/// Own ticks, all threads included, and those of children that ended and were waited for.
fn used_ticks(stat: &Stat) -> u64 {
    let ended = u64::try_from(stat.cutime + stat.cstime).unwrap_or(0);
    stat.utime + stat.stime + ended
}

/// Whether `pid` is `root` or has it among its ancestors.
fn is_below(pid: i32, root: i32, stats: &HashMap<i32, Stat>) -> bool {
    let mut current = pid;
    // A pid that is reused while the list is read could close a circle: bound the walk.
    for _ in 0..stats.len() {
        if current == root {
            return true;
        }
        match stats.get(&current) {
            Some(stat) => current = stat.ppid,
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::process::{Command, id};

    use super::*;

    #[test]
    fn work_of_a_child_is_counted() {
        let own = i32::try_from(id()).unwrap();
        let before = used_by_tree(own).unwrap();
        let script = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        let status = Command::new("sh").args(["-c", script]).status().unwrap();
        assert!(status.success());
        assert!(used_by_tree(own).unwrap() >= before + Duration::from_millis(20));
    }

    #[test]
    fn process_that_is_not_there_is_an_error() {
        assert!(matches!(used_by_tree(i32::MAX), Err(CpuError::Gone(_))));
    }
}
