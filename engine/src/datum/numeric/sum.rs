//! Sums of numerics and their averages, digit for digit PostgreSQL's.

use super::{HEADER, NEGATIVE, Numeric};

const BASE: i64 = 10_000;

/// The most terms between two carries: each adds less than [`BASE`] to a digit, so none
/// overflows.
const MAX_TERMS: u64 = 1 << 48;

/// How many significant digits PostgreSQL's division gives at least.
const MIN_SIGNIFICANT: i32 = 16;

/// The most digits after the point that its division gives.
const MAX_SCALE: i32 = 1000;

/// An exact sum of finite numbers, from which each may be taken again.
#[derive(Clone, Debug, Default)]
pub struct NumericSum {
    /// Signed digits, the least significant first, that may be larger than the base.
    digits: Vec<i64>,
    /// The power of the base that the first digit counts.
    lowest: i32,
    /// How many terms came since the digits were last carried.
    terms: u64,
}

impl NumericSum {
    /// Adds a finite number.
    pub fn add(&mut self, number: &Numeric) {
        self.add_signed(number, 1);
    }

    /// Takes a finite number away.
    pub fn subtract(&mut self, number: &Numeric) {
        self.add_signed(number, -1);
    }

    /// Adds a whole number.
    pub fn add_integer(&mut self, number: i64) {
        self.add_integer_signed(number, 1);
    }

    /// Takes a whole number away.
    pub fn subtract_integer(&mut self, number: i64) {
        self.add_integer_signed(number, -1);
    }

    /// The sum, shown with `scale` digits after the point: no term that is still in it has
    /// more. `None` if PostgreSQL's type can't hold it.
    pub fn value(&self, scale: u16) -> Option<Numeric> {
        let (negative, digits) = self.carried();
        Numeric::from_digits(negative, &digits, self.lowest, scale)
    }

    /// The sum divided by the number of its terms, as PostgreSQL divides numerics. `None` as
    /// for [`NumericSum::value`].
    ///
    /// `scale` is the sum's, `count` is not 0.
    pub fn average(&self, scale: u16, count: u64) -> Option<Numeric> {
        let (negative, mut digits) = self.carried();
        while digits.last() == Some(&0) {
            digits.pop();
        }
        let first = digits.last().copied().unwrap_or(0);
        let weight = if first == 0 {
            0
        } else {
            self.lowest + digits.len() as i32 - 1
        };
        let scale = quotient_scale((weight, first), i32::from(scale), count);
        let (quotient, lowest) = divide(&digits, self.lowest, count, scale);
        Numeric::from_digits(negative, &quotient, lowest, u16::try_from(scale).ok()?)
    }

    fn add_signed(&mut self, number: &Numeric, sign: i64) {
        let digits = number.digits();
        let Some(last) = digits.len().checked_sub(1) else {
            return;
        };
        let sign = if number.sign() == NEGATIVE {
            -sign
        } else {
            sign
        };
        let highest = i32::from(number.weight());
        let at = self.reach(highest - last as i32, highest);
        for (place, digit) in self.digits[at..].iter_mut().zip(digits.iter().rev()) {
            *place += sign * i64::from(*digit);
        }
        self.count_term();
    }

    fn add_integer_signed(&mut self, number: i64, sign: i64) {
        if number == 0 {
            return;
        }
        // 10,000^5 is more than any.
        let at = self.reach(0, 4);
        let sign = sign * number.signum();
        let mut rest = number.unsigned_abs();
        for place in &mut self.digits[at..at + 5] {
            *place += sign * (rest % BASE.unsigned_abs()).cast_signed();
            rest /= BASE.unsigned_abs();
        }
        self.count_term();
    }

    /// Makes room for digits of these powers and says where the lowest is.
    fn reach(&mut self, low: i32, high: i32) -> usize {
        if self.digits.is_empty() {
            self.lowest = low;
        }
        if low < self.lowest {
            let missing = (self.lowest - low) as usize;
            self.digits.splice(0..0, std::iter::repeat_n(0, missing));
            self.lowest = low;
        }
        let needed = (high - self.lowest + 1) as usize;
        if self.digits.len() < needed {
            self.digits.resize(needed, 0);
        }
        (low - self.lowest) as usize
    }

