use crate::AuthError;

/// What a `Credential` parameter says: the access key and the scope that its signature is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The access key id.
    pub access_key_id: String,
    /// The day, `20150830`.
    pub date: String,
    /// The region, `us-east-1`.
    pub region: String,
    /// The service's signing name, `lambda`.
    pub service: String,
}

impl Scope {
    /// Reads `AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request`.
    ///
    /// # Errors
    /// `IncompleteSignature` when there are not five parts, `SignatureDoesNotMatch` when the last is not
    /// `aws4_request`.
    pub fn parse(credential: &str) -> Result<Self, AuthError> {
        let mut parts = credential.splitn(6, '/');
        let (Some(id), Some(date), Some(region), Some(service), Some(end), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(AuthError::incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, \
                 got '{credential}'"
            )));
        };
        if end != "aws4_request" {
            return Err(AuthError::mismatch(format!(
                "Credential should be scoped with a valid terminator: 'aws4_request', not '{end}'."
            )));
        }
        Ok(Self {
            access_key_id: id.to_owned(),
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
        })
    }
}

impl std::fmt::Display for Scope {
    /// The scope without the key: `20150830/us-east-1/iam/aws4_request`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}/aws4_request", self.date, self.region, self.service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_five_parts() {
        let scope = Scope::parse("AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request").unwrap();
        assert_eq!(scope.access_key_id, "AKIDEXAMPLE");
        assert_eq!(scope.to_string(), "20150830/us-east-1/iam/aws4_request");
    }

    #[test]
    fn says_what_it_got_instead_of_five_parts() {
        assert_eq!(
            Scope::parse("AKIDEXAMPLE/20150830").unwrap_err().message,
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, \
             got 'AKIDEXAMPLE/20150830'"
        );
        assert!(Scope::parse("a/b/c/d/aws4_request/f").is_err());
        assert!(Scope::parse("a/b/c/d/aws5_request").unwrap_err().message.contains("valid terminator"));
    }
}
