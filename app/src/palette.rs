//! Finding what can be done: by name in the palette, by key in the list of keys.
//!
//! The page itself only has the button and hears the keys. What they open is a part that is
//! loaded then (see [`crate::parts`]).

#[cfg(feature = "hydrate")]
mod entries;
#[cfg(any(feature = "hydrate", test))]
mod fuzzy;
#[cfg(any(feature = "hydrate", test))]
mod key_list;
#[cfg(feature = "hydrate")]
mod keys_view;
#[cfg(feature = "hydrate")]
mod palette_view;
#[cfg(feature = "hydrate")]
mod shortcuts;

use leptos::prelude::*;

use crate::{
    commands::Commands,
    components::icon,
    erased::{Erase, MakeView, changing, handler},
    grid::GridState,
    lazy::{self, Lazy},
};

/// What can be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Panel {
    /// The palette of commands.
    Palette,
    /// The list of keys.
    Keys,
}

/// What the palette has of the page that it works in.
#[derive(Clone, Copy)]
pub struct PaletteHost {
    /// What can be done on the page.
    pub commands: Commands,
    /// The page's grid, if it has one.
    pub grid: Option<GridState>,
    /// What is open.
    pub panel: RwSignal<Option<Panel>>,
}

/// The button that opens the palette, and the palette.
#[component]
pub fn PaletteButton() -> impl IntoView {
    let host = PaletteHost {
        commands: Commands::here().unwrap_or_else(Commands::provide),
        grid: use_context(),
        panel: RwSignal::new(None),
    };
    let panels = Lazy::<MakeView>::new(lazy::part!(palette(host)));
    let failed = RwSignal::new(false);
    let button = NodeRef::<leptos::html::Button>::new();
    #[cfg(feature = "hydrate")]
    let open = Callback::new(shortcuts::opener(host, panels, button, failed));
    #[cfg(not(feature = "hydrate"))]
    let open = Callback::new(|_: Option<Panel>| ());
    view! {
        <button
            class="icon-button palette-button"
            type="button"
            node_ref=button
            aria-label="Commands"
            aria-haspopup="dialog"
            aria-keyshortcuts="Control+K"
            title="Commands (Ctrl+K)"
            on:pointerenter=handler(move |_| open.run(None))
            on:focus=handler(move |_| open.run(None))
            on:click=handler(move |_| open.run(Some(Panel::Palette)))
        >
            {icon::commands()}
        </button>
        {changing(move || panels.get().map(|panels| panels.run()))}
        {changing(move || {
            failed
                .get()
                .then(|| {
                    view! {
                        <p class="notice warn" role="alert">
                            "The commands could not be loaded. Try again, or load the page again."
                        </p>
                    }
                        .here_once()
                })
        })}
    }
    .settled()
}

/// Shows whichever panel is asked for.
#[cfg(feature = "hydrate")]
pub(crate) fn panels(host: PaletteHost) -> MakeView {
    MakeView::from(move || {
        move || {
            host.panel.get().map(|panel| {
                // What is offered is what there is when it is opened.
                untrack(|| match panel {
                    Panel::Palette => palette_view::palette(host),
                    Panel::Keys => keys_view::keys(host),
                })
            })
        }
    })
}
