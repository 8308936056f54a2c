//! Powers of five, to as many bits as Ryū needs.

use std::sync::LazyLock;

use super::{INVERSE_BITS, POWER_BITS, bits_of_five_to};

/// Enough 32-bit limbs for 2^(122 + bits of 5^341).
const LIMBS: usize = 31;

const POWERS: usize = 326;
const INVERSES: usize = 342;

/// The highest 121 bits of 5^power, for powers up to 325.
pub fn five_to(power: usize) -> u128 {
    static TABLE: LazyLock<Vec<u128>> = LazyLock::new(|| {
        let mut number = [0; LIMBS];
        number[0] = 1;
        (0..POWERS as i32)
            .map(|power| {
                let top = shifted(&number, bits_of_five_to(power) - POWER_BITS);
                multiply(&mut number, 5);
                top
            })
            .collect()
    });
    TABLE[power]
}

/// 2^(bits of 5^power + 121) / 5^power, rounded up, for powers up to 341.
pub fn inverse_of_five_to(power: usize) -> u128 {
    static TABLE: LazyLock<Vec<u128>> = LazyLock::new(|| {
        let highest = 32 * LIMBS as i32 - 1;
        let mut number = [0; LIMBS];
        number[LIMBS - 1] = 1 << 31;
        (0..INVERSES as i32)
            .map(|power| {
                let wanted = bits_of_five_to(power) - 1 + INVERSE_BITS;
                let inverse = shifted(&number, highest - wanted) + 1;
                divide(&mut number, 5);
                inverse
            })
            .collect()
    });
    TABLE[power]
}

fn multiply(number: &mut [u32; LIMBS], factor: u32) {
    let mut carry = 0;
    for limb in number {
        let product = u64::from(*limb) * u64::from(factor) + carry;
        *limb = product as u32;
        carry = product >> 32;
    }
}

fn divide(number: &mut [u32; LIMBS], divisor: u32) {
    let mut remainder = 0;
    for limb in number.iter_mut().rev() {
        let part = remainder << 32 | u64::from(*limb);
        *limb = (part / u64::from(divisor)) as u32;
        remainder = part % u64::from(divisor);
    }
}

/// The 128 bits from bit `from` upwards; a negative `from` shifts to the left.
fn shifted(number: &[u32; LIMBS], from: i32) -> u128 {
    let bit = |at: i32| {
        usize::try_from(at).is_ok_and(|at| {
            number
                .get(at / 32)
                .is_some_and(|limb| limb >> (at % 32) & 1 == 1)
        })
    };
    (0..128)
        .map(|offset| u128::from(bit(from + offset)) << offset)
        .sum()
}
