//! The query of a file: that of the page, with the columns that were chosen.

use rowcast_protocol::query::{DEFAULT_LIMIT, Embed, Query, Selected};

/// The query whose file has these columns, in this order; columns of one embedding stand
/// together. It is of all rows that match. An embedding that the query filters or sorts by has
/// to be there for that: then what it is needed for is in the file too.
pub fn of_columns(query: &Query, columns: &[String]) -> Query {
    let mut selected: Vec<Selected> = Vec::new();
    let tests = query.filter.iter().flat_map(|filter| filter.tests());
    let needed = tests
        .map(|test| &test.column)
        .chain(query.order.iter().map(|order| &order.column))
        .filter(|name| query.embedded(name).is_some());
    for name in columns.iter().chain(needed) {
        let Some((embed, column)) = query.embedded(name) else {
            selected.push(Selected::Column(name.clone()));
            continue;
        };
        let known = selected.iter_mut().find_map(|of| match of {
            Selected::Embed(known) if known.name() == embed.name() => known.columns.as_mut(),
            _ => None,
        });
        match known {
            Some(known) if known.iter().any(|of| of == column) => {}
            Some(known) => known.push(column.to_owned()),
            None => selected.push(Selected::Embed(Embed {
                columns: Some(vec![column.to_owned()]),
                ..embed.clone()
            })),
        }
    }
    Query {
        select: Some(selected),
        limit: DEFAULT_LIMIT,
        offset: 0,
        aggregates: Vec::new(),
        ..query.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(query: &str, columns: &[&str]) -> String {
        let query = Query::parse(query).expect("a query");
        let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        of_columns(&query, &columns).to_query_string()
    }

    #[test]
    fn the_columns_chosen_are_selected_of_all_rows_that_match() {
        assert_eq!(
            text("a=eq.1&order=b.desc&limit=10&offset=20", &["b", "a"]),
            "a=eq.1&order=b.desc&select=b,a"
        );
    }

    #[test]
    fn columns_of_one_embedding_stand_together() {
        assert_eq!(
            text(
                "select=id,owner(name,email)",
                &["owner.name", "id", "owner.email"]
            ),
            "select=owner(name,email),id"
        );
        assert_eq!(text("select=id,owner(name,email)", &["id"]), "select=id");
    }

    #[test]
    fn an_embedding_that_is_filtered_by_stays() {
        assert_eq!(
            text("select=id,owner(name,email)&owner.name=eq.Ann", &["id"]),
            "owner.name=eq.Ann&select=id,owner(name)"
        );
    }
}
