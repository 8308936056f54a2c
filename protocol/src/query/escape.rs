//! Percent-encoding, as addresses have it.

use crate::ApiError;

/// Decodes one name or value; `+` is a space.
pub fn decode(text: &str) -> Result<String, ApiError> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'+' => decoded.push(b' '),
            b'%' => {
                let digit = |at: usize| {
                    let digit = char::from(*bytes.get(at)?).to_digit(16)?;
                    u8::try_from(digit).ok()
                };
                let (Some(high), Some(low)) = (digit(at + 1), digit(at + 2)) else {
                    return Err(bad_escape(
                        text,
                        "% is not followed by two hexadecimal digits",
                    ));
                };
                decoded.push(high << 4 | low);
                at += 2;
            }
            byte => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8(decoded).map_err(|_| bad_escape(text, "it is not UTF-8"))
}

/// How many bytes of a text that [`decode`] reads stand for its first `decoded` bytes.
pub fn encoded_length(text: &str, decoded: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    for _ in 0..decoded {
        at += if bytes.get(at) == Some(&b'%') { 3 } else { 1 };
    }
    at.min(bytes.len())
}

fn bad_escape(text: &str, why: &str) -> ApiError {
    ApiError::new(
        "invalid_filter",
        format!("{} is badly percent-encoded: {why}", super::excerpt(text)),
        "a literal percent sign is written %25",
    )
}

/// Appends a parameter's name.
pub fn encode_name(name: &str, out: &mut String) {
    encode(name, is_plain, out);
}

/// Appends a parameter's value.
pub fn encode_value(value: &str, out: &mut String) {
    encode(value, |byte| is_plain(byte) || byte == b'=', out);
}

/// What an address carries as it is, and no browser rewrites.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$()*,;:@/".contains(&byte)
}

fn encode(text: &str, plain: impl Fn(u8) -> bool, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}
