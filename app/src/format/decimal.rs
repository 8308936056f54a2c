//! Numbers with every digit, rounded and grouped for people.

use super::number::group;

/// A decimal number, as the interface writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    /// All digits, of which the last `scale` are behind the point. At least one more than that.
    digits: Vec<u8>,
    scale: usize,
}

impl Decimal {
    /// Reads `-12.50`. An exponent, NaN and infinities are no such text.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, text),
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = || whole.bytes().chain(fraction.bytes());
        let is_number = !whole.is_empty() && digits().all(|digit| digit.is_ascii_digit());
        is_number.then(|| Self {
            negative,
            digits: digits().map(|digit| digit - b'0').collect(),
            scale: fraction.len(),
        })
    }

    /// About how much it is; `None` where that is more than can be told.
    pub fn about(&self) -> Option<f64> {
        let ten_times = |sum: f64, digit: &u8| sum * 10.0 + f64::from(*digit);
        let point = self.digits.len() - self.scale;
        let whole = self.digits[..point].iter().fold(0.0, ten_times);
        let part = self.digits[point..]
            .iter()
            .rev()
            .fold(0.0, |sum, digit| (sum + f64::from(*digit)) / 10.0);
        let size = whole + part;
        size.is_finite()
            .then_some(if self.negative { -size } else { size })
    }

    /// A hundred times as much.
    #[must_use]
    pub fn hundredfold(mut self) -> Self {
        let zeros = 2_usize.saturating_sub(self.scale);
        self.digits.extend(std::iter::repeat_n(0, zeros));
        self.scale = (self.scale + zeros) - 2;
        let leading = self.digits.iter().take_while(|digit| **digit == 0).count();
        let spare = self.digits.len() - self.scale - 1;
        self.digits.drain(..leading.min(spare));
        self
    }

    /// Rounded to that many digits behind the point, halves away from zero as PostgreSQL
    /// rounds `numeric`; with zeros where there are fewer.
    #[must_use]
    pub fn rounded(mut self, places: usize) -> Self {
        if places >= self.scale {
            let zeros = places - self.scale;
            self.digits.extend(std::iter::repeat_n(0, zeros));
        } else {
            let cut = self.digits.len() - (self.scale - places);
            let up = self.digits[cut] >= 5;
            self.digits.truncate(cut);
            if up {
                match self.digits.iter().rposition(|digit| *digit < 9) {
                    Some(at) => {
                        self.digits[at] += 1;
                        self.digits[at + 1..].fill(0);
                    }
                    None => {
                        self.digits.fill(0);
                        self.digits.insert(0, 1);
                    }
                }
            }
        }
        self.scale = places;
        self
    }

    /// The sign, and the number without it: `1,234.50`, or `1234.50` where it isn't grouped.
    pub fn text(&self, grouped: bool) -> (&'static str, String) {
        let point = self.digits.len() - self.scale;
        let text = |digits: &[u8]| -> String {
            digits
                .iter()
                .map(|digit| char::from(digit + b'0'))
                .collect()
        };
        let mut out = text(&self.digits[..point]);
        if grouped {
            out = group(&out);
        }
        if self.scale > 0 {
            out.push('.');
            out.push_str(&text(&self.digits[point..]));
        }
        let is_zero = self.digits.iter().all(|digit| *digit == 0);
        (if self.negative && !is_zero { "-" } else { "" }, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(decimal: Decimal) -> String {
        let (sign, text) = decimal.text(true);
        format!("{sign}{text}")
    }

    #[test]
    fn it_is_about_as_much_as_it_says() {
        let about = |text| Decimal::parse(text).and_then(|of| of.about());
        for (text, expected) in [
            ("0", 0.0),
            ("1500", 1500.0),
            ("-12.50", -12.5),
            ("0.1", 0.1),
        ] {
            assert_eq!(about(text), Some(expected), "{text}");
        }
        let third = about("0.33333333333333333333").unwrap_or_default();
        assert!((third - 1.0 / 3.0).abs() < 1e-15);
        assert_eq!(about(&"9".repeat(400)), None);
    }

    #[test]
    fn halves_are_rounded_away_from_zero_and_no_digit_is_invented() {
        let rounded = |text, places| Decimal::parse(text).map(|of| shown(of.rounded(places)));
        for (text, places, expected) in [
            ("1234567.125", 2, "1,234,567.13"),
            ("-0.125", 2, "-0.13"),
            ("0.5", 0, "1"),
            ("999.995", 2, "1,000.00"),
            ("-0.001", 2, "0.00"),
            ("7", 2, "7.00"),
            (
                "12345678901234567890.12345",
                1,
                "12,345,678,901,234,567,890.1",
            ),
        ] {
            assert_eq!(rounded(text, places).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_plain_number_is_none() {
        for text in ["", "-", ".5", "1e20", "NaN", "Infinity", "1,000", "--1"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_hundredfold_moves_the_point() {
        let percent = |text| Decimal::parse(text).map(|of| shown(of.hundredfold()));
        for (text, expected) in [
            ("0.125", "12.5"),
            ("0.5", "50"),
            ("1", "100"),
            ("0", "0"),
            ("-12.3456", "-1,234.56"),
            ("0.001", "0.1"),
        ] {
            assert_eq!(percent(text).as_deref(), Some(expected), "{text}");
        }
    }
}
