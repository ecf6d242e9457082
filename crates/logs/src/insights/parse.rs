//! A query's commands.

use regex::Regex;

use super::expr::Expr;
use super::stats::Aggregate;
use super::words::Parser;

/// Commands of a query.
const MAX_COMMANDS: usize = 64;

/// A command.
#[derive(Debug)]
pub(super) enum Command {
    Fields(Vec<Named>),
    Display(Vec<Named>),
    Filter(Expr),
    Parse { from: Expr, regex: Regex, names: Vec<String> },
    Stats { aggregates: Vec<Aggregate>, shown: Vec<Named>, by: Vec<Named> },
    Sort(Vec<(Expr, bool)>),
    Dedup(Vec<Expr>),
    Limit(usize),
}

/// An expression and the name of its column.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) expr: Expr,
}

/// Why a query was refused.
#[derive(Debug)]
pub(super) enum Refusal {
    /// What is wrong, and the characters from and to.
    Malformed(String, usize, usize),
    /// A command or function of AWS's that has no behaviour here.
    NotImplemented(String),
}

pub(super) type Result<T> = std::result::Result<T, Refusal>;

/// Commands that AWS has beside those here (CloudWatch Logs User Guide, "Logs Insights QL").
const OTHERS: [&str; 13] = [
    "pattern",
    "diff",
    "unmask",
    "anomaly",
    "filterindex",
    "unnest",
    "source",
    "join",
    "lookup",
    "subqueries",
    "addtotals",
    "timechart",
    "opensearch",
];

/// Reads a query.
pub(super) fn parse(query: &str) -> Result<Vec<Command>> {
    let mut parser = Parser::new(query);
    let mut commands = Vec::new();
    loop {
        parser.space();
        if parser.at == query.len() && !commands.is_empty() {
            return Ok(commands);
        }
        commands.push(parser.command()?);
        if commands.len() > MAX_COMMANDS {
            return Err(parser.unexpected());
        }
        parser.space();
        if parser.at < query.len() && !parser.symbol("|") {
            return Err(parser.unexpected());
        }
    }
}

impl Parser<'_> {
    fn command(&mut self) -> Result<Command> {
        self.space();
        let before = self.at;
        let Some(word) = self.word() else { return Err(self.unexpected()) };
        match word.to_ascii_lowercase().as_str() {
            "fields" => Ok(Command::Fields(self.named_list()?)),
            "display" => Ok(Command::Display(self.named_list()?)),
            "filter" | "where" => Ok(Command::Filter(self.expr()?)),
            "parse" => self.parse_command(),
            "stats" => self.stats(),
            "sort" | "order" => self.sort(),
            "dedup" => {
                let mut fields = vec![self.expr()?];
                while self.symbol(",") {
                    fields.push(self.expr()?);
                }
                Ok(Command::Dedup(fields))
            }
            "limit" | "head" => match self.number() {
                Some(n) if n >= 1.0 && n.fract() == 0.0 => Ok(Command::Limit(n.min(10_000.0) as usize)),
                _ => Err(self.unexpected()),
            },
            other if OTHERS.contains(&other) => {
                Err(Refusal::NotImplemented(format!("StartQuery with the command {other}")))
            }
            _ => {
                self.at = before;
                Err(self.unexpected())
            }
        }
    }

    fn named_list(&mut self) -> Result<Vec<Named>> {
        let mut list = vec![self.named()?];
        while self.symbol(",") {
            list.push(self.named()?);
        }
        Ok(list)
    }

    /// The column is named by `as`, or as the expression is written.
    fn named(&mut self) -> Result<Named> {
        self.space();
        let start = self.at;
        let expr = self.expr()?;
        let written = self.text.get(start..self.at).unwrap_or_default().trim();
        let name = match (self.keyword("as"), &expr) {
            (true, _) => self.field_name()?,
            (false, Expr::Field(name)) => name.clone(),
            (false, _) => written.to_owned(),
        };
        Ok(Named { name, expr })
    }

    fn parse_command(&mut self) -> Result<Command> {
        self.space();
        let from = match self.rest().starts_with(['"', '\'', '/']) {
            true => Expr::Field("@message".to_owned()),
            false => Expr::Field(self.field_name()?),
        };
        if let Some(regex) = self.regex()? {
            let names: Vec<String> = regex.capture_names().flatten().map(str::to_owned).collect();
            // `as` names groups that have no name of their own.
            if names.is_empty() {
                let names = self.names()?;
                if names.len() + 1 != regex.captures_len() {
                    return Err(self.unexpected());
                }
                return Ok(Command::Parse { from, regex, names });
            }
            return Ok(Command::Parse { from, regex, names });
        }
        let Some(glob) = self.quoted()? else { return Err(self.unexpected()) };
        let mut source = String::from("(?s)");
        for (n, literal) in glob.split('*').enumerate() {
            if n > 0 {
                source.push_str("(.*?)");
            }
            source.push_str(&regex::escape(literal));
        }
        if glob.ends_with('*') {
            source.push('$');
        }
        let regex = self.compile(&source)?;
        let names = self.names()?;
        if names.len() + 1 != regex.captures_len() {
            return Err(self.unexpected());
        }
        Ok(Command::Parse { from, regex, names })
    }

    fn names(&mut self) -> Result<Vec<String>> {
        if !self.keyword("as") {
            return Err(self.unexpected());
        }
        let mut names = vec![self.field_name()?];
        while self.symbol(",") {
            names.push(self.field_name()?);
        }
        Ok(names)
    }

    fn stats(&mut self) -> Result<Command> {
        self.aggregates = Some(Vec::new());
        let shown = self.named_list();
        let aggregates = self.aggregates.take().unwrap_or_default();
        let shown = shown?;
        let by = if self.keyword("by") { self.named_list()? } else { Vec::new() };
        Ok(Command::Stats { aggregates, shown, by })
    }

    fn sort(&mut self) -> Result<Command> {
        self.keyword("by");
        let mut keys = Vec::new();
        loop {
            let expr = self.expr()?;
            // Ascending unless it says otherwise.
            let descending = self.keyword("desc");
            if !descending {
                self.keyword("asc");
            }
            keys.push((expr, descending));
            if !self.symbol(",") {
                return Ok(Command::Sort(keys));
            }
        }
    }
}
