//! What can be written next in a filter's text.

use rowcast_protocol::{
    Column, ColumnKind,
    query::{Operator, is_comparable},
};

use super::{knows_now, text::escape};
use crate::address::decode;

/// What is being written at the end of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// What of.
    pub wanted: Wanted,
    /// Where it begins, in bytes of the text.
    pub from: usize,
}

/// What can be written at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A column, or a group.
    Column {
        /// Whether inside a group.
        grouped: bool,
    },
    /// An operator for the column.
    Operator {
        /// The column's name.
        column: String,
        /// Whether `not.` stands before it.
        negated: bool,
    },
    /// What the column is compared with.
    Value {
        /// The column's name.
        column: String,
        /// The operator's word.
        operator: String,
        /// Whether it ends at a comma or a parenthesis.
        grouped: bool,
    },
    /// The end of what stands there.
    Nothing,
}

/// One way to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What is written in place of what there is from [`Context::from`] on.
    pub insert: String,
    /// What a person reads.
    pub label: String,
    /// What it is.
    pub about: String,
}

/// What is being written at the end of `text`, which is a filter's text up to the caret.
pub fn context(text: &str, columns: &[Column]) -> Context {
    let begin = text.rfind(['&', '\n']).map_or(0, |at| at + 1);
    let Some((name, value)) = text[begin..].split_once('=') else {
        return Context {
            wanted: Wanted::Column { grouped: false },
            from: begin + blanks(&text[begin..]),
        };
    };
    let value_begin = text.len() - value.len();
    let name = decode(name.trim_start());
    match &*name {
        "and" | "or" | "not.and" | "not.or" => in_group(value, value_begin, columns),
        _ => in_test(name, value, value_begin, false),
    }
}

/// How many blanks a text begins with.
fn blanks(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// What encloses a place.
#[derive(Clone, Copy, PartialEq)]
enum Within {
    Group,
    List,
}

/// Inside a group's value, which begins at `begin`.
fn in_group(value: &str, begin: usize, columns: &[Column]) -> Context {
    let mut within = Vec::new();
    let mut member = 0;
    let mut done = false;
    let mut characters = value.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => skip_quoted(&mut characters),
            '(' => {
                let before = value[member..at].trim_start();
                if within.is_empty() || matches!(before, "and" | "or" | "not.and" | "not.or") {
                    within.push(Within::Group);
                    member = at + 1;
                } else {
                    within.push(Within::List);
                }
                done = false;
            }
            ')' => done = within.pop() == Some(Within::Group),
            ',' if within.last() == Some(&Within::Group) => {
                member = at + 1;
                done = false;
            }
            _ => {}
        }
    }
    if done || within.is_empty() {
        return Context {
            wanted: Wanted::Nothing,
            from: begin + value.len(),
        };
    }
    member += blanks(&value[member..]);
    let written = &value[member..];
    match split_column(written, columns) {
        Some((column, rest)) => {
            let rest_begin = begin + value.len() - rest.len();
            in_test(column, rest, rest_begin, true)
        }
        None => Context {
            wanted: Wanted::Column { grouped: true },
            from: begin + member,
        },
    }
}

fn skip_quoted(characters: &mut std::str::CharIndices<'_>) {
    while let Some((_, character)) = characters.next() {
        match character {
            '"' => return,
            '\\' => {
                characters.next();
            }
            _ => {}
        }
    }
}

/// A condition's column and what follows the dot behind it: the longest name that is one, or
/// else what stands before the first dot.
fn split_column<'a>(written: &'a str, columns: &[Column]) -> Option<(String, &'a str)> {
    let rest_of = |name: &str| written.strip_prefix(name)?.strip_prefix('.');
    let known = columns.iter().filter_map(|column| {
        let rest =
            rest_of(&in_group_name(&column.name)).or_else(|| rest_of(&escape(&column.name)))?;
        Some((column.name.clone(), rest))
    });
    known.min_by_key(|(_, rest)| rest.len()).or_else(|| {
        let (name, rest) = written.split_once('.')?;
        // The beginning of `not.and(` is no column.
        (name != "not").then(|| (decode(name), rest))
    })
}

/// Behind a column: `[not.]op.value`.
fn in_test(column: String, rest: &str, begin: usize, grouped: bool) -> Context {
    let (negated, after) = match rest.strip_prefix("not.") {
        Some(after) => (true, after),
        None => (false, rest),
    };
    let place = |of: &str| begin + rest.len() - of.len();
    let Some((operator, value)) = after.split_once('.') else {
        return Context {
            wanted: Wanted::Operator { column, negated },
            from: place(after),
        };
    };
    let (wanted, from) = if operator == "in" {
        match value.strip_prefix('(') {
            None => (Wanted::Nothing, value),
            Some(list) => {
                let mut last = 0;
                let mut closed = false;
                let mut characters = list.char_indices();
                while let Some((at, character)) = characters.next() {
                    match character {
                        '"' => skip_quoted(&mut characters),
                        ',' => last = at + 1,
                        ')' => closed = true,
                        _ => {}
                    }
                }
                if closed {
                    (Wanted::Nothing, "")
                } else {
                    let wanted = Wanted::Value {
                        column,
                        operator: operator.to_owned(),
                        grouped: true,
                    };
                    (wanted, &list[last..])
                }
            }
        }
    } else {
        let wanted = Wanted::Value {
            column,
            operator: operator.to_owned(),
            grouped,
        };
        (wanted, value)
    };
    Context {
        from: place(from),
        wanted,
    }
}

