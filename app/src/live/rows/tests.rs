use super::*;
use rowcast_protocol::{ColumnKind, list::List};

fn column(name: &str) -> Column {
    Column {
        name: name.to_owned(),
        type_name: "bigint".to_owned(),
        kind: ColumnKind::Integer,
        nullable: false,
        has_default: false,
        generated: false,
        labels: Vec::new(),
        references: None,
        comment: None,
    }
}

fn row(key: i64, value: i64) -> Row {
    Row {
        key: RowKey::new([Cell::integer(key)]),
        cells: vec![Cell::integer(key), Cell::integer(value)],
    }
}

fn snapshot(rows: Vec<Row>) -> Snapshot {
    Snapshot {
        columns: vec![column("id"), column("value")],
        key: vec!["id".to_owned()],
        total: rows.len() as u64,
        rows,
        aggregates: Vec::new(),
        cursor: String::new(),
    }
}

fn patch(ops: Vec<Op>, total: u64) -> Patch {
    Patch {
        ops,
        total,
        aggregates: Vec::new(),
        cursor: String::new(),
        changed_at: 0,
    }
}

fn shown(rows: &Rows) -> Vec<Row> {
    rows.list
        .read_untracked()
        .iter()
        .map(|row| Row {
            key: row.key.clone(),
            cells: row
                .cells
                .iter()
                .map(|cell| cell.read_untracked().cell.clone())
                .collect(),
        })
        .collect()
}

/// Numbers below `limit` that look random and are the same every time.
fn numbers() -> impl FnMut(usize) -> usize {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    move |limit| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % limit.max(1) as u64).unwrap_or(0)
    }
}

#[test]
fn patches_do_to_the_page_what_they_do_to_the_list() {
    let owner = Owner::new();
    owner.set();
    let first = snapshot((0..8).map(|key| row(key, 0)).collect());
    let rows = Rows::new(Some(&first));
    let mut list = List::new(first);
    let mut below = numbers();
    let mut next_key = 100;
    for turn in 0..2_000 {
        let length = list.rows.len();
        let at = below(length);
        let op = match below(4) {
            0 if length > 0 => Op::Update {
                key: list.rows[at].key.clone(),
                cells: vec![(1, Cell::integer(turn))],
            },
            1 if length > 0 => Op::Move {
                key: list.rows[at].key.clone(),
                to: below(length) as u32,
            },
            2 if length > 3 => Op::Remove {
                key: list.rows[at].key.clone(),
            },
            _ => {
                next_key += 1;
                Op::Insert {
                    at: below(length + 1) as u32,
                    row: row(next_key, turn),
                }
            }
        };
        let patch = patch(vec![op], list.rows.len() as u64);
        assert_eq!(list.apply(&patch), Ok(()));
        assert_eq!(rows.apply(&[patch], &mut Marks::default()), Ok(()));
        assert_eq!(shown(&rows), list.rows);
        assert_eq!(rows.total.get_untracked(), Some(list.total));
    }
}

#[test]
fn a_change_marks_its_cell_until_the_mark_is_taken_off() {
    let owner = Owner::new();
    owner.set();
    let rows = Rows::new(Some(&snapshot(vec![row(1, 0), row(2, 0)])));
    let cell = rows.list.read_untracked()[0].cells[1].clone();
    let change = |value| {
        let update = Op::Update {
            key: RowKey::new([Cell::integer(1)]),
            cells: vec![(1, Cell::integer(value))],
        };
        let mut marks = Marks::default();
        assert_eq!(rows.apply(&[patch(vec![update], 2)], &mut marks), Ok(()));
        marks
    };
    let first = change(1);
    let second = change(2);
    assert!(change(2).is_empty());
    first.clear();
    assert_ne!(cell.read_untracked().mark, 0, "a later change is marked");
    second.clear();
    assert_eq!(cell.read_untracked().mark, 0);
}

#[test]
fn a_snapshot_keeps_the_signals_of_rows_that_stay() {
    let owner = Owner::new();
    owner.set();
    let rows = Rows::new(Some(&snapshot(vec![row(1, 0), row(2, 0)])));
    let (id, cell) = {
        let list = rows.list.read_untracked();
        (list[1].id, list[1].cells[1].clone())
    };
    rows.replace(&snapshot(vec![row(2, 7), row(3, 0)]));
    assert_eq!(rows.list.read_untracked()[0].id, id);
    assert_eq!(cell.read_untracked().cell, Cell::integer(7));
    let mut altered = snapshot(vec![row(2, 7)]);
    altered.columns[1] = column("renamed");
    rows.replace(&altered);
    assert_ne!(rows.list.read_untracked()[0].id, id);
}

#[test]
fn a_patch_that_does_not_fit_is_refused() {
    let owner = Owner::new();
    owner.set();
    let rows = Rows::new(Some(&snapshot(vec![row(1, 0)])));
    let refused = |op| rows.apply(&[patch(vec![op], 1)], &mut Marks::default());
    let unknown = RowKey::new([Cell::integer(9)]);
    assert_eq!(
        refused(Op::Remove { key: unknown }),
        Err(Misfit::UnknownKey)
    );
    assert_eq!(
        refused(Op::Insert {
            at: 5,
            row: row(2, 0)
        }),
        Err(Misfit::Index)
    );
    assert_eq!(
        refused(Op::Insert {
            at: 0,
            row: row(1, 0)
        }),
        Err(Misfit::KnownKey)
    );
}

fn update(key: i64, value: i64) -> Patch {
    let op = Op::Update {
        key: RowKey::new([Cell::integer(key)]),
        cells: vec![(1, Cell::integer(value))],
    };
    patch(vec![op], 1)
}

#[test]
fn what_was_written_is_shown_until_the_stream_brings_it_or_newer() {
    let owner = Owner::new();
    owner.set();
    let rows = Rows::new(Some(&snapshot(vec![row(1, 10)])));
    let cell = rows.list.read_untracked()[0].cells[1].clone();
    let shown = || cell.read_untracked().shown().clone();
    let bring = |value| {
        rows.apply(&[update(1, value)], &mut Marks::default())
            .expect("the row is there");
    };

    // The answer comes before the stream, and says what a trigger made of it.
    write(&cell, Cell::integer(20));
    assert_eq!(shown(), Cell::integer(20));
    written(&cell, &Cell::integer(20), Cell::integer(21));
    assert_eq!(shown(), Cell::integer(21));
    bring(21);
    assert!(cell.read_untracked().edit.is_none());

    // The stream comes before the answer, and brings someone else's later change as well.
    write(&cell, Cell::integer(30));
    bring(30);
    bring(31);
    assert_eq!(shown(), Cell::integer(30));
    written(&cell, &Cell::integer(30), Cell::integer(30));
    assert_eq!(shown(), Cell::integer(31));
}

#[test]
fn a_write_that_is_refused_leaves_what_was_written_after_it() {
    let owner = Owner::new();
    owner.set();
    let rows = Rows::new(Some(&snapshot(vec![row(1, 10)])));
    let cell = rows.list.read_untracked()[0].cells[1].clone();
    write(&cell, Cell::integer(20));
    write(&cell, Cell::integer(30));
    take_back(&cell, &Cell::integer(20));
    assert_eq!(*cell.read_untracked().shown(), Cell::integer(30));
    take_back(&cell, &Cell::integer(30));
    assert_eq!(*cell.read_untracked().shown(), Cell::integer(10));
}
