//! What stands in the stream.

use rowcast_protocol::PgSnapshot;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::signature::Key;
use crate::capture::{ChangeKind, LogRow, Read};

/// The form of what stands in the stream. Who does not know it reads the log by themselves. Of the
/// first one nothing was signed.
pub const FORM: u32 = 2;

/// The most bytes that are written at once; what is larger comes in pieces.
pub const PIECE: usize = 512 << 10;

/// The most pieces of an entry. A read that is larger is left out.
pub const MOST_PIECES: u32 = 64;

/// What whoever leads tells.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A read of the log.
    Told(Told),
    /// That it leads no more.
    Ended,
    /// The same, and that somebody is to lead who does nothing else.
    GivenWay,
}

/// A read of the log, for others.
#[derive(Clone, Debug)]
pub struct Told {
    /// What was read, without what definitions changed.
    pub read: Read,
    /// A hash of all definitions, as they were after it.
    pub definitions: u64,
}

/// Why something in the stream can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is of a form that is not known here.
    #[error("its form is another")]
    Form,
    /// It is of no form.
    #[error("it is damaged")]
    Damaged,
    /// No server of this database's history has written it.
    #[error("its signature is not right")]
    Unsigned,
}

#[derive(Serialize, Deserialize)]
enum Written {
    Told {
        from: String,
        to: String,
        clock: i64,
        overflow: Vec<u32>,
        definitions: u64,
        rows: Vec<Row>,
    },
    Ended,
    GivenWay,
}

#[derive(Serialize, Deserialize)]
struct Row {
    xid: u64,
    at: i64,
    relation: u32,
    kind: Kind,
    layout: i32,
    old: Images,
    new: Images,
}

#[derive(Serialize, Deserialize)]
enum Kind {
    Images,
    Keys,
    Truncate,
    Unknown,
    Definition,
}

/// Bytes that are written as they are, not one by one.
struct Images(Vec<u8>);

impl Serialize for Images {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Images {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes: &[u8] = Deserialize::deserialize(deserializer)?;
        Ok(Self(bytes.to_vec()))
    }
}

impl Entry {
    /// Writes it down for a history, and signs it.
    pub fn encode(self, epoch: u64, key: &Key) -> Vec<u8> {
        let written = match self {
            Self::Ended => Written::Ended,
            Self::GivenWay => Written::GivenWay,
            Self::Told(Told { read, definitions }) => Written::Told {
                from: read.from.to_string(),
                to: read.to.to_string(),
                clock: read.clock,
                overflow: read.overflow,
                definitions,
                rows: read.rows.into_iter().map(Row::of).collect(),
            },
        };
        // Nothing in it can fail to be written, and memory is all that there is to run out.
        key.sign(epoch, postcard::to_allocvec(&written).unwrap_or_default())
    }

    /// Reads what was written down for a history.
    ///
    /// # Errors
    /// If it can't be, or is not signed.
    pub fn decode(bytes: &[u8], epoch: u64, key: &Key) -> Result<Self, Unreadable> {
        let bytes = key.signed(epoch, bytes).ok_or(Unreadable::Unsigned)?;
        let written = postcard::from_bytes(bytes).map_err(|_| Unreadable::Damaged)?;
        let (from, to, clock, overflow, definitions, rows) = match written {
            Written::Ended => return Ok(Self::Ended),
            Written::GivenWay => return Ok(Self::GivenWay),
            Written::Told {
                from,
                to,
                clock,
                overflow,
                definitions,
                rows,
            } => (from, to, clock, overflow, definitions, rows),
        };
        let version = |text: String| text.parse::<PgSnapshot>().map_err(|_| Unreadable::Damaged);
        Ok(Self::Told(Told {
            read: Read {
                from: version(from)?,
                to: version(to)?,
                rows: rows.into_iter().map(Row::read).collect(),
                overflow,
                changed_schemas: Vec::new(),
                is_purged: false,
                source: Default::default(),
                clock,
                cause: Default::default(),
            },
            definitions,
        }))
    }
}

impl Row {
    fn of(row: LogRow) -> Self {
        Self {
            xid: row.xid,
            at: row.at,
            relation: row.relation,
            kind: match row.kind {
                ChangeKind::Images => Kind::Images,
                ChangeKind::Keys => Kind::Keys,
                ChangeKind::Truncate => Kind::Truncate,
                ChangeKind::Unknown => Kind::Unknown,
                ChangeKind::Definition => Kind::Definition,
            },
            layout: row.layout,
            old: Images(row.old),
            new: Images(row.new),
        }
    }

    fn read(self) -> LogRow {
        LogRow {
            xid: self.xid,
            at: self.at,
            relation: self.relation,
            kind: match self.kind {
                Kind::Images => ChangeKind::Images,
                Kind::Keys => ChangeKind::Keys,
                Kind::Truncate => ChangeKind::Truncate,
                Kind::Unknown => ChangeKind::Unknown,
                Kind::Definition => ChangeKind::Definition,
            },
            layout: self.layout,
            old: self.old.0,
            new: self.new.0,
        }
    }
}

/// A piece of an entry, as it stands in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The form.
    pub form: u32,
    /// Who wrote it.
    pub writer: u64,
    /// Which of their entries it is of.
    pub number: u64,
    /// Which piece of that it is.
    pub at: u32,
    /// How many there are.
    pub of: u32,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// Puts entries of a history together that come in pieces.
#[derive(Debug)]
pub struct Pieces {
    epoch: u64,
    key: Key,
    writer: u64,
    number: u64,
    next: u32,
    bytes: Vec<u8>,
}

