//! How a table becomes live.

use leptos::prelude::*;
use rowcast_protocol::{Table, TableKind};

use crate::erased::Erase;

/// The command that makes a table live, or why none can.
#[component]
pub fn WatchHint(
    /// The table.
    table: Table,
) -> impl IntoView {
    match obstacle(&table) {
        Some(reason) => reason.settled(),
        None => view! { <code>{command(&table.path())}</code> }.settled(),
    }
}

/// Why a table can't be live, if that is plain to see.
pub fn obstacle(table: &Table) -> Option<&'static str> {
    match table.kind {
        TableKind::View | TableKind::MaterializedView => None,
        TableKind::ForeignTable => Some("its rows are elsewhere"),
        TableKind::Table => table.key.is_empty().then_some("it has no key"),
    }
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
