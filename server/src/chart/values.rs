//! A chart of values that have no distance from each other.

use rowcast_engine::datum::decode_image;
use rowcast_protocol::{Cell, query::Operator};
use sqlx::{PgConnection, Row, postgres::PgRow};

use super::{Group, MAX_GROUPS, Shape, Subject, count::run};
use crate::query::sql::Params;

/// How many bytes a value's text has at the most that is told whole and can be asked for.
const LONGEST: usize = 1000;

/// How many characters of a longer one are told.
const SHOWN: usize = 200;

/// The most frequent values of the column, and how many rows have none.
pub async fn read(
    subject: &Subject<'_>,
    connection: &mut PgConnection,
) -> Result<(Shape, u64), sqlx::Error> {
    let column = &subject.bound.table.columns[subject.column];
    let image = column.image_of("g.v");
    // Of those that are as frequent, always the same ones.
    let order = format!("g.size DESC, record_send(ROW({image}))");
    let mut params = Params::default();
    let matching = subject.rows_sql(&mut params);
    let sql = format!(
        "WITH g AS MATERIALIZED ( \
             SELECT r.v, count(*) AS size FROM ({matching}) AS r GROUP BY r.v) \
         SELECT top.*, every.size, every.nulls \
           FROM (SELECT coalesce(sum(g.size) FILTER (WHERE g.v IS NOT NULL), 0)::int8, \
                        coalesce(sum(g.size) FILTER (WHERE g.v IS NULL), 0)::int8 \
                   FROM g) AS every (size, nulls) \
           LEFT JOIN (SELECT CASE WHEN octet_length(g.v::text) <= {LONGEST} \
                                  THEN record_send(ROW({image})) END, \
                             CASE WHEN octet_length(g.v::text) <= {LONGEST} THEN g.v::text \
                                  ELSE left(g.v::text, {SHOWN}) END, \
                             g.size, row_number() OVER (ORDER BY {order}) \
                        FROM g WHERE g.v IS NOT NULL ORDER BY {order} LIMIT {MAX_GROUPS}) \
                     AS top (image, text, count, place) ON true \
          ORDER BY top.place"
    );
    let rows = run(connection, sql, params).await?;
    let count = |row: &PgRow, at: usize| -> Result<u64, sqlx::Error> {
        Ok(u64::try_from(row.try_get::<i64, _>(at)?).unwrap_or_default())
    };
    let mut groups = Vec::with_capacity(rows.len());
    let (mut others, mut nulls) = (0, 0);
    for row in &rows {
        (others, nulls) = (count(row, 4)?, count(row, 5)?);
        let Some(text) = row.try_get::<Option<String>, _>(1)? else {
            continue;
        };
        let value = match row.try_get::<Option<&[u8]>, _>(0)? {
            Some(image) => {
                let codecs = [column.codec.clone()];
                let datums = decode_image(&mut &*image, &codecs)
                    .map_err(|error| sqlx::Error::Decode(error.into()))?;
                Some(datums[0].to_cell())
            }
            None => None,
        };
        groups.push(Group {
            filter: value
                .is_some()
                .then(|| subject.filter([Operator::Eq(text.clone())])),
            value: value.unwrap_or_else(|| Cell::Text(format!("{text}…").into())),
            count: count(row, 2)?,
        });
    }
    let told: u64 = groups.iter().map(|group| group.count).sum();
    let shape = Shape::Values {
        groups,
        others: others - told,
    };
    Ok((shape, nulls))
}
