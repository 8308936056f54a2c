//! The few answers of the JSON API that the page itself needs.

#[cfg(feature = "hydrate")]
pub use browser::{is_signed_out, read, ready, rows, table, tables, views};
#[cfg(not(feature = "hydrate"))]
pub use elsewhere::{tables, views};

#[cfg(feature = "hydrate")]
mod browser {
    use std::future::Future;

    use futures::channel::oneshot;
    use leptos::{prelude::*, task::spawn_local};
    use rowcast_protocol::{ApiError, Table, message::Snapshot};
    use wasm_bindgen::{JsCast, JsValue};
    use wasm_bindgen_futures::JsFuture;

    use crate::{
        address,
        live::answer::{Answer, Answers},
        parts, reader,
        saved_views::SavedView,
    };

    /// Every table.
    pub fn tables() -> impl Future<Output = Result<Vec<Table>, ApiError>> + Send {
        read("/api/tables".to_owned(), |by, answer| (by.tables)(answer))
    }

    /// One table, as it is now.
    pub fn table(path: &str) -> impl Future<Output = Result<Table, ApiError>> + Send + use<> {
        let url = address::api("tables", path, "");
        read(url, |by, answer| (by.table)(answer))
    }

    /// The saved views of a table that the reader may choose from.
    pub fn views(
        table: &str,
    ) -> impl Future<Output = Result<Vec<SavedView>, ApiError>> + Send + use<> {
        let owner = reader::kept().map(|name| format!("owner={}", address::encode(&name)));
        let url = address::api("views", table, &owner.unwrap_or_default());
        read(url, |by, answer| (by.views)(answer))
    }

    /// Whether the server can do its work.
    pub async fn ready() -> bool {
        request("/readyz")
            .await
            .is_ok_and(|answer| answer.0.is_ok())
    }

    /// Whether the server says that whoever reads the page is not signed in.
    pub async fn is_signed_out() -> bool {
        let answer = request("/api/me").await;
        let refusal = answer.ok().and_then(|answer| answer.0.err());
        refusal.is_some_and(|error| error.contains("\"unauthenticated\""))
    }

    /// The rows of a query over a table that is not live.
    pub fn rows(
        table: &str,
        query: &str,
    ) -> impl Future<Output = Result<Snapshot, ApiError>> + Send + use<> {
        let url = address::api("rows", table, query);
        read(url, |by, answer| (by.rows)(answer))
    }

    /// What is answered at an address of this server, asked for when the future is first
    /// polled: one that hydration makes and never needs asks for nothing.
    ///
    /// Promises belong to the thread that made them, so the request runs in a task and what
    /// crosses is a channel.
    pub async fn read<T: 'static>(
        url: String,
        by: fn(&Answers, Answer) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let (sender, receiver) = oneshot::channel();
        spawn_local(async move {
            let read = async {
                let answer = request(&url).await.map_err(|_| unreachable_server())?;
                let answers = parts::answers().await.map_err(|_| unreachable_server())?;
                by(&answers, answer)
            };
            // Whoever asked may have gone on to another page.
            let _ = sender.send(read.await);
        });
        receiver.await.unwrap_or_else(|_| Err(unreachable_server()))
    }

    async fn request(url: &str) -> Result<Answer, JsValue> {
        let response = JsFuture::from(window().fetch_with_str(url)).await?;
        let response: web_sys::Response = response.dyn_into()?;
        let text = JsFuture::from(response.text()?).await?;
        let text = text.as_string().unwrap_or_default();
        Ok(Answer(if response.ok() { Ok(text) } else { Err(text) }))
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
