//! JSON's tokens.

use super::number::normalise_number;

/// By how many bytes a text may grow when its numbers lose their exponents: `1e131071` is
/// a number of 131,072 digits, and a small text has room for many.
const MAX_GROWTH: usize = 16 << 20;

/// Reads tokens from left to right, skipping blanks before each. `None` is no such token.
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
    growth_left: usize,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            growth_left: MAX_GROWTH,
        }
    }

    /// The byte that the next token begins with.
    pub fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte(0) {
            self.at += 1;
        }
        self.byte(0)
    }

    pub fn at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Takes that punctuation, if it is next.
    pub fn take(&mut self, punctuation: u8) -> Option<()> {
        (self.peek()? == punctuation).then(|| self.at += 1)
    }

    /// A member's name and the colon after it.
    pub fn member_name(&mut self) -> Option<String> {
        let name = self.string()?;
        self.take(b':')?;
        Some(name)
    }

    /// `true`, `false` or `null`.
    pub fn word(&mut self) -> Option<&'static str> {
        self.peek()?;
        let word = ["true", "false", "null"]
            .into_iter()
            .find(|word| self.text[self.at..].starts_with(word))?;
        self.at += word.len();
        Some(word)
    }

    /// A number, as `jsonb` prints it; as written once the text would grow too large.
    pub fn number(&mut self) -> Option<String> {
        self.peek()?;
        let start = self.at;
        if self.byte(0) == Some(b'-') {
            self.at += 1;
        }
        if self.byte(0) == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte(0) == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte(0) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte(0) {
                self.at += 1;
            }
            self.digits()?;
        }
        let written = &self.text[start..self.at];
        let number = normalise_number(written, written.len() + self.growth_left);
        self.growth_left = self
            .growth_left
            .saturating_sub(number.len().saturating_sub(written.len()));
        Some(number)
    }

    /// A string's content.
    pub fn string(&mut self) -> Option<String> {
        self.take(b'"')?;
        let mut content = String::new();
        loop {
            let plain = self.at;
            while !matches!(self.byte(0)?, b'"' | b'\\' | 0..0x20) {
                self.at += 1;
            }
            content.push_str(&self.text[plain..self.at]);
            match self.byte(0)? {
                b'"' => {
                    self.at += 1;
                    return Some(content);
                }
                b'\\' => content.push(self.escape()?),
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let kind = self.byte(1)?;
        self.at += 2;
        Some(match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.code_unit()?;
                if !(0xD800..0xDC00).contains(&first) {
                    return Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                let before = self.at;
                if self.byte(0) == Some(b'\\') && self.byte(1) == Some(b'u') {
                    self.at += 2;
                    let second = self.code_unit()?;
                    if (0xDC00..0xE000).contains(&second) {
                        let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                        return char::from_u32(code);
                    }
                    self.at = before;
                }
                char::REPLACEMENT_CHARACTER
            }
            _ => return None,
        })
    }

    fn code_unit(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    /// At least one digit.
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.byte(0).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }
}
