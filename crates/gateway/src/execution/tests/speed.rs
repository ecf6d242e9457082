//! The cost of a call does not grow with the API.

use std::time::{Duration, Instant};

use super::*;

async fn time(resources: usize) -> Duration {
    let names: Vec<String> = (0..resources).map(|i| format!("GET /group{}/item{i}/{{id}}", i % 7)).collect();
    let methods: Vec<_> = names.iter().map(|n| (n.as_str(), super::mock::mock(json!({})))).collect();
    let world = World::new(&methods);
    let last = resources - 1;
    let line = format!("GET /test/group{}/item{last}/5", last % 7);
    assert_eq!(world.call(&line).await.0.status, 200);
    // The best of several rounds: other processes share the machine.
    let mut best = Duration::MAX;
    for _ in 0..20 {
        let began = Instant::now();
        for _ in 0..200 {
            world.call(&line).await;
        }
        best = best.min(began.elapsed() / 200);
    }
    best
}

#[tokio::test]
async fn a_call_costs_the_same_with_one_resource_and_with_three_hundred() {
    let (one, many) = (time(1).await, time(300).await);
    println!("one resource: {one:?}, three hundred: {many:?}");
    assert!(many < one * 2 + Duration::from_micros(20), "one: {one:?}, three hundred: {many:?}");
}
