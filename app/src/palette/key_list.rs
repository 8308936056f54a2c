//! The keys that the grid and its editors hear, and what they do.

/// Keys that belong together.
pub struct Keys {
    /// Where they work.
    pub place: &'static str,
    /// Each way to press, `Ctrl+Home`, ways separated by a space, and what it does.
    pub list: &'static [(&'static str, &'static str)],
}

/// In the cells and in the heads of columns.
pub static GRID: [Keys; 3] = [
    Keys {
        place: "In a cell",
        list: &[
            ("ArrowUp ArrowDown ArrowLeft ArrowRight", "to another cell"),
            ("PageUp PageDown", "a screen up, down"),
            ("Home End", "to the first, the last column"),
            ("Ctrl+Home Ctrl+End", "to the first, the last cell of all"),
            ("Ctrl+ArrowUp Ctrl+ArrowDown", "to the first, the last row"),
            (
                "Shift+ArrowDown Shift+End",
                "choose the cells between: Shift with any of these",
            ),
            ("Ctrl+A", "choose all cells that are loaded"),
            ("Space", "choose the row, or no longer"),
            ("Shift+Space", "choose the rows up to this one"),
            ("Escape", "choose nothing"),
            ("Ctrl+Enter", "follow the cell’s link"),
        ],
    },
    Keys {
        place: "Editing",
        list: &[
            ("Enter F2", "edit the cell; typing replaces its value"),
            ("Delete", "empty the cells chosen"),
            ("Ctrl+D", "a new row like this one"),
            ("Shift+Enter", "a new row"),
            ("Alt+Enter", "the row as a whole, with its past"),
            ("Ctrl+Delete", "delete the rows chosen"),
            (
                "Ctrl+Z Ctrl+Shift+Z",
                "take back your last change, make it again",
            ),
            ("Ctrl+.", "hold the list, or let it go"),
        ],
    },
    Keys {
        place: "In a column’s head",
        list: &[
            ("ArrowLeft ArrowRight", "to another head"),
            ("Home End", "to the first, the last head"),
            ("Alt+ArrowDown Space", "open its menu"),
            ("Shift+ArrowLeft Shift+ArrowRight", "narrower, wider"),
            (
                "Ctrl+Shift+ArrowLeft Ctrl+Shift+ArrowRight",
                "move the column",
            ),
            ("ArrowDown", "into the rows"),
        ],
    },
];

/// What editors and the browser hear themselves.
#[cfg(feature = "hydrate")]
pub static ELSEWHERE: [Keys; 2] = [
    Keys {
        place: "While editing",
        list: &[
            (
                "Enter Shift+Enter",
                "save, and go down or up; in text, Shift+Enter begins a new line",
            ),
            ("Tab Shift+Tab", "save, and go right or left"),
            ("Ctrl+0", "NULL, where the column may be"),
            ("Escape", "leave the value as it was"),
        ],
    },
    Keys {
        place: "Clipboard and sorting",
        list: &[
            ("Ctrl+C", "copy the cells chosen"),
            ("Ctrl+V", "paste a block from a spreadsheet"),
            (
                "Enter Shift+Enter",
                "in a head: sort by the column, or by it besides",
            ),
            ("ArrowUp", "in the first row: to the column’s head"),
        ],
    },
];

/// How a way to press is shown: its keys, as the reader's keyboard has them.
pub fn caps(way: &str, mac: bool) -> Vec<&str> {
    way.split('+')
        .map(|key| match key {
            "Ctrl" if mac => "⌘",
            "Alt" if mac => "⌥",
            "Shift" if mac => "⇧",
            "ArrowUp" => "↑",
            "ArrowDown" => "↓",
            "ArrowLeft" => "←",
            "ArrowRight" => "→",
            "PageUp" => "Page Up",
            "PageDown" => "Page Down",
            key => key,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::keys::{Key, in_cell, in_head};

    #[test]
    fn every_key_that_is_listed_does_something() {
        for Keys { place, list } in &GRID {
            for way in list.iter().flat_map(|(ways, _)| ways.split(' ')) {
                let mut key = Key::default();
                for part in way.split('+') {
                    match part {
                        "Ctrl" => key.control = true,
                        "Shift" => key.shift = true,
                        "Alt" => key.alt = true,
                        "Space" => key.name = " ",
                        name => key.name = name,
                    }
                }
                let heard = if *place == "In a column’s head" {
                    in_head(key).is_some()
                } else {
                    in_cell(key).is_some()
                };
                assert!(heard, "{place}: {way}");
            }
        }
    }

    #[test]
    fn keys_are_shown_as_they_are_written_on_the_keyboard() {
        assert_eq!(caps("Ctrl+Shift+ArrowLeft", false), ["Ctrl", "Shift", "←"]);
        assert_eq!(caps("Ctrl+.", true), ["⌘", "."]);
    }
}
