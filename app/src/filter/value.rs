//! Filters by a value that is seen.

use rowcast_protocol::{
    Cell, Column, ColumnKind,
    query::{Filter, Is, Operator, Query, Test, is_comparable},
};
use serde_json::value::RawValue;

/// The longest value that is filtered by, in bytes: an address holds no more than a few.
const LONGEST: usize = 1_000;

/// The test that rows pass in which the column has this value; `None` where no filter can
/// tell.
pub fn is_value(column: &Column, cell: &Cell) -> Option<Test> {
    let test = |operator| Test {
        column: column.name.clone(),
        negated: false,
        operator,
    };
    if *cell == Cell::Null {
        return Some(test(Operator::Is(Is::Null)));
    }
    // Types whose values PostgreSQL compares by no `=`, or by something else than the value.
    let vague = matches!(
        &*column.type_name,
        "point" | "line" | "lseg" | "box" | "path" | "polygon" | "circle"
    );
    if vague || !is_comparable(column) {
        return None;
    }
    let text = match (cell, column.kind) {
        (Cell::Null, _) => return None,
        (Cell::Bool(flag), _) => {
            return Some(test(Operator::Is(if *flag { Is::True } else { Is::False })));
        }
        (_, ColumnKind::Json) => cell.to_json(),
        (Cell::Json(json), ColumnKind::Array) => array_text(json)?,
        // A composite value, whose text is its type's own.
        (Cell::Json(_), _) => return None,
        (Cell::Number(text) | Cell::Text(text), _) => text.to_string(),
    };
    (text.len() <= LONGEST).then(|| test(Operator::Eq(text)))
}

/// The query with only the rows that have this value in the column. What was asked of the
/// column's value by itself before is asked no more: it holds of this one.
pub fn only(query: &Query, column: &Column, cell: &Cell) -> Option<Query> {
    let test = is_value(column, cell)?;
    let mut query = query.with_page(0);
    query.filter.retain(|filter| {
        !matches!(filter, Filter::Test(before) if before.column == column.name
            && matches!(before.operator, Operator::Eq(_) | Operator::Neq(_) | Operator::In(_)))
    });
    Some(query.with_test(test))
}

/// The query without the rows that have this value in the column. Rows in which it is NULL
/// stay: that is another value.
pub fn without(query: &Query, column: &Column, cell: &Cell) -> Option<Query> {
    let mut test = is_value(column, cell)?;
    match test.operator {
        Operator::Eq(value) => test.operator = Operator::Neq(value),
        // `is` is never unknown.
        _ => test.negated = true,
    }
    let is_certain = matches!(test.operator, Operator::Is(_)) || !column.nullable;
    let filter = if is_certain {
        Filter::Test(test)
    } else {
        let null = is_value(column, &Cell::Null).map(Filter::Test);
        Filter::Or {
            negated: false,
            of: std::iter::once(Filter::Test(test)).chain(null).collect(),
        }
    };
    Some(query.with_filter(filter))
}

/// A JSON array as PostgreSQL writes an array, `{"a",7,NULL}`, every digit kept.
fn array_text(json: &str) -> Option<String> {
    let items: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    let items: Option<Vec<String>> = items
        .into_iter()
        .map(|item| match Cell::from_json(item.get()).ok()? {
            Cell::Null => Some("NULL".to_owned()),
            Cell::Bool(flag) => Some(flag.to_string()),
            Cell::Number(text) => Some(text.to_string()),
            Cell::Text(text) => {
                let text = text.replace('\\', "\\\\").replace('"', "\\\"");
                Some(["\"", &text, "\""].concat())
            }
            // An element is an array, or a composite value.
            Cell::Json(json) => array_text(&json),
        })
        .collect();
    Some(["{", &items?.join(","), "}"].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(type_name: &str, kind: ColumnKind, nullable: bool) -> Column {
        Column {
            name: "c".to_owned(),
            type_name: type_name.to_owned(),
            kind,
            nullable,
            has_default: false,
            generated: false,
            labels: Vec::new(),
            references: None,
            comment: None,
        }
    }

    fn texts(column: &Column, cell: &Cell, before: &str) -> Option<(String, String)> {
        let query = Query::parse(before).expect("it can be read");
        Some((
            only(&query, column, cell)?.to_query_string(),
            without(&query, column, cell)?.to_query_string(),
        ))
    }

    fn pair(only: &str, without: &str) -> Option<(String, String)> {
        Some((only.to_owned(), without.to_owned()))
    }

    #[test]
    fn rows_without_a_value_are_not_taken_for_rows_with_it() {
        let text = column("text", ColumnKind::Text, true);
        assert_eq!(
            texts(&text, &Cell::text("a,b"), ""),
            pair("c=eq.a,b", "or=(c.neq.%22a,b%22,c.is.null)")
        );
        assert_eq!(
            texts(&text, &Cell::Null, ""),
            pair("c=is.null", "c=not.is.null")
        );
        let number = column("integer", ColumnKind::Integer, false);
        assert_eq!(
            texts(&number, &Cell::integer(7), ""),
            pair("c=eq.7", "c=neq.7")
        );
        let flag = column("boolean", ColumnKind::Boolean, true);
        assert_eq!(
            texts(&flag, &Cell::Bool(true), ""),
            pair("c=is.true", "c=not.is.true")
        );
    }

    #[test]
    fn what_was_asked_of_the_value_gives_way() {
        let number = column("integer", ColumnKind::Integer, false);
        assert_eq!(
            texts(&number, &Cell::integer(7), "c=in.(6,7)&d=eq.1&offset=50"),
            pair("d=eq.1&c=eq.7", "c=in.(6,7)&d=eq.1&c=neq.7")
        );
    }

    #[test]
    fn arrays_are_written_as_postgresql_reads_them() {
        let array = column("text[]", ColumnKind::Array, false);
        let test = is_value(
            &array,
            &Cell::Json(r#"["a \"b\"", null, 0.10, ["c\\"]]"#.into()),
        );
        assert_eq!(
            test.map(|test| test.operator),
            Some(Operator::Eq(r#"{"a \"b\"",NULL,0.10,{"c\\"}}"#.to_owned()))
        );
    }

    #[test]
    fn what_can_not_be_compared_is_not_offered() {
        let json = column("json", ColumnKind::Json, true);
        assert_eq!(texts(&json, &Cell::Json("{}".into()), ""), None);
        assert!(texts(&json, &Cell::Null, "").is_some());
        let point = column("point", ColumnKind::Other, true);
        assert_eq!(texts(&point, &Cell::text("(1,2)"), ""), None);
        let composite = column("address", ColumnKind::Other, true);
        assert_eq!(texts(&composite, &Cell::Json("{}".into()), ""), None);
        let text = column("text", ColumnKind::Text, true);
        assert_eq!(
            texts(&text, &Cell::text(&"x".repeat(LONGEST + 1)), ""),
            None
        );
    }
}
