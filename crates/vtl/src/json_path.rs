//! JSONPath as `$input.path` and `$input.json` read it: the dialect of Jayway's JsonPath.

use std::rc::Rc;

use regex::Regex;

use crate::Value;
use crate::parse::DEPTH;

/// Values looked at on the way along one path.
const LOOKED_AT: usize = 200_000;
/// Bytes that an expression of a filter may take, compiled.
const EXPRESSION_BYTES: usize = 1 << 18;

/// A path, read.
#[derive(Debug)]
pub struct Path {
    steps: Vec<Step>,
    /// `.length()`, `.min()` and so on, at the end.
    function: Option<Function>,
}

#[derive(Debug)]
enum Step {
    /// `.name`, `['name']`, `['a','b']`
    Members(Vec<String>),
    /// `[1]`, `[-1]`, `[0,2]`
    Indexes(Vec<i64>),
    /// `[1:3]`
    Slice(Option<i64>, Option<i64>),
    /// `*`
    All,
    /// `..`: here and everywhere below
    Deep,
    /// `[?(…)]`
    Filter(Test),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Function {
    Length,
    Min,
    Max,
    Avg,
    Sum,
    Keys,
}

#[derive(Debug)]
enum Test {
    And(Box<Test>, Box<Test>),
    Or(Box<Test>, Box<Test>),
    Not(Box<Test>),
    Exists(Operand),
    Compare(Operand, Comparison, Operand),
    Matches(Operand, Regex),
    In(Operand, Vec<Value>),
}

#[derive(Clone, Copy, Debug)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug)]
enum Operand {
    /// `@.a.b`; `$.a` when the flag is set.
    Path(bool, Path),
    Literal(Value),
}

impl Path {
    /// Reads a path; `None` when it cannot be read. A path that does not begin with `$` is taken as `$.path`, as Jayway
    /// takes it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut reader = Reader { text, at: 0, depth: 0 };
        let rooted = reader.take("$");
        let path = reader.path(!rooted)?;
        reader.rest().is_empty().then_some(path)
    }

    /// Whether it leads to one value at most.
    #[must_use]
    pub fn is_definite(&self) -> bool {
        self.steps.iter().all(|step| match step {
            Step::Members(names) => names.len() == 1,
            Step::Indexes(numbers) => numbers.len() == 1,
            _ => false,
        })
    }

    /// What it leads to: the value of a definite path, `None` when there is none; a list for all others.
    #[must_use]
    pub fn find(&self, root: &Value) -> Option<Value> {
        let mut budget = LOOKED_AT;
        self.from(root, root, &mut budget)
    }

    fn from(&self, root: &Value, start: &Value, budget: &mut usize) -> Option<Value> {
        let mut found = vec![start.clone()];
        for step in &self.steps {
            let mut next = Vec::new();
            for value in &found {
                step.apply(root, value, &mut next, budget, 0);
            }
            found = next;
        }
        let found = match self.is_definite() {
            true => found.into_iter().next()?,
            false => Value::json_list(found),
        };
        match self.function {
            Some(function) => function.apply(&found),
            None => Some(found),
        }
    }
}

fn place(index: i64, len: usize) -> Option<usize> {
    let len = i64::try_from(len).ok()?;
    usize::try_from(if index < 0 { len + index } else { index }).ok()
}

