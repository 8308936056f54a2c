//! Having PostgreSQL read a query's values.

use rowcast_engine::datum::{Codec, Datum, decode_image};
use rowcast_protocol::ApiError;
use sqlx::{AssertSqlSafe, PgPool, Row, postgres::PgRow};

use crate::{
    database::catalog::{ColumnMeta, TableMeta},
    error::{Fault, fault, read_error},
    query::{bound::Literal, literal::plain, sql::Params},
};

/// A value of the query that is not understood yet.
pub struct Wanted<'a> {
    /// Which column it is compared with.
    pub column: &'a ColumnMeta,
    /// As the query has it: `eq`, `in`.
    pub operator: &'static str,
    /// The same as PostgreSQL's operator.
    pub symbol: &'static str,
    /// As it is written.
    pub text: &'a str,
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

/// Whether the type may lack an order or a comparison.
pub fn is_unsure(codec: &Codec) -> bool {
    matches!(codec, Codec::Textual | Codec::JsonbOf | Codec::Json)
}

/// How many values are asked about in one statement; a row has at most 1,664 columns.
const AT_ONCE: usize = 500;

/// The values, in their order.
///
/// # Errors
/// `invalid_value` or `invalid_operator`, naming the first that is wrong; those of a read.
pub async fn resolve(
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
