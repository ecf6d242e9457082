use serde_json::json;

use super::*;

const NOW: i64 = 1_800_000_000_000;
const A: &str = "111111111111";
const B: &str = "222222222222";

struct Bench {
    logs: Logs,
    _directory: tempfile::TempDir,
}

fn bench() -> Bench {
    let directory = tempfile::tempdir().unwrap();
    let logs = Logs::new(Store::in_memory(directory.path()).unwrap());
    Bench { logs, _directory: directory }
}

fn call(account: &str, region: &str, operation: &'static str, input: serde_json::Value) -> Call {
    let serde_json::Value::Object(input) = input else { panic!("an object") };
    Call {
        operation,
        input,
        payload: Default::default(),
        account: account.parse().unwrap(),
        region: region.to_owned(),
        request_id: "r".to_owned(),
        now_ms: NOW,
        trace: None,
    }
}

impl Bench {
    #[track_caller]
    fn ok(&self, operation: &'static str, input: serde_json::Value) -> serde_json::Value {
        let reply = self.logs.handle(&call(A, "us-east-1", operation, input));
        serde_json::Value::Object(reply.unwrap_or_else(|e| panic!("{operation}: {e}")).output)
    }

    #[track_caller]
    fn refused(&self, operation: &'static str, input: serde_json::Value) -> (String, String) {
        let error = self.logs.handle(&call(A, "us-east-1", operation, input)).expect_err(operation);
        assert!(error.status == 400 || error.status == 501);
        (error.code, error.message.unwrap_or_default())
    }

    fn append(&self, group: &str, stream: &str, events: &[(i64, &str)]) {
        let events = events.iter().map(|(t, m)| (NOW + t, (*m).to_owned())).collect();
        self.logs.append(A.parse().unwrap(), "us-east-1", group, stream, events);
    }
}

fn messages(reply: &serde_json::Value) -> Vec<&str> {
    reply["events"].as_array().unwrap().iter().map(|e| e["message"].as_str().unwrap()).collect()
}

#[test]
fn what_was_appended_is_read_at_once_and_makes_its_group_and_stream() {
    let bench = bench();
    bench.append("/aws/lambda/f", "2026/11/23/[$LATEST]aa", &[(0, "START"), (0, "out"), (1, "END")]);
    let found = bench.ok("FilterLogEvents", json!({"logGroupName": "/aws/lambda/f"}));
    assert_eq!(messages(&found), ["START", "out", "END"]);
    assert_eq!(found["events"][0]["logStreamName"], "2026/11/23/[$LATEST]aa");
    assert_eq!(found["searchedLogStreams"], json!([]));
    let groups = bench.ok("DescribeLogGroups", json!({"logGroupNamePrefix": "/aws/lambda/"}));
    assert_eq!(
        groups["logGroups"][0]["arn"],
        "arn:aws:logs:us-east-1:111111111111:log-group:/aws/lambda/f:*"
    );
    assert_eq!(groups["logGroups"][0]["storedBytes"], 3 * 26 + 11);
}

