//! Filters while they are made: a tree of groups and conditions, each part a signal of its own.

use leptos::prelude::*;
use rowcast_protocol::{
    Column,
    query::{Filter, MAX_DEPTH},
};

use crate::filter::{Choice, kind_of};

/// How the members of a group make it hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// All hold.
    All,
    /// Any holds.
    Any,
    /// None holds.
    None,
    /// Not all hold.
    NotAll,
}

impl Way {
    /// Each, with the word that it is chosen by.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::All, "all"),
        (Self::Any, "any"),
        (Self::None, "none"),
        (Self::NotAll, "not all"),
    ];

    fn filter(self, of: Vec<Filter>) -> Filter {
        let negated = matches!(self, Self::None | Self::NotAll);
        match self {
            Self::All | Self::NotAll => Filter::And { negated, of },
            Self::Any | Self::None => Filter::Or { negated, of },
        }
    }
}

/// A condition.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Names it in the page.
    pub id: u32,
    /// The column's name.
    pub column: RwSignal<String>,
    /// The operator.
    pub choice: RwSignal<Choice>,
    /// What it compares with, as [`Choice::test`] takes it.
    pub value: RwSignal<String>,
    /// What is wrong with it, once that was looked for.
    pub wrong: RwSignal<Option<String>>,
}

/// A group.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Names it in the page.
    pub id: u32,
    /// What makes it hold.
    pub way: RwSignal<Way>,
    /// Its members.
    pub of: RwSignal<Vec<Node>>,
}

/// A member of a group.
#[derive(Clone, Copy, Debug)]
pub enum Node {
    /// A condition.
    Line(Line),
    /// A group in the group.
    Group(Group),
}

impl Node {
    /// Names it in the page.
    pub fn id(self) -> u32 {
        match self {
            Self::Line(line) => line.id,
            Self::Group(group) => group.id,
        }
    }
}

/// Makes the parts of a tree, and numbers them.
#[derive(Clone, Copy)]
pub struct Maker {
    last: StoredValue<u32>,
}

impl Default for Maker {
    fn default() -> Self {
        Self {
            last: StoredValue::new(0),
        }
    }
}

impl Maker {
    fn id(self) -> u32 {
        self.last.update_value(|last| *last += 1);
        self.last.get_value()
    }

    /// An empty group.
    pub fn group(self, way: Way) -> Group {
        Group {
            id: self.id(),
            way: RwSignal::new(way),
            of: RwSignal::new(Vec::new()),
        }
    }

    /// A condition.
    pub fn line(self, column: &str, choice: Choice, value: String) -> Line {
        Line {
            id: self.id(),
            column: RwSignal::new(column.to_owned()),
            choice: RwSignal::new(choice),
            value: RwSignal::new(value),
            wrong: RwSignal::new(None),
        }
    }

    /// A new condition of a column.
    pub fn line_on(self, column: &Column) -> Line {
        self.line(&column.name, likeliest(column), String::new())
    }

    /// The tree of a query's filter. One group that is all of the filter is the root.
    pub fn tree(self, filter: &[Filter], columns: &[Column]) -> Group {
        let (way, of) = match filter {
            [Filter::Or { negated, of }] => (if *negated { Way::None } else { Way::Any }, &**of),
            [Filter::And { negated: true, of }] => (Way::NotAll, &**of),
            filter => (Way::All, filter),
        };
        self.group_of(way, of, columns)
    }

    fn group_of(self, way: Way, of: &[Filter], columns: &[Column]) -> Group {
        let group = self.group(way);
        let nodes = of.iter().map(|filter| self.node(filter, columns)).collect();
        group.of.set(nodes);
        group
    }

    fn node(self, filter: &Filter, columns: &[Column]) -> Node {
        match filter {
            Filter::Test(test) => {
                let (choice, value) = Choice::of(test, kind_of(&test.column, columns));
                Node::Line(self.line(&test.column, choice, value))
            }
            Filter::And { negated, of } => {
                let way = if *negated { Way::NotAll } else { Way::All };
                Node::Group(self.group_of(way, of, columns))
            }
            Filter::Or { negated, of } => {
                let way = if *negated { Way::None } else { Way::Any };
                Node::Group(self.group_of(way, of, columns))
            }
        }
    }
}

/// The likeliest operator for a column.
pub fn likeliest(column: &Column) -> Choice {
    let fitting = Choice::fitting(column.kind, column.nullable);
    fitting.first().copied().unwrap_or(Choice::Equal)
}

impl Line {
    /// Whether nothing is missing.
    pub fn is_complete(self, columns: &[Column]) -> bool {
        let kind = kind_of(&self.column.read_untracked(), columns);
        let choice = self.choice.get_untracked();
        choice.is_complete(&self.value.read_untracked(), kind)
    }

