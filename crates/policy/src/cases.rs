//! Policy tests as data: parse a case file, run its cases, say what differs. No file access: texts come in as strings.
//!
//! A file is one case or a list of them; unknown fields are ignored:
//!
//! ```json
//! {"name": "…",
//!  "request":  {"principal": "ARN, service or anonymous", "action": "lambda:InvokeFunction", "resource": "ARN",
//!               "resourceAccount": "optional", "context": {"aws:SourceArn": "… or a list"}},
//!  "policies": {"identity": [], "resource": null, "boundary": null, "session": null, "scp": [[]], "rcp": [[]]},
//!  "expected": "Allowed | ImplicitlyDenied | ExplicitlyDenied", "deniedBy": "optional layer"}
//! ```
//!
//! Beyond that format a request may say what its principal's ARN does not show: `roleArn` (with the path), `issuer`
//! (who made a federated user's session) and `principalId` (`AIDA…`, `AROA…`). A case may hold `says`: a text that
//! the drawn explanation must contain.

mod documents;

use std::fmt;

use arn::AccountId;

use self::documents::{Load, Policies};
use crate::json::{self, Json, Node};
use crate::{
    CallerPolicies, Context, Decision, Effect, Explanation, Layer, PolicyKind, Principal, Request,
    ResourcePolicies, Span, is_action,
};

/// The most bytes of a case file.
const MAX_FILE: usize = 32 * 1024 * 1024;

/// One case, ready to run.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name; `case 3` when it has none.
    pub name: String,
    /// Who asks.
    pub principal: Principal,
    /// `service:Name`.
    pub action: String,
    /// An ARN or `*`.
    pub resource: String,
    /// `resourceAccount`, else the fifth part of the ARN.
    pub resource_account: Option<AccountId>,
    /// The complete context.
    pub context: Context,
    /// The caller's policies.
    pub caller: CallerPolicies,
    /// The resource's policies.
    pub owner: ResourcePolicies,
    /// What must come out.
    pub expected: Effect,
    /// The layer to blame, where the case says so.
    pub denied_by: Option<Layer>,
    /// What the explanation's text must contain, where the case says so.
    pub says: Option<String>,
    /// What is probably not meant, though the case runs: policies that AWS would refuse, unknown kinds of policies.
    pub warnings: Vec<String>,
}

/// What came out of a case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The case's name.
    pub name: String,
    /// Whether effect, layer and explanation are as expected.
    pub holds: bool,
    /// What came out.
    pub effect: Effect,
    /// The layer to blame.
    pub denied_by: Option<Layer>,
    /// One line: what was expected and what came out, with the nearest statement.
    pub line: String,
    /// The case's warnings.
    pub warnings: Vec<String>,
    /// The whole story.
    pub explanation: Explanation,
}

/// A case file, or a policy in it, that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseError {
    /// What is wrong, with the case's name where it has one.
    pub message: String,
    /// Where in the case file; an empty span at the start for included files.
    pub span: Span,
}

impl fmt::Display for CaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CaseError {}

/// Reads the cases of a file. `load` answers the text of a policy given as `{"file": "path"}`.
///
/// # Errors
/// [`CaseError`] for anything that is no case file; `load`'s message when a file cannot be read.
pub fn parse(
    text: &str,
    load: &mut dyn FnMut(&str) -> Result<String, String>,
) -> Result<Vec<Case>, CaseError> {
    let document = json::read(text, MAX_FILE)
        .map_err(|e| CaseError { message: format!("no JSON: {}", e.help), span: e.span })?;
    if !matches!(document.value, Json::Array(_) | Json::Object(_)) {
        let message =
            "the file holds no cases: it is a list of objects with `request`, `policies` and `expected`";
        return Err(CaseError { message: message.to_owned(), span: document.span });
    }
    document
        .items()
        .iter()
        .enumerate()
        .map(|(i, node)| {
            let name = string(node, "name").map_or_else(|| format!("case {}", i + 1), str::to_owned);
            case(text, node, name, load)
        })
        .collect()
}