impl Step {
    fn apply(&self, root: &Value, value: &Value, found: &mut Vec<Value>, budget: &mut usize, depth: usize) {
        let Some(left) = budget.checked_sub(1) else { return };
        *budget = left;
        match (self, value) {
            (Self::Members(names), Value::Map(map)) => {
                let map = map.borrow();
                if let [name] = names.as_slice() {
                    found.extend(map.get(name).cloned());
                } else {
                    let picked =
                        names.iter().filter_map(|name| Some((name.as_str().into(), map.get(name)?.clone())));
                    found.push(Value::map(picked.collect::<Vec<_>>()));
                }
            }
            // `$.list.name` of a list of objects: Jayway finds nothing, `$.list[*].name` does.
            (Self::Indexes(numbers), Value::List(list)) => {
                let items = list.items.borrow();
                let at = |index: &i64| items.get(place(*index, items.len())?).cloned();
                found.extend(numbers.iter().filter_map(at));
            }
            (Self::Slice(from, to), Value::List(list)) => {
                let items = list.items.borrow();
                let bound = |index: &Option<i64>, default: usize| match index {
                    Some(index) => place(*index, items.len()).unwrap_or(0).min(items.len()),
                    None => default,
                };
                found
                    .extend(items.get(bound(from, 0)..bound(to, items.len())).into_iter().flatten().cloned());
            }
            (Self::All, Value::List(list)) => found.extend(list.items.borrow().iter().cloned()),
            (Self::All, Value::Map(map)) => {
                found.extend(map.borrow().entries().iter().map(|(_, v)| v.clone()))
            }
            (Self::Deep, _) if depth < DEPTH => {
                found.push(value.clone());
                match value {
                    Value::List(list) => {
                        list.items
                            .borrow()
                            .iter()
                            .for_each(|v| self.apply(root, v, found, budget, depth + 1));
                    }
                    Value::Map(map) => {
                        let map = map.borrow();
                        map.entries().iter().for_each(|(_, v)| self.apply(root, v, found, budget, depth + 1));
                    }
                    _ => {}
                }
            }
            (Self::Filter(test), Value::List(list)) => {
                for item in list.items.borrow().iter() {
                    if test.holds(root, item, budget) {
                        found.push(item.clone());
                    }
                }
            }
            (Self::Filter(test), Value::Map(_)) if test.holds(root, value, budget) => {
                found.push(value.clone())
            }
            _ => {}
        }
    }
}

impl Function {
    fn apply(self, value: &Value) -> Option<Value> {
        let numbers = || match value {
            Value::List(list) => list.items.borrow().iter().filter_map(Value::number).collect::<Vec<f64>>(),
            _ => Vec::new(),
        };
        let some = |number: f64| number.is_finite().then_some(Value::Float(number));
        match (self, value) {
            (Self::Length, Value::List(list)) => {
                i64::try_from(list.items.borrow().len()).ok().map(Value::Int)
            }
            (Self::Length, Value::Map(map)) => {
                i64::try_from(map.borrow().entries().len()).ok().map(Value::Int)
            }
            (Self::Length, Value::Text(text)) => i64::try_from(text.chars().count()).ok().map(Value::Int),
            (Self::Length, _) => None,
            (Self::Keys, Value::Map(map)) => Some(Value::json_list(
                map.borrow().entries().iter().map(|(k, _)| Value::Text(k.clone())).collect(),
            )),
            (Self::Keys, _) => None,
            (Self::Min, _) => some(numbers().into_iter().fold(f64::INFINITY, f64::min)),
            (Self::Max, _) => some(numbers().into_iter().fold(f64::NEG_INFINITY, f64::max)),
            (Self::Sum, _) => some(numbers().iter().sum()),
            (Self::Avg, _) => {
                let numbers = numbers();
                some(numbers.iter().sum::<f64>() / numbers.len() as f64)
            }
        }
    }
}

