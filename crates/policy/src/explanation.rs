use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Effect, Layer, Position, Span};

/// The whole story of one decision: every policy that was looked at, every statement, every element.
///
/// Goes to JSON and back; [`Explanation::to_text`](Self::to_text) draws it for a terminal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// What came out. The same as the decision's.
    pub effect: Effect,
    /// The one layer to blame; `None` when allowed.
    pub denied_by: Option<Layer>,
    /// AWS's own sentence; `None` when allowed.
    pub sentence: Option<String>,
    /// The caller as messages print it: an ARN, a service's host name or `anonymous`.
    pub principal: String,
    /// What the caller is, in words, for example `the service apigateway.amazonaws.com`.
    pub caller: String,
    /// The caller's account; `None` for services, provider identities and the anonymous.
    pub principal_account: Option<String>,
    /// `service:Name`.
    pub action: String,
    /// The resource's ARN, or `*`.
    pub resource: String,
    /// The resource's account, where known.
    pub resource_account: Option<String>,
    /// The caller's account differs from the resource's: both sides must allow.
    pub cross_account: bool,
    /// Which side of a cross-account request refused; empty when allowed or when there is one side only.
    pub failed_sides: Vec<Side>,
    /// The condition context of the request, complete.
    pub context: Vec<ContextEntry>,
    /// One entry per layer that bears on the request; one per level for SCPs and RCPs.
    pub layers: Vec<LayerStory>,
    /// The Allow statement that failed in the fewest elements in the layer to blame; for an explicit denial the Deny that matched.
    pub nearest: Option<StatementRef>,
}

/// A condition key of the request with its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextEntry {
    /// The key.
    pub key: String,
    /// Its values.
    pub values: Vec<String>,
}

/// The two sides of a cross-account request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The caller's account: SCPs, identity policies, boundary, session policies.
    Trusted,
    /// The resource's account: RCPs and the resource's policy.
    Trusting,
}

/// What a layer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerVerdict {
    /// An Allow statement matches and no Deny does.
    Allows,
    /// No statement matches.
    NoAllow,
    /// A Deny statement matches.
    Denies,
    /// The layer does not bear on this caller or action; see the note.
    NotConsulted,
}

/// What one layer of policies said.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerStory {
    /// Which layer.
    pub layer: Layer,
    /// The level, from 0 = root of the organization, for SCPs and RCPs.
    pub level: Option<usize>,
    /// Whose policies these are.
    pub side: Side,
    /// What it said.
    pub verdict: LayerVerdict,
    /// Why the layer counts or does not, where that is not plain.
    pub note: Option<String>,
    /// The policies, in the order given.
    pub policies: Vec<PolicyStory>,
}

/// One policy's statements.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyStory {
    /// The policy's name.
    pub name: String,
    /// Its text, to underline.
    #[serde(with = "shared_text")]
    pub text: Arc<str>,
    /// Its statements, in order.
    pub statements: Vec<StatementStory>,
}

/// One statement, matched or not.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatementStory {
    /// From 0.
    pub index: usize,
    /// The `Sid`, if it has one.
    pub sid: Option<String>,
    /// `Allow` or `Deny`.
    pub effect: StatementEffect,
    /// Whether every element matched.
    pub matched: bool,
    /// Where it stands.
    pub span: Span,
    /// Every element, in the order Principal, Action, Resource, Condition.
    pub elements: Vec<ElementStory>,
}

/// `Effect` of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StatementEffect {
    /// Grants.
    Allow,
    /// Refuses, whatever else grants.
    Deny,
}

/// One element of a statement, matched or not, and why.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ElementStory {
    /// `Principal`, `NotAction`, `Condition ArnLike AWS:SourceArn`, …
    pub element: String,
    /// Whether it matched.
    pub matched: bool,
    /// Why, to be read by a program.
    pub why: Why,
    /// Why, to be read by people.
    pub text: String,
    /// Where the element's value stands.
    pub span: Span,
    /// The line and column of `span`.
    pub at: Position,
}

/// Why an element matched or did not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Why {
    /// It matched.
    Matched,
    /// The request does not carry the condition key.
    MissingKey {
        /// The key, as the policy writes it.
        key: String,
        /// What the policy says its value must be.
        expected: Vec<String>,
    },
    /// The request carries the key although the statement wants it absent.
    KeyPresent {
        /// The key, as the policy writes it.
        key: String,
    },
    /// No value matched (or, for a negated element, one did).
    WrongValue {
        /// What the policy says.
        expected: Vec<String>,
        /// What the request says.
        actual: Vec<String>,
    },
    /// ARNs differ in one part.
    ArnPart {
        /// `partition`, `service`, `region`, `account` or `resource`.
        part: String,
        /// That part in the policy's nearest ARN.
        expected: String,
        /// That part in the request's.
        actual: String,
    },
    /// The principal element names other kinds of callers, or other callers.
    OtherPrincipal {
        /// What the element covers, in words.
        covers: Vec<String>,
        /// What the caller is, in words.
        caller: String,
    },
    /// A `Not…` element lists the request's value.
    Excluded {
        /// The listed value.
        by: String,
    },
    /// A policy variable has neither value nor default.
    Unresolved {
        /// The variable's key.
        variable: String,
    },
    /// The key has several values and the operator no `ForAllValues:` or `ForAnyValue:`.
    ManyValues {
        /// The key.
        key: String,
    },
    /// What the policy holds can never match, for example an unknown operator.
    Unusable {
        /// Why not.
        because: String,
    },
}

/// Points at a statement of an [`Explanation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementRef {
    /// Index into `layers`.
    pub layer: usize,
    /// Index into that layer's `policies`.
    pub policy: usize,
    /// Index into that policy's `statements`.
    pub statement: usize,
}

mod shared_text {
    use std::sync::Arc;

    use serde::Deserialize;

    pub(super) fn serialize<S: serde::Serializer>(text: &Arc<str>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(text)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Arc<str>, D::Error> {
        String::deserialize(from).map(Arc::from)
    }
}
