//! A SAML identity: what an assertion says, checked as AssumeRoleWithSAML checks it. Texts and rules: User Guide,
//! troubleshoot_saml and id_roles_providers_create_saml_assertions, except where marked as ours.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use identity::saml::{self, Assertion, Metadata, Rejected};
use policy::Context;
use serde_json::{Map, Value, json};
use wire::{ApiError, Call};

use super::saml as providers;
use super::web_identity::is_source_identity;
use crate::Iam;
use crate::caller::SessionKind;
use crate::error::Fail;
use crate::federation::{Identity, bounded_tags, expired, invalid_token, not_authorized, role_account};
use crate::model::Tag;
use crate::names;
use crate::render::object;

/// Attributes with a meaning to AWS are named below this.
const ATTRIBUTES: &str = "https://aws.amazon.com/SAML/Attributes/";
/// Milliseconds after its issue in which an assertion must be used: "within 5 minutes of issuance".
const FRESH_MS: i64 = 300_000;

/// Attributes that are condition keys, and the keys' names (User Guide, id_roles_providers_create_saml_assertions,
/// "Mapping SAML attributes to AWS trust policy context keys").
const KEYS: [(&str, &str); 30] = [
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.1", "edupersonaffiliation"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.2", "edupersonnickname"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.3", "edupersonorgdn"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.4", "edupersonorgunitdn"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.5", "edupersonprimaryaffiliation"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.6", "edupersonprincipalname"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.7", "edupersonentitlement"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.8", "edupersonprimaryorgunitdn"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.9", "edupersonscopedaffiliation"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.10", "edupersontargetedid"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.11", "edupersonassurance"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.2", "eduorghomepageuri"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.3", "eduorgidentityauthnpolicyuri"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.4", "eduorglegalname"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.5", "eduorgsuperioruri"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.6", "eduorgwhitepagesuri"),
    ("urn:oid:2.5.4.3", "cn"),
    ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name", "name"),
    ("http://schemas.xmlsoap.org/claims/CommonName", "commonName"),
    ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname", "givenName"),
    ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname", "surname"),
    ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", "mail"),
    ("http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid", "uid"),
    ("2.5.4.3", "commonName"),
    ("2.5.4.4", "surname"),
    ("2.4.5.42", "givenName"),
    ("2.5.4.45", "x500UniqueIdentifier"),
    ("0.9.2342.19200300100.1.1", "uid"),
    ("0.9.2342.19200300100.1.3", "mail"),
    ("0.9.2342.19200300.100.1.45", "organizationStatus"),
];