impl Test {
    fn holds(&self, root: &Value, item: &Value, budget: &mut usize) -> bool {
        match self {
            Self::And(a, b) => a.holds(root, item, budget) && b.holds(root, item, budget),
            Self::Or(a, b) => a.holds(root, item, budget) || b.holds(root, item, budget),
            Self::Not(test) => !test.holds(root, item, budget),
            Self::Exists(operand) => operand.value(root, item, budget).is_some(),
            Self::Matches(operand, regex) => match operand.value(root, item, budget) {
                Some(Value::Text(text)) => regex.is_match(&text),
                _ => false,
            },
            Self::In(operand, values) => {
                let value = operand.value(root, item, budget);
                value.is_some_and(|value| values.iter().any(|one| one.equals(&value, EXPRESSION_BYTES)))
            }
            Self::Compare(a, comparison, b) => {
                let (a, b) = (a.value(root, item, budget), b.value(root, item, budget));
                let (Some(a), Some(b)) = (a, b) else {
                    return false;
                };
                let order = match (&a, &b) {
                    (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
                    _ => a.number().zip(b.number()).and_then(|(a, b)| a.partial_cmp(&b)),
                };
                match comparison {
                    Comparison::Equal => a.equals(&b, EXPRESSION_BYTES),
                    Comparison::NotEqual => !a.equals(&b, EXPRESSION_BYTES),
                    Comparison::Less => order.is_some_and(|order| order.is_lt()),
                    Comparison::LessOrEqual => order.is_some_and(|order| order.is_le()),
                    Comparison::Greater => order.is_some_and(|order| order.is_gt()),
                    Comparison::GreaterOrEqual => order.is_some_and(|order| order.is_ge()),
                }
            }
        }
    }
}

impl Operand {
    fn value(&self, root: &Value, item: &Value, budget: &mut usize) -> Option<Value> {
        match self {
            Self::Path(rooted, path) => path.from(root, if *rooted { root } else { item }, budget),
            Self::Literal(value) => Some(value.clone()),
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, what: &str) -> bool {
        let found = self.rest().starts_with(what);
        if found {
            self.at += what.len();
        }
        found
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Steps up to what is no step. `bare`: the first may be a name without a full stop.
    fn path(&mut self, bare: bool) -> Option<Path> {
        let (mut steps, mut function) = (Vec::new(), None);
        if bare && !self.rest().starts_with('[') {
            steps.push(self.name()?);
        }
        loop {
            if self.take("..") {
                steps.push(Step::Deep);
                if !self.rest().starts_with('[') {
                    steps.push(self.name()?);
                }
            } else if self.take(".") {
                if let Some(found) = self.function() {
                    function = Some(found);
                    break;
                }
                // `$.['a']` is read as `$['a']`.
                if !self.rest().starts_with('[') {
                    steps.push(self.name()?);
                }
            } else if self.take("[") {
                steps.push(self.brackets()?);
            } else {
                break;
            }
        }
        Some(Path { steps, function })
    }

    fn function(&mut self) -> Option<Function> {
        const NAMES: [(&str, Function); 7] = [
            ("length()", Function::Length),
            ("size()", Function::Length),
            ("min()", Function::Min),
            ("max()", Function::Max),
            ("avg()", Function::Avg),
            ("sum()", Function::Sum),
            ("keys()", Function::Keys),
        ];
        NAMES.iter().find(|(name, _)| self.take(name)).map(|(_, function)| *function)
    }

    fn name(&mut self) -> Option<Step> {
        if self.take("*") {
            return Some(Step::All);
        }
        let rest = self.rest();
        let ends = |c: char| {
            matches!(c, '.' | '[' | ']' | ')' | '(' | ' ' | '=' | '<' | '>' | '!' | '&' | '|' | ',')
        };
        let end = rest.find(ends).unwrap_or(rest.len());
        self.at += end;
        let name = rest.get(..end).filter(|name| !name.is_empty())?;
        Some(Step::Members(vec![name.to_owned()]))
    }

    fn brackets(&mut self) -> Option<Step> {
        self.blanks();
        let step = if self.take("*") {
            Step::All
        } else if self.take("?") {
            self.blanks();
            if !self.take("(") {
                return None;
            }
            let test = self.test()?;
            self.blanks();
            if !self.take(")") {
                return None;
            }
            Step::Filter(test)
        } else if self.rest().starts_with(['\'', '"']) {
            let mut names = vec![self.quoted()?];
            self.blanks();
            while self.take(",") {
                self.blanks();
                names.push(self.quoted()?);
                self.blanks();
            }
            Step::Members(names)
        } else {
            self.indexes()?
        };
        self.blanks();
        self.take("]").then_some(step)
    }

    fn indexes(&mut self) -> Option<Step> {
        let first = self.integer();
        self.blanks();
        if self.take(":") {
            self.blanks();
            return Some(Step::Slice(first, self.integer()));
        }
        let mut numbers = vec![first?];
        while self.take(",") {
            self.blanks();
            numbers.push(self.integer()?);
            self.blanks();
        }
        Some(Step::Indexes(numbers))
    }

    fn integer(&mut self) -> Option<i64> {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '-')).unwrap_or(rest.len());
        let number = rest.get(..end)?.parse().ok()?;
        self.at += end;
        Some(number)
    }

