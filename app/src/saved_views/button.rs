//! The button that says which view is shown and opens the list of them.

use leptos::prelude::*;

use super::{SavedView, state};
use crate::{
    commands::Commands,
    components::icon,
    erased::{Erase, MakeView, changing, effect, handler, said},
    lazy::{self, Lazy},
    pages::table::TableView,
};

/// What is asked of the views' part of the page, which may have to be loaded first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Save what is shown into the view that it began as; a new one if there is none.
    Save,
    /// Save what is shown as a new view.
    SaveAs,
}

/// What the views' part has of the page that it works in.
#[derive(Clone, Copy)]
pub struct ViewsHost {
    /// The page's shared state.
    pub view: TableView,
    /// What is to be done.
    pub wish: RwSignal<Option<Wish>>,
    /// What the list of views holds.
    pub menu: RwSignal<Option<MakeView>>,
    /// What is shown before the page: dialogs and what is said.
    pub layer: RwSignal<Option<MakeView>>,
    /// The view that the address began as.
    pub current: Memo<Option<SavedView>>,
    /// What a view would keep of the address.
    pub state: Memo<String>,
    /// Whether what is shown is not the view any more.
    pub changed: Memo<bool>,
}

impl ViewsHost {
    fn new(view: TableView) -> Self {
        let current = Memo::new(move |_| view.views.current(&view.shown.read()));
        let state_now =
            Memo::new(move |_| state(&view.text(&view.query.read(), !view.scrolls.get())));
        let changed = Memo::new(move |_| {
            let current = current.read();
            current
                .as_ref()
                .is_some_and(|current| state(&current.query) != *state_now.read())
        });
        Self {
            view,
            wish: RwSignal::new(None),
            menu: RwSignal::new(None),
            layer: RwSignal::new(None),
            current,
            state: state_now,
            changed,
        }
    }
}

/// The button “Views”, the list that it opens, and its dialogs.
#[component]
pub fn ViewsButton(
    /// The page's shared state.
    view: TableView,
) -> impl IntoView {
    let host = ViewsHost::new(view);
    let part = Lazy::<()>::new(lazy::part!(saved_views(host)));
    let wish = move |wish| {
        part.want();
        host.wish.set(Some(wish));
    };
    let commands = Commands::expect();
    commands.add("Views", "Save view", "", move || wish(Wish::Save));
    commands.add("Views", "Save view as…", "", move || wish(Wish::SaveAs));
    let name = move || match &*host.current.read() {
        Some(current) => current.name.clone(),
        None => "Views".to_owned(),
    };
    let changed = move || {
        let mark =
            || view! { <span class="changed" role="img" aria-label="changed"></span> }.settled();
        host.changed.get().then(mark)
    };
    let content = move || match (host.menu.get(), part.failed()) {
        (Some(menu), _) => menu.run(),
        (None, true) => view! {
            <p role="alert">"The list could not be loaded."</p>
            <button type="button" class="button" on:click=handler(move |_| part.want())>
                "Try again"
            </button>
        }
        .here_once(),
        (None, false) => view! { <p class="muted">"Loading…"</p> }.settled(),
    };
    // It may be opened before any script runs.
    effect(move || {
        if let Ok(Some(_)) = document().query_selector("#views:popover-open") {
            part.want();
        }
    });
    view! {
        <button
            type="button"
            class="button views-button"
            popovertarget="views"
            title=said(move || Some(name()))
            on:pointerenter=handler(move |_| part.want())
            on:focus=handler(move |_| part.want())
            on:click=handler(move |_| part.want())
        >
            {icon::views()}
            <span class="label">{changing(name)}</span>
            {changing(changed)}
            {icon::down()}
        </button>
        <div id="views" class="popover" popover="auto" role="group" aria-label="Saved views">
            {changing(content)}
        </div>
        {changing(move || host.layer.get().map(|layer| layer.run()))}
    }
    .settled()
}
