//! Patterns of `like` and `ilike`.

/// The SQL pattern of a grammar's pattern: `*`, which an address carries better, is `%`.
/// `%`, `_` and `\` mean what they mean in SQL.
pub fn like_pattern(pattern: &str) -> String {
    pattern.replace('*', "%")
}

/// Whether it ends in a `\` that escapes nothing, which SQL refuses.
pub fn ends_in_lone_backslash(pattern: &str) -> bool {
    pattern
        .bytes()
        .rev()
        .take_while(|byte| *byte == b'\\')
        .count()
        % 2
        == 1
}
