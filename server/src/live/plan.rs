//! From a bound query to what the engine keeps of it.

use std::sync::Arc;

use rowcast_engine::{
    datum::Codec,
    order::{Order, SortKey, is_equality_decided, is_order_decided},
    predicate::{Comparison, Predicate},
    query::QuerySpec,
    run::Slice,
    schema::Schema,
    window::WindowSpec,
};

use crate::query::bound::{BoundFilter, BoundOp, BoundQuery, Literal};

/// The query as the engine maintains it.
pub fn query_spec(query: &BoundQuery) -> QuerySpec {
    let schema = &query.table.schema;
    QuerySpec {
        identity: query.identity.as_str().into(),
        schema: Arc::clone(schema),
        predicate: predicate(&query.filter, schema),
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
        sources: Vec::new(),
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

fn predicate(filter: &BoundFilter, schema: &Schema) -> Predicate {
    let all = |parts: &[BoundFilter]| parts.iter().map(|part| predicate(part, schema)).collect();
    match filter {
        BoundFilter::And(parts) => Predicate::And(all(parts)),
        BoundFilter::Or(parts) => Predicate::Or(all(parts)),
        BoundFilter::Not(part) => Predicate::Not(Box::new(predicate(part, schema))),
        BoundFilter::Search(_) => Predicate::Asked,
        BoundFilter::Test { column, op } => test(*column, op, schema),
    }
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
            }
        }
        BoundOp::In(_) | BoundOp::Like(_) | BoundOp::Ilike(_) => Predicate::Asked,
        BoundOp::IsNull => Predicate::IsNull(column),
        BoundOp::IsTrue => Predicate::Is(column, true),
        BoundOp::IsFalse => Predicate::Is(column, false),
    }
}
