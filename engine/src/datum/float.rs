//! Floating-point numbers as PostgreSQL prints them.
//!
//! PostgreSQL prints the shortest decimal **strictly between** the halfway points to the
//! neighbouring floats, the closest of those, ties to even. Rust's own shortest form also
//! takes a halfway point itself and breaks ties upwards, so it differs for some values
//! (2^-44, 0.50000762939453125). This is Ulf Adams' Ryū, as PostgreSQL builds it.

mod power;

use super::json::plain_number;
use power::{five_to, inverse_of_five_to};

/// How many bits of 5^i [`five_to`] keeps.
const POWER_BITS: i32 = 121;
/// How many bits of precision [`inverse_of_five_to`] has.
const INVERSE_BITS: i32 = 122;

/// A finite number: `mantissa * 10^exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    mantissa: u64,
    exponent: i32,
}

/// The word for what is no number in JSON.
pub fn non_finite(number: f64) -> Option<&'static str> {
    if number.is_nan() {
        Some("NaN")
    } else if number.is_infinite() {
        Some(if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        })
    } else {
        None
    }
}

/// A float's decimal as `to_jsonb` prints it: through `numeric`, so without an exponent and
/// without a negative zero.
pub fn number_text(decimal: Decimal) -> String {
    let digits = decimal.mantissa.to_string();
    plain_number(decimal.negative, &digits, decimal.exponent)
}

/// The decimal of a finite `real`.
pub fn shortest_f32(number: f32) -> Decimal {
    let bits = number.to_bits();
    let mantissa = u64::from(bits & 0x7F_FFFF);
    let exponent = (bits >> 23 & 0xFF).cast_signed();
    shortest(number.is_sign_negative(), mantissa, exponent, 23, 127)
}

/// The decimal of a finite `double precision`.
pub fn shortest_f64(number: f64) -> Decimal {
    let bits = number.to_bits();
    let mantissa = bits & 0xF_FFFF_FFFF_FFFF;
    let exponent = (bits >> 52 & 0x7FF) as i32;
    shortest(number.is_sign_negative(), mantissa, exponent, 52, 1023)
}

fn shortest(negative: bool, mantissa: u64, exponent: i32, bits: u32, bias: i32) -> Decimal {
    if mantissa == 0 && exponent == 0 {
        return Decimal {
            negative,
            mantissa: 0,
            exponent: 0,
        };
    }
    let (m2, e2) = if exponent == 0 {
        (mantissa, 1)
    } else {
        (mantissa | 1 << bits, exponent)
    };
    // Two bits more, for the halfway points to both neighbours.
    let e2 = e2 - bias - bits.cast_signed() - 2;
    // Below a power of two the neighbour is half as far.
    let lower_is_far = u64::from(mantissa != 0 || exponent <= 1);
    let value = 4 * m2;
    let scaled = Interval::scale(value, value + 2, value - 1 - lower_is_far, e2);
    let (mantissa, removed) = scaled.shorten();
    let mut mantissa = mantissa;
    let mut exponent = scaled.exponent + removed;
    while mantissa % 10 == 0 {
        mantissa /= 10;
        exponent += 1;
    }
    Decimal {
        negative,
        mantissa,
        exponent,
    }
}

/// The value and the open interval around it, in units of `10^exponent`.
struct Interval {
    value: u64,
    upper: u64,
    lower: u64,
    exponent: i32,
    /// Whether `value` is exact so far, no digits other than zeros having been cut off.
    value_exact: bool,
}

impl Interval {
    fn scale(value: u64, upper: u64, lower: u64, e2: i32) -> Self {
        if e2 >= 0 {
            // log10(2^e2), rounded down, one less so that a digit is left to round by.
            let q = (((e2.cast_unsigned() * 78_913) >> 18) - u32::from(e2 > 3)).cast_signed();
            let shift = -e2 + q + INVERSE_BITS + bits_of_five_to(q) - 1;
            let factor = inverse_of_five_to(q as usize);
            let mut upper_scaled = multiply_shift(upper, factor, shift);
            let mut value_exact = false;
            if q <= 21 {
                value_exact = value.is_multiple_of(5u64.pow(q.cast_unsigned()));
                // The bound itself is outside.
                upper_scaled -= u64::from(upper.is_multiple_of(5u64.pow(q.cast_unsigned())));
            }
            Self {
                value: multiply_shift(value, factor, shift),
                upper: upper_scaled,
                lower: multiply_shift(lower, factor, shift),
                exponent: q,
                value_exact,
            }
        } else {
            let minus = (-e2).cast_unsigned();
            // log10(5^-e2), likewise.
            let q = ((minus * 732_923) >> 20) - u32::from(minus > 1);
            let i = -e2 - q.cast_signed();
            let shift = q.cast_signed() - (bits_of_five_to(i) - POWER_BITS);
            let factor = five_to(i as usize);
            let mut upper_scaled = multiply_shift(upper, factor, shift);
            // The mantissa carries two extra bits, so one of q <= 1 always divides it.
            let value_exact = q <= 1 || q < 63 && value.trailing_zeros() >= q;
            if q <= 1 {
                // upper is even, so the bound is exact, and outside.
                upper_scaled -= 1;
            }
            Self {
                value: multiply_shift(value, factor, shift),
                upper: upper_scaled,
                lower: multiply_shift(lower, factor, shift),
                exponent: q.cast_signed() + e2,
                value_exact,
            }
        }
    }

    /// The closest of the shortest decimals inside, and how many digits were cut off.
    fn shorten(&self) -> (u64, i32) {
        let (mut value, mut upper, mut lower) = (self.value, self.upper, self.lower);
        let mut exact = self.value_exact;
        let mut last = 0;
        let mut removed = 0;
        while upper / 10 > lower / 10 {
            exact &= last == 0;
            last = value % 10;
            value /= 10;
            upper /= 10;
            lower /= 10;
            removed += 1;
        }
        if exact && last == 5 && value % 2 == 0 {
            last = 4;
        }
        (value + u64::from(value == lower || last >= 5), removed)
    }
}

/// How many bits 5^power has.
fn bits_of_five_to(power: i32) -> i32 {
    ((power.cast_unsigned() * 1_217_359) >> 19).cast_signed() + 1
}

/// `number * factor >> shift`; the result fits, and `shift` is 64 or more, by the choice of
/// both tables.
fn multiply_shift(number: u64, factor: u128, shift: i32) -> u64 {
    let number = u128::from(number);
    let low = number * (factor & u128::from(u64::MAX));
    let high = number * (factor >> 64);
    (((low >> 64) + high) >> (shift - 64)) as u64
}
