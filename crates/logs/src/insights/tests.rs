use serde_json::{Value, json};

use super::parse::{Command, parse};
use super::row::Source;
use super::run::Run;
use crate::model::Event;
use crate::read::EventId;

const START: i64 = 1_800_000_000_000;
const EVENTS: [&str; 6] = [
    r#"{"level":"INFO","ms":10,"user":{"id":"a"},"ok":true,"list":[1]}"#,
    r#"{"level":"ERROR","ms":20.5,"user":{"id":"b"}}"#,
    "plain user=alice, method:GET, latency := 25",
    "",
    r#"{"level":"INFO","ms":30}"#,
    r#"{"level":"WARN","ms":40,"user":{"id":"c"},"ok":false,"list":[3,4]}"#,
];

fn run(commands: &[Command], log: &str, events: &[&str]) -> String {
    let mut run = Run::new(commands, 1000, START);
    for (n, message) in events.iter().enumerate() {
        let time = START + i64::try_from(n).unwrap() * 1000;
        let id = EventId { time, sequence: 1, index: n };
        let event = Event { time, ingested: time, message: (*message).to_owned() };
        run.take(Source::new(id, event, log, "s"));
    }
    let rows = run.finish(commands, 1000);
    let cells = |cells: Vec<(String, String)>| {
        cells.iter().map(|(field, value)| format!("{field}={value}")).collect::<Vec<_>>().join(";")
    };
    let shown = rows.into_iter().map(|(row, _)| cells(row)).filter(|row| !row.is_empty());
    shown.collect::<Vec<_>>().join(" / ")
}

fn answer(query: &str) -> String {
    match parse(query) {
        Err(super::parse::Refusal::Malformed(..)) => "malformed".to_owned(),
        Err(super::parse::Refusal::NotImplemented(_)) => "not implemented".to_owned(),
        Ok(commands) => run(&commands, "111111111111:g", &EVENTS),
    }
}

/// The language as CloudWatch Logs User Guide, "Logs Insights QL", describes it.
#[test]
fn queries_answer_as_their_cases_say() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in include_str!("../../tests/cases/insights.tsv").lines().filter(|line| !line.starts_with('#')) {
        let (query, want) = line.split_once('\t').expect("two columns");
        count += 1;
        let got = answer(query);
        if got != want {
            wrong.push(format!("{query}\n  want {want}\n  got  {got}"));
        }
    }
    assert!(count >= 80, "{count} cases");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn lines_of_functions_have_fields_of_their_own() {
    let id = "8286a188-ba32-4475-8077-530cd35c09a9";
    let report = format!(
        "REPORT RequestId: {id}\tDuration: 2.25 ms\tBilled Duration: 3 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tInit Duration: 10.5 ms\t"
    );
    let own = format!("[INFO]\t2026-11-25T10:00:00.000Z\t{id}\tprice {{\"price\": 5}}");
    let start = format!("START RequestId: {id} Version: $LATEST");
    let events = [start.as_str(), own.as_str(), report.as_str()];
    let run = |query: &str| run(&parse(query).expect(query), "111111111111:/aws/lambda/f", &events);
    assert_eq!(
        run(
            "filter @type = 'REPORT' | fields @duration, @billedDuration, @memorySize / 1000 / 1000 as mb, @maxMemoryUsed, @initDuration"
        ),
        "@duration=2.25;@billedDuration=3;mb=128;@maxMemoryUsed=36000000;@initDuration=10.5"
    );
    assert_eq!(run("stats count(*) as n by @requestId"), format!("@requestId={id};n=3"));
    assert_eq!(run("filter ispresent(price) | fields price"), "price=5");
    assert_eq!(run("stats count(*) as n by @type | filter @type = 'START'"), "@type=START;n=1");
}

#[test]
fn deep_and_long_queries_are_refused() {
    let deep = format!("filter {}a{}", "(".repeat(500), ")".repeat(500));
    let minus = format!("filter a = {}1", "-".repeat(9000));
    let powers = format!("fields {}2", "2 ^ ".repeat(2000));
    let many = "fields a |".repeat(200);
    for query in [deep, minus, powers, many] {
        assert!(parse(&query).is_err(), "{query:.40}");
    }
}

#[test]
fn what_is_malformed_is_told_with_its_place() {
    let Err(super::parse::Refusal::Malformed(text, start, end)) = parse("fields @message\n| bogus x") else {
        panic!("refused")
    };
    assert_eq!(text, "unexpected symbol found bogus at line 2 and position 3");
    assert_eq!((start, end), (18, 23));
}

#[test]
fn memory_is_bounded_and_the_best_rows_are_kept() {
    let commands = parse("fields ms | sort ms desc | limit 3").unwrap();
    let mut run = Run::new(&commands, 1000, START);
    for n in 0..50_000 {
        let event =
            Event { time: START, ingested: START, message: format!("{{\"ms\":{}}}", (n * 7919) % 50_000) };
        run.take(Source::new(EventId { time: START, sequence: 1, index: n }, event, "a:g", "s"));
    }
    let rows: Vec<Value> =
        run.finish(&commands, 1000).into_iter().map(|(cells, _)| json!(cells[0].1)).collect();
    assert_eq!(rows, [json!("49999"), json!("49998"), json!("49997")]);
}
