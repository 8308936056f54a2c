//! How the page looks: theme and contrast.

use leptos::prelude::*;

use super::icon;
use crate::erased::Erase;

/// The choices, each an id and what it is called: the first is what the system says.
const THEMES: [(&str, &str); 3] = [
    ("theme-system", "As the system"),
    ("theme-light", "Light"),
    ("theme-dark", "Dark"),
];
const CONTRASTS: [(&str, &str); 2] = [
    ("contrast-system", "As the system"),
    ("contrast-more", "High"),
];

/// The button and the menu that choose theme and contrast. `theme.js` hears them and keeps what
/// is chosen, for it has to know before anything is painted.
#[component]
pub fn Appearance() -> impl IntoView {
    let choices =
        |legend: &'static str, name: &'static str, of: &'static [(&'static str, &'static str)]| {
            let choice = |(id, label): &(&'static str, &'static str)| {
                view! {
                    <label>
                        <input type="radio" name=name id=*id autocomplete="off" />
                        {*label}
                    </label>
                }
            };
            view! {
                <fieldset class="field labels">
                    <legend>{legend}</legend>
                    {of.iter().map(choice).collect_view()}
                </fieldset>
            }
        };
    view! {
        <button
            class="icon-button theme-toggle"
            type="button"
            popovertarget="appearance"
            aria-label="Appearance"
            title="Appearance"
        >
            {icon::theme()}
        </button>
        <div id="appearance" class="popover" popover="auto" role="group" aria-label="Appearance">
            {choices("Theme", "theme", &THEMES)}
            {choices("Contrast", "contrast", &CONTRASTS)}
        </div>
    }
    .settled()
}
