use std::collections::{HashMap, HashSet};

use super::expr::{Expr, Scope};
use super::parse::Named;
use super::row::Row;
use super::value::Val;

/// Groups of one `stats`; events of further ones are left out, and the query says so by its statistics.
const MAX_GROUPS: usize = 10_000;
/// Values that percentiles and distinct counts of one query keep.
const MAX_VALUES: usize = 2_000_000;

/// CloudWatch Logs User Guide, "stats": aggregation and non-aggregation functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AggregateKind {
    Count,
    CountDistinct,
    Sum,
    Average,
    Min,
    Max,
    Percentile,
    Deviation,
    Earliest,
    Latest,
    SortsFirst,
    SortsLast,
}

impl AggregateKind {
    pub(super) fn find(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "count" => Self::Count,
            "count_distinct" => Self::CountDistinct,
            "sum" => Self::Sum,
            "avg" => Self::Average,
            "min" => Self::Min,
            "max" => Self::Max,
            "pct" | "percentile" => Self::Percentile,
            "stddev" => Self::Deviation,
            "earliest" => Self::Earliest,
            "latest" => Self::Latest,
            "sortsfirst" => Self::SortsFirst,
            "sortslast" => Self::SortsLast,
            _ => return None,
        })
    }
}

/// One aggregation: of every row without an expression.
#[derive(Clone, Debug)]
pub(super) struct Aggregate {
    pub(super) kind: AggregateKind,
    pub(super) of: Option<Expr>,
    pub(super) parameter: f64,
}

#[derive(Clone, Debug)]
enum State {
    Count(u64),
    Distinct(HashSet<String>),
    /// Count, sum, sum of squares.
    Sums(u64, f64, f64),
    Best(Option<Val>),
    /// The row's time, and the value.
    At(Option<(f64, Val)>),
    Values(Vec<f64>),
}

/// Rows gathered by the values of the `by` expressions, in the order in which these came.
pub(super) struct Groups<'q> {
    aggregates: &'q [Aggregate],
    by: &'q [Named],
    places: HashMap<Vec<String>, usize>,
    groups: Vec<(Vec<Val>, Vec<State>)>,
    kept: usize,
    now_ms: i64,
}

impl<'q> Groups<'q> {
    pub(super) fn new(aggregates: &'q [Aggregate], by: &'q [Named], now_ms: i64) -> Self {
        Self { aggregates, by, places: HashMap::new(), groups: Vec::new(), kept: 0, now_ms }
    }

    pub(super) fn add(&mut self, row: &Row) {
        let scope = Scope { row, aggregates: &[], now_ms: self.now_ms };
        let by: Vec<Val> = self.by.iter().map(|named| named.expr.eval(&scope)).collect();
        let key: Vec<String> = by.iter().map(|value| format!("{value:?}")).collect();
        let place = match self.places.get(&key) {
            Some(place) => *place,
            None if self.groups.len() >= MAX_GROUPS => return,
            None => {
                self.groups.push((by, self.aggregates.iter().map(begin).collect()));
                self.places.insert(key, self.groups.len() - 1);
                self.groups.len() - 1
            }
        };
        let Some((_, states)) = self.groups.get_mut(place) else { return };
        for (aggregate, state) in self.aggregates.iter().zip(states) {
            let value = aggregate.of.as_ref().map(|of| of.eval(&scope));
            if value != Some(Val::Null) {
                take(aggregate, state, value, row, &mut self.kept);
            }
        }
    }

