//! Causes that a sentence tells.

use gateway::execution::Why;

/// What needs no more than a sentence.
pub(super) fn words(why: &Why) -> String {
    match why {
        Why::EndpointDisabled => {
            "the API's default endpoint is switched off (disableExecuteApiEndpoint)".to_owned()
        }
        Why::DeploymentUnreadable { deployment_id, detail } => {
            format!("the stage's deployment {deployment_id} cannot be served: {detail}")
        }
        Why::ApiKey { given: true } => {
            "the method requires an API key, and the one sent is unknown, disabled, or joined with this stage by no \
             usage plan"
                .to_owned()
        }
        Why::ApiKey { given: false } => {
            "the method requires an API key (header x-api-key), and none was sent".to_owned()
        }
        Why::AuthFailed { detail } => format!("the method requires a signature (AWS_IAM): {detail}"),
        Why::NotAuthorized { sentence, .. } => sentence.clone(),
        Why::Throttled { detail } => format!("too many requests: {detail}"),
        Why::QuotaExceeded { detail } => {
            format!(
                "the quota is used up: {detail}; update-usage grants more, update-usage-plan changes the quota"
            )
        }
        Why::ContentEncoding { content_encoding } => format!(
            "the body is not coded as its Content-Encoding says, {content_encoding}; API Gateway knows gzip, deflate and \
             identity"
        ),
        Why::HeadTooLarge { size } => {
            format!("the request line and the headers' values have {size} bytes; API Gateway takes 10,240")
        }
        Why::BodyTooLarge => "the body has more than the 10 MB that API Gateway takes".to_owned(),
        Why::UnsupportedMediaType { content_type, templates } => format!(
            "no request template is for {content_type}, only for {}, and passthroughBehavior forbids passing it on",
            templates.join(", ")
        ),
        Why::MissingParameters { names } => {
            format!("the method's request validator wants parameters that are missing or blank: {}", names.join(", "))
        }
        Why::InvalidBody { model, errors, places } => {
            let one = |(place, error): (&String, &String)| match place.as_str() {
                "" => error.clone(),
                place => format!("{place}: {error}"),
            };
            let all = places.iter().zip(errors).map(one).collect::<Vec<_>>().join("\n");
            format!("the body does not fit the model {model}, as the method's request validator wants:\n{all}")
        }
        Why::Configuration { detail } => format!("the deployed configuration cannot work: {detail}"),
        Why::NotSupported { what } => format!("crossgate does not run this yet: {what}"),
        Why::NoBasePath { domain, base_paths } if base_paths.is_empty() => {
            format!(
                "the custom domain {domain} has no base path mapping: make one with CreateBasePathMapping"
            )
        }
        Why::NoBasePath { domain, base_paths } => {
            format!(
                "the custom domain {domain} has no mapping for this path, only for {}",
                base_paths.join(", ")
            )
        }
        Why::NoEndpoint { domain, endpoints, .. } if endpoints.is_empty() => format!(
            "the custom domain {domain} is private, and no VPC endpoint has an access association with it: make one with \
             CreateDomainNameAccessAssociation; no endpoint need exist here"
        ),
        Why::NoEndpoint { domain, named: Some(named), endpoints } => format!(
            "the custom domain {domain} is private, and the VPC endpoint {named} has no access association with it, only {}",
            endpoints.join(", ")
        ),
        Why::NoEndpoint { domain, named: None, endpoints } => format!(
            "the custom domain {domain} is private, and several VPC endpoints lead to it: name one of {} in the header \
             x-crossgate-vpc-endpoint",
            endpoints.join(", ")
        ),
        Why::VpcEndpoint { through: None } => "the API is private: it is called through a VPC endpoint, as in \
             http://{api}-{vpce-id}.execute-api.{region}.localhost:4566/{stage}/…, or by the endpoint's own name \
             {vpce-id}.execute-api.{region}.vpce.… with the header x-apigw-api-id, or by its plain host name with the header \
             x-crossgate-vpc-endpoint: {vpce-id} (as by private DNS); no endpoint need exist here"
            .to_owned(),
        Why::VpcEndpoint { through: Some(endpoint) } => format!(
            "the API is not private, and the call came through the VPC endpoint {endpoint}, which leads to private APIs \
             alone"
        ),
        Why::StreamIdle { after_ms } => format!(
            "nothing came of the response for {after_ms} ms: edge-optimized APIs wait 30 s, regional and private ones 5 \
             minutes"
        ),
        Why::MalformedStream { reason, value } => format!(
            "the function's response does not begin as a streamed one does: {reason}\nit wrote: {value}\nwanted: \
             {{\"statusCode\": 200, \"headers\": {{…}}}}, eight zero bytes, the body; awslambda.HttpResponseStream.from \
             writes both of Node's"
        ),
        Why::EndpointFailed { detail } => format!("the HTTP endpoint gave no answer: {detail}"),
        other => format!("{other:?}"),
    }
}
