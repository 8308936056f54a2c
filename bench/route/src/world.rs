//! An engine with its queries, and a table that stands for the database.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use rowcast_engine::{
    Engine, Output,
    datum::Datum,
    predicate_index::QueryId,
    query::{Answer, Question},
    record::Record,
    tally::AggregatesRead,
    transaction::{Image, Side, TableChanges, Transaction},
    window::{RequestId, RowsRead, RowsWanted, WindowId},
};
use rowcast_protocol::PgSnapshot;
use rustc_hash::FxHashMap;

use crate::{
    mix::Query,
    table::{ID, Random, Table},
};

/// What a change cost and did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// In the engine, whatever it was called for.
    pub time: Duration,
    /// Whether the thread was taken off its processor meanwhile, so that `time` is not what
    /// it cost.
    pub is_disturbed: bool,
    pub patches: u64,
    pub questions: u64,
    pub refills: u64,
}

/// An engine with its queries.
pub struct World {
    pub queries: u32,
    pub table: Table,
    engine: Engine,
    version: u64,
    by_window: FxHashMap<WindowId, Query>,
    by_query: FxHashMap<QueryId, Query>,
}

/// What opening took.
pub struct Opened {
    pub time: Duration,
    /// Rows in all lists, those that are in several counted as often.
    pub listed: u64,
}

impl World {
    /// A table for so many queries, and none of them open. What is the world's own will not
    /// grow when they are.
    pub fn new(queries: u32) -> Self {
        let room = (queries + queries / 100) as usize;
        Self {
            queries,
            table: Table::new(queries),
            engine: Engine::new(snapshot(1)),
            version: 1,
            by_window: FxHashMap::with_capacity_and_hasher(room, Default::default()),
            by_query: FxHashMap::with_capacity_and_hasher(room, Default::default()),
        }
    }

    /// Opens all queries, in an order that is none, calling `each` after every one.
    pub fn open(&mut self, mut each: impl FnMut()) -> anyhow::Result<Opened> {
        let mut order: Vec<u32> = (0..self.queries).collect();
        let mut random = Random(7);
        for at in (1..order.len()).rev() {
            order.swap(at, random.below(at as u32 + 1) as usize);
        }
        self.open_these(&order, &mut each)
    }

    /// Opens those of which every change asks PostgreSQL: a hundredth as many.
    pub fn open_residual(&mut self) -> anyhow::Result<Opened> {
        let these: Vec<u32> = (self.queries..self.queries + self.queries / 100).collect();
        self.open_these(&these, &mut || {})
    }

    /// Changes one row, and does what the engine asks for until it asks for nothing.
    pub fn change(&mut self) -> anyhow::Result<Cost> {
        let (begun, used) = (Instant::now(), processor_time());
        let mut cost = self.change_undisturbed()?;
        let away = begun.elapsed().saturating_sub(processor_time() - used);
        cost.is_disturbed = away > Duration::from_micros(20);
        Ok(cost)
    }

    /// Rows that the engine holds.
    pub fn rows_held(&self) -> u64 {
        self.engine.figures().rows as u64
    }

    /// Changes that contradicted what the engine held: none, unless it or this is wrong.
    pub fn contradictions(&self) -> u64 {
        self.engine.figures().contradictions
    }

    fn change_undisturbed(&mut self) -> anyhow::Result<Cost> {
        let change = self.table.change();
        let xid = self.version;
        let images = [(Side::Old, change.old), (Side::New, change.new)]
            .into_iter()
            .filter_map(|(side, record)| record.map(|record| Image { xid, side, record }))
            .collect();
        let changes = TableChanges {
            table: self.table.schema.table,
            images,
            reread: false,
        };
        let from = snapshot(self.version);
        self.version += 1;
        let transaction = Transaction {
            from,
            to: snapshot(self.version),
            changed_at: self.version as i64,
            tables: vec![Arc::new(changes)],
        };
        let mut cost = Cost::default();
        let begun = Instant::now();
        let outputs = self.engine.apply(transaction);
        cost.time += begun.elapsed();
        self.serve(outputs, &mut cost)?;
        Ok(cost)
    }

