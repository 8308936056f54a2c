//! A client that knows the public interface alone, and is strict about it.
//!
//! It keeps its lists over connections: a patch that comes after it has come back is applied
//! to what it held before. So a change that it is told twice, or not at all, shows as a
//! contradiction or as a list that is not what its SQL says.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rowcast_protocol::{
    ApiError, Cursor,
    json::{Heading, read_event},
    list::List,
    message::{Event, Op},
};
use tokio::{
    sync::{Notify, mpsc, watch},
    task::JoinSet,
};

use super::{
    event_stream,
    expected::Expected,
    plan::Transport,
    socket,
    strict::{apply, cursor, is_passing},
};

/// How many versions of a short list are remembered.
const HISTORY: usize = 32;

/// A list of up to so many rows is short.
const SHORT: usize = 10;

/// How long a client waits before it connects again.
pub const BACKOFF: Duration = Duration::from_millis(20);

pub struct Client {
    transport: Transport,
    address: String,
    shared: Arc<Shared>,
    /// To the task of each connection; of sockets there is one.
    connections: BTreeMap<usize, mpsc::UnboundedSender<Command>>,
    paused: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// What a client can be made to do wrong, to see that it is found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The first patch that inserts a row is applied twice.
    PatchTwice,
}

pub enum Command {
    Follow(Wanted),
    Leave(usize),
    Disconnect,
}

/// A subscription: its number in the plan, the table's name and the query's text.
#[derive(Clone)]
pub struct Wanted {
    pub nth: usize,
    pub table: String,
    pub query: String,
}

#[derive(Default)]
pub struct Shared {
    lists: Mutex<BTreeMap<usize, Held>>,
    changed: Notify,
    failure: Mutex<Option<(usize, String)>>,
    /// Whether the fault has not been committed yet.
    fault: Mutex<Option<Fault>>,
    heard: Mutex<Option<Instant>>,
    pub patches: AtomicU64,
    pub resets: AtomicU64,
    pub fell_behind: AtomicU64,
    pub resumed: AtomicU64,
}

#[derive(Default)]
struct Held {
    heading: Heading,
    list: Option<List>,
    /// Whether no event has come since the client came back.
    is_resuming: bool,
    history: VecDeque<(Cursor, List)>,
}

impl Client {
    pub fn new(transport: Transport, address: String, fault: Option<Fault>) -> Self {
        let shared = Arc::new(Shared::default());
        *shared.fault.lock().unwrap() = fault;
        Self {
            transport,
            address,
            shared,
            connections: BTreeMap::new(),
            paused: watch::Sender::new(false),
            tasks: JoinSet::new(),
        }
    }

    pub fn follow(&mut self, wanted: Wanted) {
        self.shared.lists().insert(wanted.nth, Held::default());
        let (address, shared) = (self.address.clone(), Arc::clone(&self.shared));
        let (sender, commands) = mpsc::unbounded_channel();
        match self.transport {
            Transport::WebSocket => {
                let tasks = &mut self.tasks;
                let paused = self.paused.subscribe();
                let socket = self.connections.entry(0).or_insert_with(|| {
                    tasks.spawn(socket::run(address, commands, shared, paused));
                    sender
                });
                let _ = socket.send(Command::Follow(wanted));
            }
            Transport::EventStream => {
                self.connections.insert(wanted.nth, sender);
                let paused = self.paused.subscribe();
                self.tasks
                    .spawn(event_stream::run(address, wanted, commands, shared, paused));
            }
        }
    }

    pub fn leave(&mut self, nth: usize) {
        self.shared.lists().remove(&nth);
        match self.transport {
            Transport::WebSocket => self.command(|| Command::Leave(nth)),
            // Its task ends with the channel.
            Transport::EventStream => drop(self.connections.remove(&nth)),
        }
    }

    /// Breaks the connections; they are made again, with cursors.
    pub fn disconnect(&self) {
        self.command(|| Command::Disconnect);
    }

    /// Reads no more, or again.
    pub fn pause(&self, paused: bool) {
        self.paused.send_replace(paused);
    }

    /// What contradicted itself, and in which subscription.
    pub fn failure(&self) -> Option<(usize, String)> {
        self.shared.failure.lock().unwrap().clone()
    }

    pub fn counts(&self) -> [u64; 4] {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let shared = &self.shared;
        [
            get(&shared.patches),
            get(&shared.resets),
            get(&shared.fell_behind),
            get(&shared.resumed),
        ]
    }