/// A column's name as a group has it: in quotes where it needs them.
fn in_group_name(name: &str) -> String {
    let plain = |name: &str| {
        !name.is_empty()
            && name
                .chars()
                .all(|char| char.is_alphanumeric() || matches!(char, '_' | '-' | '$'))
    };
    let embedded = name
        .split_once('.')
        .is_some_and(|(embed, of)| plain(embed) && plain(of));
    if plain(name) || embedded {
        escape(name)
    } else {
        quoted(name)
    }
}

fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    escape(&["\"", &text, "\""].concat())
}

/// A value as it is written there.
pub fn written_value(value: &str, grouped: bool) -> String {
    let special = value.is_empty()
        || value.contains([',', '(', ')', '"', '\\', '{', '}'])
        || value.trim() != value;
    if grouped && special {
        quoted(value)
    } else {
        escape(value)
    }
}

/// The ways to go on at a place where `typed` is written already; those that begin with it
/// first. `values` are values of the column that is compared.
pub fn candidates(
    wanted: &Wanted,
    typed: &str,
    columns: &[Column],
    values: &[String],
) -> Vec<Candidate> {
    let find = |name: &str| columns.iter().find(|column| column.name == name);
    let all = match wanted {
        Wanted::Column { grouped } => of_columns(columns, *grouped),
        Wanted::Operator { column, negated } => of_operators(find(column), *negated),
        Wanted::Value {
            column,
            operator,
            grouped,
        } => of_values(find(column), operator, *grouped, values),
        Wanted::Nothing => Vec::new(),
    };
    let typed = decode(typed).trim_start_matches('"').to_lowercase();
    let rank = |candidate: &Candidate| {
        let label = candidate.label.to_lowercase();
        let begins = label.starts_with(&typed);
        (begins || label.contains(&typed)).then_some(!begins)
    };
    let mut found: Vec<(bool, Candidate)> = all
        .into_iter()
        .filter_map(|candidate| Some((rank(&candidate)?, candidate)))
        .collect();
    found.sort_by_key(|(later, _)| *later);
    found.into_iter().map(|(_, candidate)| candidate).collect()
}

fn candidate(insert: String, label: &str, about: &str) -> Candidate {
    Candidate {
        insert,
        label: label.to_owned(),
        about: about.to_owned(),
    }
}

fn of_columns(columns: &[Column], grouped: bool) -> Vec<Candidate> {
    let names = columns.iter().map(|column| {
        let insert = if grouped {
            in_group_name(&column.name) + "."
        } else {
            escape(&column.name).replace('=', "%3D") + "="
        };
        candidate(insert, &column.name, &column.type_name)
    });
    let groups = [
        ("or", "any of these"),
        ("and", "all of these"),
        ("not.or", "none of these"),
        ("not.and", "not all of these"),
    ];
    let open = if grouped { "(" } else { "=(" };
    names
        .chain(groups.map(|(word, about)| candidate([word, open].concat(), word, about)))
        .collect()
}

fn of_operators(column: Option<&Column>, negated: bool) -> Vec<Candidate> {
    let kind = column.map_or(ColumnKind::Other, |column| column.kind);
    let compares = column.is_none_or(is_comparable) && kind != ColumnKind::Boolean;
    let ranges = compares && !matches!(kind, ColumnKind::Json | ColumnKind::Array);
    let operators = [
        (compares, "eq", "is"),
        (compares, "neq", "is not"),
        (ranges, "gt", "greater, later"),
        (ranges, "gte", "or the same"),
        (ranges, "lt", "less, earlier"),
        (ranges, "lte", "or the same"),
        (kind == ColumnKind::Text, "ilike", "matches, * is any text"),
        (kind == ColumnKind::Text, "like", "matches in the same case"),
        (compares, "in", "is any of"),
        (true, "is", "null, true, false"),
        (!negated, "not", "the opposite"),
    ];
    operators
        .into_iter()
        .filter(|(fits, _, _)| *fits)
        .map(|(_, word, about)| {
            let open = if word == "in" { ".(" } else { "." };
            candidate([word, open].concat(), word, about)
        })
        .collect()
}

