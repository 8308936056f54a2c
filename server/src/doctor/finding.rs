//! What was found, as one line.

use std::fmt;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It is as it should be.
    Fine,
    /// Worth knowing; nothing has to be done.
    Note,
    /// It works, and will not always.
    Warning,
    /// Something does not work.
    Wrong,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// What was looked at.
    pub subject: &'static str,
    /// What is so.
    pub said: String,
    /// How to mend it; nothing where nothing has to be.
    pub fix: String,
}

impl Finding {
    pub(super) fn fine(subject: &'static str, said: impl Into<String>) -> Self {
        Self::new(Level::Fine, subject, said, "")
    }

    pub(super) fn note(subject: &'static str, said: impl Into<String>) -> Self {
        Self::new(Level::Note, subject, said, "")
    }

    pub(super) fn warning(
        subject: &'static str,
        said: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(Level::Warning, subject, said, fix)
    }

    pub(super) fn wrong(
        subject: &'static str,
        said: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(Level::Wrong, subject, said, fix)
    }

    fn new(
        level: Level,
        subject: &'static str,
        said: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            level,
            subject,
            said: said.into(),
            fix: fix.into(),
        }
    }
}

impl fmt::Display for Finding {
    /// One line: names from the database can neither break it nor steer a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Fine => "ok",
            Level::Note => "note",
            Level::Warning => "warning",
            Level::Wrong => "WRONG",
        };
        let line = match self.fix.as_str() {
            "" => format!("{level:<8} {:<12} {}", self.subject, self.said),
            fix => format!(
                "{level:<8} {:<12} {}. To mend it: {fix}",
                self.subject, self.said
            ),
        };
        let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        f.write_str(&line.chars().map(plain).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_whatever_names_hold() {
        let line = Finding::wrong("tables", "a\nb\u{1b}[2J is not live", "watch it").to_string();
        assert_eq!(
            line,
            "WRONG    tables       a\u{fffd}b\u{fffd}[2J is not live. To mend it: watch it"
        );
        assert_eq!(
            Finding::fine("clock", "it agrees").to_string(),
            "ok       clock        it agrees"
        );
    }

    #[test]
    fn what_is_wrong_matters_most() {
        assert!(Level::Wrong > Level::Warning && Level::Note > Level::Fine);
    }
}
