//! What PostgreSQL's output plugin `pgoutput` says of rows, in version 1 of its protocol.

/// A message that tells of rows.
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    /// Of which columns the rows of a relation are from now on.
    Relation(Relation),
    /// A row as it was, if it was there and that is told, and as it became, if it is still there.
    Row {
        relation: u32,
        is_new: bool,
        old: Option<Old>,
        new: Option<Vec<Value>>,
    },
    /// Relations that were emptied.
    Truncate(Vec<u32>),
    /// What is not about rows.
    Other,
}

/// A relation, as its rows are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    pub oid: u32,
    pub columns: Vec<Column>,
}

/// A column of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Whether it is told of the old row wherever its value changed.
    pub is_identity: bool,
    pub name: Vec<u8>,
    pub type_oid: u32,
    pub typmod: i32,
}

/// A row as it was.
#[derive(Debug, PartialEq, Eq)]
pub struct Old {
    /// Whether it has all columns, or those alone of its identity.
    pub is_whole: bool,
    pub values: Vec<Value>,
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Null,
    /// It is stored elsewhere and as it was.
    Unchanged,
    /// As its type sends it.
    Binary(Vec<u8>),
    /// As its type writes it: the type sends nothing.
    Text,
}

/// Bytes that are none of its messages.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the write-ahead log is told in a form that is not known")]
pub struct Malformed;

/// Reads one message.
///
/// # Errors
/// If it ends before it is complete, or holds what the protocol does not have.
pub fn parse(mut bytes: &[u8]) -> Result<Message, Malformed> {
    let bytes = &mut bytes;
    Ok(match byte(bytes)? {
        b'R' => Message::Relation(relation(bytes)?),
        b'I' => {
            let relation = number(bytes)?;
            expect(bytes, b'N')?;
            Message::Row {
                relation,
                is_new: true,
                old: None,
                new: Some(tuple(bytes)?),
            }
        }
        b'U' => {
            let relation = number(bytes)?;
            let old = old(bytes)?;
            expect(bytes, b'N')?;
            Message::Row {
                relation,
                is_new: false,
                old,
                new: Some(tuple(bytes)?),
            }
        }
        b'D' => Message::Row {
            relation: number(bytes)?,
            is_new: false,
            old: Some(old(bytes)?.ok_or(Malformed)?),
            new: None,
        },
        b'T' => {
            let count = number(bytes)?;
            let _options = byte(bytes)?;
            let relations = (0..count).map(|_| number(bytes));
            Message::Truncate(relations.collect::<Result<_, _>>()?)
        }
        _ => Message::Other,
    })
}

fn relation(bytes: &mut &[u8]) -> Result<Relation, Malformed> {
    let oid = number(bytes)?;
    let _schema = text(bytes)?;
    let _name = text(bytes)?;
    let _identity = byte(bytes)?;
    let columns = (0..count(bytes)?).map(|_| {
        Ok(Column {
            is_identity: byte(bytes)? & 1 != 0,
            name: text(bytes)?,
            type_oid: number(bytes)?,
            typmod: number(bytes)?.cast_signed(),
        })
    });
    Ok(Relation {
        oid,
        columns: columns.collect::<Result<_, _>>()?,
    })
}

/// The old row, if one is told.
fn old(bytes: &mut &[u8]) -> Result<Option<Old>, Malformed> {
    let is_whole = match bytes.first() {
        Some(b'O') => true,
        Some(b'K') => false,
        _ => return Ok(None),
    };
    byte(bytes)?;
    Ok(Some(Old {
        is_whole,
        values: tuple(bytes)?,
    }))
}

fn tuple(bytes: &mut &[u8]) -> Result<Vec<Value>, Malformed> {
    let values = (0..count(bytes)?).map(|_| {
        Ok(match byte(bytes)? {
            b'n' => Value::Null,
            b'u' => Value::Unchanged,
            b'b' => Value::Binary(sized(bytes)?.to_vec()),
            b't' => {
                sized(bytes)?;
                Value::Text
            }
            _ => return Err(Malformed),
        })
    });
    values.collect()
}

fn sized<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], Malformed> {
    let length = usize::try_from(number(bytes)?).map_err(|_| Malformed)?;
    take(bytes, length)
}

fn text(bytes: &mut &[u8]) -> Result<Vec<u8>, Malformed> {
    let end = bytes.iter().position(|byte| *byte == 0).ok_or(Malformed)?;
    let text = take(bytes, end)?.to_vec();
    byte(bytes)?;
    Ok(text)
}

fn expect(bytes: &mut &[u8], expected: u8) -> Result<(), Malformed> {
    (byte(bytes)? == expected).then_some(()).ok_or(Malformed)
}

fn byte(bytes: &mut &[u8]) -> Result<u8, Malformed> {
    Ok(take(bytes, 1)?[0])
}

fn count(bytes: &mut &[u8]) -> Result<u16, Malformed> {
    let found = take(bytes, 2)?;
    Ok(u16::from_be_bytes([found[0], found[1]]))
}

fn number(bytes: &mut &[u8]) -> Result<u32, Malformed> {
    let found = take(bytes, 4)?;
    Ok(u32::from_be_bytes([found[0], found[1], found[2], found[3]]))
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], Malformed> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(Malformed)?;
    *bytes = rest;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_before_it_is_complete_is_refused_and_never_more_is_read_than_there_is() {
        let update = [
            &b"U\0\0\0\x07K\0\x02b\0\0\0\x01an"[..],
            &b"N\0\x02b\0\0\0\x01bu"[..],
        ]
        .concat();
        let whole = Message::Row {
            relation: 7,
            is_new: false,
            old: Some(Old {
                is_whole: false,
                values: vec![Value::Binary(b"a".to_vec()), Value::Null],
            }),
            new: Some(vec![Value::Binary(b"b".to_vec()), Value::Unchanged]),
        };
        assert_eq!(parse(&update), Ok(whole));
        for end in 0..update.len() {
            assert_eq!(parse(&update[..end]), Err(Malformed), "{end}");
        }
        assert_eq!(
            parse(b"T\0\0\0\x01\0\0\0\0\x09"),
            Ok(Message::Truncate(vec![9]))
        );
    }
}
