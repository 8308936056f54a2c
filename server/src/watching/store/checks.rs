//! What can be no part of a rule, and what is said of that.

use rowcast_protocol::ApiError;

use crate::{auth::token::lasting, watching::seen::unsuitable};

/// The longest time for which hits are told together, in seconds.
pub const LONGEST_GROUP: i32 = 86_400;

/// The shortest of a rule that tells others, in seconds.
pub const SHORTEST_FOR_ROLES: i32 = 60;

/// A name that a rule can have.
///
/// # Errors
/// `invalid_watch`.
pub fn checked_name(name: &str) -> Result<String, ApiError> {
    let name = name.trim();
    let fits = (1..=100).contains(&name.chars().count()) && !name.contains(char::is_control);
    match fits {
        true => Ok(name.to_owned()),
        false => Err(unsuitable(
            "its name is none: 1 to 100 characters on one line",
        )),
    }
}

/// For how many seconds hits can be told together.
///
/// # Errors
/// `invalid_watch`.
pub fn checked_group(seconds: i32) -> Result<i32, ApiError> {
    match seconds {
        0..=LONGEST_GROUP => Ok(seconds),
        _ => Err(unsuitable("hits are told together for 0 to 86400 seconds")),
    }
}

/// What many are told is not told one by one.
pub fn too_soon() -> ApiError {
    unsuitable("what a role is told is told together for 60 seconds at least")
}

/// How long that is, in seconds; `None`: for ever.
///
/// # Errors
/// `invalid_watch`.
pub fn checked_time(text: &str) -> Result<Option<f64>, ApiError> {
    let lasts = lasting(text).map_err(|_| {
        unsuitable(
            "the time that it lasts is none: a number and s, m, h or d, such as 7d; or never",
        )
    })?;
    Ok(lasts.map(|lasts| lasts.as_secs_f64()))
}

/// A number as it is written in SQL.
///
/// # Errors
/// `invalid_watch`.
pub fn checked_bound(text: &str) -> Result<String, ApiError> {
    let text = text.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    match is_number(whole) && is_number(part) && text.len() <= 60 {
        true => Ok(text.to_owned()),
        false => Err(unsuitable("its bound is no number, such as 100 or -0.5")),
    }
}

/// E-mail can't be sent from here.
pub fn no_mail() -> ApiError {
    ApiError::new(
        "invalid_watch",
        "this server sends no e-mail",
        "ROWCAST_SMTP_URL and ROWCAST_MAIL_FROM say by which server and as whom",
    )
}

/// What others are told is said by people.
pub fn not_for_programs() -> ApiError {
    ApiError::new(
        "not_allowed",
        "what others are told of this table is not for you to say",
        "who manages the table may, and administrators, in a session or with a token of the scope \
         admin; leave out role for yourself",
    )
}

/// There is no such rule.
pub fn unknown() -> ApiError {
    ApiError::new(
        "unknown_watch",
        "you have no such watch rule",
        "it may have been removed meanwhile",
    )
}

/// Whether there was such a rule, of which so many were changed.
///
/// # Errors
/// `unknown_watch`.
pub fn known(rows: u64) -> Result<(), ApiError> {
    match rows {
        0 => Err(unknown()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_a_number_that_sql_reads() {
        for right in ["0", "-1", "10.50", "100000000000000000000"] {
            assert_eq!(checked_bound(right).as_deref(), Ok(right));
        }
        for wrong in ["", "-", "1.", ".5", "1e3", "NaN", "1; x", "--1", "１"] {
            assert!(checked_bound(wrong).is_err(), "{wrong}");
        }
    }
}
