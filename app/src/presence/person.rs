//! Somebody else who looks at the table.

use rowcast_protocol::{Cell, RowKey, message::Row};

use crate::grid::CellPlace;

/// What is asked for of everybody, in this order.
#[cfg(feature = "hydrate")]
pub const COLUMNS: &str = "session,name,row_key,column_name,is_editing";

/// How many colours there are.
const COLOURS: u32 = 7;

/// Somebody, on one of their pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Names the page.
    pub session: String,
    /// What they call themselves; empty if they have not said.
    pub name: String,
    /// The row they are in.
    pub row: Option<RowKey>,
    /// The column of the cell they are in.
    pub column: Option<String>,
    /// Whether they are changing that cell's value.
    pub editing: bool,
}

impl Person {
    /// What a row of `rowcast.presence` says, with the columns that are asked for.
    pub fn read(row: &Row) -> Option<Self> {
        let [session, name, key, column, editing] = &row.cells[..] else {
            return None;
        };
        let text = |cell: &Cell| match cell {
            Cell::Text(text) => Some(text.to_string()),
            _ => None,
        };
        Some(Self {
            session: text(session)?,
            name: undirected(&text(name)?),
            row: text(key).and_then(|key| serde_json::from_str(&key).ok()),
            column: text(column),
            editing: *editing == Cell::Bool(true),
        })
    }

    /// What they are called here.
    pub fn called(&self) -> &str {
        if self.name.is_empty() {
            "Someone"
        } else {
            &self.name
        }
    }

    /// The number of their colour, from 1. It is the page's, so that two who are called the same
    /// are told apart.
    pub fn colour(&self) -> u32 {
        let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        self.session.bytes().fold(0x811c_9dc5, mix) % COLOURS + 1
    }

    /// The cell they are in.
    pub fn place(&self) -> Option<CellPlace> {
        Some(CellPlace {
            row: self.row.clone()?,
            column: self.column.clone()?,
        })
    }

    /// Where they are, in words; empty if they are nowhere in particular.
    pub fn whereabouts(&self) -> String {
        let Some(row) = &self.row else {
            return String::new();
        };
        let key: Vec<String> = row.0.iter().map(plain).collect();
        let key = key.join(",");
        match (&self.column, self.editing) {
            (Some(column), true) => format!("editing {column} in row {key}"),
            (Some(column), false) => format!("at {column} in row {key}"),
            (None, _) => format!("in row {key}"),
        }
    }
}

fn plain(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.to_string(),
        other => other.to_json(),
    }
}

/// A name without the marks that turn the direction of what follows, for others' names follow.
fn undirected(name: &str) -> String {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    name.chars().filter(|c| !turns(*c)).collect()
}

/// How many are named, for it is read aloud.
const NAMED: usize = 5;

/// Who is there, in words: `3 others are here: Ann, Bob and Someone`.
pub fn who(people: &[Person]) -> String {
    let names: Vec<&str> = people.iter().map(Person::called).collect();
    match &names[..] {
        several if several.len() > NAMED => {
            let (named, more) = several.split_at(NAMED - 1);
            let (all, more) = (several.len(), more.len());
            format!(
                "{all} others are here: {} and {more} more",
                named.join(", ")
            )
        }
        [] => "Nobody else is here".to_owned(),
        [name] => format!("{name} is here"),
        [others @ .., last] => format!(
            "{} others are here: {} and {last}",
            names.len(),
            others.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: [Cell; 5]) -> Row {
        Row {
            key: RowKey::new([Cell::text("s")]),
            cells: cells.into(),
        }
    }

    #[test]
    fn a_row_says_who_is_where() {
        let ann = row([
            Cell::text("s"),
            Cell::text("Ann"),
            Cell::text("[12345678901234567890,\"a\\\"b\"]"),
            Cell::text("title"),
            Cell::Bool(true),
        ]);
        let ann = Person::read(&ann).expect("a person");
        let place = ann.place().expect("a place");
        assert_eq!(
            place.row,
            RowKey::new([
                Cell::Number("12345678901234567890".into()),
                Cell::text("a\"b")
            ])
        );
        assert_eq!(
            ann.whereabouts(),
            "editing title in row 12345678901234567890,a\"b"
        );
        assert!((1..=COLOURS).contains(&ann.colour()));
        let nobody = row([
            Cell::text("t"),
            Cell::text(""),
            Cell::Null,
            Cell::Null,
            Cell::Bool(false),
        ]);
        let nobody = Person::read(&nobody).expect("a person");
        assert_eq!((nobody.called(), nobody.place()), ("Someone", None));
        assert_eq!(nobody.whereabouts(), "");
        assert_eq!(who(&[]), "Nobody else is here");
        assert_eq!(who(std::slice::from_ref(&ann)), "Ann is here");
        assert_eq!(
            who(&[ann.clone(), ann.clone(), nobody]),
            "3 others are here: Ann, Ann and Someone"
        );
        assert_eq!(
            who(&vec![ann; 50]),
            "50 others are here: Ann, Ann, Ann, Ann and 46 more"
        );
    }

    #[test]
    fn a_name_does_not_turn_those_behind_it() {
        let turned = row([
            Cell::text("t"),
            Cell::text("\u{202e}Eve\u{2067} עדי"),
            Cell::Null,
            Cell::Null,
            Cell::Bool(false),
        ]);
        let person = Person::read(&turned).expect("a person");
        assert_eq!(person.called(), "Eve עדי");
    }
}
