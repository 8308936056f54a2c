//! Random queries, each in the grammar and in SQL.
//!
//! A query is data, so that a run that failed can be made smaller. What changes where rows come
//! from or what they have is in `source` and `cells`; what is beside the rows, such as the
//! total, is in `beside`. [`generate`] draws from all of them.

use std::collections::BTreeSet;

use super::{
    aggregates::{self, Aggregate},
    conditions::{Condition, condition},
    random::Random,
    tables::{RELATED, Table, quote},
};

#[derive(Clone, Debug)]
pub struct Query {
    /// Which of the run's tables.
    pub table: usize,
    /// Whether it is asked of the table's view.
    pub is_of_view: bool,
    /// With whether each is a parameter of its own where it can be.
    pub conditions: Vec<(Condition, bool)>,
    pub order: Vec<SortKey>,
    pub limit: u64,
    pub offset: u64,
    /// Positions of columns; all if it is not said.
    pub select: Option<Vec<usize>>,
    /// The columns that it shows of the row that its rows refer to, by their positions there.
    /// Where there are some, positions behind those of the table's own columns are such.
    pub related: Option<Vec<usize>>,
    pub aggregates: Vec<Aggregate>,
}

#[derive(Clone, Debug)]
pub struct SortKey {
    pub column: usize,
    pub is_descending: bool,
    pub nulls_first: bool,
}

pub fn generate(random: &mut Random, tables: &[Table]) -> Query {
    let at = random.below(tables.len() as u64) as usize;
    let is_of_view = tables[at].has_view && random.chance(40);
    let referred = tables[at].referred(tables);
    let referred = referred.filter(|_| !is_of_view && random.chance(50));
    let related = referred.map(|(_, other)| some_of(random, other));
    let shape = match related {
        Some(_) => tables[at].with_related(tables),
        None => tables[at].clone(),
    };
    let table = &shape;
    let mut conditions: Vec<(Condition, bool)> = (0..random.below(4))
        .map(|_| (condition(random, table, 0), random.chance(80)))
        .collect();
    if random.chance(10) {
        let word = *random.pick(&["a", "B", "zz", "%", "_", "ä", "\\"]);
        conditions.push((Condition::Search(word), true));
    }
    let mut order: Vec<SortKey> = Vec::new();
    for _ in 0..random.below(3) {
        let column = random.below(table.columns.len() as u64) as usize;
        if table.columns[column].kind.has_order && order.iter().all(|key| key.column != column) {
            let is_descending = random.chance(50);
            let nulls_first = match random.below(3) {
                0 => !is_descending,
                _ => is_descending,
            };
            order.push(SortKey {
                column,
                is_descending,
                nulls_first,
            });
        }
    }
    let select = random.chance(25).then(|| some_of(random, &tables[at]));
    Query {
        table: at,
        is_of_view,
        conditions,
        order,
        limit: *random.pick(&[0, 1, 3, 10, 50, 50, 200]),
        offset: *random.pick(&[0, 0, 0, 2, 7, 30]),
        select,
        related,
        aggregates: if random.chance(25) {
            aggregates::generate(random, table)
        } else {
            Vec::new()
        },
    }
}

/// Positions of some of a table's columns, at least one.
fn some_of(random: &mut Random, table: &Table) -> Vec<usize> {
    let chosen: Vec<usize> = (0..table.columns.len())
        .filter(|_| random.chance(50))
        .collect();
    if chosen.is_empty() { vec![0] } else { chosen }
}

impl Query {
    /// In the grammar, percent-encoded.
    pub fn text(&self, tables: &[Table]) -> String {
        let table = &self.shape(tables);
        let mut parameters: Vec<String> = self
            .conditions
            .iter()
            .map(|(condition, alone)| match condition.parameter(table) {
                Some((name, value)) if *alone => format!("{}={}", encode(&name), encode(&value)),
                _ => format!("and={}", encode(&format!("({})", condition.group(table)))),
            })
            .collect();
        if !self.order.is_empty() {
            let words: Vec<String> = self.order.iter().map(|key| key.word(table)).collect();
            parameters.push(format!("order={}", encode(&words.join(","))));
        }
        parameters.push(format!("limit={}", self.limit));
        if self.offset > 0 {
            parameters.push(format!("offset={}", self.offset));
        }
        if let Some(select) = self.select_text(table) {
            parameters.push(format!("select={}", encode(&select)));
        }
        if !self.aggregates.is_empty() {
            let words = self.aggregates.iter();
            let words: Vec<String> = words
                .map(|of| of.word(&quoted(&table.columns[of.column].name)))
                .collect();
            parameters.push(format!("aggregate={}", encode(&words.join(","))));
        }
        parameters.join("&")
    }