fn of_values(
    column: Option<&Column>,
    operator: &str,
    grouped: bool,
    values: &[String],
) -> Vec<Candidate> {
    let kind = column.map_or(ColumnKind::Other, |column| column.kind);
    let plain = |value: &str, about: &str| candidate(written_value(value, grouped), value, about);
    if operator == Operator::Is(rowcast_protocol::query::Is::Null).word() {
        let flags = (kind == ColumnKind::Boolean).then_some(["true", "false"]);
        let words = flags.into_iter().flatten().chain(["null"]);
        return words.map(|word| plain(word, "")).collect();
    }
    let mut all = Vec::new();
    if knows_now(kind) && matches!(operator, "gt" | "gte" | "lt" | "lte") {
        all.extend(
            [
                ("now-15m", "15 minutes ago"),
                ("now-1h", "an hour ago"),
                ("now-1d", "a day ago"),
                ("now-1w", "a week ago"),
                ("now", "now"),
                ("now+1d", "in a day"),
            ]
            .map(|(value, about)| plain(value, about)),
        );
    }
    let labels = column.map_or(&[][..], |column| &column.labels);
    all.extend(labels.iter().map(|label| plain(label, "")));
    if labels.is_empty() {
        all.extend(values.iter().map(|value| plain(value, "")));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<Column> {
        let column = |name: &str, kind, labels: &[&str]| Column {
            name: name.to_owned(),
            type_name: "type".to_owned(),
            kind,
            nullable: true,
            has_default: false,
            generated: false,
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            references: None,
            comment: None,
        };
        vec![
            column("id", ColumnKind::Integer, &[]),
            column("title", ColumnKind::Text, &[]),
            column(
                "status",
                ColumnKind::Enum,
                &["open", "in, progress", "closed"],
            ),
            column("at", ColumnKind::TimestampTz, &[]),
            column("done", ColumnKind::Boolean, &[]),
            column("who.name", ColumnKind::Text, &[]),
            column("odd(one)", ColumnKind::Integer, &[]),
        ]
    }

    /// What is offered at the end of a text, and the text with the first of it taken.
    fn next(text: &str) -> (Vec<String>, String) {
        let columns = columns();
        let context = context(text, &columns);
        let values = ["Ink, black".to_owned(), "Paper".to_owned()];
        let found = candidates(&context.wanted, &text[context.from..], &columns, &values);
        let taken = found.first().map_or(text.to_owned(), |first| {
            [&text[..context.from], &first.insert].concat()
        });
        (found.into_iter().map(|found| found.label).collect(), taken)
    }

    fn taken(text: &str) -> String {
        next(text).1
    }

    #[test]
    fn a_condition_is_written_by_taking_what_is_offered() {
        assert_eq!(taken("sta"), "status=");
        assert_eq!(
            next("status=").0,
            ["eq", "neq", "gt", "gte", "lt", "lte", "in", "is", "not"]
        );
        assert_eq!(taken("status=e"), "status=eq.");
        assert_eq!(next("status=eq.").0, ["open", "in, progress", "closed"]);
        // Outside a group nothing needs quotes.
        assert_eq!(taken("status=eq.pro"), "status=eq.in, progress");
        assert_eq!(taken("status=not.i"), "status=not.in.(");
        assert_eq!(
            taken("status=not.in.(open,pro"),
            "status=not.in.(open,\"in, progress\""
        );
        assert_eq!(taken("id=eq.1&ti"), "id=eq.1&title=");
        assert_eq!(taken("id=eq.1\n ti"), "id=eq.1\n title=");
    }

    #[test]
    fn groups_are_written_too() {
        assert_eq!(taken("or"), "or=(");
        assert_eq!(taken("or=(sta"), "or=(status.");
        assert_eq!(taken("or=(status.eq.open,and"), "or=(status.eq.open,and(");
        assert_eq!(taken("or=(and(id.gt.1, do"), "or=(and(id.gt.1, done.");
        assert_eq!(
            taken("or=(and(id.in.(1,2),done.is.t"),
            "or=(and(id.in.(1,2),done.is.true"
        );
        assert_eq!(
            taken("or=(title.eq.\"a)b\",status.eq.cl"),
            "or=(title.eq.\"a)b\",status.eq.closed"
        );
        assert_eq!(taken("or=(id.eq.1,odd"), "or=(id.eq.1,\"odd(one)\".");
        assert_eq!(taken("or=(\"odd(one)\".g"), "or=(\"odd(one)\".gt.");
        assert_eq!(taken("or=(who.name.e"), "or=(who.name.eq.");
        assert_eq!(next("or=(id.eq.1)").0, Vec::<String>::new());
        assert_eq!(next("or=(and(id.eq.1)").0, Vec::<String>::new());
        assert_eq!(taken("or=(and(id.eq.1),ti"), "or=(and(id.eq.1),title.");
    }

    #[test]
    fn values_fit_their_column() {
        assert_eq!(next("done=is.").0, ["true", "false", "null"]);
        assert_eq!(next("title=is.").0, ["null"]);
        assert_eq!(taken("at=gte.now-15"), "at=gte.now-15m");
        assert_eq!(taken("at=lt.now%2B"), "at=lt.now%2B1d");
        assert_eq!(taken("title=eq.ink"), "title=eq.Ink, black");
        assert_eq!(taken("or=(title.eq.ink"), "or=(title.eq.\"Ink, black\"");
        assert_eq!(taken("title=in.(\"ink"), "title=in.(\"Ink, black\"");
        assert!(!next("done=").0.contains(&"gt".to_owned()));
    }
}