/// Proves the assertion of `call`.
pub(crate) fn identity(iam: &Iam, call: &Call) -> Result<Identity, Fail> {
    role_account(call)?;
    let provider_arn = call.required("PrincipalArn");
    let provider = iam.read(|store| providers::by_arn(store, provider_arn))?;
    let provider = provider.ok_or_else(|| invalid_token("Specified provider doesn't exist"))?;
    let bytes = STANDARD.decode(call.required("SAMLAssertion")).ok();
    let document = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let document = document.ok_or_else(|| invalid_token("Invalid base64 SAMLResponse"))?;
    let metadata = Metadata::parse(&provider.metadata)
        .map_err(|why| crate::error::internal(format!("the metadata of {provider_arn}: {why}")))?;
    let said = saml::read(&document, &metadata).map_err(rejected)?;
    in_time(&said, call.now_ms)?;
    audience(&said)?;

    // "must match the AWS endpoint"; a subject without a name, or a role that is not offered, is let in nowhere.
    let recipient =
        said.recipient.as_deref().filter(|at| is_endpoint(at)).ok_or_else(|| not_authorized(call))?;
    let subject = said.subject.as_deref().ok_or_else(|| not_authorized(call))?;
    let attribute = Attributes(&said);
    if !attribute.offers(call.required("RoleArn"), provider_arn) {
        return Err(not_authorized(call));
    }
    let session_name = session_name(&attribute)?;
    let source_identity = attribute.one("SourceIdentity");
    if source_identity.is_some_and(|text| !is_source_identity(text)) {
        return Err(invalid_token(
            "Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with \"aws:\"",
        ));
    }
    let (tags, transitive) = attribute.tags()?;
    bounded_tags(&tags, &transitive)?;

    let account = arn::Arn::parse(provider_arn).map(|arn| arn.account).unwrap_or_default();
    let name = names::last_segment(provider_arn);
    let qualifier = qualifier(&said.issuer, &account, name);
    let format = said.subject_format.as_deref().unwrap_or_default();
    let kind = ["persistent", "transient"]
        .into_iter()
        .find(|kind| format == format!("urn:oasis:names:tc:SAML:2.0:nameid-format:{kind}"))
        .unwrap_or(format);
    let mut context = Context::new();
    for (key, value) in [
        ("saml:aud", recipient),
        ("saml:iss", said.issuer.as_str()),
        ("saml:sub", subject),
        ("saml:sub_type", kind),
        ("saml:namequalifier", qualifier.as_str()),
        ("saml:doc", &format!("{account}/{name}")),
    ] {
        context.set(key, value);
    }
    for (attribute, key) in KEYS {
        let values =
            said.attributes.iter().find(|(name, _)| name == attribute).map(|(_, values)| values.clone());
        let key = format!("saml:{key}");
        // "If you include more than one, only one claim will be mapped."
        if let Some(values) = values.filter(|_| context.get(&key).is_none()) {
            context.set_all(key, values);
        }
    }
    // "SAML role permissions policies", reference_policies_iam-condition-keys.
    let kept = ["saml:namequalifier", "saml:sub", "saml:sub_type"]
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), context.get(key)?.to_vec())))
        .collect();
    let told: Map<String, Value> = object(json!({
        "Subject": subject,
        "SubjectType": kind,
        "Issuer": said.issuer,
        "Audience": recipient,
        "NameQualifier": qualifier,
    }));
    Ok(Identity {
        kind: SessionKind::Saml,
        provider: provider.arn,
        session_name,
        tags,
        transitive,
        source_identity: source_identity.map(str::to_owned),
        context,
        kept,
        longest_s: longest(&attribute, &said, call.now_ms)?,
        told,
    })
}

fn rejected(why: Rejected) -> Fail {
    match why {
        // Our wording after the first two words of AWS's.
        Rejected::Malformed(why) => invalid_token(format!("Invalid SAMLResponse: {why}")),
        // API Reference: "the identity provider reported that authentication failed".
        Rejected::Status(code) => Fail(ApiError::new(
            "IDPRejectedClaim",
            403,
            format!("The identity provider reported that authentication failed: {code}"),
        )),
        Rejected::Issuer(_) => invalid_token("Issuer not present in specified provider"),
        Rejected::Signature(why) => invalid_token(format!("Response signature invalid (crossgate: {why})")),
        Rejected::Encrypted => Fail(ApiError::new(
            "NotImplemented",
            501,
            "crossgate does not decrypt SAML assertions yet; let the identity provider send them unencrypted",
        )),
    }
}

/// Text: `Token must be redeemed within 5 minutes of issuance`, as widely reported. Clocks agree within as much.
fn in_time(said: &Assertion, now_ms: i64) -> Result<(), Fail> {
    let stale = now_ms > said.issued_ms.saturating_add(FRESH_MS);
    if stale || said.ends_ms.is_some_and(|ends| ends <= now_ms) {
        return Err(expired("Token must be redeemed within 5 minutes of issuance"));
    }
    let begins = said.issued_ms.max(said.begins_ms.unwrap_or(i64::MIN));
    if begins > now_ms.saturating_add(FRESH_MS) {
        // Our wording.
        return Err(invalid_token("The assertion is not yet valid (IssueInstant, NotBefore)"));
    }
    Ok(())
}

/// Every restriction must let AWS in; at least one must stand there ("AWS should be included as an audience"; the
/// error's text says required).
fn audience(said: &Assertion) -> Result<(), Fail> {
    let aws = |audience: &String| audience == "urn:amazon:webservices" || is_endpoint(audience);
    if said.audiences.is_empty() || !said.audiences.iter().all(|allowed| allowed.iter().any(aws)) {
        return Err(invalid_token("Response does not contain the required audience."));
    }
    Ok(())
}

/// AWS's sign-in endpoints: `https://signin.aws.amazon.com/saml`, and those of regions (`https://REGION.signin…`) and
/// for encrypted assertions (`…/saml/acs/ID`).
fn is_endpoint(url: &str) -> bool {
    let Some((host, path)) = url.strip_prefix("https://").and_then(|rest| rest.split_once('/')) else {
        return false;
    };
    let region = host.strip_suffix("signin.aws.amazon.com");
    let known = region.is_some_and(|region| {
        region.is_empty()
            || region.strip_suffix('.').is_some_and(|name| {
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            })
    });
    known && (path == "saml" || path.starts_with("saml/acs/"))
}

