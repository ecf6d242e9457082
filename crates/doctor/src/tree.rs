//! A decision as a tree: sides, layers, policies, statements, elements.

use policy::{
    Effect, ElementStory, Explanation, Layer, LayerStory, LayerVerdict, PolicyStory, Side, Span,
    StatementEffect, StatementStory,
};

use crate::excerpt;
use crate::paint::{BOLD, DIM, GREEN, RED, Style, width};

/// Statements folded to a line each; more of them are counted.
const FOLDED: usize = 12;

/// Draws a decision, each line after `indent`.
#[must_use]
pub fn draw(story: &Explanation, style: Style, indent: &str) -> String {
    let mut out = String::new();
    style.paragraph(&mut out, indent, indent, BOLD, &headline(story));
    let nodes: Vec<Node> = if story.cross_account {
        [Side::Trusted, Side::Trusting].into_iter().map(|side| of_side(story, side, style)).collect()
    } else {
        story.layers.iter().filter_map(|layer| of_layer(story, layer, style)).collect()
    };
    draw_all(&mut out, &nodes, style, indent);
    out
}

/// Which statement allowed, in a line; the headline for a denial.
#[must_use]
pub fn summary(story: &Explanation) -> String {
    if story.effect != Effect::Allowed {
        return story.headline();
    }
    let mut by = Vec::new();
    for layer in
        story.layers.iter().filter(|l| matches!(l.layer, Layer::Identity | Layer::Resource | Layer::Trust))
    {
        by.extend(
            matching(layer, StatementEffect::Allow)
                .map(|(policy, s)| format!("{} of {}", s.title(), policy.name))
                .next(),
        );
    }
    match by.is_empty() {
        false => format!("allowed by {}", by.join(" and ")),
        true => {
            let note = story.layers.iter().find_map(|l| l.note.as_deref()).unwrap_or("nothing is asked");
            format!("allowed: {note}")
        }
    }
}

fn headline(story: &Explanation) -> String {
    match story.effect {
        Effect::Allowed => "Allowed".to_owned(),
        Effect::ExplicitlyDenied => {
            format!("{}; an explicit deny overrides every grant, so the Deny has to change", story.headline())
        }
        Effect::ImplicitlyDenied => story.headline(),
    }
}

/// A line of the tree, what stands below it, and its branches.
#[derive(Default)]
struct Node {
    mark: Option<bool>,
    text: String,
    dim: bool,
    excerpt: Option<(std::sync::Arc<str>, Span, String)>,
    children: Vec<Node>,
}

impl Node {
    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    fn marked(mark: bool, text: impl Into<String>) -> Self {
        Self { mark: Some(mark), ..Self::new(text) }
    }
}

