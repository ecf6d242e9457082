//! Functions run: results, errors, environments, concurrency. Real processes.

mod support;

use lambda::execution::*;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::*;

const ECHO: &str = "
import os
def handler(event, context):
    print('hello', event)
    return {'event': event, 'stream': context.log_stream_name, 'id': context.aws_request_id}
";

fn body(invocation: &Invocation) -> Value {
    serde_json::from_slice(&invocation.payload).unwrap_or_else(|_| panic!("no JSON: {}", text(invocation)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_answers_and_its_environment_is_used_again() {
    // No second environment while the first one comes back.
    let world = World::with(|c| c.grace = Duration::from_millis(500));
    let spec = Arc::new(world.function("echo", ECHO));
    let first = world.invoke(&spec, r#"{"a":1}"#).await;
    assert_eq!(first.function_error, None, "{} {}", text(&first), tail(&first));
    assert_eq!(body(&first)["event"]["a"], 1);
    assert!(first.cold && first.durations.init.is_some());
    let second = world.invoke(&spec, "2").await;
    assert!(!second.cold);
    assert_eq!(second.log_stream, first.log_stream);
    assert_eq!(world.executor.environments(), 1);
    let log = tail(&second);
    assert!(log.starts_with("START RequestId: "), "{log}");
    assert!(log.contains("\nhello 2\nEND RequestId: "), "{log}");
    assert!(log.contains("\tMemory Size: 128 MB\tMax Memory Used: "), "{log}");
    assert!(world.log().starts_with("INIT_START Runtime Version: python:3."), "{}", world.log());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_python_found_runs_functions() {
    let found = pythons();
    assert!(!found.is_empty(), "these tests need a Python 3 on this machine");
    let world = World::new();
    let code = "
import sys, logging
def handler(event, context):
    logging.getLogger().warning('two\\nlines')
    if event == 'raise':
        raise KeyError('k')
    return '%d.%d' % sys.version_info[:2]
";
    for minor in found {
        let mut spec = world.function(&format!("v{minor}"), code);
        spec.runtime = format!("python3.{minor}");
        let spec = Arc::new(spec);
        let done = world.invoke(&spec, "1").await;
        assert_eq!(text(&done), format!("\"3.{minor}\""), "{}", tail(&done));
        assert_eq!((done.runtime_used.as_str(), &done.warning), (spec.runtime.as_str(), &None));
        assert!(tail(&done).contains("[WARNING]\t"), "{}", tail(&done));
        let failed = world.invoke(&spec, "\"raise\"").await;
        assert_eq!(body(&failed)["errorType"], "KeyError");
        assert_eq!(failed.log_stream, done.log_stream);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_runtime_is_answered_by_another_with_a_warning_or_refused() {
    let world = World::new();
    let mut spec = world.function("f", "def handler(e, c): return 1");
    spec.runtime = "python3.99".into();
    let done = world.invoke(&Arc::new(spec.clone()), "{}").await;
    let warning = done.warning.clone().expect("a warning");
    assert!(warning.contains("python3.99 is not installed"), "{warning}");
    assert!(world.log().contains(&warning), "{}", world.log());
    assert_eq!(world.warnings.lock().expect("lock").len(), 1);
    world.end().await;
    let world = World::with(|c| c.strict_runtimes = true);
    let error = world.try_invoke(&Arc::new(spec), "{}").await.expect_err("refused");
    assert!(matches!(&error, InvokeError::RuntimeUnavailable(t) if t.contains("python3.99")), "{error}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(jail), ignore = "asserts what a jail shows")]
async fn an_exception_is_reported_as_aws_does_and_the_environment_goes_on() {
    let world = World::new();
    let code = "
def inner():
    raise ValueError('bad thing')
def handler(event, context):
    inner()
";
    let spec = Arc::new(world.function("f", code));
    let done = world.invoke(&spec, "{}").await;
    assert_eq!(done.function_error, Some(FunctionError::Unhandled));
    let error = body(&done);
    assert_eq!(error["errorMessage"], "bad thing");
    assert_eq!(error["errorType"], "ValueError");
    assert!(error["requestId"].as_str().is_some_and(|id| id.len() == 36));
    let trace = [
        "  File \"/var/task/app.py\", line 5, in handler\n    inner()\n",
        "  File \"/var/task/app.py\", line 3, in inner\n    raise ValueError('bad thing')\n",
    ];
    assert_eq!(error["stackTrace"], json!(trace));
    assert!(text(&done).starts_with("{\"errorMessage\""), "{}", text(&done));
    let log = tail(&done);
    let expect = "[ERROR] ValueError: bad thing\nTraceback (most recent call last):\n\u{a0}\u{a0}File \"/var";
    assert!(log.contains(expect), "{log}");
    assert!(!world.invoke(&spec, "{}").await.cold);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn init_failures_have_aws_error_types_and_an_empty_request_id() {
    let world = World::new();
    let cases = [
        (
            "syntax",
            "def handler(:\n",
            "app.handler",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'app': ",
        ),
        (
            "import",
            "import nothing_here\n",
            "app.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'nothing_here'",
        ),
        (
            "module",
            "",
            "other.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'other': No module named 'other'",
        ),
        (
            "handler",
            "x = 1\n",
            "app.handler",
            "Runtime.HandlerNotFound",
            "Handler 'handler' missing on module 'app'",
        ),
        (
            "name",
            "x = 1\n",
            "app",
            "Runtime.MalformedHandlerName",
            "Bad handler 'app': not enough values to unpack (expected 2, got 1)",
        ),
        ("raise", "raise OSError('at import')\n", "app.handler", "OSError", "at import"),
    ];
    for (name, code, handler, kind, message) in cases {
        let mut spec = world.function(name, code);
        spec.handler = handler.into();
        let done = world.invoke(&Arc::new(spec), "{}").await;
        let error = body(&done);
        assert_eq!(error["errorType"], kind, "{name}: {error}");
        assert!(error["errorMessage"].as_str().is_some_and(|m| m.starts_with(message)), "{name}: {error}");
        assert_eq!(error["requestId"], "", "{name}");
        assert_eq!(done.function_error, Some(FunctionError::Unhandled));
        let log = tail(&done);
        assert!(log.contains(&format!("[ERROR] {kind}: ")) && log.contains("INIT_REPORT "), "{name}: {log}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exit_is_reported_and_the_next_invocation_gets_a_new_environment() {
    let world = World::new();
    let code = "
import os, sys, signal
def handler(event, context):
    if event == 0: return 'fine'
    if event == 1: sys.exit(1)
    if event == 2: os._exit(0)
    if event == 3: os._exit(127)
    if event == 4: os.abort()
";
    let spec = Arc::new(world.function("f", code));
    for (event, reason) in [
        ("1", "Runtime exited with error: exit status 1"),
        ("2", "Runtime exited without providing a reason"),
        ("3", "Runtime exited with error: exit status 127"),
    ] {
        let done = world.invoke(&spec, event).await;
        let id = tail(&done);
        let id = id.strip_prefix("START RequestId: ").and_then(|t| t.get(..36)).expect("an id");
        let expect = json!({ "errorType": "Runtime.ExitError", "errorMessage": format!("RequestId: {id} Error: {reason}") });
        assert_eq!(body(&done), expect);
        let next = world.invoke(&spec, "0").await;
        assert!(next.cold && text(&next) == "\"fine\"", "{}", text(&next));
    }
    let aborted = body(&world.invoke(&spec, "4").await);
    assert_eq!(aborted["errorType"], "Runtime.ExitError", "{aborted}");
    assert!(aborted["errorMessage"].as_str().is_some_and(|m| m.contains("error: signal: ")), "{aborted}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_out_ends_the_environment() {
    let world = World::new();
    let code = "
import time
def handler(event, context):
    print('before', flush=True)
    time.sleep(event)
    return context.get_remaining_time_in_millis()
";
    let mut spec = world.function("f", code);
    spec.timeout = Duration::from_secs(1);
    let spec = Arc::new(spec);
    let begun = Instant::now();
    let done = world.invoke(&spec, "30").await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let error = body(&done);
    assert_eq!(error["errorType"], "Sandbox.Timedout");
    let message = error["errorMessage"].as_str().unwrap_or_default();
    assert!(message.ends_with(" Error: Task timed out after 1.00 seconds"), "{message}");
    let log = tail(&done);
    assert!(log.contains("\nbefore\n") && log.contains("Task timed out after 1.00 seconds\n"), "{log}");
    assert!(log.contains("\tBilled Duration: 1000 ms\t"), "{log}");
    let next = world.invoke(&spec, "0").await;
    assert!(next.cold);
    // Its init phase is a part of this invocation.
    let left = body(&next).as_i64().unwrap_or_default();
    assert!((1..1000).contains(&left), "{left}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_init_phase_that_never_ends_is_bounded() {
    let world = World::with(|c| c.init_timeout = Duration::from_millis(400));
    let done = world.run("f", "import time\ntime.sleep(60)\n", "{}").await;
    assert_eq!(body(&done)["errorType"], "Sandbox.Timedout");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_serialised_as_aws_does() {
    let world = World::new();
    let code = "
import decimal, datetime
def handler(event, context):
    return {
        'string': 'text', 'bytes': b'raw', 'none': None, 'unicode': '\\u00e9',
        'decimal': {'a': decimal.Decimal('1.10'), 'b': [decimal.Decimal('2')]},
        'set': {1}, 'date': datetime.date(2020, 1, 1), 'tuple': (1, 'a'),
    }[event]
";
    let spec = Arc::new(world.function("f", code));
    for (event, expect) in [
        ("string", "\"text\""),
        ("bytes", "raw"),
        ("none", "null"),
        ("unicode", if python() == "python3.13" { "\"é\"" } else { "\"\\u00e9\"" }),
        ("decimal", "{\"a\": 1.10, \"b\": [2]}"),
        ("tuple", "[1, \"a\"]"),
    ] {
        assert_eq!(text(&world.invoke(&spec, &format!("\"{event}\"")).await), expect);
    }
    for (event, kind) in [("set", "set"), ("date", "date")] {
        let error = body(&world.invoke(&spec, &format!("\"{event}\"")).await);
        assert_eq!(error["errorType"], "Runtime.MarshalError");
        let message = format!("Unable to marshal response: Object of type {kind} is not JSON serializable");
        assert_eq!(error["errorMessage"], message);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_over_6_mb_is_refused_and_the_environment_goes_on() {
    let world = World::new();
    let spec = Arc::new(world.function("f", "def handler(n, c): return 'x' * n"));
    let fits = world.invoke(&spec, "6291554").await;
    assert_eq!((fits.payload.len(), fits.function_error), (6_291_556, None));
    let done = world.invoke(&spec, "6291555").await;
    let expect = json!({
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    });
    assert_eq!(body(&done), expect);
    let next = world.invoke(&spec, "1").await;
    assert_eq!((text(&next).as_str(), next.cold), ("\"x\"", false));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_callers_at_once_lose_nothing_and_start_no_storm() {
    let world = World::new();
    let spec = Arc::new(world.function("f", "def handler(e, c): return e"));
    let calls = (0..16).map(|caller| {
        let (spec, executor) = (spec.clone(), world.executor.clone());
        let contexts: Vec<_> = (0..50).map(|_| world.context()).collect();
        tokio::spawn(async move {
            let mut streams = Vec::new();
            for (n, context) in contexts.into_iter().enumerate() {
                let payload = format!("\"{caller}-{n}\"");
                let done = executor.invoke(&spec, payload.clone().into(), context).await.expect("ran");
                assert_eq!(text(&done), payload);
                streams.push(done.log_stream);
            }
            streams
        })
    });
    let mut streams = HashSet::new();
    for call in calls.collect::<Vec<_>>() {
        streams.extend(call.await.expect("all answered"));
    }
    assert!(streams.len() <= 16, "{} environments for 16 callers", streams.len());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn simultaneous_slow_invocations_have_an_environment_each() {
    let world = World::new();
    let spec = Arc::new(world.function("f", "import time\ndef handler(e, c): time.sleep(2)"));
    let begun = Instant::now();
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let (spec, executor, context) = (spec.clone(), world.executor.clone(), world.context());
            tokio::spawn(async move { executor.invoke(&spec, "{}".into(), context).await.expect("ran") })
        })
        .collect();
    let mut streams = HashSet::new();
    for call in calls {
        streams.insert(call.await.expect("answered").log_stream);
    }
    assert_eq!(streams.len(), 8);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bound_of_environments_holds_and_an_idle_one_of_another_function_makes_room() {
    let world = World::with(|c| {
        c.max_environments = 1;
        c.queue_timeout = Duration::from_millis(300);
    });
    let (a, b) =
        ("def handler(e, c): return 'a'", "import time\ndef handler(e, c): time.sleep(e); return 'b'");
    let (a, b) = (Arc::new(world.function("a", a)), Arc::new(world.function("b", b)));
    assert_eq!(text(&world.invoke(&a, "0").await), "\"a\"");
    assert_eq!(text(&world.invoke(&b, "0").await), "\"b\"");
    assert_eq!(world.executor.environments(), 1);
    let (busy, executor, context) = (b.clone(), world.executor.clone(), world.context());
    let running = tokio::spawn(async move { executor.invoke(&busy, "2".into(), context).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let error = world.try_invoke(&a, "0").await.expect_err("throttled");
    assert_eq!(error, InvokeError::Throttled(ThrottleReason::ConcurrentInvocationLimitExceeded));
    assert_eq!(error.to_string(), "Rate Exceeded.");
    assert_eq!(text(&running.await.expect("joined").expect("ran")), "\"b\"");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retiring_ends_idle_environments_and_lets_busy_ones_finish() {
    let world = World::new();
    let spec = Arc::new(world.function("f", "import time\ndef handler(e, c): time.sleep(e); return 'done'"));
    world.invoke(&spec, "0").await;
    world.executor.retire(&spec.key);
    wait_until("the idle one is gone", || world.executor.environments() == 0).await;
    let (busy, executor, context) = (spec.clone(), world.executor.clone(), world.context());
    let running = tokio::spawn(async move { executor.invoke(&busy, "0.5".into(), context).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    world.executor.retire(&spec.key);
    assert_eq!(text(&running.await.expect("joined").expect("ran")), "\"done\"");
    wait_until("the busy one is gone", || world.executor.environments() == 0).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_environment_is_evicted_and_one_that_was_killed_is_replaced() {
    let world = World::with(|c| c.idle_timeout = Duration::from_millis(200));
    let spec = Arc::new(world.function("f", "def handler(e, c): return 1"));
    world.invoke(&spec, "0").await;
    wait_until("it is evicted", || world.executor.environments() == 0).await;
    assert!(world.invoke(&spec, "0").await.cold);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_goes_on_when_its_caller_leaves() {
    let world = World::new();
    let spec =
        Arc::new(world.function("f", "import time\ndef handler(e, c): time.sleep(e); print('went on')"));
    world.invoke(&spec, "0").await;
    let left = tokio::time::timeout(Duration::from_millis(100), world.invoke(&spec, "0.5")).await;
    assert!(left.is_err());
    wait_until("its log is complete", || world.log().matches("REPORT RequestId").count() == 2).await;
    assert!(!world.invoke(&spec, "0").await.cold);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(jail), ignore = "asserts what a jail shows")]
async fn the_context_and_the_variables_are_as_on_aws() {
    let world = World::new();
    let code = "
import os
def handler(event, context):
    c = context
    return {
        'env': dict(os.environ), 'cwd': os.getcwd(),
        'context': [c.function_name, c.function_version, c.invoked_function_arn, c.memory_limit_in_mb,
                    c.log_group_name, c.log_stream_name, c.identity.cognito_identity_id,
                    c.client_context.client.app_title, c.client_context.custom, c.aws_request_id],
        'repr': repr(c).replace(c.log_stream_name, 'STREAM').replace(c.aws_request_id, 'ID'),
        'tenant': c.tenant_id, 'left': 0 < c.get_remaining_time_in_millis() <= 3000,
    }
";
    let spec = Arc::new(world.function("f", code));
    let context = InvokeContext {
        client_context: Some(r#"{"client":{"app_title":"T\u00e9"},"custom":{"k":"é"}}"#.into()),
        cognito_identity: Some(r#"{"cognitoIdentityId":"cid","cognitoIdentityPoolId":"pool"}"#.into()),
        ..world.context()
    };
    let id = context.request_id.clone();
    let done = world.executor.invoke(&spec, "{}".into(), context).await.expect("ran");
    let got = body(&done);
    let expect = json!([
        "f", "$LATEST", "arn:aws:lambda:us-east-1:222222222222:function:f", "128", "/aws/lambda/f",
        done.log_stream, "cid", "Té", { "k": "é" }, id
    ]);
    assert_eq!(got["context"], expect);
    assert_eq!(got["cwd"], "/var/task");
    assert_eq!((&got["tenant"], &got["left"]), (&Value::Null, &json!(true)));
    let client = "Client([installation_id=None,app_title=Té,app_version_name=None,app_version_code=None,\
                  app_package_name=None])";
    let repr = format!(
        "LambdaContext([aws_request_id=ID,log_group_name=/aws/lambda/f,log_stream_name=STREAM,function_name=f,\
         memory_limit_in_mb=128,function_version=$LATEST,\
         invoked_function_arn=arn:aws:lambda:us-east-1:222222222222:function:f,\
         client_context=ClientContext([custom={{'k': 'é'}},env=None,client={client}]),\
         identity=CognitoIdentity([cognito_identity_id=cid,cognito_identity_pool_id=pool]),tenant_id=None])"
    );
    assert_eq!(got["repr"], repr);
    for (name, value) in [
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_LAMBDA_FUNCTION_NAME", "f"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/f"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", done.log_stream.as_str()),
        ("AWS_LAMBDA_LOG_FORMAT", "Text"),
        ("AWS_EXECUTION_ENV", &format!("AWS_Lambda_{}", python())),
        ("AWS_ACCESS_KEY_ID", "ASIA-f"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_SESSION_TOKEN", "token"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
        ("LAMBDA_TASK_ROOT", "/var/task"),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ("_HANDLER", "app.handler"),
        ("TZ", ":UTC"),
        ("LANG", "en_US.UTF-8"),
        ("OWN", "value"),
        ("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"),
    ] {
        assert_eq!(got["env"][name], value, "{name}");
    }
    assert_eq!(got["env"]["HOME"], Value::Null);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_closes_its_descriptors_fails_alone() {
    let world = World::new();
    let code = "
import os
def handler(event, context):
    if event == 'output':
        os.close(1); os.close(2)
        return 'still here'
    os.closerange(0, 100)
    return 'lost'
";
    let spec = Arc::new(world.function("f", code));
    assert_eq!(text(&world.invoke(&spec, "\"output\"").await), "\"still here\"");
    let done = world.invoke(&spec, "\"all\"").await;
    assert!(done.function_error.is_some(), "{}", text(&done));
    assert_eq!(text(&world.invoke(&spec, "\"output\"").await), "\"still here\"");
    world.end().await;
}
