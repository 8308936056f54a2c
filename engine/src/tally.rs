//! Aggregates over all rows of a query, kept as rows enter and leave.
//!
//! PostgreSQL reads each aggregate's value once, and beside it a [`Part`] from which later
//! values follow. What follows is exactly what PostgreSQL would say, every digit; where that
//! can't be had any more (a float's sum, the least row of many that has left) the tallies are
//! not [known](Tallies::is_known), and PostgreSQL is asked again.

mod extremes;
mod groups;
mod sums;

use std::sync::Arc;

use rowcast_protocol::{Cell, query::Function};

use self::{extremes::Extremes, sums::Sums};
use crate::{
    datum::{Codec, Datum, Numeric},
    order::{is_equality_decided, is_order_decided},
    record::Record,
    schema::{ColumnSchema, Schema},
};

pub use extremes::KEPT as KEPT_EXTREMES;
pub use groups::{Groups, MAX_KEPT_BYTES, MAX_KEPT_VALUES, count_by};

/// An aggregate of a table.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub struct Aggregate {
    /// What is computed.
    pub function: Function,
    /// Of which column: its position.
    pub column: usize,
}

/// What is kept of a column, for one aggregate or several.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub struct Basis {
    /// What.
    pub kind: BasisKind,
    /// Of which column: its position.
    pub column: usize,
}

/// Kinds of [`Basis`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum BasisKind {
    /// How many values there are.
    Count,
    /// The values' sum, and how many there are of each scale.
    Sums,
    /// The least values.
    Least,
    /// The greatest values.
    Greatest,
    /// How many rows have each value.
    Groups,
}

/// What PostgreSQL read for a [`Basis`].
#[derive(Clone, Debug)]
pub enum Part {
    /// How many values there are.
    Count(u64),
    /// Values of one scale each, NaN and each infinity apart: how many, and their sum.
    Sums(Vec<(u64, Numeric)>),
    /// The first values, from the least or the greatest on; of equal ones those written
    /// shorter come first.
    Extremes {
        /// As many as were asked for, if there are so many.
        values: Vec<Datum>,
        /// Whether there are no others.
        is_all: bool,
    },
    /// Each value as it is written, NULL included, and how many rows have it.
    Groups(Vec<(Datum, u64)>),
}

/// What PostgreSQL read for a query's aggregates.
#[derive(Clone, Debug, Default)]
pub struct AggregatesRead {
    /// Each aggregate's value.
    pub values: Vec<Cell>,
    /// For each of the query's [`bases`] what was read; `None` if it is too much to be kept.
    pub parts: Vec<Option<Part>>,
}

/// A query's aggregates at one version.
#[derive(Clone, Debug)]
pub struct Tallies {
    schema: Arc<Schema>,
    values: Vec<Cell>,
    slots: Vec<Slot>,
    kept: Vec<Kept>,
}

/// An aggregate, and where its value comes from.
#[derive(Clone, Debug)]
struct Slot {
    aggregate: Aggregate,
    /// What it follows from; `None` if nothing can be kept for it.
    basis: Option<usize>,
    /// Whether there is no basis and rows came or went.
    is_lost: bool,
}

#[derive(Clone, Debug)]
struct Kept {
    basis: Basis,
    /// `None` once it can't be kept any more.
    tally: Option<Tally>,
    /// Whether it changed since the values were last computed.
    is_changed: bool,
}

#[derive(Clone, Debug)]
enum Tally {
    Count(u64),
    Sums(Sums),
    Extremes(Extremes),
    Groups(Groups),
}

/// A row came or went that contradicts what is kept, or the bounds are exceeded.
#[derive(Clone, Copy, Debug)]
struct Lost;

/// What has to be read for these aggregates to be kept, each once.
pub fn bases(aggregates: &[Aggregate], columns: &[ColumnSchema]) -> Vec<Basis> {
    let mut bases = Vec::new();
    for basis in aggregates.iter().filter_map(|of| of.basis(columns)) {
        if !bases.contains(&basis) {
            bases.push(basis);
        }
    }
    bases
}

impl Aggregate {
    /// What the aggregate can be kept from; `None` if only PostgreSQL can compute it.
    pub fn basis(self, columns: &[ColumnSchema]) -> Option<Basis> {
        let column = &columns[self.column];
        let is_exact_number = matches!(
            column.codec,
            Codec::Int2 | Codec::Int4 | Codec::Int8 | Codec::Numeric
        );
        let (kind, can_be_kept) = match self.function {
            Function::Sum | Function::Avg => (BasisKind::Sums, is_exact_number),
            Function::Min => (BasisKind::Least, is_order_decided(column)),
            Function::Max => (BasisKind::Greatest, is_order_decided(column)),
            Function::Count => (BasisKind::Count, true),
            Function::Distinct | Function::CountBy => {
                (BasisKind::Groups, is_equality_decided(column))
            }
        };
        can_be_kept.then_some(Basis {
            kind,
            column: self.column,
        })
    }
}

impl Tallies {
    /// The tallies of these aggregates, as PostgreSQL read them.
    pub fn new(aggregates: &[Aggregate], schema: &Arc<Schema>, read: AggregatesRead) -> Self {
        let bases = bases(aggregates, &schema.columns);
        let slots = aggregates.iter().map(|aggregate| Slot {
            aggregate: *aggregate,
            basis: aggregate
                .basis(&schema.columns)
                .and_then(|basis| bases.iter().position(|known| *known == basis)),
            is_lost: false,
        });
        let mut parts = read.parts.into_iter();
        let mut tallies = Self {
            schema: Arc::clone(schema),
            values: read.values,
            slots: slots.collect(),
            kept: bases
                .into_iter()
                .map(|basis| Kept {
                    basis,
                    tally: parts.next().flatten().and_then(|part| {
                        Tally::new(basis.kind, part, &schema.columns[basis.column])
                    }),
                    is_changed: false,
                })
                .collect(),
        };
        tallies.distrust_contradictions();
        tallies
    }

