/// Random bytes for identifiers.
///
/// # Panics
/// When the operating system gives no randomness, which leaves nothing safe to go on with.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => bytes,
        Err(error) => panic!("the operating system gives no randomness: {error}"),
    }
}
