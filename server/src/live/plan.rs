//! From a bound query to what the engine keeps of it.

use std::{ops::Range, sync::Arc};

use rowcast_engine::{
    datum::{Codec, Datum},
    order::{Order, SortKey, is_equality_decided, is_order_decided},
    predicate::{Comparison, Predicate, Truth, is_case_decided},
    query::{QuerySpec, Source},
    related::Reference,
    run::Slice,
    schema::{ColumnSchema, Schema},
    window::WindowSpec,
};

use crate::{
    database::catalog::{Join, TableMeta},
    query::{
        bound::{BoundFilter, BoundOp, BoundQuery, Literal},
        sql::containing,
    },
};

/// The query as the engine maintains it.
pub fn query_spec(query: &BoundQuery) -> QuerySpec {
    let schema = &query.table.schema;
    let filter = predicate(&query.filter, &query.table);
    // Where PostgreSQL were asked about a row it would judge at another moment.
    let is_asked_of_moments = filter.moves() && !filter.is_decided_here();
    QuerySpec {
        identity: if filter.moves() {
            // Its windows are read at moments of their own, so none is a part of another.
            format!("{}&{:?}", query.identity, window_spec(query)).into()
        } else {
            Arc::clone(&query.identity)
        },
        schema: Arc::clone(schema),
        predicate: filter,
        order: Order(
            query
                .order
                .iter()
                .map(|sort| SortKey {
                    column: sort.column,
                    descending: sort.descending,
                    nulls_first: sort.nulls_first,
                    asked: !is_order_decided(&schema.columns[sort.column]),
                })
                .collect(),
        ),
        reread: is_asked_of_moments
            || query.table.rules.is_some()
            || query.table.embedding.is_some()
            || !query.has_keyset()
            || !can_be_asked(&query.filter, query),
        sources: sources(query),
    }
}

/// The further tables that the query's lists are made of, and those by which the database decides
/// which rows its reader sees.
fn sources(query: &BoundQuery) -> Vec<Source> {
    let whole = |table: &TableMeta| Source {
        schema: Arc::clone(&table.schema),
        predicate: Predicate::And(Vec::new()),
        columns: None,
        shown_by: None,
    };
    let joins = query.table.joins();
    let own = query.table.sources.iter().map(|source| whole(source));
    if query.table.rules.is_none() {
        return own
            .chain(joins.iter().map(|join| source(join, query)))
            .collect();
    }
    let mut sources: Vec<Source> = own.collect();
    for join in joins {
        // Which of its rows are joined its own rules decide.
        sources.push(whole(&join.table));
        sources.extend(join.table.sources.iter().map(|source| whole(source)));
    }
    // What a function looks at, other rows of the table perhaps, is not known.
    if query.table.is_ruled_untold() {
        sources.push(whole(query.table.base()));
    }
    sources
}

/// The slice of the query that a client looks at.
pub fn window_spec(query: &BoundQuery) -> WindowSpec {
    WindowSpec {
        slice: Slice {
            offset: query.offset,
            limit: query.limit.into(),
        },
        select: query.select.as_slice().into(),
        aggregates: query.tallied().into(),
    }
}

/// Whether PostgreSQL can give the filter's verdict on a row's image: whether every value
/// that the filter looks at can be given back to it.
fn can_be_asked(filter: &BoundFilter, query: &BoundQuery) -> bool {
    match filter {
        BoundFilter::And(parts) | BoundFilter::Or(parts) => {
            parts.iter().all(|part| can_be_asked(part, query))
        }
        BoundFilter::Not(part) => can_be_asked(part, query),
        BoundFilter::Search(_) => true,
        BoundFilter::Test { column, op } => {
            matches!(op, BoundOp::IsNull) || query.table.columns[*column].has_text_form()
        }
    }
}

/// A table that the query's rows refer to: its changes concern the query if they change what
/// is looked at, of rows that the filter may let through.
fn source(join: &Join, query: &BoundQuery) -> Source {
    let mut columns: Vec<usize> = join.on.iter().map(|(_, to)| *to).collect();
    columns.extend(&join.columns);
    let nothing = vec![Datum::Null; join.table.columns.len()];
    let mut conditions = Vec::new();
    conjuncts(&query.filter, &mut conditions);
    let conditions = conditions
        .into_iter()
        .filter_map(|condition| within(condition, join))
        .map(|condition| predicate(&condition, &join.table))
        .filter(|condition| {
            // A row of nothing but NULLs stands for one that is not there.
            matches!(
                condition.evaluate(&join.table.schema.columns, &nothing),
                Truth::False | Truth::Null
            )
        });
    Source {
        schema: Arc::clone(&join.table.schema),
        predicate: Predicate::And(conditions.collect()),
        columns: Some(columns.into()),
        shown_by: shown_by(join, query),
    }
}

/// How a list tells whether it shows a row of the joined table, where that is all that the row
/// is looked at for.
fn shown_by(join: &Join, query: &BoundQuery) -> Option<Reference> {
    let columns = join.first..join.first + join.columns.len();
    let decides = is_tested(&query.filter, &columns)
        || query
            .order
            .iter()
            .any(|sort| columns.contains(&sort.column));
    let own = &query.table.schema.columns;
    let theirs = &join.table.schema.columns;
    let is_written_alike = |column: &ColumnSchema| match column.codec {
        Codec::Int2 | Codec::Int4 | Codec::Int8 | Codec::Uuid => true,
        Codec::Text => is_equality_decided(column),
        _ => false,
    };
    let mut on = join.on.iter();
    let comparable =
        on.all(|(from, to)| is_written_alike(&own[*from]) && is_written_alike(&theirs[*to]));
    (!decides && comparable).then(|| Reference {
        on: join.on.as_slice().into(),
        columns,
    })
}

