//! Who follows what: subscriptions, their windows, and their ends.

use super::*;

impl Hub {
    pub(super) fn subscribe(&mut self, subscribe: Subscribe) {
        let Subscribe {
            id,
            query,
            bound,
            cursor,
            sink,
        } = subscribe;
        self.subscribers.insert(
            id,
            Subscriber {
                sink,
                cursor,
                window: None,
                reset: None,
            },
        );
        if bound.tables().all(|table| self.tables.is_known(table)) {
            self.attach(query, bound, vec![id]);
        } else {
            let table = Named::Oid(bound.table.oid, bound.table.table.path());
            self.bind(table, query, vec![id]);
        }
    }

    /// Binds a query to its table as it is from now on: whatever changes the table's shape
    /// later is in the log, and has the query bound once more.
    pub(super) fn bind(&self, table: Named, query: Arc<Query>, members: Vec<SubscriberId>) {
        let shapes = self.shapes_seen;
        let (catalog, pool) = (Arc::clone(&self.catalog), self.pool.clone());
        let commands = self.commands.clone();
        tokio::spawn(async move {
            let result = loop {
                let result = bind_now(&catalog, &pool, &table, &query).await;
                match result {
                    Err(error) if is_passing(&error) => tokio::time::sleep(RETRY).await,
                    result => break result,
                }
            };
            // The hub being gone means that the server is stopping.
            let _ = commands
                .send(Command::Bound(Box::new(Bound {
                    table,
                    shapes,
                    query,
                    members,
                    result,
                })))
                .await;
        });
    }

    pub(super) fn bound(&mut self, bound: Bound) {
        let mut members = bound.members;
        members.retain(|id| self.subscribers.contains_key(id));
        if members.is_empty() {
            return;
        }
        if let Ok(query) = &bound.result
            && query.tables().any(|table| {
                let last = self.shapes.get(&table.oid);
                last.is_some_and(|seen| *seen > bound.shapes)
            })
        {
            self.bind(bound.table, bound.query, members);
            return;
        }
        match bound.result {
            Err(error) => {
                for id in members {
                    self.end(id, &error);
                }
            }
            Ok(query) => {
                let outdated = query.tables().find(|table| {
                    self.tables.get(table.oid).is_some() && !self.tables.is_known(table)
                });
                if let Some(table) = outdated {
                    self.reshaped(table.oid);
                    self.bind(bound.table, bound.query, members);
                    return;
                }
                for table in query.tables() {
                    if !self.tables.is_known(table) {
                        self.tables.insert(Arc::clone(table));
                    }
                }
                self.attach(bound.query, query, members);
            }
        }
    }

    /// Puts subscribers on the window that shows their query.
    pub(super) fn attach(
        &mut self,
        query: Arc<Query>,
        bound: BoundQuery,
        members: Vec<SubscriberId>,
    ) {
        let spec = window_spec(&bound);
        let key = FeedKey::new(&bound, &spec);
        let window = match self.by_key.get(&key) {
            Some(window) => *window,
            None => {
                let (window, outputs) = self.engine.open(&query_spec(&bound), spec);
                self.by_key.insert(key.clone(), window);
                self.feeds
                    .insert(window, Feed::new(key, query, Arc::new(bound)));
                self.act(outputs);
                window
            }
        };
        self.lingering.remove(&window);
        let ready = self.engine.is_ready(window);
        for id in members {
            let (Some(subscriber), Some(feed)) =
                (self.subscribers.get_mut(&id), self.feeds.get_mut(&window))
            else {
                continue;
            };
            subscriber.window = Some(window);
            feed.empty_since = None;
            if ready {
                feed.members.push(id);
                self.greet(id);
            } else {
                feed.waiting.push(id);
            }
        }
    }

    /// Gives a subscriber what brings it to where its window is.
    pub(super) fn greet(&mut self, id: SubscriberId) {
        let Some(subscriber) = self.subscribers.get_mut(&id) else {
            return;
        };
        let Some(window) = subscriber.window else {
            return;
        };
        let Some(feed) = self.feeds.get_mut(&window) else {
            return;
        };
        let engine = &self.engine;
        // The snapshot also fixes from where on the backlog is whole.
        let Some(snapshot) = feed.snapshot(self.epoch, || engine.list(window)) else {
            return;
        };
        let cursor = subscriber.cursor.take();
        match &subscriber.sink {
            Sink::Once(_) => {
                if let Event::Snapshot(snapshot) = snapshot.event() {
                    let snapshot = snapshot.clone();
                    if let Some(Sink::Once(reply)) = self.remove_subscriber(id) {
                        let _ = reply.send(Ok(snapshot));
                    }
                }
            }
            Sink::Stream(outbox, number) => {
                let missed = cursor
                    .as_ref()
                    .filter(|cursor| cursor.epoch == self.epoch && subscriber.reset.is_none())
                    .and_then(|cursor| {
                        let now = engine.exact_version_of(window)?;
                        feed.missed(&cursor.snapshot, now)
                    });
                match missed {
                    Some(patches) => {
                        self.figures.resumed.add(1);
                        for patch in patches {
                            outbox.push(id, *number, patch);
                        }
                    }
                    None => {
                        let reason = match subscriber.reset.take() {
                            Some(reason) => Some(reason),
                            None if cursor.is_some() => {
                                self.figures.resets.cursor(1);
                                Some("the cursor is not one that this list can be resumed from")
                            }
                            None => None,
                        };
                        if let Some(reason) = reason {
                            outbox.push(id, *number, reset(reason));
                        }
                        outbox.push(id, *number, snapshot);
                    }
                }
            }
        }
    }

