//! What a client sends at a time, up to the point at which it waits, made into what any session of
//! the database understands.

use std::{collections::VecDeque, io};

use bytes::{Buf, Bytes, BytesMut};

use super::{
    message::{Message, broken, put, take_text, take_u16, take_value},
    settings::{Settings, text},
    statement::Statements,
};

/// What the database answers, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What was sent.
    pub asked: Asked,
    /// Whether the client is told; else it was asked by us.
    pub told: bool,
}

/// What was sent to the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To prepare a statement.
    Parse,
    /// To bind values to it.
    Bind,
    /// What the statement of that name is.
    Statement(Bytes),
    /// What a portal gives.
    Portal,
    /// To execute.
    Execute,
    /// To forget a statement or a portal.
    Close,
    /// To say when all is done.
    Sync,
    /// Statements as one text.
    Query,
}

/// A group as it is sent.
#[derive(Debug, Default)]
pub struct Group {
    /// What is sent.
    pub out: BytesMut,
    /// What will be answered, in order.
    pub steps: VecDeque<Step>,
    /// The statements that it prepares.
    pub prepared: Vec<Bytes>,
    /// What the session is to keep set, if all goes well.
    pub kept: Vec<(String, String)>,
}

/// Whether these messages are all up to a point at which the client waits.
pub fn is_whole(messages: &[Message]) -> bool {
    let last = messages.last();
    last.is_some_and(|last| matches!(last.kind(), b'S' | b'Q'))
}

impl Group {
    /// What is sent of a client's messages, `outside` a transaction or within one.
    ///
    /// # Errors
    /// What poolers can't be sent, or is none of the protocol.
    pub fn new(
        messages: &[Message],
        outside: bool,
        settings: &Settings,
        statements: &mut Statements,
    ) -> io::Result<Self> {
        let mut group = Self::default();
        let kind = messages.last().map(Message::kind);
        match (kind, messages.len()) {
            (Some(b'Q'), 1) => group.query(&messages[0], outside, settings)?,
            // Whether the connection is one.
            (Some(b'S'), 1) => group.send(&messages[0], Asked::Sync),
            (Some(b'S'), _) => {
                // All of them up to the end are one transaction, if there is none.
                if outside {
                    group.set(settings);
                }
                let mut is_there = None;
                for message in messages {
                    group.pass(message, statements, &mut is_there)?;
                }
            }
            _ => return Err(broken("a text among messages")),
        }
        Ok(group)
    }

    fn step(&mut self, asked: Asked, told: bool) {
        self.steps.push_back(Step { asked, told });
    }

    fn send(&mut self, message: &Message, asked: Asked) {
        self.out.extend_from_slice(message.bytes());
        self.step(asked, true);
    }

    fn set(&mut self, settings: &Settings) {
        if settings.is_empty() {
            return;
        }
        settings.put(&mut self.out);
        for asked in [Asked::Parse, Asked::Bind, Asked::Execute] {
            self.step(asked, false);
        }
    }

    /// A text. Outside a transaction it is one that begins or ends one: for no other could anything
    /// be set.
    fn query(&mut self, message: &Message, outside: bool, settings: &Settings) -> io::Result<()> {
        if !outside {
            self.send(message, Asked::Query);
            return Ok(());
        }
        let body = message.body();
        let sql = body.strip_suffix(b"\0").unwrap_or(&body);
        let word = sql.split(|byte| !byte.is_ascii_alphabetic()).next();
        let word = word.unwrap_or_default().to_ascii_uppercase();
        match word.as_slice() {
            b"BEGIN" if !sql.contains(&b';') => {
                self.send(message, Asked::Query);
                if !settings.is_empty() {
                    // What is told of its end is what is told of that of the settings.
                    self.set(settings);
                    put(&mut self.out, b'S', &[]);
                    self.step(Asked::Sync, true);
                }
                Ok(())
            }
            b"ROLLBACK" | b"COMMIT" | b"" if !sql.contains(&b';') => {
                self.send(message, Asked::Query);
                Ok(())
            }
            _ => Err(broken("a text outside a transaction")),
        }
    }

    /// `is_there`: which statement is prepared without a name by what was sent so far.
    fn pass(
        &mut self,
        message: &Message,
        statements: &mut Statements,
        is_there: &mut Option<Bytes>,
    ) -> io::Result<()> {
        let mut body = message.body();
        match message.kind() {
            b'P' => {
                let name = statements.prepare(message)?;
                statements.get(&name)?.put(&mut self.out);
                self.step(Asked::Parse, true);
                self.prepared.push(name.clone());
                *is_there = Some(name);
            }
            b'D' if body.first() == Some(&b'S') => {
                body.advance(1);
                let name = take_text(&mut body)?;
                self.bring(&name, statements, is_there)?;
                put(&mut self.out, b'D', &[b"S\0"]);
                self.step(Asked::Statement(name), true);
            }
            b'D' => self.send(message, Asked::Portal),
            b'B' => {
                let portal = take_text(&mut body)?;
                let name = take_text(&mut body)?;
                self.bring(&name, statements, is_there)?;
                if statements.get(&name)?.keeps {
                    self.kept.push(kept(body.clone())?);
                }
                put(&mut self.out, b'B', &[&portal, b"\0\0", &body]);
                self.step(Asked::Bind, true);
            }
            b'C' if body.first() == Some(&b'S') => {
                body.advance(1);
                let name = take_text(&mut body)?;
                statements.forget(&name);
                put(&mut self.out, b'C', &[b"S\0"]);
                self.step(Asked::Close, true);
                *is_there = None;
            }
            b'C' => self.send(message, Asked::Close),
            b'E' => self.send(message, Asked::Execute),
            b'S' => self.send(message, Asked::Sync),
            b'H' => self.out.extend_from_slice(message.bytes()),
            _ => return Err(broken("a message that no pooler is sent")),
        }
        Ok(())
    }

