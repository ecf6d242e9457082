use std::cell::RefCell;

/// Bytes asked of the operating system at a time: a call of its own for each request would cost more than the rest of
/// its trace id.
const POOL: usize = 2048;

thread_local! {
    /// The bytes, and how many of them were given.
    static RANDOM: RefCell<([u8; POOL], usize)> = const { RefCell::new(([0; POOL], POOL)) };
}

/// Random bytes, at most 64, for what must be different and need not be secret; zeros when the system has none.
pub(super) fn random<const N: usize>() -> [u8; N] {
    const { assert!(N <= 64, "ids are short") };
    RANDOM.with_borrow_mut(|(pool, given)| {
        if *given + N > POOL {
            let _ = getrandom::fill(pool);
            *given = 0;
        }
        let mut bytes = [0; N];
        for (to, from) in bytes.iter_mut().zip(pool.iter().skip(*given)) {
            *to = *from;
        }
        *given += N;
        bytes
    })
}

#[cfg(test)]
mod tests {
    use super::random;

    #[test]
    fn no_bytes_are_given_twice() {
        let given: std::collections::HashSet<[u8; 20]> = (0..1000).map(|_| random()).collect();
        assert_eq!(given.len(), 1000);
    }
}
