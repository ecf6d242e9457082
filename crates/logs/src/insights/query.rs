//! Queries: begun, stopped, asked for.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use store::Store;
use wire::{ApiError, Call, Reply};

use super::parse::{Command, Refusal, parse};
use super::record::pointer;
use super::row::Source;
use super::run::{MAX_ROWS, Run};
use crate::fail::{Fail, Result, invalid, invalid_token, limit_exceeded};
use crate::model::{GROUPS, Group, STREAMS, Stream};
use crate::names::{group_key, group_of_identifier};
use crate::read::scan_while;
use crate::shelf;

/// Queries at work at a time (CloudWatch Logs quotas).
const MAX_RUNNING: usize = 30;
/// Log groups of a query (same page).
const MAX_GROUPS: usize = 50;
/// Queries that are remembered, and bytes of their results; the oldest are forgotten. AWS keeps results for seven days.
const REMEMBERED: usize = 1000;
const RESULT_BYTES: usize = 64 << 20;
/// How long a query may run; at AWS an hour.
const MAX_TIME: Duration = Duration::from_secs(60);

/// The queries of every account and region since the start.
#[derive(Default)]
pub(crate) struct Queries(Mutex<VecDeque<Arc<Query>>>);

struct Query {
    id: String,
    /// Whose it is: the key of a group without a name.
    scope: String,
    groups: Vec<String>,
    shown: String,
    created: i64,
    stop: AtomicBool,
    state: Mutex<State>,
}

struct State {
    status: &'static str,
    rows: Vec<Value>,
    bytes: usize,
    statistics: Statistics,
    took: Duration,
}

#[derive(Clone, Copy, Default)]
struct Statistics {
    scanned: u64,
    matched: u64,
    bytes: u64,
    groups: usize,
}

/// What a query's thread works on.
struct Job {
    account: String,
    region: String,
    groups: Vec<String>,
    from: i64,
    until: i64,
    commands: Vec<Command>,
    limit: usize,
    now_ms: i64,
}

impl Query {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queries {
    fn all(&self) -> MutexGuard<'_, VecDeque<Arc<Query>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn start(&self, store: &Store, call: &Call) -> Result<Reply> {
        if let Some(language @ ("SQL" | "PPL")) = call.text("queryLanguage") {
            let what = format!("StartQuery with the query language {language}");
            return Err(Fail::from(ApiError::not_implemented("logs", &what)));
        }
        let text = call.required("queryString");
        let commands = parse(text).map_err(refused)?;
        let groups = groups(store, call)?;
        let number = |member: &str| call.input.get(member).and_then(Value::as_i64).unwrap_or_default();
        let (start, end) = (number("startTime"), number("endTime"));
        if end < start {
            // The range must be one (API Reference); the text is not recorded.
            return Err(invalid("endTime must not be before startTime"));
        }
        let limit = call.input.get("limit").and_then(Value::as_u64).and_then(|l| usize::try_from(l).ok());
        let sources: Vec<String> = groups.iter().map(|group| format!("{group:?}")).collect();
        let query = Arc::new(Query {
            id: call.request_id.clone(),
            scope: group_key(call.account, &call.region, ""),
            // Recorded: test_describe_queries. How several groups are shown is reasoned.
            shown: format!("SOURCE {} START={start}000 END={end}999 | {text}", sources.join(" ")),
            groups: groups.clone(),
            created: call.now_ms,
            stop: AtomicBool::new(false),
            state: Mutex::new(State {
                status: "Running",
                rows: Vec::new(),
                bytes: 0,
                statistics: Statistics::default(),
                took: Duration::ZERO,
            }),
        });
        self.remember(&query)?;
        let job = Job {
            account: call.account.to_string(),
            region: call.region.clone(),
            groups,
            from: start.saturating_mul(1000),
            until: end.saturating_mul(1000).saturating_add(1000),
            commands,
            limit: limit.unwrap_or(MAX_ROWS).clamp(1, MAX_ROWS),
            now_ms: call.now_ms,
        };
        let (store, running) = (store.clone(), query.clone());
        std::thread::Builder::new()
            .name("insights".to_owned())
            .spawn(move || work(&store, &job, &running))
            .map_err(|e| Fail::from(ApiError::internal(format!("a query cannot be started: {e}"))))?;
        Ok(json!({ "queryId": query.id }).into())
    }