impl Case {
    /// What is asked.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        Request {
            principal: &self.principal,
            action: &self.action,
            resource: &self.resource,
            resource_account: self.resource_account,
            context: &self.context,
        }
    }

    /// Decides and explains.
    #[must_use]
    pub fn run(&self) -> Outcome {
        let request = self.request();
        let decision = Decision::evaluate_with(&request, &self.caller, &self.owner);
        let explanation = Decision::explain_with(&request, &self.caller, &self.owner);
        let (effect, denied_by) = (decision.effect, decision.denied_by);
        let layer_holds = self.denied_by.is_none() || self.denied_by == denied_by;
        let by = |layer: Option<Layer>| layer.map_or_else(String::new, |l| format!(" by the {}", l.words()));
        let mut line = format!(
            "{}: expected {:?}{}, got {effect:?}{}",
            self.name,
            self.expected,
            by(self.denied_by),
            by(denied_by)
        );
        if let Some((policy, statement)) = explanation.nearest.and_then(|n| explanation.statement(n)) {
            line.push_str(&format!("; {}: {}", policy.name, statement.line()));
        }
        let said = self.says.as_ref().filter(|says| !explanation.to_text().contains(*says));
        if let Some(says) = said {
            line.push_str(&format!("; the explanation does not say `{says}`"));
        }
        let holds = effect == self.expected && layer_holds && said.is_none();
        let (name, warnings) = (self.name.clone(), self.warnings.clone());
        Outcome { name, holds, effect, denied_by, line, warnings, explanation }
    }
}

fn case<'n>(text: &str, node: &'n Node, name: String, load: Load<'_>) -> Result<Case, CaseError> {
    let fail = |span: Span, what: String| CaseError { message: format!("{name}: {what}"), span };
    if node.members().is_none() {
        return Err(fail(node.span, "a case is an object".to_owned()));
    }
    let request = node.get("request").ok_or_else(|| fail(node.span, "no `request`".to_owned()))?;
    let required = |key: &str| {
        let missing = || fail(request.node.span, format!("the request has no `{key}`"));
        string(&request.node, key).ok_or_else(missing)
    };
    let (action, resource) = (required("action")?, required("resource")?);
    let principal = principal(&request.node, required("principal")?, action)
        .map_err(|what| fail(request.node.span, what))?;
    if !is_action(action) {
        let what = format!("`{action}` is no action: write a single one, such as lambda:InvokeFunction");
        let span = request.node.get("action").map_or(request.node.span, |member| member.node.span);
        return Err(fail(span, what));
    }
    let resource_account = match request.node.get("resourceAccount").map(|member| &member.node) {
        Some(node) if !matches!(node.value, Json::Null) && node.string() != Some("") => {
            let account = node.scalar().and_then(|text| AccountId::new(&text).ok());
            let what = || fail(node.span, "`resourceAccount` is twelve digits".to_owned());
            Some(account.ok_or_else(what)?)
        }
        _ => resource.split(':').nth(4).and_then(|text| AccountId::new(text).ok()),
    };
    let expected = match string(node, "expected") {
        Some("Allowed") => Effect::Allowed,
        Some("ImplicitlyDenied") => Effect::ImplicitlyDenied,
        Some("ExplicitlyDenied") => Effect::ExplicitlyDenied,
        _ => {
            let what = "`expected` is Allowed, ImplicitlyDenied or ExplicitlyDenied";
            return Err(fail(node.span, what.to_owned()));
        }
    };
    let denied_by = match node.get("deniedBy").filter(|by| !matches!(by.node.value, Json::Null)) {
        None => None,
        Some(by) => {
            let text = by.node.string().unwrap_or_default();
            Some(layer(text).ok_or_else(|| fail(by.node.span, format!("`{text}` is no layer")))?)
        }
    };
    // An object or nothing; anything else would be left out without a word.
    let members = |of: &'n Node, key: &str| match of.get(key).map(|member| &member.node) {
        Some(object) if object.members().is_some() => Ok(object.members().unwrap_or_default()),
        Some(other) if !matches!(other.value, Json::Null) => {
            Err(fail(other.span, format!("`{key}` is an object")))
        }
        _ => Ok(&[][..]),
    };
    let mut context = Context::new();
    for member in members(&request.node, "context")? {
        let values = member.node.items().iter().map(Node::scalar).collect::<Option<Vec<_>>>();
        let values =
            values.ok_or_else(|| fail(member.node.span, format!("`{}` takes strings", member.key)))?;
        if context.get(&member.key).is_some() {
            let what = format!("`{}` occurs twice: the case of condition keys does not matter", member.key);
            return Err(fail(member.key_span, what));
        }
        context.set_all(member.key.clone(), values);
    }
    let mut caller = CallerPolicies::default();
    let mut owner = ResourcePolicies::default();
    let mut reader = Policies { text, load, case: &name, warnings: Vec::new() };
    for member in members(node, "policies")? {
        let node = &member.node;
        match member.key.as_str() {
            "identity" => caller.identity = reader.list("identity policy", node, PolicyKind::Identity)?,
            "resource" => {
                let sts = action.get(..4).is_some_and(|s| s.eq_ignore_ascii_case("sts:"));
                let (what, kind) = match sts && resource.contains(":role/") {
                    true => ("trust policy", PolicyKind::Trust),
                    false => ("resource policy", PolicyKind::Resource),
                };
                owner.policy = reader.at_most_one(what, node, kind)?;
            }
            "boundary" => {
                caller.boundary = reader.at_most_one("boundary", node, PolicyKind::Boundary)?;
            }
            "session" => {
                // A session to which no policy was passed is not limited by one.
                let list = reader.list("session policy", node, PolicyKind::Session)?;
                caller.session = (!list.is_empty()).then_some(list);
            }
            "scp" => caller.scp = reader.levels("SCP", node, PolicyKind::Scp)?,
            "rcp" => owner.rcp = reader.levels("RCP", node, PolicyKind::Rcp)?,
            other => reader.warnings.push(format!("`{other}` is no kind of policy: it is left out")),
        }
    }
    let mut warnings = reader.warnings;
    if resource != "*" && resource.contains(['*', '?']) {
        warnings.push(format!(
            "`{resource}` is one resource of that name: a request's wildcards stand for themselves"
        ));
    } else if resource != "*" && !resource.starts_with("arn:") {
        warnings.push(format!("`{resource}` is neither an ARN nor `*`"));
    }
    Ok(Case {
        principal,
        action: action.to_owned(),
        resource: resource.to_owned(),
        resource_account,
        context,
        caller,
        owner,
        expected,
        denied_by,
        says: string(node, "says").map(str::to_owned),
        warnings,
        name,
    })
}

