//! Filtering, as far as the page itself knows of it: the button, what it opens, and when what
//! that shows is loaded.

use leptos::{ev, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};
use rowcast_protocol::query::Query;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, MouseEvent, PointerEvent};

use super::icon;
#[cfg(feature = "hydrate")]
use crate::filter::recent;
use crate::{
    commands::Commands,
    erased::{Erase, MakeView, changing, effect, handler, whether},
    grid::{CellPlace, GridState, hands::target},
    lazy::{self, Lazy},
    pages::table::TableView,
};

/// The id of the panel in which filters are made.
pub const PANEL: &str = "filter";

/// What the panel begins with when it opens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ask {
    /// The filters as they are.
    #[default]
    Filters,
    /// The filter at that position.
    Condition(usize),
    /// A new one, of that column.
    Column(String),
    /// The filters as text.
    Text,
}

/// A cell whose menu is asked for, and where on the screen, if by the pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MenuAt {
    /// The cell.
    pub place: CellPlace,
    /// In CSS pixels from the window's edges.
    pub point: Option<(i32, i32)>,
}

/// What is loaded for filtering.
#[derive(Clone)]
pub struct Filtering {
    /// What the panel holds.
    pub panel: MakeView,
    /// What is shown beside the rows: the menus of cells.
    pub layer: MakeView,
}

/// What filtering has of the page that it works in: a context of it.
#[derive(Clone, Copy)]
pub struct FilterHost {
    /// The page's shared state.
    pub view: TableView,
    /// What the panel begins with.
    pub ask: RwSignal<Ask>,
    /// How often it has been opened.
    pub opened: RwSignal<u32>,
    /// The cell whose menu is open.
    pub menu: RwSignal<Option<MenuAt>>,
    loaded: Lazy<Filtering>,
}

impl FilterHost {
    /// Nothing is opened yet, provided as a context by the page.
    pub fn provide(view: TableView) -> Self {
        let host = Self {
            view,
            ask: RwSignal::default(),
            opened: RwSignal::new(0),
            menu: RwSignal::new(None),
            loaded: Lazy::new(lazy::part!(filtering())),
        };
        provide_context(host);
        host
    }

    /// Opens the panel.
    pub fn open(self, ask: Ask) {
        self.ask.set(ask);
        if !show_popover(PANEL) {
            self.begin();
        }
    }

    /// Opens the menu of a cell.
    pub fn open_menu(self, place: CellPlace, point: Option<(i32, i32)>) {
        self.menu.set(Some(MenuAt { place, point }));
        self.load();
    }

    /// A menu is asked for: by the pointer's other button, a long touch, or a key.
    pub fn context_menu(self, event: &MouseEvent, place: Option<CellPlace>) {
        let Some(element) = target(event).filter(|_| !event.shift_key()) else {
            return;
        };
        if let Some(head) = element.closest("th").ok().flatten() {
            if let Some(button) = head.query_selector(".head-menu").ok().flatten() {
                event.prevent_default();
                press(&button);
            }
            return;
        }
        let own = element.closest(".cell-editor, input, textarea").ok();
        if let Some(place) = place.filter(|_| own.flatten().is_none()) {
            event.prevent_default();
            // A key's menu is at its cell.
            let pointer = event
                .dyn_ref::<PointerEvent>()
                .map(PointerEvent::pointer_type);
            let touched = matches!(pointer.as_deref(), Some("touch" | "pen"));
            let by_pointer = event.button() == 2 || touched;
            self.open_menu(
                place,
                by_pointer.then(|| (event.client_x(), event.client_y())),
            );
        }
    }

    /// The panel has opened.
    fn begin(self) {
        self.load();
        self.opened.update(|opened| *opened += 1);
    }

    /// Has what the panel and the menu hold loaded, unless it is.
    pub fn load(self) {
        self.loaded.want();
    }
}

/// The button that opens the panel, and the panel.
#[component]
pub fn FilterPanel(
    /// The page's shared state.
    host: FilterHost,
) -> impl IntoView {
    // A form that needs no scripts, until they run, and where what they need can't be loaded.
    let runs = RwSignal::new(false);
    effect(move || {
        runs.set(true);
        if popover(PANEL).is_some_and(|panel| is_open(&panel)) {
            host.begin();
        }
        register(host);
    });
    #[cfg(feature = "hydrate")]
    remember(host.view);
    let failed = move || host.loaded.failed();
    let content = move || match host.loaded.get() {
        Some(loaded) => loaded.panel.run(),
        None if failed() => view! {
            <p class="wrong" role="alert">
                "The filters could not be loaded. Close this and try again."
            </p>
        }
        .here_once(),
        None => runs
            .get()
            .then(|| view! { <p class="muted" role="status">"Loading…"</p> }.here_once())
            .erased(),
    };
    view! {
        <button
            type="button"
            class="button add-filter"
            popovertarget=PANEL
            title="Filter (Ctrl+Shift+F)"
            aria-keyshortcuts="Control+Shift+F"
            on:pointerenter=handler(move |_| host.load())
            on:focus=handler(move |_| host.load())
        >
            {icon::filter()}
            <span class="label">"Filter"</span>
        </button>
        <div
            id=PANEL
            class="popover filter-panel"
            popover="auto"
            role="dialog"
            aria-label="Filter"
            on:toggle=handler(move |event| {
                if target(&event).is_some_and(|panel| is_open(&panel)) {
                    host.begin();
                }
            })
        >
            <div
                hidden=whether(move || runs.get() && !failed())
                inner_html=plain_form(host.view)
            ></div>
            {changing(content)}
        </div>
        {changing(move || host.loaded.get().map(|loaded| loaded.layer.run()))}
    }
    .settled()
}

