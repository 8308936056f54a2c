//! An aggregate's value.

use std::sync::Arc;

use rowcast_protocol::{Cell, Column, ColumnKind, query::Function};

use super::{
    Format, Presented, Shape, groups, number::grouped, present, styled::number, zone::Zone,
};

/// Shows an aggregate of a column, whose values are shown in that format if any, to a reader
/// in `zone`.
pub fn present_figure(
    cell: &Cell,
    function: Function,
    column: &Column,
    format: Option<&Format>,
    zone: Zone,
) -> Presented {
    let tells_values = !matches!(function, Function::Count | Function::Distinct);
    if tells_values && format == Some(&Format::Masked) {
        return plain("••••••".into(), None);
    }
    match function {
        Function::Count | Function::Distinct => {
            let count = match cell {
                Cell::Number(digits) => digits.parse().map_or_else(|_| digits.to_string(), grouped),
                _ => String::new(),
            };
            plain(count.into(), None)
        }
        Function::CountBy => {
            let text: Arc<str> = groups(cell, column, zone)
                .unwrap_or_else(|| "too many".to_owned())
                .into();
            plain(text.clone(), Some(text))
        }
        Function::Sum | Function::Avg | Function::Min | Function::Max => {
            let plain = present(cell, Shape::Plain, column, zone);
            let (Some(format), Cell::Number(value)) = (format, cell) else {
                return plain;
            };
            match number(value, format) {
                Some(text) => Presented {
                    text: text.into(),
                    title: Some(value.clone()),
                    ..plain
                },
                None => plain,
            }
        }
    }
}

/// Whether values of the function stand as numbers do.
pub fn is_number(function: Function, column: &Column) -> bool {
    match function {
        Function::CountBy => false,
        Function::Count | Function::Distinct => true,
        Function::Sum | Function::Avg | Function::Min | Function::Max => matches!(
            column.kind,
            ColumnKind::Integer | ColumnKind::Numeric | ColumnKind::Float
        ),
    }
}

fn plain(text: Arc<str>, title: Option<Arc<str>>) -> Presented {
    Presented {
        text,
        class: "",
        title,
        href: None,
    }
}

/// `open 12 · paid 3`; `None` where the groups are not told.
fn groups(cell: &Cell, column: &Column, zone: Zone) -> Option<String> {
    let Cell::Json(json) = cell else { return None };
    let groups = groups::read(json)?;
    let texts = groups.iter().map(|(value, rows)| {
        let value = present(value, Shape::Plain, column, zone).text;
        let rows = grouped(*rows);
        format!("{value} {rows}")
    });
    Some(texts.collect::<Vec<_>>().join(" · "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(cell: Cell, function: Function) -> String {
        let column = Column {
            name: "c".to_owned(),
            type_name: "text".to_owned(),
            kind: ColumnKind::Text,
            nullable: true,
            has_default: false,
            generated: false,
            labels: Vec::new(),
            references: None,
            comment: None,
        };
        present_figure(&cell, function, &column, None, Zone::Utc)
            .text
            .to_string()
    }

    #[test]
    fn groups_are_listed_with_their_counts() {
        let cell = Cell::Json(r#"[["open", 1200], ["a, b", 2], [null, 3]]"#.into());
        assert_eq!(
            shown(cell, Function::CountBy),
            "open 1,200 · a, b 2 · NULL 3"
        );
        assert_eq!(shown(Cell::Null, Function::CountBy), "too many");
    }

    #[test]
    fn counts_have_their_thousands_apart_and_sums_are_as_the_column_s_values() {
        assert_eq!(shown(Cell::integer(12345), Function::Distinct), "12,345");
        assert_eq!(
            shown(Cell::Number("1234.50".into()), Function::Sum),
            "1234.50"
        );
        assert_eq!(shown(Cell::Null, Function::Max), "NULL");
    }
}
