//! Quiet hours: from when to when no browser shows what comes by itself.

use serde::Deserialize;

/// Two times of day, as `22:00`.
#[derive(Deserialize)]
pub struct Quiet {
    from: String,
    to: String,
}

impl Quiet {
    /// Whether it is quiet at a time of day. What ends before it begins goes past midnight.
    pub fn holds(&self, now: &str) -> bool {
        let (from, to) = (self.from.as_str(), self.to.as_str());
        match from <= to {
            true => (from..to).contains(&now),
            false => now >= from || now < to,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_hours_may_go_past_midnight() {
        let quiet = |from: &str, to: &str, now: &str| {
            let (from, to) = (from.to_owned(), to.to_owned());
            Quiet { from, to }.holds(now)
        };
        for now in ["22:00", "23:59", "00:00", "06:59"] {
            assert!(quiet("22:00", "07:00", now), "{now}");
        }
        for now in ["21:59", "07:00", "12:00"] {
            assert!(!quiet("22:00", "07:00", now), "{now}");
        }
        assert!(quiet("12:00", "13:00", "12:30") && !quiet("12:00", "13:00", "13:00"));
    }
}