    /// The condition; whether it can be asked is said at it, and is the second.
    fn filter(self, columns: &[Column]) -> (Filter, bool) {
        let name = self.column.get_untracked();
        let test = self
            .choice
            .get_untracked()
            .test(&name, &self.value.read_untracked());
        let column = columns.iter().find(|column| column.name == name);
        let wrong = match column {
            None => Some("The table has no such column any more.".to_owned()),
            Some(_) if !self.is_complete(columns) => Some("A value is needed.".to_owned()),
            Some(column) => test.check(column).err().map(|error| {
                let mut text = error.message;
                if !error.hint.is_empty() {
                    text.push_str(". Possible: ");
                    text.push_str(&error.hint);
                }
                text
            }),
        };
        let fits = wrong.is_none();
        self.wrong.set(wrong);
        (Filter::Test(test), fits)
    }
}

impl Group {
    /// The filter of a query that the tree stands for, groups without members left out.
    ///
    /// # Errors
    /// The first condition that can't be asked; what is wrong is said at each.
    pub fn filter(self, columns: &[Column]) -> Result<Vec<Filter>, Line> {
        let mut wrong = None;
        let of = self.members(columns, &mut wrong);
        if let Some(line) = wrong {
            return Err(line);
        }
        let way = self.way.get_untracked();
        Ok(match way {
            Way::All => of,
            _ if of.is_empty() => of,
            _ => vec![way.filter(of)],
        })
    }

    fn members(self, columns: &[Column], wrong: &mut Option<Line>) -> Vec<Filter> {
        let mut out = Vec::new();
        for node in self.of.get_untracked() {
            match node {
                Node::Line(line) => {
                    let (filter, fits) = line.filter(columns);
                    if !fits {
                        wrong.get_or_insert(line);
                    }
                    out.push(filter);
                }
                Node::Group(group) => {
                    let of = group.members(columns, wrong);
                    if !of.is_empty() {
                        out.push(group.way.get_untracked().filter(of));
                    }
                }
            }
        }
        out
    }

    /// All conditions in it, from the first to the last.
    pub fn lines(self) -> Vec<Line> {
        let mut lines = Vec::new();
        for node in self.of.get_untracked() {
            match node {
                Node::Line(line) => lines.push(line),
                Node::Group(group) => lines.extend(group.lines()),
            }
        }
        lines
    }

    /// Takes out conditions that nothing was written for.
    pub fn drop_incomplete(self, columns: &[Column]) {
        self.of.write().retain(|node| match node {
            Node::Line(line) => line.is_complete(columns),
            Node::Group(group) => {
                group.drop_incomplete(columns);
                true
            }
        });
    }
}

/// Whether a group at that depth, the root's being 0, may hold groups.
pub fn may_nest(depth: usize) -> bool {
    depth + 1 < MAX_DEPTH
}

#[cfg(test)]
mod tests {
    use rowcast_protocol::{ColumnKind, query::Query};

    use super::*;

    fn columns() -> Vec<Column> {
        let column = |name: &str, kind| Column {
            name: name.to_owned(),
            type_name: "type".to_owned(),
            kind,
            nullable: true,
            has_default: false,
            generated: false,
            labels: Vec::new(),
            references: None,
            comment: None,
        };
        vec![
            column("id", ColumnKind::Integer),
            column("title", ColumnKind::Text),
            column("at", ColumnKind::TimestampTz),
        ]
    }

    fn filter(text: &str) -> Vec<Filter> {
        Query::parse(text).expect("it can be read").filter
    }

    #[test]
    fn a_filter_goes_through_the_tree_and_stays_what_it_is() {
        Owner::new().with(|| {
            for text in [
                "",
                "id=eq.1&title=ilike.*ink*",
                "or=(id.eq.1,and(title.is.null,not.or(id.gt.5,at.gte.now-15m)))",
                "not.and=(id.eq.1,id.eq.2)",
                "not.or=(id.in.(1,2),title.like.A*)",
                "id=eq.1&or=(id.eq.2,id.eq.3)",
            ] {
                let tree = Maker::default().tree(&filter(text), &columns());
                let again = tree.filter(&columns()).expect("nothing is missing");
                assert_eq!(again, filter(text), "{text}");
            }
        });
    }

    #[test]
    fn what_is_missing_or_does_not_fit_is_said_at_its_condition() {
        Owner::new().with(|| {
            let tree =
                Maker::default().tree(&filter("id=eq.&id=eq.x&id=eq.1&gone=eq.1"), &columns());
            let first = tree.filter(&columns()).expect_err("it can't be asked");
            assert_eq!(first.id, tree.lines()[0].id);
            let wrong: Vec<bool> = tree
                .lines()
                .iter()
                .map(|line| line.wrong.get_untracked().is_some())
                .collect();
            assert_eq!(wrong, [true, true, false, true]);
        });
    }

    #[test]
    fn empty_groups_ask_for_nothing() {
        Owner::new().with(|| {
            let maker = Maker::default();
            let tree = maker.tree(&filter("id=eq.1"), &columns());
            tree.of.write().push(Node::Group(maker.group(Way::Any)));
            assert_eq!(tree.filter(&columns()).ok(), Some(filter("id=eq.1")));
            let empty = maker.group(Way::None);
            assert_eq!(empty.filter(&columns()).ok(), Some(Vec::new()));
        });
    }
}
