//! A response, and the one assertion in it.

use roxmltree::Node;

use super::Metadata;
use super::signature::verify;
use super::xml::{ASSERTION, DSIG, PROTOCOL, children, only, parse, text};

const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";

/// What a verified assertion says. Times are milliseconds since 1970 and not yet compared with any clock.
#[derive(Clone, Debug, Default)]
pub struct Assertion {
    /// `Issuer`.
    pub issuer: String,
    /// `IssueInstant`.
    pub issued_ms: i64,
    /// `NameID`, when the subject has one.
    pub subject: Option<String>,
    /// The `Format` of `NameID`.
    pub subject_format: Option<String>,
    /// `Recipient` of the one bearer confirmation.
    pub recipient: Option<String>,
    /// The earliest end: of the confirmation, and of the conditions.
    pub ends_ms: Option<i64>,
    /// `NotBefore` of the conditions.
    pub begins_ms: Option<i64>,
    /// For each `AudienceRestriction`, whom it lets in: every one must be met.
    pub audiences: Vec<Vec<String>>,
    /// `SessionNotOnOrAfter` of the authentication.
    pub session_ends_ms: Option<i64>,
    /// Every attribute's name with its values.
    pub attributes: Vec<(String, Vec<String>)>,
}

/// Why a response is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// It is no response of SAML 2.0, or not of the form that is read here.
    Malformed(String),
    /// The provider says that it did not let the user in: the status code.
    Status(String),
    /// The issuer is not the metadata's.
    Issuer(String),
    /// What is wrong with the signature.
    Signature(String),
    /// The assertion is encrypted.
    Encrypted,
}

/// Reads and verifies a response: the response, the assertion or both must be signed, each signature by a key of
/// `metadata`.
///
/// # Errors
/// [`Rejected`].
pub fn read(document: &str, metadata: &Metadata) -> Result<Assertion, Rejected> {
    let malformed = |why: &str| Rejected::Malformed(why.to_owned());
    let tree = parse(document).map_err(Rejected::Malformed)?;
    let response = tree.root_element();
    if !response.has_tag_name((PROTOCOL, "Response")) {
        return Err(malformed("the root is no Response of SAML 2.0"));
    }
    let status = only(response, PROTOCOL, "Status").and_then(|status| only(status, PROTOCOL, "StatusCode"));
    let status =
        status.and_then(|code| code.attribute("Value")).ok_or_else(|| malformed("there is no status"))?;
    if status != SUCCESS {
        return Err(Rejected::Status(status.to_owned()));
    }
    if children(response, ASSERTION, "EncryptedAssertion").next().is_some() {
        return Err(Rejected::Encrypted);
    }
    // An assertion anywhere else has no business here: it is how signatures are wrapped.
    let everywhere = tree.descendants().filter(|node| node.has_tag_name((ASSERTION, "Assertion"))).count();
    let assertion = only(response, ASSERTION, "Assertion").filter(|_| everywhere == 1);
    let assertion = assertion.ok_or_else(|| malformed("there is not exactly one assertion"))?;

    let issuer = only(assertion, ASSERTION, "Issuer").map(text).unwrap_or_default();
    let outer = only(response, ASSERTION, "Issuer").map(text);
    for found in [Some(&issuer), outer.as_ref()].into_iter().flatten() {
        if *found != metadata.entity_id {
            return Err(Rejected::Issuer(found.clone()));
        }
    }
    let mut signatures = 0;
    for signed in [response, assertion] {
        if children(signed, DSIG, "Signature").next().is_some() {
            verify(signed, &metadata.keys).map_err(Rejected::Signature)?;
            signatures += 1;
        }
    }
    if signatures == 0 {
        return Err(Rejected::Signature("neither the response nor the assertion is signed".to_owned()));
    }
    content(assertion, issuer)
}

fn content(assertion: Node<'_, '_>, issuer: String) -> Result<Assertion, Rejected> {
    let malformed = |why: String| Rejected::Malformed(why);
    let time = |node: Node<'_, '_>, name: &str| match node.attribute(name) {
        None => Ok(None),
        Some(time) => time
            .parse::<jiff::Timestamp>()
            .map(|time| Some(time.as_millisecond()))
            .map_err(|_| malformed(format!("{name} is no time: {time}"))),
    };
    let mut said = Assertion { issuer, ..Assertion::default() };
    said.issued_ms =
        time(assertion, "IssueInstant")?.ok_or_else(|| malformed("there is no IssueInstant".into()))?;
    if let Some(subject) = only(assertion, ASSERTION, "Subject") {
        if let Some(name) = only(subject, ASSERTION, "NameID") {
            said.subject = Some(text(name)).filter(|name| !name.is_empty());
            said.subject_format = name.attribute("Format").map(str::to_owned);
        }
        let bearer = only(subject, ASSERTION, "SubjectConfirmation")
            .filter(|confirmation| confirmation.attribute("Method") == Some(BEARER))
            .and_then(|confirmation| only(confirmation, ASSERTION, "SubjectConfirmationData"));
        if let Some(data) = bearer {
            said.ends_ms = time(data, "NotOnOrAfter")?;
            // Without an end it confirms nothing (User Guide, id_roles_providers_create_saml_assertions).
            said.recipient =
                data.attribute("Recipient").filter(|_| said.ends_ms.is_some()).map(str::to_owned);
        }
    }
    if let Some(conditions) = only(assertion, ASSERTION, "Conditions") {
        said.begins_ms = time(conditions, "NotBefore")?;
        let ends = time(conditions, "NotOnOrAfter")?;
        said.ends_ms = [said.ends_ms, ends].into_iter().flatten().min();
        for restriction in children(conditions, ASSERTION, "AudienceRestriction") {
            said.audiences.push(children(restriction, ASSERTION, "Audience").map(text).collect());
        }
    }
    for statement in children(assertion, ASSERTION, "AuthnStatement") {
        said.session_ends_ms = time(statement, "SessionNotOnOrAfter")?.or(said.session_ends_ms);
    }
    for statement in children(assertion, ASSERTION, "AttributeStatement") {
        for attribute in children(statement, ASSERTION, "Attribute") {
            let values = children(attribute, ASSERTION, "AttributeValue").map(text).collect();
            said.attributes.push((attribute.attribute("Name").unwrap_or_default().to_owned(), values));
        }
    }
    Ok(said)
}
