//! `GET /api/ws`: many live queries over one WebSocket.
//!
//! JSON text messages for everybody; for Rowcast's own page, which asks for
//! `encoding=postcard`, the compact binary ones.

use std::{
    future::pending,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    extract::{Extension, Query as UrlQuery, State},
    response::Response,
};
use http::HeaderMap;
use rowcast_protocol::{
    ApiError, Cursor, json,
    message::{ClientMessage, Event, ServerMessage},
    version::WIRE_VERSION,
};
use rustc_hash::FxHashMap;
use serde::Deserialize;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

use super::live::unreadable;
use crate::{
    audit::{self, Actor},
    auth::{Identity, Standing},
    comment::Guards,
    error::HttpError,
    limit::{Kind, Place, Spent, Subject, too_many},
    live::{
        SubscriberId,
        event::{Encoding, SharedEvent, compact},
        hub::{Asked, Following},
        outbox::{Due, Outbox, Waiting},
        prepare::{Prepared, prepare},
    },
    refusal,
    state::AppState,
    websocket::{Incoming, Socket, Upgrade, frame::Opcode},
};

/// How often a ping is sent, whatever else is.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How long nothing at all may come from a client, pongs included, and how long it may take
/// nothing of what waits for it.
const SILENCE: Duration = Duration::from_secs(60);

/// How long the end of a connection may take.
const CLOSING: Duration = Duration::from_secs(2);

/// The largest message a client may send.
const MAX_MESSAGE: usize = 64 * 1024;

/// How far apart signs of life are not counted as messages.
const SIGNS_APART: Duration = Duration::from_secs(1);

/// How long a message waits that is one too many, and with it those behind it, before it is
/// refused.
const MESSAGE_PATIENCE: Duration = Duration::from_secs(5);

/// How many bytes of events are taken out of the outbox at once. What is taken is not dropped
/// any more if the client turns out to be slow.
const TAKEN: usize = 64 * 1024;

/// The most subscriptions of one connection.
const MAX_SUBSCRIPTIONS: usize = 200;

/// The close code that tells a page of another build to load itself again.
const OTHER_BUILD: u16 = 4001;

/// The close code that tells a page to load itself again, to be asked who the reader is.
const SIGNED_OUT: u16 = 4002;

/// The close code of an end that both sides know of.
const NORMAL: u16 = 1000;

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
    Extension(standing): Extension<Standing>,
    subject: Option<Extension<Subject>>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Result<Response, HttpError> {
    state.check_origin(&headers)?;
    let subject = subject.map(|Extension(subject)| subject);
    let permit = state.clients.take(subject)?;
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
    let actor = Actor::current();
    Ok(upgrade.answer(MAX_MESSAGE, move |socket| {
        // What is asked for over it is asked for by whoever opened it.
        audit::scope(actor, async move {
            if fits {
                Connection::new(state, encoding, Arc::clone(standing.identity()), subject)
                    .serve(socket, standing, permit)
                    .await;
            } else {
                refuse(socket).await;
            }
        })
    }))
}

async fn refuse(mut socket: Socket) {
    socket.queue_close(OTHER_BUILD, "the page is of another build: load it again");
    let _ = timeout(CLOSING, socket.finish()).await;
}

/// What one client follows, and what it has still to be sent.
#[derive(Clone)]
struct Connection(Arc<Session>);

impl Connection {
    fn new(
        state: AppState,
        encoding: Encoding,
        identity: Arc<Identity>,
        subject: Option<Subject>,
    ) -> Self {
        let outbox = Outbox::counted(Arc::clone(&state.live.figures().outgoing));
        Self(Arc::new(Session {
            state,
            identity,
            subject,
            encoding,
            outbox: Arc::new(outbox),
            subscriptions: Mutex::default(),
            guards: Guards::default(),
        }))
    }

