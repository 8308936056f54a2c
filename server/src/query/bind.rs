//! Binding a query to a table: names become positions, texts become values.

mod aggregates;
mod embed;
mod values;

use std::{collections::HashSet, slice, sync::Arc};

use rowcast_engine::moving::{Moving, MovingComparison};
use rowcast_protocol::{
    ApiError,
    query::{Filter, Is, Operator, OrderBy, Query, Relative, Selected, Test, like_pattern},
};
use sqlx::{AssertSqlSafe, PgPool};

pub use self::embed::{foreign_key as embedded_key, unknown as unknown_relation};
use self::{
    aggregates::bind_aggregates,
    embed::embed,
    values::{Wanted, is_unsure, resolve},
};
use super::{
    bound::{BoundFilter, BoundOp, BoundQuery, BoundSort, Literal, identity},
    moving::{distance, is_of_time},
};
use crate::{
    database::catalog::{Catalog, ColumnMeta, Join, TableMeta},
    error::{Fault, fault, read_error},
};

/// Binds `query` to `table`.
///
/// Every value is read by PostgreSQL's own input function of its column's type (at once for
/// all of them), unless it is plain what that would say. So `today`, `1e3` or `yes` mean what
/// they mean in SQL, at the time of binding.
///
/// # Errors
/// Those of [`Query::check`]; `unknown_relation`, `ambiguous_relation` and `invalid_select`;
/// `invalid_value`, `invalid_operator`, `invalid_order` and `invalid_aggregate`, whose messages
/// name the part of the query; `database_unavailable`.
pub async fn bind(
    catalog: &Catalog,
    pool: &PgPool,
    table: Arc<TableMeta>,
    query: &Query,
) -> Result<BoundQuery, ApiError> {
    let table = embed(catalog, table, query).await?;
    query.check(&table.table)?;
    let order = bind_order(&table, &query.order)?;
    check_order(pool, &table, &order).await?;
    let mut wanted = Vec::new();
    for filter in &query.filter {
        collect(&table, filter, &mut wanted)?;
    }
    let mut literals = resolve(pool, &table, &wanted).await?.into_iter();
    let mut filters = Vec::with_capacity(query.filter.len());
    for filter in &query.filter {
        filters.push(build(&table, filter, &mut literals)?);
    }
    let mut words: Vec<&str> = Vec::new();
    for word in query.search.iter().flat_map(|text| text.split_whitespace()) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    filters.extend(
        words
            .into_iter()
            .map(|word| BoundFilter::Search(word.to_owned())),
    );
    let filter = BoundFilter::And(filters);
    let select = select(&table, query)?;
    let aggregates = bind_aggregates(pool, &table, &query.aggregates).await?;
    Ok(BoundQuery {
        identity: identity(&table, &filter, &order).into(),
        filter,
        order,
        limit: query.limit,
        offset: query.offset,
        select,
        aggregates,
        table,
    })
}

/// Positions of what is shown, each once.
fn select(table: &TableMeta, query: &Query) -> Result<Vec<usize>, ApiError> {
    let own = 0..table.base().columns.len();
    let Some(selected) = &query.select else {
        return Ok(own.collect());
    };
    let mut joins = table.joins().iter();
    let mut positions = Vec::with_capacity(table.columns.len());
    for selected in selected {
        match selected {
            Selected::All => positions.extend(own.clone()),
            Selected::Column(name) => positions.push(position(table, name)?),
            // There is a join for each, in the same order.
            Selected::Embed(_) => {
                positions.extend(joins.next().into_iter().flat_map(Join::shown_positions));
            }
        }
    }
    let mut known = HashSet::new();
    positions.retain(|position| known.insert(*position));
    Ok(positions)
}

fn position(table: &TableMeta, name: &str) -> Result<usize, ApiError> {
    table
        .table
        .column(name)
        .map(|(position, _)| position)
        .ok_or_else(|| {
            ApiError::new(
                "unknown_column",
                format!("the table has no column \"{name}\""),
                "",
            )
        })
}

