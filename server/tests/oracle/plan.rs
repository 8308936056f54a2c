//! What a run does, as data: drawn from a seed before anything happens, so that it can be
//! replayed, and made smaller where it fails.
//!
//! Whoever carries a plan out tolerates any part of it being absent: a transaction is ended,
//! a client reads on and what was stopped is started before lists are compared.

use std::collections::BTreeSet;

use super::{
    queries::{self, Query},
    random::Random,
    statements::{self, Statement},
    tables::Table,
};

/// Where changes come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    #[default]
    Triggers,
    /// The write-ahead log: of every table that is drawn, for all have a primary key.
    Replication,
}

impl Source {
    /// What a server of it is set to.
    pub fn settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Triggers => &[],
            Self::Replication => &[("ROWCAST_SOURCE", "replication")],
        }
    }
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub source: Source,
    /// Of the log's settings, with their values.
    pub settings: Vec<(&'static str, u64)>,
    pub tables: Vec<Table>,
    pub clients: Vec<Transport>,
    pub subscriptions: Vec<Subscription>,
    pub steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    WebSocket,
    EventStream,
}

#[derive(Clone, Debug)]
pub struct Subscription {
    pub client: usize,
    pub query: Query,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A statement over one of the writers' connections.
    Write(usize, Statement),
    /// A client begins to follow one of the subscriptions, or ends that.
    Follow(usize),
    Leave(usize),
    /// A client's connections break; it comes back with its cursors.
    Disconnect(usize),
    /// A client stops to read, and reads on.
    Pause(usize),
    Resume(usize),
    /// The server's own connections to the database break.
    LoseConnections,
    KillServer,
    StopServer,
    StartServer,
    CrashDatabase,
    StopDatabase,
    StartDatabase,
    /// These lists are noted as SQL has them now, to be compared with what clients held at
    /// that version.
    Witness(Vec<usize>),
    /// Every list equals its SQL.
    Check,
}

/// How many connections write.
pub const WRITERS: usize = 2;

/// The most subscriptions of one client over event streams, each of which is a connection.
const STREAMS: u64 = 4;

impl Plan {
    /// `is_alone`: nobody else uses the cluster, so that it may be stopped.
    pub fn generate(seed: u64, is_alone: bool) -> Self {
        let random = &mut Random::new(seed);
        let mut settings = Vec::new();
        if random.chance(25) {
            settings.push(("statement_rows", 20));
        }
        if random.chance(25) {
            settings.push(("value_bytes", 40));
        }
        let mut tables = Vec::new();
        for nth in 0..1 + random.below(4) as usize {
            let table = Table::generate(random, nth, &tables);
            tables.push(table);
        }
        let mut plan = Self {
            source: Source::default(),
            settings,
            tables,
            clients: Vec::new(),
            subscriptions: Vec::new(),
            steps: Vec::new(),
        };
        plan.fill(random);
        plan.invite(random);
        plan.steps.push(Step::Check);
        for _ in 0..6 + random.below(12) {
            plan.round(random, is_alone);
            plan.steps.push(Step::Check);
        }
        plan
    }

    /// The same with changes that come from there.
    pub fn of(self, source: Source) -> Self {
        Self { source, ..self }
    }

    /// What makes a table.
    pub fn create_sql(&self, table: &Table) -> String {
        match self.source {
            Source::Triggers => table.create_sql(),
            Source::Replication => table.create_sql() + &table.identity_sql(),
        }
    }

    /// The queries that are followed at some time.
    pub fn followed(&self) -> impl Iterator<Item = &Query> {
        self.steps.iter().filter_map(|step| match step {
            Step::Follow(nth) => Some(&self.subscriptions[*nth].query),
            _ => None,
        })
    }

    /// The tables that the steps are about, and those that these refer to.
    pub fn needed_tables(&self) -> impl Iterator<Item = usize> {
        let mut needed: BTreeSet<usize> = self.followed().map(|query| query.table).collect();
        needed.extend(self.steps.iter().filter_map(|step| match step {
            Step::Write(_, statement) => statement.table(),
            _ => None,
        }));
        // A table refers to earlier ones only.
        for at in (0..self.tables.len()).rev() {
            if needed.contains(&at) {
                let names = self.tables[at].used().filter_map(|(_, column)| {
                    let (name, _) = column.refers.as_ref()?;
                    self.tables.iter().position(|table| table.name == *name)
                });
                needed.extend(names);
            }
        }
        needed.into_iter()
    }

