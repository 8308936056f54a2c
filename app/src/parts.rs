//! What the browser loads when it is first used, not with the page.
//!
//! Each function here is where the wasm is taken apart: what only it needs goes into a file of
//! its own, which is loaded when it is first called. Without the feature `split` it is an
//! ordinary function of the one file.

use std::sync::Arc;

use leptos::prelude::{RwSignal, expect_context};

use crate::{
    charts::{MakePanel, panel::panel},
    comments::{self, Wanted},
    components::{
        column_menu::{MadeMenu, items},
        filter_panel::Filtering,
    },
    edit::{EditHost, Handler, session::Session},
    erased::MakeView,
    feed::{self, News},
    filtering::{self, highlight},
    grid::GridState,
    live::{
        answer::Answers,
        event_stream::EventStreamTransport,
        transport::{Listener, Transport},
    },
    looks::{MakeDialog, dialog::dialog},
    notifications::{self, Unread},
    pages::table::TableView,
    palette::{self, PaletteHost},
    presence::{PresenceHost, people},
    saved_views::{ViewsHost, menu::Views},
    transfer::{self, TransferHost},
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
    /// What reads the answers of the JSON API.
    answers() -> Answers {
        Answers::begin()
    }
}

part! {
    /// The transport where no WebSocket gets through.
    event_streams(listener: Listener) -> Box<dyn Transport> {
        Box::new(EventStreamTransport::open(listener))
    }
}

part! {
    /// The dialogs that make a file of rows, and rows of a file: what shows them.
    transfer(host: TransferHost) -> MakeView {
        transfer::dialogs(host)
    }
}

part! {
    /// Filtering: what the page's filter panel holds, and the menus of cells.
    filtering() -> Filtering {
        filtering::begin(expect_context())
    }
}

part! {
    /// What draws the charts of a page.
    charts(view: TableView, grid: GridState) -> MakePanel {
        Arc::new(move || panel(view, grid))
    }
}

part! {
    /// Saved views: begins to follow them for a page, and shows their list.
    saved_views(host: ViewsHost) -> () {
        Views::begin(host);
    }
}

part! {
    /// Presence: begins to say where the reader is, and to show where others are.
    presence(host: PresenceHost) -> () {
        people::begin(host);
    }
}

part! {
    /// Notifications: counts what is not read from then on, and shows what comes; and tells whether
    /// something in the feed waits.
    bell(unread: Unread, news: News) -> () {
        notifications::follow::begin(unread);
        feed::dot::begin(news);
    }
}

part! {
    /// The page of notifications: makes it live.
    notifications() -> () {
        notifications::live::begin();
    }
}

part! {
    /// The page of the feed: makes it live.
    feed() -> () {
        feed::live::begin();
    }
}

part! {
    /// Comments: makes the page of a thread live, or makes what is in a row's detail.
    comments(wanted: Wanted) -> Option<MakeView> {
        comments::begin(wanted)
    }
}

part! {
    /// How many comments rows have: marks them from then on.
    comment_counts(view: TableView, grid: GridState) -> () {
        comments::counts::begin(view, grid);
    }
}

part! {
    /// The palette of commands and the list of keys: what shows whichever is asked for.
    palette(host: PaletteHost) -> MakeView {
        palette::panels(host)
    }
}

part! {
    /// What the menu of a column holds.
    column_menu(view: TableView) -> MadeMenu {
        items::made(view)
    }
}

part! {
    /// What makes the dialog of a column's name and format; `of` says of which, or of none.
    column_looks(grid: GridState, of: RwSignal<Option<String>>) -> MakeDialog {
        Arc::new(move |name| dialog(grid, of, name))
    }
}

part! {
    /// Searching: marks where the words of the search occur in the rows, from then on. False
    /// where the browser has no marks.
    search_marks(view: TableView) -> bool {
        highlight::follow(view)
    }
}
