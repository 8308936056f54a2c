//! The statements that a client has prepared, which no session of the database keeps for it.

use std::{collections::HashMap, io};

use bytes::{Bytes, BytesMut};

use super::message::{Message, broken, put, take_text};
use crate::database::pool::KEEP_SETTING;

/// The same for one transaction alone.
const SET_LOCALLY: &[u8] = b"SELECT pg_catalog.set_config($1, $2, true)";

/// A statement that was prepared.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Its text.
    sql: Bytes,
    /// Its parameters' types, as they were sent.
    types: Bytes,
    /// What the database says of its parameters and of what it gives, once it was asked.
    shape: Vec<Message>,
    /// Whether it sets what the session is to keep.
    pub keeps: bool,
}

/// Those of one client, by their names.
#[derive(Debug, Default)]
pub struct Statements(HashMap<Bytes, Statement>);

impl Statements {
    /// Knows a statement by the message that prepares it, and tells its name.
    ///
    /// # Errors
    /// Where the message is none.
    pub fn prepare(&mut self, message: &Message) -> io::Result<Bytes> {
        let mut body = message.body();
        let name = take_text(&mut body)?;
        let mut sql = take_text(&mut body)?;
        let keeps = sql == KEEP_SETTING.as_bytes();
        if keeps {
            sql = Bytes::from_static(SET_LOCALLY);
        }
        // Copies, for each is a piece of all that was read at once.
        let statement = Statement {
            sql: Bytes::copy_from_slice(&sql),
            types: Bytes::copy_from_slice(&body),
            shape: Vec::new(),
            keeps,
        };
        self.0.insert(Bytes::copy_from_slice(&name), statement);
        Ok(name)
    }

    /// The one of that name.
    ///
    /// # Errors
    /// Where there is none.
    pub fn get(&self, name: &Bytes) -> io::Result<&Statement> {
        let found = self.0.get(name);
        found.ok_or_else(|| broken("a statement that was not prepared"))
    }

    /// There is no such one any more.
    pub fn forget(&mut self, name: &Bytes) {
        self.0.remove(name);
    }

    /// The database has said this of a statement when it was prepared.
    pub fn describe(&mut self, name: &Bytes, shape: &[Message]) {
        if let Some(statement) = self.0.get_mut(name) {
            statement.shape = shape.iter().map(Message::kept).collect();
        }
    }

    /// Whether a statement is still what its client was told that it is.
    pub fn is_as_told(&self, name: &Bytes, shape: &[Message]) -> bool {
        let told = self.0.get(name);
        told.is_some_and(|told| told.shape.is_empty() || told.shape == shape)
    }
}

impl Statement {
    /// Writes what prepares it without a name.
    pub fn put(&self, out: &mut BytesMut) {
        put(out, b'P', &[b"\0", &self.sql, b"\0", &self.types]);
    }
}