fn is_tested(filter: &BoundFilter, columns: &Range<usize>) -> bool {
    match filter {
        BoundFilter::And(parts) | BoundFilter::Or(parts) => {
            parts.iter().any(|part| is_tested(part, columns))
        }
        BoundFilter::Not(part) => is_tested(part, columns),
        BoundFilter::Search(_) => false,
        BoundFilter::Test { column, .. } => columns.contains(column),
    }
}

fn conjuncts<'a>(filter: &'a BoundFilter, found: &mut Vec<&'a BoundFilter>) {
    match filter {
        BoundFilter::And(parts) => parts.iter().for_each(|part| conjuncts(part, found)),
        other => found.push(other),
    }
}

/// The condition as one of the joined table's rows, if it looks at nothing else.
fn within(filter: &BoundFilter, join: &Join) -> Option<BoundFilter> {
    let all = |parts: &[BoundFilter]| -> Option<Vec<BoundFilter>> {
        parts.iter().map(|part| within(part, join)).collect()
    };
    Some(match filter {
        BoundFilter::And(parts) => BoundFilter::And(all(parts)?),
        BoundFilter::Or(parts) => BoundFilter::Or(all(parts)?),
        BoundFilter::Not(part) => BoundFilter::Not(Box::new(within(part, join)?)),
        BoundFilter::Search(_) => return None,
        BoundFilter::Test { column, op } => BoundFilter::Test {
            column: *join.columns.get(column.checked_sub(join.first)?)?,
            op: op.clone(),
        },
    })
}

fn predicate(filter: &BoundFilter, table: &TableMeta) -> Predicate {
    let all = |parts: &[BoundFilter]| parts.iter().map(|part| predicate(part, table)).collect();
    match filter {
        BoundFilter::And(parts) => Predicate::And(all(parts)),
        BoundFilter::Or(parts) => Predicate::Or(all(parts)),
        BoundFilter::Not(part) => Predicate::Not(Box::new(predicate(part, table))),
        BoundFilter::Search(word) => search(word, table),
        // The table's own images do not hold it.
        BoundFilter::Test { column, op } if table.columns[*column].is_embedded() => match op {
            BoundOp::Moving(_) => Predicate::AskedOfMoments,
            _ => Predicate::Asked,
        },
        BoundFilter::Test { column, op } => test(*column, op, &table.schema),
    }
}

/// The word in any text column, as `search_sql` has it.
fn search(word: &str, table: &TableMeta) -> Predicate {
    let pattern = containing(word);
    let columns = table.searched().map(|column| {
        if is_case_decided(&table.schema.columns[column], &pattern) {
            Predicate::Like {
                column,
                pattern: pattern.to_ascii_lowercase(),
                ignores_case: true,
            }
        } else {
            Predicate::Asked
        }
    });
    Predicate::Or(columns.collect())
}

fn test(column: usize, op: &BoundOp, schema: &Schema) -> Predicate {
    let of = &schema.columns[column];
    let compare = |comparison, literal: &Literal| {
        let decided = match comparison {
            Comparison::Equal | Comparison::NotEqual => is_equality_decided(of),
            _ => is_order_decided(of),
        };
        if decided {
            Predicate::Compare {
                column,
                comparison,
                value: literal.datum.clone(),
            }
        } else {
            Predicate::Asked
        }
    };
    match op {
        BoundOp::Eq(literal) => compare(Comparison::Equal, literal),
        BoundOp::Neq(literal) => compare(Comparison::NotEqual, literal),
        BoundOp::Gt(literal) => compare(Comparison::Greater, literal),
        BoundOp::Gte(literal) => compare(Comparison::GreaterOrEqual, literal),
        BoundOp::Lt(literal) => compare(Comparison::Less, literal),
        BoundOp::Lte(literal) => compare(Comparison::LessOrEqual, literal),
        BoundOp::In(literals) if is_equality_decided(of) => Predicate::In {
            column,
            values: literals
                .iter()
                .map(|literal| literal.datum.clone())
                .collect(),
        },
        // Under a deterministic collation LIKE compares characters; padded text is trimmed
        // by some of PostgreSQL's operators and not by others.
        BoundOp::Like(pattern) if matches!(of.codec, Codec::Text) && is_equality_decided(of) => {
            Predicate::Like {
                column,
                pattern: pattern.clone(),
                ignores_case: false,
            }
        }
        BoundOp::Ilike(pattern)
            if matches!(of.codec, Codec::Text) && is_case_decided(of, pattern) =>
        {
            Predicate::Like {
                column,
                pattern: pattern.to_ascii_lowercase(),
                ignores_case: true,
            }
        }
        BoundOp::In(_) | BoundOp::Like(_) | BoundOp::Ilike(_) => Predicate::Asked,
        BoundOp::Moving(moving) => Predicate::Moving {
            column,
            moving: *moving,
        },
        BoundOp::IsNull => Predicate::IsNull(column),
        BoundOp::IsTrue => Predicate::Is(column, true),
        BoundOp::IsFalse => Predicate::Is(column, false),
    }
}
