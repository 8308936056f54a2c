//! Rules as they are kept.

use rowcast_protocol::{ApiError, PgSnapshot, query::Query};
use sqlx::{
    PgConnection, Row,
    postgres::{PgRow, types::Oid},
};

/// What a rule tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A row that was not among them is.
    Enters,
    /// A row that was among them is not any more.
    Leaves,
    /// The value of this column changed, in a row that was among them and is.
    Changes(String),
    /// Their number, or a sum, crossed a bound.
    Total(Total),
}

/// A total, and what it crosses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// The column that is summed up; `None`: rows are counted.
    pub column: Option<String>,
    /// The bound, as a number's text.
    pub bound: String,
    /// Whether it is told when the total comes to lie above it, not below.
    pub is_above: bool,
}

/// A time at which a rule was paused or had expired, though it goes on.
#[derive(Clone, Debug)]
pub struct Gap {
    /// When that began: microseconds since 1970.
    from: i64,
    /// What had happened when it was over.
    to: PgSnapshot,
}

/// A rule that may have something to tell.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Names it.
    pub id: i64,
    /// Whose it is.
    pub account: i64,
    /// Whose accounts are told instead.
    pub role: Option<String>,
    /// What people call it.
    pub name: String,
    /// The table, as addresses name it.
    pub table: String,
    /// Which of its rows.
    pub query: String,
    /// What is told.
    pub kind: Kind,
    /// For how long what follows is told together with what was first.
    pub group_seconds: i32,
    /// What this has seen was before the rule.
    pub since: PgSnapshot,
    /// Pauses that are over, though not all before them has been looked at.
    pub gaps: Vec<Gap>,
    /// What its table was made of when it was last looked at, itself first.
    pub relations: Option<Vec<Oid>>,
    /// What is later than this is not looked at: microseconds since 1970.
    pub until: Option<i64>,
    /// Whether that is over.
    pub is_over: bool,
    /// Whether e-mail is sent.
    pub mail: bool,
    /// The host that hits are sent to.
    pub hook: Option<String>,
}

const COLUMNS: &str = "r.id, r.account, r.role, r.name, r.table_path, r.query, r.kind, \
     r.column_name, r.bound::text, r.direction, r.group_seconds, r.since::text, r.mail, \
     (SELECT substring(w.url from '^[a-z]+://([^/?#]*)') FROM rowcast.webhook w WHERE w.rule = r.id), \
     (extract(epoch FROM least(r.paused_at, r.expires_at)) * 1000000)::int8, \
     coalesce(least(r.paused_at, r.expires_at) <= now(), false), \
     ARRAY(SELECT (extract(epoch FROM g.at) * 1000000)::int8 \
             FROM unnest(r.gap_from) WITH ORDINALITY AS g (at, nth) ORDER BY g.nth), \
     r.gap_to::text[], r.relations";

/// The rules that may have something to tell, in their order: those that are paused or expired, too,
/// until what happened before that has been looked at.
///
/// # Errors
/// Those of a read.
pub async fn active(connection: &mut PgConnection) -> Result<Vec<Rule>, sqlx::Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM rowcast.watch_rule r \
           JOIN rowcast.account a ON a.id = r.account AND a.disabled_at IS NULL \
           CROSS JOIN rowcast.watch_cursor c \
          WHERE coalesce(least(r.paused_at, r.expires_at) > c.looked_at - interval '1 min', true) \
          ORDER BY r.id"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .fetch_all(connection)
        .await?;
    rows.iter().map(read).collect()
}

/// What a rule asks for, without what only decides how a page shows it.
///
/// # Errors
/// Those of the grammar.
pub fn conditions(query: &str) -> Result<Query, ApiError> {
    let asked: Vec<&str> = query
        .split('&')
        .filter(|parameter| !parameter.starts_with('~'))
        .collect();
    let query = Query::parse(&asked.join("&"))?;
    Ok(Query {
        filter: query.filter,
        search: query.search,
        ..Query::default()
    })
}

impl Rule {
    /// Whether it tells nothing of a transaction that logged last at that moment: it did not count
    /// then, or does not yet.
    pub fn passes_over(&self, xid: u64, at: i64) -> bool {
        self.since.sees(xid)
            || self.until.is_some_and(|until| at > until)
            || self
                .gaps
                .iter()
                .any(|gap| at > gap.from && gap.to.sees(xid))
    }
}

