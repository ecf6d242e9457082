//! Runs the commands of a query over events, one event at a time as far as the commands allow.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::expr::{Expr, Scope};
use super::parse::{Command, Named};
use super::row::{Row, Source};
use super::stats::Groups;
use super::value::Val;

/// Rows of a result (StartQuery, API Reference).
pub(super) const MAX_ROWS: usize = 10_000;
/// Rows, and bytes of their messages, that are held before `sort`, `dedup` or the end; the best of them are kept.
const HELD_ROWS: usize = 100_000;
const HELD_BYTES: usize = 128 << 20;

/// A query at work.
pub(super) struct Run<'q> {
    /// Commands that look at one event at a time.
    first: &'q [Command],
    gather: Gather<'q>,
    rest: &'q [Command],
    now_ms: i64,
    pub(super) matched: u64,
}

enum Gather<'q> {
    Stats(Groups<'q>, &'q [Named]),
    Rows { rows: Vec<Row>, bytes: usize, keys: Vec<(Expr, bool)>, keep: usize },
}

/// A column's name and its text.
pub(super) type Cells = Vec<(String, String)>;

impl<'q> Run<'q> {
    /// `limit` is that of StartQuery, which a command `limit` overrides.
    pub(super) fn new(commands: &'q [Command], limit: usize, now_ms: i64) -> Self {
        let one_at_a_time = |command: &&Command| {
            matches!(
                command,
                Command::Fields(_) | Command::Display(_) | Command::Filter(_) | Command::Parse { .. }
            )
        };
        let first = commands.iter().take_while(one_at_a_time).count();
        let (first, after) = commands.split_at(first);
        let newest = vec![(Expr::Field("@timestamp".to_owned()), true)];
        let (gather, rest) = match after {
            [Command::Stats { aggregates, shown, by }, rest @ ..] => {
                (Gather::Stats(Groups::new(aggregates, by, now_ms), shown), rest)
            }
            [Command::Sort(keys), rest @ ..] => (Gather::rows(keys.clone(), keep(rest, limit)), rest),
            rest => (Gather::rows(newest, keep(rest, limit)), rest),
        };
        Self { first, gather, rest, now_ms, matched: 0 }
    }

    /// Takes one event.
    pub(super) fn take(&mut self, source: Source) {
        let mut row = Row { made: Vec::new(), event: Some(source) };
        if !self.first.iter().all(|command| step(command, &mut row, self.now_ms)) {
            return;
        }
        self.matched += 1;
        match &mut self.gather {
            Gather::Stats(groups, _) => groups.add(&row),
            Gather::Rows { rows, bytes, keys, keep } => {
                *bytes += row.event.as_ref().map_or(0, |source| source.event.message.len());
                rows.push(row);
                if rows.len() >= keep.saturating_mul(2).clamp(1000, HELD_ROWS) || *bytes > HELD_BYTES {
                    sort(rows, keys, self.now_ms);
                    let half = rows.len() / 2;
                    rows.truncate(if *bytes > HELD_BYTES { half.min(*keep) } else { *keep });
                    *bytes =
                        rows.iter().filter_map(|r| r.event.as_ref()).map(|s| s.event.message.len()).sum();
                }
            }
        }
    }

    /// The result.
    pub(super) fn finish(self, commands: &[Command], limit: usize) -> Vec<(Cells, Option<Source>)> {
        let now_ms = self.now_ms;
        let mut rows = match self.gather {
            Gather::Stats(groups, shown) => groups.finish(shown),
            Gather::Rows { mut rows, keys, .. } => {
                sort(&mut rows, &keys, now_ms);
                rows
            }
        };
        for command in self.rest {
            rows = whole(command, rows, now_ms);
        }
        let limited = commands.iter().any(|command| matches!(command, Command::Limit(_)));
        rows.truncate(if limited { MAX_ROWS } else { limit });
        let columns = columns(commands);
        rows.into_iter().map(|row| (cells(&row, &columns), row.event)).collect()
    }
}

impl Gather<'_> {
    fn rows(keys: Vec<(Expr, bool)>, keep: usize) -> Self {
        Self::Rows { rows: Vec::new(), bytes: 0, keys, keep }
    }
}

/// Rows that are enough for what follows.
fn keep(rest: &[Command], limit: usize) -> usize {
    match rest {
        [] => limit,
        [Command::Limit(n), ..] => *n,
        [Command::Fields(_) | Command::Display(_), rest @ ..] => keep(rest, limit),
        _ => HELD_ROWS / 2,
    }
}

