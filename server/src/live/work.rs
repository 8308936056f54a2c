//! What the hub has the database do: rows and answers, a bounded number at a time, fairly.

mod queue;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use rowcast_engine::{
    predicate_index::QueryId,
    query::{Answer, Question},
    record::Record,
    window::{ReadTime, RequestId, RowsRead, RowsWanted, WindowId},
};
use rowcast_protocol::ApiError;
use tokio::sync::mpsc;

use self::queue::{Queue, Wanted};
use super::{ask::ask, clock::Clock, hub::Command};
use crate::{
    database::readers::Readers,
    limit::Subject,
    query::{
        bound::BoundQuery,
        read::{Range, Totals, window},
        sql::Side,
    },
    traces::{Cause, Traces},
};

/// How many statements with questions run at once, beside the reads: answers are short and
/// others wait for them.
const CONCURRENT_QUESTIONS: usize = 2;

/// How many queries' questions go into one statement.
const QUESTIONS: usize = 100;

/// Runs the engine's requests and sends what comes back to the hub.
#[derive(Clone, Debug)]
pub struct Worker(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    readers: Readers,
    results: mpsc::Sender<Command>,
    traces: Traces,
    reads: Mutex<Queue<Job>>,
    questions: Mutex<Questions>,
}

/// Questions that wait, oldest first. A query has one at a time.
#[derive(Debug, Default)]
struct Questions {
    waiting: VecDeque<Job>,
    running: usize,
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
        /// Whether somebody waits for a list that there is none of yet.
        is_first: bool,
        /// By whom that is counted.
        subject: Option<Subject>,
        /// There as long as the window is.
        alive: Weak<()>,
        /// What it is done for.
        cause: Cause,
    },
    /// An answer.
    Ask {
        /// About which query.
        id: QueryId,
        /// What.
        question: Question,
        /// The query.
        query: Arc<BoundQuery>,
        /// What it is done for.
        cause: Cause,
    },
}

impl Job {
    /// The query that it is for.
    pub fn query(&self) -> &Arc<BoundQuery> {
        match self {
            Self::Read { query, .. } | Self::Ask { query, .. } => query,
        }
    }

    /// What it is done for.
    pub fn cause(&self) -> &Cause {
        match self {
            Self::Read { cause, .. } | Self::Ask { cause, .. } => cause,
        }
    }

    /// Why rows are read, in a word.
    fn reason(&self) -> &'static str {
        match self {
            Self::Read { is_first: true, .. } => "first",
            Self::Read {
                wanted: RowsWanted::Places { .. },
                ..
            } => "again",
            Self::Read { .. } => "refill",
            Self::Ask { .. } => "question",
        }
    }
}

impl Wanted for Job {
    fn is_wanted(&self) -> bool {
        match self {
            Self::Read { alive, .. } => alive.strong_count() > 0,
            Self::Ask { .. } => true,
        }
    }
}

impl Worker {
    /// A worker that reads through `readers`, answers over `results`, and tells `traces` what it is at.
    pub fn new(readers: Readers, results: mpsc::Sender<Command>, traces: Traces) -> Self {
        Self(Arc::new(Shared {
            readers,
            results,
            traces,
            reads: Mutex::default(),
            questions: Mutex::default(),
        }))
    }

