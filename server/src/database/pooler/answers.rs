//! What the database answers to a group: what of it the client is told.

use std::{collections::VecDeque, io};

use bytes::Bytes;

use super::{
    group::{Asked, Group, Step},
    message::{Message, broken},
    statement::Statements,
};

/// What is awaited of a group that was sent.
#[derive(Debug)]
pub struct Answers {
    steps: VecDeque<Step>,
    prepared: Vec<Bytes>,
    kept: Vec<(String, String)>,
    /// What was said of the statement that is being described.
    shape: Vec<Message>,
    has_failed: bool,
}

/// What is done with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The client is told.
    Told,
    /// It did not ask.
    Kept,
}

impl From<Group> for Answers {
    fn from(group: Group) -> Self {
        Self {
            steps: group.steps,
            prepared: group.prepared,
            kept: group.kept,
            shape: Vec::new(),
            has_failed: false,
        }
    }
}

impl Answers {
    /// Whether all was answered.
    pub fn are_whole(&self) -> bool {
        self.steps.is_empty()
    }

    /// What the session is to keep set from now on; nothing where something failed.
    pub fn kept(self) -> Vec<(String, String)> {
        match self.has_failed {
            true => Vec::new(),
            false => self.kept,
        }
    }

    /// Takes the next answer.
    ///
    /// # Errors
    /// Where a statement is not any more what its client was told that it is, and where what is
    /// answered is none of the protocol. What was sent may have been done.
    pub fn take(&mut self, answer: &Message, statements: &mut Statements) -> io::Result<Fate> {
        let kind = answer.kind();
        if matches!(kind, b'N' | b'A' | b'S') {
            return Ok(Fate::Told);
        }
        if kind == b'E' {
            return Ok(self.fail(statements));
        }
        let Some(step) = self.steps.front() else {
            return Err(broken("an answer that nobody asked for"));
        };
        let fate = match step.told {
            true => Fate::Told,
            false => Fate::Kept,
        };
        let is_done = match (&step.asked, kind) {
            (Asked::Parse, b'1') | (Asked::Bind, b'2') | (Asked::Close, b'3') => true,
            (Asked::Execute, b'D') => false,
            (Asked::Execute, b'C' | b'I' | b's') => true,
            (Asked::Portal, b'T' | b'n') => true,
            (Asked::Statement(_), b't') => {
                self.shape = vec![answer.clone()];
                false
            }
            (Asked::Statement(name), b'T' | b'n') => {
                self.shape.push(answer.clone());
                let shape = std::mem::take(&mut self.shape);
                match step.told {
                    true => statements.describe(name, &shape),
                    false if statements.is_as_told(name, &shape) => {}
                    false => return Err(broken("a statement gives something else than it did")),
                }
                true
            }
            (Asked::Sync, b'Z') => true,
            (Asked::Query, b'Z') if self.steps.len() > 1 => {
                // The client waits for what is told of the last step.
                self.steps.pop_front();
                return Ok(Fate::Kept);
            }
            (Asked::Query, b'Z') => true,
            (Asked::Query, _) => false,
            _ => return Err(broken("an answer to something else")),
        };
        if is_done {
            self.steps.pop_front();
        }
        Ok(fate)
    }

    /// Of what was asked up to the next point at which all is done, nothing more is answered.
    fn fail(&mut self, statements: &mut Statements) -> Fate {
        self.has_failed = true;
        for name in self.prepared.drain(..) {
            statements.forget(&name);
        }
        while let Some(step) = self.steps.front()
            && !matches!(step.asked, Asked::Sync | Asked::Query)
        {
            self.steps.pop_front();
        }
        Fate::Told
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::database::pooler::{message::put, settings::Settings};

    fn messages(kinds: &[(u8, &[u8])]) -> Vec<Message> {
        let mut out = BytesMut::new();
        for (kind, body) in kinds {
            put(&mut out, *kind, &[body]);
        }
        std::iter::from_fn(|| Message::take(&mut out).expect("messages")).collect()
    }

    /// What the client is told of these answers.
    fn told(group: Group, answers: &[(u8, &[u8])], statements: &mut Statements) -> String {
        let mut awaited = Answers::from(group);
        let mut told = String::new();
        for answer in messages(answers) {
            assert!(!awaited.are_whole(), "{told}");
            if awaited.take(&answer, statements).expect("an answer") == Fate::Told {
                told.push(char::from(answer.kind()));
            }
        }
        assert!(awaited.are_whole());
        told
    }

    fn group(sent: &[(u8, &[u8])], outside: bool, statements: &mut Statements) -> Group {
        let mut settings = Settings::default();
        settings.set("jit".to_owned(), "off".to_owned());
        Group::new(&messages(sent), outside, &settings, statements).expect("a group")
    }

    const PREPARED: [(u8, &[u8]); 3] = [
        (b'P', b"one\0SELECT 1\0\0\0"),
        (b'D', b"Sone\0"),
        (b'S', b""),
    ];
    const EXECUTED: [(u8, &[u8]); 3] = [
        (b'B', b"\0one\0\0\0\0\0\0\0"),
        (b'E', b"\0\0\0\0\0"),
        (b'S', b""),
    ];

    #[test]
    fn the_client_is_told_what_it_asked_for() {
        let mut statements = Statements::default();
        let prepared = group(&PREPARED, true, &mut statements);
        let answers: [(u8, &[u8]); 8] = [
            (b'1', b""),
            (b'2', b""),
            (b'D', b"set"),
            (b'C', b"SELECT 1\0"),
            (b'1', b""),
            (b't', b"none"),
            (b'T', b"int4"),
            (b'Z', b"I"),
        ];
        assert_eq!(told(prepared, &answers, &mut statements), "1tTZ");
        let executed = group(&EXECUTED, false, &mut statements);
        let answers: [(u8, &[u8]); 8] = [
            (b'1', b""),
            (b't', b"none"),
            (b'T', b"int4"),
            (b'2', b""),
            (b'S', b"TimeZone\0UTC\0"),
            (b'D', b"one"),
            (b'C', b"SELECT 1\0"),
            (b'Z', b"T"),
        ];
        assert_eq!(told(executed, &answers, &mut statements), "2SDCZ");
        let executed = group(&EXECUTED, false, &mut statements);
        let mut awaited = Answers::from(executed);
        let altered = messages(&[(b'1', b""), (b't', b"none"), (b'T', b"text")]);
        let outcomes: Vec<bool> = altered
            .iter()
            .map(|answer| awaited.take(answer, &mut statements).is_ok())
            .collect();
        assert_eq!(
            outcomes,
            [true, true, false],
            "what it gives would be misread"
        );
    }

    #[test]
    fn after_an_error_nothing_is_awaited_but_the_end() {
        let mut statements = Statements::default();
        let prepared = group(&PREPARED, true, &mut statements);
        let answers: [(u8, &[u8]); 2] = [(b'E', b"no"), (b'Z', b"I")];
        assert_eq!(told(prepared, &answers, &mut statements), "EZ");
        assert!(statements.get(&Bytes::from_static(b"one")).is_err());
    }

    #[test]
    fn a_transaction_that_begins_is_told_of_once() {
        let mut statements = Statements::default();
        let begun = group(&[(b'Q', b"BEGIN\0")], true, &mut statements);
        let answers: [(u8, &[u8]); 7] = [
            (b'C', b"BEGIN\0"),
            (b'Z', b"T"),
            (b'1', b""),
            (b'2', b""),
            (b'D', b"set"),
            (b'C', b"SELECT 1\0"),
            (b'Z', b"T"),
        ];
        assert_eq!(told(begun, &answers, &mut statements), "CZ");
    }
}
