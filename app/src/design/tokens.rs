//! The values, read from the style sheet itself.

use leptos::prelude::*;

use crate::erased::{Erase, Erased};

/// The style sheet that has them, with the words that this page shows beside each.
const SHEET: &str = include_str!("../../../style/assets/style/tokens.css");

/// Values of one kind.
#[derive(Debug, PartialEq)]
struct Group {
    name: &'static str,
    about: &'static str,
    values: Vec<Value>,
}

/// One value.
#[derive(Debug, PartialEq)]
struct Value {
    name: &'static str,
    is: &'static str,
    /// When to use it; empty if the name says it.
    when: &'static str,
}

impl Value {
    fn is_colour(&self) -> bool {
        self.is.starts_with("light-dark(")
    }
}

/// All of them.
pub fn view() -> Erased {
    let groups = read(SHEET).into_iter().map(|group| {
        let values = group.values.into_iter().map(|value| {
            let swatch = value.is_colour().then(|| {
                let fill = format!("var({})", value.name);
                view! {
                    <svg class="swatch" aria-hidden="true">
                        <rect width="100%" height="100%" fill=fill></rect>
                    </svg>
                }
            });
            view! {
                <tr>
                    <td>{swatch}</td>
                    <th scope="row">
                        <code>{value.name}</code>
                    </th>
                    <td>{value.when}</td>
                    <td class="is">{value.is}</td>
                </tr>
            }
        });
        view! {
            <div class="values">
                <table>
                    <caption>
                        <strong>{group.name}</strong>
                        " "
                        {group.about}
                    </caption>
                    <tbody>{values.collect_view()}</tbody>
                </table>
            </div>
        }
    });
    groups.collect_view().erased()
}

/// Reads the first block of a style sheet: comments that stand alone, `Name: about.`, begin a
/// group; those behind a value say when to use it.
fn read(sheet: &'static str) -> Vec<Group> {
    let begin = sheet.find(":root {").unwrap_or(0);
    let block = &sheet[begin..];
    let block = &block[..block.find("\n}").unwrap_or(block.len())];
    let mut groups: Vec<Group> = Vec::new();
    for line in block.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("/*") {
            let comment = comment.trim_end_matches("*/").trim();
            let (name, about) = comment.split_once(": ").unwrap_or((comment, ""));
            groups.push(Group {
                name,
                about,
                values: Vec::new(),
            });
        } else if let Some((name, rest)) = line.split_once(": ")
            && name.starts_with("--")
            && let Some(group) = groups.last_mut()
        {
            let (is, when) = rest.split_once(';').unwrap_or((rest, ""));
            let when = when.trim().trim_start_matches("/*");
            group.values.push(Value {
                name,
                is,
                when: when.trim_end_matches("*/").trim(),
            });
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_of_the_sheet_is_shown_with_its_words() {
        let groups = read(SHEET);
        let block = SHEET.split("\n}").next().unwrap_or_default();
        let written = block.lines().filter(|line| line.trim().starts_with("--"));
        let shown = groups.iter().flat_map(|group| &group.values);
        assert_eq!(shown.clone().count(), written.count());
        assert!(shown.clone().count() > 40);
        for value in shown {
            let is_second = value.name.starts_with("--badge-") && value.name.ends_with("-bg");
            assert!(is_second || !value.when.is_empty(), "{}", value.name);
        }
        for group in &groups {
            assert!(!group.values.is_empty(), "{}", group.name);
        }
    }

    #[test]
    fn a_value_is_read_with_its_group() {
        let groups =
            read("x\n:root {\n  /* Lines: what parts. */\n  --line: 1px; /* rows */\n}\n--no: 1;");
        assert_eq!(
            groups,
            [Group {
                name: "Lines",
                about: "what parts.",
                values: vec![Value {
                    name: "--line",
                    is: "1px",
                    when: "rows"
                }]
            }]
        );
    }
}
