//! `LIKE` and `ILIKE`, byte-wise.
//!
//! A pattern may have to be tried at every place of a text, which takes as many steps as both have
//! bytes, multiplied: what is not settled after [`STEPS`] is left to PostgreSQL, where it takes
//! time from nobody else.

/// The most steps of one comparison, some milliseconds.
const STEPS: usize = 1 << 21;

/// Whether `text LIKE pattern`: `%` is any run, `_` one character, `\` takes the next
/// character as it is. Right under every deterministic collation. A pattern that ends in a
/// lone `\`, an error in PostgreSQL, matches nothing. `None` where to tell takes too long.
pub fn like(pattern: &str, text: &str) -> Option<bool> {
    matches(pattern.as_bytes(), text.as_bytes(), |byte| byte)
}

/// Whether `text ILIKE pattern`, of a pattern of ASCII in lower case. `None` where that depends
/// on what the text's collation makes of the two letters that are no ASCII and whose lower case
/// may be, or to tell takes too long.
///
/// PostgreSQL compares the lower case of both, letter by letter; only that of ASCII letters
/// can equal a letter of the pattern.
pub fn ilike(pattern: &str, text: &str) -> Option<bool> {
    let matches = |text: &str| {
        let lower = |byte: u8| byte.to_ascii_lowercase();
        matches(pattern.as_bytes(), text.as_bytes(), lower)
    };
    if !has_odd_case(text) {
        return matches(text);
    }
    // Whatever collation it is has one lower case for all of a kind. That of İ may be two
    // letters.
    let mut found = None;
    for dotted_i in ["i", "i\u{307}", "\u{130}"] {
        for kelvin in ["k", "\u{212a}"] {
            let text = text.replace(DOTTED_I, dotted_i).replace(KELVIN, kelvin);
            let matched = matches(&text)?;
            if *found.get_or_insert(matched) != matched {
                return None;
            }
        }
    }
    found
}

/// The text with every letter as the ASCII letter in lower case that it may count as. A run of
/// ASCII letters that any collation's lower case of the text has is in this.
pub fn fold_case(text: &str) -> String {
    let mut folded = text.to_ascii_lowercase();
    if has_odd_case(text) {
        folded = folded.replace(DOTTED_I, "i").replace(KELVIN, "k");
    }
    folded
}

const DOTTED_I: char = '\u{130}';
const KELVIN: char = '\u{212a}';

/// Whether the text has one of the two letters that are no ASCII and whose lower case may be.
fn has_odd_case(text: &str) -> bool {
    !text.is_ascii() && text.contains([DOTTED_I, KELVIN])
}

fn matches(pattern: &[u8], text: &[u8], fold: impl Fn(u8) -> u8) -> Option<bool> {
    let equal = |byte: &u8, at: usize| text.get(at).is_some_and(|other| fold(*other) == *byte);
    let (mut p, mut t) = (0, 0);
    // Where to go on after a mismatch: past the last `%`, one character further in the text.
    // Earlier ones need no second try, for the last one takes whatever they could.
    let mut resume: Option<(usize, usize)> = None;
    for _ in 0..STEPS {
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
            None if t >= text.len() => return Some(true),
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
            _ => return Some(false),
        }
    }
    None
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_letter_leaves_open_only_what_depends_on_it() {
        for (pattern, text, expected) in [
            ("%istanbul%", "İstanbul", None),
            ("%stanbul", "İstanbul", Some(true)),
            ("%zzz%", "İstanbul", Some(false)),
            // One letter or two.
            ("_stanbul", "İstanbul", None),
            ("__%stanbul", "İstanbul", None),
            ("_%stanbul", "İstanbul", Some(true)),
            ("273 k", "273 \u{212a}", None),
            ("273 _", "273 \u{212a}", Some(true)),
            ("%kilo%", "\u{212a}ilo İ", None),
            ("%ki%", "\u{212a}İ", None),
            ("%i%", "İi", Some(true)),
            ("%k%k%", "\u{212a}\u{212a}", None),
            ("%i%k%", "\u{212a}İ", Some(false)),
        ] {
            assert_eq!(ilike(pattern, text), expected, "{text} ilike {pattern}");
        }
    }

    #[test]
    fn what_takes_too_long_is_left_open() {
        let text = "a".repeat(200_000);
        let pattern = format!("%{}b%", "a_".repeat(4_000));
        assert_eq!(like(&pattern, &text), None);
        assert_eq!(ilike(&pattern, &text), None);
        // One that is long, and tells soon.
        assert_eq!(like(&text, &text), Some(true));
        assert_eq!(like("%b%", &text), Some(false));
    }

    #[test]
    fn a_folded_text_has_every_run_of_letters_that_a_lower_case_of_it_has() {
        assert_eq!(fold_case("İSTANBUL É 5 \u{212a}"), "istanbul É 5 k");
        assert_eq!(fold_case("\u{1e9e}ı\u{17f}"), "\u{1e9e}ı\u{17f}");
    }
}
