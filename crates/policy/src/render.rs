//! An explanation as text for a terminal, without colour.

use std::fmt::Write;

use crate::record::first_failure;
use crate::{
    ElementStory, Explanation, Layer, LayerStory, LayerVerdict, PolicyStory, Side, Span, StatementEffect,
    StatementRef, StatementStory,
};

/// Characters of policy text shown around an underlined place.
const WIDTH: usize = 100;

impl Layer {
    /// The layer's name in sentences.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Scp => "service control policies",
            Self::Rcp => "resource control policies",
            Self::Resource => "resource-based policy",
            Self::Trust => "role trust policy",
            Self::Identity => "identity-based policies",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policies",
        }
    }
}

impl StatementStory {
    /// `statement "invoke" (Allow)`, or by number when it has no Sid.
    #[must_use]
    pub fn title(&self) -> String {
        let effect = match self.effect {
            StatementEffect::Allow => "Allow",
            StatementEffect::Deny => "Deny",
        };
        match &self.sid {
            Some(sid) if !sid.is_empty() => format!("statement \"{sid}\" ({effect})"),
            _ => format!("statement {} ({effect})", self.index + 1),
        }
    }

    /// One line: the title and every element that failed, or that it matches.
    #[must_use]
    pub fn line(&self) -> String {
        let failures: Vec<String> = self
            .elements
            .iter()
            .filter(|e| !e.matched)
            .map(|e| format!("{}: {}", e.element, e.text))
            .collect();
        match failures.is_empty() {
            true => format!("{}: matches", self.title()),
            false => format!("{}: {}", self.title(), failures.join("; ")),
        }
    }
}

impl Explanation {
    /// The policy and statement that `reference` points at.
    #[must_use]
    pub fn statement(&self, reference: StatementRef) -> Option<(&PolicyStory, &StatementStory)> {
        let policy = self.layers.get(reference.layer)?.policies.get(reference.policy)?;
        Some((policy, policy.statements.get(reference.statement)?))
    }

    /// The first line: what came out and which layer decided.
    #[must_use]
    pub fn headline(&self) -> String {
        let Some(layer) = self.denied_by else { return "Allowed".to_owned() };
        let sides = match self.failed_sides.as_slice() {
            [Side::Trusted] => " on the caller's side",
            [Side::Trusting] => " on the resource's side",
            [_, _] => ", and both sides refuse",
            _ => "",
        };
        let how = match self.effect {
            crate::Effect::ExplicitlyDenied => "Denied explicitly by the",
            _ => "Denied: nothing allows it in the",
        };
        format!("{how} {}{sides}", layer.words())
    }

    /// Draws the story: the request, each layer with its statements, and the text of the nearest statement underlined
    /// where it failed.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out).unwrap_or_default();
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "{}", self.headline())?;
        if let Some(sentence) = &self.sentence {
            writeln!(out, "{sentence}")?;
        }
        writeln!(out, "\n  caller    {}\n            {}", self.caller, self.principal)?;
        writeln!(out, "  action    {}\n  resource  {}", self.action, self.resource)?;
        if self.cross_account {
            let owner = self.resource_account.as_deref().unwrap_or("another account");
            writeln!(out, "  accounts  the resource belongs to {owner}: both sides must allow")?;
        }
        for layer in &self.layers {
            write_layer(out, layer, self.cross_account)?;
        }
        if let Some((policy, statement)) = self.nearest.and_then(|n| self.statement(n)) {
            let what = match self.effect {
                crate::Effect::ExplicitlyDenied => "decided by",
                _ => "nearest",
            };
            writeln!(out, "\n{what}: {} of {}", statement.title(), policy.name)?;
            match first_failure(statement) {
                Some((element, span)) => out.push_str(&underline(&policy.text, span, &why(element))),
                None => out.push_str(&underline(&policy.text, statement.span, "this statement matches")),
            }
        }
        Ok(())
    }
}

fn why(element: &ElementStory) -> String {
    format!("{}: {}", element.element, element.text)
}

fn write_layer(out: &mut String, layer: &LayerStory, cross: bool) -> std::fmt::Result {
    let side = match (cross, layer.side) {
        (false, _) => "",
        (true, Side::Trusted) => ", caller's side",
        (true, Side::Trusting) => ", resource's side",
    };
    let level = layer.level.map_or_else(String::new, |l| format!(" level {l}"));
    let verdict = match layer.verdict {
        LayerVerdict::Allows => "allows",
        LayerVerdict::NoAllow => "no statement allows",
        LayerVerdict::Denies => "denies",
        LayerVerdict::NotConsulted => "none",
    };
    write!(out, "\n{}{level}{side}: {verdict}", layer.layer.words())?;
    match &layer.note {
        Some(note) => writeln!(out, " ({note})")?,
        None => writeln!(out)?,
    }
    for policy in &layer.policies {
        writeln!(out, "  {}", policy.name)?;
        for statement in &policy.statements {
            let mark = if statement.matched { '+' } else { '-' };
            let at = first_failure(statement).map(|(e, _)| e.at);
            let at = at.map_or_else(String::new, |at| format!(" (line {}, column {})", at.line, at.column));
            writeln!(out, "    {mark} {}{at}", statement.line())?;
        }
    }
    Ok(())
}

/// The line of `text` in which `span` begins, clipped to a window, with carets below the span and `label` after them.
#[must_use]
pub fn underline(text: &str, span: Span, label: &str) -> String {
    let position = span.position(text);
    let line = text.lines().nth(position.line - 1).unwrap_or("");
    let chars: Vec<char> = line.chars().map(|c| if c == '\t' { ' ' } else { c }).collect();
    let start = (position.column - 1).min(chars.len());
    let length = span.of(text).lines().next().unwrap_or("").chars().count().clamp(1, WIDTH);
    // A policy is often one long line: show a window around the place.
    let from = if chars.len() > WIDTH { start.saturating_sub(WIDTH / 3) } else { 0 };
    let to = (from + WIDTH).max(start + length).min(chars.len());
    let shown: String = chars.get(from..to).unwrap_or(&[]).iter().collect();
    let (head, tail) = (if from > 0 { "…" } else { "" }, if to < chars.len() { "…" } else { "" });
    let number = position.line.to_string();
    let gutter = " ".repeat(number.len());
    let pad = " ".repeat(start - from.min(start) + head.chars().count());
    let carets = "^".repeat(length);
    format!("  {gutter} |\n  {number} | {head}{shown}{tail}\n  {gutter} | {pad}{carets} {label}\n")
}
