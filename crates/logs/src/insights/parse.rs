use regex::{Regex, RegexBuilder};

use super::expr::{Comparison, Expr};
use super::functions::{find, milliseconds};
use super::stats::{Aggregate, AggregateKind};
use super::value::Val;

/// Expressions within each other, and commands of a query.
const MAX_DEPTH: usize = 48;
const MAX_COMMANDS: usize = 64;
/// Bytes that a compiled regular expression may take.
const REGEX_BYTES: usize = 1 << 18;

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

type Result<T> = std::result::Result<T, Refusal>;

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
/// Functions that AWS has beside those here.
const OTHER_FUNCTIONS: [&str; 3] = ["jsonparse", "jsonstringify", "histogram"];

/// Reads a query.
pub(super) fn parse(query: &str) -> Result<Vec<Command>> {
    let mut parser = Parser { text: query, at: 0, depth: 0, aggregates: None };
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

struct Parser<'q> {
    text: &'q str,
    at: usize,
    depth: usize,
    /// The aggregations of the `stats` that is being read.
    aggregates: Option<Vec<Aggregate>>,
}

impl<'q> Parser<'q> {
    fn rest(&self) -> &'q str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Spaces and comments, which reach from `#` to the end of the line.
    fn space(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(symbol);
        if found {
            self.at += symbol.len();
        }
        found
    }

