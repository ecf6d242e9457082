//! What the client side writes, the server side reads, and the other way round, for every operation of every service.

use bytes::Bytes;
use serde_json::{Map, Value};
use wire::{Operation, Reply, Service, build, find_service, parse, parse_response, render, route};

mod samples;
use samples::Amount;

fn every_operation() -> impl Iterator<Item = (&'static Operation, Amount)> {
    let operations = Service::all().iter().flat_map(|s| s.operations());
    operations.flat_map(|op| [(op, Amount::Full), (op, Amount::Required)])
}

/// A value as pretty text, so that a failing test shows the line that differs.
fn pretty(value: &Map<String, Value>) -> String {
    serde_json::to_string_pretty(value).expect("json")
}

#[test]
fn every_operations_input_arrives_as_it_was_sent() {
    let mut checked = 0;
    for (op, amount) in every_operation() {
        let name = format!("{} {} {amount:?}", op.service, op.name);
        let (input, payload) = samples::input(op, amount);
        let request = build(op, &input, payload.clone()).expect(&name);
        let (parts, body) = request.into_parts();
        assert_eq!(find_service(&parts, &body, None), Some(op.service), "{name}");
        let routed = route(op.service, &parts, &body).expect(&name);
        assert_eq!(routed.name, op.name, "{name}");
        let (got, got_payload) = parse(routed, &parts, body).expect(&name);
        assert_eq!(pretty(&got), pretty(&input), "{name}");
        assert_eq!(got_payload, payload, "{name}");
        checked += 1;
    }
    assert!(checked > 1100, "only {checked} inputs were checked");
}

#[test]
fn every_operations_output_arrives_as_it_was_answered() {
    let mut checked = 0;
    for (op, amount) in every_operation() {
        let name = format!("{} {} {amount:?}", op.service, op.name);
        let (output, payload) = samples::output(op, amount);
        let reply = Reply { output: output.clone(), payload: Some(payload.clone()), status: None };
        // A payload is the body only where the model says so.
        let reply = if payload.is_empty() { Reply { payload: None, ..reply } } else { reply };
        let response = render(op, reply, "id");
        let got = parse_response(op, response.status(), response.headers(), response.body());
        let (got, got_payload) = got.expect(&name);
        assert_eq!(pretty(&got), pretty(&output), "{name}");
        assert_eq!(got_payload, payload, "{name}");
        checked += 1;
    }
    assert!(checked > 1100, "only {checked} outputs were checked");
}

/// A small generator of bad bytes; the same ones in every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 8) as usize
    }
}

#[test]
fn damaged_bodies_are_answered_and_never_end_the_server() {
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    for (op, amount) in every_operation() {
        let (input, payload) = samples::input(op, amount);
        let (parts, body) = build(op, &input, payload).expect("request").into_parts();
        for _ in 0..20 {
            let mut damaged = body.to_vec();
            for _ in 0..1 + noise.next() % 4 {
                let at = noise.next() % damaged.len().max(1);
                match (noise.next() % 3, damaged.get_mut(at)) {
                    (0, Some(byte)) => *byte = (noise.next() % 256) as u8,
                    (1, Some(_)) => damaged.truncate(at),
                    (_, _) => damaged.insert(at.min(damaged.len()), (noise.next() % 256) as u8),
                }
            }
            // Either answer is right; a panic is not.
            if let Ok((input, _)) = parse(op, &parts, Bytes::from(damaged)) {
                let _ = wire::validate(op, &input);
            }
        }
    }
}

#[test]
fn every_sample_is_validated_without_a_panic_and_errors_name_their_members() {
    for (op, amount) in every_operation() {
        let (input, _) = samples::input(op, amount);
        if let Err(error) = wire::validate(op, &input) {
            let text = error.message.unwrap_or_default();
            assert!(
                text.contains(" validation error") && text.contains("' failed to satisfy constraint: "),
                "{text}"
            );
            // Nothing is missing in a sample, except the body that is no part of the input.
            assert!(!text.contains("Value null"), "{} {}: {text}", op.service, op.name);
        }
    }
}
