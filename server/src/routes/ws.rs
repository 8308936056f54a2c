//! `GET /api/ws`: many live queries over one WebSocket.
//!
//! JSON text messages for everybody; for Rowcast's own page, which asks for
//! `encoding=postcard`, the compact binary ones.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    extract::{
        Query as UrlQuery, State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket},
    },
    response::Response,
};
use bytes::Bytes;
use futures::{SinkExt, StreamExt, stream::SplitSink};
use http::HeaderMap;
use rowcast_protocol::{
    ApiError, Cursor, json,
    message::{ClientMessage, Event, ServerMessage},
    version::WIRE_VERSION,
};
use serde::Deserialize;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::live::unreadable;
use crate::{
    error::HttpError,
    live::{
        Live, SubscriberId,
        event::{SharedEvent, compact},
        hub::Following,
        outbox::{Due, Outbox, Waiting},
        prepare::{Prepared, prepare},
    },
    state::{AppState, ClientPermit},
};

/// How often a ping is sent, whatever else is.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How long nothing at all may come from a client, pongs included.
const SILENCE: Duration = Duration::from_secs(60);

/// How long the end of a connection may take.
const CLOSING: Duration = Duration::from_secs(2);

/// The largest message a client may send.
const MAX_MESSAGE: usize = 64 * 1024;

/// The most subscriptions of one connection.
const MAX_SUBSCRIPTIONS: usize = 200;

/// The close code that tells a page of another build to load itself again.
const OTHER_BUILD: u16 = 4001;

/// The close code that says why nothing is sent any more: the server is going away.
const GOING_AWAY: u16 = 1001;

/// What the address may ask for.
#[derive(Debug, Deserialize)]
pub struct Options {
    encoding: Option<String>,
    wire: Option<u32>,
    build: Option<String>,
}

/// Opens a connection.
///
/// # Errors
/// `wrong_origin` unless the page that opens it is one of ours or there is none;
/// `too_busy`; `invalid_encoding`.
pub async fn open(
    State(state): State<AppState>,
    UrlQuery(options): UrlQuery<Options>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, HttpError> {
    state.check_origin(&headers)?;
    let permit = state.admit()?;
    let encoding = match options.encoding.as_deref() {
        None | Some("json") => Encoding::Json,
        Some("postcard") => Encoding::Postcard,
        Some(_) => {
            return Err(HttpError(ApiError::new(
                "invalid_encoding",
                "the parameter encoding is not one that the server speaks",
                "json (the default) or postcard",
            )));
        }
    };
    let fits = encoding == Encoding::Json
        || (options.wire == Some(WIRE_VERSION)
            && options.build.as_deref() == Some(state.build.as_str()));
    Ok(upgrade
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        // What waits here beyond this has been fed since the last flush, which the outbox
        // bounds; a hard bound would make a message larger than it impossible to send.
        .write_buffer_size(16 * 1024)
        .on_upgrade(move |socket| async move {
            if fits {
                serve(socket, state, encoding, permit).await;
            } else {
                refuse(socket).await;
            }
        }))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Json,
    Postcard,
}

async fn refuse(mut socket: WebSocket) {
    let close = CloseFrame {
        code: OTHER_BUILD,
        reason: "the page is of another build: load it again".into(),
    };
    let _ = timeout(CLOSING, socket.send(Message::Close(Some(close)))).await;
}

async fn serve(socket: WebSocket, state: AppState, encoding: Encoding, _permit: ClientPermit) {
    state.live.figures().connections.add(1);
    let (sink, mut stream) = socket.split();
    let outbox = Arc::new(Outbox::default());
    let session = Session {
        state: state.clone(),
        encoding,
        outbox: Arc::clone(&outbox),
        subscriptions: Subscriptions::default(),
    };
    let mut writer = tokio::spawn(write(
        sink,
        state.live.clone(),
        encoding,
        Arc::clone(&outbox),
        session.subscriptions.clone(),
        state.shutdown.clone(),
    ));
    let mut written = false;
    loop {
        let message = tokio::select! {
            message = timeout(SILENCE, stream.next()) => message,
            _ = &mut writer => {
                written = true;
                break;
            }
        };
        // A client that is silent for too long, has gone, or breaks the protocol.
        let Ok(Some(Ok(message))) = message else {
            break;
        };
        let message = match message {
            Message::Text(text) => session.read_text(&text),
            Message::Binary(bytes) => session.read_binary(&bytes),
            Message::Ping(_) | Message::Pong(_) => continue,
            Message::Close(_) => break,
        };
        match message {
            Ok(message) => session.handle(message).await,
            Err((id, error)) => session.complain(id, error),
        }
    }
    for id in session.subscriptions.drain() {
        state.live.unsubscribe(id).await;
    }
    outbox.close();
    if !written && timeout(CLOSING, &mut writer).await.is_err() {
        writer.abort();
    }
    state.live.figures().disconnections.add(1);
}

/// A connection's subscriptions, by the client's numbers. Both of its sides know them.
#[derive(Clone, Default)]
struct Subscriptions(Arc<Mutex<HashMap<u32, SubscriberId>>>);

impl Subscriptions {
    fn lock(&self) -> MutexGuard<'_, HashMap<u32, SubscriberId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drain(&self) -> Vec<SubscriberId> {
        self.lock().drain().map(|(_, id)| id).collect()
    }

    /// Frees the number of a subscription that the server has ended, unless it stands for
    /// another one by now.
    fn note(&self, waiting: &Waiting) {
        if let Some(id) = waiting.ends() {
            let mut known = self.lock();
            if known.get(&waiting.number) == Some(&id) {
                known.remove(&waiting.number);
            }
        }
    }
}