    /// Gives a slow client, now drained, a fresh list.
    pub(super) fn resync(&mut self, id: SubscriberId) {
        let Some(subscriber) = self.subscribers.get_mut(&id) else {
            return;
        };
        if let Sink::Stream(outbox, _) = &subscriber.sink {
            outbox.found(id);
            subscriber.reset = Some("the client fell behind");
            self.figures.resets.slow(1);
            let is_member = subscriber
                .window
                .and_then(|window| self.feeds.get(&window))
                .is_some_and(|feed| feed.members.contains(&id));
            if is_member {
                self.greet(id);
            }
        }
    }

    pub(super) fn unsubscribe(&mut self, id: SubscriberId) {
        if let Some(Sink::Stream(outbox, _)) = self.remove_subscriber(id) {
            outbox.forget(id);
        }
    }

    /// Ends a subscription with an error.
    pub(super) fn end(&mut self, id: SubscriberId, error: &ApiError) {
        match self.remove_subscriber(id) {
            Some(Sink::Stream(outbox, number)) => {
                let event = SharedEvent::bare(Event::Error(error.clone()));
                outbox.push_final(id, number, event);
            }
            Some(Sink::Once(reply)) => {
                let _ = reply.send(Err(error.clone()));
            }
            None => {}
        }
    }

    pub(super) fn remove_subscriber(&mut self, id: SubscriberId) -> Option<Sink> {
        let subscriber = self.subscribers.remove(&id)?;
        if let Some(window) = subscriber.window
            && let Some(feed) = self.feeds.get_mut(&window)
        {
            feed.members.retain(|other| *other != id);
            feed.waiting.retain(|other| *other != id);
            if feed.members.is_empty() && feed.waiting.is_empty() {
                feed.empty_since = Some(Instant::now());
                self.lingering.insert(window);
                if self.lingering.len() > MAX_LINGERING
                    && let Some(oldest) = self
                        .lingering
                        .iter()
                        .copied()
                        .min_by_key(|window| self.feeds.get(window).and_then(|f| f.empty_since))
                {
                    self.abandon(oldest);
                }
            }
        }
        Some(subscriber.sink)
    }

    pub(super) fn remove_feed(&mut self, window: WindowId) -> Option<Feed> {
        self.lingering.remove(&window);
        let feed = self.feeds.remove(&window)?;
        self.by_key.remove(&feed.key);
        Some(feed)
    }

    /// Closes windows that nobody has come back to.
    pub(super) fn close_abandoned(&mut self) {
        let abandoned: Vec<WindowId> = self
            .lingering
            .iter()
            .copied()
            .filter(|window| {
                self.feeds.get(window).is_none_or(|feed| {
                    feed.empty_since
                        .is_some_and(|since| since.elapsed() >= LINGER)
                })
            })
            .collect();
        for window in abandoned {
            self.abandon(window);
        }
    }

    pub(super) fn abandon(&mut self, window: WindowId) {
        self.engine.close(window);
        let Some(feed) = self.remove_feed(window) else {
            return;
        };
        for table in feed.bound.tables() {
            let is_used = |feed: &Feed| feed.bound.tables().any(|used| used.oid == table.oid);
            if !self.feeds.values().any(is_used) {
                self.tables.remove(table.oid);
            }
        }
    }
}

async fn bind_now(
    catalog: &Catalog,
    pool: &PgPool,
    table: &Named,
    query: &Query,
) -> Result<BoundQuery, ApiError> {
    let table = match table {
        Named::Oid(oid, path) => match catalog.by_oid(*oid).await {
            Err(error) if error.code == "unknown_table" => return Err(unknown_table(path)),
            table => table?,
        },
        Named::Path(path) => catalog.table(path).await?,
    };
    if !table.table.live {
        return Err(crate::live::not_live(&table.table.path()));
    }
    bind(pool, table, query).await
}

fn reset(reason: &str) -> Arc<SharedEvent> {
    SharedEvent::bare(Event::Reset {
        reason: reason.to_owned(),
    })
}
