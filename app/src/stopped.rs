//! What is said when the page's program has ended: by a defect of ours, for nothing else ends it.
//!
//! What was shown stays, and nothing keeps it current. None of the page's own state is asked here, for
//! that may be what broke.

use wasm_bindgen::JsValue;
use web_sys::{Document, Element};

/// Says so, once.
pub fn tell() {
    if let Some(document) = web_sys::window().and_then(|window| window.document()) {
        // Where even that fails the console has it.
        let _ = show(&document);
    }
}

fn show(document: &Document) -> Result<(), JsValue> {
    if document.query_selector("body > .stopped")?.is_some() {
        return Ok(());
    }
    let element = |name: &str, text: &str| -> Result<Element, JsValue> {
        let element = document.create_element(name)?;
        element.set_text_content(Some(text));
        Ok(element)
    };
    // What goes on in spite of it must not say that all is well: another one stands there now.
    if let Some(status) = document.query_selector(".status[data-state]")? {
        let stopped = element("span", "Stopped")?;
        stopped.set_class_name("status");
        stopped.set_attribute("role", "status")?;
        stopped.set_attribute("data-state", "offline")?;
        let dot = element("span", "")?;
        dot.set_class_name("dot");
        dot.set_attribute("aria-hidden", "true")?;
        stopped.prepend_with_node_1(&dot)?;
        status.replace_with_with_node_1(&stopped)?;
    }
    let notice = element("div", "")?;
    notice.set_class_name("notice warn stopped");
    notice.set_attribute("role", "alert")?;
    let said = element(
        "p",
        "This page has stopped, by a defect in Rowcast: what it shows is not kept up to date any \
         more. What you have typed is still there to be copied.",
    )?;
    notice.append_child(&said)?;
    let again = element("a", "Load it again")?;
    if let Some(location) = document.location() {
        // With the part behind a # it would lead to where one is.
        again.set_attribute("href", &(location.pathname()? + &location.search()?))?;
    }
    // What follows links within the page may have stopped as well.
    again.set_attribute("rel", "external")?;
    notice.append_child(&again)?;
    // Nothing else can be reached while a dialog is before the page, and what is in one goes with it.
    let dialogs = document.query_selector_all("dialog[open]")?;
    if let Some(dialog) = dialogs.item(dialogs.length().wrapping_sub(1)) {
        let beside = notice.clone_node_with_deep(true)?;
        dialog.append_child(&beside)?;
    }
    if let Some(body) = document.body() {
        body.append_child(&notice)?;
    }
    Ok(())
}
