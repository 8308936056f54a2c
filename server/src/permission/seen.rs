//! The catalog as somebody may see it.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use rowcast_protocol::{ApiError, Reference, Table};
use sqlx::PgPool;

use super::{
    rights::{Action, Limits, Rights, Rows},
    rows::User,
};
use crate::{
    audit,
    auth::Identity,
    database::{
        catalog::{Catalog, ForeignKey, TableMeta, Theirs, is_for_administrators, theirs},
        impersonation::DatabaseUser,
        readers::Readers,
    },
    error::unknown_table,
};

/// The tables that somebody may read, as they may read them.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    catalog: &'a Catalog,
    identity: &'a Identity,
    /// Where it is noted that the audit log is read.
    notes: Option<&'a PgPool>,
    /// Where rows are read by which it is decided what else may be.
    readers: Option<&'a Readers>,
}

impl<'a> Seen<'a> {
    /// The catalog as `identity` may see it.
    pub fn new(catalog: &'a Catalog, identity: &'a Identity) -> Self {
        Self {
            catalog,
            identity,
            notes: None,
            readers: None,
        }
    }

    /// The same, where rows can be read by which it is decided what else may be.
    pub fn reading(self, readers: &'a Readers) -> Self {
        Self {
            readers: Some(readers),
            ..self
        }
    }

    /// By what is read what was written about a row: connections for reading, and for writing what is ours.
    pub fn about_rows(self) -> Option<(&'a Readers, &'a PgPool)> {
        self.readers.zip(self.notes)
    }

    /// The same, where it is noted that the audit log is read.
    pub fn noting(self, notes: &'a PgPool) -> Self {
        Self {
            notes: Some(notes),
            ..self
        }
    }

