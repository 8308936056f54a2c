//! What can be done with the grid, by name.

use leptos::prelude::*;

use super::{Action, Density, GridState};
use crate::commands::Commands;

impl GridState {
    /// Adds what can be done with the grid to the page's commands.
    pub(crate) fn add_commands(self) {
        let commands = Commands::expect();
        let actions = [
            ("Rows", "New row", "Shift+Enter", Action::NewRow),
            ("Rows", "Duplicate row", "Ctrl+D", Action::Duplicate),
            ("Rows", "Open row and its past", "Alt+Enter", Action::Detail),
            ("Cells", "Copy cells chosen", "Ctrl+C", Action::Copy),
            ("Cells", "Empty cells chosen", "Delete", Action::Clear),
            ("Cells", "Undo", "Ctrl+Z", Action::Undo),
            ("Cells", "Redo", "Ctrl+Shift+Z", Action::Redo),
            (
                "List",
                "Hold the list, or let it go",
                "Ctrl+.",
                Action::Hold,
            ),
        ];
        for (group, name, keys, action) in actions {
            commands.add(group, name, keys, move || self.act(action.clone()));
        }
        commands.add("List", "Show what waits", "", move || self.show());
        commands.add("List", "Compact or comfortable rows", "", move || {
            let mut layout = self.layout.write();
            layout.density = match layout.density {
                Density::Comfortable => Density::Compact,
                Density::Compact => Density::Comfortable,
            };
        });
        commands.add("Columns", "Show all columns", "", move || {
            let mut layout = self.layout.write();
            layout.columns.iter_mut().for_each(|of| of.hidden = false);
        });
    }
}
