//! `numeric`, every digit kept.

mod sum;

use std::{cmp::Ordering, fmt, sync::Arc};

pub use sum::NumericSum;

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const POSITIVE_INFINITY: u16 = 0xD000;
const NEGATIVE_INFINITY: u16 = 0xF000;

/// The words before the digits: sign, weight, display scale.
const HEADER: usize = 3;

/// An exact decimal number, NaN or an infinity, as PostgreSQL stores it.
///
/// `==` is identity as stored: `1.0` differs from `1.00`. [`Numeric::compare`] is SQL's.
///
/// Invariant: digits are base 10,000, most significant first, without zeros at either end;
/// zero has none, is not negative and has weight 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Numeric(Arc<[u16]>);

/// What is no finite number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumericWord {
    /// `NaN`
    NaN,
    /// `Infinity`
    Infinity,
    /// `-Infinity`
    NegativeInfinity,
}

impl Numeric {
    /// Reads the binary form that `numeric_send` writes; `None` if it isn't one.
    pub fn from_wire(bytes: &[u8]) -> Option<Self> {
        let words: Vec<u16> = bytes
            .chunks_exact(2)
            .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
            .collect();
        let [count, weight, sign, scale, ref digits @ ..] = words[..] else {
            return None;
        };
        if !bytes.len().is_multiple_of(2) || digits.len() != usize::from(count) {
            return None;
        }
        match sign {
            0 | NEGATIVE => {}
            NAN | POSITIVE_INFINITY | NEGATIVE_INFINITY if digits.is_empty() => {
                return Some(Self(Arc::new([sign, 0, 0])));
            }
            _ => return None,
        }
        if scale > 0x3FFF || digits.iter().any(|digit| *digit > 9999) {
            return None;
        }
        let leading = digits.iter().take_while(|digit| **digit == 0).count();
        if leading == digits.len() {
            return Some(Self(Arc::new([0, 0, scale])));
        }
        let trailing = digits.iter().rev().take_while(|digit| **digit == 0).count();
        // Below 65,536, for that is how many digits a u16 counts.
        let weight = i32::from(weight.cast_signed()) - leading as i32;
        let weight = i16::try_from(weight).ok()?.cast_unsigned();
        let mut stored = Vec::with_capacity(HEADER + digits.len());
        stored.extend([sign, weight, scale]);
        stored.extend(&digits[leading..digits.len() - trailing]);
        Some(Self(stored.into()))
    }

    /// How many bytes its digits take.
    pub fn size(&self) -> usize {
        size_of_val(&*self.0)
    }

    /// SQL's order: -Infinity, the numbers, Infinity, NaN. The display scale counts for
    /// nothing.
    pub fn compare(&self, other: &Self) -> Ordering {
        self.class()
            .cmp(&other.class())
            .then_with(|| match self.sign() {
                NEGATIVE => other.compare_size(self),
                0 => self.compare_size(other),
                _ => Ordering::Equal,
            })
    }

    /// The one form of all numbers equal to this one.
    #[must_use]
    pub fn canonical(&self) -> Self {
        if self.0[2] == 0 {
            return self.clone();
        }
        let mut words = self.0.to_vec();
        words[2] = 0;
        Self(words.into())
    }

    /// Whether it is neither NaN nor infinite.
    pub fn is_finite(&self) -> bool {
        self.word().is_none()
    }

    /// What it is if it is not finite.
    pub fn word(&self) -> Option<NumericWord> {
        match self.sign() {
            NAN => Some(NumericWord::NaN),
            POSITIVE_INFINITY => Some(NumericWord::Infinity),
            NEGATIVE_INFINITY => Some(NumericWord::NegativeInfinity),
            _ => None,
        }
    }

    /// How many digits are shown after the point.
    pub fn scale(&self) -> u16 {
        self.0[2]
    }

    /// How many digits there are before the point, roughly: up to three more than that.
    pub fn whole_digits(&self) -> usize {
        usize::try_from((i32::from(self.weight()) + 1) * 4).unwrap_or(0)
    }

    fn sign(&self) -> u16 {
        self.0[0]
    }

    fn weight(&self) -> i16 {
        self.0[1].cast_signed()
    }

    fn digits(&self) -> &[u16] {
        &self.0[HEADER..]
    }

    /// Groups in their order, within which digits decide.
    fn class(&self) -> u8 {
        match self.sign() {
            NEGATIVE_INFINITY => 0,
            NEGATIVE => 1,
            0 if self.digits().is_empty() => 2,
            0 => 3,
            POSITIVE_INFINITY => 4,
            _ => 5,
        }
    }

    fn compare_size(&self, other: &Self) -> Ordering {
        self.weight()
            .cmp(&other.weight())
            .then_with(|| self.digits().cmp(other.digits()))
    }
}

impl fmt::Display for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sign() {
            NAN => return f.write_str("NaN"),
            POSITIVE_INFINITY => return f.write_str("Infinity"),
            NEGATIVE_INFINITY => return f.write_str("-Infinity"),
            NEGATIVE => f.write_str("-")?,
            _ => {}
        }
        // The digit of weight 10,000^power; zero where none is stored.
        let digit = |power: i32| {
            usize::try_from(i32::from(self.weight()) - power)
                .ok()
                .and_then(|at| self.digits().get(at))
                .copied()
                .unwrap_or(0)
        };
        let top = i32::from(self.weight()).max(0);
        write!(f, "{}", digit(top))?;
        for power in (0..top).rev() {
            write!(f, "{:04}", digit(power))?;
        }
        let scale = usize::from(self.scale());
        if scale > 0 {
            f.write_str(".")?;
        }
        for group in 0..(scale / 4) as i32 {
            write!(f, "{:04}", digit(-1 - group))?;
        }
        let shown = scale % 4;
        if shown > 0 {
            let cut = 10_u16.pow(4 - shown as u32);
            write!(f, "{:0shown$}", digit(-1 - (scale / 4) as i32) / cut)?;
        }
        Ok(())
    }
}
