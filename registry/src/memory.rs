//! How the allocator of the C library gives memory back.
//!
//! By itself it takes larger and larger blocks from heaps that it shrinks only at their end: after
//! some dozen publishes of large packages a node held most of what they had taken together.

/// Blocks of this size and more go back to the system as soon as they are freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: libc::c_int = 1024 * 1024;

/// Free bytes at the end of a heap that are kept for what comes next.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const SPARE: libc::c_int = 4 * 1024 * 1024;

/// Has large blocks given back when they are freed, from here on. To be called first.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the allocator has no other interface")]
pub fn give_back_large_blocks() {
    // SAFETY: `mallopt` takes numbers alone, and may be called at any time. What it refuses stays
    // as it was.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
        libc::mallopt(libc::M_TRIM_THRESHOLD, SPARE);
    }
}

/// Other allocators do so by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back_large_blocks() {}

#[cfg(test)]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    fn resident_mib() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        kib.unwrap().parse::<usize>().unwrap() / 1024
    }

    /// Large blocks come and go, while small ones that were made meanwhile stay.
    fn publishes() -> Vec<Vec<u8>> {
        let one = |size: usize| {
            let large = vec![1_u8; size * MIB];
            let larger = vec![1_u8; (size + 1) * MIB];
            let kept = vec![large[0] + larger[0]; 64 * 1024];
            (kept, large, larger)
        };
        (2..24).map(|size| one(size).0).collect()
    }

    #[test]
    fn freed_blocks_are_given_back() {
        give_back_large_blocks();
        let before = resident_mib();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(publishes)).collect();
        let kept: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        let after = resident_mib();
        assert!(after < before + 64, "{before} MiB before, {after} after");
        drop(kept);
    }
}
