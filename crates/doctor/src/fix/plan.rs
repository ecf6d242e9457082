//! Mends layer by layer until the request is allowed.

use std::sync::Arc;

use policy::{CallerPolicies, Decision, Effect, Explanation, Layer, Policy, Request, ResourcePolicies};

use super::change::{Change, Form};
use super::{Fix, Refusal, deny, layers, near, url};

/// The most changes tried: each side has at most an identity, a boundary and a session layer, or a policy, that may
/// deny and then lack an allow.
const MOST: usize = 8;

/// How a layer that allows nothing is mended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By a statement of its own for the request.
    Grant,
    /// By an edit of a statement that nearly matches, where there is one.
    Edit,
}

/// Every policy that bears on the request.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) caller: CallerPolicies,
    pub(crate) owner: ResourcePolicies,
}

impl Setup {
    pub(crate) fn of(refusal: &Refusal<'_>) -> Self {
        let owner = ResourcePolicies { policy: refusal.resource.clone(), rcp: refusal.rcp.to_vec() };
        Self { caller: refusal.caller.clone(), owner }
    }

    pub(crate) fn decide(&self, request: &Request<'_>) -> Decision {
        Decision::evaluate_with(request, &self.caller, &self.owner)
    }

    pub(crate) fn explain(&self, request: &Request<'_>) -> Explanation {
        Decision::explain_with(request, &self.caller, &self.owner)
    }

    pub(crate) fn allows(&self, request: &Request<'_>) -> bool {
        self.decide(request).is_allowed()
    }

    /// Puts `policy` in the place of the one of the same name, wherever the caller has it; `None` when nowhere.
    pub(crate) fn replace(&mut self, policy: Policy) -> Option<()> {
        let policy = Arc::new(policy);
        let mut found = None;
        let lists = [Some(&mut self.caller.identity), self.caller.session.as_mut()];
        for old in lists.into_iter().flatten().flatten().chain(self.caller.boundary.as_mut()) {
            if old.name == policy.name && old.kind == policy.kind {
                *old = Arc::clone(&policy);
                found = Some(());
            }
        }
        found
    }
}

/// The set-up with every one of `changes`, as their texts in `form` say; `None` when one has no such form.
fn changed<'c>(setup: &Setup, changes: impl IntoIterator<Item = &'c Change>, form: Form) -> Option<Setup> {
    let mut changed = setup.clone();
    for change in changes {
        change.apply(form, &mut changed)?;
    }
    Some(changed)
}

/// The changes that allow the request, or the layer at which there is no way on.
pub(crate) fn make(refusal: &Refusal<'_>, setup: &Setup, way: Way) -> Result<Fix, Layer> {
    let mut changes: Vec<Change> = Vec::new();
    mend(refusal, setup, way, &mut changes)?;
    let context = url::second(&refusal.request);
    let second = context.as_ref().map(|context| Request {
        action: "lambda:InvokeFunction",
        context,
        ..refusal.request.clone()
    });
    if let Some(request) = &second {
        let (resource, mfa) = (refusal.resource.clone(), refusal.mfa.clone());
        let also = Refusal { request: request.clone(), resource, mfa, ..*refusal };
        mend(&also, setup, way, &mut changes)?;
    }
    let requests: Vec<_> = std::iter::once(refusal.request.clone()).chain(second.clone()).collect();
    drop_needless(setup, &requests, &mut changes);
    let done = changed(setup, &changes, Form::Commands).ok_or(Layer::Identity)?;
    match requests.iter().find_map(|request| done.decide(request).denied_by) {
        None => Ok(fix(setup, &requests, &changes)),
        Some(layer) => Err(layer),
    }
}

/// Adds what the request lacks to `changes`.
fn mend(refusal: &Refusal<'_>, setup: &Setup, way: Way, changes: &mut Vec<Change>) -> Result<(), Layer> {
    for _ in 0..MOST {
        let now = changed(setup, changes.iter(), Form::Commands).ok_or(Layer::Identity)?;
        let decision = now.decide(&refusal.request);
        let Some(layer) = decision.denied_by else { break };
        let next = match decision.effect {
            Effect::ExplicitlyDenied => deny::lift(refusal, &now),
            _ => {
                let edit = (way == Way::Edit).then(|| near::edit(refusal, &now, layer)).flatten();
                edit.or_else(|| layers::allow(refusal, &now, layer))
            }
        };
        let next = next.ok_or(layer)?;
        // A later edit of the same policy contains the earlier one.
        changes.retain(|change| !change.same_place(&next));
        changes.push(next);
    }
    Ok(())
}

fn allows_all(setup: &Setup, requests: &[Request<'_>]) -> bool {
    requests.iter().all(|request| setup.allows(request))
}

fn drop_needless(setup: &Setup, requests: &[Request<'_>], changes: &mut Vec<Change>) {
    let mut at = 0;
    while changes.len() > 1 && at < changes.len() {
        let others = changes.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, change)| change);
        if changed(setup, others, Form::Commands).is_some_and(|without| allows_all(&without, requests)) {
            changes.remove(at);
        } else {
            at += 1;
        }
    }
}

/// Each form is shown only if what it says allows the request too.
fn fix(setup: &Setup, requests: &[Request<'_>], changes: &[Change]) -> Fix {
    let holds = |form| {
        let written: Vec<&Change> = changes.iter().filter(|c| c.text(form).is_ok()).collect();
        let others = changes.iter().filter(|c| c.text(form).is_err());
        let partly = changed(setup, others, Form::Commands).and_then(|s| changed(&s, written, form));
        partly.is_some_and(|s| allows_all(&s, requests))
    };
    let (terraform, cloudformation) = (holds(Form::Terraform), holds(Form::CloudFormation));
    let steps = changes.iter().map(|change| change.step(terraform, cloudformation)).collect();
    let why = match changes {
        [one] => one.does.clone(),
        [one, other] if one.account != other.account => {
            "both sides have to allow it: neither of these changes is enough alone".to_owned()
        }
        _ if requests.len() > 1 => {
            "a function URL asks for two actions, lambda:InvokeFunctionUrl and lambda:InvokeFunction: all of these \
             changes are needed"
                .to_owned()
        }
        _ => format!("{} changes, and all of them are needed", changes.len()),
    };
    let notes = changes.iter().flat_map(|change| change.notes.clone()).collect();
    Fix { why, steps, checked: true, notes }
}
