//! How often a decision allocates. A process of its own, as the counter is the program's allocator.

use std::fs;
use std::path::Path;

use policy::{Decision, cases};

#[test]
fn only_variables_dates_and_bytes_make_a_decision_allocate() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (mut decided, mut most) = (0, 0);
    for file in files.filter(|path| path.extension().is_some_and(|e| e == "json")) {
        let text = fs::read_to_string(&file).unwrap();
        for case in cases::parse(&text, &mut |_| Err("no files".to_owned())).unwrap() {
            let request = case.request();
            let counted = allocation_counter::measure(|| {
                std::hint::black_box(Decision::evaluate_with(&request, &case.caller, &case.owner));
            });
            // Variables are filled into a buffer, base64 is read into one, and of a date without a time the first
            // reading fails, with an error on the heap.
            let buffered = ["${", "BinaryEquals", "\"Date"].iter().any(|sign| {
                let identity = case.caller.identity.iter();
                identity.chain(case.owner.policy.iter()).any(|policy| policy.text.contains(sign))
            });
            assert!(buffered || counted.count_total == 0, "`{}`: {counted:?}", case.name);
            most = most.max(counted.count_total);
            decided += 1;
        }
    }
    assert!(decided > 150 && most > 0, "{decided} cases, and the counter counts");
    assert!(most <= 8, "a decision allocates {most} times");
}
