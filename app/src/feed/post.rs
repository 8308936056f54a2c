//! One post, as its reader sees it.

#[cfg(feature = "hydrate")]
use rowcast_protocol::{Cell, message::Row};

/// The columns that it is made of, in this order.
#[cfg(feature = "hydrate")]
pub const COLUMNS: &str = "id,author,author_name,body,reply_to,reactions,at,edited_at,deleted_at";

/// A post.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Post {
    /// Names it.
    pub id: i64,
    /// The channel's name.
    pub channel: String,
    /// Who wrote it; `None`: a program.
    pub author: Option<i64>,
    /// What they were called.
    pub author_name: String,
    /// In Markdown.
    pub body: String,
    /// What it answers.
    pub answers: Option<Answered>,
    /// Its reactions.
    pub reactions: Vec<Reaction>,
    /// When it was written, as the interface writes it.
    pub at: String,
    /// Whether it says something else than at first.
    pub is_edited: bool,
    /// Whether it is gone; its place stays.
    pub is_deleted: bool,
}

/// The post that another answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// Names it.
    pub id: i64,
    /// Who wrote it; empty: that is not known here.
    pub author_name: String,
    /// How it begins.
    pub body: String,
}

/// A reaction, and who reacted so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// Which.
    pub emoji: String,
    /// How many did.
    pub count: u64,
    /// Some of them.
    pub names: String,
}

impl Reaction {
    /// What a post's column says of them.
    pub fn read_all(text: &str) -> Vec<Self> {
        let read = |line: &str| {
            let mut parts = line.split('\t');
            Some(Self {
                emoji: parts.next()?.to_owned(),
                count: parts.next()?.parse().ok()?,
                names: parts.next().unwrap_or_default().to_owned(),
            })
        };
        text.lines().filter_map(read).collect()
    }
}

impl Post {
    /// What a row of [`COLUMNS`] says.
    #[cfg(feature = "hydrate")]
    pub fn read(row: &Row, channel: &str) -> Option<Self> {
        let [
            id,
            author,
            author_name,
            body,
            reply_to,
            reactions,
            at,
            edited_at,
            deleted_at,
        ] = &row.cells[..]
        else {
            return None;
        };
        Some(Self {
            id: text(id)?.parse().ok()?,
            channel: channel.to_owned(),
            author: text(author).and_then(|author| author.parse().ok()),
            author_name: text(author_name)?,
            body: text(body)?,
            answers: text(reply_to)
                .and_then(|id| id.parse().ok())
                .map(|id| Answered {
                    id,
                    ..Answered::default()
                }),
            reactions: Reaction::read_all(&text(reactions)?),
            at: text(at)?,
            is_edited: *edited_at != Cell::Null,
            is_deleted: *deleted_at != Cell::Null,
        })
    }
}

/// What a cell holds, as text.
#[cfg(feature = "hydrate")]
pub fn text(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Text(text) | Cell::Number(text) => Some(text.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reactions_are_lines() {
        let read = Reaction::read_all("👍\t2\tann, bob\n🎉\t1\teve");
        assert_eq!((read[0].emoji.as_str(), read[0].count), ("👍", 2));
        assert_eq!(read[1].names, "eve");
        assert!(Reaction::read_all("").is_empty());
    }
}