    /// Takes in that a row left the result, entered it, or became another one.
    pub fn change(&mut self, leaves: Option<&Record>, enters: Option<&Record>) {
        for slot in &mut self.slots {
            let column = slot.aggregate.column;
            if slot.basis.is_some() || slot.is_lost {
                continue;
            }
            let sides = [leaves, enters].map(|side| side.map(|record| &record.values()[column]));
            slot.is_lost = sides[0] != sides[1]
                && (slot.aggregate.function == Function::CountBy
                    || sides.iter().flatten().any(|value| !value.is_null()));
        }
        for kept in &mut self.kept {
            let column = kept.basis.column;
            let [old, new] =
                [leaves, enters].map(|side| side.map(|record| &record.values()[column]));
            if old == new {
                continue;
            }
            kept.is_changed = true;
            let codec = &self.schema.columns[column].codec;
            if let Some(tally) = &mut kept.tally {
                let changed = old
                    .map_or(Ok(()), |old| tally.remove(codec, old))
                    .and_then(|()| new.map_or(Ok(()), |new| tally.add(codec, new)));
                if changed.is_err() {
                    kept.tally = None;
                }
            }
        }
    }

    /// Whether every value is what PostgreSQL would say now.
    pub fn is_known(&self) -> bool {
        !self.slots.iter().any(|slot| slot.is_lost)
            && self
                .kept
                .iter()
                .all(|kept| !kept.is_changed || kept.tally.as_ref().is_some_and(Tally::is_known))
    }

    /// The values, in the aggregates' order. They are right while [`Tallies::is_known`].
    pub fn values(&mut self) -> &[Cell] {
        if self.kept.iter().any(|kept| kept.is_changed) && self.is_known() {
            for (at, slot) in self.slots.iter().enumerate() {
                if let Some(kept) = slot.basis.map(|basis| &self.kept[basis])
                    && kept.is_changed
                    && let Some(value) = self.value(slot, kept)
                {
                    self.values[at] = value;
                }
            }
            for kept in &mut self.kept {
                kept.is_changed = false;
            }
        }
        &self.values
    }

    fn value(&self, slot: &Slot, kept: &Kept) -> Option<Cell> {
        let codec = &self.schema.columns[kept.basis.column].codec;
        kept.tally.as_ref()?.value(slot.aggregate.function, codec)
    }

    /// What does not give the value that was read beside it is not kept.
    fn distrust_contradictions(&mut self) {
        for (at, slot) in self.slots.iter().enumerate() {
            let Some(basis) = slot.basis else { continue };
            let kept = &self.kept[basis];
            if kept.tally.is_some() && self.value(slot, kept).as_ref() != self.values.get(at) {
                debug_assert!(false, "{:?} contradicts what was read", slot.aggregate);
                self.kept[basis].tally = None;
            }
        }
    }
}

impl Tally {
    fn new(kind: BasisKind, part: Part, column: &ColumnSchema) -> Option<Self> {
        let codec = &column.codec;
        Some(match (kind, part) {
            (BasisKind::Count, Part::Count(count)) => Self::Count(count),
            (BasisKind::Sums, Part::Sums(sums)) => Self::Sums(Sums::new(sums)?),
            (BasisKind::Least, Part::Extremes { values, is_all }) => {
                Self::Extremes(Extremes::new(codec, false, values, is_all))
            }
            (BasisKind::Greatest, Part::Extremes { values, is_all }) => {
                Self::Extremes(Extremes::new(codec, true, values, is_all))
            }
            (BasisKind::Groups, Part::Groups(groups)) => Self::Groups(Groups::new(codec, groups)?),
            _ => return None,
        })
    }

    fn add(&mut self, codec: &Codec, value: &Datum) -> Result<(), Lost> {
        match self {
            Self::Groups(groups) => groups.add(codec, value, 1),
            _ if value.is_null() => Ok(()),
            Self::Count(count) => {
                *count += 1;
                Ok(())
            }
            Self::Sums(sums) => sums.add(value),
            Self::Extremes(extremes) => extremes.add(codec, value),
        }
    }

    fn remove(&mut self, codec: &Codec, value: &Datum) -> Result<(), Lost> {
        match self {
            Self::Groups(groups) => groups.remove(codec, value),
            _ if value.is_null() => Ok(()),
            Self::Count(count) => {
                *count = count.checked_sub(1).ok_or(Lost)?;
                Ok(())
            }
            Self::Sums(sums) => sums.remove(value),
            Self::Extremes(extremes) => extremes.remove(codec, value),
        }
    }

    fn is_known(&self) -> bool {
        match self {
            Self::Extremes(extremes) => extremes.is_known(),
            Self::Count(_) | Self::Sums(_) | Self::Groups(_) => true,
        }
    }

    fn value(&self, function: Function, codec: &Codec) -> Option<Cell> {
        Some(match (self, function) {
            (Self::Count(count), _) => count_cell(*count),
            (Self::Sums(sums), Function::Avg) => sums.average()?,
            (Self::Sums(sums), _) => sums.sum()?,
            (Self::Extremes(extremes), _) => extremes.value(),
            (Self::Groups(groups), Function::Distinct) => count_cell(groups.distinct()),
            (Self::Groups(groups), _) => groups.count_by(codec),
        })
    }
}

fn count_cell(count: u64) -> Cell {
    Cell::Number(count.to_string().into())
}
