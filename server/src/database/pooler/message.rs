//! Messages of PostgreSQL's protocol, as far as they are looked into.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// A message begins with its kind and its length, of which the latter counts itself.
const HEAD: usize = 5;

/// The longest that is taken: what PostgreSQL itself can hold of a value, and some more.
const LONGEST: usize = (1 << 30) + (1 << 20);

/// A whole message, as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message(Bytes);

impl Message {
    /// The first message of `buffer`, once it is there as a whole.
    ///
    /// # Errors
    /// Where what is there is none.
    pub fn take(buffer: &mut BytesMut) -> io::Result<Option<Self>> {
        let Some(mut length) = buffer.get(1..HEAD) else {
            return Ok(None);
        };
        let whole = 1 + length.get_u32() as usize;
        if !(HEAD..=LONGEST).contains(&whole) {
            return Err(broken("a message of no possible length"));
        }
        if buffer.len() < whole {
            return Ok(None);
        }
        Ok(Some(Self(buffer.split_to(whole).freeze())))
    }

    /// What it is.
    pub fn kind(&self) -> u8 {
        self.0[0]
    }

    /// What it holds.
    pub fn body(&self) -> Bytes {
        self.0.slice(HEAD..)
    }

    /// The same, to be kept: without what was read beside it.
    pub fn kept(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }

    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Writes a message of these parts.
pub fn put(out: &mut BytesMut, kind: u8, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.put_u8(kind);
    // What is sent on was taken, and what is made here is short.
    #[allow(clippy::expect_used, reason = "a message was at most LONGEST")]
    out.put_u32(u32::try_from(length + 4).expect("a length that was taken"));
    for part in parts {
        out.put_slice(part);
    }
}

/// Takes a text that ends in a zero off what is left of a message.
///
/// # Errors
/// Where there is none.
pub fn take_text(body: &mut Bytes) -> io::Result<Bytes> {
    let end = body.iter().position(|byte| *byte == 0);
    let text = body.split_to(end.ok_or_else(|| broken("a text without an end"))?);
    body.advance(1);
    Ok(text)
}

/// Takes a number of two bytes off.
///
/// # Errors
/// Where there is none.
pub fn take_u16(body: &mut Bytes) -> io::Result<u16> {
    body.try_get_u16()
        .map_err(|_| broken("a message cut short"))
}

/// Takes a value off, which has its length before it; NULL is none.
///
/// # Errors
/// Where there is none.
pub fn take_value(body: &mut Bytes) -> io::Result<Option<Bytes>> {
    let length = body.try_get_i32();
    match usize::try_from(length.map_err(|_| broken("a message cut short"))?) {
        Err(_) => Ok(None),
        Ok(length) if length <= body.len() => Ok(Some(body.split_to(length))),
        Ok(_) => Err(broken("a message cut short")),
    }
}

/// What was sent is none of the protocol that is spoken here.
pub fn broken(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// An error as PostgreSQL tells it.
pub fn error(code: &str, said: &str) -> BytesMut {
    let mut out = BytesMut::new();
    let fields = format!("SFATAL\0VFATAL\0C{code}\0M{said}\0\0");
    put(&mut out, b'E', &[fields.as_bytes()]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_taken_once_it_is_whole() {
        let mut out = BytesMut::new();
        put(&mut out, b'P', &[b"one\0", b"two"]);
        put(&mut out, b'S', &[]);
        let mut buffer = BytesMut::new();
        let mut taken = Vec::new();
        for byte in out {
            buffer.put_u8(byte);
            taken.extend(Message::take(&mut buffer).expect("a message"));
        }
        assert_eq!(taken.len(), 2);
        assert_eq!(
            (taken[0].kind(), &taken[0].body()[..]),
            (b'P', &b"one\0two"[..])
        );
        assert_eq!((taken[1].kind(), taken[1].body().len()), (b'S', 0));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for length in [0_u32, 3, u32::MAX] {
            let mut buffer = BytesMut::from(&b"P"[..]);
            buffer.put_u32(length);
            assert!(Message::take(&mut buffer).is_err(), "{length}");
        }
        assert!(take_text(&mut Bytes::from_static(b"no end")).is_err());
        assert!(take_value(&mut Bytes::from_static(b"\0\0\0\x09short")).is_err());
    }
}
