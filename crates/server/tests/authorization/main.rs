//! Every operation of every service model is checked as AWS's Service Authorization Reference says: the action, a
//! resource of a permitted type, only condition keys that the reference lists for it and each of those that a request
//! can carry, and the dependent actions. Where AWS itself differs from its reference, `exceptions` says so with the source.

#[path = "calls.rs"]
mod calls;
#[path = "exceptions.rs"]
mod exceptions;
#[path = "reference.rs"]
mod reference;
#[path = "world.rs"]
mod world;

use std::collections::BTreeSet;

use policy::Check;
use serde_json::{Map, Value};
use wire::{Operation, Service};

use calls::{Amount, Filler};
use reference::{Reference, key_is};
use world::World;

const SERVICES: [Service; 5] =
    [Service::ApiGateway, Service::Lambda, Service::Logs, Service::Iam, Service::Sts];

#[test]
fn every_operation_is_checked_as_the_reference_says() {
    let world = World::new();
    let mut wrong = Vec::new();
    let mut asked = 0;
    for service in SERVICES {
        // Nobody has signed those that a token or assertion proves: it is verified before anything is checked.
        for operation in service.operations().iter().filter(|operation| !operation.anonymous) {
            for amount in [Amount::Required, Amount::Full] {
                let input = Filler { ids: &world.ids, operation, amount }.input();
                asked += 1;
                if let Err(error) = wire::validate(operation, &input) {
                    wrong.push(format!(
                        "{}:{} ({amount:?}) is not well-formed: {error}",
                        service.name(),
                        operation.name
                    ));
                }
                match world.checks(service, operation.name, input.clone()) {
                    Ok(checks) => {
                        wrong.extend(complaints(operation, amount, &input, &checks).into_iter().map(|text| {
                            format!("{}:{} ({amount:?}): {text}", service.name(), operation.name)
                        }))
                    }
                    Err(error) => {
                        wrong.push(format!("{}:{} ({amount:?}): {error}", service.name(), operation.name));
                    }
                }
            }
        }
    }
    assert!(asked > 1_000, "only {asked} calls were made");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Every key that an operation sets is in the documentation's tables.
#[test]
fn the_documentation_has_every_key() {
    let documented = include_str!("../../../../docs/CONDITION-KEYS.md");
    let world = World::new();
    let mut missing = BTreeSet::new();
    for operation in SERVICES.iter().flat_map(|service| service.operations()).filter(|o| !o.anonymous) {
        let input = Filler { ids: &world.ids, operation, amount: Amount::Full }.input();
        for check in world.checks(operation.service, operation.name, input).unwrap() {
            let keys = check.context.iter().map(|(key, _)| match key.split_once("Tag/") {
                Some((start, _)) => format!("{start}Tag/KEY"),
                None => key.to_owned(),
            });
            missing.extend(keys.filter(|key| !documented.contains(&format!("| `{key}` | "))));
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

fn complaints(
    operation: &'static Operation,
    amount: Amount,
    input: &Map<String, Value>,
    checks: &[Check],
) -> Vec<String> {
    let (service, name) = (operation.service.name(), operation.name);
    let mut wrong = Vec::new();
    let Some(main) = checks.first() else {
        if !exceptions::UNCHECKED.contains(&(service, name)) {
            wrong.push("passes without a check".to_owned());
        }
        return wrong;
    };
    let action = exceptions::action(operation);
    if main.action != action {
        wrong.push(format!("is {} and should be {action}", main.action));
    }
    for check in checks {
        wrong.extend(of_check(operation, check));
        if check.resource_account.is_none() {
            wrong.push(format!("{}: nobody owns {}", check.action, check.resource));
        }
    }
    let further: BTreeSet<&str> =
        checks.iter().map(|c| c.action.as_str()).filter(|action| *action != main.action).collect();
    let reference = Reference::of(service);
    let known = reference.actions.get(action.split_once(':').unwrap().1);
    let expected = exceptions::further(service, name, known.map_or(&[], |known| known.dependent.as_slice()));
    if amount == Amount::Full && further != expected {
        wrong.push(format!("needs {further:?} besides and should need {expected:?}"));
    }
    if let Some(more) = further.iter().find(|action| !expected.contains(**action)) {
        wrong.push(format!("needs {more}, which it should not"));
    }
    if amount == Amount::Full {
        wrong.extend(missing_keys(operation, input, checks));
    }
    wrong
}

/// Action, resource and keys of one check.
fn of_check(operation: &'static Operation, check: &Check) -> Vec<String> {
    let (service, name) = check.action.split_once(':').unwrap();
    let reference = Reference::of(service);
    let Some(action) = reference.actions.get(name) else {
        return match exceptions::NOT_IN_REFERENCE.contains(&check.action.as_str()) {
            true => Vec::new(),
            false => vec![format!("the reference has no action {}", check.action)],
        };
    };
    let mut wrong = Vec::new();
    let resource = exceptions::in_reference(&action.types, &check.resource);
    let fits = reference.permits(action, &resource) || exceptions::resource(operation, &check.resource);
    if !fits {
        wrong.push(format!("{} on {}, which is none of {:?}", check.action, check.resource, action.types));
    }
    let permitted = reference.keys(action, &resource);
    for (key, values) in check.context.iter() {
        let known = permitted.iter().any(|pattern| key_is(pattern, key))
            // The operations that the reference has no type for have the tags of what they are below.
            || (service == "apigateway" && key.starts_with("aws:ResourceTag/"));
        if !known && !exceptions::KEYS.iter().any(|(a, k, _)| *a == check.action && key_is(k, key)) {
            wrong.push(format!("{} with {key}, which the reference does not list", check.action));
        }
        if values.is_empty() || values.iter().any(String::is_empty) {
            wrong.push(format!("{} with {key} without a value", check.action));
        }
    }
    wrong
}

/// Keys that the reference lists for an action or its resource and that no check of it has.
fn missing_keys(operation: &'static Operation, input: &Map<String, Value>, checks: &[Check]) -> Vec<String> {
    let mut wrong = Vec::new();
    let sent = |members: &[&str]| members.iter().any(|member| input.contains_key(*member));
    for check in checks {
        let (service, name) = check.action.split_once(':').unwrap();
        let reference = Reference::of(service);
        let Some(action) = reference.actions.get(name) else { continue };
        let listed = reference.keys(action, &exceptions::in_reference(&action.types, &check.resource));
        // One action of API Gateway stands for many operations: the table of its keys is by operation.
        let own = exceptions::api_gateway_keys(operation.name).iter().map(|key| format!("apigateway:{key}"));
        let own: Vec<String> = own.filter(|_| std::ptr::eq(check, &checks[0])).collect();
        let listed = listed.into_iter().filter(|key| !key.starts_with("apigateway:"));
        for key in listed.chain(own.iter().map(String::as_str)) {
            let there = checks
                .iter()
                .filter(|other| other.action == check.action)
                .any(|other| other.context.iter().any(|(k, _)| key_is(key, k)));
            let possible = match key {
                "aws:RequestTag/*" => sent(&["tags", "Tags"]),
                "aws:TagKeys" => sent(&["tags", "Tags", "tagKeys", "TagKeys"]),
                _ => true,
            };
            if !there && possible && !exceptions::absent(operation, &check.action, &check.resource, key) {
                wrong.push(format!("{} without {key}", check.action));
            }
        }
        if service == "apigateway" {
            let more = check.context.iter().map(|(key, _)| key).find(|key| {
                key.starts_with("apigateway:")
                    && !exceptions::api_gateway_keys(operation.name).iter().any(|k| key.ends_with(k))
            });
            wrong.extend(
                more.map(|key| format!("{} with {key}, which has no place in this operation", check.action)),
            );
        }
    }
    wrong
}
