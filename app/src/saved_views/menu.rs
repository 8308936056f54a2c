//! The list of views, and what is done with them.

use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};
use leptos_router::{NavigateOptions, hooks::use_navigate};

use super::{
    SavedView, ViewsHost, Wish,
    api::{self, Edit},
    delete::DeleteQuestion,
    form::ViewForm,
    list, view_of,
};
use crate::{
    address,
    components::{icon, table_header::close},
    edit::api::Refusal,
    erased::{Erase, Erased, MakeView, changing, effect},
    live::live_list::LiveList,
    reader::Reader,
    signed_in::SignedIn,
};

/// How long what is said stays.
const STAYS: Duration = Duration::from_secs(6);

/// What a dialog is open for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dialog {
    /// A new view.
    SaveAs,
    /// The name of a view, and whose it is.
    Edit(SavedView),
    /// Whether a view may be deleted.
    Delete(SavedView),
}

/// What the parts of it share.
#[derive(Clone, Copy)]
pub struct Views {
    /// The page that it is in.
    pub host: ViewsHost,
    /// Whose views are private.
    pub reader: Reader,
    /// What is open.
    pub dialog: RwSignal<Option<Dialog>>,
    said: RwSignal<String>,
    list: LiveList,
    navigate: Callback<String>,
}

impl Views {
    /// Begins to follow the views, and shows them.
    pub fn begin(host: ViewsHost) {
        let reader = Reader::expect();
        let navigate = use_navigate();
        let navigate = move |to: String| {
            navigate(
                &to,
                NavigateOptions {
                    replace: true,
                    scroll: false,
                    ..NavigateOptions::default()
                },
            );
        };
        let views = Self {
            host,
            reader,
            dialog: RwSignal::new(None),
            said: RwSignal::new(String::new()),
            list: list::follow(host.view, reader),
            navigate: Callback::new(navigate),
        };
        effect(move || {
            if let Some(wish) = host.wish.get() {
                host.wish.set(None);
                match (wish, host.current.get_untracked()) {
                    (Wish::Save, Some(current)) => views.save(&current),
                    (Wish::Save, None) | (Wish::SaveAs, _) => views.open(Dialog::SaveAs),
                }
            }
        });
        host.menu.set(Some(MakeView::from(move || menu(views))));
        host.layer.set(Some(MakeView::from(move || layer(views))));
    }

    /// Opens a dialog in place of the list. When it closes the focus is where the list was
    /// opened from.
    pub fn open(self, dialog: Dialog) {
        close("views");
        self.said.set(String::new());
        self.dialog.set(Some(dialog));
    }

    /// Whether the page has been left, and everything that it held with it.
    pub fn is_left(self) -> bool {
        self.dialog.is_disposed()
    }

    /// The name of the table, as addresses have it.
    pub fn table(self) -> String {
        self.host.view.path.get_value()
    }

    /// A view is as the database has it now, and the page knows it before the list says so.
    pub fn is_now(self, saved: &SavedView) {
        self.host.view.views.0.update(|known| {
            for view in known.iter_mut() {
                if saved.default && view.owner == saved.owner {
                    view.default = false;
                }
            }
            known.retain(|view| view.id != saved.id);
            let at = known.partition_point(|view| view.name < saved.name);
            known.insert(at, saved.clone());
        });
    }

    /// Shows the same rows as a view, or as none.
    pub fn show_as(self, saved: Option<&SavedView>) {
        let path = self.table();
        let to = match saved {
            Some(saved) => address::table_at(&path, &saved.parameters()),
            None => {
                let state = self.host.state.get_untracked();
                if state.is_empty() {
                    self.host.view.root()
                } else {
                    address::table_at(&path, &state)
                }
            }
        };
        self.navigate.run(to);
    }

    /// Says what was done, or why not, for a while.
    pub fn say(self, text: String) {
        let said = self.said;
        said.set(text.clone());
        set_timeout(
            move || {
                // The page may have been left meanwhile, or something else said.
                if said.try_with_untracked(|now| *now == text) == Some(true) {
                    said.set(String::new());
                }
            },
            STAYS,
        );
    }

    /// Saves what is shown into a view.
    pub fn save(self, view: &SavedView) {
        let edit = Edit {
            query: Some(self.host.state.get_untracked()),
            ..Edit::default()
        };
        self.alter(view, edit, "Saved.");
    }

    /// Changes a view without asking further.
    fn alter(self, view: &SavedView, edit: Edit, done: &'static str) {
        let (table, id) = (self.table(), view.id);
        self.said.set(String::new());
        spawn_local(async move {
            let answer = api::save(&table, Some(id), &edit).await;
            if self.is_left() {
                return;
            }
            match answer {
                Ok(saved) => {
                    self.is_now(&saved);
                    self.say(done.to_owned());
                }
                Err(refusal) => self.say(refused(&refusal)),
            }
        });
    }
}

/// Why a view was not saved, in words.
pub fn refused(refusal: &Refusal) -> String {
    match refusal.error.code.as_str() {
        "unknown_view" => "Someone has deleted this view meanwhile.".to_owned(),
        "name_taken" => "There is a view of that name already.".to_owned(),
        _ => refusal.text(),
    }
}