fn principal(request: &Node, text: &str, action: &str) -> Result<Principal, String> {
    let mut principal = Principal::parse(text).map_err(|e| e.to_string())?;
    let id = string(request, "principalId");
    let web = ["sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"];
    match &mut principal {
        // `cognito-identity.amazonaws.com` is a provider for these two actions and a service for all others.
        Principal::Service { host } if web.iter().any(|a| a.eq_ignore_ascii_case(action)) => {
            return Ok(Principal::Federated { provider: host.clone() });
        }
        Principal::User { id: own, .. } => *own = id.unwrap_or_default().to_owned(),
        Principal::RoleSession { role_arn, role_id, .. } => {
            *role_id = id.unwrap_or_default().to_owned();
            if let Some(arn) = string(request, "roleArn") {
                *role_arn = arn.to_owned();
            }
        }
        Principal::FederatedUser { issuer_arn, .. } => {
            if let Some(issuer) = string(request, "issuer") {
                *issuer_arn = issuer.to_owned();
            }
        }
        _ => {}
    }
    Ok(principal)
}

fn layer(text: &str) -> Option<Layer> {
    Some(match text {
        "identity" => Layer::Identity,
        "resource" => Layer::Resource,
        "boundary" => Layer::Boundary,
        "session" => Layer::Session,
        "scp" => Layer::Scp,
        "rcp" => Layer::Rcp,
        "trust" => Layer::Trust,
        _ => return None,
    })
}