    fn remember(&self, query: &Arc<Query>) -> Result<()> {
        let mut all = self.all();
        if all.iter().filter(|query| query.state().status == "Running").count() >= MAX_RUNNING {
            return Err(limit_exceeded());
        }
        let mut bytes: usize = all.iter().map(|query| query.state().bytes).sum();
        while all.len() >= REMEMBERED || bytes > RESULT_BYTES {
            let Some(at) = all.iter().position(|query| query.state().status != "Running") else { break };
            bytes -= all.remove(at).map_or(0, |query| query.state().bytes);
        }
        all.push_back(query.clone());
        Ok(())
    }

    fn find(&self, call: &Call) -> Result<Arc<Query>> {
        let scope = group_key(call.account, &call.region, "");
        let id = call.required("queryId");
        let all = self.all();
        let found = all.iter().find(|query| query.scope == scope && query.id == id);
        // The code is in the model; the text is not recorded.
        found.cloned().ok_or_else(|| shelf::missing(format!("Query ID {id} does not exist.")))
    }

    pub(crate) fn stop(&self, call: &Call) -> Result<Reply> {
        let query = self.find(call)?;
        let mut state = query.state();
        if state.status != "Running" {
            // Known from public reports.
            return Err(invalid(format!("Query already ended with {} status", state.status)));
        }
        query.stop.store(true, Ordering::Relaxed);
        state.status = "Cancelled";
        Ok(json!({ "success": true }).into())
    }

    pub(crate) fn results(&self, call: &Call) -> Result<Reply> {
        let query = self.find(call)?;
        let state = query.state();
        let from = match call.text("nextToken") {
            None => 0,
            Some(token) => {
                token.parse().ok().filter(|at| *at <= state.rows.len()).ok_or_else(invalid_token)?
            }
        };
        let most = call.input.get("maxItems").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let until = from.saturating_add(most.unwrap_or(MAX_ROWS)).min(state.rows.len());
        let statistics = state.statistics;
        let mut output = json!({
            "queryLanguage": "CWLI",
            "results": state.rows.get(from..until).unwrap_or_default(),
            "statistics": {
                "recordsMatched": statistics.matched as f64,
                "recordsScanned": statistics.scanned as f64,
                "estimatedRecordsSkipped": 0.0,
                "bytesScanned": statistics.bytes as f64,
                "estimatedBytesSkipped": 0.0,
                "logGroupsScanned": statistics.groups as f64,
            },
            "status": state.status,
        });
        if until < state.rows.len() {
            output["nextToken"] = until.to_string().into();
        }
        Ok(output.into())
    }

    pub(crate) fn describe(&self, call: &Call) -> Result<Reply> {
        let scope = group_key(call.account, &call.region, "");
        let (group, status) = (call.text("logGroupName"), call.text("status"));
        let all: Vec<Arc<Query>> = self.all().iter().cloned().collect();
        let wanted = all.into_iter().rev().enumerate().filter_map(|(place, query)| {
            let state = query.state();
            let named = group.is_none_or(|group| query.groups.iter().any(|name| name == group));
            if query.scope != scope || !named || status.is_some_and(|status| status != state.status) {
                return None;
            }
            let mut shown = Map::new();
            shown.insert("queryLanguage".to_owned(), "CWLI".into());
            shown.insert("queryId".to_owned(), query.id.as_str().into());
            shown.insert("queryString".to_owned(), query.shown.as_str().into());
            shown.insert("status".to_owned(), state.status.into());
            shown.insert("createTime".to_owned(), query.created.into());
            shown.insert("logGroupName".to_owned(), query.groups.first().cloned().unwrap_or_default().into());
            if state.status == "Complete" {
                let took = u64::try_from(state.took.as_millis()).unwrap_or(u64::MAX);
                shown.insert("queryDuration".to_owned(), took.into());
                shown.insert("bytesScanned".to_owned(), (state.statistics.bytes as f64).into());
            }
            // Newest first.
            Some((format!("{place:010}"), shown))
        });
        shelf::page(call, "queries", wanted, 1000)
    }
}

fn refused(refusal: Refusal) -> Fail {
    match refusal {
        Refusal::NotImplemented(what) => Fail::from(ApiError::not_implemented("logs", &what)),
        Refusal::Malformed(text, start, end) => {
            Fail::from(ApiError::new("MalformedQueryException", 400, text.clone()).with(
                "queryCompileError",
                json!({"location": {"startCharOffset": start, "endCharOffset": end}, "message": text}),
            ))
        }
    }
}

