//! How wide a column is.

use rowcast_protocol::{Cell, Column, ColumnKind};

use super::{
    Format,
    cell::{Shape, present},
    styled::{Reader, Styled, styled},
    zone::Zone,
};

/// The narrowest column, in characters.
const NARROWEST: usize = 8;
/// The widest column, in characters. Longer values end in an ellipsis.
const WIDEST: usize = 40;

/// How wide a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width {
    /// In characters.
    characters: usize,
    /// Whether some of its values are longer, so that it takes room where there is some.
    long: bool,
}

impl Width {
    /// A column's width, from its type, what it is called and shown as, and the first values
    /// that it holds.
    ///
    /// It is computed once: a table whose columns move while it is read is unreadable.
    pub fn new(column: &Column, label: &str, format: Option<Format>, cells: &[Cell]) -> Self {
        // The name, and the marks of its type and of its place in the order.
        let name = (label.chars().count() + 6).min(28);
        let (least, most) = match (format, column.kind) {
            (Some(Format::Progress { .. }), _) => (16, 16),
            (Some(Format::Image), _) => (10, 16),
            (Some(Format::Masked), _) => (10, 10),
            (_, ColumnKind::Boolean) => (5, 5),
            (_, ColumnKind::Integer | ColumnKind::Numeric | ColumnKind::Float) => (7, 30),
            (_, ColumnKind::Date) => (10, 16),
            (_, ColumnKind::Time) => (8, 20),
            // Also of those that tell how long ago: what the server renders is the time.
            (_, ColumnKind::Timestamp | ColumnKind::TimestampTz) => (18, 22),
            (_, ColumnKind::Uuid) => (13, 13),
            (_, ColumnKind::Enum) => {
                let labels = column.labels.iter().map(|label| label.chars().count() + 2);
                let longest = labels.max().unwrap_or(8).min(30);
                (longest, longest)
            }
            (_, ColumnKind::Json | ColumnKind::Array) => (14, 30),
            _ => (10, WIDEST),
        };
        let lengths = lengths(column, format, cells);
        let characters = usual(&lengths, column.kind)
            .clamp(least, most)
            .max(name)
            .clamp(NARROWEST, WIDEST);
        Self {
            characters,
            long: most == WIDEST && lengths.last().is_some_and(|longest| *longest > characters),
        }
    }

    /// The width as a length of the style sheet.
    pub fn length(self) -> String {
        let characters = self.characters;
        if self.long {
            format!("({characters}ch + 21px + clamp(0px, (100vw - 1500px) * 0.2, 320px))")
        } else {
            format!("({characters}ch + 21px)")
        }
    }

    /// The classes that give a column this width.
    pub fn class(self) -> String {
        let long = if self.long { " long" } else { "" };
        format!("w{}{long}", self.characters)
    }
}

/// The length that nine in ten values keep to, and for numbers all of them.
fn usual(lengths: &[usize], kind: ColumnKind) -> usize {
    let place = match kind {
        ColumnKind::Integer | ColumnKind::Numeric | ColumnKind::Float => lengths.last(),
        _ => lengths.get(lengths.len() * 9 / 10),
    };
    place.copied().unwrap_or(0) + 1
}

/// How long the first values are as they are shown, ascending. The letters of running text
/// are narrower than the digits that a character is measured by.
fn lengths(column: &Column, format: Option<Format>, cells: &[Cell]) -> Vec<usize> {
    let shape = Shape::of(column);
    let reader = Reader {
        zone: Zone::Utc,
        now: None,
    };
    let length = |cell: &Cell| {
        let (text, beside) = match format.map(|format| styled(cell, &format, column, reader)) {
            None => (present(cell, shape, column, Zone::Utc).text, 0),
            Some(Styled::Badge(shown)) => (shown.text, 2),
            Some(Styled::Spans(_, spans)) => {
                let text: String = spans.into_iter().map(|span| span.text).collect();
                (text.into(), 0)
            }
            Some(
                Styled::Text(shown)
                | Styled::Progress(shown, ..)
                | Styled::Picture(shown, _)
                | Styled::Masked(shown),
            ) => (shown.text, 0),
        };
        let length = text.chars().count() + beside;
        if text.contains(' ') && column.kind == ColumnKind::Text {
            length - length / 12
        } else {
            length
        }
    };
    let mut lengths: Vec<usize> = cells.iter().map(length).collect();
    lengths.sort_unstable();
    lengths
}
