//! Making filters in the page: a part that is loaded when it is first used (see
//! [`crate::parts`]). The page itself knows only [`crate::components::filter_panel`].

#[cfg(feature = "hydrate")]
mod cell_menu;
#[cfg(feature = "hydrate")]
mod conditions;
pub mod draft;
#[cfg(feature = "hydrate")]
pub(crate) mod highlight;
#[cfg(feature = "hydrate")]
mod panel;
#[cfg(feature = "hydrate")]
mod recent_list;
#[cfg(feature = "hydrate")]
mod text_editor;
#[cfg(feature = "hydrate")]
mod value_editor;
#[cfg(feature = "hydrate")]
mod values;

#[cfg(feature = "hydrate")]
pub(crate) use begin::begin;

#[cfg(feature = "hydrate")]
mod begin {
    use leptos::prelude::*;

    use super::{cell_menu::CellMenu, panel::Panel};
    use crate::{
        components::filter_panel::{FilterHost, Filtering},
        erased::MakeView,
    };

    /// What a page filters with.
    pub fn begin(host: FilterHost) -> Filtering {
        Filtering {
            panel: MakeView::from(move || view! { <Panel host /> }),
            layer: MakeView::from(move || view! { <CellMenu host /> }),
        }
    }
}
