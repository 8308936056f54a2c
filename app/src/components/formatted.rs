//! A value in a format that the reader has chosen.

use std::sync::Arc;

use leptos::prelude::*;

use crate::{
    erased::{Erase, Erased},
    format::{Presented, styled::Styled},
};

/// What a cell holds. `state` are classes that say what has just become of the value.
pub fn formatted(value: Styled, state: &'static str) -> Erased {
    match value {
        Styled::Text(Presented {
            text,
            class,
            title,
            href,
        }) => {
            let class = ["v ", class, state].concat();
            match href {
                None => plain(class, title, text),
                Some(href) => view! {
                    <span class=class title=title>
                        {link(href, text.to_string())}
                    </span>
                }
                .settled(),
            }
        }
        Styled::Badge(shown) => badge(shown, state),
        Styled::Progress(shown, value, most) => view! {
            <span class=["v progress", state].concat()>
                <progress
                    value=value.to_string()
                    max=most.to_string()
                    aria-hidden="true"
                ></progress>
                <span class="of">{shown.text}</span>
            </span>
        }
        .settled(),
        Styled::Picture(shown, source) => view! {
            <span class=["v picture", state].concat()>
                <img
                    src=source
                    alt=shown.text.to_string()
                    title=shown.text
                    loading="lazy"
                    decoding="async"
                />
            </span>
        }
        .settled(),
        Styled::Spans(shown, spans) => {
            let span = |span: crate::format::markdown::Span| match span.href {
                Some(href) => {
                    view! { <span class=span.class>{link(href, span.text)}</span> }.settled()
                }
                None => view! { <span class=span.class>{span.text}</span> }.settled(),
            };
            let spans = spans.into_iter().map(span).collect_view();
            view! {
                <span class=["v markdown", state].concat() title=shown.title>
                    {spans}
                </span>
            }
            .settled()
        }
        Styled::Masked(shown) => view! {
            <span class=["v masked ", shown.class, state].concat()>
                <span class="mask" role="img" aria-label="Hidden value">
                    "••••••"
                </span>
                <span class="secret">{shown.text}</span>
            </span>
        }
        .settled(),
    }
}

/// A link out of the table. It opens beside the page, which goes on as it is.
fn link(href: String, text: String) -> Erased {
    let beside = !href.starts_with("mailto:");
    view! {
        <a href=href target=beside.then_some("_blank") rel=beside.then_some("noopener noreferrer")>
            {text}
        </a>
    }
    .settled()
}

/// Plain text. It becomes another of these in its place.
pub fn plain(class: String, title: Option<Arc<str>>, text: Arc<str>) -> Erased {
    view! {
        <span class=class title=title>
            {text}
        </span>
    }
    .erased()
}

/// One of a few values, or what is shown as if it were.
pub fn badge(shown: Presented, state: &'static str) -> Erased {
    view! {
        <span class=["v ", state].concat() title=shown.title>
            <span class=["badge ", shown.class].concat()>{shown.text}</span>
        </span>
    }
    .settled()
}