    /// What happens, waiting for the lists aside.
    pub fn events(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| **step != Step::Check)
    }

    fn fill(&mut self, random: &mut Random) {
        for at in 0..self.tables.len() {
            for _ in 0..random.below(40) {
                let insert = statements::insert(random, &self.tables, at);
                self.steps.push(Step::Write(0, insert));
            }
        }
    }

    fn invite(&mut self, random: &mut Random) {
        for _ in 0..2 + random.below(3) {
            self.clients.push(Transport::WebSocket);
            for _ in 0..20 + random.below(80) {
                self.follow(random, self.clients.len() - 1);
            }
        }
        for _ in 0..1 + random.below(2) {
            self.clients.push(Transport::EventStream);
            for _ in 0..1 + random.below(STREAMS) {
                self.follow(random, self.clients.len() - 1);
            }
        }
    }

    fn follow(&mut self, random: &mut Random, client: usize) {
        // Some have the query of others, and so share its window.
        let query = if random.chance(15) && !self.subscriptions.is_empty() {
            random.pick(&self.subscriptions).query.clone()
        } else {
            queries::generate(random, &self.tables)
        };
        self.subscriptions.push(Subscription { client, query });
        self.steps.push(Step::Follow(self.subscriptions.len() - 1));
    }

    fn round(&mut self, random: &mut Random, is_alone: bool) {
        let client = random.below(self.clients.len() as u64) as usize;
        match random.below(20) {
            0 => {
                self.transactions(random, 3);
                self.steps.push(if random.chance(70) {
                    Step::KillServer
                } else {
                    Step::StopServer
                });
                self.transactions(random, 3);
                self.steps.push(Step::StartServer);
            }
            1 if is_alone => {
                self.transactions(random, 3);
                self.steps.push(if random.chance(50) {
                    Step::CrashDatabase
                } else {
                    Step::StopDatabase
                });
                self.steps.push(Step::StartDatabase);
            }
            2 | 3 => {
                self.steps.push(Step::LoseConnections);
                self.transactions(random, 3);
            }
            4..=7 => {
                for client in 0..self.clients.len() {
                    if random.chance(50) {
                        self.transactions(random, 1);
                        self.steps.push(Step::Disconnect(client));
                    }
                }
                self.transactions(random, 2);
            }
            8 | 9 => {
                self.steps.push(Step::Pause(client));
                if random.chance(50) {
                    self.fatten(random);
                }
                self.transactions(random, 8);
                self.steps.push(Step::Resume(client));
            }
            10..=12 => {
                for _ in 0..1 + random.below(3) {
                    let definition = statements::definition(random, &self.tables);
                    self.steps.push(Step::Write(0, definition));
                    self.transactions(random, 1);
                }
            }
            13..=15 => {
                for _ in 0..1 + random.below(12) {
                    let nth = random.below(self.subscriptions.len() as u64) as usize;
                    self.steps.push(Step::Leave(nth));
                    self.transactions(random, 1);
                    self.follow(random, self.subscriptions[nth].client);
                }
            }
            _ => {}
        }
        let count = 1 + random.below(8);
        self.transactions(random, count);
    }

    /// More than waits for a client that does not read.
    fn fatten(&mut self, random: &mut Random) {
        let Some(fat) = statements::fatten(random, &self.tables) else {
            return;
        };
        for nth in 0..4 {
            self.steps.push(Step::Write(0, fat(Some(nth))));
        }
        self.steps.push(Step::Write(0, fat(None)));
    }

    /// So many transactions, some of them at the same time.
    fn transactions(&mut self, random: &mut Random, count: u64) {
        let control = |by, sql: &str| Step::Write(by, Statement::Control(sql.to_owned()));
        for _ in 0..count {
            let used = if random.chance(40) { WRITERS } else { 1 };
            for by in 0..used {
                let level = *random.pick(&[
                    "READ COMMITTED",
                    "READ COMMITTED",
                    "REPEATABLE READ",
                    "SERIALIZABLE",
                ]);
                self.steps
                    .push(control(by, &format!("BEGIN ISOLATION LEVEL {level}")));
            }
            for _ in 0..1 + random.below(5) {
                let by = random.below(used as u64) as usize;
                let statement = statements::change(random, &self.tables);
                // What fails or is taken back leaves the transaction as it was before.
                let guarded = random.chance(50);
                if guarded {
                    self.steps.push(control(by, "SAVEPOINT s"));
                }
                self.steps.push(Step::Write(by, statement));
                if guarded && random.chance(25) {
                    self.steps.push(control(by, "ROLLBACK TO s"));
                }
            }
            let first = random.below(2) as usize;
            for by in [first, 1 - first] {
                if by < used {
                    let end = if random.chance(85) {
                        "COMMIT"
                    } else {
                        "ROLLBACK"
                    };
                    self.steps.push(control(by, end));
                }
            }
            if random.chance(30) {
                let sample = (0..12)
                    .map(|_| random.below(self.subscriptions.len() as u64) as usize)
                    .collect();
                self.steps.push(Step::Witness(sample));
            }
        }
    }
}
