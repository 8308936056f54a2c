//! Where changes come from.

use std::fmt;

use super::{InvalidSetting, number};
use crate::cli::SourceSettings;

const SOURCE: &str = "ROWCAST_SOURCE";
const SLOT_MAX: &str = "ROWCAST_SLOT_MAX";

/// The most bytes that are kept for the slot, where nothing is said.
const USUAL_SLOT_MAX: u64 = 10 << 30;

/// Where the changes of users' tables come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangesFrom {
    /// Triggers on them.
    Triggers,
    /// The write-ahead log.
    Replication,
}

impl ChangesFrom {
    /// As it is called in settings, and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Triggers => "triggers",
            Self::Replication => "replication",
        }
    }
}

impl fmt::Display for ChangesFrom {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Where changes are to come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceConfig {
    /// What was said; if nothing was, what the database has stays, which is triggers at first.
    pub said: Option<ChangesFrom>,
    /// The most bytes of the write-ahead log that are kept for the slot.
    pub slot_max: u64,
}

impl SourceConfig {
    /// # Errors
    /// The first wrong setting.
    pub(super) fn new(settings: &SourceSettings) -> Result<Self, InvalidSetting> {
        let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let said = match set(&settings.source).as_deref() {
            None => None,
            Some("triggers") => Some(ChangesFrom::Triggers),
            Some("replication") => Some(ChangesFrom::Replication),
            Some(other) => {
                return Err(InvalidSetting::new(
                    SOURCE,
                    other,
                    "it is neither",
                    "triggers, replication",
                ));
            }
        };
        let slot_max = match set(&settings.slot_max) {
            None => USUAL_SLOT_MAX,
            Some(text) => number(SLOT_MAX, &text, 1 << 20, 1 << 50)?,
        };
        Ok(Self { said, slot_max })
    }
}

impl Default for SourceConfig {
    fn default() -> Self {
        Self {
            said: None,
            slot_max: USUAL_SLOT_MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(source: &str, slot_max: &str) -> Result<SourceConfig, InvalidSetting> {
        SourceConfig::new(&SourceSettings {
            source: Some(source.to_owned()),
            slot_max: Some(slot_max.to_owned()),
        })
    }

    #[test]
    fn where_changes_come_from_stays_unless_something_is_said() {
        let unsaid = SourceConfig::new(&SourceSettings::default()).expect("valid");
        assert_eq!(unsaid, SourceConfig::default());
        assert_eq!(unsaid.said, None);
        let said = with("replication", "1048576").expect("valid");
        assert_eq!(said.said, Some(ChangesFrom::Replication));
        assert_eq!(said.slot_max, 1 << 20);
        assert_eq!(with("", ""), Ok(SourceConfig::default()));
    }

    #[test]
    fn a_wrong_value_is_told_with_what_is_allowed() {
        for (source, slot_max, name) in [
            ("wal", "", SOURCE),
            ("Replication", "", SOURCE),
            ("replication", "10G", SLOT_MAX),
            ("replication", "1000", SLOT_MAX),
            ("triggers", "-1", SLOT_MAX),
        ] {
            let text = with(source, slot_max).expect_err(name).to_string();
            assert!(
                text.starts_with(name) && text.contains("allowed is"),
                "{text}"
            );
        }
    }
}
