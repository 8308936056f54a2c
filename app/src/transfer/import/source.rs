//! Where the rows come from: a file, or text that is pasted.

use js_sys::Array;
use leptos::{ev, html, prelude::*};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, FileList, HtmlInputElement};

use super::Import;
use crate::erased::Erase;

/// How much of a large file is looked at for its names and first rows.
const HEAD: f64 = 256.0 * 1024.0;

/// The beginning of a file that is large, to the end of a line; else all of it.
pub async fn head(file: &Blob) -> Blob {
    if file.size() <= HEAD {
        return file.clone();
    }
    let head = async {
        let head = file.slice_with_f64_and_f64(0.0, HEAD)?;
        let text = JsFuture::from(head.text()).await?.as_string();
        let text = text.unwrap_or_default();
        let end = text.rfind('\n').map_or(text.len(), |at| at + 1);
        blob(&text[..end])
    };
    // What can't be cut is looked at whole.
    head.await.unwrap_or_else(|_: JsValue| file.clone())
}

fn blob(text: &str) -> Result<Blob, JsValue> {
    Blob::new_with_str_sequence(&Array::of1(&text.into()))
}

/// The input for a file, and one for text.
#[component]
pub fn SourceInput(import: Import) -> impl IntoView {
    let pasted = NodeRef::<html::Textarea>::new();
    let over = RwSignal::new(false);
    let choose = move |event: ev::Event| {
        let input = event
            .target()
            .and_then(|of| of.dyn_into::<HtmlInputElement>().ok());
        take(import, input.and_then(|input| input.files()));
    };
    let drop_file = move |event: ev::DragEvent| {
        event.prevent_default();
        over.set(false);
        take(import, event.data_transfer().and_then(|data| data.files()));
    };
    let paste = move |_| {
        let text = pasted
            .get_untracked()
            .map(|of| of.value())
            .unwrap_or_default();
        if let Ok(blob) = blob(&text)
            && !text.trim().is_empty()
        {
            import.take(blob, "Pasted rows".to_owned());
        }
    };
    view! {
        <div
            class="source"
            class:over=over
            on:dragover=move |event| {
                event.prevent_default();
                over.set(true);
            }
            on:dragleave=move |_| over.set(false)
            on:drop=drop_file
        >
            <label class="field">
                <span>"File, chosen or dropped here"</span>
                <input
                    type="file"
                    autofocus
                    accept=".csv,.tsv,.txt,text/csv,text/tab-separated-values,text/plain"
                    on:change=choose
                />
            </label>
            <label class="field">
                <span>"Or rows that are pasted, from a spreadsheet for example"</span>
                <textarea node_ref=pasted rows="4" class="code" spellcheck="false"></textarea>
            </label>
            <p class="actions start">
                <button type="button" class="button" on:click=paste>
                    "Use these rows"
                </button>
            </p>
        </div>
    }
    .made_here()
}

fn take(import: Import, files: Option<FileList>) {
    if let Some(file) = files.and_then(|files| files.get(0)) {
        let name = file.name();
        import.take(file.into(), name);
    }
}
