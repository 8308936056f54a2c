//! Points in time.

use rowcast_protocol::calendar::unix_text;

use super::zone::Zone;

/// A `timestamptz` as the interface writes it, for a reader in `zone`, to the second.
///
/// Text that is not a plain date of our era, such as `infinity`, stays as it is.
pub fn instant(text: &str, zone: Zone) -> String {
    match zone {
        Zone::Utc => civil(text.strip_suffix("+00:00").unwrap_or(text)),
        Zone::Reader => reader(text).unwrap_or_else(|| civil(text)),
    }
}

/// A `timestamp` as the interface writes it, to the second.
pub fn civil(text: &str) -> String {
    let Some((date, time)) = text.split_once('T') else {
        return text.to_owned();
    };
    let (seconds, rest) = match time.split_once('.') {
        Some((seconds, rest)) => (
            seconds,
            rest.trim_start_matches(|digit: char| digit.is_ascii_digit()),
        ),
        None => (time, ""),
    };
    format!("{date} {seconds}{rest}")
}

/// The day that it is for the reader, `2026-03-01`, at a time in milliseconds since 1970.
pub fn today(now: f64) -> String {
    let utc = unix_text((now * 1000.0) as i64);
    let text = reader(&utc).unwrap_or(utc);
    text.get(..10).unwrap_or_default().to_owned()
}

#[cfg(not(feature = "hydrate"))]
fn reader(_text: &str) -> Option<String> {
    None
}

#[cfg(feature = "hydrate")]
pub(crate) fn reader(text: &str) -> Option<String> {
    // JavaScript reads years of four digits as ISO 8601; others it may misread.
    if text.find('T') != Some(10) || text.ends_with("BC") {
        return None;
    }
    let date = js_sys::Date::new(&wasm_bindgen::JsValue::from_str(text));
    if date.get_time().is_nan() {
        return None;
    }
    let two = |out: &mut String, number: u32| {
        if number < 10 {
            out.push('0');
        }
        out.push_str(&number.to_string());
    };
    let year = date.get_full_year();
    let mut out = String::with_capacity(19);
    for limit in [1000, 100, 10] {
        if year < limit {
            out.push('0');
        }
    }
    out.push_str(&year.to_string());
    for (mark, part) in [
        ('-', date.get_month() + 1),
        ('-', date.get_date()),
        (' ', date.get_hours()),
        (':', date.get_minutes()),
        (':', date.get_seconds()),
    ] {
        out.push(mark);
        two(&mut out, part);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_shown_to_the_second() {
        let shown = |text| instant(text, Zone::Utc);
        assert_eq!(
            shown("2026-11-21T01:36:40.123456+00:00"),
            "2026-11-21 01:36:40"
        );
        assert_eq!(shown("2026-11-21T01:36:40+00:00"), "2026-11-21 01:36:40");
        assert_eq!(shown("infinity"), "infinity");
        assert_eq!(
            shown("0044-03-15T12:00:00.5+00:00 BC"),
            "0044-03-15 12:00:00+00:00 BC"
        );
    }

    #[test]
    fn a_timestamp_without_zone_stays_where_it_is() {
        assert_eq!(civil("2026-11-21T01:36:40.5"), "2026-11-21 01:36:40");
        assert_eq!(civil("-infinity"), "-infinity");
    }
}
