//! The few answers of the JSON API that the page itself needs.

#[cfg(feature = "hydrate")]
pub use browser::{read, ready, rows, tables, views};
#[cfg(not(feature = "hydrate"))]
pub use elsewhere::{tables, views};

#[cfg(feature = "hydrate")]
mod browser {
    use std::future::Future;

    use futures::channel::oneshot;
    use leptos::{prelude::*, task::spawn_local};
    use rowcast_protocol::{
        ApiError, Table,
        json::{Heading, read_event},
        message::{Event, Snapshot},
    };
    use serde::{Deserialize, de::DeserializeOwned};
    use wasm_bindgen::{JsCast, JsValue};
    use wasm_bindgen_futures::JsFuture;

    use crate::{address, reader, saved_views::SavedView};

    /// Every table.
    pub fn tables() -> impl Future<Output = Result<Vec<Table>, ApiError>> + Send {
        #[derive(Deserialize)]
        struct Answer {
            tables: Vec<Table>,
        }
        let text = get("/api/tables".to_owned());
        async move { parse::<Answer>(&text.await?).map(|answer| answer.tables) }
    }

    /// The saved views of a table that the reader may choose from.
    pub fn views(
        table: &str,
    ) -> impl Future<Output = Result<Vec<SavedView>, ApiError>> + Send + use<> {
        #[derive(Deserialize)]
        struct Answer {
            views: Vec<SavedView>,
        }
        let owner = reader::kept().map(|name| format!("owner={}", address::encode(&name)));
        let text = get(address::api("views", table, &owner.unwrap_or_default()));
        async move { parse::<Answer>(&text.await?).map(|answer| answer.views) }
    }

    /// Whether the server can do its work.
    pub async fn ready() -> bool {
        get("/readyz".to_owned()).await.is_ok()
    }

    /// The rows of a query over a table that is not live.
    pub fn rows(
        table: &str,
        query: &str,
    ) -> impl Future<Output = Result<Snapshot, ApiError>> + Send + use<> {
        let text = get(address::api("rows", table, query));
        async move {
            let mut heading = Heading::default();
            match read_event("snapshot", &text.await?, &mut heading) {
                Ok(Event::Snapshot(snapshot)) => Ok(snapshot),
                _ => Err(unreadable()),
            }
        }
    }

    /// What is answered at an address of this server.
    pub async fn read<T: DeserializeOwned>(url: String) -> Result<T, ApiError> {
        parse(&get(url).await?)
    }

    /// The text at an address of this server, asked for when the future is first polled: one
    /// that hydration makes and never needs asks for nothing.
    ///
    /// Promises belong to the thread that made them, so the request runs in a task and what
    /// crosses is a channel.
    async fn get(url: String) -> Result<String, ApiError> {
        let (sender, receiver) = oneshot::channel();
        spawn_local(async move {
            // Whoever asked may have gone on to another page.
            let _ = sender.send(request(&url).await);
        });
        receiver.await.unwrap_or_else(|_| Err(unreachable_server()))
    }

    async fn request(url: &str) -> Result<String, ApiError> {
        let text = async {
            let response = JsFuture::from(window().fetch_with_str(url)).await?;
            let response: web_sys::Response = response.dyn_into()?;
            let text = JsFuture::from(response.text()?).await?;
            Ok::<_, JsValue>((response.ok(), text.as_string().unwrap_or_default()))
        };
        match text.await {
            Ok((true, text)) => Ok(text),
            Ok((false, text)) => {
                #[derive(Deserialize)]
                struct Refusal {
                    error: ApiError,
                }
                Err(parse::<Refusal>(&text).map_or_else(|error| error, |refusal| refusal.error))
            }
            Err(_) => Err(unreachable_server()),
        }
    }

    fn parse<T: DeserializeOwned>(text: &str) -> Result<T, ApiError> {
        serde_json::from_str(text).map_err(|_| unreadable())
    }

    fn unreadable() -> ApiError {
        ApiError::new(
            "unreadable",
            "The server's answer could not be read.",
            "Load the page again.",
        )
    }

    fn unreachable_server() -> ApiError {
        ApiError::new(
            "unavailable",
            "The server does not answer.",
            "The page tries again as soon as it does.",
        )
    }
}

#[cfg(not(feature = "hydrate"))]
mod elsewhere {
    use std::future::Future;

    use rowcast_protocol::{ApiError, Table};

    use crate::saved_views::SavedView;

    /// A table's saved views: there is no browser to ask from.
    pub fn views(
        _table: &str,
    ) -> impl Future<Output = Result<Vec<SavedView>, ApiError>> + Send + use<> {
        std::future::ready(Ok(Vec::new()))
    }

    /// Every table: there is no browser to ask from.
    pub fn tables() -> impl Future<Output = Result<Vec<Table>, ApiError>> + Send {
        std::future::ready(Ok(Vec::new()))
    }
}