    /// Serves until either side ends it. The task that runs this is all that there is of an
    /// idle connection.
    async fn serve(self, mut socket: Socket, standing: Standing, _permit: Place) {
        let session = &self.0;
        let live = &session.state.live;
        live.figures().connections.add(1);
        self.attend(&mut socket, standing).await;
        session.outbox.close();
        for id in session.drain() {
            live.unsubscribe(id).await;
        }
        let _ = timeout(CLOSING, socket.finish()).await;
        live.figures().disconnections.add(1);
    }

    /// Sends and receives until there is nothing more to say than what is queued.
    async fn attend(&self, socket: &mut Socket, mut standing: Standing) {
        let session = &self.0;
        let (outbox, live, encoding) = (&session.outbox, &session.state.live, session.encoding);
        let mut leaving = pin!(session.state.shutdown.clone().departure());
        let mut changed = pin!(standing.changed());
        let mut heartbeat = interval_at(Instant::now(), HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut following = live.following();
        following.mark_changed();
        let mut heard = Instant::now();
        // What had been sent when something was left over, and since when it is no more.
        let mut stuck: Option<(u64, Instant)> = None;
        // A message that is being acted on. The next one is read when it has been.
        let mut acting: Option<Pin<Box<dyn Future<Output = ()> + Send>>> = None;
        // What was taken to be sent, while it is found out what of it may be. Nothing else is taken
        // until then.
        let mut admitting: Option<Pin<Box<dyn Future<Output = Vec<Waiting>> + Send>>> = None;
        loop {
            let (has_outgoing, is_acting) = (socket.has_outgoing(), acting.is_some());
            let is_admitting = admitting.is_some();
            if outbox.is_cut_off() {
                session.end(socket);
                return;
            }
            tokio::select! {
                // What is sent all the time comes last: it must not keep the rest waiting.
                biased;
                () = &mut leaving => {
                    session.end(socket);
                    return;
                }
                now = &mut changed => {
                    match now {
                        // What is open is of rights that were; a cursor of it is of no use to
                        // whoever sees something else now.
                        Some(_) => socket.queue_close(
                            GOING_AWAY,
                            "what you may see may have changed: connect again",
                        ),
                        None => socket
                            .queue_close(SIGNED_OUT, "whoever opened this has been signed out"),
                    }
                    return;
                }
                _ = heartbeat.tick() => {
                    let is_taken = stuck.take_if(|(sent, _)| *sent < socket.written()).is_some();
                    if is_taken {
                        // That it takes what waits is a sign of life, the only one while
                        // there is no room for a ping.
                        heard = Instant::now();
                    }
                    // The last sign came a moment after a heartbeat.
                    let is_over = |since: Instant| since.elapsed() + HEARTBEAT / 2 >= SILENCE;
                    if is_over(heard) || stuck.is_some_and(|(_, since)| is_over(since)) {
                        socket.queue_close(GOING_AWAY, "nothing has been heard for too long");
                        return;
                    }
                    // Behind what waits nothing is queued that can be left out.
                    if has_outgoing {
                        stuck.get_or_insert((socket.written(), Instant::now()));
                        continue;
                    }
                    stuck = None;
                    if encoding == Encoding::Postcard {
                        let clock = ServerMessage::Clock { now: live.figures().database_now() };
                        socket.queue_message(Opcode::Binary, &compact(&clock));
                    }
                    socket.queue_message(Opcode::Ping, &[]);
                }
                Ok(()) = following.changed(), if encoding == Encoding::Postcard && !has_outgoing => {
                    let Following(following) = *following.borrow_and_update();
                    let message = ServerMessage::Database { following };
                    socket.queue_message(Opcode::Binary, &compact(&message));
                }
                () = async {
                    match &mut acting {
                        Some(acting) => acting.await,
                        None => pending().await,
                    }
                } => acting = None,
                incoming = socket.next(!is_acting) => {
                    let message = match incoming {
                        Incoming::Sent => continue,
                        Incoming::Text(text) => session.read_text(&text),
                        Incoming::Binary(bytes) => session.read_binary(&bytes),
                        Incoming::Sign => {
                            // What keeps a connection alive is free.
                            let is_rare = heard.elapsed() >= SIGNS_APART;
                            heard = Instant::now();
                            let turn = if is_rare { Ok(Duration::ZERO) } else { session.turn() };
                            let wait = turn.unwrap_or(MESSAGE_PATIENCE);
                            if !wait.is_zero() {
                                acting = Some(Box::pin(sleep(wait)));
                            }
                            continue;
                        }
                        Incoming::Close | Incoming::Gone => return,
                        Incoming::Violation(violation) => {
                            socket.queue_close(violation as u16, "");
                            return;
                        }
                    };
                    heard = Instant::now();
                    let (session, turn) = (Arc::clone(session), session.turn());
                    acting = Some(Box::pin(async move { session.act(message, turn).await }));
                }
                admitted = async {
                    match &mut admitting {
                        Some(admitting) => admitting.await,
                        None => pending().await,
                    }
                } => {
                    admitting = None;
                    for waiting in &admitted {
                        session.send_guarded(waiting, socket);
                    }
                }
                // Not before what was taken is on its way: what waits in the outbox is bounded.
                due = outbox.next(), if !has_outgoing && !is_admitting => match due {
                    Due::Event(first) if session.guards.are_any() => {
                        let (session, taken) = (Arc::clone(session), session.gather(first));
                        admitting = Some(Box::pin(async move { session.admit(taken).await }));
                    }
                    Due::Event(first) => session.take(first, socket),
                    // All that waited has been handed over; only now is there a point in a
                    // fresh list.
                    Due::Lost(ids) => live.resync(ids).await,
                    Due::Closed => {
                        session.end(socket);
                        return;
                    }
                },
            }
        }
    }
}

/// What both directions of a connection know.
struct Session {
    state: AppState,
    /// Whose queries they are.
    identity: Arc<Identity>,
    /// By whom messages are counted, if they are.
    subject: Option<Subject>,
    encoding: Encoding,
    outbox: Arc<Outbox>,
    /// The subscriptions, by the client's numbers.
    subscriptions: Mutex<FxHashMap<u32, SubscriberId>>,
    /// What has to hold for what is sent.
    guards: Guards,
}

impl Session {
    fn subscriptions(&self) -> MutexGuard<'_, FxHashMap<u32, SubscriberId>> {
        self.subscriptions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn drain(&self) -> Vec<SubscriberId> {
        self.subscriptions().drain().map(|(_, id)| id).collect()
    }

