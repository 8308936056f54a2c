//! Prometheus' text.

use std::fmt::{Display, Write};

use super::histogram::Counted;

/// The text's media type.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A page of figures. Writing to a string can't fail.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// Begins a figure of several lines.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// A figure of one line.
    pub fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        let _ = writeln!(self.0, "{name} {value}");
    }

    /// One line of a figure: `labels` is `name="value"`, with commas between.
    pub fn labelled(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = writeln!(self.0, "{name}{{{labels}}} {value}");
    }

    /// The lines of a histogram, with labels or none.
    pub fn histogram(&mut self, name: &str, labels: &str, counted: &Counted) {
        let (comma, whole) = match labels {
            "" => ("", String::new()),
            labels => (",", format!("{{{labels}}}")),
        };
        for (bound, count) in &counted.buckets {
            let labels = format!("{labels}{comma}le=\"{bound}\"");
            self.labelled(&format!("{name}_bucket"), &labels, count);
        }
        let labels = format!("{labels}{comma}le=\"+Inf\"");
        self.labelled(&format!("{name}_bucket"), &labels, counted.count);
        let _ = writeln!(self.0, "{name}_sum{whole} {}", counted.sum);
        let _ = writeln!(self.0, "{name}_count{whole} {}", counted.count);
    }

    /// The text.
    pub fn into_text(self) -> String {
        self.0
    }
}
