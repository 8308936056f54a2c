//! How a table becomes live.

use leptos::{either::Either, prelude::*};

/// The command that makes the table called `path` live, or why none can.
#[component]
pub fn WatchHint(
    /// The table's name.
    path: String,
    /// Whether it has no key to know its rows by.
    keyless: bool,
) -> impl IntoView {
    if keyless {
        return Either::Left("it has no key");
    }
    Either::Right(view! { <code>{command(&path)}</code> })
}

/// The command, for a shell to read.
fn command(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if path.bytes().all(plain) {
        format!("rowcast watch {path}")
    } else {
        format!("rowcast watch '{}'", path.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn odd_names_are_quoted() {
        assert_eq!(command("audit.events"), "rowcast watch audit.events");
        assert_eq!(command("it's; rm"), r"rowcast watch 'it'\''s; rm'");
    }
}
