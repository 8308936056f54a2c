//! Which column each field of a file is for.

use rowcast_protocol::Column;

use crate::address::encode;

/// For each field the column that it is for, or none.
pub type Mapping = Vec<Option<String>>;

/// When a field's name is a column's.
type Way = fn(&str, &Column) -> bool;

/// The mapping that the names in a file suggest: the column of that name, or else one whose name
/// differs only in case, blanks and marks between words. Each column once.
pub fn by_name(names: &[String], columns: &[Column]) -> Mapping {
    let mut mapping: Mapping = vec![None; names.len()];
    let same: Way = |name, column| name == column.name;
    let alike: Way = |name, column| {
        let name = plain(name);
        !name.is_empty() && name == plain(&column.name)
    };
    for is_of in [same, alike] {
        for (at, name) in names.iter().enumerate() {
            if mapping[at].is_some() {
                continue;
            }
            let found = columns.iter().find(|column| {
                let free = !mapping.iter().flatten().any(|of| *of == column.name);
                free && !column.generated && is_of(name, column)
            });
            mapping[at] = found.map(|column| column.name.clone());
        }
    }
    mapping
}

/// The mapping with a field for another column, which is no other field's then.
pub fn with(mapping: &Mapping, field: usize, column: Option<String>) -> Mapping {
    let mut mapping: Mapping = mapping
        .iter()
        .map(|of| of.clone().filter(|of| Some(of) != column.as_ref()))
        .collect();
    if let Some(of) = mapping.get_mut(field) {
        *of = column;
    }
    mapping
}

/// Columns that a row needs and that no field is for.
pub fn missing<'a>(mapping: &Mapping, columns: &'a [Column]) -> Vec<&'a str> {
    columns
        .iter()
        .filter(|column| !column.nullable && !column.has_default && !column.generated)
        .filter(|column| !mapping.iter().flatten().any(|of| *of == column.name))
        .map(|column| &*column.name)
        .collect()
}

/// The mapping as the interface's parameter has it: a row of CSV, percent-encoded.
pub fn parameter(mapping: &Mapping) -> String {
    let names = mapping.iter().map(|of| match of {
        Some(name) if name.contains(['"', ',', '\n', '\r']) => {
            format!("\"{}\"", name.replace('"', "\"\""))
        }
        Some(name) => name.clone(),
        None => String::new(),
    });
    encode(&names.collect::<Vec<_>>().join(","))
}

/// A name without what people write differently.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use rowcast_protocol::ColumnKind;

    use super::*;

    fn column(name: &str) -> Column {
        Column {
            name: name.to_owned(),
            type_name: "text".to_owned(),
            kind: ColumnKind::Text,
            nullable: true,
            has_default: false,
            generated: false,
            labels: Vec::new(),
            references: None,
            comment: None,
        }
    }

    fn mapped(names: &[&str], columns: &[Column]) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mapping = by_name(&names, columns);
        mapping.into_iter().map(Option::unwrap_or_default).collect()
    }

    #[test]
    fn fields_are_for_the_columns_of_their_names_each_once() {
        let columns = [column("due_date"), column("Title"), column("title")];
        assert_eq!(
            mapped(&["title", " Due Date ", "nothing"], &columns),
            ["title", "due_date", ""]
        );
        assert_eq!(mapped(&["TITLE", "title"], &columns), ["Title", "title"]);
        assert_eq!(
            mapped(&["due-date", "due_date"], &columns),
            ["", "due_date"]
        );
        let computed = Column {
            generated: true,
            ..column("twice")
        };
        assert_eq!(mapped(&["twice"], &[computed]), [""]);
    }

    #[test]
    fn a_column_that_is_chosen_for_a_field_is_no_others() {
        let mapping = vec![Some("a".to_owned()), Some("b".to_owned()), None];
        let changed = with(&mapping, 2, Some("a".to_owned()));
        assert_eq!(changed, [None, Some("b".to_owned()), Some("a".to_owned())]);
        assert_eq!(with(&changed, 1, None)[1], None);
    }

    #[test]
    fn what_a_row_needs_and_the_file_lacks_is_told() {
        let needed = Column {
            nullable: false,
            ..column("needed")
        };
        let made = Column {
            nullable: false,
            has_default: true,
            ..column("made")
        };
        let columns = [needed, made, column("free")];
        assert_eq!(missing(&vec![None], &columns), ["needed"]);
        assert!(missing(&vec![Some("needed".to_owned())], &columns).is_empty());
    }

    #[test]
    fn names_with_commas_and_quotes_survive() {
        let mapping = vec![
            Some("a".to_owned()),
            None,
            Some("b,c".to_owned()),
            Some("d \"e\"".to_owned()),
        ];
        assert_eq!(
            parameter(&mapping),
            "a%2C%2C%22b%2Cc%22%2C%22d%20%22%22e%22%22%22"
        );
    }
}
