//! What PostgreSQL alone decides.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rowcast_engine::query::{Question, QuestionId};

use rowcast_protocol::ApiError;
use sqlx::PgPool;

use super::{Looking, Verdicts, Waiting, is_passing};
use crate::{
    live::ask::{ask_together, fitting},
    query::bound::BoundQuery,
    watching::evaluator::{Evaluator, Failed},
};

/// How long one statement may take that asks.
const STATEMENT: Duration = Duration::from_secs(3);

/// How long is long for one question alone, where all of them took too long together.
const LONG: Duration = Duration::from_secs(1);

/// How long a round asks, before those that took long are named and it is begun again without
/// them. The round's own transaction waits meanwhile.
const ROUND: Duration = Duration::from_secs(15);

/// What was found out about each question of a table.
struct Answers {
    /// In their order; `None`: there was no time left.
    verdicts: Vec<Option<Result<Vec<bool>, ApiError>>>,
    /// Those that took too long alone.
    slow: Vec<usize>,
}

/// Asks questions of one table, together as far as that goes.
async fn ask(pool: &PgPool, questions: &[(&BoundQuery, &Question)], until: Instant) -> Answers {
    let mut answers = Answers {
        verdicts: Vec::with_capacity(questions.len()),
        slow: Vec::new(),
    };
    while answers.verdicts.len() < questions.len() {
        let rest = &questions[answers.verdicts.len()..];
        let together = &rest[..fitting(rest)];
        match ask_together(pool, together, Some(STATEMENT)).await {
            Ok(some) => answers
                .verdicts
                .extend(some.into_iter().map(|answer| Some(Ok(answer.verdicts)))),
            Err(error) if error.code == "database_unavailable" => {
                answers
                    .verdicts
                    .extend(together.iter().map(|_| Some(Err(error.clone()))));
            }
            // Which of them it is that fails, or takes so long, is found out one by one.
            Err(_) => {
                for question in together {
                    let nth = answers.verdicts.len();
                    if Instant::now() > until {
                        answers.verdicts.push(None);
                        continue;
                    }
                    let question = std::slice::from_ref(question);
                    let begun = Instant::now();
                    let answer = ask_together(pool, question, Some(STATEMENT)).await;
                    if begun.elapsed() > LONG {
                        answers.slow.push(nth);
                    }
                    answers.verdicts.push(match answer {
                        Ok(mut some) => some.pop().map(|answer| Ok(answer.verdicts)),
                        Err(error) => Some(Err(error)),
                    });
                }
            }
        }
    }
    answers
}

impl Looking<'_> {
    /// Has PostgreSQL decide what it alone knows, and notes of what it can't.
    pub(super) async fn ask(
        &mut self,
        evaluator: &Evaluator,
        waiting: &[Waiting],
        asked: &[(usize, Vec<usize>)],
        verdicts: &mut [Verdicts],
    ) -> Result<(), Failed> {
        // Those of one table share statements.
        let mut tables: Vec<u32> = Vec::new();
        for (watch, _) in asked {
            let table = self.watches[*watch].condition.bound.table.oid;
            if !tables.contains(&table) {
                tables.push(table);
            }
        }
        for table in tables {
            let of_table = |watch: usize| self.watches[watch].condition.bound.table.oid == table;
            let of: Vec<_> = asked.iter().filter(|(watch, _)| of_table(*watch)).collect();
            let questions: Vec<Question> = of
                .iter()
                .map(|(_, rows)| Question {
                    id: QuestionId(0),
                    verdicts: rows
                        .iter()
                        .map(|at| Arc::clone(&waiting[*at].record))
                        .collect(),
                    rankings: Vec::new(),
                })
                .collect();
            let pairs: Vec<_> = of
                .iter()
                .zip(&questions)
                .map(|((watch, _), question)| (&self.watches[*watch].condition.bound, question))
                .collect();
            let begun = Instant::now();
            let until = begun + ROUND.saturating_sub(self.asking);
            let answers = ask(evaluator.parts.readers.ours(), &pairs, until).await;
            self.asking += begun.elapsed();
            let rule = |nth: usize| self.rules[self.watches[of[nth].0].rule].id;
            if !answers.slow.is_empty() {
                return Err(Failed::Rules(answers.slow.into_iter().map(rule).collect()));
            }
            // None of them is slow, but all are.
            if self.asking > ROUND {
                return Err(Failed::Rules((0..of.len()).map(rule).collect()));
            }
            for ((watch, rows), answer) in of.into_iter().zip(answers.verdicts) {
                match answer {
                    Some(Ok(answer)) => {
                        for (at, _) in rows.iter().zip(answer).filter(|(_, holds)| *holds) {
                            verdicts[*at].hold.push(*watch);
                        }
                    }
                    None => return Err(Failed::Passing),
                    Some(Err(error)) if is_passing(&error) => return Err(Failed::Passing),
                    // An operator that fails on a value fails always.
                    Some(Err(_)) => rows.iter().for_each(|at| verdicts[*at].failed.push(*watch)),
                }
            }
        }
        Ok(())
    }
}
