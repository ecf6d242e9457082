//! Integration URIs, with stage variables.

use crate::model::Texts;

/// A text with `${stageVariables.x}` in it, cut into pieces once.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WithVariables(Vec<Piece>);

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(Box<str>),
    Variable(Box<str>),
}

impl WithVariables {
    pub fn parse(text: &str) -> Self {
        const OPEN: &str = "${stageVariables.";
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(OPEN)
            && let Some((name, after)) = after.split_once('}')
        {
            if !before.is_empty() {
                pieces.push(Piece::Text(before.into()));
            }
            pieces.push(Piece::Variable(name.into()));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.into()));
        }
        Self(pieces)
    }

    /// The text with `variables` filled in. One that is not set is empty, and named in the second part.
    pub fn fill<'a>(&'a self, variables: &Texts) -> (String, Option<&'a str>) {
        let mut missing = None;
        let text = self
            .0
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text,
                Piece::Variable(name) => match variables.get(&**name) {
                    Some(value) => value.as_str(),
                    None => {
                        missing.get_or_insert(&**name);
                        ""
                    }
                },
            })
            .collect();
        (text, missing)
    }
}

/// Where a Lambda integration goes.
#[derive(Debug, PartialEq)]
pub(super) struct LambdaUri {
    /// The region of the URI.
    pub region: String,
    /// What stands between `functions/` and `/invocations`.
    pub function_arn: String,
    /// `…/2021-11-15/functions/ARN/response-streaming-invocations`: Lambda's InvokeWithResponseStream.
    pub streamed: bool,
}

impl LambdaUri {
    /// Reads `arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations`, or the same with
    /// `2021-11-15` and `response-streaming-invocations`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(uri: &str) -> Result<Self, String> {
        let mut parts = uri.splitn(6, ':');
        let (arn, _partition, service) = (parts.next(), parts.next(), parts.next());
        let (region, target, path) = (parts.next(), parts.next(), parts.next());
        let (Some("arn"), Some("apigateway"), Some(region), Some("lambda"), Some(path)) =
            (arn, service, region, target, path)
        else {
            return Err(format!(
                "the integration's URI `{uri}` is not of the form \
                 arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/FUNCTION_ARN/invocations"
            ));
        };
        // `path//2015-03-31` is stored as given (recording TestApiGatewayCommon::test_api_gateway_request_validator).
        let function = path
            .strip_prefix("path/")
            .map(|p| p.trim_start_matches('/'))
            .and_then(|p| p.split_once("/functions/"))
            .and_then(|(_version, f)| f.split_once('/'))
            .filter(|(f, _)| !f.is_empty());
        let found = |function: &str, streamed: bool| Self {
            region: region.to_owned(),
            function_arn: function.to_owned(),
            streamed,
        };
        match function {
            Some((function, "invocations")) => Ok(found(function, false)),
            Some((function, "response-streaming-invocations")) => Ok(found(function, true)),
            _ => Err(format!(
                "the integration's URI `{uri}` does not end in path/2015-03-31/functions/FUNCTION_ARN/invocations"
            )),
        }
    }

    /// The address in the execution log's lines.
    pub fn endpoint(&self) -> String {
        let Self { region, function_arn, streamed } = self;
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let (version, operation) = match streamed {
            false => ("2015-03-31", "invocations"),
            true => ("2021-11-15", "response-streaming-invocations"),
        };
        format!("https://lambda.{region}.{suffix}/{version}/functions/{function_arn}/{operation}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_is_read_from_the_uri() {
        let function = "arn:aws:lambda:us-east-1:111111111111:function:users:live";
        for path in ["path/2015-03-31", "path//2015-03-31"] {
            let uri = format!("arn:aws:apigateway:us-east-1:lambda:{path}/functions/{function}/invocations");
            let parsed = LambdaUri::parse(&uri).unwrap();
            assert_eq!((parsed.region.as_str(), parsed.function_arn.as_str()), ("us-east-1", function));
            assert!(!parsed.streamed);
        }
        let rest = format!("2021-11-15/functions/{function}/response-streaming-invocations");
        let parsed = LambdaUri::parse(&format!("arn:aws:apigateway:us-east-1:lambda:path/{rest}")).unwrap();
        assert!(parsed.streamed && parsed.function_arn == function);
        assert_eq!(parsed.endpoint(), format!("https://lambda.us-east-1.amazonaws.com/{rest}"));
    }

    #[test]
    fn what_is_no_lambda_uri_is_refused_with_the_form() {
        for uri in ["", "https://example.com", "arn:aws:apigateway:us-east-1:sqs:path/1/q", "arn:aws:lambda"]
        {
            assert!(LambdaUri::parse(uri).unwrap_err().contains("FUNCTION_ARN"), "{uri}");
        }
        let cut = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/f";
        assert!(LambdaUri::parse(cut).unwrap_err().contains("/invocations"));
    }

    #[test]
    fn stage_variables_are_filled_in_and_missing_ones_are_named() {
        let text = WithVariables::parse("a${stageVariables.fn}b${stageVariables.other}");
        let variables = Texts::from([("fn".to_owned(), "X".to_owned())]);
        assert_eq!(text.fill(&variables), ("aXb".to_owned(), Some("other")));
        assert_eq!(WithVariables::parse("plain ${x}").fill(&variables), ("plain ${x}".to_owned(), None));
    }
}
