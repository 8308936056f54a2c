//! What can be done with a column: the menu, as far as the page itself knows of it. What it holds
//! is loaded when one is first asked for.

#[cfg(feature = "hydrate")]
pub(crate) mod items;
#[cfg(feature = "hydrate")]
mod summary;

use std::sync::Arc;

use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use crate::{
    erased::{Erase, Erased, changing, effect, handler, said},
    grid::{GridState, hands::target},
    lazy::{self, Lazy},
    pages::table::TableView,
};

/// The menu's id.
pub const MENU: &str = "column-menu";

/// What is loaded for the menu.
#[derive(Clone)]
pub struct MadeMenu {
    /// Makes what it holds for the column of that name.
    pub items: Arc<dyn Fn(String) -> Erased + Send + Sync>,
    /// Hears its keys.
    pub walk: fn(ev::KeyboardEvent),
}

/// The column whose menu is open, or was: a context of the table's page.
#[derive(Clone, Copy)]
pub struct ColumnMenuOf {
    of: RwSignal<Option<String>>,
    made: Lazy<MadeMenu>,
}

impl ColumnMenuOf {
    /// None is open yet. Provided as a context.
    pub fn provide(view: TableView) {
        provide_context(Self {
            of: RwSignal::new(None),
            made: Lazy::new(lazy::part!(column_menu(view))),
        });
    }

    /// Whether the menu is that column's, or was.
    pub fn is_of(self, name: &str) -> bool {
        self.of.read().as_deref() == Some(name)
    }

    /// The menu opens for that column.
    pub fn open(self, name: String) {
        self.load();
        self.of.set(Some(name));
    }

    /// Has what it holds loaded, unless it is.
    pub fn load(self) {
        self.made.want();
    }
}

/// The menu of whichever column it was opened for.
#[component]
pub fn ColumnMenu() -> impl IntoView {
    let ColumnMenuOf { of, made } = expect_context();
    let grid = expect_context::<GridState>();
    let content = move || {
        let name = of.get()?;
        if made.failed() {
            return Some(said_instead(
                "The menu could not be loaded. Close it and try again.",
            ));
        }
        Some(match made.get() {
            Some(made) => (made.items)(name),
            None => said_instead("Loading…"),
        })
    };
    // One that was open before its lines were there.
    effect(move || {
        if made.get().is_some() {
            request_animation_frame(|| {
                if let Some(menu) = document().get_element_by_id(MENU) {
                    focus_first(&menu);
                }
            });
        }
    });
    view! {
        <div
            id=MENU
            class="menu"
            popover="auto"
            role="group"
            aria-label=said(move || of.get().map(|name| format!("Column {}", grid.label(&name))))
            on:keydown=handler(move |event| {
                if let Some(made) = made.ready() {
                    (made.walk)(event);
                }
            })
            on:toggle=handler(move |event| {
                if let Some(menu) = target(&event) {
                    focus_first(&menu);
                }
            })
        >
            {changing(content)}
        </div>
    }
    .settled()
}

/// What stands there without any lines.
fn said_instead(text: &'static str) -> Erased {
    view! {
        <p class="muted" role="status">
            {text}
        </p>
    }
    .here_once()
}

/// A menu that has opened has the focus.
fn focus_first(menu: &Element) {
    let open = menu.matches(":popover-open").unwrap_or(false);
    let first = menu.query_selector("a, button").ok().flatten();
    let first = first.filter(|_| open);
    if let Some(first) = first.and_then(|first| first.dyn_into::<HtmlElement>().ok()) {
        // An element that can't take the focus leaves it where it is.
        let _ = first.focus();
    }
}
