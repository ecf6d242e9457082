//! The JSONPath of `$input`. The input is a path, a zero byte, and the document that it looks into.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vtl::Path;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (path, document) = text.split_once('\0').unwrap_or((text, r#"{"a":[1,{"b":"c","d":[2,3]}],"e":null}"#));
    let Ok(parsed) = Path::parse(path) else { return };
    let found = parsed.first_text(document);
    assert_eq!(found, parsed.first_text(document));
    if serde_json::from_str::<serde_json::Value>(document).is_err() {
        // An empty document is `{}` to the gateway.
        assert!(found.is_none() || document.trim().is_empty(), "{found:?} in what is no JSON");
    }
});
