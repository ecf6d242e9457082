//! Encoded authorization messages: a decision as JSON, sealed so that only DecodeAuthorizationMessage can read it.
//!
//! AWS hands such messages out with refusals of EC2 and a few others, and none of the services here (User Guide,
//! troubleshoot_access-denied). Here one stands in the explanation of every refused request, as `encodedMessage`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use policy::{Explanation, StatementEffect};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde_json::{Value, json};

use crate::error::{Fail, internal};
use crate::{Iam, STS, names};

/// Where the key is kept: messages can be decoded after a restart, by the server that has the data.
const KEY: &str = "message-key";
/// Characters of a message that DecodeAuthorizationMessage takes; 28 bytes of nonce and tag are not text.
const MOST: usize = 10_240;

impl Iam {
    /// The sealed message of a decision; `None` when it would be longer than DecodeAuthorizationMessage takes.
    ///
    /// # Errors
    /// When the store fails or the system gives no randomness.
    pub fn encode_authorization_message(
        &self,
        story: &Explanation,
    ) -> Result<Option<String>, wire::ApiError> {
        self.seal(&decision_json(story)).map_err(wire::ApiError::from)
    }

    fn seal(&self, decision: &Value) -> Result<Option<String>, Fail> {
        let nonce: [u8; NONCE_LEN] = names::random()?;
        let mut sealed = decision.to_string().into_bytes();
        let key = self.message_key()?;
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
            .map_err(|_| internal("a message cannot be sealed"))?;
        let text = URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat());
        Ok((text.len() <= MOST).then_some(text))
    }

    /// The decision in a message that this server sealed; `None` for anything else.
    pub(crate) fn open_message(&self, text: &str) -> Result<Option<String>, Fail> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim()).unwrap_or_default();
        let Some((nonce, sealed)) = bytes.split_first_chunk::<NONCE_LEN>() else { return Ok(None) };
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.message_key()?.open_in_place(nonce, Aad::empty(), &mut sealed);
        Ok(opened.ok().and_then(|text| String::from_utf8(text.to_vec()).ok()))
    }

    fn message_key(&self) -> Result<LessSafeKey, Fail> {
        let stored: Option<String> = self.read(|store| Ok(store.get(STS, KEY)?))?;
        let text = match stored {
            Some(text) => text,
            None => self.write(|store| {
                // Another request may have made it meanwhile.
                if let Some(text) = store.get::<String>(STS, KEY)? {
                    return Ok(text);
                }
                let text = URL_SAFE_NO_PAD.encode(names::random::<32>()?);
                store.put(STS, KEY, &text)?;
                Ok(text)
            })?,
        };
        let bytes =
            URL_SAFE_NO_PAD.decode(text).map_err(|_| internal("the stored message key is damaged"))?;
        let key = UnboundKey::new(&AES_256_GCM, &bytes)
            .map_err(|_| internal("the stored message key is damaged"))?;
        Ok(LessSafeKey::new(key))
    }
}

/// The JSON that AWS documents (API Reference, DecodeAuthorizationMessage; facts, section 12).
#[must_use]
pub fn decision_json(story: &Explanation) -> Value {
    let statements = || {
        story.layers.iter().flat_map(|layer| {
            layer.policies.iter().flat_map(move |policy| policy.statements.iter().map(move |s| (policy, s)))
        })
    };
    let matched: Vec<Value> = statements()
        .filter(|(_, statement)| statement.matched)
        .map(|(policy, statement)| {
            json!({
                "statementId": statement.sid.clone().unwrap_or_default(),
                "effect": if statement.effect == StatementEffect::Deny { "DENY" } else { "ALLOW" },
                "sourcePolicyId": policy.name,
            })
        })
        .collect();
    let failures: Vec<Value> = story.sentence.iter().map(|sentence| json!({ "reason": sentence })).collect();
    let conditions: Vec<Value> = story
        .context
        .iter()
        .map(|entry| {
            let values: Vec<Value> = entry.values.iter().map(|value| json!({ "value": value })).collect();
            json!({ "key": entry.key, "values": { "items": values } })
        })
        .collect();
    let id = story.context.iter().find(|entry| entry.key.eq_ignore_ascii_case("aws:userid"));
    json!({
        "allowed": story.effect == policy::Effect::Allowed,
        "explicitDeny": story.effect == policy::Effect::ExplicitlyDenied,
        "matchedStatements": { "items": matched },
        "failures": { "items": failures },
        "context": {
            "principal": {
                "id": id.and_then(|entry| entry.values.first()).cloned().unwrap_or_default(),
                "arn": story.principal,
            },
            "action": story.action,
            "resource": story.resource,
            "conditions": { "items": conditions },
        },
    })
}