/// The side of a connection that listens.
struct Session {
    state: AppState,
    encoding: Encoding,
    outbox: Arc<Outbox>,
    subscriptions: Subscriptions,
}

impl Session {
    fn read_text(&self, text: &str) -> Result<ClientMessage, (Option<u32>, ApiError)> {
        ClientMessage::from_json(text).map_err(|error| (json::message_id(text), error))
    }

    fn read_binary(&self, bytes: &[u8]) -> Result<ClientMessage, (Option<u32>, ApiError)> {
        let error = match self.encoding {
            Encoding::Postcard => match postcard::from_bytes(bytes) {
                Ok(message) => return Ok(message),
                Err(_) => "the message can't be read",
            },
            Encoding::Json => "a binary message was sent where JSON text is expected",
        };
        Err((
            None,
            ApiError::new(
                "invalid_message",
                error,
                r#"{"type":"subscribe","id":1,"table":"orders","query":"limit=50"}"#,
            ),
        ))
    }

    async fn handle(&self, message: ClientMessage) {
        match message {
            ClientMessage::Subscribe {
                id,
                table,
                query,
                cursor,
            } => {
                if let Err(error) = self.subscribe(id, &table, &query, cursor).await {
                    self.complain(Some(id), error);
                }
            }
            ClientMessage::Unsubscribe { id } => {
                let subscriber = self.subscriptions.lock().remove(&id);
                match subscriber {
                    Some(subscriber) => {
                        self.state.live.unsubscribe(subscriber).await;
                        self.outbox.forget(subscriber);
                    }
                    None => self.complain(
                        Some(id),
                        ApiError::new(
                            "unknown_subscription",
                            format!("there is no subscription {id} on this connection"),
                            "",
                        ),
                    ),
                }
            }
        }
    }