fn bind_order(table: &TableMeta, order: &[OrderBy]) -> Result<Vec<BoundSort>, ApiError> {
    let mut sorts: Vec<BoundSort> = Vec::new();
    let asked = order.iter().map(|by| {
        Ok(BoundSort {
            column: position(table, &by.column)?,
            descending: by.descending,
            nulls_first: by.nulls_first,
        })
    });
    let key = table.key.iter().map(|column| {
        Ok(BoundSort {
            column: *column,
            descending: false,
            nulls_first: false,
        })
    });
    for sort in asked.chain(key) {
        let sort = sort?;
        let sorted = |column: &usize| sorts.iter().any(|sort| sort.column == *column);
        let decided = table.has_key() && table.key.iter().all(sorted);
        if !decided && !sorted(&sort.column) {
            // Where there are no NULLs both places mean the same.
            let nullable = table.columns[sort.column].nullable;
            sorts.push(BoundSort {
                nulls_first: if nullable {
                    sort.nulls_first
                } else {
                    sort.descending
                },
                ..sort
            });
        }
    }
    Ok(sorts)
}

/// Asks whether the types that are not known to be sortable are.
async fn check_order(
    pool: &PgPool,
    table: &TableMeta,
    order: &[BoundSort],
) -> Result<(), ApiError> {
    for sort in order {
        let column = &table.columns[sort.column];
        if !is_unsure(&column.codec) {
            continue;
        }
        let sql = format!(
            "SELECT count(*) FROM (SELECT NULL::{} AS value ORDER BY 1) AS sorted",
            column.sql_type
        );
        if let Err(error) = sqlx::query(AssertSqlSafe(sql)).execute(pool).await {
            return Err(match fault(&error) {
                Fault::Operator => ApiError::new(
                    "invalid_order",
                    format!(
                        "order={}: values of this column's type have no order",
                        column.name
                    ),
                    "sort by another column",
                ),
                _ => read_error(&error, &table.table.path()),
            });
        }
    }
    Ok(())
}

/// Lists the values of a condition, in the order in which [`build`] takes them.
fn collect<'a>(
    table: &'a TableMeta,
    filter: &'a Filter,
    wanted: &mut Vec<Wanted<'a>>,
) -> Result<(), ApiError> {
    match filter {
        Filter::And { of, .. } | Filter::Or { of, .. } => {
            for part in of {
                collect(table, part, wanted)?;
            }
        }
        Filter::Test(test) => {
            let column = &table.columns[position(table, &test.column)?];
            if moving(column, test)?.is_some() {
                return Ok(());
            }
            let (operator, symbol, texts): (_, _, &[String]) = match &test.operator {
                Operator::Eq(text) => ("eq", "=", slice::from_ref(text)),
                Operator::Neq(text) => ("neq", "<>", slice::from_ref(text)),
                Operator::Gt(text) => ("gt", ">", slice::from_ref(text)),
                Operator::Gte(text) => ("gte", ">=", slice::from_ref(text)),
                Operator::Lt(text) => ("lt", "<", slice::from_ref(text)),
                Operator::Lte(text) => ("lte", "<=", slice::from_ref(text)),
                Operator::In(texts) => ("in", "=", texts),
                Operator::Like(_) | Operator::Ilike(_) | Operator::Is(_) => return Ok(()),
            };
            wanted.extend(texts.iter().map(|text| Wanted {
                column,
                operator,
                symbol,
                text,
            }));
        }
    }
    Ok(())
}

fn build(
    table: &TableMeta,
    filter: &Filter,
    literals: &mut std::vec::IntoIter<Literal>,
) -> Result<BoundFilter, ApiError> {
    let (negated, bound) = match filter {
        Filter::And { negated, of } => {
            let parts = of.iter().map(|part| build(table, part, literals));
            (*negated, BoundFilter::And(parts.collect::<Result<_, _>>()?))
        }
        Filter::Or { negated, of } => {
            let parts = of.iter().map(|part| build(table, part, literals));
            (*negated, BoundFilter::Or(parts.collect::<Result<_, _>>()?))
        }
        Filter::Test(test) => (test.negated, build_test(table, test, literals)?),
    };
    Ok(if negated {
        BoundFilter::Not(Box::new(bound))
    } else {
        bound
    })
}