/// What the list holds.
fn menu(views: Views) -> Erased {
    let host = views.host;
    let view = host.view;
    let changes = move || {
        let current = host.changed.get().then(|| host.current.get()).flatten()?;
        let discard = address::table_at(&views.table(), &current.parameters());
        let text = format!("“{}” was changed", current.name);
        Some(view! {
            <div class="view-changes">
                <p>{text}</p>
                <div class="actions">
                    <button
                        type="button"
                        class="button primary"
                        on:click=move |_| views.save(&current)
                    >
                        "Save changes"
                    </button>
                    <a class="button" href=discard on:click=|_| close("views")>
                        "Discard"
                    </a>
                </div>
            </div>
        })
    };
    let all = move || {
        let here = host.current.read().is_none() && host.state.read().is_empty();
        let current = here.then_some("true");
        view! {
            <a href=view.root() aria-current=current on:click=|_| close("views")>
                "All rows"
            </a>
        }
    };
    let of = move |own: bool| {
        let label = if own { "Only mine" } else { "For everybody" };
        let ids = Memo::new(move |_| {
            let known = view.views.0.read();
            let of = known.iter().filter(|view| view.owner.is_some() == own);
            of.map(|view| view.id).collect::<Vec<_>>()
        });
        let some = Memo::new(move |_| !ids.read().is_empty());
        move || {
            some.get().then(|| {
                view! {
                    <h3>{label}</h3>
                    <ul aria-label=label>
                        <For each=move || ids.get() key=|id| *id let:id>
                            {entry(views, id)}
                        </For>
                    </ul>
                }
            })
        }
    };
    let note = move || {
        let (list, empty) = (views.list, view.views.0.read().is_empty());
        match list.error.get() {
            Some(error) => Some(format!("The list can’t be read: {}", error.message)),
            None if !list.arrived.get() => Some("Loading…".to_owned()),
            None if empty => Some(
                "No views yet. Filter, sort and lay out the table, then save that under a name."
                    .to_owned(),
            ),
            None => None,
        }
    };
    let watch = SignedIn::current().map(|_| {
        let href = move || address::watch(&views.table(), &host.state.read());
        view! {
            <a class="button" href=href rel="external">
                "Watch these rows…"
            </a>
        }
        .erased()
    });
    view! {
        {changing(changes)}
        <div class="saved-views menu-list">{changing(all)} {of(false)} {of(true)}</div>
        {changing(move || note().map(|text| view! { <p class="muted">{text}</p> }))}
        <button type="button" class="button" on:click=move |_| views.open(Dialog::SaveAs)>
            "Save as new view…"
        </button>
        {watch}
    }
    .made_here()
}

/// One view of the list: what changes of it changes where it stands, for the focus may be in it.
fn entry(views: Views, id: i64) -> Erased {
    let view = views.host.view;
    let saved = Memo::new(move |_| {
        let known = view.views.0.read();
        known.iter().find(|view| view.id == id).cloned()
    });
    let name = move || saved.read().as_ref().map(|view| view.name.clone());
    let is_default = move || saved.read().as_ref().is_some_and(|view| view.default);
    let here = move || (view_of(&view.shown.read()) == Some(id)).then_some("true");
    let href = move || {
        let parameters = saved.read().as_ref().map(SavedView::parameters);
        parameters.map(|parameters| address::table_at(&views.table(), &parameters))
    };
    let label = move || format!("Change “{}”", name().unwrap_or_default());
    let table = view.path.get_value();
    // Who has not signed in is told nothing.
    let watch = SignedIn::current().map(|_| {
        let label = move || format!("Watch “{}”", name().unwrap_or_default());
        view! {
            <a
                class="icon-button"
                href=address::watch_view(&table, id)
                rel="external"
                aria-label=label
                title="Tell me when rows enter, leave or change"
            >
                {icon::bell()}
            </a>
        }
        .erased()
    });
    let more = RwSignal::new(false);
    let open = move |dialog: fn(SavedView) -> Dialog| {
        if let Some(saved) = saved.get_untracked() {
            views.open(dialog(saved));
        }
    };
    let toggle_default = move |_| {
        let Some(saved) = saved.get_untracked() else {
            return;
        };
        let edit = Edit {
            default: Some(!saved.default),
            ..Edit::default()
        };
        let done = if saved.default {
            "The table opens without it again."
        } else {
            "The table opens with it now."
        };
        views.alter(&saved, edit, done);
    };
    let default_label = move || {
        if is_default() {
            "No longer default"
        } else {
            "Make default"
        }
    };
    let actions = move || {
        more.get().then(|| {
            view! {
                <div class="view-actions">
                    <button type="button" class="button" on:click=move |_| open(Dialog::Edit)>
                        "Rename…"
                    </button>
                    <button type="button" class="button" on:click=toggle_default>
                        {changing(default_label)}
                    </button>
                    <button
                        type="button"
                        class="button danger"
                        on:click=move |_| open(Dialog::Delete)
                    >
                        "Delete…"
                    </button>
                </div>
            }
        })
    };
    let mark = move || is_default().then(|| view! { <span class="badge b0">"default"</span> });
    view! {
        <li class="saved-view">
            <a href=href aria-current=here on:click=|_| close("views")>
                <span class="name">{changing(name)}</span>
                {changing(mark)}
            </a>
            {watch}
            <button
                type="button"
                class="icon-button"
                aria-label=label
                aria-expanded=move || more.get().to_string()
                on:click=move |_| more.update(|more| *more = !*more)
            >
                <span aria-hidden="true">"⋯"</span>
            </button>
            {changing(actions)}
        </li>
    }
    .made_here()
}

/// Dialogs, and what is said.
fn layer(views: Views) -> Erased {
    let dialog = move || {
        views.dialog.get().map(|dialog| match dialog {
            Dialog::SaveAs => view! { <ViewForm views saved=None /> }.made_here(),
            Dialog::Edit(saved) => view! { <ViewForm views saved=Some(saved) /> }.made_here(),
            Dialog::Delete(saved) => view! { <DeleteQuestion views saved /> }.made_here(),
        })
    };
    view! {
        {changing(dialog)}
        <div class="toast" class:empty=move || views.said.read().is_empty()>
            <p role="status" aria-live="polite">
                {views.said}
            </p>
        </div>
    }
    .made_here()
}
