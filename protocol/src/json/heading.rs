//! What the positions in a subscription's patches stand for.

use crate::{Column, message::Snapshot};

/// The names that the public interface writes where [`message`](crate::message) has positions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heading {
    /// The list's columns.
    pub columns: Vec<Column>,
    /// The names of the query's aggregates.
    pub aggregates: Vec<String>,
}

impl Heading {
    /// The heading of a snapshot and of the patches that follow it.
    pub fn of(snapshot: &Snapshot) -> Self {
        let aggregates = snapshot.aggregates.iter();
        Self {
            columns: snapshot.columns.clone(),
            aggregates: aggregates.map(|of| of.name.clone()).collect(),
        }
    }
}
