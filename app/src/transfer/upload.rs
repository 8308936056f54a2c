//! A file on its way to the server.

use futures::channel::oneshot;
use leptos::prelude::*;
use rowcast_protocol::ApiError;
use serde::{Deserialize, de::DeserializeOwned};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Blob, ProgressEvent, XmlHttpRequest};

use crate::{address, reader};

/// The request that is under way: to be aborted by whoever has enough of it.
pub type UnderWay = RwSignal<Option<XmlHttpRequest>, LocalStorage>;

/// Why a file was not taken.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Refusal {
    /// What went wrong.
    pub error: ApiError,
    /// What is wrong in it, by line.
    #[serde(default)]
    pub errors: Vec<Fault>,
}

/// What is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Fault {
    /// The line on which the row begins, from 1.
    pub line: u64,
    /// The column, where it is one's.
    pub column: Option<String>,
    /// Why, in words.
    pub message: String,
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Report {
    /// The names of its fields.
    pub columns: Vec<String>,
    /// How many rows it has.
    pub rows: u64,
    /// The first rows, as they stand there.
    pub preview: Vec<Vec<Option<String>>>,
    /// What does not fit.
    pub errors: Vec<Fault>,
}

/// Sends a file, and says with `sent` which part of it has been. `None` if it was aborted.
///
/// A `fetch` does not say how much it has sent, so this is the older kind of request.
pub async fn send<T: DeserializeOwned>(
    address: &str,
    file: &Blob,
    under_way: UnderWay,
    sent: impl Fn(f64) + 'static,
) -> Option<Result<T, Refusal>> {
    // Every browser has it.
    let request = XmlHttpRequest::new().ok()?;
    let (ended, end) = oneshot::channel::<()>();
    let mut ended = Some(ended);
    let ended = Closure::<dyn FnMut()>::new(move || {
        if let Some(ended) = ended.take() {
            // Whoever waits may have gone.
            let _ = ended.send(());
        }
    });
    let moved = Closure::<dyn FnMut(ProgressEvent)>::new(move |event: ProgressEvent| {
        if event.total() > 0.0 {
            sent(event.loaded() / event.total());
        }
    });
    request.set_onloadend(Some(ended.as_ref().unchecked_ref()));
    if let Ok(upload) = request.upload() {
        upload.set_onprogress(Some(moved.as_ref().unchecked_ref()));
    }
    let begun = request
        .open("POST", address)
        .and_then(|()| request.set_request_header("Content-Type", "text/csv"))
        .and_then(|()| match reader::kept() {
            Some(author) => request.set_request_header("Rowcast-Author", &address::encode(&author)),
            None => Ok(()),
        })
        .and_then(|()| request.send_with_opt_blob(Some(file)));
    let is_new = under_way.try_set(Some(request.clone())).is_none();
    if begun.is_ok() && is_new {
        // It ends with the sender, which is kept until then.
        let _ = end.await;
    }
    request.set_onloadend(None);
    if let Ok(upload) = request.upload() {
        upload.set_onprogress(None);
    }
    // What was aborted may have been followed by another.
    let ours = under_way
        .try_with_untracked(|now| now.as_ref() == Some(&request))
        .unwrap_or(false);
    if !ours {
        // Nothing is wrong with a request that had ended.
        let _ = request.abort();
        return None;
    }
    under_way.set(None);
    let text = request.response_text().ok().flatten().unwrap_or_default();
    let status = request.status().unwrap_or(0);
    Some(match status {
        200..300 => serde_json::from_str(&text).map_err(|_| unreadable()),
        0 => Err(Refusal {
            error: ApiError::new(
                "unavailable",
                "The server does not answer.",
                "Nothing was inserted; try again.",
            ),
            errors: Vec::new(),
        }),
        _ => Err(serde_json::from_str(&text).unwrap_or_else(|_| unreadable())),
    })
}

/// Ends what is under way; whoever asked for it hears nothing of it any more.
pub fn abort(under_way: UnderWay) {
    if let Some(request) = under_way.try_update(Option::take).flatten() {
        // Nothing is wrong with a request that had ended.
        let _ = request.abort();
    }
}

fn unreadable() -> Refusal {
    Refusal {
        error: ApiError::new(
            "unreadable",
            "The server's answer could not be read.",
            "Load the page again.",
        ),
        errors: Vec::new(),
    }
}
