//! Connections for reading rows, as whoever they are for.

use sqlx::{PgConnection, PgPool, Postgres, Row, pool::PoolConnection};

use super::{
    catalog::TableMeta,
    impersonation::{RulesChanged, take_on},
    replica::Replica,
};
use crate::traces;

/// Connections for reading. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Readers {
    primary: PgPool,
    replica: Option<Replica>,
}

/// A connection on which one table is read as whoever asked for it. One that is not
/// [ended](Reader::end) is closed where it has taken on a role: nobody else gets it.
#[derive(Debug)]
pub struct Reader<'a> {
    connection: Option<PoolConnection<Postgres>>,
    table: &'a TableMeta,
    transaction: Option<Transaction>,
}

/// What a reader's statements see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transaction {
    /// Each what was committed when it began.
    Statement,
    /// All what was committed when the first began.
    Version,
}

impl Transaction {
    fn begin(self) -> &'static str {
        match self {
            Self::Statement => "BEGIN READ ONLY",
            Self::Version => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    /// Asks for these after what was read. Behind a statement the table is still locked by it, so
    /// what is the same was so all the while. Whoever sees one version would see them as of then,
    /// though the rules that hold are others by now: so they are asked for after it, with
    /// the names' place said again: over a pooler the session has none of its own.
    fn check(self, asked: &str) -> String {
        match self {
            Self::Statement => format!("SET LOCAL ROLE NONE; SELECT {asked}; COMMIT"),
            Self::Version => format!("COMMIT; SET LOCAL search_path TO pg_catalog; SELECT {asked}"),
        }
    }
}

impl From<PgPool> for Readers {
    fn from(primary: PgPool) -> Self {
        Self {
            primary,
            replica: None,
        }
    }
}

impl Readers {
    /// Those that ask as the server itself: for the catalog, for what is ours, and for what is
    /// about values and no table.
    pub fn ours(&self) -> &PgPool {
        &self.primary
    }

    /// The same, with a standby that may answer what fills lists.
    #[must_use]
    pub fn beside(self, replica: Option<Replica>) -> Self {
        Self { replica, ..self }
    }

    /// The standby, if there is one.
    pub fn replica(&self) -> Option<&Replica> {
        self.replica.as_ref()
    }

    /// One for a statement about a table.
    ///
    /// # Errors
    /// The database's; [`RulesChanged`].
    pub async fn statement<'a>(&self, table: &'a TableMeta) -> Result<Reader<'a>, sqlx::Error> {
        let transaction = table.rules.is_some().then_some(Transaction::Statement);
        self.begin(table, transaction).await
    }

    /// One for statements about a table that see one version of the database.
    ///
    /// # Errors
    /// The database's; [`RulesChanged`].
    pub async fn version<'a>(&self, table: &'a TableMeta) -> Result<Reader<'a>, sqlx::Error> {
        self.begin(table, Some(Transaction::Version)).await
    }

    async fn begin<'a>(
        &self,
        table: &'a TableMeta,
        transaction: Option<Transaction>,
    ) -> Result<Reader<'a>, sqlx::Error> {
        let mut reader = Reader {
            connection: Some(
                traces::during("wait for a connection", self.primary.acquire()).await?,
            ),
            table,
            transaction,
        };
        if let Some(transaction) = transaction {
            sqlx::raw_sql(transaction.begin())
                .execute(reader.connection())
                .await?;
            if let Err(error) = take_on(reader.connection(), table).await {
                return reader.end(Err(error)).await;
            }
        }
        Ok(reader)
    }
}

impl Reader<'_> {
    /// The connection.
    pub fn connection(&mut self) -> &mut PgConnection {
        // Only `end` and `drop` take it, and both end the reader.
        #[allow(clippy::expect_used, reason = "it is there until the reader ends")]
        self.connection
            .as_mut()
            .expect("a connection until the end")
    }

    /// Gives it back, with what was read: only if the table is still the one that was asked for,
    /// and the role sees of it what it did then.
    ///
    /// # Errors
    /// Those of the read; [`RulesChanged`].
    pub async fn end<T>(mut self, read: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        if let Some(transaction) = self.transaction {
            let ended = match &read {
                Ok(_) => self.check(transaction).await,
                Err(_) => sqlx::raw_sql("ROLLBACK")
                    .execute(self.connection())
                    .await
                    .map(drop),
            };
            // What could not be ended is closed.
            if let Err(error) = ended {
                return read.and(Err(error));
            }
        }
        drop(self.connection.take());
        read
    }

    /// Ends the transaction, and asks what the table and its rules are.
    async fn check(&mut self, transaction: Transaction) -> Result<(), sqlx::Error> {
        let table = self.table;
        let checked = match table.ruling_fingerprint_sql() {
            None => "COMMIT".to_owned(),
            Some(rules) => {
                transaction.check(&format!("{}::text, {rules}::text", table.fingerprint_sql()))
            }
        };
        let rows = sqlx::raw_sql(sqlx::AssertSqlSafe(checked))
            .fetch_all(self.connection())
            .await?;
        let Some(expected) = table.ruling_fingerprint() else {
            return Ok(());
        };
        let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
        let is = |at: usize| -> Result<Option<&str>, sqlx::Error> { row.try_get(at) };
        let is_same = is(0)? == Some(&table.fingerprint) && is(1)? == Some(&expected);
        if !is_same {
            // The connection is as good as before.
            drop(self.connection.take());
            return Err(RulesChanged.into());
        }
        Ok(())
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && self.transaction.is_some()
        {
            drop(connection.detach());
        }
    }
}
