//! The query that its reader may ask.

use std::{collections::HashSet, sync::Arc};

use percent_encoding::percent_decode_str;
use rowcast_protocol::{
    ApiError, ColumnKind, Table,
    query::{Embed, Filter, Is, Operator, Query, Selected, Test, known_column},
};

use super::{
    rights::{Limits, Rows},
    rows::nothing,
    seen::Seen,
};
use crate::{auth::Identity, comment, database::catalog::TableMeta, query::bind::embedded_key};

/// Makes of a query the one that may be asked by whoever sees `table` so: with the rows that
/// are theirs and without what is hidden from them, in the table and in what it embeds. The
/// same query of somebody who may see other rows or columns is another one afterwards, so
/// nothing is shared between the two.
///
/// # Errors
/// `unknown_column` and `unknown_relation`, for what is hidden as for what does not exist;
/// those of reading the catalog.
pub async fn restrict(
    seen: Seen<'_>,
    table: &Arc<TableMeta>,
    mut query: Query,
) -> Result<Query, ApiError> {
    if table.is_about_rows() {
        // It reads rows of another table by a query of its own, which comes here too.
        return Box::pin(about_rows(seen, query)).await;
    }
    let limits = table.limits.as_deref().cloned().unwrap_or_default();
    if table.is_audit() {
        seen.note_reading().await?;
    } else if table.is_ours() && !table.is_by_account() && !table.is_operations() {
        require_own_table(seen, table, &query).await?;
        if table.table.name == "saved_view" {
            query.filter.extend(views_of(seen.identity()));
        }
    }
    let hides_related = restrict_embeds(seen, table, &mut query).await?;
    if limits.is_nothing() && !hides_related {
        return Ok(query);
    }
    let visible = visible(&limits, &table.table);
    for name in names(&query) {
        let is_embedded = table.table.column(name).is_none() && query.embedded(name).is_some();
        if !is_embedded {
            known_column(name, &visible)?;
        }
    }
    if !limits.hidden.is_empty() {
        show_visible(&visible, &mut query);
        search_visible(&visible, &mut query);
    }
    match limits.read {
        Rows::All => {}
        Rows::Some(filter) => query.filter.push(filter),
        Rows::None => query.filter.extend(no_row(&table.table)),
    }
    Ok(query)
}

async fn about_rows(seen: Seen<'_>, query: Query) -> Result<Query, ApiError> {
    let (query, _) = comment::restrict(seen, query, false).await?;
    Ok(query)
}

/// A table as it is described to whoever sees it so.
pub fn visible(limits: &Limits, table: &Table) -> Table {
    let mut visible = table.clone();
    limits.take_hidden_from(&mut visible);
    visible
}

/// A condition that none of the table's rows meets.
pub fn no_row(table: &Table) -> Option<Filter> {
    table.columns.first().map(|column| nothing(&column.name))
}

/// The names that a query looks at columns by.
fn names(query: &Query) -> Vec<&str> {
    let tests = query.filter.iter().flat_map(Filter::tests);
    let selected = query.select.iter().flatten();
    tests
        .map(|test| test.column.as_str())
        .chain(query.order.iter().map(|by| by.column.as_str()))
        .chain(query.aggregates.iter().map(|of| of.column.as_str()))
        .chain(selected.filter_map(|selected| match selected {
            Selected::Column(name) => Some(name.as_str()),
            Selected::All | Selected::Embed(_) => None,
        }))
        .collect()
}

/// All columns are those that are not hidden.
fn show_visible(visible: &Table, query: &mut Query) {
    let all = || {
        let columns = visible.columns.iter();
        columns.map(|column| Selected::Column(column.name.clone()))
    };
    query.select = Some(match query.select.take() {
        None => all().collect(),
        Some(selected) => {
            let mut known = HashSet::new();
            selected
                .into_iter()
                .flat_map(|selected| match selected {
                    Selected::All => all().collect(),
                    other => vec![other],
                })
                .filter(|selected| known.insert(selected.clone()))
                .collect()
        }
    });
}

/// Words are looked for in the columns that are not hidden.
fn search_visible(visible: &Table, query: &mut Query) {
    let words: Vec<String> = query.words().map(str::to_owned).collect();
    query.search = None;
    for word in words {
        let columns = visible.columns.iter();
        let tests: Vec<Filter> = columns
            .filter(|column| column.kind == ColumnKind::Text)
            .map(|column| {
                Filter::Test(Test {
                    column: column.name.clone(),
                    negated: false,
                    operator: Operator::Ilike(containing(&word)),
                })
            })
            .collect();
        match tests.is_empty() {
            true => query.filter.extend(no_row(visible)),
            false => query.filter.push(Filter::Or {
                negated: false,
                of: tests,
            }),
        }
    }
}

/// The pattern of what contains a word. A star can't be said in one: any letter stands for it.
fn containing(word: &str) -> String {
    let mut pattern = String::from("*");
    for letter in word.chars() {
        match letter {
            '\\' | '%' | '_' => pattern.extend(['\\', letter]),
            '*' => pattern.push('_'),
            _ => pattern.push(letter),
        }
    }
    pattern.push('*');
    pattern
}

