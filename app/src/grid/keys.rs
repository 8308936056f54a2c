//! From keys to what they ask for.

/// A key that was pressed in the grid.
#[derive(Clone, Copy, Debug, Default)]
pub struct Key<'a> {
    /// Its name, as the browser tells it: `ArrowUp`, `a`.
    pub name: &'a str,
    /// Whether Control, or Command on a Mac, is down.
    pub control: bool,
    /// Whether Shift is down.
    pub shift: bool,
    /// Whether Alt is down.
    pub alt: bool,
}

/// Where the focus goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// By that many rows; negative is up.
    Rows(i64),
    /// By that many screens.
    Screens(i64),
    /// By that many columns; negative is to the left.
    Columns(i64),
    /// To the first or the last column.
    Edge {
        /// Whether it is the last.
        last: bool,
        /// Whether it is so of the rows too.
        of_all: bool,
    },
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// The focus goes elsewhere; `extend` chooses what is between.
    Go {
        /// Where to.
        step: Step,
        /// Whether from the corner that stays.
        extend: bool,
    },
    /// Choose the row or no longer; `extend` from the one chosen last.
    ChooseRow {
        /// Whether the rows between are too.
        extend: bool,
    },
    /// Choose all.
    ChooseAll,
    /// Choose nothing.
    ChooseNone,
    /// Go where the cell's link leads.
    Follow,
    /// Edit the cell, from what was typed if it was by typing.
    Edit(Option<char>),
    /// Edit the cell, or save what is being written in it.
    Enter,
    /// Empty the cells.
    Clear,
    /// Delete the rows.
    DeleteRows,
    /// Another row like this.
    Duplicate,
    /// A new row.
    NewRow,
    /// All of the row.
    Detail,
    /// Take back.
    Undo,
    /// Make again.
    Redo,
    /// Hold the list, or let it go.
    Hold,
}

/// What a key asks for in a cell.
pub fn in_cell(key: Key) -> Option<Command> {
    use Command::{
        ChooseAll, ChooseNone, ChooseRow, Clear, DeleteRows, Detail, Duplicate, Edit, Enter,
        Follow, Go, Hold, NewRow, Redo, Undo,
    };
    let extend = key.shift;
    let edge = |last, of_all| Step::Edge { last, of_all };
    let step = match (key.name, key.control) {
        ("ArrowUp", false) => Some(Step::Rows(-1)),
        ("ArrowDown", false) => Some(Step::Rows(1)),
        ("ArrowLeft", false) => Some(Step::Columns(-1)),
        ("ArrowRight", false) => Some(Step::Columns(1)),
        ("PageUp", false) => Some(Step::Screens(-1)),
        ("PageDown", false) => Some(Step::Screens(1)),
        ("Home", of_all) => Some(edge(false, of_all)),
        ("End", of_all) => Some(edge(true, of_all)),
        ("ArrowUp", true) => Some(Step::Rows(-i64::from(u32::MAX))),
        ("ArrowDown", true) => Some(Step::Rows(i64::from(u32::MAX))),
        ("ArrowLeft", true) => Some(edge(false, false)),
        ("ArrowRight", true) => Some(edge(true, false)),
        _ => None,
    };
    if let Some(step) = step {
        return (!key.alt).then_some(Go { step, extend });
    }
    Some(match (key.name, key.control, key.shift, key.alt) {
        (" ", false, extend, false) => ChooseRow { extend },
        ("a" | "A", true, false, false) => ChooseAll,
        ("Escape", false, false, false) => ChooseNone,
        ("Enter", true, false, false) => Follow,
        ("Enter", false, false, false) => Enter,
        ("F2", false, false, false) => Edit(None),
        ("Enter", false, true, false) => NewRow,
        ("Enter", false, false, true) => Detail,
        ("Delete" | "Backspace", false, false, false) => Clear,
        ("Delete" | "Backspace", true, false, false) => DeleteRows,
        ("d" | "D", true, false, false) => Duplicate,
        ("z" | "Z", true, false, false) => Undo,
        ("z" | "Z", true, true, false) | ("y" | "Y", true, false, false) => Redo,
        (".", true, false, false) => Hold,
        // The page's own: it searches, or shows all keys.
        ("/" | "?", false, _, false) => return None,
        (name, false, _, false) => Edit(Some(only_character(name)?)),
        _ => return None,
    })
}

