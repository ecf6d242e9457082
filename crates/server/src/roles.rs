//! What Lambda asks of IAM.

use arn::AccountId;
use iam::{Caller, Iam};
use lambda::execution::{CredentialSource, Credentials, FunctionSpec};
use lambda::{FunctionName, Roles, unassumable_role};
use policy::{Check, Context};
use wire::ApiError;

use crate::clock::now_ms;
use crate::decide::{Surroundings, decide};

/// How long the credentials of an execution environment are good: longer than environments live (facts: AWS gives
/// twelve hours at most to a role session).
const SESSION_SECONDS: i64 = 12 * 3600;

/// IAM, for Lambda.
pub struct LambdaRoles(pub(crate) Iam);

impl Roles for LambdaRoles {
    fn check_execution_role(&self, role_arn: &str, account: AccountId) -> Result<(), ApiError> {
        let role = self.0.role(role_arn)?.filter(|role| role.account == account);
        let trusts = self.0.may_assume(role_arn, "lambda.amazonaws.com", &Context::new())?;
        match (role, trusts) {
            (Some(_), Some(decision)) if decision.is_allowed() => Ok(()),
            _ => Err(unassumable_role()),
        }
    }

    fn may(&self, role_arn: &str, function: &FunctionName, check: Check) -> Result<bool, ApiError> {
        let now_ms = now_ms();
        let owner = Some(function.account);
        let Some(role) = function_session(&self.0, (role_arn, owner), &function.name, now_ms)? else {
            return Ok(false);
        };
        let around = Surroundings { source_ip: None, user_agent: None, region: &function.region, now_ms };
        Ok(decide(&self.0, &role, check, &around)?.allowed)
    }

    fn principal_exists(&self, arn_or_id: &str) -> bool {
        // A store that cannot be read must not make a principal look valid.
        matches!(self.0.resolve_principal(arn_or_id), Ok(Some(_)))
    }

    fn principal_id(&self, arn: &str) -> Option<String> {
        match self.0.resolve_principal(arn) {
            Ok(Some(iam::IamPrincipal::Entity { id, .. })) => Some(id),
            _ => None,
        }
    }
}

/// The name of a function's session of its role: its own; AWS pads one-letter names (recorded: test_assume_role).
pub fn session_name(function: &str) -> String {
    match function.len() {
        1 => format!("{function}@lambda_function"),
        _ => function.to_owned(),
    }
}

/// Lambda's session of an execution role, for a function of the account `owner`. `None` when that account has no such role.
///
/// # Errors
/// When the role cannot be read.
pub fn function_session(
    iam: &Iam,
    (role_arn, owner): (&str, Option<AccountId>),
    function: &str,
    now_ms: i64,
) -> Result<Option<Caller>, ApiError> {
    let session = iam.role_session(role_arn, &session_name(function), now_ms)?;
    Ok(session.filter(|session| owner.is_some() && session.principal.account() == owner))
}

impl CredentialSource for LambdaRoles {
    // The trust policy may have changed since the function was made, and a resource control policy may have come.
    fn may_assume(&self, spec: &FunctionSpec) -> bool {
        let decision = self.0.may_assume(&spec.role, "lambda.amazonaws.com", &Context::new());
        matches!(decision, Ok(Some(decision)) if decision.is_allowed())
    }

    fn credentials(&self, spec: &FunctionSpec) -> Option<Credentials> {
        let session = session_name(&spec.name);
        let role = (spec.role.as_str(), session.as_str());
        let given =
            self.0.issue_function_session(role, &spec.function_arn, (SESSION_SECONDS, now_ms())).ok()??;
        Some(Credentials {
            access_key_id: given.access_key_id,
            secret_access_key: given.secret_access_key,
            session_token: given.session_token,
        })
    }
}

/// IAM, for API Gateway.
pub struct GatewayRoles(pub(crate) Iam);

impl gateway::management::Roles for GatewayRoles {
    fn trusts(&self, role_arn: &str, service: &str) -> bool {
        matches!(self.0.may_assume(role_arn, service, &Context::new()), Ok(Some(decision)) if decision.is_allowed())
    }
}
