//! Sums and averages of integers and numerics.

use std::collections::BTreeMap;

use rowcast_protocol::Cell;

use super::Lost;
use crate::datum::{Datum, Numeric, NumericSum, NumericWord};

/// The exact sum of a column's values.
///
/// A sum is shown with as many digits after the point as its term with the most, so terms are
/// counted by scale; and one NaN makes it NaN, so those are counted too.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    sum: NumericSum,
    /// How many finite values there are of each scale.
    scales: BTreeMap<u16, u64>,
    /// How many NaNs, infinities and negative infinities.
    words: [u64; 3],
}

impl Sums {
    /// The sums of these parts, each a number of values of one scale and their sum; `None`
    /// where a sum may come to be larger than PostgreSQL's type.
    pub fn new(parts: Vec<(u64, Numeric)>) -> Option<Self> {
        let mut sums = Self::default();
        for (count, sum) in parts {
            match sum.word() {
                None if !is_moderate(&sum) => return None,
                Some(word) => sums.words[place(word)] += count,
                None => {
                    *sums.scales.entry(sum.scale()).or_default() += count;
                    sums.sum.add(&sum);
                }
            }
        }
        Some(sums)
    }

    pub fn add(&mut self, value: &Datum) -> Result<(), Lost> {
        match value {
            Datum::Int(number) => self.sum.add_integer(*number),
            Datum::Numeric(number) => match number.word() {
                Some(word) => {
                    self.words[place(word)] += 1;
                    return Ok(());
                }
                None if is_moderate(number) => self.sum.add(number),
                None => return Err(Lost),
            },
            _ => return Err(Lost),
        }
        *self.scales.entry(scale(value)).or_default() += 1;
        Ok(())
    }

    pub fn remove(&mut self, value: &Datum) -> Result<(), Lost> {
        match value {
            Datum::Int(number) => self.sum.subtract_integer(*number),
            Datum::Numeric(number) => match number.word() {
                Some(word) => {
                    let count = &mut self.words[place(word)];
                    *count = count.checked_sub(1).ok_or(Lost)?;
                    return Ok(());
                }
                None => self.sum.subtract(number),
            },
            _ => return Err(Lost),
        }
        let scale = scale(value);
        let count = self.scales.get_mut(&scale).ok_or(Lost)?;
        *count -= 1;
        if *count == 0 {
            self.scales.remove(&scale);
        }
        Ok(())
    }

    /// The sum; never `None`, for no term is near the bounds of PostgreSQL's type.
    pub fn sum(&self) -> Option<Cell> {
        self.figure(|sum, scale, _| sum.value(scale))
    }

    /// The average, likewise.
    pub fn average(&self) -> Option<Cell> {
        self.figure(NumericSum::average)
    }

    fn figure(
        &self,
        finite: impl FnOnce(&NumericSum, u16, u64) -> Option<Numeric>,
    ) -> Option<Cell> {
        Some(match self.words.map(|count| count > 0) {
            [true, ..] | [_, true, true] => Cell::text("NaN"),
            [_, true, _] => Cell::text("Infinity"),
            [_, _, true] => Cell::text("-Infinity"),
            [false, false, false] => match self.scales.last_key_value() {
                None => Cell::Null,
                Some((scale, _)) => {
                    let value = finite(&self.sum, *scale, self.scales.values().sum())?;
                    Cell::Number(value.to_string().into())
                }
            },
        })
    }
}

/// Whether no number of such numbers that there can be has a sum that the type can't hold.
fn is_moderate(number: &Numeric) -> bool {
    number.whole_digits() < 100_000
}

fn scale(value: &Datum) -> u16 {
    match value {
        Datum::Numeric(number) => number.scale(),
        _ => 0,
    }
}

fn place(word: NumericWord) -> usize {
    match word {
        NumericWord::NaN => 0,
        NumericWord::Infinity => 1,
        NumericWord::NegativeInfinity => 2,
    }
}