    /// A row for each group: the `by` columns, then what is shown.
    pub(super) fn finish(mut self, shown: &[Named]) -> Vec<Row> {
        // Without `by` there is always one row.
        if self.groups.is_empty() && self.by.is_empty() {
            self.groups.push((Vec::new(), self.aggregates.iter().map(begin).collect()));
        }
        let (aggregates, now_ms, by) = (self.aggregates, self.now_ms, self.by);
        let rows = self.groups.into_iter().map(|(values, states)| {
            let results: Vec<Val> =
                aggregates.iter().zip(states).map(|(aggregate, state)| result(aggregate, state)).collect();
            let names = by.iter().map(|named| named.name.clone());
            let mut row = Row { made: names.zip(values).collect(), event: None };
            let shown: Vec<(String, Val)> = shown
                .iter()
                .map(|named| {
                    let scope = Scope { row: &row, aggregates: &results, now_ms };
                    (named.name.clone(), named.expr.eval(&scope))
                })
                .collect();
            row.made.extend(shown);
            row
        });
        rows.collect()
    }
}

fn begin(aggregate: &Aggregate) -> State {
    match aggregate.kind {
        AggregateKind::Count => State::Count(0),
        AggregateKind::CountDistinct => State::Distinct(HashSet::new()),
        AggregateKind::Sum | AggregateKind::Average | AggregateKind::Deviation => State::Sums(0, 0.0, 0.0),
        AggregateKind::Min | AggregateKind::Max | AggregateKind::SortsFirst | AggregateKind::SortsLast => {
            State::Best(None)
        }
        AggregateKind::Earliest | AggregateKind::Latest => State::At(None),
        AggregateKind::Percentile => State::Values(Vec::new()),
    }
}

fn take(aggregate: &Aggregate, state: &mut State, value: Option<Val>, row: &Row, kept: &mut usize) {
    let value = value.unwrap_or(Val::Null);
    match state {
        State::Count(count) => *count += 1,
        State::Distinct(seen) if *kept < MAX_VALUES => *kept += usize::from(seen.insert(value.text())),
        State::Sums(count, sum, squares) => {
            if let Some(n) = value.number() {
                *count += 1;
                *sum += n;
                *squares += n * n;
            }
        }
        State::Best(best) => {
            let numeric = matches!(aggregate.kind, AggregateKind::Min | AggregateKind::Max);
            let low = matches!(aggregate.kind, AggregateKind::Min | AggregateKind::SortsFirst);
            if numeric && value.number().is_none() {
                return;
            }
            let better = best.as_ref().is_none_or(|best| match low {
                true => value.order(best).is_lt(),
                false => value.order(best).is_gt(),
            });
            if better {
                *best = Some(value);
            }
        }
        State::At(found) => {
            let time = row.get("@timestamp").number().unwrap_or_default();
            let early = aggregate.kind == AggregateKind::Earliest;
            if found.as_ref().is_none_or(|(at, _)| if early { time < *at } else { time >= *at }) {
                *found = Some((time, value));
            }
        }
        State::Values(values) if *kept < MAX_VALUES => {
            if let Some(n) = value.number() {
                *kept += 1;
                values.push(n);
            }
        }
        State::Distinct(_) | State::Values(_) => {}
    }
}

fn result(aggregate: &Aggregate, state: State) -> Val {
    match state {
        State::Count(count) => Val::Num(count as f64),
        State::Distinct(seen) => Val::Num(seen.len() as f64),
        State::Sums(0, ..) => match aggregate.kind {
            AggregateKind::Sum => Val::Num(0.0),
            _ => Val::Null,
        },
        State::Sums(count, sum, squares) => {
            let count = count as f64;
            let mean = sum / count;
            Val::Num(match aggregate.kind {
                AggregateKind::Sum => sum,
                AggregateKind::Average => mean,
                // Of the population; the guide does not say which.
                _ => (squares / count - mean * mean).max(0.0).sqrt(),
            })
        }
        State::Best(best) => best.unwrap_or(Val::Null),
        State::At(found) => found.map_or(Val::Null, |(_, value)| value),
        State::Values(mut values) => {
            values.sort_by(f64::total_cmp);
            // Nearest rank; AWS's are approximate (User Guide).
            let rank = (aggregate.parameter / 100.0 * values.len() as f64).ceil() as usize;
            values.get(rank.max(1) - 1).map_or(Val::Null, |n| Val::Num(*n))
        }
    }
}
