//! What a permission decision costs, on its own and beside iam-simulate. No server is needed.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use policy::{CallerPolicies, Context, Decision, Effect, Policy, PolicyKind, Principal, Request, cases};

use crate::Failed;
use crate::stats::median;
use crate::table::Table;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:111111111111:function:account-b-lambda";
const SESSION: &str = "arn:aws:sts::222222222222:assumed-role/apigw-exec/BackplaneAssumeRoleSession";
const SIZES: [usize; 4] = [10, 100, 1_000, 10_000];

/// The seed's decision, many statements, and the same cases as iam-simulate.
pub fn measure(table: &mut Table) -> Result<(), Failed> {
    let seed = Seed::new()?;
    let with_role = seed.caller(vec![seed.identity.clone()]);
    let granted = seed.time(&with_role, Effect::Allowed)?;
    let denied = seed.time(&seed.caller(Vec::new()), Effect::ImplicitlyDenied)?;
    table.below("decision, the seed's call across accounts, allowed", granted / 1e3, 2.0, "us");
    table.below("decision, the same, denied", denied / 1e3, 2.0, "us");
    let allocations = seed.allocations(&with_role);
    let figure = "decision, the same, allocations on the heap";
    table.verdict(figure, allocations.to_string(), "0".to_owned(), allocations == 0);

    // Of the request's service: each statement must be looked into. Of another: the action rules each of them out.
    for (service, what) in [("lambda", "can match"), ("dynamodb", "cannot match")] {
        let mut costs = Vec::new();
        for size in SIZES {
            let mut identity = statements(size.div_ceil(10), 10, service)?;
            identity.push(seed.identity.clone());
            let ns = seed.time(&seed.caller(identity), Effect::Allowed)?;
            if size == 1_000 {
                let figure = format!("decision, 1,000 statements over 100 policies that {what}");
                table.below(&figure, ns / 1e3, 60.0, "us");
            }
            costs.push((ns - granted) / size as f64);
        }
        let listed: Vec<String> =
            costs.iter().zip(SIZES).map(|(ns, size)| format!("{ns:.1} ns at {size}")).collect();
        table.note(format!("a statement that {what} costs {}", listed.join(", ")));
        // Linear, but for the processor's caches, which hold a hundred statements and not ten thousand.
        let base = costs[1];
        let worst = costs.iter().skip(2).fold(0.0, |worst: f64, ns| worst.max(ns / base));
        table.below(&format!("cost per statement that {what}, of that at 100"), worst, 3.0, "times");
    }
    beside_iam_simulate(table)
}

struct Seed {
    principal: Principal,
    context: Context,
    identity: Arc<Policy>,
    grant: Policy,
}

impl Seed {
    fn new() -> Result<Self, Failed> {
        let mut context = Context::new();
        for (key, value) in [
            ("aws:PrincipalArn", "arn:aws:iam::222222222222:role/apigw-exec"),
            ("aws:PrincipalAccount", "222222222222"),
            ("aws:PrincipalType", "AssumedRole"),
            ("aws:userid", "AROAEXAMPLEEXAMPLE123:BackplaneAssumeRoleSession"),
            ("aws:PrincipalIsAWSService", "false"),
            ("aws:TokenIssueTime", "2026-01-01T00:00:00Z"),
            ("aws:MultiFactorAuthPresent", "false"),
            ("aws:SourceIp", "203.0.113.7"),
            ("aws:SecureTransport", "true"),
            ("aws:CurrentTime", "2026-01-01T00:10:00Z"),
            ("aws:EpochTime", "1767226200"),
            ("aws:UserAgent", "AmazonAPIGateway_abc123"),
            ("aws:RequestedRegion", "us-east-1"),
            ("aws:ResourceAccount", "111111111111"),
        ] {
            context.set(key, value);
        }
        let identity =
            format!(r#"{{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"{FUNCTION}"}}"#);
        let grant = format!(
            r#"{{"Sid":"from-a","Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::222222222222:root"}},
                "Action":"lambda:InvokeFunction","Resource":"{FUNCTION}"}}"#
        );
        Ok(Self {
            principal: Principal::parse(SESSION).map_err(|e| e.to_string())?,
            context,
            identity: Arc::new(parse(&identity, PolicyKind::Identity)?),
            grant: parse(&grant, PolicyKind::Resource)?,
        })
    }

    fn caller(&self, identity: Vec<Arc<Policy>>) -> CallerPolicies {
        CallerPolicies { identity, ..CallerPolicies::default() }
    }

    fn request(&self) -> Request<'_> {
        Request {
            principal: &self.principal,
            action: "lambda:InvokeFunction",
            resource: FUNCTION,
            resource_account: "111111111111".parse().ok(),
            context: &self.context,
        }
    }

    /// How often one decision asks the allocator for memory.
    fn allocations(&self, caller: &CallerPolicies) -> u64 {
        let request = self.request();
        let counted = allocation_counter::measure(|| {
            black_box(Decision::evaluate(&request, caller, Some(&self.grant)));
        });
        counted.count_total
    }

    /// Median nanoseconds of a decision that must come out as `expected`.
    fn time(&self, caller: &CallerPolicies, expected: Effect) -> Result<f64, Failed> {
        let request = self.request();
        let decide = || Decision::evaluate(&request, caller, Some(&self.grant)).effect;
        match decide() {
            effect if effect == expected => Ok(nanoseconds(|| {
                black_box(decide());
            })),
            other => Err(format!("the seed's decision is {other:?}, not {expected:?}")),
        }
    }
}

