//! The filters that were used last.

use leptos::prelude::*;
use rowcast_protocol::query::Filter;

use crate::{
    components::filter_panel::FilterHost,
    erased::{Erase, changing},
    filter::{describe, recent},
};

/// The list of them, read anew each time the panel opens. The filter in use is not in it.
#[component]
pub fn RecentList(
    /// The page's shared state.
    host: FilterHost,
    /// Uses one.
    go: Callback<Vec<Filter>>,
) -> impl IntoView {
    let view = host.view;
    let cleared = RwSignal::new(0);
    let filters = move || {
        host.opened.track();
        cleared.track();
        let kept = view.path.with_value(|path| recent::kept(path));
        let query = view.query.read();
        let mut filters = recent::read(&kept);
        filters.retain(|filter| *filter != query.filter);
        filters
    };
    let forget = move |_| {
        view.path.with_value(|path| recent::clear(path));
        cleared.update(|cleared| *cleared += 1);
    };
    changing(move || {
        let filters = filters();
        if filters.is_empty() {
            return ().made_here();
        }
        let columns = view.columns();
        let items = filters.into_iter().map(|filter| {
            let said: Vec<String> = filter.iter().map(|of| describe(of, &columns)).collect();
            let said = said.join(" and ");
            let title = said.clone();
            view! {
                <li>
                    <button
                        type="button"
                        class="menu-item"
                        title=title
                        on:click=move |_| go.run(filter.clone())
                    >
                        {said}
                    </button>
                </li>
            }
        });
        view! {
            <section class="recent-filters" aria-label="Recent filters">
                <div class="recent-head">
                    <h2>"Recent"</h2>
                    <button type="button" class="button plain" on:click=forget>
                        "Forget"
                    </button>
                </div>
                <ul role="list">{items.collect_view()}</ul>
            </section>
        }
        .made_here()
    })
}
