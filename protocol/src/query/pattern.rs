//! Patterns of `like` and `ilike`.

use super::{Operator, Test};
use crate::ApiError;

/// The SQL pattern of a grammar's pattern: `*`, which an address carries better, is `%`.
/// `%`, `_` and `\` mean what they mean in SQL.
pub fn like_pattern(pattern: &str) -> String {
    pattern.replace('*', "%")
}

/// Refuses a test with a pattern that SQL refuses.
pub fn check(test: &Test) -> Result<(), ApiError> {
    match &test.operator {
        Operator::Like(text) | Operator::Ilike(text) if ends_in_lone_backslash(text) => {
            Err(ApiError::new(
                "invalid_value",
                format!(
                    "the pattern for column {:?} ends in a backslash",
                    test.column
                ),
                "a backslash is written twice; alone it escapes what follows",
            ))
        }
        _ => Ok(()),
    }
}

/// Whether it ends in a `\` that escapes nothing, which SQL refuses.
fn ends_in_lone_backslash(pattern: &str) -> bool {
    pattern
        .bytes()
        .rev()
        .take_while(|byte| *byte == b'\\')
        .count()
        % 2
        == 1
}
