//! From page to page of the rows.

use std::iter;

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};
use rowcast_protocol::query::{DEFAULT_LIMIT, Query};

use super::hold::Hold;
use crate::{
    address,
    erased::{Erase, changing, handler, said, whether},
    format::number::grouped,
    grid::GridState,
    pages::table::TableView,
};

const SIZES: [u32; 6] = [25, 50, 100, 250, 500, 1000];

/// Which rows these are, links to the others, and how many a page holds.
#[component]
pub fn Pager(
    /// The page's shared state.
    view: TableView,
) -> impl IntoView {
    let total = view.live.rows.total;
    let grid = expect_context::<GridState>();
    let scrolls = view.scrolls;
    // While the page scrolls, the rows that are seen; of a page, all of it.
    let shown = move || {
        let (list, (start, end)) = (grid.shown.read().rows.len() as u64, grid.seen.get());
        let offset = view.query.read().offset;
        match (u64::try_from(start), u64::try_from(end)) {
            (Ok(start), Ok(end)) if scrolls.get() && end > 0 => (start, end.saturating_sub(start)),
            _ => (offset, list),
        }
    };
    let range = move || {
        let (offset, shown) = shown();
        match (shown, total.get()) {
            (_, None) => String::new(),
            (0, Some(total)) => format!("0 of {}", grouped(total)),
            (shown, Some(total)) => format!(
                "{}–{} of {}",
                grouped(offset + 1),
                grouped(offset + shown),
                grouped(total)
            ),
        }
    };
    let chosen = move || {
        let selection = grid.selection.read();
        let rows = selection.rows.len() as u64;
        let (corners, _) = (selection.range.as_ref(), grid.shown.track());
        let block = corners.and_then(|(one, other)| {
            let ((top, left), (bottom, right)) = (grid.position(one)?, grid.position(other)?);
            Some((top.abs_diff(bottom) + 1, left.abs_diff(right) + 1))
        });
        match (block, rows) {
            (None, _) if selection.all => " · all rows chosen".to_owned(),
            (Some((rows, columns)), _) => format!(" · {rows} × {columns} cells"),
            (None, 0) => String::new(),
            (None, 1) => " · 1 row chosen".to_owned(),
            (None, rows) => format!(" · {} rows chosen", grouped(rows)),
        }
    };
    let offsets = Memo::new(move |_| Offsets::new(&view.query.read(), total.get().unwrap_or(0)));
    let link = move |label, icon, offset: fn(&Offsets) -> Option<u64>| {
        let to = Signal::derive(move || {
            offset(&offsets.read())
                .map(|offset| view.page_address(&view.query.read().with_page(offset)))
        });
        view! { <PageLink label icon to /> }
    };
    view! {
        <footer class="pager">
            <span class="range">{changing(range)} <span class="chosen-count">{changing(chosen)}</span></span>
            <Hold />
            <PageSize view />
            <nav aria-label="Pages" class:scrolls=whether(move || scrolls.get())>
                {link("First page", "icon-first", |to| to.first)}
                {link("Previous page", "icon-previous", |to| to.previous)}
                {link("Next page", "icon-next", |to| to.next)}
                {link("Last page", "icon-last", |to| to.last)}
            </nav>
        </footer>
    }
    .settled()
}

/// A link to another page. One that leads nowhere stays in its place.
#[component]
fn PageLink(label: &'static str, icon: &'static str, to: Signal<Option<String>>) -> impl IntoView {
    view! {
        <a
            class="icon-button"
            role="link"
            aria-label=label
            href=said(move || to.get())
            aria-disabled=said(move || to.read().is_none().then(|| "true".to_owned()))
        >
            <span class=["icon ", icon].concat() aria-hidden="true"></span>
        </a>
    }
}

/// Where the other pages begin, as far as there are any.
#[derive(Debug, PartialEq)]
struct Offsets {
    first: Option<u64>,
    previous: Option<u64>,
    next: Option<u64>,
    last: Option<u64>,
}

