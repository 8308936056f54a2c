//! One cell.

use std::sync::Arc;

use leptos::{either::EitherOf4, prelude::*};
use rowcast_protocol::ColumnKind;

use super::{column_header::side, formatted::formatted};
use crate::{
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
            return EitherOf4::D(formatted(value, flash));
        }
        let value = present(live.shown(), shown.shape, &shown.column, zone);
        match shown.shape {
            Shape::Plain => EitherOf4::A(view! {
                <span class=["v ", value.class, flash].concat() title=value.title>
                    {value.text}
                </span>
            }),
            Shape::Link => EitherOf4::B(view! {
                <span class=["v ", value.class, flash].concat() title=value.title>
                    <a href=value.href>{value.text}</a>
                </span>
            }),
            Shape::Badge => EitherOf4::C(view! {
                <span class=["v ", flash].concat()>
                    <span class=["badge ", value.class].concat()>{value.text}</span>
                </span>
            }),
        }
    };
    view! {
        <td class=class data-column=name>
            {value}
        </td>
    }
}