    /// What the query's `limit` and `offset` rows are, in order: a key's and a row's cells as
    /// JSON text in one array, and the place. `columns` are the table's, by name; `image` is
    /// an expression for all of a row, in whose order a view's rows are that are equal otherwise.
    pub fn rows_sql(&self, tables: &[Table], columns: &[String], image: &str) -> String {
        let table = &self.shape(tables);
        let order = self.order_sql(table, image);
        format!(
            "SELECT row_number() OVER (ORDER BY {order}) AS place, ARRAY[{}]::text[] AS cells \
             FROM {} WHERE {} ORDER BY {order} LIMIT {} OFFSET {}",
            self.cells(table, columns).join(", "),
            self.source(tables),
            self.condition_sql(table),
            self.limit,
            self.offset
        )
    }

    /// What a list has beside its rows: the total and the aggregates.
    pub fn beside_sql(&self, tables: &[Table]) -> String {
        let table = &self.shape(tables);
        let rows = format!(
            "{} WHERE {}",
            self.source(tables),
            self.condition_sql(table)
        );
        let aggregates = self.aggregates.iter();
        let aggregates: String = aggregates
            .map(|of| format!(", {}", of.sql(table, &rows)))
            .collect();
        format!("SELECT 0::int8 AS place, ARRAY[count(*)::text{aggregates}] AS cells FROM {rows}")
    }

    /// Whether it needs the column of the table at that place.
    pub fn needs(&self, tables: &[Table], at: usize, column: usize) -> bool {
        let own = &tables[self.table];
        let related = self.related.as_ref().zip(own.referred(tables));
        let is_own = self.table == at
            && (self.columns().contains(&column)
                || related.is_some_and(|(_, (by, _))| by.name == own.columns[column].name));
        is_own
            || related.is_some_and(|(shown, (_, other))| {
                other.name == tables[at].name
                    && (shown.contains(&column)
                        || other.key.contains(&column)
                        || self.columns().contains(&(own.columns.len() + column)))
            })
    }

    /// Without the rows that its own refer to, of a table with so many columns.
    pub fn leave_related(&mut self, own: usize) {
        self.related = None;
        self.conditions.retain(|(condition, _)| {
            let mut columns = BTreeSet::new();
            condition.columns(&mut columns);
            columns.iter().all(|column| *column < own)
        });
        self.order.retain(|key| key.column < own);
        self.aggregates.retain(|of| of.column < own);
    }

    /// Positions of the columns that it names.
    fn columns(&self) -> BTreeSet<usize> {
        let mut columns: BTreeSet<usize> = self.order.iter().map(|key| key.column).collect();
        columns.extend(self.select.iter().flatten());
        columns.extend(self.aggregates.iter().map(|of| of.column));
        for (condition, _) in &self.conditions {
            condition.columns(&mut columns);
        }
        columns
    }

    /// The relation that it is asked of.
    pub fn relation(&self, table: &Table) -> String {
        match self.is_of_view {
            true => table.view(),
            false => table.name.clone(),
        }
    }

    /// Its table, with the columns of the rows that its own refer to, if it is about those.
    fn shape(&self, tables: &[Table]) -> Table {
        match self.related {
            Some(_) => tables[self.table].with_related(tables),
            None => tables[self.table].clone(),
        }
    }

    /// What its rows are from.
    fn source(&self, tables: &[Table]) -> String {
        let table = &tables[self.table];
        let Some((_, (by, other))) = self.related.as_ref().zip(table.referred(tables)) else {
            return self.relation(table);
        };
        let columns: String = table
            .with_related(tables)
            .used()
            .filter(|(_, column)| column.is_related)
            .map(|(_, column)| {
                let (bare, name) = (quote(column.bare_name()), quote(&column.name));
                format!(", other.{bare} AS {name}")
            })
            .collect();
        format!(
            "(SELECT own.*{columns} FROM {} AS own LEFT JOIN {} AS other ON other.{} = own.{}) AS rows",
            table.name,
            other.name,
            other.key_sql(),
            quote(&by.name),
        )
    }