    /// Starts a job, after a delay where it is to be held to a rate.
    pub fn start(&self, job: Job, delay: Duration) {
        if delay.is_zero() {
            self.enqueue(job);
            return;
        }
        let worker = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            worker.enqueue(job);
        });
    }

    fn enqueue(&self, job: Job) {
        match job {
            Job::Read {
                ref query,
                is_first,
                subject,
                ..
            } => {
                let key = Arc::clone(&query.identity);
                let payer = subject.filter(|_| is_first);
                lock(&self.0.reads).push(key, payer, is_first, job);
                self.read_on();
            }
            Job::Ask { .. } => {
                lock(&self.0.questions).waiting.push_back(job);
                self.ask_on();
            }
        }
    }

    /// Starts what reads may be started.
    fn read_on(&self) {
        while let Some((ticket, job)) = lock(&self.0.reads).take() {
            let worker = self.clone();
            tokio::spawn(async move {
                let begun = Instant::now();
                let mut span = worker.0.traces.begin("fill a list", job.cause());
                if span.is_recorded() {
                    span.say("rowcast.table", job.query().table.table.path());
                    span.say("rowcast.reason", job.reason());
                }
                let result = span.around(worker.read(&job)).await;
                if let Err(error) = &result {
                    span.fail(&error.code);
                }
                drop(span);
                let took = begun.elapsed();
                lock(&worker.0.reads).finish(ticket, took);
                worker.read_on();
                worker.tell(job, result, took).await;
            });
        }
    }

    /// Starts what questions may be asked: those of several queries about one table at once.
    fn ask_on(&self) {
        loop {
            let jobs = {
                let mut questions = lock(&self.0.questions);
                if questions.running >= CONCURRENT_QUESTIONS || questions.waiting.is_empty() {
                    return;
                }
                questions.running += 1;
                questions.next()
            };
            let worker = self.clone();
            tokio::spawn(async move {
                let begun = Instant::now();
                let asked: Vec<(&BoundQuery, &Question)> = jobs
                    .iter()
                    .filter_map(|job| match job {
                        Job::Ask {
                            query, question, ..
                        } => Some((&**query, question)),
                        Job::Read { .. } => None,
                    })
                    .collect();
                let cause = jobs.first().map(Job::cause).cloned().unwrap_or_default();
                let mut span = worker.0.traces.begin("ask PostgreSQL", &cause);
                span.count("rowcast.questions", asked.len());
                let answers = span.around(ask(worker.0.readers.ours(), &asked)).await;
                drop(span);
                let took = begun.elapsed();
                lock(&worker.0.questions).running -= 1;
                worker.ask_on();
                for (job, answer) in jobs.into_iter().zip(answers) {
                    worker.tell(job, answer.map(Outcome::Answer), took).await;
                }
            });
        }
    }

    async fn tell(&self, job: Job, result: Result<Outcome, ApiError>, took: Duration) {
        // The hub being gone means that the server is stopping.
        let _ = self
            .0
            .results
            .send(Command::Done {
                job: Box::new(job),
                result,
                took,
            })
            .await;
    }

    async fn read(&self, job: &Job) -> Result<Outcome, ApiError> {
        let Job::Read { wanted, query, .. } = job else {
            return Err(crate::error::internal());
        };
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
        let read = window(&self.0.readers, query, &range, totals).await?;
        let clock = read.clock.map(|clock| Clock::heard(clock.end));
        let rows = RowsRead {
            snapshot: read.snapshot,
            rows: read
                .rows
                .into_iter()
                .map(|values| Record::new(&query.table.schema, values))
                .collect(),
            total: read.total,
            aggregates: read.aggregates,
            time: read.clock.map(|clock| ReadTime {
                moment: clock.moment,
                turns: clock.turns,
            }),
        };
        Ok(Outcome::Rows(rows, clock))
    }
}

impl Questions {
    /// The oldest question, and others about the same table.
    fn next(&mut self) -> Vec<Job> {
        let Some(first) = self.waiting.pop_front() else {
            return Vec::new();
        };
        let table = Arc::clone(&first.query().table);
        let mut jobs = vec![first];
        let mut others = VecDeque::new();
        while jobs.len() < QUESTIONS
            && let Some(job) = self.waiting.pop_front()
        {
            let of = &job.query().table;
            if (of.oid, &of.fingerprint) == (table.oid, &table.fingerprint) {
                jobs.push(job);
            } else {
                others.push_back(job);
            }
        }
        others.append(&mut self.waiting);
        self.waiting = others;
        jobs
    }
}

/// What a job brought.
#[derive(Debug)]
pub enum Outcome {
    /// Rows, and where they depend on the time the database's clock.
    Rows(RowsRead, Option<Clock>),
    /// An answer.
    Answer(Answer),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
