//! The panel in which filters are made.

use leptos::{ev, prelude::*, task::spawn_local};
use leptos_router::hooks::use_navigate;
use rowcast_protocol::{
    ApiError, Column,
    query::{Filter, Is, Operator, Query, Test},
};
use wasm_bindgen::JsCast;

use super::{
    conditions::Conditions,
    draft::{Group, Line, Maker, Node, Way},
    recent_list::RecentList,
    text_editor::TextEditor,
};
use crate::{
    components::{
        filter_panel::{Ask, FilterHost, PANEL, stay},
        table_header::close,
    },
    edit::api::said,
    erased::{Erase, changing, effect},
    filter::text::{to_query, to_text},
    live::fetch,
    pages::table::TableView,
};

/// What the panel holds.
#[derive(Clone, Copy)]
pub struct Draft {
    /// The page's shared state.
    pub view: TableView,
    /// The conditions.
    pub root: RwSignal<Group>,
    /// The filters as text, while they are written so.
    pub text: RwSignal<Option<String>>,
    /// What is wrong with all of it.
    pub wrong: RwSignal<Option<ApiError>>,
    /// Makes parts of the tree.
    pub maker: Maker,
    /// The columns that can be filtered by.
    pub columns: Memo<Vec<Column>>,
    /// Whether the server is being asked.
    busy: RwSignal<bool>,
    /// The filter that the draft began with.
    base: StoredValue<Vec<Filter>>,
    /// What the parts of the tree belong to.
    owner: StoredValue<Owner>,
}

impl Draft {
    fn new(view: TableView) -> Self {
        let maker = Maker::default();
        Self {
            view,
            root: RwSignal::new(maker.group(Way::All)),
            text: RwSignal::new(None),
            wrong: RwSignal::new(None),
            maker,
            columns: Memo::new(move |_| view.columns()),
            busy: RwSignal::new(false),
            base: StoredValue::new(Vec::new()),
            owner: StoredValue::new(Owner::current().unwrap_or_default().child()),
        }
    }

    /// Makes parts of the tree.
    pub fn make<T>(self, make: impl FnOnce(Maker) -> T) -> T {
        self.owner
            .with_value(|owner| owner.with(|| make(self.maker)))
    }

    /// Begins again with a filter.
    fn reload(self, filter: &[Filter]) {
        let columns = self.columns.get_untracked();
        self.root
            .set(self.make(|maker| maker.tree(filter, &columns)));
        self.base.set_value(filter.to_vec());
        self.wrong.set(None);
        if self.text.read_untracked().is_some() {
            self.text.set(Some(to_text(filter)));
        }
    }

    /// The panel has opened: what was being made is still there, unless the page shows another
    /// filter by now.
    fn open(self, ask: Ask) {
        let filter = self.view.query.with_untracked(|query| query.filter.clone());
        if self.base.with_value(|base| *base != filter) {
            self.reload(&filter);
        }
        match ask {
            Ask::Text => self.write_text(),
            Ask::Filters if self.text.read_untracked().is_some() => {}
            _ if !self.write_conditions() => {}
            Ask::Column(name) => self.require(&name),
            Ask::Filters | Ask::Condition(_) => {
                let root = self.root.get_untracked();
                if root.of.read_untracked().is_empty() {
                    self.add_line(root);
                    return;
                }
                let of = root.of.get_untracked();
                let node = match ask {
                    Ask::Condition(at) => of.get(at),
                    _ => None,
                };
                if let Some(node) = node.or(of.first()) {
                    focus_later(part_id(node.id(), ""));
                }
                return;
            }
        }
        if self.text.read_untracked().is_some() {
            focus_later(super::text_editor::INPUT.to_owned());
        }
    }

    /// A new condition in a group.
    pub fn add_line(self, group: Group) {
        let first = self
            .columns
            .with_untracked(|columns| columns.first().cloned());
        if let Some(column) = first {
            let line = self.make(|maker| maker.line_on(&column));
            group.of.write().push(Node::Line(line));
            focus_later(part_id(line.id, ""));
        }
    }