    fn select_text(&self, table: &Table) -> Option<String> {
        let names = |columns: &[usize]| -> String {
            let names = columns.iter();
            let names = names.map(|&at| quoted(table.columns[at].bare_name()));
            names.collect::<Vec<_>>().join(",")
        };
        let own = self.select.as_deref().map(names);
        let Some(related) = self.related_columns(table) else {
            return own;
        };
        let by = table.used().find(|(_, column)| column.refers.is_some());
        let (_, by) = by.expect("a column that refers to the related row");
        let own = own.unwrap_or_else(|| "*".to_owned());
        Some(format!("{own},{RELATED}:{}({})", by.name, names(&related)))
    }

    /// The columns that it shows of related rows, by their positions in its shape.
    fn related_columns(&self, shape: &Table) -> Option<Vec<usize>> {
        let own = shape.columns.iter().filter(|column| !column.is_related);
        let own = own.count();
        let related = self.related.as_ref()?;
        Some(related.iter().map(|at| own + at).collect())
    }

    /// Positions of its key's columns. A view has none; its rows' names are the server's to
    /// make.
    pub fn key<'a>(&self, table: &'a Table) -> &'a [usize] {
        match self.is_of_view {
            true => &[],
            false => &table.key,
        }
    }

    /// Whether its rows depend on the time.
    pub fn moves(&self) -> bool {
        let mut conditions = self.conditions.iter();
        conditions.any(|(condition, _)| condition.moves())
    }

    fn cells(&self, table: &Table, columns: &[String]) -> Vec<String> {
        let cell = |name: &String| format!("to_jsonb({})::text", quote(name));
        let key = self
            .key(table)
            .iter()
            .map(|&at| cell(&table.columns[at].name));
        let mut cells: Vec<String> = match &self.select {
            Some(select) => key
                .chain(select.iter().map(|&at| cell(&table.columns[at].name)))
                .collect(),
            None => key.chain(columns.iter().map(cell)).collect(),
        };
        let related = self.related_columns(table).unwrap_or_default();
        cells.extend(related.iter().map(|&at| cell(&table.columns[at].name)));
        cells
    }

    fn condition_sql(&self, table: &Table) -> String {
        let parts: Vec<String> = self
            .conditions
            .iter()
            .map(|(condition, _)| condition.sql(table))
            .collect();
        match parts.is_empty() {
            true => "TRUE".to_owned(),
            false => parts.join(" AND "),
        }
    }

    fn order_sql(&self, table: &Table, image: &str) -> String {
        let mut parts: Vec<String> = self.order.iter().map(|key| key.sql(table)).collect();
        if self.is_of_view {
            parts.push(image.to_owned());
        }
        for &column in self.key(table) {
            if self.order.iter().all(|key| key.column != column) {
                let key = SortKey {
                    column,
                    is_descending: false,
                    nulls_first: false,
                };
                parts.push(key.sql(table));
            }
        }
        parts.join(", ")
    }
}

impl SortKey {
    fn word(&self, table: &Table) -> String {
        let column = &table.columns[self.column];
        let mut word = quoted(column.bare_name());
        if column.is_related {
            word = format!("{RELATED}({word})");
        }
        word += if self.is_descending { ".desc" } else { "" };
        if self.nulls_first != self.is_descending {
            word += if self.nulls_first {
                ".nullsfirst"
            } else {
                ".nullslast"
            };
        }
        word
    }

    fn sql(&self, table: &Table) -> String {
        format!(
            "{} {} NULLS {}",
            quote(&table.columns[self.column].name),
            if self.is_descending { "DESC" } else { "ASC" },
            if self.nulls_first { "FIRST" } else { "LAST" },
        )
    }
}

/// A name or value where dots, commas and parentheses mean something.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'.'
            | b'-'
            | b'_'
            | b'*'
            | b'('
            | b')'
            | b',' => out.push(byte as char),
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}
