//! Decimal numbers as `numeric` prints them.

/// The most digits that `numeric` holds before the decimal point.
const MAX_WHOLE: i64 = 131_072;
/// The most digits that it holds after the decimal point.
const MAX_FRACTION: i64 = 16_383;

/// `digits * 10^exponent` without an exponent, each digit of the fraction kept, as `numeric`
/// prints what it read. Zero has no sign.
pub fn plain_number(negative: bool, digits: &str, exponent: i32) -> String {
    let digits = digits.trim_start_matches('0');
    let mut text = String::with_capacity(digits.len() + exponent.unsigned_abs() as usize + 3);
    if negative && !digits.is_empty() {
        text.push('-');
    }
    if exponent >= 0 {
        text.push_str(digits);
        if digits.is_empty() {
            text.push('0');
        } else {
            text.push_str(&"0".repeat(exponent as usize));
        }
        return text;
    }
    let fraction = exponent.unsigned_abs() as usize;
    if digits.len() > fraction {
        let (whole, rest) = digits.split_at(digits.len() - fraction);
        text.push_str(whole);
        text.push('.');
        text.push_str(rest);
    } else {
        text.push_str("0.");
        text.push_str(&"0".repeat(fraction - digits.len()));
        text.push_str(digits);
    }
    text
}

/// A JSON number's text as `jsonb` prints it; one that `numeric` can't hold, or that takes
/// more than `longest` bytes, as it is.
pub fn normalise_number(text: &str, longest: usize) -> String {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let Ok(exponent) = exponent.parse::<i32>() else {
        return text.into();
    };
    let exponent = i64::from(exponent) - fraction.len() as i64;
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').len() as i64;
    let whole_digits = if significant > 0 {
        significant + exponent
    } else {
        0
    };
    if whole_digits > MAX_WHOLE || -exponent > MAX_FRACTION {
        return text.into();
    }
    // Besides the digits: a sign, a zero before the point, and the point.
    let length = whole_digits.max(0) + (-exponent).max(0) + 3;
    if usize::try_from(length).is_ok_and(|length| length > longest.max(text.len() + 3)) {
        return text.into();
    }
    match i32::try_from(exponent) {
        Ok(exponent) if significant > 0 || exponent < 0 => {
            plain_number(negative, &digits, exponent)
        }
        _ => "0".into(),
    }
}
