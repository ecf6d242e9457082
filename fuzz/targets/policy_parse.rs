//! The reader of policy documents. The first byte chooses the kind of policy, the rest is the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use policy::{Policy, PolicyKind, validate};

const KINDS: [PolicyKind; 7] = [
    PolicyKind::Identity,
    PolicyKind::Boundary,
    PolicyKind::Session,
    PolicyKind::Scp,
    PolicyKind::Rcp,
    PolicyKind::Resource,
    PolicyKind::Trust,
];

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let kind = KINDS[usize::from(*first) % KINDS.len()];
    let parsed = Policy::parse("fuzzed", text, kind);
    let valid = validate(text, kind);
    for error in [parsed.as_ref().err(), valid.as_ref().err()].into_iter().flatten() {
        assert!(text.get(error.span.start..error.span.end).is_some(), "the span is no part of the text");
        assert!(!error.message.is_empty() && !error.help.is_empty());
    }
    if valid.is_ok() {
        assert!(parsed.is_ok(), "what is let in must be readable: {parsed:?}");
    }
    if let Ok(policy) = parsed {
        let is_json = serde_json::from_str::<serde_json::Value>(text);
        assert!(is_json.is_ok() || is_json.is_err_and(|e| e.to_string().contains("out of range")), "no JSON");
        let again = Policy::parse("fuzzed", &policy.text, kind);
        assert_eq!(format!("{:?}", Ok::<_, ()>(policy)), format!("{:?}", again.map_err(drop)));
    }
});