    async fn subscribe(
        &self,
        id: u32,
        table: &str,
        query: &str,
        cursor: Option<String>,
    ) -> Result<(), ApiError> {
        let (known, count) = {
            let known = self.subscriptions.lock();
            (known.contains_key(&id), known.len())
        };
        if known {
            return Err(ApiError::new(
                "id_in_use",
                format!("the subscription {id} exists already on this connection"),
                "unsubscribe it first, or use another id",
            ));
        }
        if count >= MAX_SUBSCRIPTIONS {
            return Err(ApiError::new(
                "too_many_subscriptions",
                format!("a connection can hold {MAX_SUBSCRIPTIONS} subscriptions"),
                "unsubscribe some, or open another connection",
            ));
        }
        let Prepared { query, bound } = prepare(&self.state, table, query).await?;
        // A cursor that can't be read is one that can't be resumed from.
        let cursor: Option<Cursor> =
            cursor.map(|text| text.parse().unwrap_or_else(|_| unreadable()));
        let live = &self.state.live;
        let subscriber = live.new_id();
        self.subscriptions.lock().insert(id, subscriber);
        live.subscribe(subscriber, query, bound, cursor, &self.outbox, id)
            .await;
        Ok(())
    }

    fn complain(&self, id: Option<u32>, error: ApiError) {
        let event = SharedEvent::bare(Event::Error(error));
        self.outbox.complain(id.unwrap_or(0), event);
    }
}

/// The side of a connection that speaks, until the outbox is closed or the client gone.
async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    live: Live,
    encoding: Encoding,
    outbox: Arc<Outbox>,
    subscriptions: Subscriptions,
    mut shutdown: tokio::sync::watch::Receiver<bool>,
) {
    let mut heartbeat = interval_at(Instant::now(), HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut following = live.following();
    following.mark_changed();
    loop {
        let message = tokio::select! {
            biased;
            () = async { drop(shutdown.wait_for(|stop| *stop).await); } => {
                if encoding == Encoding::Postcard {
                    let _ = sink.feed(Message::Binary(compact(&ServerMessage::Goodbye))).await;
                }
                let frame = CloseFrame {
                    code: GOING_AWAY,
                    reason: "the server is stopping: connect again".into(),
                };
                let _ = timeout(CLOSING, sink.send(Message::Close(Some(frame)))).await;
                return;
            }
            _ = heartbeat.tick() => {
                if encoding == Encoding::Postcard {
                    let clock = ServerMessage::Clock { now: live.figures().database_now() };
                    if sink.feed(Message::Binary(compact(&clock))).await.is_err() {
                        return;
                    }
                }
                Message::Ping(Bytes::new())
            }
            Ok(()) = following.changed() => {
                let Following(following) = *following.borrow_and_update();
                if encoding == Encoding::Json {
                    continue;
                }
                Message::Binary(compact(&ServerMessage::Database { following }))
            }
            due = outbox.next() => match due {
                Due::Event(waiting) => {
                    subscriptions.note(&waiting);
                    encode(encoding, &waiting)
                }
                Due::Lost(ids) => {
                    // All that waited has been handed over; only once the client has taken
                    // it is there a point in a fresh list.
                    if sink.flush().await.is_err() {
                        return;
                    }
                    live.resync(ids).await;
                    continue;
                }
                Due::Closed => {
                    // Also answers a client that has said that it ends.
                    let _ = timeout(CLOSING, sink.close()).await;
                    return;
                }
            },
        };
        if sink.feed(message).await.is_err() {
            return;
        }
        // What is due already goes out with it.
        while let Some(waiting) = outbox.try_event() {
            subscriptions.note(&waiting);
            if sink.feed(encode(encoding, &waiting)).await.is_err() {
                return;
            }
        }
        if sink.flush().await.is_err() {
            return;
        }
    }
}

fn encode(encoding: Encoding, waiting: &Waiting) -> Message {
    let (id, event) = (waiting.number, &waiting.event);
    match encoding {
        Encoding::Json => {
            // JSON is UTF-8: it is written from strings.
            let bytes = event.json_message(id);
            Message::Text(bytes.try_into().unwrap_or_default())
        }
        Encoding::Postcard => Message::Binary(event.compact_message(id)),
    }
}
