//! The part of a channel that is in the page: the posts near those that are seen, with room before and
//! after them for all others, so that a channel without end scrolls like a short one.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use crate::grid::slice::{self, Slice};

/// How high a post is taken to be until some have been measured.
const HEIGHT: f64 = 72.0;

/// How near to the end it is the end.
const NEAR: i32 = 48;

/// What is followed and what of it is seen.
#[derive(Clone, Copy)]
pub struct Window {
    /// What is followed.
    pub slice: RwSignal<Slice>,
    /// How many posts there are before those that are in the page.
    pub offset: RwSignal<u64>,
    /// How many there are in the page, and in all.
    pub held: RwSignal<(u64, u64)>,
    /// How high one is.
    height: RwSignal<f64>,
    /// Whether the reader is at the end, and stays there when something comes.
    pub at_end: RwSignal<bool>,
    /// Whether the reader has asked for the end, which is not in the page yet.
    wants_end: StoredValue<bool>,
    /// The first post that is seen, and how far below the edge it begins.
    anchor: StoredValue<Option<(i64, i32)>>,
    /// The last post that is seen.
    pub last_seen: RwSignal<i64>,
}

impl Window {
    /// One that begins around the posts that the server sent.
    pub fn new(offset: u64, total: u64) -> Self {
        let sent = i64::try_from(offset).unwrap_or(0);
        let first = Slice {
            offset: u64::MAX,
            limit: 0,
        };
        let begin = slice::next(first, &(sent + 10..sent + 40), total.max(offset + 50));
        Self {
            slice: RwSignal::new(begin.unwrap_or(Slice {
                offset: 0,
                limit: 200,
            })),
            offset: RwSignal::new(offset),
            held: RwSignal::new((0, total)),
            height: RwSignal::new(HEIGHT),
            at_end: RwSignal::new(false),
            wants_end: StoredValue::new(false),
            anchor: StoredValue::new(None),
            last_seen: RwSignal::new(0),
        }
    }

    /// How high the room is before the posts, and behind them, in pixels.
    pub fn room(self) -> (f64, f64) {
        let (held, total) = self.held.get();
        let (before, height) = (self.offset.get(), self.height.get());
        let behind = total.saturating_sub(before + held);
        (before as f64 * height, behind as f64 * height)
    }

    /// Looks at what is seen, and follows another part if that is near the end of this one.
    pub fn look(self, scroller: &HtmlElement) {
        let (top, seen) = (scroller.scroll_top(), scroller.client_height());
        if seen == 0 {
            return;
        }
        let items = items(scroller);
        let rows = items.len() as i64;
        let first = items.iter().position(|item| bottom_of(item) > top);
        let behind = items
            .iter()
            .position(|item| item.offset_top() >= top + seen);
        let is_all = {
            let (held, total) = self.held.get_untracked();
            self.offset.get_untracked() + held >= total
        };
        // Until it is there nothing else is looked for.
        if self.wants_end.get_value() && !is_all {
            return;
        }
        let at_end = is_all && top + seen >= scroller.scroll_height() - NEAR;
        if self.at_end.get_untracked() != at_end {
            self.at_end.set(at_end);
        }
        let offset = i64::try_from(self.offset.get_untracked()).unwrap_or(0);
        let last_item = behind.unwrap_or(items.len()).checked_sub(1);
        let is_seen = first.is_some() && behind != Some(0);
        let range = if is_seen {
            let anchor = first.and_then(|at| {
                let item = &items[at];
                Some((id_of(item)?, item.offset_top() - top))
            });
            self.anchor.set_value(anchor);
            let last = last_item.and_then(|at| id_of(&items[at]));
            if let Some(last) = last
                && last != self.last_seen.get_untracked()
            {
                self.last_seen.set(last);
            }
            let first = first.map_or(0, |at| at as i64);
            offset + first..offset + behind.map_or(rows, |at| at as i64)
        } else {
            // In the room where no posts are yet: where they would be.
            self.anchor.set_value(None);
            let height = self.height.get_untracked().max(1.0);
            let at = match first {
                None => {
                    let end = items.last().map_or(0, bottom_of);
                    offset + rows + (f64::from(top - end).max(0.0) / height) as i64
                }
                Some(_) => (f64::from(top) / height) as i64,
            };
            at..at + (f64::from(seen) / height) as i64 + 1
        };
        let (_, total) = self.held.get_untracked();
        if let Some(next) = slice::next(self.slice.get_untracked(), &range, total) {
            self.slice.set(next);
        }
    }

    /// Follows the last posts, and stays at the end.
    pub fn go_to_end(self) {
        let (_, total) = self.held.get_untracked();
        let end = i64::try_from(total).unwrap_or(0);
        self.at_end.set(true);
        self.wants_end.set_value(true);
        self.anchor.set_value(None);
        if let Some(next) =
            slice::next(self.slice.get_untracked(), &((end - 20).max(0)..end), total)
        {
            self.slice.set(next);
        }
    }

    /// Puts what was seen back to where it was, after others have come or gone.
    pub fn settle(self, scroller: &HtmlElement) {
        let items = items(scroller);
        if let (Some(first), Some(last)) = (items.first(), items.last())
            && self.height.get_untracked() == HEIGHT
            && items.len() > 10
        {
            let all = f64::from(bottom_of(last) - first.offset_top());
            self.height.set((all / items.len() as f64).max(20.0));
        }
        if self.at_end.get_untracked() {
            let (held, total) = self.held.get_untracked();
            if self.offset.get_untracked() + held >= total {
                self.wants_end.set_value(false);
            }
            scroller.set_scroll_top(scroller.scroll_height());
            return;
        }
        let anchor = self.anchor.get_value();
        let found = anchor.and_then(|(id, below)| {
            let item = items.iter().find(|item| id_of(item) == Some(id))?;
            Some(item.offset_top() - below)
        });
        if let Some(top) = found.filter(|top| *top != scroller.scroll_top()) {
            scroller.set_scroll_top(top);
        }
    }

    /// Shows a post, where it is in the page.
    pub fn show(self, scroller: &HtmlElement, id: i64) -> bool {
        let items = items(scroller);
        let Some(item) = items.iter().find(|item| id_of(item) == Some(id)) else {
            return false;
        };
        scroller.set_scroll_top((item.offset_top() - 48).max(0));
        self.look(scroller);
        true
    }
}

/// The posts that are in the page.
fn items(scroller: &HtmlElement) -> Vec<HtmlElement> {
    let Ok(Some(list)) = scroller.query_selector(".posts") else {
        return Vec::new();
    };
    let children = list.children();
    (0..children.length())
        .filter_map(|at| children.item(at)?.dyn_into().ok())
        .collect()
}

fn bottom_of(item: &HtmlElement) -> i32 {
    item.offset_top() + item.offset_height()
}

/// Which post that is, or is in.
pub fn id_of(element: &Element) -> Option<i64> {
    element.get_attribute("data-id")?.parse().ok()
}
