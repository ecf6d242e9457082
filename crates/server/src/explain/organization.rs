//! What mends a denial by service control or resource control policies: commands for the management account. A grant
//! in the caller's or the resource's account cannot help.

use std::sync::Arc;

use doctor::{Code, Fix, Refusal, code, compact, grants, quote, statements};
use iam::Membership;
use policy::{
    CallerPolicies, Context, Decision, Effect, Explanation, Layer, LayerVerdict, Policy, PolicyKind, Request,
    ResourcePolicies, StatementEffect,
};
use serde_json::{Value, json};

use crate::trace::Decided;

/// SCPs on one target at most (Organizations User Guide, orgs_reference_limits).
const MOST_ATTACHED: usize = 5;
/// Characters of an SCP or RCP (the same page).
const MOST_CHARACTERS: usize = 5_120;

/// The fixes when SCPs or RCPs are to blame; `None` when another layer is.
pub fn fixes(decided: &Decided, story: &Explanation, refusal: &Refusal<'_>) -> Option<Vec<Fix>> {
    let (membership, levels, kind) = match decided.decision.denied_by? {
        Layer::Scp => (decided.caller_in.as_deref()?, &decided.caller.scp, PolicyKind::Scp),
        Layer::Rcp => (decided.owner_in.as_deref()?, &decided.rcp, PolicyKind::Rcp),
        _ => return None,
    };
    let at = At { decided, refusal, membership, levels, kind };
    let found = match decided.decision.effect {
        Effect::ExplicitlyDenied => {
            let denying = at.denying(story);
            vec![at.detach(&denying), at.exempt(&denying)]
        }
        _ => {
            let closed = at.closed(story);
            vec![at.allow(&closed), at.full_access(&closed)]
        }
    };
    let mut fixes: Vec<Fix> = found.into_iter().flatten().collect();
    for (number, fix) in fixes.iter_mut().enumerate() {
        let either = if number == 0 { "" } else { "or, " };
        fix.why = format!("{either}{}", fix.why);
    }
    Some(fixes)
}

/// The policies of one kind that bear on the refused request.
struct At<'a> {
    decided: &'a Decided,
    refusal: &'a Refusal<'a>,
    membership: &'a Membership,
    levels: &'a [Vec<Arc<Policy>>],
    kind: PolicyKind,
}

/// A policy on a level whose Deny matches.
struct Denying {
    level: usize,
    id: String,
    /// The statements, by their number in the policy.
    statements: Vec<usize>,
}