/// The form that adds a filter where no script runs: only the server writes it, and only into
/// the first page.
#[cfg(not(feature = "hydrate"))]
fn plain_form(view: TableView) -> String {
    use crate::filter::Choice;
    use rowcast_protocol::ColumnKind;

    let columns = view.columns().into_iter().map(|column| {
        let name = column.name.clone();
        view! { <option value=name>{column.name}</option> }
    });
    let choices = Choice::ALL.map(|choice| {
        view! { <option value=choice.name()>{choice.label(ColumnKind::Other)}</option> }
    });
    let current = view.text(&view.query.get_untracked(), !view.scrolls.get_untracked());
    view! {
        <form class="plain-filter" method="get" action=format!("{}/filter", view.root()) aria-label="Filter">
            <input type="hidden" name="query" value=current />
            <label class="field">
                <span>"Column"</span>
                <select name="column">{columns.collect_view()}</select>
            </label>
            <label class="field">
                <span>"Operator"</span>
                <select name="operator">{choices.into_iter().collect_view()}</select>
            </label>
            <label class="field">
                <span>"Value"</span>
                <input name="value" type="text" autocomplete="off" spellcheck="false" />
            </label>
            <div class="actions">
                <button type="submit" class="button primary">
                    "Add"
                </button>
                <button
                    type="button"
                    class="button"
                    popovertarget=PANEL
                    popovertargetaction="hide"
                >
                    "Cancel"
                </button>
            </div>
        </form>
    }
    .to_html()
}

#[cfg(feature = "hydrate")]
fn plain_form(_view: TableView) -> String {
    String::new()
}

/// What can be done from the keyboard.
fn register(host: FilterHost) {
    let commands = Commands::expect();
    let grid = expect_context::<GridState>();
    let keys = window_event_listener(ev::keydown, move |event| {
        let control = event.ctrl_key() || event.meta_key();
        if control && event.shift_key() && event.key().eq_ignore_ascii_case("f") {
            event.prevent_default();
            host.open(Ask::Filters);
        }
    });
    on_cleanup(move || keys.remove());
    let navigate = StoredValue::new_local(use_navigate());
    commands.add("Filter", "Filter…", "Ctrl+Shift+F", move || {
        host.open(Ask::Filters);
    });
    commands.add("Filter", "Filter as text…", "", move || {
        host.open(Ask::Text)
    });
    commands.add("Filter", "Clear all filters", "", move || {
        let query = Query {
            filter: Vec::new(),
            ..host.view.query.get_untracked().with_page(0)
        };
        let to = untrack(|| host.view.address(&query));
        navigate.with_value(|navigate| navigate(&to, stay()));
    });
    commands.add("Rows", "Menu of the cell", "Shift+F10", move || {
        if let Some(place) = grid.focus.get_untracked() {
            host.open_menu(place, None);
        }
    });
}

/// The page stays scrolled where it is.
pub(crate) fn stay() -> NavigateOptions {
    NavigateOptions {
        scroll: false,
        ..NavigateOptions::default()
    }
}

/// Keeps each filter that rows were shown of.
#[cfg(feature = "hydrate")]
fn remember(view: TableView) {
    Effect::new(move |before: Option<String>| {
        let used = view.query.with(|query| recent::line(&query.filter));
        let shown = !view.live.loading.get() && view.live.error.read().is_none();
        if !shown {
            return before.unwrap_or_default();
        }
        if !used.is_empty() && before.as_ref() != Some(&used) {
            view.path.with_value(|path| recent::remember(path, &used));
        }
        used
    });
}

/// The popover of that id.
fn popover(id: &str) -> Option<Element> {
    document().get_element_by_id(id)
}

fn is_open(popover: &Element) -> bool {
    popover.matches(":popover-open").unwrap_or(false)
}

/// Opens the popover of that id; false if it is open already.
fn show_popover(id: &str) -> bool {
    let element = popover(id).filter(|element| !is_open(element));
    match element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        Some(element) => element.show_popover().is_ok(),
        None => false,
    }
}

fn press(button: &Element) {
    if let Some(button) = button.dyn_ref::<HtmlElement>() {
        button.click();
    }
}
