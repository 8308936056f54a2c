//! `LIKE` and `ILIKE`, byte-wise.

/// Whether `text LIKE pattern`: `%` is any run, `_` one character, `\` takes the next
/// character as it is. Right under every deterministic collation. A pattern that ends in a
/// lone `\`, an error in PostgreSQL, matches nothing.
pub fn like(pattern: &str, text: &str) -> bool {
    matches(pattern.as_bytes(), text.as_bytes(), |byte| byte)
}

/// Whether `text ILIKE pattern`, of a pattern of ASCII in lower case. `None` for a text with
/// one of the two letters that are no ASCII and whose lower case may be.
///
/// PostgreSQL compares the lower case of both, letter by letter; only that of ASCII letters
/// can equal a letter of the pattern.
pub fn ilike(pattern: &str, text: &str) -> Option<bool> {
    if has_odd_case(text) {
        return None;
    }
    let lower = |byte: u8| byte.to_ascii_lowercase();
    Some(matches(pattern.as_bytes(), text.as_bytes(), lower))
}

/// Whether the text has one of the two letters that are no ASCII and whose lower case may be.
pub fn has_odd_case(text: &str) -> bool {
    const DOTTED_I: char = '\u{130}';
    const KELVIN: char = '\u{212a}';
    !text.is_ascii() && text.contains([DOTTED_I, KELVIN])
}

fn matches(pattern: &[u8], text: &[u8], fold: impl Fn(u8) -> u8) -> bool {
    let equal = |byte: &u8, at: usize| text.get(at).is_some_and(|other| fold(*other) == *byte);
    let (mut p, mut t) = (0, 0);
    // Where to go on after a mismatch: past the last `%`, one character further in the text.
    // Earlier ones need no second try, for the last one takes whatever they could.
    let mut resume: Option<(usize, usize)> = None;
    loop {
        let matched = match pattern.get(p) {
            Some(b'%') => {
                p += 1;
                resume = Some((p, t));
                continue;
            }
            Some(b'_') => match text.get(t) {
                Some(byte) => {
                    p += 1;
                    t += character_length(*byte);
                    true
                }
                None => false,
            },
            Some(b'\\') => match pattern.get(p + 1) {
                Some(byte) if equal(byte, t) => {
                    p += 2;
                    t += 1;
                    true
                }
                _ => false,
            },
            Some(byte) if equal(byte, t) => {
                p += 1;
                t += 1;
                true
            }
            Some(_) => false,
            None if t >= text.len() => return true,
            None => false,
        };
        if matched {
            continue;
        }
        match &mut resume {
            Some((after, from)) if *from < text.len() => {
                *from += character_length(text[*from]);
                (p, t) = (*after, *from);
            }
            _ => return false,
        }
    }
}

/// How many bytes the character has that begins with `first`.
fn character_length(first: u8) -> usize {
    match first {
        0..0xC0 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        0xF0.. => 4,
    }
}