/// Attributes below AWS's prefix.
struct Attributes<'a>(&'a Assertion);

impl Attributes<'_> {
    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let wanted = format!("{ATTRIBUTES}{name}");
        let found = self.0.attributes.iter().filter(move |(name, _)| *name == wanted);
        found.flat_map(|(_, values)| values.iter().map(String::as_str))
    }

    fn one(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Whether a `Role` value pairs these two, in either order.
    fn offers(&self, role: &str, provider: &str) -> bool {
        self.all("Role").any(|pair| {
            let pair = pair.split_once(',').map(|(a, b)| (a.trim(), b.trim()));
            pair == Some((role, provider)) || pair == Some((provider, role))
        })
    }

    fn tags(&self) -> Result<(Vec<Tag>, Vec<String>), Fail> {
        let prefix = format!("{ATTRIBUTES}PrincipalTag:");
        let mut tags = Vec::new();
        for (name, values) in &self.0.attributes {
            let Some(key) = name.strip_prefix(&prefix) else { continue };
            let [value] = values.as_slice() else {
                // Our wording. Documented: multivalued session tags are not supported.
                return Err(invalid_token(format!(
                    "The session tag {key} in the assertion must have one value"
                )));
            };
            tags.push(Tag { key: key.to_owned(), value: value.clone() });
        }
        Ok((tags, self.all("TransitiveTagKeys").map(str::to_owned).collect()))
    }
}

fn session_name(attribute: &Attributes<'_>) -> Result<String, Fail> {
    let name = attribute
        .one("RoleSessionName")
        .ok_or_else(|| invalid_token("RoleSessionName is required in AuthnResponse"))?;
    if !is_source_identity(name) {
        return Err(invalid_token("RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}"));
    }
    Ok(name.to_owned())
}

/// What the provider lets the session last: it shortens, it never extends.
fn longest(attribute: &Attributes<'_>, said: &Assertion, now_ms: i64) -> Result<Option<i64>, Fail> {
    let asked = attribute.one("SessionDuration").map(|text| {
        let seconds = text.parse::<i64>().ok().filter(|seconds| (900..=43_200).contains(seconds));
        // Our wording; the bounds are documented.
        seconds.ok_or_else(|| invalid_token("SessionDuration in AuthnResponse must be 900 to 43200 seconds"))
    });
    let until = said.session_ends_ms.map(|ends| ends.saturating_sub(now_ms) / 1_000);
    if until.is_some_and(|left| left <= 0) {
        // Our wording.
        return Err(expired("The session of the identity provider has ended (SessionNotOnOrAfter)"));
    }
    Ok([asked.transpose()?, until].into_iter().flatten().min())
}

/// `BASE64 ( SHA1 ( "https://example.com/saml" + "123456789012" + "/MySAMLIdP" ) )` (API Reference, AssumeRoleWithSAML).
fn qualifier(issuer: &str, account: &str, name: &str) -> String {
    let text = format!("{issuer}{account}/{name}");
    STANDARD.encode(identity::sha1(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_of_aws() {
        for good in [
            "https://signin.aws.amazon.com/saml",
            "https://eu-west-1.signin.aws.amazon.com/saml",
            "https://us-east-1.signin.aws.amazon.com/saml/acs/SAMLSP1",
        ] {
            assert!(is_endpoint(good), "{good}");
        }
        for bad in [
            "http://signin.aws.amazon.com/saml",
            "https://evilsignin.aws.amazon.com/saml",
            "https://evil.example/.signin.aws.amazon.com/saml",
            "https://signin.aws.amazon.com/samlx",
            "http://localhost:8443/saml/acs",
        ] {
            assert!(!is_endpoint(bad), "{bad}");
        }
    }

    #[test]
    fn the_qualifier_is_as_documented() {
        // base64(sha1("https://example.com/saml123456789012/MySAMLIdP")), computed with Python's hashlib.
        assert_eq!(
            qualifier("https://example.com/saml", "123456789012", "MySAMLIdP"),
            "1uAJanUnBc2XeUkHURMht+xam2c="
        );
    }
}