fn build_test(
    table: &TableMeta,
    test: &Test,
    literals: &mut std::vec::IntoIter<Literal>,
) -> Result<BoundFilter, ApiError> {
    let column = position(table, &test.column)?;
    if let Some(moving) = moving(&table.columns[column], test)? {
        let op = BoundOp::Moving(moving);
        return Ok(BoundFilter::Test { column, op });
    }
    // `collect` listed a literal for each of these, so there is one to take.
    let mut next = || literals.next().ok_or_else(crate::error::internal);
    let op = match &test.operator {
        Operator::Eq(_) => BoundOp::Eq(next()?),
        Operator::Neq(_) => BoundOp::Neq(next()?),
        Operator::Gt(_) => BoundOp::Gt(next()?),
        Operator::Gte(_) => BoundOp::Gte(next()?),
        Operator::Lt(_) => BoundOp::Lt(next()?),
        Operator::Lte(_) => BoundOp::Lte(next()?),
        Operator::In(texts) => BoundOp::In(texts.iter().map(|_| next()).collect::<Result<_, _>>()?),
        Operator::Like(pattern) => BoundOp::Like(pattern_of(test, pattern)?),
        Operator::Ilike(pattern) => BoundOp::Ilike(pattern_of(test, pattern)?),
        Operator::Is(Is::Null) => BoundOp::IsNull,
        Operator::Is(Is::True) => BoundOp::IsTrue,
        Operator::Is(Is::False) => BoundOp::IsFalse,
    };
    Ok(BoundFilter::Test { column, op })
}

/// The comparison with a moving time that a test is; `None` if it is none.
fn moving(column: &ColumnMeta, test: &Test) -> Result<Option<Moving>, ApiError> {
    if !is_of_time(&column.codec) {
        return Ok(None);
    }
    let (comparison, texts) = match &test.operator {
        Operator::Gt(text) => (Some(MovingComparison::Greater), slice::from_ref(text)),
        Operator::Gte(text) => (
            Some(MovingComparison::GreaterOrEqual),
            slice::from_ref(text),
        ),
        Operator::Lt(text) => (Some(MovingComparison::Less), slice::from_ref(text)),
        Operator::Lte(text) => (Some(MovingComparison::LessOrEqual), slice::from_ref(text)),
        Operator::Eq(text) | Operator::Neq(text) => (None, slice::from_ref(text)),
        Operator::In(texts) => (None, texts.as_slice()),
        Operator::Like(_) | Operator::Ilike(_) | Operator::Is(_) => return Ok(None),
    };
    for text in texts {
        let invalid = |reason: String| {
            ApiError::new(
                "invalid_value",
                format!("{}: \"{text}\": {reason}", column.name),
                "a time relative to now is written such as gte.now-15m; of a date, gte.now-7d",
            )
        };
        let Some(relative) = Relative::parse(text) else {
            continue;
        };
        let relative = relative.map_err(|reason| invalid(reason.to_string()))?;
        match comparison {
            Some(comparison) => {
                let distance = distance(&column.codec, relative)
                    .map_err(|reason| invalid(reason.to_string()))?;
                return Ok(Some(Moving {
                    comparison,
                    distance,
                }));
            }
            // For PostgreSQL's own input: the moment of binding.
            None if text == "now" => {}
            None => {
                let allowed = "a time relative to now is compared by gt, gte, lt and lte";
                return Err(invalid(allowed.to_owned()));
            }
        }
    }
    Ok(None)
}

fn pattern_of(test: &Test, pattern: &str) -> Result<String, ApiError> {
    let pattern = like_pattern(pattern);
    if pattern.contains('\0') {
        return Err(ApiError::new(
            "invalid_value",
            format!("{}: text can't hold a NUL character", test.column),
            "",
        ));
    }
    Ok(pattern)
}
