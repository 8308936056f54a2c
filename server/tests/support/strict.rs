//! What a client that is strict about the protocol makes of a patch.
//!
//! A change that it is told twice, or not at all, shows as a contradiction or as a list that is
//! not what its SQL says.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use rowcast_protocol::{
    ApiError, Cell, Column, ColumnKind, Cursor, RowKey,
    list::List,
    message::{Op, Patch, Row},
};

pub fn cursor(text: &str) -> Result<Cursor, String> {
    text.parse().map_err(|_| format!("{text} is not a cursor"))
}

/// Whether a subscription has ended for a reason that passes.
pub fn is_passing(error: &ApiError) -> bool {
    matches!(
        error.code.as_str(),
        "database_unavailable" | "stopping" | "too_slow" | "catalog_changed"
    )
}

/// Applies a patch that has to take the list to another, later version, and each of whose
/// steps has to change something.
pub fn apply(list: &mut List, columns: &[Column], mut patch: Patch) -> Result<(), String> {
    let (from, to) = (cursor(&list.cursor)?, cursor(&patch.cursor)?);
    let is_back = !to.snapshot.covers(&from.snapshot) || to.moment < from.moment;
    if from.epoch != to.epoch || is_back {
        return Err(format!("a patch leads from {} back", list.cursor));
    }
    if from.snapshot.covers(&to.snapshot) && from.moment >= to.moment {
        return Err(format!("a second patch for {}", list.cursor));
    }
    if patch.ops.is_empty() && patch.total == list.total && patch.aggregates.is_empty() {
        return Err("a patch that changes nothing".to_owned());
    }
    for op in std::mem::take(&mut patch.ops) {
        if changes_nothing(list, columns, &op) {
            return Err(format!("a step that changes nothing: {op:?}"));
        }
        patch.ops = vec![op];
        let step = Patch {
            aggregates: Vec::new(),
            ..patch.clone()
        };
        list.apply(&step).map_err(|misfit| misfit.to_string())?;
    }
    for (at, value) in &patch.aggregates {
        let held = list.aggregates.get(usize::from(*at));
        if held.is_some_and(|held| held.value == *value) {
            return Err("an aggregate that is what it was".to_owned());
        }
    }
    patch.ops.clear();
    list.apply(&patch).map_err(|misfit| misfit.to_string())
}

fn changes_nothing(list: &List, columns: &[Column], op: &Op) -> bool {
    let position = |key: &RowKey| list.rows.iter().position(|row| row.key == *key);
    match op {
        Op::Insert { .. } | Op::Remove { .. } => false,
        Op::Move { key, to } => position(key) == Some(*to as usize),
        Op::Update { key, cells } => position(key).is_some_and(|at| {
            let old: &[Cell] = &list.rows[at].cells;
            let same = |(column, new): &(u16, Cell)| {
                let at = usize::from(*column);
                // In JSON, NULL and the null of a json column look alike.
                let is_json = columns
                    .get(at)
                    .is_some_and(|of| of.kind == ColumnKind::Json);
                let may_differ = is_json && *new == Cell::Null;
                !may_differ && old.get(at) == Some(new)
            };
            cells.is_empty() || cells.iter().any(same)
        }),
    }
}

#[test]
fn only_in_json_may_null_become_null() {
    let column = |kind| Column {
        name: String::new(),
        type_name: String::new(),
        kind,
        nullable: true,
        has_default: false,
        generated: false,
        labels: Vec::new(),
        references: None,
        comment: None,
    };
    let columns = [column(ColumnKind::Text), column(ColumnKind::Json)];
    let key = RowKey::new([Cell::integer(7)]);
    let list = List {
        rows: vec![Row {
            key: key.clone(),
            cells: vec![Cell::Null, Cell::Null],
        }],
        total: 1,
        aggregates: Vec::new(),
        cursor: String::new(),
    };
    let to_null = |column| Op::Update {
        key: key.clone(),
        cells: vec![(column, Cell::Null)],
    };
    assert!(changes_nothing(&list, &columns, &to_null(0)));
    assert!(!changes_nothing(&list, &columns, &to_null(1)));
}