fn draw_all(out: &mut String, nodes: &[Node], style: Style, indent: &str) {
    for (number, node) in nodes.iter().enumerate() {
        let last = number + 1 == nodes.len();
        let (branch, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let mark = match node.mark {
            Some(true) => style.paint(GREEN, "✓ "),
            Some(false) => style.paint(RED, "✗ "),
            None => String::new(),
        };
        let hang = if node.mark.is_some() { "  " } else { "" };
        let inner = format!("{indent}{below}");
        // Below a node with branches the trunk goes on beside its wrapped lines.
        let trunk = if node.children.is_empty() { "" } else { "│ " };
        let hang = if width(hang) >= width(trunk) { hang } else { "" };
        let code = if node.dim { DIM } else { "" };
        style.paragraph(out, &format!("{indent}{branch}{mark}"), &format!("{inner}{hang}"), code, &node.text);
        draw_all(out, &node.children, style, &inner);
        if let Some((text, span, label)) = &node.excerpt {
            excerpt::draw(out, &format!("{inner}{hang}"), text, *span, label, style);
        }
    }
}

fn of_side(story: &Explanation, side: Side, style: Style) -> Node {
    let (whose, account) = match side {
        Side::Trusted => ("caller's side", story.principal_account.as_deref()),
        Side::Trusting => ("resource's side", story.resource_account.as_deref()),
    };
    let refuses = story.failed_sides.contains(&side);
    let said = if refuses { "refuses" } else { "allows" };
    let account = account.map_or_else(String::new, |a| format!(", account {a}"));
    let layers = story.layers.iter().filter(|layer| layer.side == side);
    Node {
        children: layers.filter_map(|layer| of_layer(story, layer, style)).collect(),
        ..Node::marked(!refuses, format!("{whose}{account}: {said}"))
    }
}

fn of_layer(story: &Explanation, layer: &LayerStory, style: Style) -> Option<Node> {
    let level = layer.level.map_or_else(String::new, |level| match level {
        0 => " of the organization's root".to_owned(),
        level => format!(" of level {level}"),
    });
    let name = format!("{}{level}", layer.layer.words());
    let blamed = story.denied_by == Some(layer.layer);
    let note = layer.note.as_ref().map_or_else(String::new, |note| format!(" ({note})"));
    let node = match layer.verdict {
        LayerVerdict::NotConsulted => {
            let node = Node::new(format!("{name}: {}", layer.note.as_deref().unwrap_or("not asked")));
            return (blamed || style.full).then(|| Node {
                mark: blamed.then_some(false),
                dim: !blamed,
                ..node
            });
        }
        LayerVerdict::Allows => {
            let by = matching(layer, StatementEffect::Allow).next();
            let by =
                by.map_or_else(String::new, |(policy, s)| format!(", by {} of {}", s.title(), policy.name));
            Node::marked(true, format!("{name}: allows{by}{note}"))
        }
        LayerVerdict::Denies => Node::marked(false, format!("{name}: denies{note}")),
        LayerVerdict::NoAllow if layer.policies.is_empty() => {
            Node::marked(false, format!("{name}: there is none{note}"))
        }
        LayerVerdict::NoAllow => Node::marked(false, format!("{name}: no statement allows{note}")),
    };
    let allows = layer.verdict == LayerVerdict::Allows;
    let children = if style.full {
        every_statement(layer)
    } else if allows {
        Vec::new()
    } else {
        nearest_first(layer, style)
    };
    Some(Node { children, ..node })
}

fn matching(
    layer: &LayerStory,
    effect: StatementEffect,
) -> impl Iterator<Item = (&PolicyStory, &StatementStory)> {
    statements(layer).filter(move |(_, s)| s.matched && s.effect == effect)
}

fn statements(layer: &LayerStory) -> impl Iterator<Item = (&PolicyStory, &StatementStory)> {
    layer.policies.iter().flat_map(|policy| policy.statements.iter().map(move |s| (policy, s)))
}

fn every_statement(layer: &LayerStory) -> Vec<Node> {
    let policies = layer.policies.iter().map(|policy| Node {
        children: policy
            .statements
            .iter()
            .map(|s| Node {
                children: elements(s),
                excerpt: first_failure(s).map(|(e, span)| (policy.text.clone(), span, e.text.clone())),
                ..Node::marked(s.matched, s.title())
            })
            .collect(),
        ..Node::new(&policy.name)
    });
    policies.collect()
}

/// The statement that would have matched with the least changed, then the others in a line each.
fn nearest_first(layer: &LayerStory, style: Style) -> Vec<Node> {
    let denies = layer.verdict == LayerVerdict::Denies;
    let mut all: Vec<(&PolicyStory, &StatementStory)> = statements(layer)
        .filter(|(policy, s)| {
            let asked = (s.effect == StatementEffect::Deny) == denies && (!denies || s.matched);
            asked && !is_unknown(policy)
        })
        .collect();
    // Among equals, one about this action is nearer than one that only differs in it.
    all.sort_by_key(|(_, s)| {
        let failed = s.elements.iter().filter(|e| !e.matched);
        (failed.clone().count(), failed.clone().any(|e| e.element.ends_with("Action")))
    });
    let mut nodes = Vec::new();
    let mut rest = all.into_iter();
    if let Some((policy, statement)) = rest.next() {
        let what = if denies { "this Deny matches" } else { "nearest" };
        let at = match first_failure(statement) {
            Some((element, span)) => (policy.text.clone(), span, element.text.clone()),
            None => (policy.text.clone(), effect_span(&policy.text, statement.span), what.to_owned()),
        };
        nodes.push(Node {
            children: elements(statement),
            excerpt: Some(at),
            ..Node::new(format!("{what}: {} of {}", statement.title(), policy.name))
        });
    }
    let room = style.width.map(|w| w.saturating_sub(24).max(40));
    for (policy, statement) in rest.by_ref().take(FOLDED) {
        let line = format!("{}, {}", policy.name, statement.line());
        let line = match room {
            Some(room) if width(&line) > room => line.chars().take(room - 1).chain(['…']).collect(),
            _ => line,
        };
        nodes.push(Node { dim: true, ..Node::new(line) });
    }
    let more = rest.count();
    if more > 0 {
        nodes.push(Node { dim: true, ..Node::new(format!("and {more} more statements; --full shows them")) });
    }
    let empty = layer.policies.iter().filter(|policy| policy.statements.is_empty());
    nodes.extend(empty.map(|policy| Node::new(format!("{}: no statements", policy.name))));
    let unknown = layer.policies.iter().filter(|policy| is_unknown(policy));
    nodes.extend(unknown.map(|policy| {
        Node::new(format!("{}: one of AWS's, which allows nothing here; attach one of your own", policy.name))
    }));
    nodes
}

/// Whether this stands for a policy of AWS's whose text is not known here (`iam::collect` names it so).
fn is_unknown(policy: &PolicyStory) -> bool {
    policy.name.ends_with(" (content unknown)")
}

/// Every element, and why it failed; what the excerpt says of the first one that failed is not said twice.
fn elements(statement: &StatementStory) -> Vec<Node> {
    let first = statement.elements.iter().position(|e| !e.matched);
    let nodes = statement.elements.iter().enumerate().map(|(number, element)| {
        match element.matched || Some(number) == first {
            true => Node::marked(element.matched, element.element.as_str()),
            false => Node::marked(false, format!("{}: {}", element.element, element.text)),
        }
    });
    nodes.collect()
}

fn first_failure(statement: &StatementStory) -> Option<(&ElementStory, Span)> {
    statement.elements.iter().find(|e| !e.matched).map(|e| (e, e.span))
}

/// `"Effect": "Deny"` of a statement; a whole statement would be underlined in its first line only.
fn effect_span(text: &str, statement: Span) -> Span {
    let inside = statement.of(text);
    let found = inside.find("\"Effect\"").and_then(|key| {
        let value = inside.get(key..)?.find("\"Deny\"")?;
        Some(Span::new(statement.start + key, statement.start + key + value + 6))
    });
    found.unwrap_or(statement)
}
