//! What somebody may do, by all their roles together.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rowcast_protocol::{
    ApiError, Table,
    query::{Filter, Is, Operator, Test},
};

use super::{
    grant::Grant,
    path::{EVERY_TABLE, path},
    restrict::no_row,
    rows::{self, User},
};
use crate::auth::AccountId;

/// What somebody may do with tables.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Rights {
    /// Nothing.
    #[default]
    None,
    /// Everything.
    All,
    /// What these roles may, each by [`path`].
    Of(Vec<Arc<BTreeMap<String, Grant>>>),
}

/// Something that is done with rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// They are inserted.
    Insert,
    /// They are changed.
    Update,
    /// They are deleted.
    Delete,
}

/// What somebody is kept from in one table that they may read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Columns that are as if they did not exist.
    pub hidden: BTreeSet<String>,
    /// Columns that are not written.
    pub read_only: BTreeSet<String>,
    /// Rows that may be read.
    pub read: Rows,
    /// Whether the database may keep rows back beside.
    pub is_secured: bool,
    /// Foreign keys that are as if they did not exist, for so is what they refer to.
    pub unknown_references: BTreeSet<String>,
    /// Rows that may be inserted, changed and deleted, of those that may be read.
    writes: [Rows; 3],
}

/// Which rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rows {
    /// All.
    #[default]
    All,
    /// Those for which this holds.
    Some(Filter),
    /// None.
    None,
}

impl Action {
    fn allowed(self, grant: &Grant) -> bool {
        match self {
            Self::Insert => grant.insert,
            Self::Update => grant.update,
            Self::Delete => grant.delete,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Insert => "inserted into",
            Self::Update => "changed",
            Self::Delete => "deleted from",
        }
    }
}

impl Rights {
    /// Whether any table may be read.
    pub fn may_read_anything(&self) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Of(roles) => roles.iter().flat_map(|of| of.values()).any(|of| of.read),
        }
    }

    /// Whether they may say what others may do with the table of this [`path`].
    pub fn manage(&self, path: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Of(roles) => said(roles, path).any(|grant| grant.read && grant.manage),
        }
    }

    /// Whether they may say that of any table.
    pub fn manage_anything(&self) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Of(roles) => roles.iter().flat_map(|of| of.values()).any(|of| of.manage),
        }
    }

    /// What they are kept from in a table of this name; `None` if they may not read it.
    ///
    /// What several roles give comes together: the rows that one of them gives may be read, and
    /// written if one gives that. A column that a role hides is shown if another shows it of all
    /// rows: of which rows it may be seen is not told apart.
    ///
    /// # Errors
    /// Those of a row filter that is none, which is not kept.
    ///
    /// What is said of a column that the table has not is of another table than this one has
    /// become, so such a grant gives nothing: a column that is renamed does not show.
    pub fn of(&self, table: &Table, user: User<'_>) -> Result<Option<Limits>, ApiError> {
        let roles = match self {
            Self::None => return Ok(None),
            Self::All => return Ok(Some(Limits::default())),
            Self::Of(roles) => roles,
        };
        let path = path(&table.schema, &table.name);
        let grants: Vec<&Grant> = said(roles, &path)
            .filter(|grant| grant.read && grant.fits(table))
            .collect();
        if grants.is_empty() {
            return Ok(None);
        }
        let rows = |allowed: &dyn Fn(&Grant) -> bool| -> Result<Rows, ApiError> {
            let allowing = grants.iter().filter(|grant| allowed(grant));
            union(allowing.map(|grant| grant.rows.as_deref()), user)
        };
        // A column that may be inserted and not changed, or the other way round, is not written.
        let read_only = |action: Action| {
            let writing = grants.iter().copied();
            let writing: Vec<&Grant> = writing.filter(|grant| action.allowed(grant)).collect();
            kept_back(&writing, |grant, column| {
                grant.hidden.contains(column) || grant.read_only.contains(column)
            })
        };
        let write = |action: Action| rows(&|grant| action.allowed(grant));
        Ok(Some(Limits {
            hidden: kept_back(&grants, |grant, column| grant.hidden.contains(column)),
            read_only: &read_only(Action::Insert) | &read_only(Action::Update),
            read: rows(&|_| true)?,
            is_secured: false,
            unknown_references: BTreeSet::new(),
            writes: [
                write(Action::Insert)?,
                write(Action::Update)?,
                write(Action::Delete)?,
            ],
        }))
    }
}

/// What is said of a table by each of the roles: of it, or of every table.
fn said<'a>(
    roles: &'a [Arc<BTreeMap<String, Grant>>],
    path: &'a str,
) -> impl Iterator<Item = &'a Grant> {
    roles
        .iter()
        .filter_map(move |of| of.get(path).or_else(|| of.get(EVERY_TABLE)))
}