/// Refuses to embed what may not be seen whole, and spells out which columns are seen. Returns
/// whether something of what is embedded is kept back.
async fn restrict_embeds(
    seen: Seen<'_>,
    table: &TableMeta,
    query: &mut Query,
) -> Result<bool, ApiError> {
    let embeds: Vec<Embed> = query.embeds().cloned().collect();
    let mut is_anything_hidden = false;
    for embed in embeds {
        // What its table's reference does not show is no reference.
        let key = embedded_key(table, &embed)?;
        let Some((theirs, limits)) = seen.by_oid(key.to).await? else {
            return Err(crate::query::bind::unknown_relation(table, &embed));
        };
        if theirs.is_audit() {
            seen.note_reading().await?;
        }
        // Whether a row refers to one that is kept back must not show. What the database keeps back
        // it joins no row to: that is as it is in SQL.
        if limits.has_row_rule() {
            return Err(crate::query::bind::unknown_relation(table, &embed));
        }
        if limits.hidden.is_empty() {
            continue;
        }
        is_anything_hidden = true;
        let visible = visible(&limits, &theirs.table);
        let used = names(query).into_iter().filter_map(|name| {
            let (of, name) = query.embedded(name)?;
            (*of == embed && table.table.column(name).is_none()).then_some(name)
        });
        for name in used.chain(embed.columns.iter().flatten().map(String::as_str)) {
            known_column(name, &visible)?;
        }
        let columns = visible.columns.into_iter().map(|column| column.name);
        let shown = embed.columns.clone().unwrap_or_else(|| columns.collect());
        for selected in query.select.iter_mut().flatten() {
            if let Selected::Embed(other) = selected
                && *other == embed
            {
                other.columns = Some(shown.clone());
            }
        }
    }
    Ok(is_anything_hidden)
}

/// What we keep of a table is for those who may read all of its rows: who looks at which row,
/// and which views there are.
async fn require_own_table(
    seen: Seen<'_>,
    table: &TableMeta,
    query: &Query,
) -> Result<(), ApiError> {
    if seen.sees_everything() {
        return Ok(());
    }
    let of = query.filter.iter().find_map(|filter| match filter {
        Filter::Test(Test {
            column,
            negated: false,
            operator: Operator::Eq(path),
        }) if column == "table_path" => Some(path),
        _ => None,
    });
    let unknown = || crate::error::unknown_table(&table.table.path());
    match seen.table(of.ok_or_else(unknown)?).await {
        Ok(of) if of.is_seen_whole() => Ok(()),
        Ok(_) => Err(unknown()),
        Err(error) if error.code == "unknown_table" => Err(unknown()),
        Err(error) => Err(error),
    }
}

/// The condition on saved views that somebody may know of: those for everybody, and their own.
/// Without accounts they are no secret.
fn views_of(identity: &Identity) -> Option<Filter> {
    if identity.is_everyone() {
        return None;
    }
    let test = |column: &str, operator| {
        Filter::Test(Test {
            column: column.to_owned(),
            negated: false,
            operator,
        })
    };
    let mut of = vec![test("owner", Operator::Is(Is::Null))];
    if let Some((account, name)) = identity.signed_in() {
        of.push(test("account", Operator::Eq(account.0.to_string())));
        // What was saved before there were accounts is whose it says.
        of.push(Filter::And {
            negated: false,
            of: vec![
                test("account", Operator::Is(Is::Null)),
                test("owner", Operator::Eq(name.to_owned())),
            ],
        });
    }
    Some(Filter::Or { negated: false, of })
}

/// Whether somebody may know of a saved view: what its query says of columns and values is not for
/// those who may not read them. `is_everybodys`: others may have saved it, who read other rows.
pub async fn may_know_view(
    seen: Seen<'_>,
    table: &Arc<TableMeta>,
    query: &str,
    is_everybodys: bool,
) -> bool {
    let keeps_rows_back = |limits: &Arc<Limits>| limits.keeps_rows_back();
    if table.is_seen_whole() {
        return true;
    }
    if is_everybodys && table.limits.as_ref().is_some_and(keeps_rows_back) {
        return false;
    }
    let hidden = table.limits.iter().flat_map(|limits| &limits.hidden);
    if hidden.into_iter().any(|name| says(query, name)) {
        return false;
    }
    match Query::parse(query) {
        Ok(query) => restrict(seen, table, query).await.is_ok(),
        Err(_) => false,
    }
}

/// Whether a query's text, what only pages read of it too, has this name in it as a word.
fn says(query: &str, name: &str) -> bool {
    let query = percent_decode_str(query).decode_utf8_lossy();
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    query.match_indices(name).any(|(at, _)| {
        let (before, after) = (
            query[..at].chars().next_back(),
            query[at + name.len()..].chars().next(),
        );
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_said_as_a_word_wherever_it_stands() {
        for query in [
            "~columns=title,-salary",
            "status=eq.a&~labels=salary:Pay",
            "~charts=%73alary",
            "order=salary.desc",
        ] {
            assert!(says(query, "salary"), "{query}");
        }
        assert!(!says("~columns=salary_note,my_salary", "salary"));
        assert!(says("~columns=my%20pay,a", "my pay"));
    }
}
