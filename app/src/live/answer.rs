//! What the JSON API answers, read by a part that is loaded when the first answer is there: the
//! first page carries its content otherwise (see [`crate::content`]).

use rowcast_protocol::{
    ApiError, Table,
    json::{Heading, read_event},
    message::{Event, Snapshot},
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::saved_views::SavedView;

/// The text of an answer, or of a refusal.
pub struct Answer(pub Result<String, String>);

impl Answer {
    /// The answer as a value.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, ApiError> {
        parse(&self.text()?)
    }

    fn text(self) -> Result<String, ApiError> {
        #[derive(Deserialize)]
        struct Refusal {
            error: ApiError,
        }
        self.0.map_err(|refusal| {
            parse::<Refusal>(&refusal).map_or_else(|error| error, |refusal| refusal.error)
        })
    }
}

/// What reads the answers that the page itself asks for.
pub struct Answers {
    /// Every table.
    pub tables: fn(Answer) -> Result<Vec<Table>, ApiError>,
    /// One table.
    pub table: fn(Answer) -> Result<Table, ApiError>,
    /// A table's saved views.
    pub views: fn(Answer) -> Result<Vec<SavedView>, ApiError>,
    /// Rows.
    pub rows: fn(Answer) -> Result<Snapshot, ApiError>,
}

impl Answers {
    /// What the part gives.
    pub fn begin() -> Self {
        Self {
            tables,
            table: Answer::read,
            views,
            rows,
        }
    }
}

fn tables(answer: Answer) -> Result<Vec<Table>, ApiError> {
    #[derive(Deserialize)]
    struct Told {
        tables: Vec<Table>,
    }
    answer.read::<Told>().map(|told| told.tables)
}

fn views(answer: Answer) -> Result<Vec<SavedView>, ApiError> {
    #[derive(Deserialize)]
    struct Told {
        views: Vec<SavedView>,
    }
    answer.read::<Told>().map(|told| told.views)
}

fn rows(answer: Answer) -> Result<Snapshot, ApiError> {
    let mut heading = Heading::default();
    match read_event("snapshot", &answer.text()?, &mut heading) {
        Ok(Event::Snapshot(snapshot)) => Ok(snapshot),
        _ => Err(unreadable()),
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, ApiError> {
    serde_json::from_str(text).map_err(|_| unreadable())
}

fn unreadable() -> ApiError {
    ApiError::new(
        "unreadable",
        "The server's answer could not be read.",
        "Load the page again.",
    )
}