/// What a key in a column's head asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadCommand {
    /// The focus goes by that many columns.
    Go(i64),
    /// To the first column, or the last.
    Edge {
        /// Whether the last.
        last: bool,
    },
    /// Into the rows.
    Enter,
    /// The column goes by one place.
    Shift {
        /// Whether to the right.
        right: bool,
    },
    /// The column becomes wider by that many pixels.
    Widen(i32),
    /// Open the column's menu.
    Menu,
}

/// How many pixels a key makes a column wider.
const WIDER: i32 = 16;

/// What a key asks for in a column's head. The rest is the link's own: Enter sorts.
pub fn in_head(key: Key) -> Option<HeadCommand> {
    use HeadCommand::{Edge, Enter, Go, Menu, Shift, Widen};
    Some(match (key.name, key.control, key.shift, key.alt) {
        ("ArrowLeft", false, false, false) => Go(-1),
        ("ArrowRight", false, false, false) => Go(1),
        ("Home", false, false, false) => Edge { last: false },
        ("End", false, false, false) => Edge { last: true },
        ("ArrowDown" | "PageDown", false, false, false) => Enter,
        ("ArrowLeft", false, true, false) => Widen(-WIDER),
        ("ArrowRight", false, true, false) => Widen(WIDER),
        ("ArrowLeft", true, true, false) => Shift { right: false },
        ("ArrowRight", true, true, false) => Shift { right: true },
        ("ArrowDown", false, false, true) | (" ", false, false, false) => Menu,
        _ => return None,
    })
}

/// The character that a key's name is, if it is one.
fn only_character(name: &str) -> Option<char> {
    let mut characters = name.chars();
    characters.next().filter(|_| characters.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(text: &str) -> Option<Command> {
        let (mods, name) = match text.rsplit_once('+') {
            Some((mods, name)) if !name.is_empty() => (mods, name),
            _ => ("", text),
        };
        in_cell(Key {
            name,
            control: mods.contains("Control"),
            shift: mods.contains("Shift"),
            alt: mods.contains("Alt"),
        })
    }

    #[test]
    fn arrows_move_and_with_shift_choose() {
        let go = |step, extend| Some(Command::Go { step, extend });
        assert_eq!(pressed("ArrowUp"), go(Step::Rows(-1), false));
        assert_eq!(pressed("Shift+ArrowRight"), go(Step::Columns(1), true));
        let last = |of_all| Step::Edge { last: true, of_all };
        assert_eq!(pressed("End"), go(last(false), false));
        assert_eq!(pressed("Control+End"), go(last(true), false));
        assert_eq!(pressed("Control+Shift+End"), go(last(true), true));
        assert_eq!(pressed("Alt+ArrowDown"), None);
    }

    #[test]
    fn what_is_typed_edits_and_what_is_held_down_does_not() {
        assert_eq!(pressed("x"), Some(Command::Edit(Some('x'))));
        assert_eq!(pressed("Shift+X"), Some(Command::Edit(Some('X'))));
        assert_eq!(pressed("ü"), Some(Command::Edit(Some('ü'))));
        assert_eq!(pressed("/"), None);
        assert_eq!(pressed("Shift+?"), None);
        assert_eq!(pressed("Control+x"), None);
        assert_eq!(pressed("Control+c"), None);
        assert_eq!(pressed("Control+v"), None);
        assert_eq!(pressed("F5"), None);
        assert_eq!(pressed("Tab"), None);
        assert_eq!(pressed("Shift"), None);
        assert_eq!(pressed("F2"), Some(Command::Edit(None)));
        assert_eq!(pressed("Enter"), Some(Command::Enter));
    }

    #[test]
    fn undo_and_redo_are_as_everywhere() {
        assert_eq!(pressed("Control+z"), Some(Command::Undo));
        assert_eq!(pressed("Control+Shift+Z"), Some(Command::Redo));
        assert_eq!(pressed("Control+y"), Some(Command::Redo));
    }

    #[test]
    fn a_head_leaves_enter_to_its_link() {
        let plain = |name| Key {
            name,
            ..Key::default()
        };
        assert_eq!(in_head(plain("Enter")), None);
        assert_eq!(in_head(plain("ArrowDown")), Some(HeadCommand::Enter));
        let alt = Key {
            alt: true,
            ..plain("ArrowDown")
        };
        assert_eq!(in_head(alt), Some(HeadCommand::Menu));
    }
}
