//! `LIKE`, byte-wise.

/// Whether `text LIKE pattern`: `%` is any run, `_` one character, `\` takes the next
/// character as it is. Right under every deterministic collation. A pattern that ends in a
/// lone `\`, an error in PostgreSQL, matches nothing.
pub fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
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
                Some(byte) if text.get(t) == Some(byte) => {
                    p += 2;
                    t += 1;
                    true
                }
                _ => false,
            },
            Some(byte) if text.get(t) == Some(byte) => {
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
