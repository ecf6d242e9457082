//! Draws fixes. Commands and code are never wrapped: they are there to be pasted.

use crate::paint::{BOLD, CYAN, DIM, Forms, GREEN_BOLD, Style};
use crate::{Fix, Step};

/// Every fix, in the form that `style` names.
#[must_use]
pub fn fixes(fixes: &[Fix], style: Style) -> String {
    let mut out = String::new();
    for (number, fix) in fixes.iter().enumerate() {
        let label = if fixes.len() > 1 { format!("fix {}: ", number + 1) } else { "fix: ".to_owned() };
        out.push('\n');
        // A single step that says what the fix says is not said twice.
        let alone = match fix.steps.as_slice() {
            [one] => one.does == fix.why.strip_prefix("or, ").unwrap_or(&fix.why),
            _ => false,
        };
        let why = match fix.steps.as_slice() {
            [one] if !one.account.is_empty() && alone => {
                let or = if one.does == fix.why { "" } else { "or, " };
                format!("{or}run as account {}: {}", one.account, one.does)
            }
            _ => fix.why.clone(),
        };
        let below = " ".repeat(label.len());
        style.paragraph(&mut out, &style.paint(GREEN_BOLD, &label), &below, BOLD, &why);
        for step in &fix.steps {
            if !alone {
                let account = if step.account.is_empty() {
                    String::new()
                } else {
                    format!("as account {}: ", step.account)
                };
                style.paragraph(&mut out, "  ", "  ", "", &format!("{account}{}", step.does));
            }
            write_step(&mut out, step, if alone { "  " } else { "    " }, style);
        }
        for note in &fix.notes {
            style.paragraph(&mut out, "  note: ", "        ", "", note);
        }
    }
    let coded = fixes
        .iter()
        .flat_map(|fix| &fix.steps)
        .any(|step| step.terraform.is_some() || step.cloudformation.is_some());
    if coded && style.form == Forms::Cli {
        out.push('\n');
        let hint = "the same as code: --as terraform, --as cloudformation or --as all";
        style.paragraph(&mut out, "", "", DIM, hint);
    }
    out
}

fn write_step(out: &mut String, step: &Step, indent: &str, style: Style) {
    let (terraform, cloudformation) = (step.terraform.as_deref(), step.cloudformation.as_deref());
    let (commands, coded) = match style.form {
        Forms::Cli => (true, Vec::new()),
        Forms::Terraform => (terraform.is_none(), vec![terraform]),
        Forms::CloudFormation => (cloudformation.is_none(), vec![cloudformation]),
        Forms::All => (true, vec![terraform, cloudformation]),
    };
    if commands {
        for command in &step.commands {
            out.push_str(indent);
            out.push_str(&style.paint(CYAN, command));
            out.push('\n');
        }
    }
    let without = match style.form {
        Forms::Cli => [None, None],
        Forms::Terraform => [step.without_terraform.as_ref(), None],
        Forms::CloudFormation => [None, step.without_cloudformation.as_ref()],
        Forms::All => [step.without_terraform.as_ref(), step.without_cloudformation.as_ref()],
    };
    for why in without.into_iter().flatten() {
        style.paragraph(out, indent, indent, DIM, why);
    }
    for code in coded.into_iter().flatten() {
        out.push('\n');
        for line in code.lines() {
            // Colour line by line, so that a pager that shows a part of it shows it right.
            out.push_str(&style.paint(CYAN, line));
            out.push('\n');
        }
    }
}
