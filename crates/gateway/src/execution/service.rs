//! AWS integrations with other services than functions: `arn:aws:apigateway:REGION:SERVICE:action/NAME` and
//! `…:path/PATH` (API reference, `PutIntegration`, `uri`).

use arn::Arn;

use super::compile::Credentials;

/// The services that this server runs.
const HERE: [&str; 6] = ["apigateway", "iam", "lambda", "logs", "organizations", "sts"];

/// Which API is called, and for whom.
pub(super) struct Service {
    pub name: String,
    pub region: String,
    pub action: Option<String>,
    pub credentials: Credentials,
}

/// Why there is none.
#[derive(Debug, PartialEq)]
pub(super) enum NoService {
    /// The service is not run here.
    NotHere(String),
    /// The URI is none.
    Broken(String),
}

/// Reads a URI; gives the address besides, as the execution log shows it.
pub(super) fn parse(uri: &str, credentials: Credentials) -> Result<(Service, String), NoService> {
    let broken = || {
        NoService::Broken(format!(
            "the integration's URI `{uri}` is not of the form arn:aws:apigateway:REGION:SERVICE:action/NAME or \
             …:path/PATH"
        ))
    };
    let mut parts = uri.splitn(6, ':').skip(3);
    let (Some(region), Some(name), Some(target)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(broken());
    };
    if !HERE.contains(&name) {
        return Err(NoService::NotHere(format!(
            "integrations with the service `{name}`: crossgate runs {}",
            HERE.join(", ")
        )));
    }
    let suffix = if Arn::partition_of(region) == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    let host = match name {
        "iam" | "organizations" => format!("{name}.{suffix}"),
        _ => format!("{name}.{region}.{suffix}"),
    };
    let service = |action: Option<&str>| Service {
        name: name.to_owned(),
        region: region.to_owned(),
        action: action.map(str::to_owned),
        credentials,
    };
    match target.split_once('/') {
        // Parameters may follow the action: `action/ListUsers&Version=2010-05-08`.
        Some(("action", rest)) if !rest.is_empty() => {
            let (action, more) = rest
                .split_once('&')
                .map_or((rest, ""), |(action, _)| (action, rest.get(action.len()..).unwrap_or_default()));
            Ok((service(Some(action)), format!("https://{host}/?Action={action}{more}")))
        }
        Some(("path", path)) => {
            Ok((service(None), format!("https://{host}/{}", path.trim_start_matches('/'))))
        }
        _ => Err(broken()),
    }
}

/// Whether a URI invokes a function, which is an integration of its own.
pub(super) fn is_function(uri: &str) -> bool {
    uri.split(':').nth(4).is_none_or(|service| service == "lambda" || service.contains('$'))
        && (uri.contains("/functions/") || uri.contains("${"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(uri: &str, url: &str, action: Option<&str>) {
        let Ok((service, address)) = parse(uri, Credentials::Service) else { panic!("{uri}") };
        assert_eq!((address.as_str(), service.action.as_deref()), (url, action));
    }

    #[test]
    fn actions_and_paths_have_an_address() {
        reads(
            "arn:aws:apigateway:eu-west-1:sts:action/GetCallerIdentity",
            "https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity",
            Some("GetCallerIdentity"),
        );
        reads(
            "arn:aws:apigateway:us-east-1:iam:action/ListUsers&Version=2010-05-08",
            "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
            Some("ListUsers"),
        );
        reads(
            "arn:aws:apigateway:us-east-1:apigateway:path//restapis/{id}",
            "https://apigateway.us-east-1.amazonaws.com/restapis/{id}",
            None,
        );
    }

    #[test]
    fn what_is_not_here_is_named() {
        let Err(NoService::NotHere(text)) =
            parse("arn:aws:apigateway:us-east-1:sqs:path/1/q", Credentials::Service)
        else {
            panic!("sqs")
        };
        assert!(text.contains("`sqs`") && text.contains("iam"), "{text}");
        for uri in ["arn:aws:apigateway:us-east-1:iam:action/", "arn:aws:apigateway:us-east-1:iam", "x"] {
            assert!(matches!(parse(uri, Credentials::Service), Err(NoService::Broken(_))), "{uri}");
        }
    }

    #[test]
    fn functions_are_told_from_lambdas_api() {
        let base = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions";
        assert!(is_function(&format!("{base}/f/invocations")));
        assert!(!is_function(base) && !is_function("arn:aws:apigateway:us-east-1:iam:action/ListUsers"));
    }
}
