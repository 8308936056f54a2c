//! The browser's entry: hydrates the pages that the server rendered.

use wasm_bindgen::prelude::wasm_bindgen;

/// Takes over the page.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    rowcast_app::start();
}
