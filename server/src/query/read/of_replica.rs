//! Reading a window of a standby.

use sqlx::PgConnection;

use super::{
    ApiError, Asked, FIXED, Readers, WindowRead, catalog_changed, during, read_failed, statement,
};
use crate::{database::replica::Replica, query::moving::moves};

impl Asked<'_> {
    /// Whether a standby may answer it. One may not where the database's rules decide, which are
    /// looked at behind the read as they are now; nor where the time does, for that is the primary's.
    pub(super) fn may_be_of_replica(&self) -> bool {
        self.query.table.rules.is_none() && !moves(&self.query.filter)
    }

    /// What it answers; `None` if the primary is to be asked.
    pub(super) async fn of_replica(
        &self,
        replica: &Replica,
        readers: &Readers,
    ) -> Option<Result<WindowRead, ApiError>> {
        let table = &self.query.table;
        let mut caught_up = replica.catch_up(readers.ours()).await?;
        let mut params = self.params.clone();
        let columns = caught_up.columns_sql(|text| params.push(text));
        let sql = format!("{}, {columns}", self.sql);
        let lists = self.summary.as_ref().map(|summary| summary.lists().len());
        let at = FIXED + lists.unwrap_or_default();
        let statement = statement(&sql, &params, table);
        let reading = async |connection: &mut PgConnection| {
            during(table, true, statement.fetch_one(connection)).await
        };
        let row = match caught_up.read(reading).await? {
            Ok(row) => row,
            Err(error) if caught_up.failed(&error) => return None,
            Err(error) => return Some(Err(read_failed(&error, self.query))),
        };
        let version = caught_up.version(&row, at).await?;
        match self.decode(&row, Some(version)) {
            Err(error) if error.code == catalog_changed().code => {
                replica.refused();
                None
            }
            read => Some(read),
        }
    }
}
