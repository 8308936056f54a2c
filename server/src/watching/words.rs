//! What is said of hits.

use rowcast_app::address;

use super::{
    look::Hit,
    rule::{Kind, Rule},
};

/// A statement changed more rows than are recorded.
pub const BULK: &str = "A statement changed more rows than are recorded one by one.";
/// Rows are too large to be recorded, or the write-ahead log does not tell what they were.
pub const LARGE: &str = "Rows were changed of which only the key is recorded: they are \
     too large, or the table's REPLICA IDENTITY has nothing more recorded.";
/// The table was emptied.
pub const EMPTIED: &str = "The table was emptied at once.";
/// The table was altered meanwhile.
pub const ALTERED: &str = "The table was altered before its changes were looked at.";
/// Rows came or went with a partition.
pub const PARTED: &str = "A partition was dropped or detached, with its rows.";
/// And came with one.
pub const JOINED: &str = "A partition was attached that had rows.";
/// It is not the table that it was.
pub const REPLACED: &str = "The table is gone, or another one took its place.";
/// A condition can't be decided.
pub const FAILED: &str = "The conditions could not be decided for some rows.";
/// There were too many.
pub const BEYOND: &str = "More rows changed in one transaction than are told apart.";
/// It can't be any more.
pub const REFUSED: &str = "It was not looked at: its table or a column of its conditions is gone, or \
     not for its owner any more.";
/// A sum that is none.
pub const NO_TOTAL: &str = "The total could not be computed for the rows that there are.";
/// It can't be looked at for long.
pub const SLOW: &str = "Looking at it failed or took too long several times in a row, so it was \
     passed over.";
/// The log was emptied first.
pub const PURGED: &str = "Changes were removed from the log before they were looked at \
     (ROWCAST_RETENTION), so hits may have been missed.";
/// Another history of the log began.
pub const RESTORED: &str = "The database was restored, or its changes are recorded in another way: \
     what happened before that was not looked at.";

/// What somebody is told at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// On one line.
    pub title: String,
    /// More of it.
    pub body: String,
    /// Where it leads.
    pub link: String,
}

/// What is said of that many rows; of one that is known, which it is.
pub fn said(
    rule: &Rule,
    rows: i64,
    one: Option<&[(String, String)]>,
    unsure: Option<&str>,
) -> Said {
    let number = match (rows, unsure) {
        (1, None) => "a row".to_owned(),
        (rows, None) => format!("{} rows", grouped(rows)),
        (0, Some(_)) => "rows".to_owned(),
        (rows, Some(_)) => format!("up to {} rows", grouped(rows)),
    };
    let may = matches!((rows, unsure), (0, Some(_)));
    let what = match (&rule.kind, may) {
        (Kind::Enters, false) => format!("{number} entered"),
        (Kind::Enters, true) => "rows may have entered".to_owned(),
        (Kind::Leaves, false) => format!("{number} left"),
        (Kind::Leaves, true) => "rows may have left".to_owned(),
        (Kind::Changes(column), false) => format!("{column} changed in {number}"),
        (Kind::Changes(column), true) => format!("{column} may have changed"),
        (Kind::Total(_), _) => "the total may have crossed its bound".to_owned(),
    };
    let one = one.filter(|_| rows == 1 && unsure.is_none());
    let mut body = match one {
        Some(key) => {
            let key: Vec<String> = key
                .iter()
                .map(|(name, value)| format!("{name} {value}"))
                .collect();
            format!("{}: {}", rule.table, key.join(", "))
        }
        None => rule.table.clone(),
    };
    if let Some(why) = unsure {
        body = format!("{body}. {why}");
    }
    Said {
        title: line(&format!("{}: {what}", rule.name), 200),
        body: text(&body, 2000),
        link: match one {
            Some(key) => link_to_row(&rule.table, key),
            None => link(address::table_at(&rule.table, &rule.query)),
        },
    }
}

/// What is said of a total.
pub fn total(rule: &Rule, value: &str, bound: &str, is_above: bool) -> Said {
    let where_to = if is_above { "above" } else { "below" };
    Said {
        title: line(
            &format!("{}: {value} is {where_to} {bound}", rule.name),
            200,
        ),
        body: text(&rule.table, 2000),
        link: link(address::table_at(&rule.table, &rule.query)),
    }
}

/// The key of the row that a hit names.
pub fn key_of(hit: &Hit, names: &[String]) -> Option<Vec<(String, String)>> {
    let values = hit.outcome.one.as_ref()?.values().iter();
    names
        .iter()
        .zip(values)
        .map(|(name, value)| Some((name.clone(), value.to_sql_text()?)))
        .collect()
}

fn link_to_row(table: &str, key: &[(String, String)]) -> String {
    let tests: Vec<String> = key
        .iter()
        .map(|(name, value)| format!("{}=eq.{}", address::encode(name), address::encode(value)))
        .collect();
    link(format!(
        "/tables/{}?{}",
        address::encode(table),
        tests.join("&")
    ))
}

/// One that a notification can have; else it leads nowhere.
fn link(to: String) -> String {
    let is_one = |letter: char| !letter.is_control() && !letter.is_whitespace() && letter != '\\';
    match to.len() <= 2000 && to.chars().all(is_one) {
        true => to,
        false => String::new(),
    }
}

fn line(words: &str, longest: usize) -> String {
    let letters = words.chars().map(|letter| match letter.is_control() {
        true => ' ',
        false => letter,
    });
    letters.take(longest).collect()
}

fn text(words: &str, longest: usize) -> String {
    line(words, longest)
}

fn grouped(number: i64) -> String {
    rowcast_app::format::number::grouped(number.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(kind: Kind) -> Rule {
        Rule {
            id: 1,
            account: 1,
            role: None,
            name: "Open".to_owned(),
            table: "orders".to_owned(),
            query: "status=eq.open".to_owned(),
            kind,
            group_seconds: 0,
            since: rowcast_protocol::PgSnapshot::default(),
            gaps: Vec::new(),
            relations: None,
            until: None,
            is_over: false,
            mail: false,
            hook: None,
        }
    }

    #[test]
    fn one_row_is_named_and_many_are_counted() {
        let key = [("id".to_owned(), "a&b".to_owned())];
        let one = said(&rule(Kind::Enters), 1, Some(&key), None);
        assert_eq!(one.title, "Open: a row entered");
        assert_eq!(one.body, "orders: id a&b");
        assert_eq!(one.link, "/tables/orders?id=eq.a%26b");
        let many = said(&rule(Kind::Leaves), 100_000, Some(&key), None);
        assert_eq!(many.title, "Open: 100,000 rows left");
        assert_eq!(many.link, "/tables/orders?status=eq.open");
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        let title = |kind, rows| said(&rule(kind), rows, None, Some(BULK)).title;
        assert_eq!(title(Kind::Enters, 12), "Open: up to 12 rows entered");
        assert_eq!(title(Kind::Leaves, 0), "Open: rows may have left");
        let changes = Kind::Changes("x".to_owned());
        assert_eq!(title(changes, 0), "Open: x may have changed");
    }

    #[test]
    fn what_can_be_no_link_is_none() {
        let mut rule = rule(Kind::Enters);
        rule.query = "q=two words".to_owned();
        assert_eq!(said(&rule, 2, None, None).link, "");
        rule.name = "a\nb".to_owned();
        assert_eq!(said(&rule, 2, None, None).title, "a b: 2 rows entered");
    }
}