/// The columns that some grants keep back, and none that is of all rows gives.
fn kept_back(grants: &[&Grant], keeps: impl Fn(&Grant, &str) -> bool) -> BTreeSet<String> {
    let named = grants
        .iter()
        .flat_map(|grant| grant.hidden.iter().chain(&grant.read_only));
    let is_given = |column: &str| {
        grants
            .iter()
            .any(|grant| grant.rows.is_none() && !keeps(grant, column))
    };
    named
        .filter(|column| grants.iter().any(|grant| keeps(grant, column)) && !is_given(column))
        .cloned()
        .collect()
}

/// The rows that one of the filters gives; a filter that is `None` gives all.
fn union<'a>(
    filters: impl Iterator<Item = Option<&'a str>>,
    user: User<'_>,
) -> Result<Rows, ApiError> {
    let mut alternatives = Vec::new();
    for filter in filters {
        let Some(text) = filter else {
            return Ok(Rows::All);
        };
        if let Some(of) = rows::for_user(text, user)? {
            alternatives.push(Filter::And { negated: false, of });
        }
    }
    Ok(match alternatives.len() {
        0 => Rows::None,
        1 => Rows::Some(alternatives.swap_remove(0)),
        _ => Rows::Some(Filter::Or {
            negated: false,
            of: alternatives,
        }),
    })
}

impl Limits {
    /// From all rows but those of an account.
    pub fn to_account(account: AccountId) -> Self {
        Self {
            read: Rows::Some(Filter::Test(Test {
                column: "account".to_owned(),
                negated: false,
                operator: Operator::Eq(account.0.to_string()),
            })),
            ..Self::to_reading()
        }
    }

    /// From all rows but those of channels that are not private, and of these.
    pub fn to_channels(channel: &str, is_private: &str, channels: &BTreeSet<i64>) -> Self {
        let test = |column: &str, operator| {
            Filter::Test(Test {
                column: column.to_owned(),
                negated: false,
                operator,
            })
        };
        let open = test(is_private, Operator::Is(Is::False));
        let read = if channels.is_empty() {
            open
        } else {
            let these = channels.iter().map(ToString::to_string).collect();
            Filter::Or {
                negated: false,
                of: vec![open, test(channel, Operator::In(these))],
            }
        };
        Self {
            read: Rows::Some(read),
            ..Self::to_reading()
        }
    }

    /// From everything.
    pub fn to_nothing() -> Self {
        Self {
            read: Rows::None,
            ..Self::to_reading()
        }
    }

    /// From writing.
    pub fn to_reading() -> Self {
        Self {
            writes: [Rows::None, Rows::None, Rows::None],
            ..Self::default()
        }
    }

    /// Takes back what is given by rules that ask for these columns, which can't be read: nobody
    /// can say of which rows they hold.
    pub(super) fn give_nothing_by(&mut self, unreadable: &BTreeSet<String>) {
        let asks = |filter: &Filter| {
            let tests = filter.tests();
            tests.iter().any(|test| unreadable.contains(&test.column))
        };
        for rows in std::iter::once(&mut self.read).chain(&mut self.writes) {
            match rows {
                Rows::Some(filter) if !asks(filter) => {}
                // What one role gives by a rule of its own stays.
                Rows::Some(Filter::Or { negated: false, of }) => {
                    of.retain(|filter| !asks(filter));
                    if of.is_empty() {
                        *rows = Rows::None;
                    }
                }
                Rows::Some(_) => *rows = Rows::None,
                Rows::All | Rows::None => {}
            }
        }
    }

    /// Whether nothing is kept back.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Whether rows are kept back from reading or from writing.
    pub fn are_of_rows(&self) -> bool {
        let rows = std::iter::once(&self.read).chain(&self.writes);
        rows.into_iter()
            .any(|rows| matches!(rows, Rows::Some(_)) || self.read == Rows::None)
    }

    /// What holds of a row of the table that may be written so, or read.
    pub fn conditions(&self, action: Option<Action>, table: &Table) -> Vec<Filter> {
        let written = action.map(|action| &self.writes[action as usize]);
        let rows = std::iter::once(&self.read).chain(written);
        rows.filter_map(|rows| match rows {
            Rows::All => None,
            Rows::Some(filter) => Some(filter.clone()),
            Rows::None => no_row(table),
        })
        .collect()
    }

    /// Whether there are rows that may be written so.
    pub fn may_some(&self, action: Action) -> bool {
        self.writes[action as usize] != Rows::None
    }

