//! What standard output can show.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use doctor::{Forms, Style};

use crate::cli::Format;

/// When output is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On terminals, unless NO_COLOR is set
    #[default]
    Auto,
    /// Also through pipes
    Always,
    /// Nowhere
    Never,
}

/// How fixes are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum As {
    /// AWS CLI commands
    #[default]
    Cli,
    /// Terraform code
    Terraform,
    /// CloudFormation templates
    Cloudformation,
    /// All three
    All,
}

/// Options of how a decision is shown.
#[derive(Args)]
pub struct Drawn {
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// How to write what mends it
    #[arg(long = "as", value_enum, default_value_t = As::Cli, value_name = "FORM")]
    pub form: As,
    /// Show every decision with all of its layers and statements, those that allow too
    #[arg(long)]
    pub full: bool,
    /// When to colour
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
}

impl Drawn {
    /// For standard output as it is.
    pub fn style(&self) -> Style {
        let form = match self.form {
            As::Cli => Forms::Cli,
            As::Terraform => Forms::Terraform,
            As::Cloudformation => Forms::CloudFormation,
            As::All => Forms::All,
        };
        Style { form, full: self.full, ..style(self.color) }
    }
}

/// Colour and width of standard output: a pipe has neither.
pub fn style(color: Color) -> Style {
    let terminal = std::io::stdout().is_terminal();
    let color = match color {
        Color::Always => true,
        Color::Never => false,
        // https://no-color.org: present and not empty.
        Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    };
    let width = terminal_size::terminal_size().filter(|_| terminal).map(|(width, _)| usize::from(width.0));
    Style { color, width, ..Style::default() }
}