    /// A word of the language, whatever its case.
    fn keyword(&mut self, word: &str) -> bool {
        self.space();
        let rest = self.rest();
        let is = rest.get(..word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word));
        let ends = rest.get(word.len()..).is_some_and(|after| !after.starts_with(in_name));
        if is && ends {
            self.at += word.len();
        }
        is && ends
    }

    /// AWS's text, seen in public reports.
    fn unexpected(&mut self) -> Refusal {
        self.space();
        let found = self.rest();
        // A word or a sign, cut to 64 characters.
        let word = found.find(|c: char| c.is_whitespace() || "|,()[]".contains(c)).unwrap_or(found.len());
        let symbol: String = match found.chars().next() {
            None => "end of query".to_owned(),
            Some(sign) if word == 0 => sign.to_string(),
            Some(_) => found.get(..word).unwrap_or_default().chars().take(64).collect(),
        };
        let before = self.text.get(..self.at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let position = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let start = before.chars().count();
        Refusal::Malformed(
            format!("unexpected symbol found {symbol} at line {line} and position {position}"),
            start,
            start + symbol.chars().count().min(found.chars().count()),
        )
    }

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

    /// A name as it is written without quotes: letters, digits, `@ . _` and `-` within.
    fn word(&mut self) -> Option<&'q str> {
        self.space();
        let rest = self.rest();
        let starts = rest.starts_with(|c: char| c.is_alphabetic() || c == '@' || c == '_');
        let end = rest.find(|c| !in_name(c)).unwrap_or(rest.len());
        let found = rest.get(..end).filter(|_| starts)?;
        self.at += end;
        Some(found)
    }

    fn field_name(&mut self) -> Result<String> {
        if self.symbol("`") {
            let (name, _) = self.rest().split_once('`').ok_or_else(|| self.unexpected())?;
            self.at += name.len() + 1;
            return Ok(name.to_owned());
        }
        match self.word() {
            Some(word) => Ok(word.to_owned()),
            None => Err(self.unexpected()),
        }
    }

    fn number(&mut self) -> Option<f64> {
        self.space();
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number = rest.get(..end)?.parse().ok()?;
        self.at += end;
        Some(number)
    }

    /// Text in single or double quotes.
    fn quoted(&mut self) -> Result<Option<String>> {
        self.space();
        let Some(quote) = self.rest().chars().next().filter(|c| *c == '"' || *c == '\'') else {
            return Ok(None);
        };
        let mut text = String::new();
        let mut escaped = false;
        for (at, c) in self.rest().char_indices().skip(1) {
            match c {
                _ if escaped => {
                    // Before anything else a backslash stands for itself.
                    if c != quote && c != '\\' {
                        text.push('\\');
                    }
                    text.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                c if c == quote => {
                    self.at += at + 1;
                    return Ok(Some(text));
                }
                c => text.push(c),
            }
        }
        Err(self.unexpected())
    }

    /// `/…/`, where `\/` is a slash.
    fn regex(&mut self) -> Result<Option<Regex>> {
        self.space();
        if !self.rest().starts_with('/') {
            return Ok(None);
        }
        let mut escaped = false;
        for (at, c) in self.rest().char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '/' => {
                    let source = self.rest().get(1..at).unwrap_or_default().replace("\\/", "/");
                    let regex = self.compile(&source)?;
                    self.at += at + 1;
                    return Ok(Some(regex));
                }
                _ => {}
            }
        }
        Err(self.unexpected())
    }

    fn compile(&mut self, source: &str) -> Result<Regex> {
        match RegexBuilder::new(source).size_limit(REGEX_BYTES).build() {
            Ok(regex) => Ok(regex),
            Err(_) => Err(self.unexpected()),
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

    fn expr(&mut self) -> Result<Expr> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.unexpected());
        }
        let mut left = self.and()?;
        while self.keyword("or") || self.symbol("||") {
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr> {
        let mut left = self.not()?;
        while self.keyword("and") || self.symbol("&&") {
            left = Expr::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expr> {
        let mut negative = false;
        while self.keyword("not") {
            negative = !negative;
        }
        let inner = self.comparison()?;
        Ok(if negative { Expr::Not(Box::new(inner)) } else { inner })
    }

    fn comparison(&mut self) -> Result<Expr> {
        let left = self.sum()?;
        let before = self.at;
        let negative = self.keyword("not");
        let found = if self.keyword("like") {
            match self.quoted()? {
                Some(part) => Expr::Contains(Box::new(left), part),
                None => Expr::Matches(Box::new(left), self.required_regex()?),
            }
        } else if self.keyword("in") {
            Expr::In(Box::new(left), self.list()?)
        } else if negative {
            self.at = before;
            return Err(self.unexpected());
        } else if self.symbol("=~") {
            match self.quoted()? {
                Some(source) => Expr::Matches(Box::new(left), self.compile(&source)?),
                None => Expr::Matches(Box::new(left), self.required_regex()?),
            }
        } else {
            let comparisons = [
                ("!=", Comparison::NotEqual),
                ("<=", Comparison::LessOrEqual),
                (">=", Comparison::GreaterOrEqual),
                ("=", Comparison::Equal),
                ("<", Comparison::Less),
                (">", Comparison::Greater),
            ];
            match comparisons.into_iter().find(|(symbol, _)| self.symbol(symbol)) {
                Some((_, comparison)) => Expr::Compare(comparison, Box::new(left), Box::new(self.sum()?)),
                None => left,
            }
        };
        Ok(if negative { Expr::Not(Box::new(found)) } else { found })
    }

    fn required_regex(&mut self) -> Result<Regex> {
        match self.regex()? {
            Some(regex) => Ok(regex),
            None => Err(self.unexpected()),
        }
    }

    fn list(&mut self) -> Result<Vec<Expr>> {
        if !self.symbol("[") {
            return Err(self.unexpected());
        }
        let mut items = vec![self.sum()?];
        while self.symbol(",") {
            items.push(self.sum()?);
        }
        if self.symbol("]") { Ok(items) } else { Err(self.unexpected()) }
    }

    fn sum(&mut self) -> Result<Expr> {
        let mut left = self.product()?;
        loop {
            let operator = match () {
                () if self.symbol("+") => '+',
                () if self.symbol("-") => '-',
                () => return Ok(left),
            };
            left = Expr::Arithmetic(operator, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Result<Expr> {
        let mut left = self.power()?;
        loop {
            let operator = match () {
                () if self.symbol("*") => '*',
                () if self.symbol("/") => '/',
                () if self.symbol("%") => '%',
                () => return Ok(left),
            };
            left = Expr::Arithmetic(operator, Box::new(left), Box::new(self.power()?));
        }
    }

    /// Binds to the right: `2 ^ 3 ^ 2` is 2 to the ninth.
    fn power(&mut self) -> Result<Expr> {
        let base = self.primary()?;
        if !self.symbol("^") {
            return Ok(base);
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.unexpected());
        }
        let exponent = self.power()?;
        self.depth -= 1;
        Ok(Expr::Arithmetic('^', Box::new(base), Box::new(exponent)))
    }

    fn primary(&mut self) -> Result<Expr> {
        if self.symbol("(") {
            let inner = self.expr()?;
            return if self.symbol(")") { Ok(inner) } else { Err(self.unexpected()) };
        }
        if self.symbol("-") {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err(self.unexpected());
            }
            let inner = self.primary()?;
            self.depth -= 1;
            return Ok(Expr::Negative(Box::new(inner)));
        }
        if let Some(text) = self.quoted()? {
            return Ok(Expr::Value(Val::Text(text)));
        }
        if let Some(number) = self.number() {
            return Ok(Expr::Value(Val::Num(number)));
        }
        self.space();
        let before = self.at;
        let quoted = self.rest().starts_with('`');
        let name = self.field_name()?;
        if quoted {
            return Ok(Expr::Field(name));
        }
        if self.rest().starts_with('(') {
            return self.call(&name, before);
        }
        Ok(match name.to_ascii_lowercase().as_str() {
            "true" => Expr::Value(Val::Bool(true)),
            "false" => Expr::Value(Val::Bool(false)),
            "null" => Expr::Value(Val::Null),
            _ => Expr::Field(name),
        })
    }

    fn call(&mut self, name: &str, before: usize) -> Result<Expr> {
        if let Some(kind) = AggregateKind::find(name)
            && self.aggregates.is_some()
        {
            return self.aggregate(kind);
        }
        if AggregateKind::find(name).is_some() {
            // After `stats` its columns go by what was written: `sort count(*) desc`.
            let length = self.rest().find(')').ok_or_else(|| self.unexpected())?;
            self.at += length + 1;
            return Ok(Expr::Field(self.text.get(before..self.at).unwrap_or_default().to_owned()));
        }
        let Some(function) = find(name) else {
            self.at = before;
            if OTHER_FUNCTIONS.contains(&name.to_ascii_lowercase().as_str()) {
                return Err(Refusal::NotImplemented(format!("StartQuery with the function {name}")));
            }
            return Err(self.unexpected());
        };
        self.symbol("(");
        let periods = ["bin", "datefloor", "dateceil"].contains(&function.name);
        let mut arguments = Vec::new();
        while !self.symbol(")") {
            if !arguments.is_empty() && !self.symbol(",") {
                return Err(self.unexpected());
            }
            let last = periods && (function.name == "bin" || arguments.len() == 1);
            arguments.push(if last { self.period()? } else { self.expr()? });
            if arguments.len() > function.most {
                return Err(self.unexpected());
            }
        }
        if arguments.len() < function.least {
            return Err(self.unexpected());
        }
        if function.name == "bin" {
            arguments.insert(0, Expr::Field("@timestamp".to_owned()));
        }
        Ok(Expr::Call(function, arguments))
    }

    fn period(&mut self) -> Result<Expr> {
        let count = self.number().unwrap_or(1.0);
        self.space();
        let before = self.at;
        let unit = self.word().unwrap_or_default();
        match milliseconds(count, unit) {
            Some(ms) => Ok(Expr::Value(Val::Num(ms))),
            None => {
                self.at = before;
                Err(self.unexpected())
            }
        }
    }

    fn aggregate(&mut self, kind: AggregateKind) -> Result<Expr> {
        self.symbol("(");
        // An aggregation is of plain expressions.
        let outer = self.aggregates.take();
        let (mut of, mut parameter) = (None, 0.0);
        if !(self.symbol("*") || self.rest().starts_with(')')) {
            of = Some(self.expr()?);
        }
        if kind == AggregateKind::Percentile {
            parameter = match (self.symbol(","), self.number()) {
                (true, Some(p)) if (0.0..=100.0).contains(&p) => p,
                _ => return Err(self.unexpected()),
            };
        }
        if !self.symbol(")") || (of.is_none() && kind != AggregateKind::Count) {
            return Err(self.unexpected());
        }
        let mut all = outer.unwrap_or_default();
        all.push(Aggregate { kind, of, parameter });
        let number = all.len() - 1;
        self.aggregates = Some(all);
        Ok(Expr::Aggregate(number))
    }
}

fn in_name(c: char) -> bool {
    c.is_alphanumeric() || c == '@' || c == '_' || c == '.'
}