fn string<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key)?.node.string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOW: &str =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

    fn case_with(policies: &str) -> String {
        format!(
            r#"[{{"name":"n","request":{{"principal":"arn:aws:iam::222222222222:user/ann","action":"s3:Get",
                "resource":"*"}},"policies":{policies},"expected":"Allowed","ignored":1}}]"#
        )
    }

    #[test]
    fn a_policy_is_an_object_a_string_or_a_file() {
        let quoted = ALLOW.replace('"', "\\\"");
        for policy in [ALLOW.to_owned(), format!("\"{quoted}\""), r#"{"file":"p.json"}"#.to_owned()] {
            let mut load = |path: &str| {
                assert_eq!(path, "p.json");
                Ok(ALLOW.to_owned())
            };
            let cases = parse(&case_with(&format!("{{\"identity\":[{policy}]}}")), &mut load).unwrap();
            let outcome = cases[0].run();
            assert!(outcome.holds, "{}", outcome.line);
        }
    }

    #[track_caller]
    fn refused(text: &str, message: &str, underlined: &str) {
        let error = parse(text, &mut |_| Err("gone".to_owned())).unwrap_err();
        assert!(error.message.contains(message), "{}", error.message);
        assert_eq!(error.span.of(text), underlined);
    }

    #[test]
    fn what_cannot_be_read_is_named_and_placed() {
        refused("nonsense", "no JSON", "n");
        refused(r#"{"name":"n"}"#, "n: no `request`", r#"{"name":"n"}"#);
        refused(&case_with(r#"{"identity":[{"file":"p.json"}]}"#), "n: p.json: gone", r#"{"file":"p.json"}"#);
        refused(
            &case_with(r#"{"identity":[{"Statement":{"Effect":"x"}}]}"#),
            "exactly `Allow` or `Deny`",
            r#""x""#,
        );
        let two = format!("[{ALLOW},{ALLOW}]");
        refused(&case_with(&format!("{{\"boundary\":{two}}}")), "one boundary at most", &two);
    }

    fn request(more: &str) -> String {
        let request = r#""principal":"anonymous","resource":"arn:aws:s3:::b""#;
        format!(r#"[{{"request":{{{request},{more}}},"expected":"ImplicitlyDenied"}}]"#)
    }

    #[test]
    fn a_request_says_one_thing() {
        let account = |text: &str| format!(r#""action":"s3:GetObject","resourceAccount":{text}"#);
        for (text, twelve) in
            [("111111111111", true), ("\"111111111111\"", true), ("11", false), ("\"x\"", false)]
        {
            let text = request(&account(text));
            match parse(&text, &mut |_| Err(String::new())) {
                Ok(cases) => assert!(twelve && cases[0].resource_account.is_some(), "{text}"),
                Err(error) => assert!(!twelve && error.message.contains("twelve digits"), "{error}"),
            }
        }
        for action in ["lambda:*", "lambda:Get?", "Invoke", "lambda:", "*"] {
            let text = request(&format!(r#""action":"{action}""#));
            refused(&text, "is no action", &format!("\"{action}\""));
        }
        let twice = request(r#""action":"s3:Get","context":{"aws:Username":"a","AWS:username":"b"}"#);
        refused(&twice, "occurs twice", r#""AWS:username""#);
    }

    #[test]
    fn what_aws_would_not_store_is_warned_about() {
        #[track_caller]
        fn warns(policies: &str, expected: &[&str]) {
            let cases = parse(&case_with(policies), &mut |_| Err(String::new())).unwrap();
            assert_eq!(cases[0].warnings.len(), expected.len(), "{:?}", cases[0].warnings);
            for (warning, expected) in cases[0].warnings.iter().zip(expected) {
                assert!(warning.contains(expected), "{warning}");
            }
        }
        let deny = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:*","Resource":"*",
            "Condition":{"stringEquals":{"aws:username":"ann"}}}}"#;
        warns(
            &format!(r#"{{"identiy":[],"identity":[{ALLOW},{deny}]}}"#),
            &["`identiy` is no kind of policy", "identity policy 2: AWS refuses it"],
        );
        let full = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}"#;
        let old = ALLOW.replace("2012", "2008");
        warns(&format!(r#"{{"rcp":[[{full}]],"scp":[[{ALLOW}]],"identity":[{old}]}}"#), &[]);
    }
}
