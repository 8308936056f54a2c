//! Binding a query to a table: names become positions, texts become values.

use std::sync::Arc;

use rowcast_engine::datum::{Codec, Datum, decode_image};
use rowcast_protocol::{
    ApiError,
    query::{Filter, Is, Operator, OrderBy, Query, Test, like_pattern},
};
use sqlx::{AssertSqlSafe, PgPool, Row, postgres::PgRow};

use super::{
    bound::{BoundFilter, BoundOp, BoundQuery, BoundSort, Literal, identity},
    literal::plain,
    sql::Params,
};
use crate::{
    database::catalog::{ColumnMeta, TableMeta},
    error::{Fault, fault, read_error},
};

/// Binds `query` to `table`.
///
/// Every value is read by PostgreSQL's own input function of its column's type (at once for
/// all of them), unless it is plain what that would say. So `today`, `1e3` or `yes` mean what
/// they mean in SQL, at the time of binding.
///
/// # Errors
/// Those of [`Query::check`]; `invalid_value`, `invalid_operator` and `invalid_order`, whose
/// messages name the part of the query; `database_unavailable`.
pub async fn bind(
    pool: &PgPool,
    table: Arc<TableMeta>,
    query: &Query,
) -> Result<BoundQuery, ApiError> {
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
    let select = match &query.select {
        None => (0..table.columns.len()).collect(),
        Some(names) => names
            .iter()
            .map(|name| position(&table, name))
            .collect::<Result<_, _>>()?,
    };
    Ok(BoundQuery {
        identity: identity(&table, &filter, &order),
        filter,
        order,
        limit: query.limit,
        offset: query.offset,
        select,
        table,
    })
}

/// A value of the query that is not understood yet.
struct Wanted<'a> {
    column: &'a ColumnMeta,
    /// As the query has it: `eq`, `in`.
    operator: &'static str,
    /// The same as PostgreSQL's operator.
    symbol: &'static str,
    text: &'a str,
}

impl Wanted<'_> {
    /// The part of the query that it is.
    fn part(&self) -> String {
        const SHOWN: usize = 100;
        let mut text: String = self.text.chars().take(SHOWN).collect();
        if text.len() < self.text.len() {
            text.push('…');
        }
        if self.operator == "in" {
            format!("{}=in.(…{text}…)", self.column.name)
        } else {
            format!("{}={}.{text}", self.column.name, self.operator)
        }
    }

    fn invalid_value(&self, reason: &str) -> ApiError {
        ApiError::new(
            "invalid_value",
            format!("{}: {reason}", self.part()),
            format!(
                "the column \"{}\" takes values of its type",
                self.column.name
            ),
        )
    }

    fn invalid_operator(&self) -> ApiError {
        ApiError::new(
            "invalid_operator",
            format!("{}: the column's type has no such comparison", self.part()),
            format!(
                "is.null works for every column, so for \"{}\"",
                self.column.name
            ),
        )
    }

    /// Whether it must be asked that the type has the operator: our own codecs' types do.
    fn is_unsure(&self) -> bool {
        is_unsure(&self.column.codec)
    }
}

