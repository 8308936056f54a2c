//! What PostgreSQL alone decides.

use std::{collections::HashMap, sync::Arc};

use rowcast_engine::query::{Question, QuestionId};

use super::{Looking, Waiting, is_passing};
use crate::{
    live::ask::ask,
    watching::evaluator::{Evaluator, Failed},
};

impl Looking<'_> {
    /// Has PostgreSQL decide what it alone knows. Returns the watches of which it can't.
    pub(super) async fn ask(
        &self,
        evaluator: &Evaluator,
        waiting: &[Waiting],
        asked: &[(usize, Vec<usize>)],
        verdicts: &mut HashMap<(usize, usize), bool>,
    ) -> Result<Vec<usize>, Failed> {
        let mut failed = Vec::new();
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
            let answers = ask(evaluator.parts.readers.ours(), &pairs).await;
            for ((watch, rows), answer) in of.into_iter().zip(answers) {
                match answer {
                    Ok(answer) => {
                        for (at, holds) in rows.iter().zip(answer.verdicts) {
                            verdicts.insert((*at, *watch), holds);
                        }
                    }
                    Err(error) if error.code == "too_slow" => {
                        let rule = self.watches[*watch].rule;
                        return Err(Failed::Rule(self.rules[rule].id));
                    }
                    Err(error) if is_passing(&error) => return Err(Failed::Passing),
                    // An operator that fails on a value fails always.
                    Err(_) => failed.push(*watch),
                }
            }
        }
        Ok(failed)
    }
}