    fn quoted(&mut self) -> Option<String> {
        let quote = self.rest().chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let mut out = String::new();
        let mut letters = self.rest().char_indices().skip(1);
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => out.push(letters.next()?.1),
                end if end == quote => {
                    self.at += at + 1;
                    return Some(out);
                }
                other => out.push(other),
            }
        }
        None
    }

    fn test(&mut self) -> Option<Test> {
        let mut left = self.conjunction()?;
        loop {
            self.blanks();
            if !self.take("||") {
                return Some(left);
            }
            left = Test::Or(Box::new(left), Box::new(self.conjunction()?));
        }
    }

    fn conjunction(&mut self) -> Option<Test> {
        let mut left = self.single()?;
        loop {
            self.blanks();
            if !self.take("&&") {
                return Some(left);
            }
            left = Test::And(Box::new(left), Box::new(self.single()?));
        }
    }

    fn single(&mut self) -> Option<Test> {
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        self.blanks();
        let test = if self.take("!") {
            Test::Not(Box::new(self.single()?))
        } else if self.take("(") {
            let inner = self.test()?;
            self.blanks();
            if !self.take(")") {
                return None;
            }
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Some(test)
    }

    fn comparison(&mut self) -> Option<Test> {
        let left = self.operand()?;
        self.blanks();
        if self.take("=~") {
            self.blanks();
            return Some(Test::Matches(left, self.regex()?));
        }
        if self.take("in") {
            self.blanks();
            return Some(Test::In(left, self.literals()?));
        }
        const SIGNS: [(&str, Comparison); 6] = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        match SIGNS.iter().find(|(sign, _)| self.take(sign)) {
            Some((_, comparison)) => Some(Test::Compare(left, *comparison, self.operand()?)),
            None => Some(Test::Exists(left)),
        }
    }

    fn operand(&mut self) -> Option<Operand> {
        self.blanks();
        if self.take("@") {
            return Some(Operand::Path(false, self.path(false)?));
        }
        if self.take("$") {
            return Some(Operand::Path(true, self.path(false)?));
        }
        self.literal().map(Operand::Literal)
    }

    fn literal(&mut self) -> Option<Value> {
        if self.rest().starts_with(['\'', '"']) {
            return self.quoted().map(Value::text);
        }
        for (word, value) in
            [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)]
        {
            if self.take(word) {
                return Some(value);
            }
        }
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_digit() || "-+.eE".contains(c))).unwrap_or(rest.len());
        let text = rest.get(..end)?;
        let value = text.parse().map(Value::Int).or_else(|_| text.parse().map(Value::Float)).ok()?;
        self.at += end;
        Some(value)
    }

    fn literals(&mut self) -> Option<Vec<Value>> {
        if !self.take("[") {
            return None;
        }
        let mut values = Vec::new();
        loop {
            self.blanks();
            if self.take("]") {
                return Some(values);
            }
            values.push(self.literal()?);
            self.blanks();
            self.take(",");
        }
    }

    /// `/…/` with flags; a regular expression that matches all of a text, as Java's `matches` does.
    fn regex(&mut self) -> Option<Regex> {
        let rest = self.rest().strip_prefix('/')?;
        let end = rest
            .match_indices('/')
            .map(|(at, _)| at)
            .find(|at| !rest.get(..*at).is_some_and(|t| t.ends_with('\\')))?;
        let pattern = rest.get(..end)?;
        self.at += 1 + end + 1;
        let insensitive = self.take("i");
        regex::RegexBuilder::new(&format!("^(?:{pattern})$"))
            .case_insensitive(insensitive)
            .size_limit(EXPRESSION_BYTES)
            .build()
            .ok()
    }
}

/// For callers that have JSON as text: what a path leads to, as JSON; `None` when it leads nowhere.
#[must_use]
pub fn find_in(text: &str, path: &str) -> Option<String> {
    let root = crate::json::read(text)?;
    let found = Path::parse(path)?.find(&root)?;
    Some(match found {
        Value::Text(text) => Rc::<str>::clone(&text).to_string(),
        other => {
            let mut out = String::new();
            crate::json::write(&other, &mut out, usize::MAX, 0);
            out
        }
    })
}