fn is_unsure(codec: &Codec) -> bool {
    matches!(codec, Codec::Textual | Codec::JsonbOf | Codec::Json)
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
        let decided = !table.key.is_empty() && table.key.iter().all(sorted);
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
            let (operator, symbol, texts): (_, _, &[String]) = match &test.operator {
                Operator::Eq(text) => ("eq", "=", std::slice::from_ref(text)),
                Operator::Neq(text) => ("neq", "<>", std::slice::from_ref(text)),
                Operator::Gt(text) => ("gt", ">", std::slice::from_ref(text)),
                Operator::Gte(text) => ("gte", ">=", std::slice::from_ref(text)),
                Operator::Lt(text) => ("lt", "<", std::slice::from_ref(text)),
                Operator::Lte(text) => ("lte", "<=", std::slice::from_ref(text)),
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

/// How many values are asked about in one statement; a row has at most 1,664 columns.
const AT_ONCE: usize = 500;

async fn resolve(
    pool: &PgPool,
    table: &TableMeta,
    wanted: &[Wanted<'_>],
) -> Result<Vec<Literal>, ApiError> {
    let mut literals: Vec<Option<Literal>> = wanted
        .iter()
        .map(|value| plain(value.column, value.text))
        .collect();
    let asked: Vec<usize> = (0..wanted.len())
        .filter(|at| literals[*at].is_none())
        .collect();
    for chunk in asked.chunks(AT_ONCE) {
        let values: Vec<&Wanted<'_>> = chunk.iter().map(|at| &wanted[*at]).collect();
        let understood = match ask(pool, &values).await {
            Ok(understood) => understood,
            Err(error) => return Err(blame(pool, table, &values, &error).await),
        };
        for (at, literal) in chunk.iter().zip(understood) {
            literals[*at] = Some(literal);
        }
    }
    // Each is either plain or was asked about.
    literals
        .into_iter()
        .map(|literal| literal.ok_or_else(crate::error::internal))
        .collect()
}

/// Has PostgreSQL read values; also runs each unsure operator once, for some types have one
/// that fails on every value.
async fn ask(pool: &PgPool, values: &[&Wanted<'_>]) -> Result<Vec<Literal>, sqlx::Error> {
    let mut params = Params::default();
    let (mut images, mut texts, mut tests) = (Vec::new(), Vec::new(), Vec::new());
    for value in values {
        let typed = format!("({})", params.push_value(value.column, value.text));
        images.push(value.column.image_of(&typed));
        texts.push(format!("{typed}::text"));
        if value.is_unsure() {
            tests.push(format!(
                "{typed} {} {typed}",
                value.column.operator(value.symbol)
            ));
        }
    }
    let sql = format!(
        "SELECT record_send(ROW({})), ARRAY[{}]::text[], ARRAY[{}]::boolean[]",
        images.join(", "),
        texts.join(", "),
        tests.join(", ")
    );
    let row = run(pool, sql, params).await?;
    let image: &[u8] = row.try_get(0)?;
    let texts: Vec<Option<String>> = row.try_get(1)?;
    let codecs: Vec<Codec> = values
        .iter()
        .map(|value| value.column.codec.clone())
        .collect();
    let datums =
        decode_image(&mut &*image, &codecs).map_err(|error| sqlx::Error::Decode(error.into()))?;
    let literals = texts.into_iter().zip(datums).map(|(text, datum)| {
        // An input function that makes NULL of a text is one of the database's user.
        let text = text.filter(|_| datum != Datum::Null);
        let text = text.ok_or_else(|| sqlx::Error::Decode("a value is NULL".into()))?;
        Ok(Literal { text, datum })
    });
    literals.collect()
}

async fn run(pool: &PgPool, sql: String, params: Params) -> Result<PgRow, sqlx::Error> {
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    for text in params.into_texts() {
        query = query.bind(text);
    }
    query.fetch_one(pool).await
}

/// Which of the values it was, each tried alone.
async fn blame(
    pool: &PgPool,
    table: &TableMeta,
    values: &[&Wanted<'_>],
    error: &sqlx::Error,
) -> ApiError {
    if matches!(fault(error), Fault::Unavailable | Fault::TooSlow) {
        return read_error(error, &table.table.path());
    }
    for value in values {
        let mut params = Params::default();
        let typed = params.push_value(value.column, value.text);
        let sql = format!("SELECT ({typed}) IS NULL");
        match run(pool, sql, params)
            .await
            .map(|row| row.try_get::<bool, _>(0))
        {
            Ok(Ok(false)) => {}
            Ok(_) => return value.invalid_value("this is NULL; use is.null"),
            Err(sqlx::Error::Database(error)) => {
                // What the input function says of the text that it was given.
                return value.invalid_value(error.message());
            }
            Err(error) => return read_error(&error, &table.table.path()),
        }
        if value.is_unsure() && ask(pool, &[value]).await.is_err() {
            return value.invalid_operator();
        }
    }
    read_error(error, &table.table.path())
}
