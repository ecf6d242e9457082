//! Which journey a request takes: a call to a deployed API, this server's own pages, or an AWS API.

use std::borrow::Cow;

use gateway::execution::DomainTarget;

/// Where a request is for.
#[derive(Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// A call to a deployed API; `path` begins with `/` and the stage, query string excluded.
    Api {
        /// The API's id.
        api: &'a str,
        /// `/{stage}/…`, as sent.
        path: Cow<'a, str>,
        /// The VPC endpoint that the host name has, `vpce-…`.
        endpoint: Option<&'a str>,
    },
    /// A call to a custom domain of API Gateway.
    Domain(DomainTarget),
    /// A call to a function URL, by the first label of its host name.
    FunctionUrl(&'a str),
    /// `/_crossgate/…`: the rest of the path.
    Own(&'a str),
    /// Everything else.
    Aws,
}

/// Whether a host name may be somebody's custom domain. This server's own names never are, or whoever registers one of
/// them would get what others send to AWS.
#[must_use]
pub fn may_be_custom(name: &str) -> bool {
    const SERVICES: [&str; 7] =
        ["apigateway", "execute-api", "iam", "lambda", "logs", "organizations", "sts"];
    let mut labels = name.split('.');
    let (Some(first), Some(second)) = (labels.next(), labels.next()) else { return false };
    if ["execute-api", "lambda-url"].iter().any(|s| second.eq_ignore_ascii_case(s)) {
        return false;
    }
    // First, for it is what most calls by path have, and needs no copy.
    let name = name.trim_end_matches('.');
    if name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok() {
        return false;
    }
    let lower = name.to_ascii_lowercase();
    !SERVICES.iter().any(|s| first.eq_ignore_ascii_case(s))
        && ![".amazonaws.com", ".amazonaws.com.cn", ".on.aws"].iter().any(|end| lower.ends_with(end))
}

/// What the Host header alone tells: an API's invoke URL is `http://{api}.execute-api.{anything}/{stage}/…`, AWS's own
/// host names among them, and a function's `http://{id}.lambda-url.{region}.…`.
#[must_use]
pub fn by_host<'a>(host: &'a str, path: &'a str) -> Option<Target<'a>> {
    // Byte by byte, which is faster for names this short than what `str` has for searching.
    let dot = host.bytes().position(|byte| byte == b'.')?;
    let (id, rest) = (host.get(..dot)?, host.get(dot + 1..)?);
    let end = rest.bytes().position(|byte| matches!(byte, b'.' | b':')).unwrap_or(rest.len());
    let label = rest.get(..end)?;
    if label.eq_ignore_ascii_case("execute-api") {
        let (api, endpoint) = private(id);
        return Some(Target::Api { api, path: path.into(), endpoint });
    }
    label.eq_ignore_ascii_case("lambda-url").then_some(Target::FunctionUrl(id))
}

/// What the raw path tells of any other host: an API's invoke URL for clients that cannot resolve such hosts is
/// `/_aws/execute-api/{api}/{stage}/…` or `/restapis/{api}/{stage}/_user_request_/…`.
#[must_use]
pub fn by_path(path: &str) -> Target<'_> {
    if let Some(rest) = path.strip_prefix("/_aws/execute-api/") {
        let (api, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        return Target::Api { api, path: path.into(), endpoint: None };
    }
    if let Some(own) = path.strip_prefix("/_crossgate/") {
        return Target::Own(own);
    }
    if let Some((api, path)) = user_request(path) {
        return Target::Api { api, path: path.into(), endpoint: None };
    }
    Target::Aws
}

/// The first label of a host that leads to an API: `{api}`, `{api}-{vpce-id}` (guide, "Invoke a private API": the alias
/// of an endpoint), or an endpoint's own, `{vpce-id}` with what tells its zones apart: then the API is in a header.
fn private(label: &str) -> (&str, Option<&str>) {
    if label.starts_with("vpce-") {
        // `vpce-0123-abcd`: the id has one hyphen.
        let id = label.match_indices('-').nth(1).map_or(label, |(at, _)| &label[..at]);
        return ("", Some(id));
    }
    match label.split_once('-') {
        Some((api, endpoint)) if endpoint.starts_with("vpce-") => (api, Some(endpoint)),
        _ => (label, None),
    }
}

/// `/restapis/{api}/{stage}/_user_request_/…` as the API's id and `/{stage}/…`; `None` for any other path.
fn user_request(path: &str) -> Option<(&str, String)> {
    let mut parts = path.strip_prefix("/restapis/")?.splitn(4, '/');
    let (api, stage, marker) = (parts.next()?, parts.next()?, parts.next()?);
    (marker == "_user_request_").then(|| (api, format!("/{stage}/{}", parts.next().unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target<'a>(host: &'a str, path: &'a str) -> Target<'a> {
        by_host(host, path).unwrap_or_else(|| by_path(path))
    }

    #[track_caller]
    fn api(host: &str, path: &str, expected: (&str, &str)) {
        assert_eq!(
            target(host, path),
            Target::Api { api: expected.0, path: expected.1.into(), endpoint: None }
        );
    }

    #[test]
    fn invoke_urls_by_host() {
        api("abc.execute-api.us-east-1.localhost:4566", "/prod/users", ("abc", "/prod/users"));
        api("abc.execute-api.localhost:4566", "/prod", ("abc", "/prod"));
        api("abc.execute-api:4566", "/prod", ("abc", "/prod"));
        api("abc.Execute-API.eu-west-1.amazonaws.com", "/", ("abc", "/"));
    }

    #[test]
    fn private_apis_are_called_through_endpoints() {
        for (label, expected) in [
            ("abc-vpce-0123", ("abc", Some("vpce-0123"))),
            ("vpce-0123-xyz", ("", Some("vpce-0123"))),
            ("vpce-0123", ("", Some("vpce-0123"))),
            ("abc-def", ("abc-def", None)),
        ] {
            assert_eq!(private(label), expected, "{label}");
        }
    }

    #[test]
    fn invoke_urls_by_path() {
        api("127.0.0.1:4566", "/_aws/execute-api/abc/prod/users", ("abc", "/prod/users"));
        api("127.0.0.1:4566", "/_aws/execute-api/abc", ("abc", ""));
        api("127.0.0.1:4566", "/restapis/abc/prod/_user_request_/users/1", ("abc", "/prod/users/1"));
    }

    #[test]
    fn this_servers_own_names_are_nobodys_domain() {
        for name in [
            "localhost",
            "127.0.0.1",
            "::1",
            "sts.us-east-1.localhost",
            "x.lambda.amazonaws.com",
            "LAMBDA.x",
            "abc.execute-api.us-east-1.localhost",
        ] {
            assert!(!may_be_custom(name), "{name}");
        }
        assert!(may_be_custom("shop.localhost") && may_be_custom("api.example.com"));
    }

    #[test]
    fn function_urls_by_host() {
        assert_eq!(target("abc.lambda-url.us-east-1.localhost:4566", "/x"), Target::FunctionUrl("abc"));
        assert_eq!(target("abc.lambda-url.us-east-1.on.aws", "/x"), Target::FunctionUrl("abc"));
    }

    #[test]
    fn everything_else_is_an_aws_api() {
        assert_eq!(target("lambda.us-east-1.localhost", "/2015-03-31/functions/"), Target::Aws);
        assert_eq!(target("127.0.0.1", "/restapis/abc/stages/prod"), Target::Aws);
        assert_eq!(target("x.execute-apis.localhost", "/"), Target::Aws);
        assert_eq!(target("127.0.0.1", "/_crossgate/health"), Target::Own("health"));
    }
}
