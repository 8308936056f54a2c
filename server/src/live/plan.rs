//! From a bound query to what the engine keeps of it.

use std::sync::Arc;

use rowcast_engine::{
    datum::Codec,
    order::{Order, SortKey, is_equality_decided, is_order_decided},
    predicate::{Comparison, Predicate, is_case_decided},
    query::{QuerySpec, Source},
    run::Slice,
    schema::Schema,
    window::WindowSpec,
};

use crate::{
    database::catalog::TableMeta,
    query::{
        bound::{BoundFilter, BoundOp, BoundQuery, Literal},
        sql::containing,
    },
};

/// The query as the engine maintains it.
pub fn query_spec(query: &BoundQuery) -> QuerySpec {
    let schema = &query.table.schema;
    QuerySpec {
        identity: query.identity.as_str().into(),
        schema: Arc::clone(schema),
        predicate: predicate(&query.filter, &query.table),
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
        reread: !query.has_keyset() || !can_be_asked(&query.filter, query),
        sources: query
            .table
            .sources
            .iter()
            .map(|source| Source {
                schema: Arc::clone(&source.schema),
                predicate: Predicate::And(Vec::new()),
                columns: None,
            })
            .collect(),
    }
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

fn predicate(filter: &BoundFilter, table: &TableMeta) -> Predicate {
    let all = |parts: &[BoundFilter]| parts.iter().map(|part| predicate(part, table)).collect();
    match filter {
        BoundFilter::And(parts) => Predicate::And(all(parts)),
        BoundFilter::Or(parts) => Predicate::Or(all(parts)),
        BoundFilter::Not(part) => Predicate::Not(Box::new(predicate(part, table))),
        BoundFilter::Search(word) => search(word, table),
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
        BoundOp::IsNull => Predicate::IsNull(column),
        BoundOp::IsTrue => Predicate::Is(column, true),
        BoundOp::IsFalse => Predicate::Is(column, false),
    }
}