    /// Who sees it so.
    pub fn identity(self) -> &'a Identity {
        self.identity
    }

    /// Notes that the audit log is read.
    ///
    /// # Errors
    /// Those of a write: what can't be noted is not read.
    pub(super) async fn note_reading(self) -> Result<(), ApiError> {
        match self.notes {
            Some(notes) => audit::reading(notes).await,
            None => Ok(()),
        }
    }

    /// The table of that name, with what its reader is kept from in [`TableMeta::limits`].
    ///
    /// # Errors
    /// `unknown_table`, if there is none or it may not be read; `database_unavailable`.
    pub async fn table(self, name: &str) -> Result<Arc<TableMeta>, ApiError> {
        let table = self.catalog.table(name).await?;
        self.known(table, name).await
    }

    /// A table of the catalog as they may see it; `name`: what it was asked for by.
    ///
    /// # Errors
    /// As [`Seen::table`].
    pub async fn known(
        self,
        table: Arc<TableMeta>,
        name: &str,
    ) -> Result<Arc<TableMeta>, ApiError> {
        match self.ruled(table).await? {
            Some((table, limits)) => self.limited(table, limits).await,
            None => Err(unknown_table(name)),
        }
    }

    /// The table of that number; `None` if it may not be read.
    ///
    /// # Errors
    /// As [`Catalog::by_oid`].
    pub async fn by_oid(self, oid: u32) -> Result<Option<(Arc<TableMeta>, Limits)>, ApiError> {
        self.ruled(self.catalog.by_oid(oid).await?).await
    }

    /// Every table that may be read.
    ///
    /// # Errors
    /// `database_unavailable`.
    pub async fn tables(self) -> Result<Vec<Table>, ApiError> {
        let readable = match &self.identity.database {
            DatabaseUser::Server => None,
            DatabaseUser::Nobody => return Ok(Vec::new()),
            DatabaseUser::Role(of) => Some(self.catalog.readable(&of.role).await?),
        };
        let mut tables = self.catalog.tables().await?;
        let mut seen = Vec::with_capacity(tables.len());
        for mut table in tables.drain(..) {
            let mut limits = self.limits_of(&table)?;
            if let Some(readable) = &readable {
                let of = readable.get(&(table.schema.clone(), table.name.clone()));
                limits = limits
                    .zip(of)
                    .and_then(|(limits, of)| limits.secured(&table, &of.unreadable, of.is_secured));
            }
            if let Some(limits) = limits {
                limits.take_hidden_from(&mut table);
                seen.push(table);
            }
        }
        if !self.sees_everything() {
            let columns = |table: &Table| table.columns.iter().map(|of| of.name.clone()).collect();
            let known: HashMap<String, HashSet<String>> = seen
                .iter()
                .map(|table| (table.path(), columns(table)))
                .collect();
            for table in &mut seen {
                forget_references(table, |_, to| {
                    let columns = known.get(&to.table);
                    columns.is_some_and(|columns| columns.contains(&to.column))
                });
            }
        }
        Ok(seen)
    }

    /// What tables there are: for what has been [restricted](super::restrict) already.
    pub fn catalog(self) -> &'a Catalog {
        self.catalog
    }

    /// Whether nothing is kept back from them in any table.
    pub fn sees_everything(self) -> bool {
        *self.identity.rights == Rights::All && self.identity.database == DatabaseUser::Server
    }

    /// The table as they may read it, by what is said of it and by what the database says; `None`
    /// if they may not.
    async fn ruled(
        self,
        table: Arc<TableMeta>,
    ) -> Result<Option<(Arc<TableMeta>, Limits)>, ApiError> {
        let Some(limits) = self.limits(&table)? else {
            return Ok(None);
        };
        let impersonation = match &self.identity.database {
            DatabaseUser::Role(of) if !table.is_ours() => of,
            DatabaseUser::Nobody if !table.is_ours() => return Ok(None),
            _ => return Ok(Some((table, limits))),
        };
        let ruled = self.catalog.impersonated(&table, impersonation).await?;
        Ok(ruled.and_then(|table| {
            let rules = table.rules.as_deref()?;
            let limits = limits.secured(&table.table, &rules.unreadable, rules.is_secured)?;
            Some((table, limits))
        }))
    }

    fn limits(self, table: &TableMeta) -> Result<Option<Limits>, ApiError> {
        // A part is read as what it is a part of, by the rules of that.
        if table.is_partition && !self.sees_everything() {
            return Ok(None);
        }
        self.limits_of(&table.table)
    }

    fn limits_of(self, table: &Table) -> Result<Option<Limits>, ApiError> {
        let user = User {
            id: self.identity.account.map(|account| account.0),
            name: &self.identity.name,
            attributes: &self.identity.attributes,
        };
        if is_for_administrators(table) {
            return Ok(self.identity.is_administrator().then(Limits::default));
        }
        // What somebody is told nobody else reads, nor what is written where they are not, whoever
        // that is.
        if let Some(theirs) = theirs(table) {
            return Ok(self.limits_by_account(theirs, table));
        }
        // What we keep of tables is for those who may read them: `restrict` sees to that.
        if table.schema == "rowcast" && self.identity.rights.may_read_anything() {
            return Ok(Some(Limits::default()));
        }
        let limits = self.identity.rights.of(table, user)?;
        Ok(limits.filter(|limits| can_be_kept(limits, table)))
    }

    fn limits_by_account(self, theirs: Theirs, table: &Table) -> Option<Limits> {
        if theirs == Theirs::AboutRows {
            // Which rows they name is of their query, not of who they are.
            return Some(Limits::to_nothing());
        }
        let account = self.identity.account?;
        Some(match theirs {
            Theirs::AboutRows => Limits::to_nothing(),
            Theirs::Own => Limits::to_account(account),
            // Administrators say who is in a channel; to read what is in it they have to be.
            Theirs::Channels(..) if table.name == "channel" && self.identity.is_administrator() => {
                Limits::to_reading()
            }
            Theirs::Channels(channel, is_private) => {
                Limits::to_channels(channel, is_private, &self.identity.channels)
            }
        })
    }

    async fn limited(
        self,
        table: Arc<TableMeta>,
        mut limits: Limits,
    ) -> Result<Arc<TableMeta>, ApiError> {
        if table.is_by_account() {
            return Ok(table.limited(Some(Arc::new(limits))));
        }
        // Also where nothing is kept back: what else there is in the database is not told.
        if self.sees_everything() {
            return Ok(table);
        }
        let referred: Vec<u32> = table.foreign_keys.iter().map(|key| key.to).collect();
        let mut hidden: HashMap<u32, BTreeSet<String>> = HashMap::new();
        let rules = match &self.identity.database {
            DatabaseUser::Role(of) => Some(self.catalog.rules(of, &referred).await?),
            DatabaseUser::Server | DatabaseUser::Nobody => None,
        };
        for theirs in self.catalog.by_oids(&referred).await? {
            let mut limits = self.limits(&theirs)?;
            if let Some(rules) = &rules {
                let rules = rules.get(&theirs.oid);
                limits = limits.zip(rules).and_then(|(limits, rules)| {
                    limits.secured(&theirs.table, &rules.unreadable, rules.is_secured)
                });
            }
            if let Some(limits) = limits {
                hidden.insert(theirs.oid, limits.hidden);
            }
        }
        for key in &table.foreign_keys {
            if !refers(key, &limits, hidden.get(&key.to)) {
                limits.unknown_references.insert(key.name.clone());
            }
        }
        Ok(table.limited(Some(Arc::new(limits))))
    }
}

