//! What is pressed, written into and chosen from.

use leptos::prelude::*;

use super::{gallery, specimen};
use crate::{
    components::icon,
    erased::{Erase, Erased},
};

/// Sizes and faces of type.
pub fn text() -> Erased {
    gallery(
        "",
        vec![
            specimen(
                "Heading",
                "of a dialog or a message.",
                view! { <p class="type-large">"Orders of today"</p> },
            ),
            specimen(
                "Text",
                "everything that is read.",
                view! { <p>"Buy milk for 1,250 people"</p> },
            ),
            specimen(
                "Small",
                "labels, hints, heads of columns.",
                view! { <p class="type-small">"Changed 3 minutes ago"</p> },
            ),
            specimen(
                "Muted",
                "what matters less. Never for what has to be read.",
                view! { <p class="muted">"not live"</p> },
            ),
            specimen(
                "Code",
                "names, queries, commands.",
                view! { <code>"status=eq.open"</code> },
            ),
            specimen(
                "Key",
                "keys to press.",
                view! { <span class="way"><kbd>"Ctrl"</kbd><kbd>"K"</kbd></span> },
            ),
            specimen(
                "Link",
                "leads elsewhere. Blue, underlined under the pointer.",
                view! { <a href="#type">"customers"</a> },
            ),
        ],
    )
}

/// All icons.
pub fn icons() -> Erased {
    let named = |name: &'static str, when: &'static str, icon: Erased| specimen(name, when, icon);
    let kinds = [
        ("k-key", "Key", "a column of the table’s key."),
        (
            "k-link",
            "Reference",
            "a column that refers to another table.",
        ),
        ("k-text", "Text", "a column of texts."),
        ("k-num", "Number", "a column of numbers."),
        ("k-bool", "Boolean", "a column of yes and no."),
        ("k-time", "Time", "a column of dates and times."),
        ("k-enum", "Enum", "a column of a few values."),
        ("k-json", "JSON", "a column of JSON or lists."),
    ];
    let mut all = vec![
        named(
            "Search",
            "in front of a search box.",
            icon::search().erased(),
        ),
        named("Plus", "adds something.", icon::plus().erased()),
        named("Cross", "removes something.", icon::cross().erased()),
        named("Down", "opens a menu.", icon::down().erased()),
        named("Theme", "opens the appearance.", icon::theme().erased()),
        named("Commands", "opens the palette.", icon::commands().erased()),
        named("Columns", "opens the columns.", icon::columns().erased()),
        named("Hold", "holds the list.", icon::hold().erased()),
        named("Calendar", "picks a day.", icon::calendar().erased()),
        named("Warning", "something is wrong.", icon::warning().erased()),
        named("Done", "something was done.", icon::done().erased()),
    ];
    all.extend(kinds.map(|(class, name, when)| {
        let class = ["kind ", class].concat();
        specimen(
            name,
            when,
            view! { <span class=class aria-hidden="true"></span> },
        )
    }));
    gallery("", all)
}