fn parse(statements: &str, kind: PolicyKind) -> Result<Policy, Failed> {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    Policy::parse("bench", &text, kind).map_err(|e| format!("{e}: {}", e.help))
}

/// `policies` policies of `each` statements about functions of `service`; none of them bears on the seed's call.
fn statements(policies: usize, each: usize, service: &str) -> Result<Vec<Arc<Policy>>, Failed> {
    let policy = |p: usize| {
        let mut text = String::new();
        for s in 0..each {
            let comma = if s == 0 { "" } else { "," };
            let effect = if s % 10 == 3 { "Deny" } else { "Allow" };
            let _ = write!(
                text,
                r#"{comma}{{"Effect":"{effect}","Action":["{service}:InvokeFunction","{service}:Get*"],
                "Resource":"arn:aws:lambda:us-east-1:111111111111:function:account-b-{p}-{s}-*",
                "Condition":{{"StringEquals":{{"aws:PrincipalAccount":"222222222222"}}}}}}"#
            );
        }
        parse(&text, PolicyKind::Identity).map(Arc::new)
    };
    (0..policies).map(policy).collect()
}

/// Median nanoseconds of `run` over 101 batches of about 1 ms, after 50 ms of it.
fn nanoseconds(mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut warm = 0u32;
    while start.elapsed().as_millis() < 50 {
        run();
        warm += 1;
    }
    let batch = (warm / 50).max(1);
    let once = |_| {
        let start = Instant::now();
        for _ in 0..batch {
            run();
        }
        start.elapsed().as_nanos() as f64 / f64::from(batch)
    };
    median((0..101).map(once).collect())
}

/// Every named case of the policy crate, decided by both; policies are parsed beforehand on either side.
fn beside_iam_simulate(table: &mut Table) -> Result<(), Failed> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/policy/tests");
    let (mut lines, mut all) = (String::new(), Vec::new());
    for file in case_files(&tests.join("cases"))? {
        let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        all.extend(cases::parse(&text, &mut |_| Err("no files".to_owned())).map_err(|e| e.to_string())?);
        let list: Vec<serde_json::Value> = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        list.iter().for_each(|case| lines.push_str(&format!("{case}\n")));
    }
    let figure = "decision, named cases: faster than iam-simulate 0.1.173";
    let (theirs, undecided) = match iam_simulate(&tests.join("iam-simulate/driver.mjs"), &lines) {
        Ok(answer) => answer,
        Err(why) => {
            table.not_measured(figure, "> 200 times", &why);
            return Ok(());
        }
    };
    // What it cannot decide is timed on neither side.
    let mut place = 0;
    all.retain(|_| {
        place += 1;
        !undecided.contains(&(place - 1))
    });
    let ours = nanoseconds(|| {
        for case in &all {
            let request = case.request();
            black_box(Decision::evaluate_with(&request, &case.caller, &case.owner));
        }
    }) / all.len() as f64;
    let times = theirs / ours;
    table.verdict(figure, format!("{times:.0} times"), "> 200 times".to_owned(), times > 200.0);
    table.note(format!(
        "a named case takes {ours:.0} ns here and {:.1} us there; medians of 101 rounds over {} of them, both \
         warm, policies parsed beforehand; iam-simulate throws at {} more",
        theirs / 1e3,
        all.len(),
        undecided.len()
    ));
    Ok(())
}

fn case_files(folder: &Path) -> Result<Vec<PathBuf>, Failed> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
    files.sort();
    Ok(files)
}

/// Median nanoseconds of one decision of iam-simulate, which its driver installs below `target/`, and the places of the
/// cases that it cannot decide.
fn iam_simulate(driver: &Path, lines: &str) -> Result<(f64, Vec<u64>), Failed> {
    let own = std::env::current_exe().map_err(|e| e.to_string())?;
    let target = own.parent().and_then(Path::parent).ok_or("no target folder")?;
    let input = tempfile::NamedTempFile::new().map_err(|e| e.to_string())?;
    std::fs::write(input.path(), lines).map_err(|e| e.to_string())?;
    let done = Command::new("node")
        .arg(driver)
        .arg(target.join("iam-simulate"))
        .arg("time")
        .stdin(Stdio::from(input.reopen().map_err(|e| e.to_string())?))
        .output()
        .map_err(|e| format!("it needs Node 18 or later with npm on PATH: node: {e}"))?;
    let answer: serde_json::Value = serde_json::from_slice(&done.stdout).map_err(|_| {
        let errors = String::from_utf8_lossy(&done.stderr);
        format!("its driver failed: {}", errors.lines().last().unwrap_or_default())
    })?;
    let undecided =
        answer["undecided"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_u64);
    let median = answer["medianNanoseconds"].as_f64();
    median.map(|ns| (ns, undecided.collect())).ok_or_else(|| format!("its driver answered {answer}"))
}
