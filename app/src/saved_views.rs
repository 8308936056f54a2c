//! Saved views: what a table's address says, under a name.
//!
//! The address stays the whole state. That it began as a view is one more parameter of it,
//! `~view=ID`, which queries skip and every link of the page keeps. So a page that has been
//! changed since still knows whose name it bears, also for whoever gets the link.
//!
//! An address without parameters is the table as it opens: its default view, the reader's own
//! before everybody's, if there is one. Any parameter says otherwise; `~view=all` says nothing
//! but that.

#[cfg(feature = "hydrate")]
mod api;
mod button;
#[cfg(feature = "hydrate")]
mod delete;
#[cfg(feature = "hydrate")]
mod form;
#[cfg(feature = "hydrate")]
mod list;
#[cfg(feature = "hydrate")]
pub(crate) mod menu;

use leptos::prelude::*;
use rowcast_protocol::query::Query;
use serde::{Deserialize, Serialize};

pub use button::{ViewsButton, ViewsHost, Wish};

use crate::{
    address::decode,
    grid::{Layout, layout::shown_parameters},
    pages::table::{is_page, query_text},
};

/// The parameter that says which view an address began as.
const VIEW: &str = "~view";

/// The parameters of all rows, whatever the table opens with.
pub const ALL: &str = "~view=all";

/// A saved view, as the interface has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SavedView {
    /// Names it.
    pub id: i64,
    /// What people call it.
    pub name: String,
    /// Whose it is; `None`: everybody's.
    pub owner: Option<String>,
    /// Whether the table opens with it, for its owner or for all.
    pub default: bool,
    /// The parameters of the page's address.
    pub query: String,
}

impl SavedView {
    /// The parameters of the address that shows it.
    pub fn parameters(&self) -> String {
        let own = without_view(&self.query);
        let and = if own.is_empty() { "" } else { "&" };
        format!("{own}{and}{VIEW}={}", self.id)
    }
}

/// The saved views that the page knows of.
#[derive(Clone, Copy)]
pub struct SavedViews(pub RwSignal<Vec<SavedView>>);

impl SavedViews {
    /// The one that an address with these parameters about how rows are shown began as.
    pub fn current(self, shown: &str) -> Option<SavedView> {
        let id = view_of(shown)?;
        let views = self.0.read();
        views.iter().find(|view| view.id == id).cloned()
    }

    /// The parameters that the table opens with, if it has a default view.
    pub fn opens_with(self) -> Option<String> {
        opening(&self.0.read()).map(SavedView::parameters)
    }
}

/// The view that a table opens with, of those that the reader may choose from: their own
/// default, or else everybody's.
pub fn opening(views: &[SavedView]) -> Option<&SavedView> {
    let defaults = views.iter().filter(|view| view.default);
    defaults.max_by_key(|view| view.owner.is_some())
}

/// The view that an address began as.
pub fn view_of(parameters: &str) -> Option<i64> {
    let mut pairs = parameters
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    let (_, id) = pairs.find(|(name, _)| decode(name) == VIEW)?;
    id.parse().ok()
}

/// What a view keeps of an address: the query and how it is shown, each written in one way, so
/// that two addresses that show the same have the same text. Where in the list the reader was
/// is not part of it.
pub fn state(parameters: &str) -> String {
    let own = without_view(parameters);
    let Ok(query) = Query::parse(&own) else {
        return own;
    };
    let query = query_text(&query.with_page(0), is_page(&own));
    let shown = shown_parameters(&own);
    let shown = Layout::parse(&shown).written_over(&shown);
    let mut parts: Vec<&str> = Vec::new();
    for part in shown.split('&').filter(|part| !part.is_empty()) {
        let at = parts.partition_point(|known| *known < part);
        parts.insert(at, part);
    }
    if !query.is_empty() {
        parts.insert(0, &query);
    }
    parts.join("&")
}

fn without_view(parameters: &str) -> String {
    let is_other = |pair: &&str| {
        let name = pair.split_once('=').map_or(*pair, |(name, _)| name);
        !pair.is_empty() && decode(name) != VIEW
    };
    let parts: Vec<&str> = parameters.split('&').filter(is_other).collect();
    parts.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(id: i64, owner: Option<&str>, default: bool) -> SavedView {
        SavedView {
            id,
            name: format!("view {id}"),
            owner: owner.map(str::to_owned),
            default,
            query: "status=eq.open&~view=9&~columns=title:240".to_owned(),
        }
    }

    #[test]
    fn an_address_says_which_view_it_began_as() {
        let parameters = view(3, None, false).parameters();
        assert_eq!(parameters, "status=eq.open&~columns=title:240&~view=3");
        assert_eq!(view_of(&parameters), Some(3));
        assert_eq!(view_of("%7Eview=4&a=eq.1"), Some(4));
        assert_eq!(view_of(ALL), None);
        assert_eq!(view_of("view=eq.3"), None);
        let empty = SavedView {
            query: String::new(),
            ..view(5, None, true)
        };
        assert_eq!(empty.parameters(), "~view=5");
    }

    #[test]
    fn one_s_own_default_comes_before_everybody_s() {
        let views = [
            view(1, None, false),
            view(2, Some("Ann"), true),
            view(3, None, true),
        ];
        assert_eq!(opening(&views).map(|view| view.id), Some(2));
        assert_eq!(opening(&views[2..]).map(|view| view.id), Some(3));
        assert_eq!(opening(&views[..1]), None);
    }

    #[test]
    fn what_shows_the_same_has_the_same_text() {
        let expected = "status=eq.open&order=id.desc&~columns=title:240&~density=compact&~x=1";
        for written in [
            expected,
            "~x=1&order=id.desc&~density=compact&status=eq.open&~view=3&~columns=title:240",
            "%7Ecolumns=title:240&~view=all&order=id.desc&%7Edensity=compact&status=eq.open&~x=1",
        ] {
            assert_eq!(state(written), expected, "{written}");
        }
        assert_eq!(state("offset=100&limit=50"), "limit=50");
        assert_eq!(state("~view=7"), "");
        assert_ne!(state("limit=50"), state(""));
        // What can't be read is kept as it is.
        assert_eq!(state("a=what&~view=1"), "a=what");
    }
}
