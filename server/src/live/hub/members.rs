//! Who follows what: subscriptions, their windows, and their ends.

use std::{collections::hash_map::Entry, mem};

use super::*;

impl Hub {
    pub(super) fn subscribe(&mut self, subscribe: Subscribe) {
        let Subscribe {
            asked: Asked { id, query, bound },
            subject,
            cursor,
            sink,
            cause,
        } = subscribe;
        self.subscribers.insert(
            id,
            Subscriber {
                sink,
                subject,
                cursor: cursor.map(Box::new),
                place: None,
                reset: None,
                cause,
            },
        );
        if bound.tables().all(|table| self.tables.is_known(table)) {
            self.attach(query, bound, vec![id]);
        } else {
            let table = Named::Oid(bound.table.oid, bound.table.table.path());
            self.bind(table, Unbound::new(query, &bound, vec![id]));
        }
    }

    /// Binds a query to its table as it is from now on: whatever changes the table's shape
    /// later is in the log, and has the query bound once more.
    pub(super) fn bind(&mut self, table: Named, unbound: Unbound) {
        match self.unbound.entry(table.clone()) {
            Entry::Occupied(mut waiting) => waiting.get_mut().push(unbound),
            Entry::Vacant(none) => {
                none.insert(vec![unbound]);
                self.send_for(table);
            }
        }
    }

    /// Has a table looked up. Those who come while that is under way wait for the next time:
    /// what they are told must not be older than their question. Under way is what has an
    /// entry.
    fn send_for(&mut self, table: Named) {
        let queries = match self.unbound.get_mut(&table) {
            Some(waiting) => mem::take(waiting),
            None => return,
        };
        let shapes = self.shapes_seen;
        let (catalog, pool) = (Arc::clone(&self.catalog), self.readers.ours().clone());
        let results = self.results.0.clone();
        tokio::spawn(async move {
            let mut bound = Vec::with_capacity(queries.len());
            let mut found = look_up(&catalog, &table).await;
            for unbound in queries {
                let result = loop {
                    let result = match &found {
                        Ok(table) => match unbound.seen(&catalog, table).await {
                            Ok(table) => {
                                let bound = bind_live(&catalog, &pool, table, &unbound.query).await;
                                bound.and_then(|bound| unbound.refers_as_before(bound))
                            }
                            Err(error) => Err(error),
                        },
                        Err(error) => Err(error.clone()),
                    };
                    match result {
                        Err(error) if is_passing(&error) => {
                            tokio::time::sleep(RETRY).await;
                            found = look_up(&catalog, &table).await;
                        }
                        result => break result,
                    }
                };
                bound.push((unbound, result));
            }
            // The hub being gone means that the server is stopping.
            let _ = results
                .send(Command::Bound(Bound {
                    table,
                    shapes,
                    queries: bound,
                }))
                .await;
        });
    }

    pub(super) fn bound(&mut self, bound: Bound) {
        let Bound {
            table,
            shapes,
            queries,
        } = bound;
        if self.unbound.get(&table).is_some_and(Vec::is_empty) {
            self.unbound.remove(&table);
        } else {
            self.send_for(table.clone());
        }
        for (unbound, result) in queries {
            self.bound_one(&table, shapes, unbound, result);
        }
    }

    fn bound_one(
        &mut self,
        table: &Named,
        shapes: u64,
        mut unbound: Unbound,
        result: Result<BoundQuery, ApiError>,
    ) {
        unbound
            .members
            .retain(|id| self.subscribers.contains_key(id));
        if unbound.members.is_empty() {
            return;
        }
        let query = match result {
            Ok(query) => query,
            Err(error) => {
                for id in unbound.members {
                    self.end(id, &error);
                }
                return;
            }
        };
        let is_old = query.tables().any(|table| {
            let last = self.shapes.get(&table.oid);
            last.is_some_and(|seen| *seen > shapes)
        });
        if is_old {
            self.bind(table.clone(), unbound);
            return;
        }
        let outdated = query
            .tables()
            .find(|table| self.tables.get(table.oid).is_some() && !self.tables.is_known(table));
        if let Some(outdated) = outdated {
            self.reshaped(outdated.oid);
            self.bind(table.clone(), unbound);
            return;
        }
        for table in query.tables() {
            if !self.tables.is_known(table) {
                self.tables.insert(Arc::clone(table));
            }
        }
        self.attach(unbound.query, query, unbound.members);
    }

