//! Where an integration may point. Texts and cases: test_apigateway_integrations test_put_integration_validation and
//! test_apigateway_dynamodb test_error_aws_proxy_not_supported.

use arn::Arn;

use super::failure::{Failure, bad_request};

/// Checks `uri` for an integration of this type.
pub(super) fn check(kind: &str, uri: &str) -> Result<(), Failure> {
    match kind {
        "HTTP" | "HTTP_PROXY" => check_http(uri),
        "AWS" | "AWS_PROXY" => check_aws(kind, uri),
        _ => Ok(()),
    }
}

fn check_http(uri: &str) -> Result<(), Failure> {
    let host = uri.strip_prefix("http://").or_else(|| uri.strip_prefix("https://"));
    // A stage variable may stand for the whole of a URI, its scheme included.
    if host.is_some_and(|host| !host.is_empty()) || uri.starts_with("${stageVariables.") {
        return Ok(());
    }
    Err(bad_request("Invalid HTTP endpoint specified for URI"))
}

fn check_aws(kind: &str, uri: &str) -> Result<(), Failure> {
    let target = Arn::parse(uri).map_err(|_| bad_request("Invalid ARN specified in the request"))?;
    // A stage variable may stand for both (guide, "Stage variables reference", "AWS integration URIs").
    if !["path/", "action/", "${stageVariables."].iter().any(|form| target.resource.starts_with(form)) {
        return Err(bad_request("AWS ARN for integration must contain path or action"));
    }
    // In such an ARN the account's place holds the service: arn:aws:apigateway:REGION:SERVICE:path/….
    if kind == "AWS_PROXY" && !is_function(&target) && target.account != "firehose" {
        return Err(bad_request(
            "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations.",
        ));
    }
    Ok(())
}

/// `path/2015-03-31/functions/FUNCTION/invocations`; AWS accepts a doubled slash after `path`.
fn is_function(target: &Arn) -> bool {
    let path = target.resource.strip_prefix("path/").unwrap_or_default().trim_start_matches('/');
    let function = path.split_once("/functions/").map(|(_, rest)| rest);
    let invoked = function.and_then(|f| {
        f.strip_suffix("/invocations").or_else(|| f.strip_suffix("/response-streaming-invocations"))
    });
    target.account == "lambda" && invoked.is_some_and(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::ApiError;

    #[track_caller]
    fn check_text(kind: &str, uri: &str, expected: Option<&str>) {
        let text = check(kind, uri).err().and_then(|f| ApiError::from(f).message);
        assert_eq!(text.as_deref(), expected, "{kind} {uri}");
    }

    #[test]
    fn a_proxy_reaches_lambda_and_firehose_only() {
        let function = "arn:aws:lambda:us-east-1:111111111111:function:f";
        let uri =
            format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations");
        check_text("AWS_PROXY", &uri, None);
        check_text("AWS_PROXY", &uri.replace("path/", "path//"), None);
        let variable =
            "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${stageVariables.fn}/invocations";
        check_text("AWS_PROXY", variable, None);
        let only = "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations.";
        check_text("AWS_PROXY", "arn:aws:apigateway:us-east-1:s3:path/b/k", Some(only));
        check_text(
            "AWS_PROXY",
            "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/f",
            Some(only),
        );
        check_text("AWS", "arn:aws:apigateway:us-east-1:s3:path/b/k", None);
    }

    #[test]
    fn a_uri_is_an_arn_with_path_or_action() {
        let form = "AWS ARN for integration must contain path or action";
        check_text("AWS_PROXY", "arn:aws:lambda:us-east-1:111111111111:function:f", Some(form));
        check_text("AWS", "arn:aws:iam::0000000000:role/service-role/asdf", Some(form));
        check_text("AWS", "non-valid-arn", Some("Invalid ARN specified in the request"));
        check_text("AWS", "arn:aws:apigateway:us-east-1:sts:${stageVariables.what}", None);
    }

    #[test]
    fn an_http_integration_needs_an_http_uri() {
        check_text("HTTP", "non-valid-http", Some("Invalid HTTP endpoint specified for URI"));
        check_text("HTTP_PROXY", "https://example.com/{proxy}", None);
        check_text("HTTP_PROXY", "http://${stageVariables.host}/x", None);
    }
}
