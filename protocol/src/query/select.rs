//! What a query shows: columns, and columns of the rows that foreign keys refer to.

use std::{collections::HashSet, fmt};

use super::{
    MAX_EMBEDS, Query,
    print::name,
    scan::{self, Scanner},
};
use crate::ApiError;

/// One member of a query's `select`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Selected {
    /// `*`: all columns of the table.
    All,
    /// A column of the table.
    Column(String),
    /// Columns of a row that the table's row refers to.
    Embed(Embed),
}

/// `alias:target!hint(column,other)`: columns of the row that a foreign key refers to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Embed {
    /// What the embedding is called, if not like its target.
    pub alias: Option<String>,
    /// The table that is referred to, or the column that refers to it.
    pub target: String,
    /// Which foreign key, where several refer to that table: its column, or its name.
    pub hint: Option<String>,
    /// Columns of that table; `None` is all of them. Never empty.
    pub columns: Option<Vec<String>>,
}

impl Embed {
    /// What the embedding is called.
    pub fn name(&self) -> &str {
        self.alias.as_ref().unwrap_or(&self.target)
    }

    /// What a column of it is called among the query's columns: `assignee.name`.
    pub fn column(&self, column: &str) -> String {
        scan::embedded(self.name(), column)
    }
}

impl Query {
    /// The embeddings, in the order in which they are selected.
    pub fn embeds(&self) -> impl Iterator<Item = &Embed> {
        let selected = self.select.iter().flatten();
        selected.filter_map(|selected| match selected {
            Selected::Embed(embed) => Some(embed),
            Selected::All | Selected::Column(_) => None,
        })
    }

    /// The embedding that a column of this name is of, and its name there.
    pub fn embedded<'a>(&self, column: &'a str) -> Option<(&Embed, &'a str)> {
        self.embeds().find_map(|embed| {
            let of = column.strip_prefix(embed.name())?.strip_prefix('.')?;
            (!of.is_empty()).then_some((embed, of))
        })
    }
}

/// Reads the value of `select`. What is said twice is shown once.
pub fn parse(text: &str) -> Result<Option<Vec<Selected>>, ApiError> {
    if text.is_empty() {
        return Ok(None);
    }
    let mut selected = Vec::new();
    let mut known = HashSet::new();
    let mut scanner = Scanner::new(text, true);
    loop {
        scanner.skip_blanks();
        let member = member(&mut scanner).map_err(wrong)?;
        if known.insert(member.clone()) {
            selected.push(member);
        }
        if !scanner.take(',') {
            scanner.end().map_err(wrong)?;
            break;
        }
    }
    let embeds = selected
        .iter()
        .filter(|selected| matches!(selected, Selected::Embed(_)));
    if embeds.count() > MAX_EMBEDS {
        return Err(scan::too_large(format!(
            "more than {MAX_EMBEDS} embedded tables"
        )));
    }
    Ok((selected != [Selected::All]).then_some(selected))
}

fn wrong(error: ApiError) -> ApiError {
    ApiError::new(
        "invalid_select",
        error.message,
        "select=column,other, relation(column) or alias:relation!foreign_key(column); nothing for all",
    )
}

fn member(scanner: &mut Scanner<'_>) -> Result<Selected, ApiError> {
    if let Some(embed) = embed(scanner)? {
        return Ok(Selected::Embed(embed));
    }
    let quoted = scanner.is_at_quote();
    let column = scanner.name(&['.', ','])?;
    Ok(if column == "*" && !quoted {
        Selected::All
    } else {
        Selected::Column(column)
    })
}

/// Reads an embedding; `None`, and nothing is read, where no parenthesis makes it one.
fn embed(scanner: &mut Scanner<'_>) -> Result<Option<Embed>, ApiError> {
    const ENDS: [char; 5] = [',', '(', ')', ':', '!'];
    let mut ahead = *scanner;
    let Ok(mut target) = ahead.name(&ENDS) else {
        return Ok(None);
    };
    let (mut alias, mut hint) = (None, None);
    if ahead.take(':') {
        let Ok(aliased) = ahead.name(&ENDS) else {
            return Ok(None);
        };
        alias = Some(std::mem::replace(&mut target, aliased));
    }
    if ahead.take('!') {
        let Ok(name) = ahead.name(&ENDS) else {
            return Ok(None);
        };
        hint = Some(name);
    }
    if !ahead.take('(') {
        return Ok(None);
    }
    let columns = columns(&mut ahead)?;
    *scanner = ahead;
    Ok(Some(Embed {
        alias,
        target,
        hint,
        columns,
    }))
}

/// Reads what stands in an embedding's parentheses, the closing one included.
fn columns(scanner: &mut Scanner<'_>) -> Result<Option<Vec<String>>, ApiError> {
    let mut columns = Vec::new();
    let mut all = false;
    loop {
        scanner.skip_blanks();
        let quoted = scanner.is_at_quote();
        let column = scanner.name(&[',', '(', ')'])?;
        if column == "*" && !quoted {
            all = true;
        } else if !columns.contains(&column) {
            columns.push(column);
        }
        if scanner.take(')') {
            return Ok((!all).then_some(columns));
        }
        if !scanner.take(',') {
            return Err(scanner.expected(", or ), for embedding goes one level deep"));
        }
    }
}

impl fmt::Display for Selected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Column(column) => f.write_str(&name(column)),
            Self::Embed(embed) => embed.fmt(f),
        }
    }
}

impl fmt::Display for Embed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(alias) = &self.alias {
            write!(f, "{}:", name(alias))?;
        }
        f.write_str(&name(&self.target))?;
        if let Some(hint) = &self.hint {
            write!(f, "!{}", name(hint))?;
        }
        let columns = match &self.columns {
            None => "*".to_owned(),
            Some(columns) => {
                let columns: Vec<String> = columns.iter().map(|column| name(column)).collect();
                columns.join(",")
            }
        };
        write!(f, "({columns})")
    }
}
