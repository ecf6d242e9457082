//! Reading of signatures. The input is a request's head: the method and target in the first line, then headers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sigv4::PayloadHash;

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let Some(Ok(line)) = lines.next().map(std::str::from_utf8) else { return };
    let (method, target) = line.split_once(' ').unwrap_or(("GET", line));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<(&str, &[u8])> = lines
        .filter_map(|line| {
            let at = line.iter().position(|byte| *byte == b':')?;
            Some((std::str::from_utf8(line.get(..at)?).ok()?, line.get(at + 1..)?))
        })
        .collect();
    match sigv4::parse(method, path, query, &headers) {
        Ok(None) => {}
        Ok(Some(signed)) => {
            assert!(signed.signed_headers.is_sorted());
            assert!(signed.signed_headers.iter().any(|name| name == "host" || name == ":authority"));
            // Nobody guesses a signature.
            assert!(signed.verify("secret", PayloadHash::Of(b""), signed.time.seconds()).is_err());
            assert!(signed.check_scope(&signed.service, Some(&signed.region)).is_ok());
        }
        Err(error) => assert!(!error.message.is_empty()),
    }
});
