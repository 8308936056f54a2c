//! Binding a query's aggregates.

use rowcast_engine::{datum::Codec, tally::Aggregate};
use rowcast_protocol::{
    ApiError,
    query::{self, Function},
};
use sqlx::{AssertSqlSafe, PgPool};

use super::{position, values::is_unsure};
use crate::{
    database::catalog::{ColumnMeta, TableMeta},
    error::{Fault, fault, read_error},
    query::{aggregate::function_sql, bound::BoundAggregate},
};

/// Finds the columns, and asks whether the types that are not known to have the function do.
pub async fn bind_aggregates(
    pool: &PgPool,
    table: &TableMeta,
    aggregates: &[query::Aggregate],
) -> Result<Vec<BoundAggregate>, ApiError> {
    let mut bound = Vec::with_capacity(aggregates.len());
    for aggregate in aggregates {
        let column = position(table, &aggregate.column)?;
        let of = Aggregate {
            function: aggregate.function,
            column,
        };
        let meta = &table.columns[column];
        if may_lack(meta, aggregate.function) {
            let null = format!("NULL::{}", meta.sql_type);
            let sql = format!("SELECT {}", function_sql(meta, aggregate.function, &null));
            if let Err(error) = sqlx::query(AssertSqlSafe(sql)).execute(pool).await {
                return Err(match fault(&error) {
                    Fault::Operator => aggregate.refused(
                        &table.table.columns[column],
                        "PostgreSQL has no such function for the column's type",
                    ),
                    _ => read_error(&error, &table.table.path()),
                });
            }
        }
        bound.push(BoundAggregate {
            name: aggregate.to_string(),
            of,
        });
    }
    Ok(bound)
}

fn may_lack(column: &ColumnMeta, function: Function) -> bool {
    match function {
        Function::Count => false,
        // What these take is decided by the query's check.
        Function::Sum | Function::Avg => false,
        Function::Distinct | Function::CountBy => is_unsure(&column.codec),
        // PostgreSQL has these from version 18 on.
        Function::Min | Function::Max => {
            is_unsure(&column.codec)
                || matches!(column.codec, Codec::Bytea | Codec::Uuid)
                || column.own_operators.is_some()
        }
    }
}
