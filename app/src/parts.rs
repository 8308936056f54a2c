//! What the browser loads when it is first used, not with the page.
//!
//! Each function here is where the wasm is taken apart: what only it needs goes into a file of
//! its own, which is loaded when it is first called. Without the feature `split` it is an
//! ordinary function of the one file.

use crate::{
    components::filter_panel::{FilterHost, Filtering},
    edit::{EditHost, Handler, session::Session},
    filtering::{self, highlight},
    pages::table::TableView,
};

/// Why a part could not be loaded: the server is away, or has another build meanwhile. Asking
/// again tries again.
#[cfg(feature = "split")]
pub use wasm_split_helpers::SplitLoaderError as NotLoaded;

/// Why a part could not be loaded. Here it can't happen.
#[cfg(not(feature = "split"))]
#[derive(Clone, Debug)]
pub enum NotLoaded {}

/// Makes a `split` function one that is there already.
macro_rules! part {
    ($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) -> $out:ty $body:block) => {
        $(#[$doc])*
        #[cfg(feature = "split")]
        #[wasm_split_helpers::wasm_split($name, fallible)]
        pub fn $name($($arg: $type),*) -> Result<$out, NotLoaded> {
            Ok($body)
        }

        $(#[$doc])*
        #[cfg(not(feature = "split"))]
        pub async fn $name($($arg: $type),*) -> Result<$out, NotLoaded> {
            Ok($body)
        }
    };
}

part! {
    /// Editing: begins it for a page, and returns what does the page's actions.
    editing(host: EditHost) -> Handler {
        Session::begin(host)
    }
}

part! {
    /// Filtering: what the page's filter panel holds, and the menus of cells.
    filtering(host: FilterHost) -> Filtering {
        filtering::begin(host)
    }
}

part! {
    /// Searching: marks where the words of the search occur in the rows, from then on. False
    /// where the browser has no marks.
    search_marks(view: TableView) -> bool {
        highlight::follow(view)
    }
}
