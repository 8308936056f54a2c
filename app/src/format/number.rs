//! Counts, for people.

/// A count with its thousands separated: `1,234,567`.
pub fn grouped(count: u64) -> String {
    group(&count.to_string())
}

/// Digits with a comma before each three.
pub(super) fn group(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count of things: `1 row`, `1,234 rows`.
pub fn counted(count: u64, unit: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {unit}{plural}", grouped(count))
}

/// A count of bytes, at the precision a glance needs: `980 bytes`, `1.2 MB`.
pub fn bytes(count: u64) -> String {
    match count {
        0..1_000 => counted(count, "byte"),
        1_000..1_000_000 => format!("{} kB", count / 1_000),
        1_000_000..1_000_000_000 => {
            format!("{}.{} MB", count / 1_000_000, count / 100_000 % 10)
        }
        _ => format!("{}.{} GB", count / 1_000_000_000, count / 100_000_000 % 10),
    }
}

/// A count to two significant digits: `980`, `1.2 K`, `35 M`.
pub fn rounded(count: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (1_000_000_000_000, "T"),
        (1_000_000_000, "B"),
        (1_000_000, "M"),
        (1_000, "K"),
    ];
    for (unit, name) in UNITS {
        // From here on the unit below would round to 1,000 of it.
        if count >= unit - unit / 2000 {
            let tenths = (u128::from(count) * 10 + u128::from(unit) / 2) / u128::from(unit);
            return if tenths < 100 && tenths % 10 != 0 {
                format!("{}.{} {name}", tenths / 10, tenths % 10)
            } else {
                format!(
                    "{} {name}",
                    (tenths + if tenths < 100 { 0 } else { 5 }) / 10
                )
            };
        }
    }
    count.to_string()
}

/// A number that is not negative, to so many decimal places; `None` where that many digits are
/// not known of it.
pub fn fixed(value: f64, places: u32) -> Option<String> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let scale = 10_u64.pow(places);
    let scaled = (value * scale as f64).round();
    (scaled < EXACT).then(|| {
        let (whole, part) = (scaled as u64 / scale, scaled as u64 % scale);
        match places {
            0 => whole.to_string(),
            places => format!("{whole}.{part:0width$}", width = places as usize),
        }
    })
}

/// A duration in milliseconds, at the precision a glance needs: `12 ms`, `1.4 s`, `3 min`.
pub fn duration(milliseconds: f64) -> String {
    let ms = milliseconds.max(0.0);
    if ms < 1.0 {
        "<1 ms".to_owned()
    } else if ms < 999.5 {
        format!("{} ms", ms.round() as u64)
    } else if ms < 59_950.0 {
        let tenths = (ms / 100.0).round() as u64;
        format!("{}.{} s", tenths / 10, tenths % 10)
    } else if ms < 3_570_000.0 {
        format!("{} min", (ms / 60_000.0).round() as u64)
    } else {
        format!("{} h", (ms / 3_600_000.0).round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_and_bytes_are_counted() {
        assert_eq!(counted(1, "row"), "1 row");
        assert_eq!(counted(0, "row"), "0 rows");
        assert_eq!(counted(1_204, "row"), "1,204 rows");
        assert_eq!(bytes(1), "1 byte");
        assert_eq!(bytes(999), "999 bytes");
        assert_eq!(bytes(65_536), "65 kB");
        assert_eq!(bytes(1_250_000), "1.2 MB");
        assert_eq!(bytes(3_000_000_000), "3.0 GB");
    }

    #[test]
    fn decimal_places_are_rounded_and_kept() {
        assert_eq!(fixed(1.996, 2).as_deref(), Some("2.00"));
        assert_eq!(fixed(12.04, 1).as_deref(), Some("12.0"));
        assert_eq!(fixed(1.05, 2).as_deref(), Some("1.05"));
        assert_eq!(fixed(999.5, 0).as_deref(), Some("1000"));
        assert_eq!(fixed(1e16, 0), None);
        assert_eq!(fixed(f64::NAN, 0), None);
    }

    #[test]
    fn thousands_are_separated() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn estimates_have_two_digits_and_never_read_as_a_thousand_of_a_unit() {
        assert_eq!(rounded(998), "998");
        assert_eq!(rounded(1_000), "1 K");
        assert_eq!(rounded(1_249), "1.2 K");
        assert_eq!(rounded(34_567), "35 K");
        assert_eq!(rounded(999_900), "1 M");
        assert_eq!(rounded(1_200_000), "1.2 M");
    }

    #[test]
    fn delays_read_at_a_glance() {
        assert_eq!(duration(-3.0), "<1 ms");
        assert_eq!(duration(12.4), "12 ms");
        assert_eq!(duration(1_440.0), "1.4 s");
        assert_eq!(duration(185_000.0), "3 min");
    }
}