impl Pieces {
    /// Of a history, by the key of whose servers they are signed.
    pub fn new(epoch: u64, key: Key) -> Self {
        Self {
            epoch,
            key,
            writer: 0,
            number: 0,
            next: 0,
            bytes: Vec::new(),
        }
    }

    /// Takes the next piece; an entry once it is whole. Pieces whose entry can't become whole,
    /// because one is missing or somebody else wrote between, are dropped: what they held is
    /// a gap.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn take(&mut self, piece: Piece) -> Result<Option<Entry>, Unreadable> {
        if piece.form != FORM {
            return Err(Unreadable::Form);
        }
        if piece.of > MOST_PIECES || piece.bytes.len() > PIECE {
            return Err(Unreadable::Damaged);
        }
        if piece.at == 0 {
            self.bytes.clear();
            (self.writer, self.number, self.next) = (piece.writer, piece.number, 0);
        }
        if (self.writer, self.number, self.next) != (piece.writer, piece.number, piece.at) {
            self.bytes = Vec::new();
            self.next = u32::MAX;
            return Ok(None);
        }
        self.next += 1;
        if piece.of == 1 {
            return Entry::decode(&piece.bytes, self.epoch, &self.key).map(Some);
        }
        self.bytes.extend_from_slice(&piece.bytes);
        if self.next < piece.of {
            return Ok(None);
        }
        Entry::decode(&std::mem::take(&mut self.bytes), self.epoch, &self.key).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: usize) -> Entry {
        let version = |text: &str| text.parse().expect("a version");
        let kinds = [
            ChangeKind::Images,
            ChangeKind::Keys,
            ChangeKind::Truncate,
            ChangeKind::Unknown,
            ChangeKind::Definition,
        ];
        let row = |kind| LogRow {
            xid: 7,
            at: -1,
            relation: 16_400,
            kind,
            layout: i32::MIN,
            old: Vec::new(),
            new: vec![0xff; bytes],
        };
        Entry::Told(Told {
            read: Read {
                from: version("5:7:5"),
                to: version("8:8:"),
                rows: kinds.map(row).into(),
                overflow: vec![1, 2],
                changed_schemas: Vec::new(),
                is_purged: false,
                source: Default::default(),
                clock: 1_700_000_000_000_000,
                cause: Default::default(),
            },
            definitions: 42,
        })
    }

    fn pieces() -> Pieces {
        Pieces::new(7, Key::new(b"key"))
    }

    fn cut(entry: Entry, number: u64, size: usize) -> Vec<Piece> {
        let bytes = entry.encode(7, &Key::new(b"key"));
        let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
        let of = pieces.len() as u32;
        let piece = |(at, bytes): (usize, &&[u8])| Piece {
            form: FORM,
            writer: 1,
            number,
            at: at as u32,
            of,
            bytes: bytes.to_vec(),
        };
        pieces.iter().enumerate().map(piece).collect()
    }

    fn take_all(pieces: &mut Pieces, taken: Vec<Piece>) -> Vec<Entry> {
        let taken = taken.into_iter();
        taken
            .filter_map(|piece| pieces.take(piece).expect("readable"))
            .collect()
    }

    #[test]
    fn what_is_written_is_read_in_one_piece_and_in_many() {
        for size in [PIECE, 100, 50] {
            let entries = take_all(&mut pieces(), cut(told(500), 3, size));
            let [Entry::Told(read)] = entries.as_slice() else {
                panic!("{entries:?}");
            };
            let Entry::Told(written) = told(500) else {
                panic!("told");
            };
            assert_eq!(format!("{read:?}"), format!("{written:?}"));
        }
    }

    #[test]
    fn what_lacks_a_piece_or_has_one_of_somebody_else_between_is_dropped_and_the_next_is_read() {
        let whole = cut(told(500), 3, 100);
        for at in 0..whole.len() {
            let mut lacking = whole.clone();
            lacking.remove(at);
            lacking.extend(cut(told(1), 4, 100));
            assert_eq!(take_all(&mut pieces(), lacking).len(), 1, "{at}");
            let mut between = whole.clone();
            let other = cut(told(1), 9, PIECE).remove(0);
            between.insert(at, Piece { writer: 2, ..other });
            between.extend(cut(told(1), 4, 100));
            let count = 2 + usize::from(at == 0);
            assert_eq!(take_all(&mut pieces(), between).len(), count, "{at}");
        }
    }

    #[test]
    fn another_form_and_damage_are_told_and_never_taken_for_an_entry() {
        let piece = cut(told(1), 0, PIECE).remove(0);
        let form = Piece {
            form: FORM + 1,
            ..piece.clone()
        };
        let is = |piece: Piece| pieces().take(piece).map(|_| ());
        assert_eq!(is(form), Err(Unreadable::Form));
        for damaged in [Vec::new(), piece.bytes[..20].to_vec(), vec![0xff; 64]] {
            let damaged = Piece {
                bytes: damaged,
                ..piece.clone()
            };
            assert_eq!(is(damaged), Err(Unreadable::Unsigned));
        }
        let signed = Piece {
            bytes: Key::new(b"key").sign(7, vec![0xff; 64]),
            ..piece.clone()
        };
        assert_eq!(is(signed), Err(Unreadable::Damaged));
        for (epoch, secret) in [(8, b"key"), (7, b"yek")] {
            let mut others = Pieces::new(epoch, Key::new(secret));
            let taken = others.take(piece.clone()).map(|_| ());
            assert_eq!(taken, Err(Unreadable::Unsigned));
        }
    }
}