    /// Ends the connection from here. Lists end with the server, so it may be known by that first
    /// that it stops.
    fn end(&self, socket: &mut Socket) {
        if !self.state.shutdown.is_leaving() {
            socket.queue_close(NORMAL, "");
            return;
        }
        if self.encoding == Encoding::Postcard {
            socket.queue_message(Opcode::Binary, &compact(&ServerMessage::Goodbye));
        }
        socket.queue_close(GOING_AWAY, "the server is stopping: connect again");
    }

    /// Has an event sent, and what else waits.
    fn take(&self, first: Waiting, socket: &mut Socket) {
        let mut next = Some(first);
        let mut taken = 0;
        while let Some(waiting) = next {
            taken += self.send(&waiting, socket);
            next = (taken < TAKEN).then(|| self.outbox.try_event()).flatten();
        }
    }

    /// Takes what waits out of the outbox, to be sent if it may be: at once, so that nothing comes to
    /// it while that is found out.
    fn gather(&self, first: Waiting) -> Vec<Waiting> {
        let mut size = first.event.size();
        let mut taken = vec![first];
        while size < TAKEN
            && let Some(waiting) = self.outbox.try_event()
        {
            size += waiting.event.size();
            taken.push(waiting);
        }
        taken
    }

    /// What of that may be sent.
    async fn admit(&self, taken: Vec<Waiting>) -> Vec<Waiting> {
        let (state, identity) = (&self.state, &self.identity);
        self.guards
            .admit(state, identity, &self.outbox, taken)
            .await
    }