/// One command for one row; `false` when the row is filtered out.
fn step(command: &Command, row: &mut Row, now_ms: i64) -> bool {
    let eval = |expr: &Expr, row: &Row| expr.eval(&Scope { row, aggregates: &[], now_ms });
    match command {
        Command::Filter(condition) => return eval(condition, row).is_true(),
        Command::Fields(list) | Command::Display(list) => {
            for named in list {
                if !matches!(&named.expr, Expr::Field(name) if *name == named.name) {
                    let value = eval(&named.expr, row);
                    row.made.push((named.name.clone(), value));
                }
            }
        }
        Command::Parse { from, regex, names } => {
            let text = eval(from, row).text();
            if let Some(captures) = regex.captures(&text) {
                for (at, name) in names.iter().enumerate() {
                    let found = captures.name(name).or_else(|| captures.get(at + 1));
                    let value = found.map_or(Val::Null, |found| Val::Text(found.as_str().to_owned()));
                    row.made.push((name.clone(), value));
                }
            }
        }
        Command::Stats { .. } | Command::Sort(_) | Command::Dedup(_) | Command::Limit(_) => {}
    }
    true
}

/// One command for all rows.
fn whole(command: &Command, mut rows: Vec<Row>, now_ms: i64) -> Vec<Row> {
    match command {
        Command::Stats { aggregates, shown, by } => {
            let mut groups = Groups::new(aggregates, by, now_ms);
            rows.iter().for_each(|row| groups.add(row));
            return groups.finish(shown);
        }
        Command::Sort(keys) => sort(&mut rows, keys, now_ms),
        Command::Limit(n) => rows.truncate(*n),
        Command::Dedup(fields) => {
            let mut seen = HashSet::new();
            rows.retain(|row| {
                let scope = Scope { row, aggregates: &[], now_ms };
                let key: Vec<Val> = fields.iter().map(|field| field.eval(&scope)).collect();
                // Rows without any of the fields are kept (User Guide, "dedup", of null values).
                key.contains(&Val::Null) || seen.insert(format!("{key:?}"))
            });
        }
        one => rows.retain_mut(|row| step(one, row, now_ms)),
    }
    rows
}

fn sort(rows: &mut [Row], keys: &[(Expr, bool)], now_ms: i64) {
    rows.sort_by_cached_key(|row| {
        let scope = Scope { row, aggregates: &[], now_ms };
        let values = keys.iter().map(|(expr, descending)| (expr.eval(&scope), *descending)).collect();
        let id = row.event.as_ref().map(|source| source.id);
        Key { values, id, descending: keys.first().is_some_and(|(_, descending)| *descending) }
    });
}

/// What rows are sorted by; events of the same rank in the order in which they came, or the reverse.
struct Key {
    values: Vec<(Val, bool)>,
    id: Option<crate::read::EventId>,
    descending: bool,
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let turned = |order: Ordering, descending| if descending { order.reverse() } else { order };
        for ((a, descending), (b, _)) in self.values.iter().zip(&other.values) {
            let order = turned(a.order(b), *descending);
            if order != Ordering::Equal {
                return order;
            }
        }
        turned(self.id.cmp(&other.id), self.descending)
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}

/// The columns of the result: those of the last `display`, or of `fields` and `parse`, or of `stats`; time and message
/// when the query names none (User Guide, "fields" and "display"; that `parse` adds its fields is reasoned).
fn columns(commands: &[Command]) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    let mut chosen = false;
    for command in commands {
        let names: Vec<String> = match command {
            Command::Display(list) => {
                columns.clear();
                chosen = true;
                list.iter().map(|named| named.name.clone()).collect()
            }
            Command::Stats { shown, by, .. } => {
                columns.clear();
                chosen = false;
                by.iter().chain(shown).map(|named| named.name.clone()).collect()
            }
            Command::Fields(list) if !chosen => list.iter().map(|named| named.name.clone()).collect(),
            Command::Parse { names, .. } if !chosen => names.clone(),
            _ => continue,
        };
        for name in names {
            if !columns.contains(&name) {
                columns.push(name);
            }
        }
    }
    if columns.is_empty() { vec!["@timestamp".to_owned(), "@message".to_owned()] } else { columns }
}

fn cells(row: &Row, columns: &[String]) -> Cells {
    columns.iter().filter_map(|name| Some((name.clone(), row.get(name).shown()?))).collect()
}
