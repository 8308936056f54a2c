//! A table with columns of the rows that it refers to beside its own.

use std::{ops::Range, sync::Arc};

use rowcast_protocol::Column;

use super::{ColumnMeta, TableMeta, fingerprint_sql};
use crate::database::quote::quote_ident;

/// What makes a [`TableMeta`] the table of a query with embeddings: its columns are those of
/// `base`, and behind them those of each join.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding {
    /// The table itself.
    pub base: Arc<TableMeta>,
    /// What it is joined with. A row has at most one partner in each, and NULLs without one.
    pub joins: Vec<Join>,
}

/// A foreign key that is followed.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// What the query calls it.
    pub name: String,
    /// The table that is referred to.
    pub table: Arc<TableMeta>,
    /// Positions of a column that refers and of the one that it refers to.
    pub on: Vec<(usize, usize)>,
    /// Positions, within that table, of the columns that the query looks at.
    pub columns: Vec<usize>,
    /// How many of them are shown: the first ones.
    pub shown: usize,
    /// The position of the first of them among the query's columns.
    pub first: usize,
}

impl Join {
    /// Positions of the columns shown, among the query's.
    pub fn shown_positions(&self) -> Range<usize> {
        self.first..self.first + self.shown
    }

    /// What a column of it is called in the query.
    pub fn column(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }
}

impl TableMeta {
    /// The table with these joins' columns behind its own. [`Join::first`] is set here.
    pub fn embedding(base: &Arc<Self>, mut joins: Vec<Join>) -> Self {
        let mut table = Self::clone(base);
        let mut prefix = "embedded".to_owned();
        while base.columns.iter().any(|own| own.name.starts_with(&prefix)) {
            prefix.push('_');
        }
        let mut fingerprints = vec![base.fingerprint.as_str()];
        for join in &mut joins {
            join.first = table.columns.len();
            for &at in &join.columns {
                let name = join.column(&join.table.columns[at].name);
                let place = table.columns.len() - base.columns.len();
                table.table.columns.push(Column {
                    name: name.clone(),
                    nullable: true,
                    has_default: false,
                    generated: true,
                    // What else there is, is not told to everybody.
                    references: match base.limits {
                        Some(_) => None,
                        None => join.table.table.columns[at].references.clone(),
                    },
                    ..join.table.table.columns[at].clone()
                });
                table.columns.push(ColumnMeta {
                    name,
                    selected_as: Some(format!("{prefix}{place}")),
                    nullable: true,
                    ..join.table.columns[at].clone()
                });
            }
        }
        fingerprints.extend(joins.iter().map(|join| join.table.fingerprint.as_str()));
        table.fingerprint = fingerprints.join("/");
        (table.schema, table.codecs) = Self::layout_of(base.oid, &table.columns, &base.key);
        table.embedding = Some(Embedding {
            base: Arc::clone(base),
            joins,
        });
        table
    }

    /// The table as it is in the catalog.
    pub fn base(&self) -> &Self {
        match &self.embedding {
            Some(embedding) => &embedding.base,
            None => self,
        }
    }

    /// The joins of a query with embeddings; of others, none.
    pub fn joins(&self) -> &[Join] {
        match &self.embedding {
            Some(embedding) => &embedding.joins,
            None => &[],
        }
    }

    /// An expression that is [`TableMeta::fingerprint`] as of its statement's snapshot.
    pub fn fingerprint_sql(&self) -> String {
        let joined = self.joins().iter().map(|join| join.table.oid);
        let parts: Vec<String> = std::iter::once(self.oid)
            .chain(joined)
            .map(fingerprint_sql)
            .collect();
        parts.join(" || '/' || ")
    }

    /// What rows are selected from, under an alias: `"public"."orders" AS t`.
    pub fn from_sql(&self, alias: &str) -> String {
        let base = self.base();
        let is_readable = |column: &&ColumnMeta| !column.is_unreadable;
        let is_whole = base.columns.iter().all(|column| is_readable(&column));
        if self.joins().is_empty() && is_whole {
            return format!("{} AS {alias}", self.sql_name());
        }
        let mut selected = match is_whole {
            true => vec!["b.*".to_owned()],
            // To name a column takes the right to read it.
            false => {
                let readable = base.columns.iter().filter(is_readable);
                readable.map(|column| column.value("b")).collect()
            }
        };
        let mut from = format!("{} AS b", self.sql_name());
        for (nth, join) in self.joins().iter().enumerate() {
            let joined = format!("j{nth}");
            for (place, &at) in join.columns.iter().enumerate() {
                let value = join.table.columns[at].value(&joined);
                if let Some(name) = &self.columns[join.first + place].selected_as {
                    selected.push(format!("{value} AS {}", quote_ident(name)));
                }
            }
            let on: Vec<String> = join
                .on
                .iter()
                .map(|(from, to)| {
                    let (from, to) = (&base.columns[*from], &join.table.columns[*to]);
                    equal_sql(from, to, &joined)
                })
                .collect();
            // A foreign key to a table does not reach the tables that inherit from it.
            let only = if join.table.partitions.is_empty() {
                "ONLY "
            } else {
                ""
            };
            from.push_str(&format!(
                " LEFT JOIN {only}{} AS {joined} ON ({})",
                join.table.sql_name(),
                on.join(" AND ")
            ));
        }
        format!("(SELECT {} FROM {from}) AS {alias}", selected.join(", "))
    }
}

/// That a column of the base table refers to one of the joined table, compared as the foreign
/// key compares them: by the operator and the collation of what is referred to.
fn equal_sql(from: &ColumnMeta, to: &ColumnMeta, joined: &str) -> String {
    let mut value = from.value("b");
    if let (Some(own), Some(theirs)) = (&from.collation_sql, &to.collation_sql)
        && own != theirs
    {
        value = format!("({value} COLLATE {theirs})");
    }
    format!("{value} {} {}", to.operator("="), to.value(joined))
}