    /// The rows that may be written so, of those that may be read.
    ///
    /// # Errors
    /// `not_allowed` if there are none.
    pub fn written(&self, action: Action, table: &str) -> Result<&Rows, ApiError> {
        match &self.writes[action as usize] {
            Rows::None => Err(ApiError::new(
                "not_allowed",
                format!("rows of {table} may not be {} by you", action.word()),
                "an administrator may allow it",
            )),
            rows => Ok(rows),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn table() -> Table {
        let column = |name: &str| {
            json!({"name": name, "type": "text", "kind": "text", "nullable": true,
                "has_default": false, "generated": false, "labels": [], "references": null,
                "comment": null})
        };
        let columns: Vec<_> = ["id", "a", "b", "c"].into_iter().map(column).collect();
        let table = json!({"schema": "public", "name": "t", "kind": "table", "live": true,
            "key": ["id"], "columns": columns, "estimated_rows": 1, "comment": null});
        serde_json::from_value(table).expect("a table")
    }

    fn limits(grants: &[serde_json::Value]) -> Option<Limits> {
        let roles = grants.iter().map(|grant| {
            let grant: Grant = serde_json::from_value(grant.clone()).expect("a grant");
            Arc::new(BTreeMap::from([("public.t".to_owned(), grant)]))
        });
        let user = User {
            id: Some(1),
            name: "ann",
            attributes: &Map::new(),
        };
        let rights = Rights::Of(roles.collect());
        rights.of(&table(), user).expect("row filters")
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_column_is_shown_that_one_role_shows_of_all_rows_and_no_other() {
        let hides = json!({"read": true, "hidden": ["a", "b"]});
        let shows = json!({"read": true, "hidden": ["b", "c"]});
        let some = json!({"read": true, "rows": "id=eq.1"});
        let hidden = |grants: &[_]| limits(grants).expect("it may be read").hidden;
        assert_eq!(hidden(&[hides.clone(), shows.clone()]), names(&["b"]));
        assert_eq!(hidden(&[hides.clone(), some.clone()]), names(&["a", "b"]));
        assert_eq!(hidden(&[hides, some, shows]), names(&["b"]));
        // What may not be read gives no column.
        let unread = json!({"update": true});
        let kept = json!({"read": true, "hidden": ["a"]});
        assert_eq!(hidden(&[unread.clone(), kept]), names(&["a"]));
        assert_eq!(limits(&[unread]), None);
    }

    #[test]
    fn who_may_write_is_told_by_those_roles_alone_that_write() {
        let reads = json!({"read": true});
        let writes = json!({"read": true, "update": true, "rows": "id=eq.1", "hidden": ["a"],
                            "read_only": ["b"]});
        let limits = limits(&[reads, writes]).expect("it may be read");
        assert!(limits.hidden.is_empty());
        assert_eq!(limits.read_only, names(&["a", "b"]));
        assert_eq!(limits.read, Rows::All);
        assert!(limits.written(Action::Insert, "t").is_err());
        assert!(matches!(
            limits.written(Action::Update, "t"),
            Ok(Rows::Some(_))
        ));
        assert!(limits.are_of_rows());
    }

    #[test]
    fn what_one_role_may_insert_another_does_not_let_change() {
        let inserts = json!({"read": true, "insert": true});
        let updates = json!({"read": true, "update": true, "read_only": ["a"]});
        let limits = limits(&[inserts, updates]).expect("it may be read");
        assert_eq!(limits.read_only, names(&["a"]));
    }

    #[test]
    fn what_is_said_of_columns_that_are_not_there_gives_nothing() {
        for grant in [
            json!({"read": true, "hidden": ["x"]}),
            json!({"read": true, "read_only": ["a", "x"]}),
            json!({"read": true, "rows": "or=(a.eq.1,x.eq.2)"}),
        ] {
            assert_eq!(limits(std::slice::from_ref(&grant)), None, "{grant}");
        }
    }

    #[test]
    fn a_rule_on_what_can_not_be_read_gives_nothing_and_takes_nothing_of_others() {
        let of = |rows| json!({"read": true, "update": true, "rows": rows});
        let unreadable = names(&["a"]);
        for rule in [
            "a=is.null",
            "a=not.is.true",
            "or=(a.is.null,b.eq.1)",
            "b=eq.1&a=eq.2",
        ] {
            let alone = limits(&[of(rule)]);
            let mut alone = alone.expect("readable");
            alone.give_nothing_by(&unreadable);
            assert_eq!(alone.read, Rows::None, "{rule}");
            assert!(alone.written(Action::Update, "t").is_err(), "{rule}");
            let mut two = limits(&[of(rule), of("b=eq.3")]).expect("readable");
            two.give_nothing_by(&unreadable);
            assert_eq!(two.conditions(None, &table()).len(), 1);
            let left = format!("{:?}", two.read);
            assert!(left.contains("\"3\"") && !left.contains("\"a\""), "{left}");
        }
    }

    #[test]
    fn rows_of_several_roles_come_together() {
        let of = |rows| json!({"read": true, "rows": rows});
        let nobodys = of("a=eq.$user.team");
        assert_eq!(
            limits(std::slice::from_ref(&nobodys))
                .expect("readable")
                .read,
            Rows::None
        );
        let one = limits(&[nobodys, of("a=eq.1")]).expect("readable");
        assert!(matches!(one.read, Rows::Some(Filter::And { .. })));
        let two = limits(&[of("a=eq.1"), of("a=eq.2")]).expect("readable");
        assert!(matches!(two.read, Rows::Some(Filter::Or { .. })));
        let all = limits(&[of("a=eq.1"), json!({"read": true})]).expect("readable");
        assert!(all.is_nothing() || all.read == Rows::All);
    }
}
