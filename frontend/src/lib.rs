//! The browser's entry: hydrates the pages that the server rendered.

use wasm_bindgen::prelude::wasm_bindgen;

/// Takes over the page. Should it ever end by a defect, that is said on it.
#[wasm_bindgen]
pub fn hydrate() {
    std::panic::set_hook(Box::new(|panic| {
        console_error_panic_hook::hook(panic);
        rowcast_app::stopped::tell();
    }));
    rowcast_app::start();
}
