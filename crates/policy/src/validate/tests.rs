//! AWS's texts and their order.

use super::validate;
use crate::PolicyKind;

/// The document, with `{}` of `statement` in place of the statement.
#[track_caller]
fn identity(text: &str, message: &str, underlined: &str) {
    let error = validate(text, PolicyKind::Identity).expect_err(text);
    assert_eq!(error.message, message, "{text}: {}", error.help);
    assert_eq!(error.span.of(text), underlined, "{text}");
}

#[track_caller]
fn statement(statement: &str, message: &str, underlined: &str) {
    identity(&format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#), message, underlined);
}

const SYNTAX: &str = "Syntax errors in policy.";
const LEGACY: &str = "The policy failed legacy parsing";
const VERSION: &str = "Policy document must be version 2012-10-17 or greater.";
const GOOD: &str = r#"{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}"#;

// The texts and their order follow moto's tests (tests/test_iam/test_iam_policies.py), recorded from AWS.
#[test]
fn syntax_comes_before_everything() {
    identity("no json", SYNTAX, "n");
    identity(r#"{"Version":"2012-10-17"}"#, SYNTAX, r#"{"Version":"2012-10-17"}"#);
    identity(&format!(r#"{{"Version":"2013-10-17","Statement":{GOOD}}}"#), SYNTAX, r#""2013-10-17""#);
    identity(&format!(r#"{{"Version":"2012-10-17","Extra":1,"Statement":{GOOD}}}"#), SYNTAX, r#""Extra""#);
    statement("[]", SYNTAX, "[]");
    statement(r#"["x"]"#, SYNTAX, r#""x""#);
    statement(r#"{"Effect":"maybe","Action":"s3:*","Resource":"*"}"#, SYNTAX, r#""maybe""#);
    statement(r#"{"Effect":"Allow","Action":{},"Resource":"*"}"#, SYNTAX, "{}");
    statement(
        r#"{"Effect":"Allow","Action":"s3:*","NotAction":[],"Resource":"*"}"#,
        SYNTAX,
        r#""NotAction""#,
    );
    statement(
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"x":{"a":"1"}}}"#,
        SYNTAX,
        r#""x""#,
    );
    statement(
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"ForAnyValue::Bool":{"a":"1"}}}"#,
        SYNTAX,
        r#""ForAnyValue::Bool""#,
    );
}

#[test]
fn then_the_version_then_legacy_parsing() {
    identity(
        r#"{"Statement":{"Effect":"denY","Action":"s3:*","Resource":"*"}}"#,
        VERSION,
        r#"{"Statement":{"Effect":"denY","Action":"s3:*","Resource":"*"}}"#,
    );
    identity(&format!(r#"{{"Version":"2008-10-17","Statement":{GOOD}}}"#), VERSION, r#""2008-10-17""#);
    statement(r#"{"Effect":"denY","Action":"s3:*","Resource":"*"}"#, LEGACY, r#""denY""#);
    statement(r#"{"Effect":"Allow","Resource":"arn:aws:s3::bucket"}"#, LEGACY, r#""arn:aws:s3::bucket""#);
    statement(r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws::::b"}"#, LEGACY, r#""arn:aws::::b""#);
    for date in [
        "soon",
        "234-13",
        "2016-12-13t2:00:00.5+1",
        "2016-12-13t2:00:00.1999999999+10:59",
        "9223372036854775808",
    ] {
        let text = format!(
            r#"{{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{{"DateLessThan":{{"a":"{date}"}}}}}}"#
        );
        statement(&text, LEGACY, &format!("\"{date}\""));
    }
}

#[test]
fn then_sids_actions_resource_formats_action_prefixes_and_missing_resources() {
    statement(
        r#"[{"Sid":"a","Effect":"Allow","Action":"s3:*","Resource":"*"},{"Sid":"a","Effect":"Allow"}]"#,
        "Statement IDs (SID) in a single policy must be unique.",
        r#""a""#,
    );
    statement(
        r#"{"Sid":"a-b","Effect":"Allow"}"#,
        "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
        r#""a-b""#,
    );
    statement(r#"{"Effect":"Allow","Action":[]}"#, "Policy statement must contain actions.", "[]");
    let prefix = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
    statement(r#"{"Effect":"Allow","Action":"all"}"#, prefix, r#""all""#);
    statement(
        r#"{"Effect":"Allow","Action":"s:3:List","Resource":"x"}"#,
        r#"Resource x must be in ARN format or "*"."#,
        r#""x""#,
    );
    statement(
        r#"{"Effect":"Allow","Action":"s3:List:B","Resource":"*"}"#,
        "Actions/Condition can contain only one colon.",
        r#""s3:List:B""#,
    );
    statement(
        r#"{"Effect":"Allow","Action":"a a:B","Resource":"*"}"#,
        "Vendor a a is not valid",
        r#""a a:B""#,
    );
    statement(
        r#"{"Effect":"Allow","Action":"s3:B","Resource":[]}"#,
        "Policy statement must contain resources.",
        "[]",
    );
}

#[test]
fn a_wildcard_for_the_partition_is_accepted() {
    let policy = |resource: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"logs:*","Resource":"{resource}"}}}}"#
        )
    };
    for resource in ["arn:*:logs:*:*:*", "arn:aws*:logs:*:*:*"] {
        assert_eq!(validate(&policy(resource), PolicyKind::Identity).map(|_| ()), Ok(()), "{resource}");
    }
}

#[test]
fn resources() {
    #[track_caller]
    fn resource(text: &str, message: &str) {
        let json = format!("\"{text}\"");
        statement(&format!(r#"{{"Effect":"Allow","Action":"s3:B","Resource":{json}}}"#), message, &json);
    }
    resource("", r#"Resource  must be in ARN format or "*"."#);
    resource("a:bsd", r#"Partition "bsd" is not valid for resource "arn:bsd:*:*:*:*"."#);
    resource("a:b:cad", r#"Partition "b" is not valid for resource "arn:b:cad:*:*:*"."#);
    resource("a:b:c:d:e:f:g:h", r#"Partition "b" is not valid for resource "arn:b:c:d:e:f:g:h"."#);
    resource("aws:s3:::bucket", r#"Partition "s3" is not valid for resource "arn:s3:::bucket:*"."#);
    resource("arn:aws", "Resource vendor must be fully qualified and cannot contain regexes.");
    resource(
        "arn:aws:iam:us-east-1::x",
        "IAM resource arn:aws:iam:us-east-1::x cannot contain region information.",
    );
    resource(
        "arn:aws:s3:us-east-1::x",
        "Resource arn:aws:s3:us-east-1::x can not contain region information.",
    );
    resource(
        "arn:aws:iam:::x",
        "IAM resource path must either be \"*\" or start with user/, federated-user/, role/, group/, \
         instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, \
         report/, access-report/.",
    );
}

#[test]
fn what_aws_is_recorded_to_accept() {
    for statement in [
        GOOD,
        r#"{"Effect":"Allow","Action":"iam: a b ","Resource":["arn:aws:s3:::b","*"]}"#,
        r#"{"Effect":"Allow","Action":"*","Resource":"arn:aws:fdsasf"}"#,
        r#"{"Effect":"Allow","NotAction":"s3-s.x:List","NotResource":"arn:aws:ec2:us-east-1::x"}"#,
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:iam::*:user/${aws:username}","Condition":{"a":{}}}"#,
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"DateGreaterThan":{"a":["01T","-292275054",
           "2016-12-13t2:00:00.593194+23","2019-07-01T13:20:15Z","2016-12-13T21:20:37.593194+00:00",1]}}}"#,
    ] {
        let text = format!(r#"{{"Version":"2012-10-17","Id":"x","Statement":{statement}}}"#);
        assert_eq!(validate(&text, PolicyKind::Identity), Ok(()), "{statement}");
    }
}

#[test]
fn principals_belong_in_trust_and_resource_policies() {
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}"#;
    identity(text, "Policy document should not specify a principal.", r#""Principal""#);
    assert_eq!(validate(text, PolicyKind::Trust), Ok(()));
    #[track_caller]
    fn trust(statement: &str, message: &str, underlined: &str) {
        let text = format!(r#"{{"Version":"2008-10-17","Statement":{statement}}}"#);
        let error = validate(&text, PolicyKind::Trust).expect_err(statement);
        assert_eq!((error.message.as_str(), error.span.of(&text)), (message, underlined), "{statement}");
    }
    trust(
        r#"{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}"#,
        "Has prohibited field Resource.",
        r#""Resource""#,
    );
    for action in ["sts:GetCallerIdentity", "*", "s3:*"] {
        trust(
            &format!(r#"{{"Effect":"Allow","Principal":"*","Action":"{action}"}}"#),
            "AssumeRole policy may only specify STS AssumeRole actions.",
            &format!("\"{action}\""),
        );
    }
    trust(
        r#"{"Effect":"Deny","NotPrincipal":{"AWS":"222222222222"},"Action":"sts:AssumeRole"}"#,
        "Has prohibited field NotPrincipal.",
        r#""NotPrincipal""#,
    );
    for nobody in ["{}", r#"{"AWS":[]}"#] {
        trust(
            &format!(r#"{{"Effect":"Allow","Principal":{nobody},"Action":"sts:AssumeRole"}}"#),
            "Missing required field Principal cannot be empty!",
            nobody,
        );
    }
    let everyone_else = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","NotPrincipal":{"AWS":"222222222222"},
        "Action":"execute-api:Invoke","Resource":"*"}}"#;
    let error = validate(everyone_else, PolicyKind::Resource).expect_err("NotPrincipal with Allow");
    assert_eq!(error.message, "Allow with NotPrincipal is not allowed.");
    let denied = everyone_else.replace("Allow", "Deny");
    assert_eq!(validate(&denied, PolicyKind::Resource), Ok(()));
    // What passes can be compiled: nothing that comes in is refused later, when it is asked.
    let error = validate(&denied.replace(r#""*""#, "[]"), PolicyKind::Resource).expect_err("no resources");
    assert_eq!(error.message, "Policy statement must contain resources.");
    for principal in ["arn:aws:iam::222222222222:role/app-*", "arn:aws:iam::22:role/app", "ann"] {
        trust(
            &format!(r#"{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"sts:AssumeRole"}}"#),
            &format!(r#"Invalid principal in policy: "AWS":"{principal}""#),
            &format!("\"{principal}\""),
        );
    }
}

// Organizations User Guide, orgs_manage_policies_rcps_syntax and orgs_manage_policies_scps_syntax.
#[test]
fn organization_policies_have_the_elements_of_their_kind() {
    let document = |statement: &str| format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
    let good = r#"{"Effect":"Deny","Principal":"*","Action":"sts:*","NotResource":"*","Condition":{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"o-x"}}}"#;
    assert_eq!(validate(&document(good), PolicyKind::Rcp), Ok(()));
    for (from, to) in [
        ("Deny", "Allow"),
        (r#""Principal":"*""#, r#""Principal":{"AWS":"*"}"#),
        (r#""Principal":"*","#, ""),
        ("Principal", "NotPrincipal"),
        ("Action", "NotAction"),
        (r#""NotResource":"*","#, ""),
        ("sts:*", "sts"),
    ] {
        let text = document(&good.replacen(from, to, 1));
        assert!(validate(&text, PolicyKind::Rcp).is_err(), "{text}");
    }
    let version = document(good).replace("2012-10-17", "2008-10-17");
    assert!(validate(&version, PolicyKind::Rcp).is_err());
    for statement in [
        r#"{"Effect":"Deny","NotAction":"iam:*","Resource":"*","Condition":{"Bool":{"aws:x":"true"}}}"#,
        r#"{"Effect":"Allow","Action":["ec2:*","s3:Get*"],"NotResource":"arn:aws:s3:::b"}"#,
    ] {
        assert_eq!(validate(&document(statement), PolicyKind::Scp), Ok(()), "{statement}");
    }
    let principal = document(r#"{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}"#);
    let error = validate(&principal, PolicyKind::Scp).expect_err("a principal");
    assert_eq!(error.message, "Policy document should not specify a principal.");
}