    /// Has an event sent that was admitted. What comes late of a subscription that is over tells
    /// something that nobody guards any more.
    fn send_guarded(&self, waiting: &Waiting, socket: &mut Socket) {
        if let Some(id) = waiting.of()
            && self.subscriptions().get(&waiting.number) != Some(&id)
        {
            return;
        }
        self.send(waiting, socket);
    }

    /// Has an event sent; returns how many bytes that are.
    fn send(&self, waiting: &Waiting, socket: &mut Socket) -> usize {
        self.note(waiting);
        self.state.live.figures().delivered(waiting);
        let mut sent = 0;
        for piece in waiting.event.frame(self.encoding, waiting.number) {
            sent += piece.len();
            socket.queue(piece);
        }
        sent
    }

    /// Frees the number of a subscription that the server has ended, unless it stands for
    /// another one by now.
    fn note(&self, waiting: &Waiting) {
        if let Some(id) = waiting.ends() {
            self.guards.remove(id);
            let mut known = self.subscriptions();
            if known.get(&waiting.number) == Some(&id) {
                known.remove(&waiting.number);
            }
        }
    }

    /// How long whoever sends a message has to wait for it to be acted on.
    fn turn(&self) -> Result<Duration, ApiError> {
        let Some(subject) = self.subject else {
            return Ok(Duration::ZERO);
        };
        let limits = &self.state.limits;
        let turn = limits.reserve(subject, Kind::Message, MESSAGE_PATIENCE);
        turn.map_err(|Spent(wait)| too_many(subject, wait))
    }

    /// Acts on a message in its turn, or says why not.
    async fn act(
        &self,
        message: Result<ClientMessage, (Option<u32>, ApiError)>,
        turn: Result<Duration, ApiError>,
    ) {
        // The next one is not read meanwhile, so who is refused is slowed down as well.
        let wait = *turn.as_ref().unwrap_or(&MESSAGE_PATIENCE);
        if !wait.is_zero() {
            sleep(wait).await;
        }
        match (message, turn) {
            (Ok(message), Ok(_)) => self.handle(message).await,
            (
                Ok(ClientMessage::Subscribe { id, .. } | ClientMessage::Unsubscribe { id }),
                Err(e),
            ) => {
                self.complain(Some(id), e);
            }
            (Err((id, error)), _) => self.complain(id, error),
        }
    }

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
                let subscriber = self.subscriptions().remove(&id);
                match subscriber {
                    Some(subscriber) => {
                        // Not to be waited for: who goes away meanwhile must not leave it.
                        self.state.live.leave(subscriber);
                        self.guards.remove(subscriber);
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
        // The page's own connection has no errors about none.
        if id == 0 && self.encoding == Encoding::Json {
            return Err(ApiError::new(
                "invalid_message",
                "0 is the id of errors about no subscription",
                "number subscriptions from 1",
            ));
        }
        let (known, count) = {
            let known = self.subscriptions();
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
        let prepared = prepare(&self.state, &self.identity, table, query).await?;
        let Prepared {
            query,
            bound,
            guard,
            ..
        } = prepared;
        // A cursor that can't be read is one that can't be resumed from.
        let cursor: Option<Cursor> =
            cursor.map(|text| text.parse().unwrap_or_else(|_| unreadable()));
        let live = &self.state.live;
        let subscriber = live.new_id();
        self.guards.add(subscriber, guard);
        self.subscriptions().insert(id, subscriber);
        let asked = Asked {
            id: subscriber,
            query,
            bound,
        };
        live.subscribe(asked, self.subject, cursor, &self.outbox, id)
            .await;
        Ok(())
    }

    fn complain(&self, id: Option<u32>, error: ApiError) {
        refusal::log_message(self.identity.account, &error.code);
        let event = SharedEvent::bare(Event::Error(error));
        self.outbox.complain(id.unwrap_or(0), event);
    }
}
