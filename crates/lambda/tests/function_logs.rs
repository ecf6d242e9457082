//! What functions write: lines and records, their order, and which invocation they belong to. Real processes.

mod support;

use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use support::*;

#[tokio::test(flavor = "multi_thread")]
async fn log_lines_keep_their_order_and_records_stay_whole() {
    let world = World::new();
    let code = "
import logging, os, sys
log = logging.getLogger()
log.setLevel('INFO')
def handler(event, context):
    print('one')
    log.info('two\\nlines')
    print('three', file=sys.stderr)
    os.write(1, b'four, no end')
";
    let done = world.run("f", code, "{}").await;
    let log = tail(&done);
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines.get(1), Some(&"one"), "{log}");
    assert!(lines.get(2).is_some_and(|l| l.starts_with("[INFO]\t20") && l.ends_with("\ttwo")), "{log}");
    assert!(log.contains("\ttwo\nlines\n") && log.contains("\nthree\nfour, no end\nEND RequestId"), "{log}");
    assert!(world.lines.0.lock().expect("lock").iter().any(|e| e.contains("\ttwo\nlines")));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(jail), ignore = "asserts what a jail shows")]
async fn logs_are_json_and_filtered_when_asked_for() {
    let world = World::new();
    let code = "
import logging
log = logging.getLogger('mine')
def handler(event, context):
    log.debug('too low')
    log.info('%s and %d', 'one', 2, extra={'order': 7, 'what': {1, 1}})
    log.warning({'a': 'dict'})
    logging.getLogger().log(35, 'between levels')
    print('plain')
    context.log('by the context')
    try:
        raise KeyError('caught')
    except KeyError:
        log.exception('went wrong')
    raise ValueError('at the end')
";
    let mut spec = world.function("f", code);
    spec.json_log_level = Some("INFO".into());
    let done = world.invoke(&Arc::new(spec), "{}").await;
    let payload: Value = serde_json::from_slice(&done.payload).expect("an error is JSON");
    let id = payload["requestId"].clone();
    let lines = world.lines.0.lock().expect("lock").clone();
    let log = lines.concat();
    assert!(log.contains("plain\n") && log.contains("by the context"), "{log}");
    let mut records: Vec<Value> = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for record in &mut records {
        let time = record["timestamp"].take();
        assert!(time.as_str().is_some_and(|t| t.len() == 20 && t.ends_with('Z')), "{time}");
    }
    let [info, dict, between, caught, end] = &records[..] else { panic!("{log}") };
    let record = |level: &str, message: Value, logger: &str| json!({ "timestamp": null, "level": level, "message": message, "logger": logger, "requestId": id });
    let mut expect = record("INFO", json!("one and 2"), "mine");
    (expect["order"], expect["what"]) = (json!(7), json!("{1}"));
    assert_eq!(*info, expect);
    assert_eq!(*dict, record("WARNING", json!({ "a": "dict" }), "mine"));
    assert_eq!(*between, record("WARNING", json!("between levels"), "root"));
    let mut expect = record("ERROR", json!("went wrong"), "mine");
    (expect["errorType"], expect["errorMessage"]) = (json!("KeyError"), json!("'caught'"));
    expect["stackTrace"] = caught["stackTrace"].clone();
    expect["location"] = json!("/var/task/app.py:handler:14");
    assert_eq!(*caught, expect);
    let trace = caught["stackTrace"][0].as_str().unwrap_or_default();
    assert!(
        trace.starts_with("  File \"/var/task/app.py\", line 12, in handler\n    raise KeyError"),
        "{trace}"
    );
    let told = ("ERROR", "ValueError", "at the end");
    let got = ["level", "errorType", "errorMessage"].map(|name| end[name].as_str().unwrap_or_default());
    assert_eq!((got[0], got[1], got[2]), told, "{end}");
    assert_eq!((&end["requestId"], end["stackTrace"].is_array()), (&id, true), "{end}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_megabytes_of_log_in_one_line_do_no_harm() {
    let world = World::new();
    let code = "
def handler(event, context):
    print('x' * 10_000_000)
    return 'fine'
";
    let mut spec = world.function("f", code);
    spec.timeout = Duration::from_secs(30); // It is not about speed, and the machine may be busy.
    let done = world.invoke(&Arc::new(spec), "{}").await;
    assert_eq!(text(&done), "\"fine\"");
    assert!(done.log_tail.len() <= 4096);
    assert!(tail(&done).contains("REPORT RequestId"));
    let lines = std::mem::take(&mut *world.lines.0.lock().expect("lock"));
    assert!(lines.iter().all(|l| l.len() <= 262_144));
    assert!(lines.iter().map(String::len).sum::<usize>() >= 10_000_000);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_invocation_has_its_own_log_however_soon_the_next_one_follows() {
    let world = Arc::new(World::with(|c| c.max_environments = 1));
    let spec = Arc::new(world.function("f", "def handler(e, c): print(e)"));
    let callers: Vec<_> = (0..4)
        .map(|caller| {
            let (world, spec) = (Arc::clone(&world), Arc::clone(&spec));
            tokio::spawn(async move {
                for n in 0..50 {
                    let context = world.context();
                    let id = context.request_id.clone();
                    let event = format!("\"{caller}-{n}\"");
                    let done = world.executor.invoke(&spec, event.into(), context).await.expect("it ran");
                    let log = tail(&done);
                    let lines: Vec<_> = log.lines().skip_while(|line| line.starts_with("INIT_")).collect();
                    assert_eq!(lines.len(), 4, "{log}");
                    assert!(lines[0].starts_with(&format!("START RequestId: {id} ")), "{log}");
                    assert_eq!(lines[1], format!("{caller}-{n}"), "{log}");
                    assert_eq!(lines[2], format!("END RequestId: {id}"), "{log}");
                    assert!(lines[3].starts_with(&format!("REPORT RequestId: {id}\t")), "{log}");
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.expect("every log is whole");
    }
    Arc::into_inner(world).expect("nobody else has it").end().await;
}