// Recordings: test_logs_groups, test_logs_streams, test_logs_events.
#[test]
fn groups_and_streams_answer_as_recorded() {
    let bench = bench();
    assert_eq!(
        bench.ok("CreateLogGroup", json!({"logGroupName": "g", "tags": {"env": "testing"}})),
        json!({})
    );
    assert_eq!(
        bench.refused("CreateLogGroup", json!({"logGroupName": "g"})),
        ("ResourceAlreadyExistsException".into(), "The specified log group already exists".into())
    );
    let shown = &bench.ok("DescribeLogGroups", json!({}))["logGroups"][0];
    assert_eq!(
        shown,
        &json!({
            "arn": "arn:aws:logs:us-east-1:111111111111:log-group:g:*", "creationTime": NOW,
            "deletionProtectionEnabled": false, "logGroupArn": "arn:aws:logs:us-east-1:111111111111:log-group:g",
            "logGroupClass": "STANDARD", "logGroupName": "g", "metricFilterCount": 0, "storedBytes": 0,
        })
    );
    bench.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"}));
    assert_eq!(
        bench.refused("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"})),
        ("ResourceAlreadyExistsException".into(), "The specified log stream already exists".into())
    );
    let want = json!([{
        "arn": "arn:aws:logs:us-east-1:111111111111:log-group:g:log-stream:s", "creationTime": NOW,
        "logStreamName": "s", "storedBytes": 0,
    }]);
    for group in [
        json!({"logGroupName": "g"}),
        json!({"logGroupIdentifier": "g"}),
        json!({"logGroupIdentifier": "arn:aws:logs:us-east-1:111111111111:log-group:g"}),
    ] {
        assert_eq!(bench.ok("DescribeLogStreams", group)["logStreams"], want);
    }
    assert_eq!(
        bench.refused("DescribeLogStreams", json!({"logGroupName": "g", "logGroupIdentifier": "g"})),
        (
            "ValidationException".into(),
            "LogGroup name and LogGroup ARN are mutually exclusive parameters.".into()
        )
    );
    assert_eq!(
        bench.refused("DescribeLogGroups", json!({"logGroupNamePrefix": "a", "logGroupNamePattern": "b"})).1,
        "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
    );
    let gone = bench.refused("GetLogEvents", json!({"logGroupName": "x", "logStreamName": "s"}));
    assert_eq!(gone, ("ResourceNotFoundException".into(), "The specified log group does not exist.".into()));
    let gone = bench.refused("GetLogEvents", json!({"logGroupName": "g", "logStreamName": "x"}));
    assert_eq!(gone, ("ResourceNotFoundException".into(), "The specified log stream does not exist.".into()));
    let token = json!({"logGroupName": "g", "logStreamName": "s", "nextToken": "invalid-token"});
    assert_eq!(bench.refused("GetLogEvents", token.clone()).1, "The specified nextToken is invalid.");
    let token = json!({"logGroupName": "g", "logStreamNames": ["s"], "nextToken": "invalid-token"});
    assert_eq!(bench.refused("FilterLogEvents", token).1, "The specified nextToken is invalid.");
    bench.ok("DeleteLogStream", json!({"logGroupName": "g", "logStreamName": "s"}));
    bench.ok("DeleteLogGroup", json!({"logGroupName": "g"}));
    assert_eq!(bench.refused("DeleteLogGroup", json!({"logGroupName": "g"})).0, "ResourceNotFoundException");
}