    /// A new condition of a column, that must hold besides all others.
    fn require(self, name: &str) {
        let columns = self.columns.get_untracked();
        let Some(column) = columns.iter().find(|column| column.name == name) else {
            return;
        };
        let root = self.root.get_untracked();
        root.drop_incomplete(&columns);
        let line = self.make(|maker| maker.line_on(column));
        let is_all = root.way.get_untracked() == Way::All || root.of.read_untracked().is_empty();
        if is_all {
            root.way.set(Way::All);
            root.of.write().push(Node::Line(line));
        } else {
            let all = self.make(|maker| maker.group(Way::All));
            all.of.set(vec![Node::Group(root), Node::Line(line)]);
            self.root.set(all);
        }
        focus_later(part_id(line.id, "-value"));
    }

    /// Goes on in text.
    pub fn write_text(self) {
        if self.text.read_untracked().is_none() {
            let columns = self.columns.get_untracked();
            let root = self.root.get_untracked();
            root.drop_incomplete(&columns);
            // What does not fit its column is still what was written.
            let filter = root.filter(&columns);
            let filter = filter.unwrap_or_else(|_| self.base.get_value());
            self.wrong.set(None);
            self.text.set(Some(to_text(&filter)));
        }
        focus_later(super::text_editor::INPUT.to_owned());
    }

    /// Goes on with conditions, if the text can be read as such.
    pub fn write_conditions(self) -> bool {
        let Some(text) = self.text.get_untracked() else {
            return true;
        };
        match read_text(&text) {
            Ok(filter) => {
                let columns = self.columns.get_untracked();
                self.text.set(None);
                self.wrong.set(None);
                self.root
                    .set(self.make(|maker| maker.tree(&filter, &columns)));
                true
            }
            Err(error) => {
                self.wrong.set(Some(error));
                false
            }
        }
    }

    /// The filter that was made. What is wrong with it is said where it is.
    fn filter(self) -> Option<Vec<Filter>> {
        let Some(text) = self.text.get_untracked() else {
            let made = self
                .root
                .get_untracked()
                .filter(&self.columns.read_untracked());
            return made
                .map_err(|line| focus_later(part_id(line.id, "-value")))
                .ok();
        };
        read_text(&text)
            .map_err(|error| self.wrong.set(Some(error)))
            .ok()
    }

    /// What the server says about a condition is said at that, if it names its column.
    fn refuse(self, error: ApiError) {
        let named = |line: &Line| {
            let column = line.column.get_untracked();
            ["=", ":", " "]
                .iter()
                .any(|end| error.message.starts_with(&[&*column, end].concat()))
                || error.message.contains(&format!("{column:?}"))
        };
        let line = match *self.text.read_untracked() {
            Some(_) => None,
            None => self.root.get_untracked().lines().into_iter().find(named),
        };
        match line {
            Some(line) => {
                line.wrong.set(Some(said(&error)));
                focus_later(part_id(line.id, "-value"));
            }
            None => self.wrong.set(Some(error)),
        }
    }
}

/// The id of a part of the tree in the page.
pub fn part_id(id: u32, part: &str) -> String {
    format!("filter-{id}{part}")
}

/// The conditions of a filter's text.
fn read_text(text: &str) -> Result<Vec<Filter>, ApiError> {
    let query = Query::parse(&to_query(text))?;
    let only = Query {
        filter: query.filter.clone(),
        ..Query::default()
    };
    if only == query {
        return Ok(query.filter);
    }
    Err(ApiError::new(
        "invalid_filter",
        "Only conditions are written here",
        "The order, the columns and the search have their own places.",
    ))
}

/// Gives the focus to the element of that id, once it is there; one without a focus of its own
/// gives it to the first in it that has.
pub fn focus_later(id: String) {
    request_animation_frame(move || {
        let Some(element) = document().get_element_by_id(&id) else {
            return;
        };
        let takes = "input, select, textarea, button";
        let inner = if element.matches(takes).unwrap_or(false) {
            None
        } else {
            element.query_selector(takes).ok().flatten()
        };
        if let Ok(element) = inner.unwrap_or(element).dyn_into::<web_sys::HtmlElement>() {
            // What is there takes it.
            let _ = element.focus();
        }
    });
}

