//! The table that the queries are over, in memory: it stands for the database.
//!
//! A row's groups (owner, place, level, shelf, site) are its number modulo the number of such
//! groups, which grows with the number of queries. So each row is in as many queries' results
//! whatever their number.

use std::sync::Arc;

use rowcast_engine::{
    datum::{Codec, Datum},
    record::Record,
    schema::{Collation, ColumnSchema, Schema, TableId},
};

pub const ID: usize = 0;
pub const OWNER: usize = 1;
pub const PLACE: usize = 2;
pub const LEVEL: usize = 3;
pub const SHELF: usize = 4;
pub const SCORE: usize = 6;
pub const AT: usize = 7;
pub const TITLE: usize = 8;
pub const COLUMNS: usize = 10;

/// Rows for each query, on average.
const ROWS_PER_QUERY: u32 = 3;

/// How many groups of each kind there are.
#[derive(Clone, Copy, Debug)]
pub struct Groups {
    pub owners: u32,
    pub places: u32,
    pub levels: u32,
    pub shelves: u32,
    pub sites: u32,
}

impl Groups {
    /// For so many queries.
    pub fn of(queries: u32) -> Self {
        Self {
            owners: queries / 100 * 40,
            places: queries / 100 * 80,
            levels: queries / 100 * 76,
            shelves: queries / 100 * 5,
            sites: queries / 100,
        }
    }
}

/// A row's values that are not its number's.
#[derive(Clone, Copy, Debug)]
struct State {
    is_there: bool,
    score: u32,
    at: u32,
    note: u32,
}

/// The rows.
pub struct Table {
    pub schema: Arc<Schema>,
    pub groups: Groups,
    rows: Vec<State>,
    gone: Vec<u32>,
    random: Random,
}

/// A change of one row.
pub struct Change {
    pub old: Option<Arc<Record>>,
    pub new: Option<Arc<Record>>,
}

impl Table {
    /// With the rows for so many queries, a hundredth of which are deleted.
    pub fn new(queries: u32) -> Self {
        let column = |name: &str, codec, collation| ColumnSchema {
            name: name.into(),
            codec,
            collation,
        };
        let number = |name| column(name, Codec::Int4, Collation::C);
        let schema = Arc::new(Schema {
            table: TableId(1),
            columns: [
                column("id", Codec::Int8, Collation::C),
                number("owner"),
                number("place"),
                number("level"),
                number("shelf"),
                number("site"),
                number("score"),
                column("at", Codec::TimestampTz, Collation::C),
                column("title", Codec::Text, Collation::Deterministic),
                number("note"),
            ]
            .into(),
            key: [ID].into(),
        });
        let mut random = Random(0x9E37_79B9_7F4A_7C15);
        let rows = (0..queries * ROWS_PER_QUERY)
            .map(|_| State {
                is_there: true,
                score: random.below(1_000_000),
                at: random.below(1_000_000),
                note: 0,
            })
            .collect();
        let mut table = Self {
            schema,
            groups: Groups::of(queries),
            rows,
            gone: Vec::new(),
            random,
        };
        for _ in 0..table.rows.len() / 100 {
            let id = table.some_row();
            table.rows[id as usize].is_there = false;
            table.gone.push(id);
        }
        table
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len() - self.gone.len()
    }

    /// The numbers of the rows that are in group `group` of `groups`.
    pub fn members(&self, group: u32, groups: u32) -> impl Iterator<Item = u32> + '_ {
        (group..self.rows.len() as u32)
            .step_by(groups as usize)
            .filter(|&id| self.rows[id as usize].is_there)
    }

    /// A row as a read of the database gives it: made anew each time.
    pub fn record(&self, id: u32) -> Arc<Record> {
        let row = self.rows[id as usize];
        let Groups {
            owners,
            places,
            levels,
            shelves,
            sites,
        } = self.groups;
        let int = |number: u32| Datum::Int(number.into());
        Record::new(
            &self.schema,
            vec![
                int(id),
                int(id % owners),
                int(id % places),
                int(id % levels),
                int(id % shelves),
                int(id % sites),
                int(row.score),
                Datum::TimestampTz(i64::from(row.at) * 1_000_000),
                Datum::Text(title(id, sites).into()),
                int(row.note),
            ],
        )
    }

    /// What a row is ordered by in a column.
    pub fn sort_value(&self, id: u32, column: usize) -> u32 {
        let row = self.rows[id as usize];
        match column {
            SCORE => row.score,
            AT => row.at,
            _ => id,
        }
    }

    /// Changes one row: of ten changes, six are of a cell that decides nothing, two move the
    /// row in its ordered windows, and two delete and insert one, in turns.
    pub fn change(&mut self) -> Change {
        let kind = self.random.below(10);
        if kind >= 8 && self.gone.len() > self.rows.len() / 100 {
            let nth = self.random.below(self.gone.len() as u32);
            let id = self.gone.swap_remove(nth as usize);
            let (score, at) = (self.random.below(1_000_000), self.random.below(1_000_000));
            self.rows[id as usize] = State {
                is_there: true,
                score,
                at,
                note: 0,
            };
            return Change {
                old: None,
                new: Some(self.record(id)),
            };
        }
        let id = self.some_row();
        let old = Some(self.record(id));
        if kind >= 8 {
            self.rows[id as usize].is_there = false;
            self.gone.push(id);
            return Change { old, new: None };
        }
        if kind >= 6 {
            self.rows[id as usize].score = self.random.below(1_000_000);
        } else {
            self.rows[id as usize].note += 1;
        }
        Change {
            old,
            new: Some(self.record(id)),
        }
    }

    fn some_row(&mut self) -> u32 {
        loop {
            let id = self.random.below(self.rows.len() as u32);
            if self.rows[id as usize].is_there {
                return id;
            }
        }
    }
}

fn title(id: u32, sites: u32) -> String {
    let thing = ["Paper, A4", "Desk lamp"][(id / 7 % 2) as usize];
    format!("{thing}, order {id} by tag{};", id % sites)
}

/// Numbers that are the same in every run (xorshift64*).
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    /// A number below this one.
    pub fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        ((number * u64::from(end)) >> 32) as u32
    }
}