impl At<'_> {
    fn layer(&self) -> Layer {
        if self.kind == PolicyKind::Scp { Layer::Scp } else { Layer::Rcp }
    }

    fn id(&self, level: usize, policy: usize) -> Option<&str> {
        let level = self.membership.levels.get(level)?;
        let ids = if self.kind == PolicyKind::Scp { &level.scp } else { &level.rcp };
        ids.get(policy).map(String::as_str)
    }

    fn target(&self, level: usize) -> &str {
        self.membership.levels.get(level).map_or("", |level| &level.id)
    }

    fn words(&self, level: usize) -> String {
        self.membership.levels.get(level).map(iam::Level::words).unwrap_or_default()
    }

    fn denying(&self, story: &Explanation) -> Vec<Denying> {
        let mut found = Vec::new();
        for layer in story.layers.iter().filter(|layer| layer.layer == self.layer()) {
            let Some(level) = layer.level else { continue };
            for (number, policy) in layer.policies.iter().enumerate() {
                let matched =
                    policy.statements.iter().filter(|s| s.matched && s.effect == StatementEffect::Deny);
                let statements: Vec<usize> = matched.map(|s| s.index).collect();
                if let (false, Some(id)) = (statements.is_empty(), self.id(level, number)) {
                    found.push(Denying { level, id: id.to_owned(), statements });
                }
            }
        }
        found
    }

    /// Levels where nothing allows.
    fn closed(&self, story: &Explanation) -> Vec<usize> {
        let silent = |l: &&policy::LayerStory| l.layer == self.layer() && l.verdict == LayerVerdict::NoAllow;
        story.layers.iter().filter(silent).filter_map(|layer| layer.level).collect()
    }

    /// Takes the policies off where they deny.
    fn detach(&self, denying: &[Denying]) -> Option<Fix> {
        let mut levels = self.levels.to_vec();
        let (mut commands, mut places) = (Vec::new(), Vec::new());
        for one in denying {
            let at = self.levels.get(one.level)?;
            let gone = (0..at.len()).find(|n| self.id(one.level, *n) == Some(&one.id))?;
            let text = at.get(gone)?.clone();
            let level = levels.get_mut(one.level)?;
            level.retain(|policy| !Arc::ptr_eq(policy, &text));
            // The last SCP of a target cannot be taken off.
            if level.is_empty() && self.kind == PolicyKind::Scp {
                level.push(full_access()?);
                commands.push(attach_full_access(self.target(one.level)));
            }
            commands.push(format!(
                "aws organizations detach-policy --policy-id {} --target-id {}",
                one.id,
                self.target(one.level)
            ));
            places.push(format!("{} off {}", one.id, self.words(one.level)));
        }
        let places = places.join(", ");
        let code = [
            Err(format!("in Terraform, delete the aws_organizations_policy_attachment: {places}")),
            Err(format!(
                "in CloudFormation, delete from the TargetIds of the AWS::Organizations::Policy: {places}"
            )),
        ];
        self.finish(format!("take {places}"), (commands, code), levels)
    }

    /// Lets the denying statements go past this caller only.
    fn exempt(&self, denying: &[Denying]) -> Option<Fix> {
        let mut levels = self.levels.to_vec();
        let mut updates = Vec::new();
        let mut done: Vec<&str> = Vec::new();
        for one in denying {
            if done.contains(&one.id.as_str()) {
                continue;
            }
            done.push(&one.id);
            let change = |document: &mut Value| {
                let statements = statements(document)?;
                for number in &one.statements {
                    except(statements.get_mut(*number)?, &self.decided.context)?;
                }
                Some(())
            };
            updates.push(self.update(&mut levels, &one.id, change)?);
        }
        let arn = self.decided.context.get("aws:PrincipalArn").and_then(|arn| arn.first());
        let who = arn.cloned().unwrap_or_else(|| self.decided.principal.arn());
        self.finish(format!("let the Deny not apply to {who}"), self.written(&updates), levels)
    }

    /// Puts back what AWS attaches to everything.
    fn full_access(&self, closed: &[usize]) -> Option<Fix> {
        let mut levels = self.levels.to_vec();
        let mut commands = Vec::new();
        for number in closed {
            let level = levels.get_mut(*number)?;
            if level.len() >= MOST_ATTACHED {
                return None;
            }
            level.push(full_access()?);
            commands.push(attach_full_access(self.target(*number)));
        }
        let places: Vec<String> = closed.iter().map(|level| self.words(*level)).collect();
        let why =
            format!("allow everything again on {}, leaving limits to Deny statements", places.join(", "));
        let attachments: String = closed.iter().map(|number| attachment(self.target(*number))).collect();
        let code = [
            Ok(format!("# account {}\n{attachments}", self.membership.management)),
            Err("CloudFormation attaches no policy that AWS owns".to_owned()),
        ];
        self.finish(why, (commands, code), levels)
    }

    /// Adds the action to what is allowed on every level that lacks it.
    fn allow(&self, closed: &[usize]) -> Option<Fix> {
        let action = &self.decided.action;
        let mut levels = self.levels.to_vec();
        let mut updates = Vec::new();
        let mut done: Vec<&str> = Vec::new();
        for level in closed {
            let own = (0..).map_while(|n| self.id(*level, n)).find(|id| *id != "p-FullAWSAccess")?;
            if done.contains(&own) {
                continue;
            }
            done.push(own);
            let change = |document: &mut Value| {
                let statement = json!({"Effect": "Allow", "Action": action, "Resource": "*"});
                statements(document)?.push(statement);
                Some(())
            };
            updates.push(self.update(&mut levels, own, change)?);
        }
        self.finish(
            format!("add {action} to what {} allows", done.join(", ")),
            self.written(&updates),
            levels,
        )
    }

    /// The changed policies, by their ids, as commands and as code.
    fn written(&self, updates: &[(&str, Value)]) -> (Vec<String>, [Code; 2]) {
        let account = self.membership.management.as_str();
        let commands = updates.iter().map(|(id, content)| {
            let content = quote(&compact(content));
            format!("aws organizations update-policy --policy-id {id} --content {content}")
        });
        let terraform = updates.iter().map(|(id, content)| {
            code::terraform_document(account, "aws_organizations_policy", id, "content", content)
        });
        let cloudformation = updates.iter().map(|(id, content)| {
            let properties = [("Content", content.clone())];
            code::cloudformation(account, "AWS::Organizations::Policy", id, &properties)
        });
        let forms = [Ok(terraform.collect()), Ok(cloudformation.collect::<Vec<_>>().join("---\n"))];
        (commands.collect(), forms)
    }

    /// Changes a policy wherever it is attached; gives its id and what it becomes.
    fn update<'i>(
        &self,
        levels: &mut [Vec<Arc<Policy>>],
        id: &'i str,
        change: impl Fn(&mut Value) -> Option<()>,
    ) -> Option<(&'i str, Value)> {
        let mut content = None;
        for (level, policies) in levels.iter_mut().enumerate() {
            for (number, policy) in policies.iter_mut().enumerate() {
                if self.id(level, number) != Some(id) {
                    continue;
                }
                let mut document: Value = serde_json::from_str(&policy.text).ok()?;
                change(&mut document)?;
                let text = compact(&document);
                *policy = Arc::new(Policy::parse("suggestion", &text, self.kind).ok()?);
                content = Some((text, document));
            }
        }
        let (_, document) = content.filter(|(text, _)| {
            text.chars().count() <= MOST_CHARACTERS && policy::validate(text, self.kind).is_ok()
        })?;
        Some((id, document))
    }

    /// Evaluates the request with the changed policies. Where another layer still refuses, what mends that comes along;
    /// where nothing is known to, the fix says that it is not all.
    fn finish(
        &self,
        why: String,
        (commands, [terraform, cloudformation]): (Vec<String>, [Code; 2]),
        levels: Vec<Vec<Arc<Policy>>>,
    ) -> Option<Fix> {
        let mut caller = CallerPolicies::clone(&self.decided.caller);
        let mut resource = self.decided.resource();
        match self.kind {
            PolicyKind::Scp => caller.scp = levels,
            _ => resource.rcp = levels,
        }
        let request = self.decided.request();
        let mut fix = Fix::run(self.membership.management.as_str(), why, commands);
        let step = fix.steps.pop()?.coded(terraform, cloudformation);
        fix.steps.push(step);
        fix.checked = true;
        let after = decide(&request, &caller, &resource);
        if after.is_allowed() {
            return Some(fix);
        }
        // Another matching Deny was left: this is no fix.
        if after.denied_by == Some(self.layer()) {
            return None;
        }
        let refusal = Refusal {
            request,
            caller: &caller,
            resource: resource.policy.clone(),
            rcp: &resource.rcp,
            api: self.refusal.api,
            mfa: self.refusal.mfa.clone(),
        };
        match grants(&refusal).into_iter().next() {
            Some(grant) => {
                fix.why += &format!("; then {}", grant.why);
                fix.checked = grant.checked;
                fix.steps.extend(grant.steps);
            }
            None => {
                let then = after.sentence(&self.decided.request());
                let then = then.unwrap_or_else(|| "it is refused".to_owned());
                fix.why += &format!("; this is not all: then {then}");
            }
        }
        Some(fix)
    }
}