    /// Has a statement be prepared where it has not just been, and be what it was.
    fn bring(
        &mut self,
        name: &Bytes,
        statements: &Statements,
        is_there: &mut Option<Bytes>,
    ) -> io::Result<()> {
        if is_there.as_ref() == Some(name) {
            return Ok(());
        }
        statements.get(name)?.put(&mut self.out);
        self.step(Asked::Parse, false);
        put(&mut self.out, b'D', &[b"S\0"]);
        self.step(Asked::Statement(name.clone()), false);
        *is_there = Some(name.clone());
        Ok(())
    }
}

/// The name and the value that are bound, as text, to what keeps a setting.
fn kept(mut bound: Bytes) -> io::Result<(String, String)> {
    for _ in 0..take_u16(&mut bound)? {
        take_u16(&mut bound)?;
    }
    if take_u16(&mut bound)? != 2 {
        return Err(broken("a setting without a value"));
    }
    let mut next = || {
        let value = take_value(&mut bound)?;
        text(value.ok_or_else(|| broken("a setting without a value"))?)
    };
    Ok((next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::pool::KEEP_SETTING;

    fn message(kind: u8, parts: &[&[u8]]) -> Message {
        let mut out = BytesMut::new();
        put(&mut out, kind, parts);
        Message::take(&mut out)
            .expect("a message")
            .expect("a whole one")
    }

    fn parse(name: &str, sql: &str) -> Message {
        message(b'P', &[name.as_bytes(), b"\0", sql.as_bytes(), b"\0\0\0"])
    }

    fn bind(name: &str, values: &[u8]) -> Message {
        message(b'B', &[b"\0", name.as_bytes(), b"\0", values])
    }

    fn sync() -> Message {
        message(b'S', &[])
    }

    fn execute() -> Message {
        message(b'E', &[b"\0\0\0\0\0"])
    }

    fn settings() -> Settings {
        let mut settings = Settings::default();
        settings.set("jit".to_owned(), "off".to_owned());
        settings
    }

    fn kinds(mut sent: BytesMut) -> String {
        let mut kinds = String::new();
        while let Some(message) = Message::take(&mut sent).expect("a message") {
            kinds.push(char::from(message.kind()));
        }
        kinds
    }

    fn told(group: &Group) -> Vec<bool> {
        group.steps.iter().map(|step| step.told).collect()
    }

    #[test]
    fn what_stands_alone_is_one_group_with_its_settings_and_its_statement() {
        let mut statements = Statements::default();
        let describe = message(b'D', &[b"Sone\0"]);
        let prepared = [parse("one", "SELECT 1"), describe, sync()];
        let group = Group::new(&prepared, true, &settings(), &mut statements).expect("a group");
        assert_eq!(told(&group), [false, false, false, true, true, true]);
        assert_eq!(kinds(group.out), "PBEPDS");
        let executed = [bind("one", b"\0\0\0\0\0\0"), execute(), sync()];
        let group = Group::new(&executed, true, &settings(), &mut statements).expect("a group");
        assert_eq!(
            told(&group),
            [false, false, false, false, false, true, true, true]
        );
        assert!(
            !group.out.windows(3).any(|bytes| bytes == b"one"),
            "no name is sent"
        );
        assert_eq!(kinds(group.out), "PBEPDBES");
        let group = Group::new(&executed, false, &settings(), &mut statements).expect("a group");
        assert_eq!(kinds(group.out), "PDBES");
    }

    #[test]
    fn a_transaction_begins_with_its_settings() {
        let begin = [message(b'Q', &[b"BEGIN READ ONLY\0"])];
        let mut statements = Statements::default();
        let group = Group::new(&begin, true, &settings(), &mut statements).expect("a group");
        assert_eq!(kinds(group.out), "QPBES");
    }

    #[test]
    fn a_text_that_nothing_could_be_set_for_is_refused() {
        for sql in ["SELECT 1\0", "BEGIN; SELECT 1; COMMIT\0", "SET x = 1\0"] {
            let text = [message(b'Q', &[sql.as_bytes()])];
            let mut statements = Statements::default();
            let refused = Group::new(&text, true, &settings(), &mut statements);
            assert!(refused.is_err(), "{sql}");
            assert!(Group::new(&text, false, &settings(), &mut statements).is_ok());
        }
    }

    #[test]
    fn what_a_session_keeps_is_set_locally() {
        let mut statements = Statements::default();
        let values = b"\0\x01\0\x01\0\x02\0\0\0\x01a\0\0\0\x02bc\0\x01\0\x01";
        let sent = [parse("", KEEP_SETTING), bind("", values), execute(), sync()];
        let group = Group::new(&sent, false, &settings(), &mut statements).expect("a group");
        assert_eq!(group.kept, [("a".to_owned(), "bc".to_owned())]);
        let local = group.out.windows(6).any(|bytes| bytes == b", true");
        assert!(local, "no session of the database keeps it");
    }

    #[test]
    fn a_statement_that_is_not_known_is_refused() {
        let sent = [bind("two", b"\0\0\0\0\0\0"), execute(), sync()];
        let mut statements = Statements::default();
        assert!(Group::new(&sent, true, &settings(), &mut statements).is_err());
    }
}
