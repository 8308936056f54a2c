//! Rules that can't be looked at, which hold up no other.

use std::collections::HashMap;

/// So many failures because of one rule, and it is gone on without it.
const FAILURES: u32 = 3;

/// How often each rule has failed a round since the last that went well.
#[derive(Debug, Default)]
pub struct Failures(HashMap<i64, u32>);

impl Failures {
    /// A round failed because of this one.
    pub fn add(&mut self, rule: i64) {
        *self.0.entry(rule).or_default() += 1;
    }

    /// Whether it is gone on without it.
    pub fn is_left_out(&self, rule: i64) -> bool {
        self.0.get(&rule).is_some_and(|failed| *failed >= FAILURES)
    }

    /// A round went well. What it went on without is tried once in the next one.
    pub fn went_well(&mut self) {
        self.0.retain(|_, failed| *failed >= FAILURES);
        self.0
            .values_mut()
            .for_each(|failed| *failed = FAILURES - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_fails_again_and_again_is_left_out() {
        let mut failures = Failures::default();
        for _ in 0..FAILURES {
            assert!(!failures.is_left_out(1));
            failures.add(1);
        }
        // Another one fails meanwhile.
        failures.add(2);
        assert!(failures.is_left_out(1) && !failures.is_left_out(2));
        failures.went_well();
        // It is tried again, and has one try.
        assert!(!failures.is_left_out(1));
        failures.add(1);
        assert!(failures.is_left_out(1));
        failures.went_well();
        failures.went_well();
        failures.add(1);
        assert!(!failures.is_left_out(1), "it was looked at meanwhile");
    }
}
