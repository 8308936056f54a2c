//! How a reader has laid out the columns, as the address writes it.

use rowcast_protocol::query::RESERVED_MARK;

use super::look::{self, Looks};
use crate::address::{decode, encode};

/// The narrowest a column is made, in CSS pixels.
pub const NARROWEST: u32 = 40;
/// The widest a column is made, in CSS pixels.
pub const WIDEST: u32 = 2000;

/// What the reader has chosen for a table's columns.
///
/// As text, `~columns=title:240,amount:120!,-notes&~density=compact`: the columns in their
/// order, each with its width in CSS pixels if it has one, `!` where it is pinned, `-` where
/// it is hidden. A column that isn't named follows those that are, as the query has it.
/// `~charts=status,amount` are the columns that charts are shown of, in their order; how columns
/// look is written as [`Looks`] does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The columns that something was chosen for, in order. No name stands twice.
    pub columns: Vec<Placed>,
    /// How much room rows take.
    pub density: Density,
    /// What columns are called and shown as.
    pub looks: Looks,
    /// The columns that charts are shown of; `None` where the charts aren't open.
    pub charts: Option<Vec<String>>,
}

/// The parameters that say so, beside those of [`look`].
const PARAMETERS: [&str; 3] = ["~columns", "~density", "~charts"];

/// What was chosen for one column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// Its name.
    pub name: String,
    /// Its width in CSS pixels; none is the one that its values ask for.
    pub width: Option<u32>,
    /// Whether it stays in sight, before all that don't.
    pub pinned: bool,
    /// Whether it isn't shown.
    pub hidden: bool,
}

/// How much room rows take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Density {
    /// Room to read and to touch.
    #[default]
    Comfortable,
    /// As many rows as can be told apart.
    Compact,
}

