//! Which rows a writer may write, as conditions of the statements that write them.
//!
//! A row that may not be written is not found; one that would become such fails the statement,
//! so that nothing of it stays. Both are decided by the database with the write itself: nobody
//! can come between.

use std::sync::Arc;

use rowcast_protocol::{ApiError, query::Query};

use crate::{
    database::catalog::TableMeta,
    permission::Action,
    query::{
        bind::bind,
        bound::BoundFilter,
        sql::{Params, where_sql},
    },
    state::AppState,
};

/// What the name of a setting is that does not exist, which stands in the error of a statement
/// that would leave a row its writer may not write.
pub const NOT_PERMITTED: &str = "rowcast.row_is_not_permitted";

/// The conditions of one writer.
#[derive(Clone, Debug, PartialEq)]
pub struct Permitted {
    read: BoundFilter,
    writes: [BoundFilter; 3],
}

/// The table with what limits its writer to some of its rows.
///
/// # Errors
/// Those of binding.
pub async fn with_permitted(
    state: &AppState,
    table: Arc<TableMeta>,
) -> Result<Arc<TableMeta>, ApiError> {
    let Some(limits) = table.limits.as_ref().filter(|limits| limits.are_of_rows()) else {
        return Ok(table);
    };
    let bound = async |action: Option<Action>| {
        let query = Query {
            filter: limits.conditions(action, &table.table),
            ..Query::default()
        };
        let bound = bind(
            &state.catalog,
            state.readers.ours(),
            Arc::clone(&table),
            &query,
        )
        .await?;
        Ok::<_, ApiError>(bound.filter)
    };
    let permitted = Permitted {
        read: bound(None).await?,
        writes: [
            bound(Some(Action::Insert)).await?,
            bound(Some(Action::Update)).await?,
            bound(Some(Action::Delete)).await?,
        ],
    };
    Ok(Arc::new(TableMeta {
        permitted: Some(Arc::new(permitted)),
        ..TableMeta::clone(&table)
    }))
}

impl Permitted {
    fn sql(&self, table: &TableMeta, action: Option<Action>, params: &mut Params) -> String {
        let filter = match action {
            None => &self.read,
            Some(action) => &self.writes[action as usize],
        };
        format!("({})", where_sql(table, filter, "t", params))
    }
}

/// What else must hold of a row, as `t`, that is written so, or only looked at: what follows a
/// condition.
pub fn and_permitted(table: &TableMeta, action: Option<Action>, params: &mut Params) -> String {
    match &table.permitted {
        Some(permitted) => format!(" AND {}", permitted.sql(table, action, params)),
        None => String::new(),
    }
}

/// What a statement returns of a row, as `t`, that it has written so; it fails if its writer may
/// not write such a row.
pub fn returned(image: &str, table: &TableMeta, action: Action, params: &mut Params) -> String {
    match &table.permitted {
        Some(permitted) => format!(
            "CASE WHEN coalesce({}, false) THEN {image} \
             ELSE pg_catalog.convert_to(pg_catalog.current_setting('{NOT_PERMITTED}'), 'UTF8') END",
            permitted.sql(table, Some(action), params)
        ),
        None => image.to_owned(),
    }
}
