use std::sync::OnceLock;

use crate::model::{Model, Operation, Protocol};
use crate::table;

/// A service whose model this crate carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// Amazon API Gateway, REST APIs (`apigateway`, rest-json).
    ApiGateway,
    /// AWS Lambda (`lambda`, rest-json).
    Lambda,
    /// IAM (`iam`, query).
    Iam,
    /// STS (`sts`, query).
    Sts,
    /// CloudWatch Logs (`logs`, json).
    Logs,
    /// Organizations (`organizations`, json).
    Organizations,
}

const ALL: [Service; 6] =
    [Service::ApiGateway, Service::Lambda, Service::Iam, Service::Sts, Service::Logs, Service::Organizations];

/// Read on first use: a server that never sees an Organizations call never pays for its table.
static MODELS: [OnceLock<Model>; 6] = [const { OnceLock::new() }; 6];

impl Service {
    /// Every service, in a fixed order.
    #[must_use]
    pub fn all() -> &'static [Service] {
        &ALL
    }

    /// The service that a signature's scope names, for example `lambda`. `execute-api` is not one of them: such calls
    /// go to a deployed API.
    #[must_use]
    pub fn by_signing_name(name: &str) -> Option<Service> {
        ALL.into_iter().find(|service| service.name() == name)
    }

    /// The name that a signature's scope, an IAM action and an endpoint use. For these services they are the same.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Service::ApiGateway => "apigateway",
            Service::Lambda => "lambda",
            Service::Iam => "iam",
            Service::Sts => "sts",
            Service::Logs => "logs",
            Service::Organizations => "organizations",
        }
    }

    /// How requests and answers are written.
    #[must_use]
    pub fn protocol(self) -> Protocol {
        match self {
            Service::ApiGateway | Service::Lambda => Protocol::RestJson,
            Service::Iam | Service::Sts => Protocol::Query,
            Service::Logs | Service::Organizations => Protocol::Json,
        }
    }

    /// The whole model. The first call for a service reads its table (well under a millisecond in release builds).
    #[must_use]
    pub fn model(self) -> &'static Model {
        // A table that cannot be read is a defect of this crate; `table::tests` reads every one of them.
        MODELS[self as usize]
            .get_or_init(|| table::read(self, self.text()).unwrap_or_else(|_| Model::empty(self)))
    }

    /// Every operation of the model, by name.
    #[must_use]
    pub fn operations(self) -> &'static [Operation] {
        &self.model().operations
    }

    /// The operation of that name.
    #[must_use]
    pub fn operation(self, name: &str) -> Option<&'static Operation> {
        self.model().operation(name)
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Service::ApiGateway => include_str!("../models/apigateway.tsv"),
            Service::Lambda => include_str!("../models/lambda.tsv"),
            Service::Iam => include_str!("../models/iam.tsv"),
            Service::Sts => include_str!("../models/sts.tsv"),
            Service::Logs => include_str!("../models/logs.tsv"),
            Service::Organizations => include_str!("../models/organizations.tsv"),
        }
    }
}

impl std::fmt::Display for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_is_found_by_its_signing_name_and_execute_api_is_none() {
        for &service in Service::all() {
            assert_eq!(Service::by_signing_name(service.model().signing_name), Some(service));
            assert_eq!(service.model().signing_name, service.name());
        }
        assert_eq!(Service::by_signing_name("execute-api"), None);
    }
}
