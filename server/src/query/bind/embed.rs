//! Finding what a query embeds: foreign keys, and columns of what they refer to.

use std::{collections::HashSet, sync::Arc};

use rowcast_protocol::{
    ApiError,
    query::{Embed, Query, known_column},
};

use crate::{
    database::catalog::{Catalog, ForeignKey, Join, TableMeta},
    query::read::catalog_changed,
};

/// The most columns that a row may be read with: PostgreSQL's rows have at most 1,664.
const MAX_COLUMNS: usize = 1_600;

/// The table with the columns that the query embeds. Of a query that embeds nothing, the table.
///
/// # Errors
/// `unknown_relation`, `ambiguous_relation`, `unknown_column`; `invalid_select` where two
/// columns would have one name; `catalog_changed`; those of the catalog.
pub async fn embed(
    catalog: &Catalog,
    table: Arc<TableMeta>,
    query: &Query,
) -> Result<Arc<TableMeta>, ApiError> {
    let mut joins: Vec<Join> = Vec::new();
    for embed in query.embeds() {
        let key = foreign_key(&table, embed)?;
        let referenced = match catalog.by_oid(key.to).await {
            Err(error) if error.code == "unknown_table" => return Err(unknown(&table, embed)),
            referenced => referenced?,
        };
        let referenced = match &table.rules {
            None => referenced,
            Some(rules) => catalog
                .impersonated(&referenced, &rules.impersonation)
                .await?
                .ok_or_else(|| unknown(&table, embed))?,
        };
        if joins.iter().any(|join| join.name == embed.name()) {
            return Err(same_name(embed.name(), embed));
        }
        joins.push(join(&table, key, referenced, embed, query)?);
    }
    if joins.is_empty() {
        return Ok(table);
    }
    let embedding = TableMeta::embedding(&table, joins);
    if embedding.columns.len() > MAX_COLUMNS {
        return Err(ApiError::new(
            "query_too_large",
            format!("the query has more than {MAX_COLUMNS} columns"),
            "embed fewer columns",
        ));
    }
    let mut names = HashSet::new();
    for column in &embedding.columns {
        if !names.insert(column.name.as_str()) {
            let embed = query.embedded(&column.name).map(|(embed, _)| embed);
            return Err(embed.map_or_else(crate::error::internal, |embed| {
                same_name(&column.name, embed)
            }));
        }
    }
    Ok(Arc::new(embedding))
}

fn join(
    table: &TableMeta,
    key: &ForeignKey,
    referenced: Arc<TableMeta>,
    embed: &Embed,
    query: &Query,
) -> Result<Join, ApiError> {
    let their_position = |name: &str| {
        known_column(name, &referenced.table)?;
        super::position(&referenced, name)
    };
    let mut columns: Vec<usize> = match &embed.columns {
        None => (0..referenced.columns.len()).collect(),
        Some(names) => names
            .iter()
            .map(|name| their_position(name))
            .collect::<Result<_, _>>()?,
    };
    let shown = columns.len();
    // What rows are filtered, ordered and aggregated by need not be shown.
    let tests = query.tests();
    let used = tests
        .iter()
        .map(|test| &test.column)
        .chain(query.order.iter().map(|by| &by.column))
        .chain(query.aggregates.iter().map(|of| &of.column));
    for name in used {
        if table.table.column(name).is_none()
            && let Some((of, name)) = query.embedded(name)
            && of == embed
        {
            let position = their_position(name)?;
            if !columns.contains(&position) {
                columns.push(position);
            }
        }
    }
    // What was let through a moment ago may not be read any more.
    let is_unreadable = |at: &usize| referenced.columns[*at].is_unreadable;
    if columns.iter().any(is_unreadable) {
        return Err(catalog_changed());
    }
    let on = key.columns.iter().zip(&key.references.columns);
    let on = on
        .map(|(from, to)| {
            Ok((
                super::position(table, from)?,
                super::position(&referenced, to)?,
            ))
        })
        .collect::<Result<_, ApiError>>()?;
    Ok(Join {
        name: embed.name().to_owned(),
        table: referenced,
        on,
        columns,
        shown,
        first: 0,
    })
}

/// The foreign key that an embedding means: by the table it refers to, by its only column, or
/// by its name.
///
/// # Errors
/// `unknown_relation`, `ambiguous_relation`.
pub fn foreign_key<'a>(table: &'a TableMeta, embed: &Embed) -> Result<&'a ForeignKey, ApiError> {
    let target = &embed.target;
    let refers_to = |key: &&ForeignKey| {
        let path = &key.references.table;
        path == target || target.strip_prefix("public.") == Some(path)
    };
    let is_called =
        |key: &&ForeignKey, name: &String| key.columns == [name.as_str()] || key.name == *name;
    let mut keys: Vec<&ForeignKey> = table.foreign_keys.iter().filter(refers_to).collect();
    if keys.is_empty() {
        keys = table
            .foreign_keys
            .iter()
            .filter(|key| is_called(key, target))
            .collect();
    }
    if let Some(hint) = &embed.hint {
        keys.retain(|key| is_called(key, hint));
    }
    match keys.as_slice() {
        [] => Err(unknown(table, embed)),
        [key] => Ok(key),
        [first, rest @ ..] if rest.iter().all(|key| is_same(first, key)) => Ok(first),
        several => Err(ApiError::new(
            "ambiguous_relation",
            format!("{} refers to {target} in several ways", table.table.path()),
            format!("say which: {}", said(several, embed)),
        )),
    }
}

fn is_same(one: &ForeignKey, other: &ForeignKey) -> bool {
    one.to == other.to && one.columns == other.columns && one.references == other.references
}

/// How each of the foreign keys would be said.
fn said(keys: &[&ForeignKey], embed: &Embed) -> String {
    let said = keys.iter().map(|key| {
        let hint = match key.columns.as_slice() {
            [column] => column,
            _ => &key.name,
        };
        Embed {
            alias: embed.alias.clone(),
            target: key.references.table.clone(),
            hint: Some(hint.clone()),
            columns: embed.columns.clone(),
        }
        .to_string()
    });
    said.collect::<Vec<_>>().join(" or ")
}

/// There is no such relation, or its table may not be read: the two answer alike.
pub fn unknown(table: &TableMeta, embed: &Embed) -> ApiError {
    let path = table.table.path();
    let said = match &embed.hint {
        Some(hint) => format!("{}!{hint}", embed.target),
        None => embed.target.clone(),
    };
    let keys: Vec<String> = table
        .foreign_keys
        .iter()
        .map(|key| format!("{} to {}", key.columns.join(" and "), key.references.table))
        .collect();
    let hint = if keys.is_empty() {
        format!("{path} has no foreign keys")
    } else {
        format!("its foreign keys are {}", keys.join(", "))
    };
    ApiError::new(
        "unknown_relation",
        format!("{path} refers to nothing called {said:?}"),
        hint,
    )
}

fn same_name(name: &str, embed: &Embed) -> ApiError {
    ApiError::new(
        "invalid_select",
        format!("there are two {name:?}"),
        format!(
            "call the embedding something else: select=other:{}(…)",
            embed.target
        ),
    )
}