/// Buttons, inputs, chips.
pub fn view() -> Erased {
    let buttons = vec![
        specimen(
            "Button",
            "does something. Its words are a verb.",
            view! { <button type="button" class="button">"Clear filters"</button> },
        ),
        specimen(
            "With icon",
            "where there is room for both; only the icon stays on narrow screens.",
            view! { <button type="button" class="button">{icon::plus()} <span class="label">"New row"</span></button> },
        ),
        specimen(
            "Main button",
            "what most will do next; one in sight.",
            view! { <button type="button" class="button primary">"Save"</button> },
        ),
        specimen(
            "Dangerous button",
            "deletes. It asks before it does.",
            view! { <button type="button" class="button danger">"Delete row"</button> },
        ),
        specimen(
            "Pressed",
            "stays on until it is pressed again.",
            view! { <button type="button" class="button" aria-pressed="true">{icon::hold()} "Hold"</button> },
        ),
        specimen(
            "Disabled",
            "can’t be done now. Say why beside it.",
            view! { <button type="button" class="button" disabled=true>"Undo"</button> },
        ),
        specimen(
            "Icon button",
            "in bars, where everybody knows the icon. It has a name all the same.",
            view! { <button type="button" class="icon-button" aria-label="Calendar">{icon::calendar()}</button> },
        ),
        specimen(
            "NULL",
            "sets no value at all.",
            view! { <button type="button" class="null-button">"NULL"</button> },
        ),
    ];
    let inputs = vec![
        specimen(
            "Line",
            "one line of text, or a number.",
            view! { <input type="text" aria-label="A line" value="Buy milk" /> },
        ),
        specimen(
            "Hint",
            "what is expected, not what it is called.",
            view! { <input type="text" aria-label="An empty line" placeholder="2026-03-01 12:00" /> },
        ),
        specimen(
            "Search",
            "narrows what is below while one types.",
            view! {
                <span class="search">{icon::search()} <input type="search" aria-label="Search" placeholder="Search" /></span>
            },
        ),
        specimen(
            "Text",
            "several lines; grows with them.",
            view! { <textarea aria-label="Several lines" rows="2">"First\nSecond"</textarea> },
        ),
        specimen(
            "Choice",
            "a few values that fit a line.",
            view! { <select aria-label="Rows per page"><option>"50"</option><option>"100"</option></select> },
        ),
        specimen(
            "Box",
            "yes or no, each on its own.",
            view! { <span class="labels"><label><input type="checkbox" checked=true /> "Compact"</label></span> },
        ),
        specimen(
            "Radio",
            "one of a few that are all in sight.",
            view! {
                <span class="labels">
                    <label><input type="radio" name="sample" checked=true /> "Light"</label>
                    <label><input type="radio" name="sample" /> "Dark"</label>
                </span>
            },
        ),
        specimen(
            "Wrong",
            "what was refused, and why, at the field.",
            view! {
                <div class="form-field invalid">
                    <input type="text" aria-label="Estimate" aria-invalid="true" aria-describedby="wrong-sample" value="12x" />
                    <p class="wrong" id="wrong-sample">"That is no number."</p>
                </div>
            },
        ),
        specimen(
            "Disabled",
            "can’t be written now.",
            view! { <input type="text" aria-label="A line that can’t be written" value="7" disabled=true /> },
        ),
    ];
    let chips = vec![
        specimen(
            "Chip",
            "a filter that holds. A click edits it, the cross removes it.",
            view! {
                <span class="chip">
                    <button type="button" class="chip-text">"status is open"</button>
                    <button type="button" class="chip-remove" aria-label="Remove filter">{icon::cross()}</button>
                </span>
            },
        ),
        specimen(
            "Count",
            "how many, beside what they are of.",
            view! { <button type="button" class="button">"Columns " <span class="count">"2 hidden"</span></button> },
        ),
    ];
    let all = [("Buttons", buttons), ("Inputs", inputs), ("Chips", chips)];
    let all = all
        .into_iter()
        .map(|(heading, shown)| gallery(heading, shown));
    all.collect::<Vec<_>>().erased()
}

/// Menus, popovers and lists to choose from.
pub fn menus() -> Erased {
    gallery(
        "",
        vec![
            specimen(
                "Menu",
                "what can be done with one thing. Opens below it, closes by Escape.",
                view! {
                    <div class="menu shown">
                        <button type="button" class="menu-item">"Sort ascending"</button>
                        <button type="button" class="menu-item">"Filter…"</button>
                        <hr />
                        <button type="button" class="menu-item">"Hide"</button>
                    </div>
                },
            ),
            specimen(
                "Popover",
                "a few inputs that belong to a button.",
                view! {
                    <button type="button" class="button add-filter" popovertarget="popover-sample">"Open"</button>
                    <div id="popover-sample" class="popover" popover="auto" role="group" aria-label="A popover">
                        <p>"It closes by Escape, or by a press beside it."</p>
                        <button type="button" class="button primary" popovertarget="popover-sample">"Close"</button>
                    </div>
                },
            ),
            specimen(
                "Choices",
                "one of many, found by typing. The marked one is taken by Enter.",
                view! {
                    <ul class="choices shown" role="listbox" aria-label="Choices">
                        <li role="option" aria-selected="true" class="active"><span class="value">"open"</span> <span class="about">"chosen"</span></li>
                        <li role="option" aria-selected="false"><span class="value">"paid"</span></li>
                        <li role="option" aria-selected="false"><span class="value">"shipped"</span></li>
                    </ul>
                },
            ),
        ],
    )
}
