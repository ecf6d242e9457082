//! Node functions: modules, handlers, errors, logs, the jail. Real processes.

mod support;

use lambda::execution::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use support::*;

fn node(world: &World, name: &str, files: &[(&str, &str)]) -> FunctionSpec {
    let mut spec = world.files(name, files);
    spec.runtime = "nodejs20.x".into();
    spec.handler = "index.handler".into();
    spec
}

fn body(invocation: &Invocation) -> Value {
    serde_json::from_slice(&invocation.payload).unwrap_or_else(|_| panic!("no JSON: {}", text(invocation)))
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(jail), ignore = "asserts what a jail shows")]
async fn a_function_in_its_full_jail_answers_and_is_used_again() {
    let world = World::with(|c| c.sandbox = Sandbox::Require);
    let code = "
let n = 0;
exports.handler = async (event, context) => {
    console.log('hello', event, '\\ntwo');
    return { n: ++n, event, cwd: process.cwd(), file: __filename, name: context.functionName,
        left: context.getRemainingTimeInMillis(), id: context.awsRequestId, arn: context.invokedFunctionArn,
        memory: context.memoryLimitInMB, group: context.logGroupName, stream: context.logStreamName,
        version: context.functionVersion, own: process.env.OWN, key: process.env.AWS_ACCESS_KEY_ID,
        env: process.env.AWS_EXECUTION_ENV, trace: process.env._X_AMZN_TRACE_ID };
};";
    let spec = Arc::new(node(&world, "f", &[("index.js", code)]));
    let done = world.invoke(&spec, r#"{"a":"é"}"#).await;
    assert_eq!(done.function_error, None, "{} {}", text(&done), tail(&done));
    let answer = body(&done);
    assert_eq!(answer["event"]["a"], "é");
    assert_eq!((&answer["cwd"], &answer["file"]), (&json!("/var/task"), &json!("/var/task/index.js")));
    assert_eq!((&answer["own"], &answer["key"]), (&json!("value"), &json!("ASIA-f")));
    assert_eq!((&answer["memory"], &answer["group"]), (&json!("128"), &json!("/aws/lambda/f")));
    assert_eq!((&answer["version"], &answer["name"]), (&json!("$LATEST"), &json!("f")));
    assert_eq!(answer["env"], "AWS_Lambda_nodejs20.x");
    assert_eq!(answer["stream"], done.log_stream);
    assert!(answer["trace"].as_str().is_some_and(|t| t.starts_with("Root=1-")));
    assert!((1..=3000).contains(&answer["left"].as_i64().unwrap_or(0)), "{answer}");
    let id = answer["id"].as_str().expect("an id");
    let log = tail(&done);
    assert!(log.contains(&format!("Z\t{id}\tINFO\thello {{ a: 'é' }} \ntwo\nEND")), "{log}");
    let again = world.invoke(&spec, "{}").await;
    assert!(!again.cold);
    assert_eq!(body(&again)["n"], 2);
    assert!(world.log().starts_with("INIT_START Runtime Version: nodejs:20.x.v"), "{}", world.log());
    world.end().await;
}

/// Name, files, handler, answer.
type Case = (&'static str, &'static [(&'static str, &'static str)], &'static str, &'static str);

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(jail), ignore = "asserts what a jail shows")]
async fn every_kind_of_module_and_handler_runs() {
    let world = World::new();
    const ESM: &str = "export const handler = async (event) => ({ esm: import.meta.url, event });";
    const CJS: &str = "exports.handler = async (event) => ({ cjs: __filename, event });";
    const MODULE: &str = r#"{"type":"module"}"#;
    let cases: [Case; 12] = [
        ("js", &[("index.js", CJS)], "index.handler", r#"{"cjs":"/var/task/index.js","event":1}"#),
        ("cjs", &[("index.cjs", CJS)], "index.handler", r#"{"cjs":"/var/task/index.cjs","event":1}"#),
        ("mjs", &[("index.mjs", ESM)], "index.handler", r#"{"esm":"file:///var/task/index.mjs","event":1}"#),
        (
            "type",
            &[("index.js", ESM), ("package.json", MODULE)],
            "index.handler",
            r#"{"esm":"file:///var/task/index.js","event":1}"#,
        ),
        (
            "folder",
            &[("src/deep/app.js", CJS)],
            "src/deep/app.handler",
            r#"{"cjs":"/var/task/src/deep/app.js","event":1}"#,
        ),
        ("nested", &[("index.js", "exports.a = { b: async () => 'nested' };")], "index.a.b", r#""nested""#),
        (
            "await",
            &[("index.mjs", "const x = await Promise.resolve(5); export const handler = async () => x;")],
            "index.handler",
            "5",
        ),
        (
            "callback",
            &[(
                "index.js",
                "exports.handler = (e, c, callback) => { setTimeout(() => callback(null, 'cb'), 5); };",
            )],
            "index.handler",
            r#""cb""#,
        ),
        (
            "succeed",
            &[("index.js", "exports.handler = (e, c) => { c.succeed('s'); c.succeed('t'); };")],
            "index.handler",
            r#""s""#,
        ),
        (
            "done",
            &[("index.js", "exports.handler = (e, c) => { setTimeout(() => c.done(null, { d: 1 }), 1); };")],
            "index.handler",
            r#"{"d":1}"#,
        ),
        ("nothing", &[("index.js", "exports.handler = () => {};")], "index.handler", "null"),
        ("undefined", &[("index.js", "exports.handler = async () => undefined;")], "index.handler", "null"),
    ];
    for (name, files, handler, expect) in cases {
        let mut spec = node(&world, name, files);
        spec.handler = handler.into();
        let spec = Arc::new(spec);
        for _ in 0..2 {
            let done = world.invoke(&spec, "1").await;
            assert_eq!(text(&done), expect, "{name}: {}", tail(&done));
            assert_eq!(done.function_error, None, "{name}");
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_waits_for_the_event_loop_unless_told_not_to() {
    let world = World::new();
    let code = "
exports.handler = (waits, context, callback) => {
    const begun = Date.now();
    context.callbackWaitsForEmptyEventLoop = waits;
    setTimeout(() => console.log('timer'), 300);
    callback(null, 'answer');
};";
    let spec = Arc::new(node(&world, "f", &[("index.js", code)]));
    let waited = world.invoke(&spec, "true").await;
    assert_eq!(text(&waited), "\"answer\"");
    assert!(waited.durations.duration >= Duration::from_millis(290), "{:?}", waited.durations);
    assert!(tail(&waited).contains("\tINFO\ttimer"), "{}", tail(&waited));
    let prompt = world.invoke(&spec, "false").await;
    assert_eq!(text(&prompt), "\"answer\"");
    assert!(prompt.durations.duration < Duration::from_millis(250), "{:?}", prompt.durations);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(jail), ignore = "asserts what a jail shows")]
async fn errors_have_awss_json() {
    // No second environment while the first one comes back.
    let world = World::with(|c| c.grace = Duration::from_millis(500));
    let code = "
class Own extends Error { constructor(m) { super(m); this.name = 'Own'; this.detail = 7; } }
const cyclic = {}; cyclic.me = cyclic;
exports.handler = (event, context, callback) => {
    switch (event) {
        case 'throw': throw new TypeError('thrown');
        case 'reject': return Promise.reject(new Own('rejected'));
        case 'callback': return callback(new RangeError('called back'));
        case 'string': return callback('text');
        case 'fail': return context.fail(new Error('failed'));
        case 'nothing': return context.fail();
        case 'cyclic': return Promise.resolve(cyclic);
        default: return 'fine';
    }
};";
    let spec = Arc::new(node(&world, "f", &[("index.js", code)]));
    for (event, kind, message) in [
        ("throw", "TypeError", "thrown"),
        ("reject", "Own", "rejected"),
        ("callback", "RangeError", "called back"),
        ("string", "string", "text"),
        ("fail", "Error", "failed"),
        ("nothing", "string", "handled"),
        ("cyclic", "Error", "Unable to stringify response body"),
    ] {
        let done = world.invoke(&spec, &json!(event).to_string()).await;
        assert_eq!(done.function_error, Some(FunctionError::Unhandled), "{event}");
        let error = body(&done);
        assert_eq!((&error["errorType"], &error["errorMessage"]), (&json!(kind), &json!(message)), "{event}");
        assert!(error["trace"].is_array() && error.as_object().is_some_and(|o| o.len() == 3), "{error}");
        assert!(text(&done).starts_with("{\"errorType\""), "{}", text(&done));
        assert!(tail(&done).contains("\tERROR\tInvoke Error \t{\"errorType\":\""), "{}", tail(&done));
    }
    let thrown = body(&world.invoke(&spec, "\"throw\"").await);
    assert_eq!(thrown["trace"][0], "TypeError: thrown");
    assert!(thrown["trace"][1].as_str().is_some_and(|l| l.contains("/var/task/index.js:")), "{thrown}");
    // None of these ended the environment.
    assert_eq!(world.executor.environments(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_caught_ends_the_environment() {
    let world = World::new();
    let code = "
exports.handler = async (event) => {
    if (event === 'rejection') { Promise.reject(new Error('lost')); await new Promise((r) => setTimeout(r, 500)); }
    if (event === 'exception') { setImmediate(() => { throw new Error('loose'); }); await new Promise((r) => setTimeout(r, 500)); }
    if (event === 'never') await new Promise(() => {});
    if (event === 'exit') process.exit(3);
    return 'fine';
};";
    let spec = Arc::new(node(&world, "f", &[("index.js", code)]));
    for (event, kind, message, cold_after) in [
        ("rejection", "Runtime.UnhandledPromiseRejection", "Error: lost", true),
        ("exception", "Error", "loose", true),
        ("exit", "Runtime.ExitError", "exit status 3", true),
        ("never", "Runtime.NodeJsExit", "never settled", false),
    ] {
        let done = world.invoke(&spec, &json!(event).to_string()).await;
        let error = body(&done);
        assert_eq!(error["errorType"], kind, "{error} {}", tail(&done));
        assert!(error["errorMessage"].as_str().is_some_and(|m| m.contains(message)), "{error}");
        // The process is given the time to end.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let next = world.invoke(&spec, "1").await;
        assert_eq!((text(&next).as_str(), next.cold), ("\"fine\"", cold_after), "{event}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn init_failures_have_awss_error_types() {
    let world = World::new();
    let cases = [
        (
            "syntax",
            "exports.handler = async ( => {",
            "index.handler",
            "Runtime.UserCodeSyntaxError",
            "SyntaxError: ",
        ),
        (
            "import",
            "require('nothing-here');",
            "index.handler",
            "Runtime.ImportModuleError",
            "Error: Cannot find module 'nothing-here'",
        ),
        ("module", "", "other.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'other'"),
        (
            "handler",
            "exports.x = 1;",
            "index.handler",
            "Runtime.HandlerNotFound",
            "index.handler is undefined or not exported",
        ),
        ("function", "exports.x = 1;", "index.x", "Runtime.HandlerNotFound", "index.x is not a function"),
        ("name", "", "index", "Runtime.MalformedHandlerName", "Bad handler"),
        (
            "dots",
            "",
            "../index.handler",
            "Runtime.MalformedHandlerName",
            "'../index.handler' is not a valid handler name.",
        ),
        ("throw", "throw new RangeError('at load');", "index.handler", "RangeError", "at load"),
    ];
    for (name, code, handler, kind, message) in cases {
        let mut spec = node(&world, name, &[("index.js", code)]);
        spec.handler = handler.into();
        let done = world.invoke(&Arc::new(spec), "{}").await;
        let error = body(&done);
        assert_eq!(error["errorType"], kind, "{name}: {error}");
        assert!(error["errorMessage"].as_str().is_some_and(|m| m.starts_with(message)), "{name}: {error}");
        let log = tail(&done);
        let line = format!("\tundefined\tERROR\tUncaught Exception \t{{\"errorType\":\"{kind}\"");
        assert!(log.contains(&line) && log.contains("INIT_REPORT "), "{name}: {log}");
    }
    let mut spec = node(&world, "old", &[("index.js", "exports.handler = (e, c, callback) => callback();")]);
    spec.runtime = "nodejs24.x".into();
    let done = world.invoke(&Arc::new(spec), "{}").await;
    assert_eq!(body(&done)["errorType"], "Runtime.CallbackHandlerDeprecated", "{}", text(&done));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_json_and_filtered_when_asked_for() {
    let world = World::new();
    let code = "
exports.handler = async () => {
    console.debug('too low');
    console.info('one', 2);
    console.warn({ a: 1 });
    console.error('went wrong', new TypeError('t'));
};";
    let mut spec = node(&world, "f", &[("index.js", code)]);
    spec.json_log_level = Some("INFO".into());
    let done = world.invoke(&Arc::new(spec), "{}").await;
    let records: Vec<Value> = tail(&done).lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
    assert_eq!(records.len(), 3, "{}", tail(&done));
    assert_eq!((&records[0]["level"], &records[0]["message"]), (&json!("INFO"), &json!("one 2")));
    assert!(records[0]["requestId"].as_str().is_some_and(|id| id.len() == 36));
    assert_eq!((&records[1]["level"], &records[1]["message"]), (&json!("WARN"), &json!({"a": 1})));
    assert_eq!((&records[2]["errorType"], &records[2]["errorMessage"]), (&json!("TypeError"), &json!("t")));
    assert!(records[2]["stackTrace"].is_array());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(jail), ignore = "asserts what a jail shows")]
async fn one_environment_sees_nothing_of_another_nor_of_the_machine() {
    let world = World::with(|c| c.sandbox = Sandbox::Require);
    let code = "
const fs = require('fs'), { execSync } = require('child_process');
const attempt = (what) => { try { return String(what()); } catch (e) { return e.code || String(e.status); } };
exports.handler = async (event) => event ? attempt(() => fs.readFileSync(event)) : ({
    host: attempt(() => fs.readdirSync('/.host').length),
    write: attempt(() => fs.writeFileSync('/var/task/x', 'x')),
    usr: attempt(() => fs.writeFileSync('/usr/x', 'x')),
    tmp: attempt(() => { fs.writeFileSync('/tmp/x', 'x'); return fs.readdirSync('/tmp').join(); }),
    layer: attempt(() => fs.readFileSync('/opt/data', 'utf8')),
    processes: fs.readdirSync('/proc').filter((n) => /^[0-9]+$/.test(n)).length,
    privileges: fs.readFileSync('/proc/self/status', 'utf8').match(/(NoNewPrivs|Seccomp|CapEff):\\s*\\w+/g).join(' '),
    uid: process.getuid(),
    size: attempt(() => execSync(\"df -m /tmp | tail -1 | awk '{print $2}'\").toString().trim()),
});";
    let mut spec = node(&world, "f", &[("index.js", code)]);
    let layer = world.dir.path().join("layer");
    std::fs::create_dir(&layer).expect("folder");
    std::fs::write(layer.join("data"), "of the layer").expect("written");
    spec.layers.push(layer);
    spec.ephemeral_mb = 600;
    let spec = Arc::new(spec);
    let done = world.invoke(&spec, "0").await;
    let seen = body(&done);
    assert_eq!(seen["tmp"], "x", "{seen}");
    assert_eq!(seen["layer"], "of the layer", "{seen}");
    assert_eq!(seen["size"], "600", "{seen}");
    assert!(["0", "ENOENT"].contains(&seen["host"].as_str().unwrap_or_default()), "{seen}");
    for denied in ["write", "usr"] {
        assert!(["EACCES", "EROFS"].contains(&seen[denied].as_str().unwrap_or_default()), "{seen}");
    }
    assert_eq!(seen["processes"], 1, "{seen}");
    let privileges = seen["privileges"].as_str().unwrap_or_default();
    assert!(privileges.contains("CapEff:\t0000000000000000"), "{privileges}");
    assert!(privileges.contains("NoNewPrivs:\t1") && privileges.contains("Seccomp:\t2"), "{privileges}");
    let other = node(&world, "other", &[("index.js", code), ("secret.txt", "s")]);
    let path = other.code_dir.join("secret.txt");
    for path in [path.to_str().expect("text"), "/etc/shadow", "/root/.profile"] {
        let answer = text(&world.invoke(&spec, &json!(path).to_string()).await);
        assert!(answer == "\"ENOENT\"" || answer == "\"EACCES\"", "{path}: {answer}");
    }
    let other = Arc::new(other);
    let seen_by_other = body(&world.invoke(&other, "0").await);
    assert_eq!(seen_by_other["tmp"], "x", "{seen_by_other}");
    if rustix::process::getuid().is_root() {
        assert_ne!(seen["uid"], seen_by_other["uid"]);
        assert_ne!(seen["uid"], 0);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(jail), ignore = "asserts what a jail shows")]
async fn variables_that_node_reads_at_its_start_count() {
    let world = World::new();
    let code = "exports.handler = async () => [process.env.NODE_OPTIONS, globalThis.early, require('own')];";
    let files = [
        ("index.js", code),
        ("early.js", "globalThis.early = 'loaded first';"),
        ("lib/own.js", "module.exports = 'by NODE_PATH';"),
    ];
    let mut spec = node(&world, "f", &files);
    spec.environment.push(("NODE_PATH".into(), "/var/task/lib".into()));
    let plain = world.invoke(&Arc::new(spec.clone()), "{}").await;
    assert_eq!(text(&plain), "[null,null,\"by NODE_PATH\"]", "{}", tail(&plain));
    spec.key.push('2');
    spec.environment.push(("NODE_OPTIONS".into(), "--require ./early.js".into()));
    let with = world.invoke(&Arc::new(spec), "{}").await;
    assert_eq!(
        text(&with),
        "[\"--require ./early.js\",\"loaded first\",\"by NODE_PATH\"]",
        "{}",
        tail(&with)
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_version_is_answered_by_another_with_a_warning_or_refused() {
    let world = World::new();
    let mut spec = node(&world, "f", &[("index.js", "exports.handler = async () => 1;")]);
    spec.runtime = "nodejs99.x".into();
    let done = world.invoke(&Arc::new(spec.clone()), "{}").await;
    let warning = done.warning.clone().expect("a warning");
    assert!(warning.contains("nodejs99.x is not installed"), "{warning}");
    assert!(world.log().contains(&warning), "{}", world.log());
    world.end().await;
    let world = World::with(|c| c.strict_runtimes = true);
    let error = world.try_invoke(&Arc::new(spec), "{}").await.expect_err("refused");
    assert!(matches!(&error, InvokeError::RuntimeUnavailable(t) if t.contains("nodejs99.x")), "{error}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_out_ends_the_environment_and_nothing_is_left() {
    let world = World::new();
    let mut spec = node(&world, "f", &[("index.js", "exports.handler = async () => { for (;;) {} };")]);
    spec.timeout = Duration::from_secs(1);
    let done = world.invoke(&Arc::new(spec), "{}").await;
    assert_eq!(body(&done)["errorType"], "Sandbox.Timedout");
    world.end().await;
}

const STREAMS: &str = "
exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
    if (event === 'page') {
        stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { a: 'b' } });
    } else {
        stream.setContentType('text/plain');
    }
    stream.write('one,');
    await new Promise((r) => setTimeout(r, 200));
    if (event === 'break') throw new RangeError('broke');
    stream.write({ two: 2 });
    stream.end();
});";

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_response_is_handed_on_as_it_comes() {
    // No second environment while the first one comes back.
    let world = World::with(|c| c.grace = Duration::from_millis(500));
    let spec = Arc::new(node(&world, "f", &[("index.js", STREAMS)]));
    // Buffered: all of it at once.
    assert_eq!(text(&world.invoke(&spec, "1").await), "one,{\"two\":2}");
    let page = world.invoke(&spec, "\"page\"").await;
    assert_eq!(text(&page), "{\"statusCode\":201,\"headers\":{\"a\":\"b\"}}\0\0\0\0\0\0\0\0one,{\"two\":2}");
    let broken = world.invoke(&spec, "\"break\"").await;
    let error = body(&broken);
    assert_eq!((&error["errorType"], &error["errorMessage"]), (&json!("RangeError"), &json!("broke")));
    for (event, failed) in [("1", false), ("\"break\"", true)] {
        let (stream, mut parts) = tokio::sync::mpsc::channel(16);
        let context = InvokeContext { stream: Some(stream), ..world.context() };
        let running = world.executor.invoke(&spec, event.into(), context);
        let reading = async {
            let first = parts.recv().await.expect("begun");
            assert!(
                matches!(&first, Part::Begin { content_type, .. } if content_type == "text/plain"),
                "{first:?}"
            );
            assert_eq!(parts.recv().await, Some(Part::Chunk("one,".into())));
            let begun = std::time::Instant::now();
            let mut rest = Vec::new();
            while let Some(Part::Chunk(data)) = parts.recv().await {
                rest.extend_from_slice(&data);
            }
            (begun.elapsed(), rest)
        };
        let (done, (pause, rest)) = tokio::join!(running, reading);
        let done = done.expect("ran");
        assert!(pause >= Duration::from_millis(150), "the first piece came with the last: {pause:?}");
        assert_eq!(done.function_error.is_some(), failed);
        assert_eq!(rest, if failed { &b""[..] } else { b"{\"two\":2}" });
    }
    assert_eq!(world.executor.environments(), 1);
    world.end().await;
}