impl Layout {
    /// Reads the parameters of an address that are about the layout, and skips all others.
    /// What can't be read is as if it weren't there: a layout is no reason to show no rows.
    pub fn parse(query: &str) -> Self {
        let mut layout = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match &*decode(name) {
                "~columns" => {
                    for text in value.split(',').filter(|text| !text.is_empty()) {
                        let placed = Placed::parse(text);
                        if layout.place(&placed.name).is_none() {
                            layout.columns.push(placed);
                        }
                    }
                }
                "~density" if value == "compact" => layout.density = Density::Compact,
                "~charts" => {
                    let names = value.split(',').filter(|text| !text.is_empty());
                    let charts = layout.charts.get_or_insert_default();
                    for name in names.map(decode) {
                        if !charts.contains(&name) {
                            charts.push(name);
                        }
                    }
                }
                name => layout.looks.read(name, value),
            }
        }
        layout
    }

    /// The text that [`Layout::parse`] reads; empty if nothing was chosen.
    pub fn to_query_string(&self) -> String {
        let mut parts = Vec::new();
        let mut columns = String::new();
        for column in &self.columns {
            columns.push_str(if columns.is_empty() { "~columns=" } else { "," });
            column.write(&mut columns);
        }
        if !columns.is_empty() {
            parts.push(columns);
        }
        if self.density == Density::Compact {
            parts.push("~density=compact".to_owned());
        }
        parts.extend(self.looks.parameters());
        if let Some(charts) = &self.charts {
            let names: Vec<String> = charts.iter().map(|name| encode(name)).collect();
            parts.push(format!("~charts={}", names.join(",")));
        }
        parts.join("&")
    }

    /// Parameters about how rows are shown, with this layout in place of the one they have.
    pub fn written_over(&self, parameters: &str) -> String {
        let is_other = |pair: &&str| {
            let name = decode(pair.split_once('=').map_or(*pair, |(name, _)| name));
            let own = PARAMETERS.contains(&&*name) || look::PARAMETERS.contains(&&*name);
            !pair.is_empty() && !own
        };
        let mut parts: Vec<&str> = parameters.split('&').filter(is_other).collect();
        let own = self.to_query_string();
        if !own.is_empty() {
            parts.push(&own);
        }
        parts.join("&")
    }

    /// What was chosen for a column, if anything was.
    pub fn place(&self, name: &str) -> Option<&Placed> {
        self.columns.iter().find(|placed| placed.name == name)
    }

    /// The positions of the columns that are shown, in the order they are shown in, and how
    /// many of them are pinned, at least one: the first shown says which row one is in.
    pub fn arrange(&self, names: &[&str]) -> (Vec<usize>, usize) {
        let (mut pinned, mut others) = (Vec::new(), Vec::new());
        let chosen = self.columns.iter().filter_map(|placed| {
            let at = names.iter().position(|name| *name == placed.name)?;
            Some((at, placed))
        });
        for (at, placed) in chosen {
            match (placed.hidden, placed.pinned) {
                (true, _) => {}
                (false, true) => pinned.push(at),
                (false, false) => others.push(at),
            }
        }
        others.extend((0..names.len()).filter(|at| self.place(names[*at]).is_none()));
        let count = pinned.len();
        pinned.append(&mut others);
        let pins = count.max(1).min(pinned.len());
        (pinned, pins)
    }

    /// Changes what is chosen for a column of those called `names`. Whatever a change is
    /// about, the order of all columns stays as it is shown.
    pub fn change(&mut self, names: &[&str], name: &str, change: impl FnOnce(&mut Placed)) {
        self.name_all(names);
        if let Some(placed) = self.columns.iter_mut().find(|placed| placed.name == name) {
            change(placed);
        }
        self.forget_defaults(names);
    }

    /// Puts the column `name` where `before` is, or at the end. There it is pinned exactly if
    /// what stands there is.
    pub fn put_before(&mut self, names: &[&str], name: &str, before: Option<&str>) {
        let pinned = before
            .and_then(|before| self.place(before))
            .is_some_and(|before| before.pinned);
        self.put(names, name, before, pinned);
    }

    /// Moves a column past its next shown neighbour, to the right or to the left.
    pub fn shift(&mut self, names: &[&str], name: &str, right: bool) {
        let (order, _) = self.arrange(names);
        let Some(at) = order.iter().position(|of| names[*of] == name) else {
            return;
        };
        let name_at = |at: usize| order.get(at).map(|of| names[*of]);
        let neighbour = if right {
            name_at(at + 1)
        } else {
            at.checked_sub(1).and_then(name_at)
        };
        let Some(neighbour) = neighbour else { return };
        let pinned = self.place(neighbour).is_some_and(|of| of.pinned);
        let before = if right {
            name_at(at + 2)
        } else {
            Some(neighbour)
        };
        self.put(names, name, before, pinned);
    }

    fn put(&mut self, names: &[&str], name: &str, before: Option<&str>, pinned: bool) {
        self.name_all(names);
        let at = |columns: &[Placed], name| columns.iter().position(|of| of.name == name);
        let Some(from) = at(&self.columns, name).filter(|_| before != Some(name)) else {
            return;
        };
        let mut moved = self.columns.remove(from);
        moved.pinned = pinned;
        let to = before.and_then(|before| at(&self.columns, before));
        let to = to.unwrap_or(self.columns.len());
        self.columns.insert(to, moved);
        self.forget_defaults(names);
    }

    /// Names every column, in the order they are shown, hidden ones where they were.
    fn name_all(&mut self, names: &[&str]) {
        for name in names {
            if self.place(name).is_none() {
                self.columns.push(Placed {
                    name: (*name).to_owned(),
                    ..Placed::default()
                });
            }
        }
        // Pinned columns come first in what is shown, so that they do in the text.
        let placed = std::mem::take(&mut self.columns);
        let (pinned, others): (Vec<_>, Vec<_>) = placed.into_iter().partition(|of| of.pinned);
        self.columns = pinned;
        self.columns.extend(others);
    }

    /// Leaves out what says no more than silence does: plain columns at the end that stand
    /// in the query's own order.
    fn forget_defaults(&mut self, names: &[&str]) {
        loop {
            let Some(last) = self.columns.last() else {
                return;
            };
            let plain = last.width.is_none() && !last.pinned && !last.hidden;
            let kept = &self.columns[..self.columns.len() - 1];
            // Unnamed ones follow in the query's order: it has to be the one before them all.
            let Some(at) = names.iter().position(|name| *name == last.name) else {
                return;
            };
            let first_unnamed = names
                .iter()
                .enumerate()
                .find(|(_, name)| !kept.iter().any(|of| of.name == **name) && last.name != **name);
            if !plain || first_unnamed.is_some_and(|(unnamed, _)| unnamed < at) {
                return;
            }
            self.columns.pop();
        }
    }
}

impl Placed {
    fn parse(text: &str) -> Self {
        let (text, hidden) = match text.strip_prefix('-') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let (text, pinned) = match text.strip_suffix('!') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let (name, width) = text.split_once(':').unwrap_or((text, ""));
        Self {
            name: decode(name),
            width: width
                .parse()
                .ok()
                .map(|width: u32| width.clamp(NARROWEST, WIDEST)),
            pinned,
            hidden,
        }
    }

    fn write(&self, out: &mut String) {
        if self.hidden {
            out.push('-');
        }
        // What begins as if it were hidden is told apart by an escape.
        match self.name.strip_prefix('-') {
            Some(rest) => {
                out.push_str("%2D");
                out.push_str(&encode(rest));
            }
            None => out.push_str(&encode(&self.name)),
        }
        if let Some(width) = self.width {
            out.push(':');
            out.push_str(&width.to_string());
        }
        if self.pinned {
            out.push('!');
        }
    }
}

