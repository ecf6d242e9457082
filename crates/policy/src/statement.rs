//! A compiled statement, and the one matcher that decides and explains.

use crate::arn_pattern::{ArnPattern, ArnValue, split_at_colon};
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
    /// Of the whole action: most statements are ruled out by it alone.
    action_tag: u64,
    pub(crate) resource: ArnValue<'a>,
    pub(crate) context: &'a Context,
    pub(crate) has_boundary: bool,
}

impl<'a> Facts<'a> {
    pub(crate) fn new(request: &Request<'a>, has_boundary: bool) -> Self {
        let (service, name) = split_at_colon(request.action).unwrap_or(("", request.action));
        Self {
            principal: request.principal,
            action: request.action,
            service,
            name,
            action_tag: tag(request.action),
            resource: ArnValue::new(request.resource),
            context: request.context,
            has_boundary,
        }
    }
}

/// The first and the last eight bytes and the length, mixed, without regard to case. Only rules out: equal tags are
/// followed by a comparison.
fn tag(text: &str) -> u64 {
    // Setting this bit makes upper-case letters lower-case ones; what else it makes equal does no harm here.
    const LOWER: u64 = 0x2020_2020_2020_2020;
    let bytes = text.as_bytes();
    let word = |chunk: Option<&[u8; 8]>| chunk.map_or(0, |chunk| u64::from_le_bytes(*chunk) | LOWER);
    word(bytes.first_chunk()) ^ word(bytes.last_chunk()).rotate_left(32) ^ bytes.len() as u64
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
    /// No wildcard.
    Exact(u64),
    /// All of one service, as in `lambda:*`.
    Service(Service),
    Glob(Service, Box<[Unit]>),
    /// No colon, or a wildcard within the service prefix.
    Never,
}

/// The part before the colon; `None`: any, as in `*:Get*`.
type Service = Option<Box<str>>;

impl ActionPattern {
    pub(crate) fn compile(text: &str) -> Self {
        let form = match text.split_once(':') {
            None if text == "*" => ActionForm::Everything,
            None => ActionForm::Never,
            Some((service, name)) => {
                let pattern = Pattern::compile(name, Dialect { variables: false, wildcards: true });
                let units = pattern.expand(&Context::new()).unwrap_or_default();
                let service = match service {
                    "*" => Some(None),
                    s if s.contains(['*', '?']) => None,
                    s => Some(Some(s.into())),
                };
                match service {
                    None => ActionForm::Never,
                    Some(Some(_)) if pattern.literal().is_some() => ActionForm::Exact(tag(text)),
                    Some(service) if *units == [ANY] => ActionForm::Service(service),
                    Some(service) => ActionForm::Glob(service, units.into()),
                }
            }
        };
        Self { text: text.into(), form }
    }

    /// Case-insensitive in both parts.
    pub(crate) fn matches(&self, facts: &Facts<'_>) -> bool {
        match &self.form {
            ActionForm::Everything => true,
            ActionForm::Exact(tag) => {
                *tag == facts.action_tag && self.text.eq_ignore_ascii_case(facts.action)
            }
            ActionForm::Service(service) => fits(service, facts),
            ActionForm::Glob(service, name) => fits(service, facts) && glob(name, facts.name, true),
            ActionForm::Never => false,
        }
    }

    /// Whether the service prefix alone fits.
    pub(crate) fn same_service(&self, facts: &Facts<'_>) -> bool {
        match &self.form {
            ActionForm::Everything => true,
            ActionForm::Service(service) | ActionForm::Glob(service, _) => fits(service, facts),
            ActionForm::Exact(_) | ActionForm::Never => {
                self.text.split_once(':').is_some_and(|(s, _)| s.eq_ignore_ascii_case(facts.service))
            }
        }
    }
}

fn fits(service: &Service, facts: &Facts<'_>) -> bool {
    service.as_ref().is_none_or(|text| text.eq_ignore_ascii_case(facts.service))
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
    #[inline]
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
            let listed = resource.arns.iter().any(|a| a.matches(&facts.resource, facts.context));
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
