//! How often, by the settings.

use std::{num::NonZeroU32, time::Duration};

use super::Kind;
use crate::{cli::EntranceSettings, config::InvalidSetting};

/// How many a second, where they are counted.
type Rate = Option<NonZeroU32>;

/// How many a second of each kind; what ten seconds allow may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    reads: Rate,
    writes: Rate,
    opens: Rate,
    messages: Rate,
}

const fn rate(number: u32) -> Rate {
    NonZeroU32::new(number)
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            reads: rate(100),
            writes: rate(50),
            opens: rate(20),
            messages: rate(100),
        }
    }
}

impl Rates {
    /// Those of the settings.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn new(settings: &EntranceSettings) -> Result<Self, InvalidSetting> {
        let defaults = Self::default();
        let read = |name, text: &Option<String>, default| match text.as_deref() {
            None | Some("") => Ok(default),
            Some("off") => Ok(None),
            Some(text) => match text.parse::<u32>() {
                Ok(number @ 1..=1_000_000) => Ok(rate(number)),
                _ => Err(InvalidSetting::new(
                    name,
                    text,
                    "it is no number in range",
                    "1 to 1000000 a second, or off",
                )),
            },
        };
        Ok(Self {
            reads: read("ROWCAST_RATE_READS", &settings.rate_reads, defaults.reads)?,
            writes: read(
                "ROWCAST_RATE_WRITES",
                &settings.rate_writes,
                defaults.writes,
            )?,
            opens: read("ROWCAST_RATE_OPENS", &settings.rate_opens, defaults.opens)?,
            messages: read(
                "ROWCAST_RATE_MESSAGES",
                &settings.rate_messages,
                defaults.messages,
            )?,
        })
    }

    /// The time that one of this kind takes, where they are counted.
    pub(super) fn period(&self, kind: Kind) -> Option<Duration> {
        let rate = match kind {
            Kind::Read => self.reads,
            Kind::Write => self.writes,
            Kind::Open => self.opens,
            Kind::Message => self.messages,
        };
        rate.map(|rate| Duration::from_secs(1) / rate.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(reads: &str) -> EntranceSettings {
        EntranceSettings {
            rate_reads: Some(reads.to_owned()),
            ..EntranceSettings::default()
        }
    }

    #[test]
    fn a_rate_is_a_number_or_off() {
        let of = |text| Rates::new(&settings(text)).expect(text).period(Kind::Read);
        assert_eq!(of("4"), Some(Duration::from_millis(250)));
        assert_eq!(of("1000000"), Some(Duration::from_micros(1)));
        assert_eq!(of("off"), None);
        assert_eq!(of(""), Some(Duration::from_millis(10)));
        for wrong in ["0", "-1", "1000001", "many", "1.5", "OFF"] {
            let error = Rates::new(&settings(wrong)).expect_err(wrong).to_string();
            assert!(error.starts_with("ROWCAST_RATE_READS is "), "{error}");
            assert!(error.contains("allowed is 1 to 1000000 a second, or off"));
        }
    }
}