    fn count_term(&mut self) {
        self.terms += 1;
        if self.terms >= MAX_TERMS {
            let (negative, digits) = self.carried();
            let sign = if negative { -1 } else { 1 };
            self.digits = digits
                .iter()
                .map(|digit| sign * i64::from(*digit))
                .collect();
            self.terms = 0;
        }
    }

    /// The sign, and digits below the base, the least significant first.
    fn carried(&self) -> (bool, Vec<u16>) {
        match carry(self.digits.iter().copied()) {
            Some(digits) => (false, digits),
            // A sum below zero is the other way round above it.
            None => (
                true,
                carry(self.digits.iter().map(|digit| -digit)).unwrap_or_default(),
            ),
        }
    }
}

/// Digits below the base; `None` if the number is negative.
fn carry(digits: impl Iterator<Item = i64>) -> Option<Vec<u16>> {
    let mut carried = Vec::new();
    let mut carry = 0;
    for digit in digits {
        let sum = digit + carry;
        carried.push(sum.rem_euclid(BASE) as u16);
        carry = sum.div_euclid(BASE);
    }
    if carry < 0 {
        return None;
    }
    while carry > 0 {
        carried.push((carry % BASE) as u16);
        carry /= BASE;
    }
    Some(carried)
}

/// How many digits after the point PostgreSQL gives a quotient: enough for 16 significant
/// ones by an estimate of its weight, and no fewer than the dividend has.
fn quotient_scale((weight, first): (i32, u16), scale: i32, count: u64) -> i32 {
    let (mut count_weight, mut count_first) = (0, count);
    while count_first >= BASE.unsigned_abs() {
        count_first /= BASE.unsigned_abs();
        count_weight += 1;
    }
    let mut quotient_weight = weight - count_weight;
    if u64::from(first) <= count_first {
        quotient_weight -= 1;
    }
    (MIN_SIGNIFICANT - quotient_weight * 4)
        .max(scale)
        .clamp(0, MAX_SCALE)
}

/// The quotient's digits, the least significant first, rounded half away from zero, and the
/// lowest one's power.
fn divide(digits: &[u16], lowest: i32, count: u64, scale: i32) -> (Vec<u16>, i32) {
    // One group more than is shown, to round by.
    let bottom = -((scale + 3) / 4) - 1;
    let top = lowest + digits.len() as i32 - 1;
    let count = u128::from(count);
    let mut rest = 0_u128;
    let mut quotient: Vec<u16> = Vec::new();
    for power in (bottom..=top.max(0)).rev() {
        let digit = usize::try_from(power - lowest)
            .ok()
            .and_then(|at| digits.get(at))
            .copied()
            .unwrap_or(0);
        rest = rest * BASE as u128 + u128::from(digit);
        quotient.push((rest / count) as u16);
        rest %= count;
    }
    quotient.reverse();
    // The group that is shown in part, or, where all are shown whole, the one after them.
    let cut = (-(scale / 4) - 1 - bottom) as usize;
    let unit = 10_u16.pow(4 - (scale % 4).cast_unsigned());
    let surplus = quotient[cut] % unit;
    quotient[..cut].fill(0);
    quotient[cut] -= surplus;
    if surplus >= unit / 2 {
        let mut raised: Vec<i64> = quotient.iter().map(|digit| i64::from(*digit)).collect();
        raised[cut] += i64::from(unit);
        quotient = carry(raised.into_iter()).unwrap_or_default();
    }
    (quotient, bottom)
}

impl Numeric {
    /// The number of these digits, the least significant first, the first of which counts
    /// `10,000^lowest`; `None` if the type can't hold it. Digits after those that `scale`
    /// shows are zeros.
    fn from_digits(negative: bool, digits: &[u16], lowest: i32, scale: u16) -> Option<Self> {
        let low = digits.iter().take_while(|digit| **digit == 0).count();
        let high = digits.len() - digits.iter().rev().take_while(|digit| **digit == 0).count();
        if low >= high {
            return Some(Self([0, 0, scale].into()));
        }
        let weight = i16::try_from(lowest + high as i32 - 1).ok()?;
        let sign = if negative { NEGATIVE } else { 0 };
        let mut stored = Vec::with_capacity(HEADER + high - low);
        stored.extend([sign, weight.cast_unsigned(), scale]);
        stored.extend(digits[low..high].iter().rev());
        Some(Self(stored.into()))
    }
}
