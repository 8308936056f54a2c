//! `/design`: the design system, as a page of the product.
//!
//! A document of its own, without scripts but the theme's: it shows every component in every
//! state with its name and when to use it, made of the components themselves where they need
//! no page around them, and the values of the style sheet read from it.

mod controls;
mod messages;
mod rows;
mod tokens;

use leptos::prelude::*;

use crate::{
    components::{appearance::Appearance, top_bar::Brand},
    document::Files,
    erased::{Erase, Erased},
    format::zone::ReaderZone,
};

/// An id, what it is called, and what it shows.
type Section = (&'static str, &'static str, fn() -> Erased);

/// The sections, in their order.
const SECTIONS: [Section; 8] = [
    ("values", "Values", tokens::view),
    ("type", "Type", controls::text),
    ("icons", "Icons", controls::icons),
    ("controls", "Controls", controls::view),
    ("menus", "Menus and lists", controls::menus),
    ("rows", "Rows and values", rows::view),
    ("states", "States and messages", messages::view),
    ("dialogs", "Dialogs", messages::dialogs),
];

/// The document.
pub fn document(options: LeptosOptions) -> impl IntoView {
    let files = Files::new(&options);
    ReaderZone::provide();
    let contents = SECTIONS.map(|(id, name, _)| {
        view! {
            <li>
                <a href=format!("#{id}")>{name}</a>
            </li>
        }
    });
    let sections = SECTIONS.map(|(id, name, content)| {
        let heading = format!("{id}-heading");
        let label = heading.clone();
        view! {
            <section id=id aria-labelledby=label>
                <h2 id=heading>{name}</h2>
                {content()}
            </section>
        }
    });
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>{files.looks()} <title>"Design system · Rowcast"</title></head>
            <body>
                <div class="page">
                    <header class="top-bar">
                        <Brand />
                        <h1 class="crumb">"Design system"</h1>
                        <div class="top-end">
                            <Appearance />
                        </div>
                    </header>
                    <main class="design">
                        <p class="lead">
                            "What Rowcast’s pages are made of. Colours, sizes and times come from the
                            values below and from nowhere else, so that light, dark, high contrast and
                            compact are the same page. Choose them at the top right."
                        </p>
                        <nav aria-label="Contents">
                            <ul>{contents.collect_view()}</ul>
                        </nav>
                        {sections.collect_view()}
                    </main>
                </div>
            </body>
        </html>
    }
}

/// One component in one state, what it is called, and when to use it.
fn specimen(name: &'static str, when: &'static str, shown: impl IntoView + 'static) -> Erased {
    view! {
        <figure class="specimen">
            <div class="stage">{shown.erased()}</div>
            <figcaption>
                <strong>{name}</strong>
                " "
                {when}
            </figcaption>
        </figure>
    }
    .erased()
}

/// Specimens side by side, under a heading of their own if they have one.
fn gallery(heading: &'static str, shown: Vec<Erased>) -> Erased {
    view! {
        {(!heading.is_empty()).then(|| view! { <h3>{heading}</h3> })}
        <div class="gallery">{shown}</div>
    }
    .erased()
}
