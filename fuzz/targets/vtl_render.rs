//! Mapping templates. The input is a template, a zero byte, and the body that it is rendered for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vtl::{Data, Limits, Template};

/// Small enough for many inputs in a second.
const LIMITS: Limits = Limits { steps: 20_000, output: 1 << 16, texts: 1 << 20, iterations: 1000, calls: 20 };

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (text, body) = text.split_once('\0').unwrap_or((text, r#"{"a":[1,{"b":"c"}]}"#));
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(error) => {
            assert!((1..=text.lines().count().max(1) as u32 + 1).contains(&error.line), "{error}");
            return;
        }
    };
    let pairs = |name: &str| vec![(name.to_owned(), "v'\"<".to_owned())];
    let data = Data {
        body: body.to_owned(),
        path: pairs("id"),
        querystring: pairs("q"),
        header: pairs("X-H"),
        stage_variables: pairs("s"),
        ..Data::default()
    };
    let first = template.render(&data, &LIMITS);
    if let Ok(made) = &first {
        assert!(made.text.len() <= LIMITS.output, "{} bytes", made.text.len());
    }
    if let Some(literal) = template.literal() {
        assert_eq!(first.as_ref().map(|made| made.text.as_str()), Ok(literal));
    }
    let again = template.render(&data, &LIMITS);
    assert_eq!(first.map(|made| made.text), again.map(|made| made.text));
});