/// The parameters of an address that are about how rows are shown, layout included, as they
/// are written there. They begin with `~`; the query grammar skips them.
pub fn shown_parameters(query: &str) -> String {
    let own = |pair: &&str| decode(pair).starts_with(RESERVED_MARK);
    query.split('&').filter(own).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["id", "title", "notes", "due"];

    fn order(layout: &Layout) -> String {
        let (order, pins) = layout.arrange(&NAMES);
        let names: Vec<_> = order.iter().map(|at| NAMES[*at]).collect();
        format!("{pins}: {}", names.join(" "))
    }

    #[test]
    fn a_layout_survives_its_address() {
        let text = "~columns=title:240,amount:120!,-notes&~density=compact";
        let layout = Layout::parse(text);
        assert_eq!(layout.to_query_string(), text);
        assert_eq!(layout.columns[1].width, Some(120));
        assert!(layout.columns[1].pinned && layout.columns[2].hidden);
        for name in ["-a", "a,b:1!", "ü ~", "!", ":", "-"] {
            let layout = Layout {
                columns: vec![Placed {
                    name: name.to_owned(),
                    width: Some(99),
                    pinned: true,
                    hidden: true,
                }],
                ..Layout::default()
            };
            assert_eq!(Layout::parse(&layout.to_query_string()), layout, "{name}");
        }
    }

    #[test]
    fn charts_and_looks_are_part_of_it() {
        let text = "~columns=b:90&~labels=a:A&~format=a:bytes&~charts=a%2Cb,c";
        let layout = Layout::parse(text);
        assert_eq!(layout.to_query_string(), text);
        assert_eq!(
            layout.charts.as_deref(),
            Some(&["a,b".to_owned(), "c".to_owned()][..])
        );
        // Open, and none chosen, is something else than closed.
        assert_eq!(Layout::parse("~charts").to_query_string(), "~charts=");
        assert_eq!(layout.written_over(""), text);
    }

    #[test]
    fn what_can_t_be_read_is_not_there() {
        let layout = Layout::parse("a=eq.1&~columns=title:wide,,title:90,id:1&~density=huge");
        assert_eq!(layout.to_query_string(), "~columns=title,id:40");
    }

    #[test]
    fn unnamed_columns_follow_in_the_order_of_the_query() {
        assert_eq!(order(&Layout::default()), "1: id title notes due");
        assert_eq!(
            order(&Layout::parse("~columns=due,-title")),
            "1: due id notes"
        );
        assert_eq!(
            order(&Layout::parse("~columns=due,notes!,gone")),
            "1: notes due id title"
        );
    }

    #[test]
    fn hiding_and_widening_leave_the_order_alone() {
        let mut layout = Layout::default();
        layout.change(&NAMES, "title", |of| of.hidden = true);
        assert_eq!(layout.to_query_string(), "~columns=id,-title");
        assert_eq!(order(&layout), "1: id notes due");
        layout.change(&NAMES, "title", |of| of.hidden = false);
        assert_eq!(layout, Layout::default());
        layout.change(&NAMES, "due", |of| of.width = Some(200));
        assert_eq!(layout.to_query_string(), "~columns=id,title,notes,due:200");
    }

    #[test]
    fn columns_move_one_place_at_a_time_and_past_hidden_ones() {
        let mut layout = Layout::parse("~columns=id,-title");
        layout.shift(&NAMES, "id", true);
        assert_eq!(order(&layout), "1: notes id due");
        layout.shift(&NAMES, "id", true);
        assert_eq!(order(&layout), "1: notes due id");
        layout.shift(&NAMES, "id", true);
        layout.shift(&NAMES, "notes", false);
        assert_eq!(order(&layout), "1: notes due id");
        layout.shift(&NAMES, "id", false);
        layout.shift(&NAMES, "id", false);
        assert_eq!(order(&layout), "1: id notes due");
    }

    #[test]
    fn a_column_put_among_pinned_ones_is_pinned() {
        let mut layout = Layout::default();
        layout.change(&NAMES, "notes", |of| of.pinned = true);
        assert_eq!(order(&layout), "1: notes id title due");
        layout.put_before(&NAMES, "due", Some("notes"));
        assert_eq!(order(&layout), "2: due notes id title");
        layout.put_before(&NAMES, "due", None);
        assert_eq!(order(&layout), "1: notes id title due");
    }

    #[test]
    fn what_others_say_about_showing_stays() {
        let layout = Layout::parse("~columns=b");
        assert_eq!(
            layout.written_over("~columns=a&~other=x&~density=compact&~format=a:bytes"),
            "~other=x&~columns=b"
        );
    }

    #[test]
    fn only_what_is_about_showing_is_kept_of_an_address() {
        assert_eq!(
            shown_parameters("a=eq.1&~columns=x&limit=5&%7Edensity=compact"),
            "~columns=x&%7Edensity=compact"
        );
    }
}
