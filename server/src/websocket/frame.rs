//! Frames: the pieces that messages travel in.

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// More of the message that has begun.
    Continuation,
    /// A text message, or its beginning.
    Text,
    /// A binary message, or its beginning.
    Binary,
    /// The end of the connection.
    Close,
    /// To be answered.
    Ping,
    /// The answer.
    Pong,
}

/// A client's frame, unmasked.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whether the message ends with it.
    pub is_last: bool,
    /// What it is.
    pub opcode: Opcode,
    /// What it holds.
    pub payload: Vec<u8>,
}

/// How a client broke the protocol, as the close code that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// What came is no frame that may come.
    Protocol = 1002,
    /// A text is not UTF-8.
    Text = 1007,
    /// A message is longer than may be.
    TooLong = 1009,
}

/// The longest head of a frame that the server sends.
pub const HEAD_MAX: usize = 10;

impl Opcode {
    fn code(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    fn read(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    /// Whether it is about the connection. Such frames are short and never in pieces.
    fn is_control(self) -> bool {
        self.code() >= 8
    }
}

/// Appends the head of a server's frame that holds a whole message of this length.
pub fn write_head(opcode: Opcode, length: usize, out: &mut Vec<u8>) {
    out.push(0x80 | opcode.code());
    match u16::try_from(length) {
        Ok(short @ 0..126) => out.push(short as u8),
        Ok(medium) => {
            out.push(126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        Err(_) => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// A server's frame that holds a whole message.
pub fn whole(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD_MAX + payload.len());
    write_head(opcode, payload.len(), &mut out);
    out.extend_from_slice(payload);
    out
}

/// Takes a client's frame off the front of `bytes`; `None` if it is not whole yet.
///
/// # Errors
/// Where no valid frame can come of it, or one longer than `max`.
pub fn read(bytes: &mut &[u8], max: usize) -> Result<Option<Frame>, Violation> {
    let Some((&[first, second], rest)) = bytes.split_first_chunk() else {
        return Ok(None);
    };
    let opcode = Opcode::read(first & 0x0f).ok_or(Violation::Protocol)?;
    let is_last = first & 0x80 != 0;
    let (reserved, is_masked, short) = (first & 0x70, second & 0x80 != 0, second & 0x7f);
    let is_short_and_whole = short < 126 && is_last;
    if reserved != 0 || !is_masked || (opcode.is_control() && !is_short_and_whole) {
        return Err(Violation::Protocol);
    }
    let (length, rest) = match short {
        126 => {
            let Some((length, rest)) = rest.split_first_chunk() else {
                return Ok(None);
            };
            (u64::from(u16::from_be_bytes(*length)), rest)
        }
        127 => {
            let Some((length, rest)) = rest.split_first_chunk() else {
                return Ok(None);
            };
            (u64::from_be_bytes(*length), rest)
        }
        short => (u64::from(short), rest),
    };
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= max)
        .ok_or(Violation::TooLong)?;
    let Some((mask, rest)) = rest.split_first_chunk::<4>() else {
        return Ok(None);
    };
    let Some((payload, rest)) = rest.split_at_checked(length) else {
        return Ok(None);
    };
    let payload = payload
        .iter()
        .zip(mask.iter().cycle())
        .map(|(byte, mask)| byte ^ mask)
        .collect();
    *bytes = rest;
    Ok(Some(Frame {
        is_last,
        opcode,
        payload,
    }))
}

/// The code of a client's close frame, as it is sent back: two bytes, or none where it says
/// nothing.
///
/// # Errors
/// Where it is no code that may be sent, or the words after it are no text.
pub fn close_code(payload: &[u8]) -> Result<&[u8], Violation> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() {
            Ok(payload)
        } else {
            Err(Violation::Protocol)
        };
    };
    // 1004 to 1006 and from 1014 on mean something only where nothing was sent; what lies below 3000
    // is the standard's to give a meaning, above it is everybody's own.
    if !matches!(u16::from_be_bytes(*code), 1000..=1003 | 1007..=1013 | 3000..=4999) {
        return Err(Violation::Protocol);
    }
    std::str::from_utf8(reason).map_err(|_| Violation::Text)?;
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut bytes = vec![first];
        match payload.len() {
            length @ 0..126 => bytes.push(0x80 | length as u8),
            length => {
                bytes.push(0x80 | 126);
                bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
        }
        bytes.extend_from_slice(&mask);
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
        bytes
    }

    #[test]
    fn a_frame_is_read_once_it_is_whole() {
        for length in [0, 1, 125, 126, 300] {
            let payload = vec![b'x'; length];
            let bytes = masked(0x81, &payload);
            for end in 0..bytes.len() {
                assert_eq!(read(&mut &bytes[..end], 300), Ok(None), "{end} of {length}");
            }
            let mut rest = [bytes.as_slice(), b"next"].concat();
            let mut left = rest.as_mut_slice() as &[u8];
            let frame = read(&mut left, 300).expect("a frame").expect("a whole one");
            assert_eq!((frame.is_last, frame.opcode), (true, Opcode::Text));
            assert_eq!(frame.payload, payload);
            assert_eq!(left, b"next");
        }
    }

    #[test]
    fn what_no_client_may_send_is_refused() {
        let unmasked = vec![0x81, 1, b'x'];
        let long_ping = masked(0x89, &[0; 126]);
        for (bytes, why) in [
            (unmasked, "no mask"),
            (masked(0xc1, b"x"), "a reserved bit"),
            (masked(0x83, b"x"), "an unknown opcode"),
            (masked(0x09, b"x"), "a ping in pieces"),
            (long_ping, "a long ping"),
        ] {
            assert_eq!(
                read(&mut bytes.as_slice(), 1000),
                Err(Violation::Protocol),
                "{why}"
            );
        }
        let long = masked(0x81, &[0; 301]);
        assert_eq!(read(&mut long.as_slice(), 300), Err(Violation::TooLong));
    }

    #[test]
    fn a_head_tells_the_length() {
        let head = |length| {
            let mut out = Vec::new();
            write_head(Opcode::Binary, length, &mut out);
            out
        };
        assert_eq!(head(125), [0x82, 125]);
        assert_eq!(head(126), [0x82, 126, 0, 126]);
        assert_eq!(head(65_536), [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}
