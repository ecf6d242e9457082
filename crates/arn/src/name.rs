use std::fmt;

/// An Amazon Resource Name: `arn:partition:service:region:account:resource`.
///
/// The resource is everything after the fifth colon and may hold colons itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Arn {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// For example `lambda`.
    pub service: String,
    /// For example `us-east-1`; empty for global services such as IAM.
    pub region: String,
    /// Twelve digits, `aws` for AWS-managed policies, or empty.
    pub account: String,
    /// The rest, for example `function:users:live`.
    pub resource: String,
}

/// The text is not six colon-separated parts beginning with `arn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidArn;

impl fmt::Display for InvalidArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an ARN has six parts: arn:partition:service:region:account:resource")
    }
}

impl std::error::Error for InvalidArn {}

impl Arn {
    /// Splits `text` at its first five colons.
    ///
    /// # Errors
    /// [`InvalidArn`] when there are fewer than five, or the first part is not `arn`.
    pub fn parse(text: &str) -> Result<Self, InvalidArn> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().ok_or(InvalidArn);
        if next()? != "arn" {
            return Err(InvalidArn);
        }
        let arn = Self {
            partition: next()?.to_owned(),
            service: next()?.to_owned(),
            region: next()?.to_owned(),
            account: next()?.to_owned(),
            resource: next()?.to_owned(),
        };
        if arn.partition.is_empty() || arn.service.is_empty() || arn.resource.is_empty() {
            return Err(InvalidArn);
        }
        Ok(arn)
    }

    /// An ARN in the partition that `region` belongs to.
    #[must_use]
    pub fn new(service: &str, region: &str, account: &str, resource: impl Into<String>) -> Self {
        Self {
            partition: Self::partition_of(region).to_owned(),
            service: service.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            resource: resource.into(),
        }
    }

    /// The partition of a region: `cn-…` and `us-gov-…` have their own.
    #[must_use]
    pub fn partition_of(region: &str) -> &'static str {
        if region.starts_with("cn-") {
            "aws-cn"
        } else if region.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        }
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

impl std::str::FromStr for Arn {
    type Err = InvalidArn;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::parse(s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_it_prints() {
        for text in [
            "arn:aws:lambda:us-east-1:111111111111:function:account-b-lambda:live",
            "arn:aws:iam::222222222222:role/service/apigw-exec",
            "arn:aws:apigateway:us-east-1::/restapis/abc",
        ] {
            assert_eq!(Arn::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_no_arn() {
        for text in [
            "",
            "arn",
            "arn:aws:lambda:us-east-1:111111111111",
            "urn:aws:a:b:c:d",
            "arn::a:b:c:d",
            "arn:aws:a:b:c:",
        ] {
            assert_eq!(Arn::parse(text), Err(InvalidArn), "{text}");
        }
    }
}
