//! Comparisons with a time that moves with the database's clock, as SQL.
//!
//! What such a comparison says of a row changes once at most, when the moving time reaches the
//! row's. So of all rows that it has not reached yet the nearest one tells when the query's rows
//! are next others, and until then nothing has to be looked at.

use rowcast_engine::{
    datum::Codec,
    moving::{Distance, Moving, MovingComparison},
};
use rowcast_protocol::query::Relative;

use super::{
    bound::{BoundFilter, BoundOp},
    sql::{Params, where_sql},
};
use crate::database::catalog::{ColumnMeta, TableMeta};

/// Why a column can't be compared with a relative time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a date is compared with days and weeks from now, such as now-7d")]
pub struct NotWholeDays;

/// Whether columns of this type hold moments or days.
pub fn is_of_time(codec: &Codec) -> bool {
    matches!(codec, Codec::TimestampTz | Codec::Timestamp | Codec::Date)
}

/// The distance as a column of such a type takes it.
///
/// # Errors
/// If the column counts days and the distance does not.
pub fn distance(codec: &Codec, relative: Relative) -> Result<Distance, NotWholeDays> {
    match codec {
        Codec::Date => relative.days().map(Distance::Days).ok_or(NotWholeDays),
        _ => Ok(Distance::Seconds(relative.seconds())),
    }
}

/// The comparison as the grammar writes it.
pub fn word(comparison: MovingComparison) -> &'static str {
    match comparison {
        MovingComparison::Greater => "gt",
        MovingComparison::GreaterOrEqual => "gte",
        MovingComparison::Less => "lt",
        MovingComparison::LessOrEqual => "lte",
    }
}

/// The comparison, at the statement's beginning.
pub fn moving_sql(moving: Moving, column: &ColumnMeta, alias: &str, params: &mut Params) -> String {
    let symbol = match moving.comparison {
        MovingComparison::Greater => ">",
        MovingComparison::GreaterOrEqual => ">=",
        MovingComparison::Less => "<",
        MovingComparison::LessOrEqual => "<=",
    };
    format!(
        "({} OPERATOR(pg_catalog.{symbol}) {})",
        column.value(alias),
        time_sql(moving, column, params)
    )
}

/// The time that is compared with.
fn time_sql(moving: Moving, column: &ColumnMeta, params: &mut Params) -> String {
    match moving.distance {
        Distance::Days(days) => {
            let days = params.push(days.to_string());
            format!("({UTC}::pg_catalog.date OPERATOR(pg_catalog.+) {days}::int4)")
        }
        Distance::Seconds(seconds) => {
            let now = match column.codec {
                Codec::TimestampTz => NOW,
                _ => UTC,
            };
            let distance = distance_sql(seconds, params);
            format!("({now} OPERATOR(pg_catalog.+) {distance})")
        }
    }
}

/// Not as an interval's text: PostgreSQL 14 reads none of more than 2³¹ seconds.
fn distance_sql(seconds: i64, params: &mut Params) -> String {
    let seconds = params.push(seconds.to_string());
    format!("pg_catalog.make_interval(secs => {seconds}::float8)")
}

/// The moment at which a comparison next turns for a row of which `others` holds: microseconds
/// since 1970, or NULL. As [`Moving::turns_for`] says of one value.
fn turn_sql(
    moving: Moving,
    table: &TableMeta,
    column: &ColumnMeta,
    others: &BoundFilter,
    params: &mut Params,
) -> String {
    let turns_at = moving.comparison.turns_at();
    let value = column.value("t");
    let ahead = if turns_at { ">" } else { ">=" };
    let time = time_sql(moving, column, params);
    let others = where_sql(table, others, "t", params);
    let (turn, later) = match moving.distance {
        Distance::Days(days) => {
            let days = params.push((days - i64::from(!turns_at)).to_string());
            let day = format!("(min({value}) OPERATOR(pg_catalog.-) {days}::int4)");
            (format!("{day}::pg_catalog.timestamp"), 0)
        }
        Distance::Seconds(seconds) => {
            let distance = distance_sql(seconds, params);
            let turn = format!("(min({value}) OPERATOR(pg_catalog.-) {distance})");
            (turn, i64::from(!turns_at))
        }
    };
    let r#type = match column.codec {
        Codec::Date => "date",
        Codec::TimestampTz => "timestamptz",
        _ => "timestamp",
    };
    format!(
        "(SELECT (extract(epoch FROM {turn}) * 1000000)::int8 + {later} FROM {} \
         WHERE {value} OPERATOR(pg_catalog.{ahead}) {time} \
           AND {value} OPERATOR(pg_catalog.<) '{NEVER}'::pg_catalog.{type} AND {others})",
        table.from_sql("t")
    )
}

/// A time that no list lives to see, infinity included. Beyond it the distance to a moving time
/// may be more than its type holds, and microseconds since 1970 more than 64 bits.
const NEVER: &str = "200000-01-01";

/// The statement's beginning, by the database's clock.
const NOW: &str = "pg_catalog.statement_timestamp()";

/// The same in UTC, without a zone.
const UTC: &str = "pg_catalog.timezone('UTC', pg_catalog.statement_timestamp())";

/// Whether what the filter says depends on the moment.
pub fn moves(filter: &BoundFilter) -> bool {
    !terms(filter).is_empty()
}

/// Expressions for the moment that the statement's moving times are of, for the moment of its
/// filter's next turn, and for the clock after whatever stands before them: all microseconds
/// since 1970, and all NULL if nothing moves.
pub fn clock_sql(table: &TableMeta, filter: &BoundFilter, params: &mut Params) -> [String; 3] {
    let terms = terms(filter);
    if terms.is_empty() {
        return [(); 3].map(|()| "NULL::int8".to_owned());
    }
    // A row for which another part of the whole is false stays out whatever turns.
    let parts = match filter {
        BoundFilter::And(parts) => parts.as_slice(),
        whole => std::slice::from_ref(whole),
    };
    let others = parts.iter().filter(|part| !moves(part)).cloned().collect();
    let others = BoundFilter::And(others);
    let turns: Vec<String> = terms
        .into_iter()
        .map(|(column, moving)| turn_sql(moving, table, &table.columns[column], &others, params))
        .collect();
    let microseconds = |moment: &str| format!("(extract(epoch FROM {moment}) * 1000000)::int8");
    [
        microseconds(NOW),
        format!("LEAST({})", turns.join(", ")),
        microseconds("pg_catalog.clock_timestamp()"),
    ]
}

/// The moving comparisons in a filter, each with its column.
fn terms(filter: &BoundFilter) -> Vec<(usize, Moving)> {
    match filter {
        BoundFilter::And(parts) | BoundFilter::Or(parts) => parts.iter().flat_map(terms).collect(),
        BoundFilter::Not(part) => terms(part),
        BoundFilter::Test {
            column,
            op: BoundOp::Moving(moving),
        } => vec![(*column, *moving)],
        BoundFilter::Test { .. } | BoundFilter::Search(_) => Vec::new(),
    }
}
