//! One cell.

use std::sync::Arc;

use leptos::prelude::*;
use rowcast_protocol::ColumnKind;

use super::{
    column_header::side,
    formatted::{badge, formatted, plain},
};
use crate::{
    erased::{Erase, changing},
    format::{
        Format, Shape,
        clock::Clock,
        present,
        styled::{Reader, styled},
        zone::{ReaderZone, Zone},
    },
    live::rows::{LiveCell, ShownColumn},
};

/// A row's cell of a column. It is the only code that runs when the cell's value changes.
#[component]
pub fn CellView(
    /// Its value.
    cell: ArcRwSignal<LiveCell>,
    /// Its column.
    shown: Arc<ShownColumn>,
    /// What the column's values are shown as, if the reader has chosen that.
    format: Option<Format>,
) -> impl IntoView {
    let zone = (shown.column.kind == ColumnKind::TimestampTz).then(expect_context::<ReaderZone>);
    let clock = (format == Some(Format::Relative)).then(expect_context::<Clock>);
    let name = shown.column.name.clone();
    let class = side(shown.column.kind);
    let value = move || {
        let live = cell.get();
        let zone = zone.map_or(Zone::Utc, ReaderZone::get);
        let flash = match (&live.edit, live.mark) {
            (Some(edit), _) if !edit.saved => " saving",
            (Some(_), _) | (None, 0) => "",
            _ => " flash",
        };
        if let Some(format) = &format {
            let now = clock.and_then(Clock::get);
            let value = styled(live.shown(), format, &shown.column, Reader { zone, now });
            return formatted(value, flash);
        }
        let value = present(live.shown(), shown.shape, &shown.column, zone);
        match shown.shape {
            Shape::Plain => plain(["v ", value.class, flash].concat(), value.title, value.text),
            Shape::Link => view! {
                <span class=["v ", value.class, flash].concat() title=value.title>
                    <a href=value.href>{value.text}</a>
                </span>
            }
            .settled(),
            Shape::Badge => badge(value, flash),
        }
    };
    view! {
        <td class=class data-column=name>
            {changing(value)}
        </td>
    }
}