    /// Puts subscribers on the window that shows their query.
    pub(super) fn attach(
        &mut self,
        query: Arc<Query>,
        bound: BoundQuery,
        members: Vec<SubscriberId>,
    ) {
        let spec = window_spec(&bound);
        let key = FeedKey::new(&query, &bound, &spec);
        let window = match self.by_key.get(&key) {
            Some(window) => *window,
            None => {
                let (window, outputs) = self.engine.open(&query_spec(&bound), spec);
                self.by_key.insert(key.clone(), window);
                for table in bound.tables() {
                    *self.windows_of.entry(table.oid).or_default() += 1;
                }
                self.ruled += usize::from(bound.table.rules.is_some());
                self.looks(&bound, true);
                let first = members.iter().find_map(|id| self.subscribers.get(id));
                let subject = first.and_then(|subscriber| subscriber.subject);
                self.cause = first.map(|first| first.cause.clone()).unwrap_or_default();
                self.feeds
                    .insert(window, Feed::new(key, query, Arc::new(bound), subject));
                self.act(outputs);
                self.cause = Cause::default();
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
            let (outbox, number) = match &subscriber.sink {
                Sink::Stream(outbox, number) => (Some(Arc::clone(outbox)), *number),
                Sink::Once(_) => (None, 0),
            };
            let seat = feed.channel.join(id, outbox, number);
            subscriber.place = Some((window, seat));
            subscriber.cause = Cause::default();
            feed.empty_since = None;
            if ready {
                self.greet(id);
            }
        }
    }

    /// Gives a subscriber what brings it to where its window is.
    pub(super) fn greet(&mut self, id: SubscriberId) {
        let Some(subscriber) = self.subscribers.get_mut(&id) else {
            return;
        };
        let Some((window, seat)) = subscriber.place else {
            return;
        };
        let Some(feed) = self.feeds.get_mut(&window) else {
            return;
        };
        let (engine, snapshots) = (&self.engine, &mut self.snapshots);
        // The snapshot also fixes from where on the backlog is whole.
        let Some(snapshot) = feed.snapshot(self.epoch, || {
            snapshots.push_back((Instant::now(), window));
            engine.list(window)
        }) else {
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
            Sink::Stream(..) => {
                let epoch = feed.bound.epoch(self.epoch);
                // What has changed by itself has no version of its own.
                let is_told = !feed.bound.table.is_ruled_untold();
                let missed = cursor
                    .as_ref()
                    .filter(|cursor| cursor.epoch == epoch && subscriber.reset.is_none() && is_told)
                    .and_then(|cursor| {
                        let now = Place {
                            version: Arc::new(engine.exact_version_of(window)?.clone()),
                            moment: engine.exact_until(window),
                        };
                        let place = Place::from(&**cursor);
                        let was_read_over = feed
                            .bound
                            .tables()
                            .any(|table| self.tables.were_read_over(table.oid, &place.version));
                        feed.missed(&place, &now, was_read_over)
                    });
                match missed {
                    Some(patches) => {
                        self.figures.resumed.add(1);
                        feed.channel.greet(seat, &patches);
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
                        let reset = reason.map(reset);
                        feed.channel.greet(seat, reset.iter().chain([&snapshot]));
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
        subscriber.reset = Some("the client fell behind");
        self.figures.resets.slow(1);
        let place = subscriber.place;
        if place.is_some_and(|(window, _)| self.engine.is_ready(window)) {
            self.greet(id);
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
        if let Some((window, seat)) = subscriber.place
            && let Some(feed) = self.feeds.get_mut(&window)
        {
            let moved = feed.channel.leave(seat);
            if feed.channel.is_empty() {
                feed.empty_since = Some(Instant::now());
                if self.engine.is_ready(window) {
                    self.linger(window);
                } else {
                    // Nobody holds a cursor to come back with, and others wait to be read.
                    self.close(window);
                }
            }
            if let Some(moved) = moved.and_then(|id| self.subscribers.get_mut(&id)) {
                moved.place = Some((window, seat));
            }
        }
        Some(subscriber.sink)
    }

    /// Keeps a window without clients for a while, and the number of such windows bounded.
    fn linger(&mut self, window: WindowId) {
        self.lingering.insert(window);
        if self.lingering.len() > MAX_LINGERING
            && let Some(oldest) = self
                .lingering
                .iter()
                .copied()
                .min_by_key(|window| self.feeds.get(window).and_then(|f| f.empty_since))
        {
            self.close(oldest);
        }
    }

    pub(super) fn remove_feed(&mut self, window: WindowId) -> Option<Feed> {
        self.lingering.remove(&window);
        self.forget_turn(window);
        let feed = self.feeds.remove(&window)?;
        self.by_key.remove(&feed.key);
        self.ruled -= usize::from(feed.bound.table.rules.is_some());
        self.costly.remove(&window);
        self.looks(&feed.bound, false);
        for table in feed.bound.tables() {
            if let Some(windows) = self.windows_of.get_mut(&table.oid) {
                *windows -= 1;
                if *windows == 0 {
                    self.windows_of.remove(&table.oid);
                }
            }
        }
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
            self.close(window);
        }
    }

    /// Closes a window, and no longer takes in the changes of tables that no other one is of.
    pub(super) fn close(&mut self, window: WindowId) -> Option<Feed> {
        self.engine.close(window);
        let feed = self.remove_feed(window)?;
        for table in feed.bound.tables() {
            if !self.windows_of.contains_key(&table.oid) {
                self.tables.remove(table.oid);
            }
        }
        Some(feed)
    }
}

async fn look_up(catalog: &Catalog, table: &Named) -> Result<Arc<TableMeta>, ApiError> {
    match table {
        Named::Oid(oid, path) => match catalog.by_oid(*oid).await {
            Err(error) if error.code == "unknown_table" => Err(unknown_table(path)),
            table => table,
        },
        Named::Path(path) => catalog.table(path).await,
    }
}

fn reset(reason: &str) -> Arc<SharedEvent> {
    SharedEvent::bare(Event::Reset {
        reason: reason.to_owned(),
    })
}