    /// Whether nothing has come for so long.
    pub fn is_quiet_for(&self, time: Duration) -> bool {
        let heard = *self.shared.heard.lock().unwrap();
        heard.is_none_or(|heard| heard.elapsed() >= time)
    }

    /// Waits for the next event, or a little.
    pub async fn changed(&self) {
        let _ =
            tokio::time::timeout(Duration::from_millis(100), self.shared.changed.notified()).await;
    }

    /// How the list differs, if it does.
    pub fn difference(&self, nth: usize, expected: &Expected) -> Option<String> {
        let lists = self.shared.lists();
        match lists.get(&nth).and_then(|held| held.list.as_ref()) {
            Some(list) => expected.difference(list),
            None => Some("there is no list".to_owned()),
        }
    }

    /// What a short list was at versions that are remembered.
    pub fn history(&self, nth: usize) -> Vec<(Cursor, List)> {
        let lists = self.shared.lists();
        lists
            .get(&nth)
            .map(|held| held.history.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// Forgets what was: ids of transactions may come again.
    pub fn forget_history(&self) {
        for held in self.shared.lists().values_mut() {
            held.history.clear();
        }
    }

    fn command(&self, command: impl Fn() -> Command) {
        for connection in self.connections.values() {
            let _ = connection.send(command());
        }
    }
}

/// What a connection does after an event.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    ReadOn,
    /// The subscription has ended for a reason that passes.
    ConnectAgain,
}

impl Shared {
    /// The cursor to come back with.
    pub fn cursor(&self, nth: usize) -> Option<String> {
        let mut lists = self.lists();
        let held = lists.get_mut(&nth)?;
        let cursor = held.list.as_ref().map(|list| list.cursor.clone());
        held.is_resuming = cursor.is_some();
        cursor
    }

    /// Takes an event in.
    pub fn take(&self, nth: usize, name: &str, text: &str) -> Next {
        let mut lists = self.lists();
        // Patches of a list that was left may still be on their way.
        let Some(held) = lists.get_mut(&nth) else {
            return Next::ReadOn;
        };
        *self.heard.lock().unwrap() = Some(Instant::now());
        let next = read_event(name, text, &mut held.heading)
            .map_err(|error| error.to_string())
            .and_then(|event| self.take_event(held, event));
        let next = next.unwrap_or_else(|fault| {
            let mut failure = self.failure.lock().unwrap();
            failure.get_or_insert_with(|| (nth, format!("{fault}\nevent {name}: {text}")));
            Next::ReadOn
        });
        drop(lists);
        self.changed.notify_waiters();
        next
    }

    /// Takes in that a subscription can't begin.
    pub fn refused(&self, nth: usize, error: &ApiError) {
        let mut failure = self.failure.lock().unwrap();
        failure.get_or_insert_with(|| (nth, format!("{error:?}")));
    }

    fn take_event(&self, held: &mut Held, event: Event) -> Result<Next, String> {
        let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        match event {
            Event::Snapshot(snapshot) => {
                held.is_resuming = false;
                held.list = Some(List::new(snapshot));
                held.remember()?;
            }
            Event::Patch(patch) => {
                count(&self.patches);
                if std::mem::take(&mut held.is_resuming) {
                    count(&self.resumed);
                }
                let columns = &held.heading.columns;
                let inserts = patch.ops.iter().any(|op| matches!(op, Op::Insert { .. }));
                let fault = self.fault.lock().unwrap().take_if(|_| inserts);
                let list = held.list.as_mut().ok_or("a patch without a list")?;
                if fault == Some(Fault::PatchTwice) {
                    apply(list, columns, patch.clone())?;
                }
                apply(list, columns, patch)?;
                held.remember()?;
            }
            Event::Reset { reason } => {
                count(&self.resets);
                if reason == "the client fell behind" {
                    count(&self.fell_behind);
                }
                held.list = None;
            }
            Event::Error(error) if is_passing(&error) => return Ok(Next::ConnectAgain),
            Event::Error(error) => return Err(format!("{error:?}")),
        }
        Ok(Next::ReadOn)
    }

    fn lists(&self) -> MutexGuard<'_, BTreeMap<usize, Held>> {
        self.lists.lock().unwrap()
    }
}

impl Held {
    fn remember(&mut self) -> Result<(), String> {
        if let Some(list) = &self.list
            && list.rows.len() <= SHORT
        {
            self.history
                .push_back((cursor(&list.cursor)?, list.clone()));
            if self.history.len() > HISTORY {
                self.history.pop_front();
            }
        }
        Ok(())
    }
}