/// Whether somebody may know of a reference and what it refers to: `theirs` are the columns of
/// that which are hidden from them, if they may read it.
fn refers(key: &ForeignKey, limits: &Limits, theirs: Option<&BTreeSet<String>>) -> bool {
    let is_hidden = |name| limits.hidden.contains(name);
    !key.columns.iter().any(is_hidden)
        && theirs.is_some_and(|hidden| {
            let mut columns = key.references.columns.iter();
            !columns.any(|name| hidden.contains(name))
        })
}

/// Takes out what columns refer to that is not known to whoever is told.
pub fn forget_references(table: &mut Table, is_known: impl Fn(&str, &Reference) -> bool) {
    for column in &mut table.columns {
        let name = &column.name;
        column.references.take_if(|to| !is_known(name, to));
    }
}

/// Whether what is kept back of a table would be: a row is told by its key, and one without a
/// key by all that is in it.
fn can_be_kept(limits: &Limits, table: &Table) -> bool {
    let tells = |name: &String| limits.hidden.contains(name);
    let is_told = match table.key.as_slice() {
        [] => !limits.hidden.is_empty(),
        key => key.iter().any(tells),
    };
    let has_nothing = limits.keeps_rows_back() && table.columns.is_empty();
    !is_told && !has_nothing
}

impl Limits {
    /// Takes out of a table's description what is hidden, columns and how many rows it has, and
    /// what may not be done with its rows.
    pub fn take_hidden_from(&self, table: &mut Table) {
        table
            .columns
            .retain(|column| !self.hidden.contains(&column.name));
        if self.keeps_rows_back() {
            table.estimated_rows = None;
        }
        let may = &mut table.may;
        may.insert &= self.may_some(Action::Insert);
        may.update &= self.may_some(Action::Update);
        may.delete &= self.may_some(Action::Delete);
        let columns = table.columns.iter().map(|column| &column.name);
        may.read_only = columns
            .filter(|name| self.read_only.contains(*name))
            .cloned()
            .collect();
    }

    /// Whether rows are kept back from reading, by what is said here or by the database.
    pub fn keeps_rows_back(&self) -> bool {
        self.has_row_rule() || self.is_secured
    }

    /// Whether rows are kept back from reading by what is said here.
    pub fn has_row_rule(&self) -> bool {
        self.read != Rows::All
    }

    /// The same where the database keeps something back beside; `None` if what is left can't be
    /// told apart.
    fn secured(
        mut self,
        table: &Table,
        unreadable: &BTreeSet<String>,
        is_secured: bool,
    ) -> Option<Self> {
        self.hidden.extend(unreadable.iter().cloned());
        self.is_secured = is_secured;
        self.give_nothing_by(unreadable);
        can_be_kept(&self, table).then_some(self)
    }
}
