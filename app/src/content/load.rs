//! Where a page's content comes from: the server's own data while it renders, the JSON API
//! once the reader goes from page to page in the browser.

use super::{Carried, Content, Loading, TableContent, unknown_table};

#[cfg(feature = "ssr")]
use crate::{
    address,
    page_data::{PageData, Redirect, ResponseStatus, status_of},
    saved_views::{opening, view_of},
};
#[cfg(feature = "ssr")]
use leptos::prelude::{expect_context, use_context};
#[cfg(feature = "ssr")]
use rowcast_protocol::Table;
#[cfg(feature = "ssr")]
use std::sync::Arc;

/// The list of tables.
#[cfg(feature = "ssr")]
pub fn load_tables() -> Loading {
    let (data, status) = server();
    Box::pin(async move {
        let tables = data.tables().await;
        if let (Err(error), Some(status)) = (&tables, status) {
            (status.0)(status_of(&error.code));
        }
        Carried(Content::Tables(tables))
    })
}

/// A table's page at an address with this query.
#[cfg(feature = "ssr")]
pub fn load_table(path: String, query: String) -> Loading {
    let (data, status) = server();
    let redirect = use_context::<Redirect>();
    Box::pin(async move {
        let mut content = match data.tables().await {
            Ok(tables) => TableContent::new(&path, tables),
            Err(error) => TableContent::failed(error),
        };
        if content.error.is_none() {
            let table = content.table.as_ref().map_or(path.clone(), Table::path);
            content.views = data.views(&table, view_of(&query)).await;
            // An address without parameters is the table as it opens.
            if let Some(view) = opening(&content.views).filter(|_| query.is_empty())
                && let Some(redirect) = redirect
            {
                (redirect.0)(&address::table_at(&path, &view.parameters()));
                return Carried(Content::Table(Box::new(content)));
            }
            match data.snapshot(&path, &query).await {
                Ok(page) => {
                    content.table = Some(page.table);
                    content.first = Some(page.snapshot);
                }
                Err(error) => {
                    if error.code == "unknown_table" {
                        content.table = None;
                        content.error = Some(unknown_table(&path));
                    } else {
                        content.error = Some(error);
                    }
                }
            }
        }
        if let (Some(error), Some(status)) = (&content.error, status) {
            (status.0)(status_of(&error.code));
        }
        Carried(Content::Table(Box::new(content)))
    })
}

#[cfg(feature = "ssr")]
fn server() -> (Arc<dyn PageData>, Option<ResponseStatus>) {
    (expect_context(), use_context())
}

/// The list of tables.
#[cfg(not(feature = "ssr"))]
pub fn load_tables() -> Loading {
    let tables = crate::live::fetch::tables();
    Box::pin(async move { Carried(Content::Tables(tables.await)) })
}

/// A table's page. Its rows come with the live query.
#[cfg(not(feature = "ssr"))]
pub fn load_table(path: String, _query: String) -> Loading {
    let tables = crate::live::fetch::tables();
    let views = crate::live::fetch::views(&path);
    Box::pin(async move {
        let content = match tables.await {
            Ok(tables) => {
                let mut content = TableContent::new(&path, tables);
                if content.table.is_none() {
                    content.error = Some(unknown_table(&path));
                } else {
                    // Without its views a table still has its rows.
                    content.views = views.await.unwrap_or_default();
                }
                content
            }
            Err(error) => TableContent::failed(error),
        };
        Carried(Content::Table(Box::new(content)))
    })
}
