//! One notification, as its reader sees it.

#[cfg(feature = "hydrate")]
use rowcast_protocol::{Cell, message::Row};

use crate::address::decode;

/// The columns that it is made of, in this order.
#[cfg(feature = "hydrate")]
pub const COLUMNS: &str = "id,title,body,link,sender,at,read_at";

/// A notification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Names it.
    pub id: i64,
    /// What.
    pub title: String,
    /// More of it.
    pub body: String,
    /// Where it leads; empty: nowhere.
    pub link: String,
    /// Who said it.
    pub sender: String,
    /// When, as the interface writes it.
    pub at: String,
    /// Whether it was read.
    pub is_read: bool,
}

impl Told {
    /// What a row of [`COLUMNS`] says.
    #[cfg(feature = "hydrate")]
    pub fn read(row: &Row) -> Option<Self> {
        let [id, title, body, link, sender, at, read_at] = &row.cells[..] else {
            return None;
        };
        let text = |cell: &Cell| match cell {
            Cell::Text(text) | Cell::Number(text) => Some(text.to_string()),
            _ => None,
        };
        Some(Self {
            id: text(id)?.parse().ok()?,
            title: text(title)?,
            body: text(body)?,
            link: text(link)?,
            sender: text(sender)?,
            at: text(at)?,
            is_read: *read_at != Cell::Null,
        })
    }

    /// Where it leads, in words: a table's name, another server's, else the path.
    pub fn place(&self) -> String {
        let to_end = |text: &str| text.split(['/', '?', '#']).next().map(decode);
        let link = self.link.as_str();
        let place = match (link.strip_prefix("/tables/"), link.strip_prefix("https://")) {
            (Some(table), _) => to_end(table),
            (_, Some(host)) => to_end(host),
            _ => Some(link.to_owned()),
        };
        place.unwrap_or_default()
    }

    /// Whether it leads to another server.
    pub fn leads_away(&self) -> bool {
        self.link.starts_with("https://")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_table_or_a_server() {
        for (link, place) in [
            ("/tables/shop.orders?id=eq.7", "shop.orders"),
            ("/tables/Gr%C3%B6%C3%9Fen", "Größen"),
            ("https://example.com:8443/a?b", "example.com:8443"),
            ("/users", "/users"),
            ("", ""),
        ] {
            let told = Told {
                link: link.to_owned(),
                ..Told::default()
            };
            assert_eq!(told.place(), place, "{link}");
        }
    }
}
