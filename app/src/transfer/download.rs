//! A file that is made of an answer as it comes.

use js_sys::{Array, Reflect, Uint8Array};
use leptos::prelude::*;
use rowcast_protocol::ApiError;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, Blob, BlobPropertyBag, HtmlAnchorElement, ReadableStreamDefaultReader,
    RequestInit, Response, Url,
};

use super::tally::{Format, Tally};
use crate::edit::api::{self, Refusal};

/// How many bytes the page gathers. A larger file the browser loads by itself, straight to
/// where it keeps files.
const MOST: u64 = 256 * 1024 * 1024;

/// How long an address of what was gathered has to stay for the browser to have taken it.
const KEPT: std::time::Duration = std::time::Duration::from_secs(60);

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The file is there.
    Saved(Tally),
    /// It is so large that the browser loads it by itself.
    Handed,
    /// It was stopped.
    Stopped,
}

/// Gathers what is at an address and saves it under a name. `comes` is told how much has come.
///
/// # Errors
/// Why it can't be had. What breaks off leaves no file.
pub async fn download(
    address: &str,
    name: &str,
    format: Format,
    stop: &AbortController,
    comes: impl Fn(Tally),
) -> Result<Outcome, Refusal> {
    let parts = Array::new();
    let mut tally = Tally::new(format);
    match gather(address, stop, &parts, &mut tally, comes).await {
        Ok(Ok(())) => {}
        Ok(Err(refusal)) => return Err(refusal),
        Err(_) if tally.bytes > MOST => {
            save(address, name);
            return Ok(Outcome::Handed);
        }
        Err(_) if stop.signal().aborted() => return Ok(Outcome::Stopped),
        Err(_) => {
            let message = match tally.bytes {
                0 => "The server does not answer.",
                _ => "The file broke off before its end.",
            };
            return Err(
                ApiError::new("unavailable", message, "Nothing was saved; try again.").into(),
            );
        }
    }
    let options = BlobPropertyBag::new();
    options.set_type(format.media_type());
    let blob = Blob::new_with_u8_array_sequence_and_options(&parts, &options);
    let address = blob.and_then(|blob| Url::create_object_url_with_blob(&blob));
    let address = address
        .map_err(|_| ApiError::new("too_large", "The browser has no room for this file.", ""))?;
    save(&address, name);
    set_timeout(
        move || {
            // It is an address that was made here.
            let _ = Url::revoke_object_url(&address);
        },
        KEPT,
    );
    Ok(Outcome::Saved(tally))
}

/// Reads the answer to its end; what breaks it off is the browser's to say.
async fn gather(
    address: &str,
    stop: &AbortController,
    parts: &Array,
    tally: &mut Tally,
    comes: impl Fn(Tally),
) -> Result<Result<(), Refusal>, JsValue> {
    let options = RequestInit::new();
    options.set_signal(Some(&stop.signal()));
    let response = JsFuture::from(window().fetch_with_str_and_init(address, &options)).await?;
    let response: Response = response.dyn_into()?;
    if !response.ok() {
        let text = JsFuture::from(response.text()?).await?;
        let refusal = api::parse(&text.as_string().unwrap_or_default());
        return Ok(Err(refusal.unwrap_or_else(|unreadable| unreadable)));
    }
    let Some(body) = response.body() else {
        return Ok(Ok(()));
    };
    let reader: ReadableStreamDefaultReader = body.get_reader().dyn_into()?;
    loop {
        let read = JsFuture::from(reader.read()).await?;
        if Reflect::get(&read, &"done".into())?.is_truthy() {
            return Ok(Ok(()));
        }
        let part: Uint8Array = Reflect::get(&read, &"value".into())?.dyn_into()?;
        tally.add(&part.to_vec());
        if tally.bytes > MOST {
            stop.abort();
            return Err(JsValue::NULL);
        }
        parts.push(&part);
        comes(*tally);
    }
}

/// Has the browser save what is at an address.
fn save(address: &str, name: &str) {
    let link = document().create_element("a").ok();
    if let Some(link) = link.and_then(|link| link.dyn_into::<HtmlAnchorElement>().ok()) {
        link.set_href(address);
        link.set_download(name);
        link.click();
    }
}