#[test]
fn pages_of_groups_and_streams_are_whole() {
    let bench = bench();
    for n in 0..7 {
        bench.ok("CreateLogGroup", json!({"logGroupName": format!("g{n}")}));
        bench.append("g0", &format!("s{n}"), &[(i64::from(7 - n), "x")]);
    }
    let mut seen = Vec::new();
    let mut input = json!({"limit": 3});
    loop {
        let page = bench.ok("DescribeLogGroups", input.clone());
        seen.extend(page["logGroups"].as_array().unwrap().iter().map(|g| g["logGroupName"].to_string()));
        match page.get("nextToken") {
            Some(token) => input["nextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(seen.len(), 7);
    let mut seen = Vec::new();
    let mut input = json!({"logGroupName": "g0", "limit": 3, "orderBy": "LastEventTime", "descending": true});
    loop {
        let page = bench.ok("DescribeLogStreams", input.clone());
        seen.extend(page["logStreams"].as_array().unwrap().iter().map(|s| s["logStreamName"].clone()));
        match page.get("nextToken") {
            Some(token) => input["nextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(seen, ["s0", "s1", "s2", "s3", "s4", "s5", "s6"]);
    let both = json!({"logGroupName": "g0", "orderBy": "LastEventTime", "logStreamNamePrefix": "s"});
    assert_eq!(
        bench.refused("DescribeLogStreams", both).1,
        "Cannot order by LastEventTime with a logStreamNamePrefix."
    );
}

fn put(times: &[i64]) -> serde_json::Value {
    let events: Vec<_> =
        times.iter().map(|t| json!({"timestamp": NOW + t, "message": format!("at {t}")})).collect();
    json!({"logGroupName": "g", "logStreamName": "s", "logEvents": events})
}

#[test]
fn events_are_put_in_order_and_those_out_of_range_are_rejected() {
    let bench = bench();
    assert_eq!(bench.refused("PutLogEvents", put(&[0])).1, "The specified log group does not exist.");
    bench.ok("CreateLogGroup", json!({"logGroupName": "g"}));
    assert_eq!(bench.refused("PutLogEvents", put(&[0])).1, "The specified log stream does not exist.");
    bench.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"}));
    assert_eq!(
        bench.refused("PutLogEvents", put(&[5, 1])).1,
        "Log events in a single PutLogEvents request must be in chronological order."
    );
    assert!(
        bench.refused("PutLogEvents", put(&[-90_000_000, 0])).1.contains("cannot span more than 24 hours")
    );
    let hour = 3_600_000;
    let reply = bench.ok("PutLogEvents", put(&[0, hour, 3 * hour]));
    assert_eq!(reply["rejectedLogEventsInfo"], json!({"tooNewLogEventStartIndex": 2}));
    assert_eq!(reply["nextSequenceToken"].as_str().unwrap().len(), 56);
    let reply = bench.ok("PutLogEvents", put(&[-15 * 24 * hour]));
    assert_eq!(reply["rejectedLogEventsInfo"], json!({"tooOldLogEventEndIndex": 1}));
    let read = bench.ok("GetLogEvents", json!({"logGroupName": "g", "logStreamName": "s"}));
    assert_eq!(messages(&read), ["at 0", "at 3600000"]);
    let big = json!({"logGroupName": "g", "logStreamName": "s",
        "logEvents": [{"timestamp": NOW, "message": "a".repeat(1_048_576)}]});
    assert_eq!(
        bench.refused("PutLogEvents", big).1,
        "Upload too large: 1048602 bytes exceeds limit of 1048576"
    );
}

#[test]
fn get_walks_forward_and_backward_and_stops_with_the_same_token() {
    let bench = bench();
    for batch in 0..5 {
        for n in 0..5 {
            bench.append("g", "s", &[(batch * 5 + n, &format!("{}", batch * 5 + n))]);
        }
        bench.logs.flush().unwrap();
    }
    let base = json!({"logGroupName": "g", "logStreamName": "s", "limit": 10});
    let last = bench.ok("GetLogEvents", base.clone());
    assert_eq!(messages(&last).first(), Some(&"15"));
    let mut input = base.clone();
    input["startFromHead"] = true.into();
    let mut seen = 0;
    loop {
        let page = bench.ok("GetLogEvents", input.clone());
        for message in messages(&page) {
            assert_eq!(message, seen.to_string());
            seen += 1;
        }
        let token = page["nextForwardToken"].clone();
        if input.get("nextToken") == Some(&token) {
            break;
        }
        input["nextToken"] = token;
    }
    assert_eq!(seen, 25);
    let mut back = base;
    back["nextToken"] = last["nextBackwardToken"].clone();
    assert_eq!(
        messages(&bench.ok("GetLogEvents", back)),
        ["5", "6", "7", "8", "9", "10", "11", "12", "13", "14"]
    );
    let window = json!({"logGroupName": "g", "logStreamName": "s", "startTime": NOW + 3, "endTime": NOW + 5});
    assert_eq!(messages(&bench.ok("GetLogEvents", window)), ["3", "4"]);
}

/// What `aws logs tail` does: all streams by time, page by page; then again from the last event's time.
#[test]
fn filter_merges_streams_by_time_and_pages() {
    let bench = bench();
    for n in 0..30 {
        let word = if n % 2 == 0 { "ERROR even" } else { "odd" };
        bench.append("g", &format!("s{}", n % 3), &[(n, &format!("{n} {word}"))]);
    }
    let mut seen = Vec::new();
    let mut input = json!({"logGroupName": "g", "limit": 7, "startTime": NOW + 5, "endTime": NOW + 25});
    loop {
        let page = bench.ok("FilterLogEvents", input.clone());
        seen.extend(
            messages(&page).into_iter().map(|m| m.split(' ').next().unwrap().parse::<i64>().unwrap()),
        );
        match page.get("nextToken") {
            Some(token) => input["nextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(seen, (5..=25).collect::<Vec<i64>>());
    let errors = bench.ok("FilterLogEvents", json!({"logGroupName": "g", "filterPattern": "ERROR"}));
    assert_eq!(messages(&errors).len(), 15);
    let one = bench.ok("FilterLogEvents", json!({"logGroupName": "g", "logStreamNames": ["s1"]}));
    assert_eq!(messages(&one).len(), 10);
    let one = bench.ok("FilterLogEvents", json!({"logGroupName": "g", "logStreamNamePrefix": "s2"}));
    assert_eq!(messages(&one).len(), 10);
    bench.append("g", "s1", &[(40, "later")]);
    let later = bench.ok("FilterLogEvents", json!({"logGroupName": "g", "startTime": NOW + 30}));
    assert_eq!(messages(&later), ["later"]);
}

#[test]
fn a_large_answer_is_cut_at_a_megabyte() {
    let bench = bench();
    for n in 0..30 {
        bench.append("g", "s", &[(n, &"x".repeat(100_000))]);
    }
    let mut input = json!({"logGroupName": "g"});
    let mut total = 0;
    loop {
        let page = bench.ok("FilterLogEvents", input.clone());
        assert!(messages(&page).len() <= 10);
        total += messages(&page).len();
        match page.get("nextToken") {
            Some(token) => input["nextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(total, 30);
}

#[test]
fn accounts_and_regions_do_not_see_each_other() {
    let bench = bench();
    bench.append("g", "s", &[(0, "of a")]);
    for (account, region) in [(B, "us-east-1"), (A, "eu-west-1")] {
        let run = |operation, input| bench.logs.handle(&call(account, region, operation, input));
        assert_eq!(run("DescribeLogGroups", json!({})).unwrap().output["logGroups"], json!([]));
        for group in [
            json!({"logGroupName": "g"}),
            json!({"logGroupIdentifier": "arn:aws:logs:us-east-1:111111111111:log-group:g"}),
        ] {
            let error = run("FilterLogEvents", group).unwrap_err();
            assert_eq!(error.code, "ResourceNotFoundException");
        }
    }
}

#[test]
fn retention_hides_and_then_deletes() {
    let bench = bench();
    let day = 86_400_000;
    bench.append("g", "s", &[(-4 * day, "old"), (0, "new")]);
    let refused = bench.refused("PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 2}));
    assert_eq!(refused.0, "InvalidParameterException");
    bench.ok("PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 1}));
    assert_eq!(bench.ok("DescribeLogGroups", json!({}))["logGroups"][0]["retentionInDays"], 1);
    assert_eq!(messages(&bench.ok("FilterLogEvents", json!({"logGroupName": "g"}))), ["new"]);
    assert_eq!(bench.logs.expire(NOW).unwrap(), 1);
    bench.ok("DeleteRetentionPolicy", json!({"logGroupName": "g"}));
    assert!(bench.ok("DescribeLogGroups", json!({}))["logGroups"][0].get("retentionInDays").is_none());
    assert_eq!(messages(&bench.ok("FilterLogEvents", json!({"logGroupName": "g"}))), ["new"]);
}

// Recording: test_tag_resource_api.
#[test]
fn tags_are_the_same_by_name_and_by_arn() {
    let bench = bench();
    let arn = "arn:aws:logs:us-east-1:111111111111:log-group:g";
    bench.ok("CreateLogGroup", json!({"logGroupName": "g", "tags": {"env": "testing1"}}));
    bench.ok("TagResource", json!({"resourceArn": arn, "tags": {"test1": "val1", "test2": "val2"}}));
    bench.ok("TagLogGroup", json!({"logGroupName": "g", "tags": {"test3": "val3"}}));
    let want = json!({"tags": {"env": "testing1", "test1": "val1", "test2": "val2", "test3": "val3"}});
    assert_eq!(bench.ok("ListTagsForResource", json!({"resourceArn": arn})), want);
    assert_eq!(bench.ok("ListTagsForResource", json!({"resourceArn": format!("{arn}:*")})), want);
    bench.ok("UntagLogGroup", json!({"logGroupName": "g", "tags": ["env", "test3"]}));
    bench.ok("UntagResource", json!({"resourceArn": arn, "tagKeys": ["test1"]}));
    assert_eq!(
        bench.ok("ListTagsLogGroup", json!({"logGroupName": "g"})),
        json!({"tags": {"test2": "val2"}})
    );
    let many: serde_json::Map<_, _> = (0..51).map(|n| (format!("k{n}"), json!("v"))).collect();
    let refused = bench.refused("TagResource", json!({"resourceArn": arn, "tags": many}));
    assert_eq!(refused.0, "TooManyTagsException");
    assert_eq!(
        bench
            .refused("ListTagsForResource", json!({"resourceArn": "arn:aws:logs:us-east-1:111111111111:x"}))
            .0,
        "InvalidParameterException"
    );
}

#[test]
fn what_was_flushed_survives_and_streams_of_similar_names_stay_apart() {
    let directory = tempfile::tempdir().unwrap();
    {
        let logs = Logs::new(Store::open(directory.path()).unwrap());
        for (group, stream) in [("g", "a"), ("g", "ab"), ("gg", "a")] {
            logs.append(
                A.parse().unwrap(),
                "us-east-1",
                group,
                stream,
                vec![(NOW, format!("{group}/{stream}"))],
            );
        }
        logs.flush().unwrap();
    }
    let bench = Bench { logs: Logs::new(Store::open(directory.path()).unwrap()), _directory: directory };
    let read = bench.ok("GetLogEvents", json!({"logGroupName": "g", "logStreamName": "a"}));
    assert_eq!(messages(&read), ["g/a"]);
    bench.ok("DeleteLogStream", json!({"logGroupName": "g", "logStreamName": "a"}));
    assert_eq!(messages(&bench.ok("FilterLogEvents", json!({"logGroupName": "g"}))), ["g/ab"]);
    bench.ok("DeleteLogGroup", json!({"logGroupName": "g"}));
    assert_eq!(messages(&bench.ok("FilterLogEvents", json!({"logGroupName": "gg"}))), ["gg/a"]);
}

#[test]
fn an_operation_without_behaviour_names_itself() {
    let (code, text) = bench().refused("CreateExportTask", json!({}));
    assert_eq!((code.as_str(), text.contains("logs:CreateExportTask")), ("NotImplemented", true));
}

#[test]
fn each_call_is_checked_on_the_resource_that_aws_names() {
    let bench = bench();
    let root = Principal::Root { account: A.parse().unwrap() };
    let check = |operation, input| {
        let checks = bench.logs.checks(&call(A, "us-east-1", operation, input), &root).unwrap();
        let [check] = checks.as_slice() else { panic!("one check") };
        format!("{} {}", check.action, check.resource)
    };
    let arn = "arn:aws:logs:us-east-1:111111111111:log-group:";
    assert_eq!(
        check("CreateLogGroup", json!({"logGroupName": "g"})),
        format!("logs:CreateLogGroup {arn}g:log-stream:")
    );
    assert_eq!(
        check("PutLogEvents", json!({"logGroupName": "g", "logStreamName": "s"})),
        format!("logs:PutLogEvents {arn}g:log-stream:s")
    );
    assert_eq!(check("DescribeLogGroups", json!({})), format!("logs:DescribeLogGroups {arn}:log-stream:"));
    assert_eq!(
        check("ListTagsForResource", json!({"resourceArn": format!("{arn}g")})),
        format!("logs:ListTagsForResource {arn}g")
    );
    let tagged = call(A, "us-east-1", "CreateLogGroup", json!({"logGroupName": "g", "tags": {"a": "b"}}));
    let checks = bench.logs.checks(&tagged, &root).unwrap();
    assert_eq!(checks[0].context.get("aws:RequestTag/a"), Some(["b".to_owned()].as_slice()));
}

/// In a build with optimizations a tenth of this; the bound is for debug builds on a busy machine.
#[test]
fn a_hundred_thousand_events_are_filtered_in_a_moment() {
    let bench = bench();
    for batch in 0..100_i64 {
        let events =
            (0..1000_i64).map(|n| (NOW + batch * 1000 + n, format!("INFO request {n} of {batch}"))).collect();
        bench.logs.append(A.parse().unwrap(), "us-east-1", "g", &format!("s{}", batch % 10), events);
    }
    bench.logs.flush().unwrap();
    let began = std::time::Instant::now();
    let found =
        bench.ok("FilterLogEvents", json!({"logGroupName": "g", "filterPattern": "\"of 77\" \"request 5\""}));
    let took = began.elapsed();
    assert_eq!(messages(&found), ["INFO request 5 of 77"]);
    assert!(took < std::time::Duration::from_secs(5), "{took:?}");
    eprintln!("FilterLogEvents over 100,000 events: {took:?}");
}