fn decide(request: &Request<'_>, caller: &CallerPolicies, resource: &ResourcePolicies) -> Decision {
    Decision::evaluate_with(request, caller, resource)
}

fn attach_full_access(target: &str) -> String {
    format!("aws organizations attach-policy --policy-id p-FullAWSAccess --target-id {target}")
}

/// The same as Terraform code. Ids of roots, units and accounts hold letters, digits and hyphens, as labels may.
fn attachment(target: &str) -> String {
    format!(
        "resource \"aws_organizations_policy_attachment\" \"full_access_{target}\" {{\n  policy_id = \
         \"p-FullAWSAccess\"\n  target_id = \"{target}\"\n}}\n"
    )
}

fn full_access() -> Option<Arc<Policy>> {
    const TEXT: &str =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    Policy::parse("p-FullAWSAccess", TEXT, PolicyKind::Scp).ok().map(Arc::new)
}

/// Adds the condition that makes a Deny pass over this caller: by its ARN, or as a service of AWS's.
fn except(statement: &mut Value, context: &Context) -> Option<()> {
    let (operator, key, value) = match context.get("aws:PrincipalArn").and_then(|arn| arn.first()) {
        Some(arn) => ("ArnNotLike", "aws:PrincipalArn", arn.as_str()),
        None if context.get("aws:PrincipalServiceName").is_some() => {
            ("BoolIfExists", "aws:PrincipalIsAWSService", "false")
        }
        None => return None,
    };
    let conditions = statement.as_object_mut()?.entry("Condition").or_insert_with(|| json!({}));
    let keys = conditions.as_object_mut()?.entry(operator).or_insert_with(|| json!({})).as_object_mut()?;
    match keys.get_mut(key) {
        Some(Value::Array(values)) => values.push(json!(value)),
        Some(old) => *old = json!([old.take(), value]),
        None => {
            keys.insert(key.to_owned(), json!(value));
        }
    }
    Some(())
}