/// The names of the groups that a query is about; each must exist.
fn groups(store: &Store, call: &Call) -> Result<Vec<String>> {
    let listed = |member: &str| {
        let list = call.input.get(member).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<String>>()
    };
    let one = call.text("logGroupName").map(str::to_owned).into_iter().collect();
    let given = [one, listed("logGroupNames"), listed("logGroupIdentifiers")];
    // The rule is in the API Reference; the texts are not recorded.
    if given.iter().filter(|list| !list.is_empty()).count() > 1 {
        return Err(invalid("Only one of logGroupName, logGroupNames and logGroupIdentifiers can be given."));
    }
    let mut names = Vec::new();
    for identifier in given.into_iter().flatten() {
        let name = group_of_identifier(call, &identifier)?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() || names.len() > MAX_GROUPS {
        return Err(invalid(format!("A query must name between 1 and {MAX_GROUPS} log groups.")));
    }
    for name in &names {
        let key = group_key(call.account, &call.region, name);
        let found: Option<Group> = store.read(|reader| Ok::<_, Fail>(reader.get(GROUPS, &key)?))?;
        if found.is_none() {
            // Recorded: test_start_query_log_group_not_found.
            return Err(shelf::missing(format!(
                "Log group '{name}' does not exist for account ID '{}' (Service: AWSLogs; Status Code: 400; Error Code: \
                 ResourceNotFoundException; Request ID: {}; Proxy: null)",
                call.account, call.request_id
            )));
        }
    }
    Ok(names)
}

fn work(store: &Store, job: &Job, query: &Query) {
    let began = Instant::now();
    let mut statistics = Statistics { groups: job.groups.len(), ..Statistics::default() };
    let result = rows(store, job, query, began, &mut statistics);
    let mut state = query.state();
    state.took = began.elapsed();
    state.statistics = statistics;
    if state.status != "Running" {
        return;
    }
    match result {
        Err(_) => state.status = "Failed",
        Ok(_) if began.elapsed() > MAX_TIME => state.status = "Timeout",
        Ok(rows) => {
            state.bytes = rows.iter().map(size).sum();
            state.rows = rows;
            state.status = "Complete";
        }
    }
}

fn size(row: &Value) -> usize {
    let cells = row.as_array().into_iter().flatten();
    cells.map(|cell| 64 + cell.get("value").and_then(Value::as_str).map_or(0, str::len)).sum()
}

fn rows(
    store: &Store,
    job: &Job,
    query: &Query,
    began: Instant,
    statistics: &mut Statistics,
) -> Result<Vec<Value>> {
    let mut run = Run::new(&job.commands, job.limit, job.now_ms);
    store.read(|reader| {
        for name in &job.groups {
            let key = format!("{}{name}", query.scope);
            let Some(group) = reader.get::<Group>(GROUPS, &key)? else { continue };
            let from = job.from.max(group.earliest(job.now_ms));
            let log = format!("{}:{name}", job.account);
            let streams: Vec<(String, Stream)> =
                reader.list(STREAMS, &format!("{key}:"), None, usize::MAX)?;
            for (stream_key, stream) in streams {
                if stream.last_event.is_none_or(|last| last < from) {
                    continue;
                }
                let stream = stream_key.get(key.len() + 1..).unwrap_or_default();
                scan_while(reader, &stream_key, from, job.until, |id, event| {
                    statistics.scanned += 1;
                    statistics.bytes += event.message.len() as u64;
                    run.take(Source::new(id, event, &log, stream));
                    // Looked at now and then: the clock costs more than most events.
                    !statistics.scanned.is_multiple_of(256)
                        || !query.stop.load(Ordering::Relaxed) && began.elapsed() <= MAX_TIME
                })?;
            }
        }
        Ok::<_, Fail>(())
    })?;
    statistics.matched = run.matched;
    let found = run.finish(&job.commands, job.limit);
    let shown = found.into_iter().map(|(cells, source)| {
        let pointer = source.map(|source| ("@ptr".to_owned(), pointer(&job.account, &job.region, &source)));
        let cells = cells.into_iter().chain(pointer);
        cells.map(|(field, value)| json!({"field": field, "value": value})).collect()
    });
    Ok(shown.collect())
}
