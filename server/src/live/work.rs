//! What the hub has the database do: rows and answers, a bounded number at a time.

use std::{sync::Arc, time::Duration};

use rowcast_engine::{
    predicate_index::QueryId,
    query::{Answer, Question},
    record::Record,
    window::{RequestId, RowsRead, RowsWanted, WindowId},
};
use rowcast_protocol::ApiError;
use sqlx::PgPool;
use tokio::sync::{Semaphore, mpsc};

use super::{ask::ask, hub::Command};
use crate::query::{
    bound::BoundQuery,
    read::{Range, Totals, window},
    sql::Side,
};

/// How many reads for live queries run at once. Other requests use the rest of the pool.
const CONCURRENT_READS: usize = 6;

/// Runs the engine's requests and sends what comes back to the hub.
#[derive(Clone, Debug)]
pub struct Worker {
    pool: PgPool,
    results: mpsc::Sender<Command>,
    reads: Arc<Semaphore>,
}

/// Something that the engine asked for.
#[derive(Clone, Debug)]
pub enum Job {
    /// Rows of a window.
    Read {
        /// Whose.
        window: WindowId,
        /// To be given back.
        request: RequestId,
        /// Which.
        wanted: RowsWanted,
        /// The query.
        query: Arc<BoundQuery>,
    },
    /// An answer.
    Ask {
        /// About which query.
        id: QueryId,
        /// What.
        question: Question,
        /// The query.
        query: Arc<BoundQuery>,
    },
}

impl Worker {
    /// A worker that reads through `pool` and answers over `results`.
    pub fn new(pool: PgPool, results: mpsc::Sender<Command>) -> Self {
        Self {
            pool,
            results,
            reads: Arc::new(Semaphore::new(CONCURRENT_READS)),
        }
    }

    /// Starts a job, after a delay where it is to be held to a rate.
    pub fn start(&self, job: Job, delay: Duration) {
        let worker = self.clone();
        tokio::spawn(async move {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            let result = worker.run(&job).await;
            // The hub being gone means that the server is stopping.
            let _ = worker.results.send(Command::Done { job, result }).await;
        });
    }

    async fn run(&self, job: &Job) -> Result<Outcome, ApiError> {
        match job {
            Job::Read { wanted, query, .. } => {
                // The semaphore is never closed.
                let _permit = self.reads.acquire().await;
                self.read(query, wanted).await.map(Outcome::Rows)
            }
            // Answers are short and others wait for them: they do not queue behind reads.
            Job::Ask {
                question, query, ..
            } => ask(&self.pool, query, question).await.map(Outcome::Answer),
        }
    }

    async fn read(&self, query: &BoundQuery, wanted: &RowsWanted) -> Result<RowsRead, ApiError> {
        let beside = |anchor: &Record, side, count| Range::Beside {
            boundary: query.sort_values(anchor.values()),
            side,
            limit: count,
        };
        let (range, total) = match wanted {
            RowsWanted::Places {
                start,
                count,
                total,
            } => (
                Range::Offset {
                    offset: *start,
                    limit: *count,
                },
                *total,
            ),
            RowsWanted::From { anchor, count } => (beside(anchor, Side::From, *count), false),
            RowsWanted::UpTo { anchor, count } => (beside(anchor, Side::UpTo, *count), false),
        };
        let totals = if total { Totals::Kept } else { Totals::Unread };
        let read = window(&self.pool, query, &range, totals).await?;
        Ok(RowsRead {
            snapshot: read.snapshot,
            rows: read
                .rows
                .into_iter()
                .map(|values| Record::new(&query.table.schema, values))
                .collect(),
            total: read.total,
            aggregates: read.aggregates,
        })
    }
}

/// What a job brought.
#[derive(Debug)]
pub enum Outcome {
    /// Rows.
    Rows(RowsRead),
    /// An answer.
    Answer(Answer),
}