impl Offsets {
    fn new(query: &Query, total: u64) -> Self {
        let (limit, offset) = (u64::from(query.limit), query.offset);
        if limit == 0 {
            return Self {
                first: None,
                previous: None,
                next: None,
                last: None,
            };
        }
        let before = (offset > 0).then_some(0);
        let next = Some(offset.saturating_add(limit)).filter(|next| *next < total);
        // Pages keep the step of this one, from wherever it begins.
        let last = next.map(|_| offset + (total - 1 - offset) / limit * limit);
        Self {
            first: before,
            previous: before.map(|_| {
                offset
                    .saturating_sub(limit)
                    .min(total.saturating_sub(1) / limit * limit)
            }),
            next,
            last,
        }
    }
}

#[component]
fn PageSize(view: TableView) -> impl IntoView {
    let navigate = use_navigate();
    // A page that scrolls has no size.
    let limit = Memo::new(move |_| (!view.scrolls.get()).then(|| view.query.read().limit));
    let change = move |event| {
        let query = view.query.get_untracked();
        let to = match event_target_value(&event).parse() {
            Ok(limit) => view.page_address(&query.with_limit(limit)),
            Err(_) => view.scrolled_address(&query.with_limit(DEFAULT_LIMIT)),
        };
        {
            navigate(
                &to,
                NavigateOptions {
                    scroll: false,
                    ..NavigateOptions::default()
                },
            );
        }
    };
    let options = move || {
        let now = limit.get();
        let mut sizes = SIZES.to_vec();
        if let Some(now) = now
            && let Err(place) = sizes.binary_search(&now)
        {
            sizes.insert(place, now);
        }
        let option = |(value, text, size)| {
            view! {
                <option value=value selected=size == now>
                    {text}
                </option>
            }
        };
        let sizes = sizes
            .into_iter()
            .map(|size| (size.to_string(), size.to_string(), Some(size)));
        let all = (String::new(), "All".to_owned(), None);
        iter::once(all).chain(sizes).map(option).collect_view()
    };
    let value = move || {
        limit
            .get()
            .map(|limit| limit.to_string())
            .unwrap_or_default()
    };
    view! {
        <form class="page-size" method="get" action=view.root()>
            <Carry view except=&["limit", "offset"] />
            <label>
                <span class="label">"Rows per page"</span>
                <select name="limit" on:change=handler(change) prop:value=value>
                    {changing(options)}
                </select>
            </label>
            <noscript>
                <button class="button" type="submit">
                    "Show"
                </button>
            </noscript>
        </form>
    }
}

/// The address's own query inside a form, so that a page without JavaScript keeps it.
#[component]
pub fn Carry(
    /// The page's shared state.
    view: TableView,
    /// Parameters that the form has fields of its own for.
    except: &'static [&'static str],
) -> impl IntoView {
    changing(move || {
        address::pairs(&view.text(&view.query.read(), !view.scrolls.get()))
            .into_iter()
            .filter(|(name, _)| !except.contains(&name.as_str()))
            .map(|(name, value)| view! { <input type="hidden" name=name value=value /> }.settled())
            .collect_view()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(offset: u64, total: u64) -> (Option<u64>, Option<u64>, Option<u64>, Option<u64>) {
        let query = Query {
            offset,
            limit: 50,
            ..Query::default()
        };
        let Offsets {
            first,
            previous,
            next,
            last,
        } = Offsets::new(&query, total);
        (first, previous, next, last)
    }

    #[test]
    fn pages_lead_to_each_other_and_not_past_the_ends() {
        assert_eq!(offsets(0, 0), (None, None, None, None));
        assert_eq!(offsets(0, 50), (None, None, None, None));
        assert_eq!(offsets(0, 51), (None, None, Some(50), Some(50)));
        assert_eq!(offsets(50, 151), (Some(0), Some(0), Some(100), Some(150)));
        assert_eq!(offsets(150, 151), (Some(0), Some(100), None, None));
        assert_eq!(offsets(20, 200), (Some(0), Some(0), Some(70), Some(170)));
        assert_eq!(offsets(900, 120), (Some(0), Some(100), None, None));
    }
}
