use std::cell::RefCell;

/// Bytes asked of the operating system at a time: one call serves many requests.
const POOL: usize = 4096;

struct Pool {
    bytes: [u8; POOL],
    used: usize,
}

thread_local! {
    static RANDOM: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; POOL], used: POOL }) };
}

/// Random bytes for identifiers, at most 64 at a time. Not for secrets: those are asked for one by one, in `iam`.
///
/// # Panics
/// When the operating system gives no randomness, which leaves nothing safe to go on with.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    const { assert!(N <= 64, "identifiers are short") };
    RANDOM.with_borrow_mut(|pool| {
        if pool.used + N > POOL {
            if let Err(error) = getrandom::fill(&mut pool.bytes) {
                panic!("the operating system gives no randomness: {error}");
            }
            pool.used = 0;
        }
        let mut bytes = [0; N];
        bytes.copy_from_slice(&pool.bytes[pool.used..pool.used + N]);
        pool.used += N;
        bytes
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_bytes_are_given_twice() {
        let given: HashSet<[u8; 16]> = (0..3 * POOL / 16).map(|_| random()).collect();
        assert_eq!(given.len(), 3 * POOL / 16);
        let elsewhere: [u8; 16] = std::thread::spawn(random).join().unwrap();
        assert!(!given.contains(&elsewhere));
    }
}
