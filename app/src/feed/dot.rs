//! Following, on whatever page the reader is, whether something in the feed waits for them.

use leptos::prelude::*;

use super::{link::News, unread::Counts, unread::Waiting};
use crate::erased::effect;

/// Tells from now on.
pub fn begin(news: News) {
    let counts = Counts::new();
    counts.begin();
    tell(news, counts);
}

/// Tells what is counted anyway.
pub fn tell(News(news): News, counts: Counts) {
    effect(move || {
        let calls = counts.waiting.read().iter().any(Waiting::calls);
        if news.get_untracked() != calls {
            news.set(calls);
        }
    });
}
