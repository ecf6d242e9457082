//! A compiled statement, and the one matcher that decides and explains.

use crate::arn_pattern::{ArnParts, ArnPattern};
use crate::condition::Condition;
use crate::pattern::{ANY, Dialect, Pattern, Unit, glob};
use crate::principal_element::{PrincipalElement, Worth};
use crate::{Context, Principal, Request, Span};

/// A request, prepared once for all statements.
#[derive(Clone, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) principal: &'a Principal,
    pub(crate) action: &'a str,
    pub(crate) service: &'a str,
    pub(crate) name: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) parts: Option<ArnParts<'a>>,
    pub(crate) context: &'a Context,
    pub(crate) has_boundary: bool,
}

impl<'a> Facts<'a> {
    pub(crate) fn new(request: &Request<'a>, has_boundary: bool) -> Self {
        let (service, name) = request.action.split_once(':').unwrap_or(("", request.action));
        Self {
            principal: request.principal,
            action: request.action,
            service,
            name,
            resource: request.resource,
            parts: ArnParts::split(request.resource),
            context: request.context,
            has_boundary,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) index: usize,
    pub(crate) sid: Option<String>,
    pub(crate) deny: bool,
    pub(crate) span: Span,
    /// Only in policies that have principals.
    pub(crate) principal: Option<PrincipalElement>,
    pub(crate) action: ActionElement,
    /// `None`: the resource that the policy is attached to.
    pub(crate) resource: Option<ResourceElement>,
    pub(crate) conditions: Vec<Condition>,
}

#[derive(Clone, Debug)]
pub(crate) struct ActionElement {
    /// `NotAction`.
    pub(crate) negated: bool,
    pub(crate) patterns: Vec<ActionPattern>,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) struct ActionPattern {
    /// As written.
    pub(crate) text: Box<str>,
    form: ActionForm,
}

#[derive(Clone, Debug)]
enum ActionForm {
    Everything,
    /// `None`: any service, as in `*:Get*`.
    Named {
        service: Option<Box<str>>,
        name: Box<[Unit]>,
    },
    /// No colon, or a wildcard within the service prefix.
    Never,
}

impl ActionPattern {
    pub(crate) fn compile(text: &str) -> Self {
        let form = match text.split_once(':') {
            None if text == "*" => ActionForm::Everything,
            None => ActionForm::Never,
            Some((service, name)) => {
                let service = match service {
                    "*" => Some(None),
                    s if s.contains(['*', '?']) => None,
                    s => Some(Some(s.into())),
                };
                let pattern = Pattern::compile(name, Dialect { variables: false, wildcards: true });
                match (service, pattern.expand(&Context::new())) {
                    (Some(service), Ok(name)) => ActionForm::Named { service, name: name.into() },
                    _ => ActionForm::Never,
                }
            }
        };
        Self { text: text.into(), form }
    }

    /// Case-insensitive in both parts.
    pub(crate) fn matches(&self, facts: &Facts<'_>) -> bool {
        match &self.form {
            ActionForm::Everything => true,
            ActionForm::Named { service, name } => {
                service.as_ref().is_none_or(|s| s.eq_ignore_ascii_case(facts.service))
                    && (**name == [ANY] || glob(name, facts.name, true))
            }
            ActionForm::Never => false,
        }
    }

    /// Whether the service prefix alone fits.
    pub(crate) fn same_service(&self, facts: &Facts<'_>) -> bool {
        match &self.form {
            ActionForm::Everything => true,
            ActionForm::Named { service, .. } => {
                service.as_ref().is_none_or(|s| s.eq_ignore_ascii_case(facts.service))
            }
            ActionForm::Never => false,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct ResourceElement {
    /// `NotResource`.
    pub(crate) negated: bool,
    pub(crate) arns: Vec<ArnPattern>,
    pub(crate) span: Span,
}

/// One element of a statement, as the matcher hands it to an [`Observer`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Element<'s> {
    Principal(&'s PrincipalElement),
    Action(&'s ActionElement),
    Resource(&'s ResourceElement),
    Condition(&'s Condition),
}

/// Looks on while statements are matched.
///
/// The matcher is generic over it, so that the silent observer costs nothing and the recording one cannot come to
/// another result.
pub(crate) trait Observer {
    /// Whether every element is to be looked at, or the first that fails ends the statement.
    const EVERY: bool;
    fn element(&mut self, facts: &Facts<'_>, element: Element<'_>, matched: bool);
}

/// Sees nothing.
pub(crate) struct Silent;

impl Observer for Silent {
    const EVERY: bool = false;
    fn element(&mut self, _: &Facts<'_>, _: Element<'_>, _: bool) {}
}

impl Statement {
    /// Whether the statement applies to the request, and what it is worth if it is an Allow of a resource policy.
    pub(crate) fn matches<O: Observer>(&self, facts: &Facts<'_>, observer: &mut O) -> Option<Worth> {
        let mut worth = Some(Worth::Direct);
        if let Some(principal) = &self.principal {
            worth = principal.covers(facts.principal, self.deny, facts.has_boundary);
            observer.element(facts, Element::Principal(principal), worth.is_some());
            if worth.is_none() && !O::EVERY {
                return None;
            }
        }
        let mut all = true;
        let action = self.action.patterns.iter().any(|p| p.matches(facts)) != self.action.negated;
        observer.element(facts, Element::Action(&self.action), action);
        all &= action;
        if !all && !O::EVERY {
            return None;
        }
        if let Some(resource) = &self.resource {
            let listed =
                resource.arns.iter().any(|a| a.matches(facts.resource, facts.parts.as_ref(), facts.context));
            let matched = listed != resource.negated;
            observer.element(facts, Element::Resource(resource), matched);
            all &= matched;
            if !all && !O::EVERY {
                return None;
            }
        }
        for condition in &self.conditions {
            let matched = condition.holds(facts.context);
            observer.element(facts, Element::Condition(condition), matched);
            all &= matched;
            if !all && !O::EVERY {
                return None;
            }
        }
        if all { worth } else { None }
    }
}
