//! Icons: drawn by the style sheet, so that they cost the page no markup.

use leptos::prelude::*;

macro_rules! icons {
    ($($(#[$doc:meta])* $name:ident $class:literal;)*) => {$(
        $(#[$doc])*
        pub fn $name() -> impl IntoView {
            view! { <span class=concat!("icon icon-", $class) aria-hidden="true"></span> }
        }
    )*};
}

icons! {
    /// Search.
    search "search";
    /// Add.
    plus "plus";
    /// Remove.
    cross "cross";
    /// There is more below.
    down "down";
    /// Light or dark.
    theme "theme";
    /// Something is wrong.
    warning "warning";
    /// Pick a day.
    calendar "calendar";
    /// Something was done.
    done "done";
    /// Columns.
    columns "columns";
    /// Saved views.
    views "views";
    /// What one was told.
    bell "bell";
    /// What people write to each other.
    feed "feed";
    /// It stays as it is.
    hold "hold";
    /// Into the table.
    import "import";
    /// Out of it.
    export "export";
    /// What can be done.
    commands "commands";
    /// Charts.
    chart "chart";
    /// Some rows only.
    filter "filter";
}