/// Whether PostgreSQL can read the values of a query, which only it can tell for most types:
/// asked with what no row passes, so that none is looked for.
async fn probe(view: TableView, query: &Query) -> Result<(), ApiError> {
    let mut probe = Query {
        limit: 0,
        aggregates: Vec::new(),
        ..query.clone()
    };
    let key = view.table.with_value(|table| table.key.first().cloned());
    if let Some(column) = key {
        probe = probe.with_test(Test {
            column,
            negated: false,
            operator: Operator::Is(Is::Null),
        });
        probe.limit = 0;
    }
    let text = probe.to_query_string();
    Query::parse(&text)?;
    let path = view.path.get_value();
    fetch::rows(&path, &text).await.map(drop)
}

/// What the panel shows.
#[component]
pub fn Panel(host: FilterHost) -> impl IntoView {
    let view = host.view;
    let draft = Draft::new(view);
    effect(move || {
        if host.opened.get() > 0 {
            let ask = host.ask.try_update(std::mem::take).unwrap_or_default();
            untrack(|| draft.open(ask));
        }
    });
    let navigate = use_navigate();
    let go = StoredValue::new_local(move |filter: Vec<Filter>| {
        let query = Query {
            filter,
            ..view.query.get_untracked().with_page(0)
        };
        let to = untrack(|| view.address(&query));
        close(PANEL);
        navigate(&to, stay());
    });
    let apply = move || {
        draft.wrong.set(None);
        let Some(filter) = draft.filter().filter(|_| !draft.busy.get_untracked()) else {
            return;
        };
        let query = Query {
            filter: filter.clone(),
            ..view.query.get_untracked()
        };
        if query == *view.query.read_untracked() {
            close(PANEL);
            return;
        }
        draft.busy.set(true);
        spawn_local(async move {
            let answer = probe(view, &query).await;
            // The page may have been left meanwhile.
            if draft.busy.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(()) => go.with_value(|go| go(filter)),
                Err(error) => draft.refuse(error),
            }
        });
    };
    let apply = Callback::new(move |()| apply());
    let in_text = move || draft.text.read().is_some();
    let content = move || {
        if draft.text.read().is_some() {
            view! { <TextEditor draft apply /> }.made_here()
        } else {
            view! { <Conditions draft /> }.made_here()
        }
    };
    // Another text makes no other editor.
    let is_text = Memo::new(move |_| in_text());
    let content = move || {
        is_text.get();
        untrack(content)
    };
    let cancel = move |_| {
        let filter = view.query.with_untracked(|query| query.filter.clone());
        draft.text.set(None);
        draft.reload(&filter);
        close(PANEL);
    };
    let switch = move |_| {
        if in_text() {
            draft.write_conditions();
        } else {
            draft.write_text();
        }
    };
    let clear = move || {
        (!view.query.read().filter.is_empty()).then(|| {
            view! {
                <button
                    type="button"
                    class="button plain"
                    on:click=move |_| go.with_value(|go| go(Vec::new()))
                >
                    "Clear all"
                </button>
            }
        })
    };
    view! {
        <form
            class="filter-form"
            aria-label="Filter"
            on:submit=move |event: ev::SubmitEvent| {
                event.prevent_default();
                apply.run(());
            }
        >
            {changing(content)}
            <p class="wrong" role="alert" hidden=move || in_text() || draft.wrong.read().is_none()>
                {changing(move || draft.wrong.read().as_ref().map(said))}
            </p>
            <div class="actions">
                <button
                    type="submit"
                    class="button primary"
                    aria-disabled=move || draft.busy.get().then_some("true")
                >
                    "Apply"
                </button>
                <button type="button" class="button" on:click=cancel>
                    "Cancel"
                </button>
                {changing(clear)}
                <button type="button" class="button plain as-text" on:click=switch>
                    {changing(move || if in_text() { "As conditions" } else { "As text" })}
                </button>
            </div>
        </form>
        <RecentList host go=Callback::new(move |filter| go.with_value(|go| go(filter))) />
    }
    .made_here()
}