impl Kind {
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Enters => "enters",
            Self::Leaves => "leaves",
            Self::Changes(_) => "changes",
            Self::Total(_) => "total",
        }
    }

    /// The kind that is kept so; `None` for what is none.
    pub fn of(
        word: &str,
        column: Option<String>,
        bound: Option<String>,
        direction: Option<&str>,
    ) -> Option<Self> {
        Some(match (word, column, bound, direction) {
            ("enters", None, None, None) => Self::Enters,
            ("leaves", None, None, None) => Self::Leaves,
            ("changes", Some(column), None, None) => Self::Changes(column),
            ("total", column, Some(bound), Some(direction)) => Self::Total(Total {
                column,
                bound,
                is_above: match direction {
                    "above" => true,
                    "below" => false,
                    _ => return None,
                },
            }),
            _ => return None,
        })
    }
}

fn read(row: &PgRow) -> Result<Rule, sqlx::Error> {
    let kind: String = row.try_get(6)?;
    let direction: Option<String> = row.try_get(9)?;
    let kind = Kind::of(
        &kind,
        row.try_get(7)?,
        row.try_get(8)?,
        direction.as_deref(),
    );
    let since: String = row.try_get(11)?;
    let (begins, ends): (Vec<i64>, Vec<String>) = (row.try_get(16)?, row.try_get(17)?);
    let gaps = begins.into_iter().zip(&ends).map(|(from, to)| {
        let to = to.parse().map_err(decoded)?;
        Ok(Gap { from, to })
    });
    Ok(Rule {
        id: row.try_get(0)?,
        account: row.try_get(1)?,
        role: row.try_get(2)?,
        name: row.try_get(3)?,
        table: row.try_get(4)?,
        query: row.try_get(5)?,
        kind: kind.ok_or_else(|| sqlx::Error::Decode("a rule of no kind".into()))?,
        group_seconds: row.try_get(10)?,
        since: since.parse().map_err(decoded)?,
        gaps: gaps.collect::<Result<_, sqlx::Error>>()?,
        relations: row.try_get(18)?,
        mail: row.try_get(12)?,
        hook: row.try_get(13)?,
        until: row.try_get(14)?,
        is_over: row.try_get(15)?,
    })
}

fn decoded<E: std::error::Error + Send + Sync + 'static>(error: E) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

/// Forgets pauses before which all has been looked at.
///
/// # Errors
/// Those of a write.
pub async fn forget_gaps(
    connection: &mut PgConnection,
    rules: &[Rule],
    seen: &PgSnapshot,
) -> Result<(), sqlx::Error> {
    let is_over = |rule: &&Rule| {
        let gaps = &rule.gaps;
        !gaps.is_empty() && gaps.iter().all(|gap| gap.to.xmax <= seen.xmin)
    };
    let over: Vec<i64> = rules.iter().filter(is_over).map(|rule| rule.id).collect();
    if over.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE rowcast.watch_rule r SET gap_from = '{}', gap_to = '{}' WHERE r.id = ANY ($1)",
    )
    .bind(over)
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_adds_and_how_it_orders_decides_about_no_row() {
        let query = conditions("status=eq.open&~view=7&order=id.desc&q=oak&limit=10").expect("one");
        assert_eq!(query.filter.len(), 1);
        assert_eq!(query.search.as_deref(), Some("oak"));
        assert!(query.order.is_empty() && query.select.is_none());
        assert!(conditions("status=is.what").is_err());
    }

    #[test]
    fn a_kind_has_what_belongs_to_it_and_nothing_else() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(Kind::of("enters", None, None, None), Some(Kind::Enters));
        assert_eq!(Kind::of("enters", text("a"), None, None), None);
        assert_eq!(Kind::of("changes", None, None, None), None);
        assert_eq!(Kind::of("total", None, text("7"), None), None);
        assert_eq!(Kind::of("total", None, text("7"), Some("beside")), None);
        let total = Kind::of("total", text("amount"), text("7"), Some("below"));
        assert!(matches!(
            total,
            Some(Kind::Total(Total {
                is_above: false,
                ..
            }))
        ));
    }
}
