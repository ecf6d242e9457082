//! The engine against @cloud-copilot/iam-simulate, on generated cases: each decides every case by itself.
//!
//! Where the two differ, the difference must be one that `differential/deviations.json` lists with the documented rule
//! that we follow instead. Listing alone is not enough: the construct that a deviation is about is taken out of the
//! case, both decide again, and now they must agree. Whatever is left over fails the test.
//!
//! Needs Node 18 or later and npm on PATH, and the npm registry the first time: the program is installed below
//! `target/`. Without them the test fails; it never counts as passed when it did not run.
//!
//! `DIFFERENTIAL_SEED` and `DIFFERENTIAL_CASES` in the environment choose other cases.

#[path = "differential/deviations.rs"]
mod deviations;
#[path = "differential/generate.rs"]
mod generate;
#[path = "differential/shrink.rs"]
mod shrink;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use deviations::Deviation;
use policy::{Decision, cases};
use serde_json::Value;

const CASES: usize = 24_000;

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().map_or(default, |text| text.parse().expect("a number"))
}

fn lines(cases: &[Value]) -> String {
    cases.iter().map(|case| format!("{case}\n")).collect()
}

/// How many threads, and processes of iam-simulate, decide at once.
const WORKERS: usize = 2;

/// What `decide` makes of `cases`, each worker deciding a share of them.
fn in_shares(cases: &[Value], decide: fn(&[Value]) -> Vec<String>) -> Vec<String> {
    std::thread::scope(|scope| {
        let shares = cases.chunks(cases.len().div_ceil(WORKERS).max(1));
        let workers: Vec<_> = shares.map(|share| scope.spawn(move || decide(share))).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

/// The driver of iam-simulate, ready to run in `mode`.
fn driver(mode: &str) -> Command {
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/iam-simulate/driver.mjs");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("iam-simulate");
    let mut node = Command::new("node");
    node.arg(driver).arg(folder).arg(mode);
    node
}

/// Installs iam-simulate, before several workers run it.
fn install() {
    let done = driver("install").status();
    let done = done.unwrap_or_else(|e| {
        panic!("the differential test needs Node 18 or later with npm on PATH: node: {e}")
    });
    assert!(
        done.success(),
        "iam-simulate could not be installed: it needs npm with a registry the first time"
    );
}

/// What iam-simulate makes of `cases`.
fn theirs(cases: &[Value]) -> Vec<String> {
    let mut node = driver("decide").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = node.stdin.take().unwrap();
    input.write_all(lines(cases).as_bytes()).unwrap();
    drop(input);
    let done = node.wait_with_output().unwrap();
    assert!(done.status.success(), "the driver of iam-simulate failed");
    let answers: Vec<String> = String::from_utf8(done.stdout)
        .unwrap()
        .lines()
        .map(|line| match serde_json::from_str(line).unwrap() {
            Value::String(effect) => effect,
            other => other.to_string(),
        })
        .collect();
    assert_eq!(answers.len(), cases.len(), "one answer for each case");
    answers
}

/// What our engine makes of them.
fn ours(cases: &[Value]) -> Vec<String> {
    let decide = |case: &Value| {
        let parsed = cases::parse(&case.to_string(), &mut |_| Err("no files".to_owned()))
            .unwrap_or_else(|e| panic!("{e}\n{case}"));
        let case = parsed.first().expect("one case");
        let request = case.request();
        format!("{:?}", Decision::evaluate_with(&request, &case.caller, &case.owner).effect)
    };
    cases.iter().map(decide).collect()
}

fn differing(cases: &[Value], ours: Vec<String>) -> Vec<(usize, String, String)> {
    let pairs = ours.into_iter().zip(in_shares(cases, theirs)).enumerate();
    pairs.filter(|(_, (ours, theirs))| ours != theirs).map(|(i, (ours, theirs))| (i, ours, theirs)).collect()
}

/// The first of `cases`, made as small as they still differ.
fn shrunk(mut cases: Vec<Value>) -> String {
    cases.truncate(number("DIFFERENTIAL_SHOWN", 10));
    for _ in 0..40 {
        let smaller: Vec<(usize, Value)> = cases
            .iter()
            .enumerate()
            .flat_map(|(i, case)| shrink::smaller(case).into_iter().map(move |s| (i, s)))
            .collect();
        let asked: Vec<Value> = smaller.iter().map(|(_, case)| case.clone()).collect();
        let mut moved = vec![false; cases.len()];
        for (v, ..) in differing(&asked, in_shares(&asked, ours)) {
            let (i, case) = &smaller[v];
            if !std::mem::replace(&mut moved[*i], true) {
                cases[*i] = case.clone();
            }
        }
        if !moved.contains(&true) {
            break;
        }
    }
    let found = differing(&cases, in_shares(&cases, ours));
    found.iter().map(|(i, ours, theirs)| format!("ours {ours}, theirs {theirs}: {}\n", cases[*i])).collect()
}

#[test]
fn the_two_engines_agree_but_for_the_listed_deviations() {
    install();
    let mut random = generate::Random(number("DIFFERENTIAL_SEED", 1) as u64);
    let cases: Vec<Value> =
        (0..number("DIFFERENTIAL_CASES", CASES)).map(|i| generate::case(&mut random, i)).collect();
    let effects = in_shares(&cases, ours);
    let share = |effect: &str| effects.iter().filter(|e| *e == effect).count();
    let shares = ["Allowed", "ImplicitlyDenied", "ExplicitlyDenied"].map(|e| (e, share(e)));
    assert!(shares.iter().all(|(_, n)| n * 10 >= cases.len()), "the cases are one-sided: {shares:?}");

    let found = differing(&cases, effects);
    // For every difference: the case without the construct of each deviation that occurs in it, then without any.
    let listed = deviations::all();
    for Deviation { id, theirs, rule, source } in &listed {
        assert!(
            !theirs.is_empty() && !rule.is_empty() && source.starts_with("https://"),
            "`{id}` is not explained"
        );
    }
    let mut variants = Vec::new();
    for (i, ..) in &found {
        let before = variants.len();
        for (d, deviation) in listed.iter().enumerate() {
            let without = deviation.removed_from(&cases[*i]);
            variants.extend(without.map(|case| (*i, d.to_string(), case)));
        }
        if variants.len() > before + 1 {
            let all = listed.iter().fold(cases[*i].clone(), |case, d| d.removed_from(&case).unwrap_or(case));
            variants.push((*i, "several".to_owned(), all));
        }
    }
    let reduced: Vec<Value> = variants.iter().map(|(.., case)| case.clone()).collect();
    let still: Vec<usize> =
        differing(&reduced, in_shares(&reduced, ours)).into_iter().map(|(v, ..)| v).collect();
    // The first variant on which both agree says by what the case differs.
    let mut explained: BTreeMap<usize, &str> = BTreeMap::new();
    for (v, (i, d, _)) in variants.iter().enumerate() {
        if still.binary_search(&v).is_err() {
            explained
                .entry(*i)
                .or_insert_with(|| d.parse::<usize>().map_or("several at once", |d| &listed[d].id));
        }
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    explained.values().for_each(|id| *counts.entry(*id).or_default() += 1);
    let unexplained: Vec<Value> =
        found.iter().filter(|(i, ..)| !explained.contains_key(i)).map(|(i, ..)| cases[*i].clone()).collect();
    println!("{} cases {shares:?}; {} differ: {counts:?}", cases.len(), found.len());
    assert!(
        unexplained.is_empty(),
        "{} differences are not listed:\n{}",
        unexplained.len(),
        shrunk(unexplained)
    );
    let chosen = ["DIFFERENTIAL_SEED", "DIFFERENTIAL_CASES"].iter().any(|v| std::env::var_os(v).is_some());
    for deviation in listed.iter().filter(|_| !chosen) {
        assert!(
            counts.contains_key(&*deviation.id),
            "`{}` is listed, but nothing differs by it",
            deviation.id
        );
    }
}
