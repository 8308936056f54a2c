//! Filters in words.

use rowcast_protocol::{
    Column, ColumnKind,
    query::{Filter, Test},
};

use super::{Choice, Input};

/// The filter in words, such as `status is open` or `not (a > 1 or b is NULL)`.
pub fn describe(filter: &Filter, columns: &[Column]) -> String {
    match filter {
        Filter::Test(test) => describe_test(test, columns),
        Filter::And { negated, of } => group(*negated, " and ", of, columns),
        Filter::Or { negated, of } => group(*negated, " or ", of, columns),
    }
}

fn group(negated: bool, word: &str, of: &[Filter], columns: &[Column]) -> String {
    let mut out = String::new();
    if negated {
        out.push_str("not (");
    }
    for (at, filter) in of.iter().enumerate() {
        if at > 0 {
            out.push_str(word);
        }
        let nested = matches!(
            filter,
            Filter::And { negated: false, .. } | Filter::Or { negated: false, .. }
        );
        if nested {
            out.push('(');
        }
        out.push_str(&describe(filter, columns));
        if nested {
            out.push(')');
        }
    }
    if negated {
        out.push(')');
    }
    out
}

fn describe_test(test: &Test, columns: &[Column]) -> String {
    let kind = kind_of(&test.column, columns);
    let (choice, value) = Choice::of(test, kind);
    let value = match choice.input() {
        Input::Nothing => return [&*test.column, " ", choice.label(kind)].concat(),
        Input::Span => span(&value),
        _ if value.is_empty() => "“”".to_owned(),
        _ => value,
    };
    [&*test.column, choice.label(kind), &value].join(" ")
}

/// The kind of the column of that name.
pub fn kind_of(name: &str, columns: &[Column]) -> ColumnKind {
    let column = columns.iter().find(|column| column.name == name);
    column.map_or(ColumnKind::Other, |column| column.kind)
}

/// The units of spans: as they are written, and in words.
pub const UNITS: [(&str, &str); 5] = [
    ("s", "seconds"),
    ("m", "minutes"),
    ("h", "hours"),
    ("d", "days"),
    ("w", "weeks"),
];

/// A span of time in words: `15 minutes`.
fn span(text: &str) -> String {
    let unit = UNITS
        .iter()
        .find_map(|(unit, word)| Some((text.strip_suffix(unit)?, *word)));
    match unit {
        Some(("1", word)) => ["1 ", word.trim_end_matches('s')].concat(),
        Some((number, word)) => [number, " ", word].concat(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rowcast_protocol::query::Query;

    use super::*;

    #[test]
    fn filters_read_as_sentences() {
        let column = |name: &str, kind| Column {
            name: name.to_owned(),
            type_name: String::new(),
            kind,
            nullable: true,
            has_default: false,
            generated: false,
            labels: Vec::new(),
            references: None,
            comment: None,
        };
        let columns = [
            column("title", ColumnKind::Text),
            column("at", ColumnKind::TimestampTz),
        ];
        let said = |text: &str| {
            let query = Query::parse(text).expect("it can be read");
            describe(&query.filter[0], &columns)
        };
        assert_eq!(said("title=ilike.*ink*"), "title contains ink");
        assert_eq!(said("title=eq."), "title is “”");
        assert_eq!(said("at=gte.now-15m"), "at in the last 15 minutes");
        assert_eq!(said("at=lt.now-1d"), "at longer ago than 1 day");
        assert_eq!(said("at=not.is.null"), "at is not NULL");
        assert_eq!(
            said("not.or=(title.eq.a,and(title.eq.b,at.is.null))"),
            "not (title is a or (title is b and at is NULL))"
        );
    }
}