    fn open_these(&mut self, these: &[u32], each: &mut dyn FnMut()) -> anyhow::Result<Opened> {
        let mut cost = Cost::default();
        let mut listed = 0;
        for &nth in these {
            let query = Query::nth(nth, self.queries);
            let (spec, window) = query.spec(&self.table);
            let begun = Instant::now();
            let (id, outputs) = self.engine.open(&spec, window);
            cost.time += begun.elapsed();
            self.by_window.insert(id, query);
            let name = self
                .engine
                .query_of(id)
                .context("a window without a query")?;
            self.by_query.insert(name, query);
            self.serve(outputs, &mut cost)?;
            listed += self.engine.list(id).context("no list")?.rows.len() as u64;
            each();
        }
        Ok(Opened {
            time: cost.time,
            listed,
        })
    }

    fn serve(&mut self, outputs: Vec<Output>, cost: &mut Cost) -> anyhow::Result<()> {
        let mut waiting = std::collections::VecDeque::from(outputs);
        while let Some(output) = waiting.pop_front() {
            let more = match output {
                // Nothing here depends on the time.
                Output::Ready(_) | Output::Regained { .. } | Output::Turns { .. } => continue,
                Output::Patch { .. } => {
                    cost.patches += 1;
                    continue;
                }
                Output::Read {
                    window,
                    request,
                    wanted,
                } => {
                    cost.refills += 1;
                    self.read(window, request, &wanted, cost)?
                }
                Output::Ask { query, question } => {
                    cost.questions += 1;
                    self.answer(query, &question, cost)?
                }
                Output::CatchUp => bail!("the engine knows a version that is not there"),
            };
            waiting.extend(more);
        }
        Ok(())
    }

    fn read(
        &mut self,
        window: WindowId,
        request: RequestId,
        wanted: &RowsWanted,
        cost: &mut Cost,
    ) -> anyhow::Result<Vec<Output>> {
        let query = *self.by_window.get(&window).context("an unknown window")?;
        let all = query.rows(&self.table);
        let place = |anchor: &Record| -> anyhow::Result<usize> {
            let id = number(anchor)?;
            all.iter()
                .position(|&row| row == id)
                .context("an anchor that is gone")
        };
        let (rows, total) = match wanted {
            RowsWanted::Places {
                start,
                count,
                total,
            } => {
                let start = (*start as usize).min(all.len());
                let end = (start + *count as usize).min(all.len());
                (start..end, total.then_some(all.len() as u64))
            }
            RowsWanted::From { anchor, count } => {
                let start = place(anchor)?;
                (start..(start + *count as usize).min(all.len()), None)
            }
            RowsWanted::UpTo { anchor, count } => {
                let end = place(anchor)? + 1;
                (end.saturating_sub(*count as usize)..end, None)
            }
        };
        let read = RowsRead {
            snapshot: snapshot(self.version),
            rows: all[rows].iter().map(|&id| self.table.record(id)).collect(),
            total,
            time: None,
            aggregates: AggregatesRead::default(),
        };
        let begun = Instant::now();
        let outputs = self.engine.rows(request, read);
        cost.time += begun.elapsed();
        Ok(outputs)
    }

    fn answer(
        &mut self,
        name: QueryId,
        question: &Question,
        cost: &mut Cost,
    ) -> anyhow::Result<Vec<Output>> {
        let query = *self.by_query.get(&name).context("an unknown query")?;
        let verdict =
            |record: &Arc<Record>| number(record).map(|id| query.holds(id, self.table.groups));
        let answer = Answer {
            verdicts: question
                .verdicts
                .iter()
                .map(verdict)
                .collect::<anyhow::Result<_>>()?,
            rankings: Vec::new(),
        };
        let begun = Instant::now();
        let outputs = self.engine.answer(name, question.id, &answer);
        cost.time += begun.elapsed();
        Ok(outputs)
    }
}

/// The row's number.
fn number(record: &Record) -> anyhow::Result<u32> {
    match record.values()[ID] {
        Datum::Int(id) => Ok(id as u32),
        _ => bail!("a row without its number"),
    }
}

fn snapshot(version: u64) -> PgSnapshot {
    PgSnapshot {
        xmin: version,
        xmax: version,
        running: Vec::new(),
    }
}

/// What this thread has used of a processor.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
