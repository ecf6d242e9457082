use policy::{Effect, Explanation};
use serde::{Deserialize, Serialize};

use crate::{Fix, Style, fixes, tree};

/// What `crossgate simulate` asks: may this principal do this to that?
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Question {
    /// An ARN, a service's host name, twelve digits, or `anonymous`.
    pub principal: String,
    /// `service:Name`.
    pub action: String,
    /// An ARN or `*`.
    pub resource: String,
    /// Whose the resource is, where its ARN does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_account: Option<String>,
    /// Condition keys that replace or join those of a real call, each with its values.
    #[serde(default)]
    pub context: Vec<(String, Vec<String>)>,
}

/// The answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Simulation {
    /// Whether the request would go on.
    pub allowed: bool,
    /// The whole story.
    pub decision: Explanation,
    /// What would allow it; empty when it is allowed.
    pub fixes: Vec<Fix>,
}

impl Simulation {
    /// Draws the answer.
    #[must_use]
    pub fn render(&self, style: Style) -> String {
        let story = &self.decision;
        let mut out = String::new();
        let asked = format!("{} on {}, by {}", story.action, story.resource, story.caller);
        style.paragraph(&mut out, "", "  ", "", &asked);
        if let Some(sentence) = &story.sentence {
            style.paragraph(&mut out, "", "  ", "", sentence);
        }
        out.push('\n');
        if story.effect == Effect::Allowed && !style.full {
            style.paragraph(&mut out, "", "  ", crate::paint::GREEN, &tree::summary(story));
        } else {
            out += &tree::draw(story, style, "");
        }
        out + &fixes(&self.fixes, style)
    }
}
