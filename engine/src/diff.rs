//! The steps from one list to another.

use hashbrown::HashMap;

use crate::{
    record::Key,
    rows::{RowId, Rows},
};

/// One step, applied to the list as the step before left it.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// The row leaves.
    Remove(RowId),
    /// The row goes to this index, counted after the move.
    Move(RowId, usize),
    /// The row enters at this index.
    Insert(RowId, usize),
    /// The row changes where it stands.
    Update {
        /// As the list held it.
        old: RowId,
        /// As it is now.
        new: RowId,
    },
}

/// The steps that turn `old` into `new`, with as few moves as possible.
///
/// A row that stands in both lists is moved only if it is not part of a longest run of rows
/// that kept their relative order. Keys are unique within a list.
pub fn diff(old: &[RowId], new: &[RowId], rows: &Rows) -> Vec<Step> {
    let mut steps = Vec::new();
    let is_one = |a: &RowId, b: &RowId| a == b || rows.get(*a).key() == rows.get(*b).key();
    let prefix = old
        .iter()
        .zip(new)
        .take_while(|(a, b)| is_one(a, b))
        .count();
    let suffix = old[prefix..]
        .iter()
        .rev()
        .zip(new[prefix..].iter().rev())
        .take_while(|(a, b)| is_one(a, b))
        .count();
    let old_middle = &old[prefix..old.len() - suffix];
    let new_middle = &new[prefix..new.len() - suffix];
    if !shifted(prefix, old_middle, new_middle, rows, &mut steps) {
        rearrange(prefix, old_middle, new_middle, rows, &mut steps);
    }

    let updates_outside = old[..prefix].iter().zip(&new[..prefix]).chain(
        old[old.len() - suffix..]
            .iter()
            .zip(&new[new.len() - suffix..]),
    );
    for (old, new) in updates_outside {
        push_update(*old, *new, rows, &mut steps);
    }
    steps
}

/// The steps where all rows but one or two only made room: what most changes come to. `false`
/// if it is not so.
fn shifted(
    offset: usize,
    old: &[RowId],
    new: &[RowId],
    rows: &Rows,
    steps: &mut Vec<Step>,
) -> bool {
    match (old, new) {
        ([], _) => {
            let entering = new.iter().enumerate();
            steps.extend(entering.map(|(at, id)| Step::Insert(*id, offset + at)));
        }
        (_, []) => steps.extend(old.iter().map(|id| Step::Remove(*id))),
        ([first, towards @ ..], [back @ .., last]) if towards == back => {
            turned(*first, *last, offset + back.len(), rows, steps);
        }
        ([back @ .., last], [first, towards @ ..]) if towards == back => {
            turned(*last, *first, offset, rows, steps);
        }
        _ => return false,
    }
    true
}

/// One row left one end and one stands at the other end, at `to`: the same or another.
fn turned(old: RowId, new: RowId, to: usize, rows: &Rows, steps: &mut Vec<Step>) {
    if rows.get(old).key() == rows.get(new).key() {
        steps.push(Step::Move(new, to));
        push_update(old, new, rows, steps);
    } else {
        steps.push(Step::Remove(old));
        steps.push(Step::Insert(new, to));
    }
}

fn rearrange(offset: usize, old: &[RowId], new: &[RowId], rows: &Rows, steps: &mut Vec<Step>) {
    let key = |id: &RowId| rows.get(*id).key();
    let places = |ids: &[RowId]| -> HashMap<&Key, usize> {
        ids.iter()
            .enumerate()
            .map(|(at, id)| (key(id), at))
            .collect()
    };
    let (old_places, new_places) = (places(old), places(new));

    let mut working: Vec<&Key> = Vec::with_capacity(old.len());
    for id in old {
        if new_places.contains_key(key(id)) {
            working.push(key(id));
        } else {
            steps.push(Step::Remove(*id));
        }
    }

    // Rows of both lists, in the new order, by their old places: those outside a longest
    // increasing run have to move. Each goes right behind its predecessor, so that after
    // each move the rows handled so far stand in their new relative order.
    let kept: Vec<(RowId, usize)> = new
        .iter()
        .filter_map(|id| old_places.get(key(id)).map(|&at| (*id, at)))
        .collect();
    let stays = longest_increasing(kept.iter().map(|(_, at)| *at));
    let mut predecessor: Option<&Key> = None;
    for (nth, (id, _)) in kept.iter().enumerate() {
        if !stays[nth] {
            let from = place(&working, key(id));
            working.remove(from);
            let to = predecessor.map_or(0, |key| place(&working, key) + 1);
            working.insert(to, key(id));
            steps.push(Step::Move(*id, offset + to));
        }
        predecessor = Some(key(id));
    }

    for (at, id) in new.iter().enumerate() {
        match old_places.get(key(id)) {
            None => steps.push(Step::Insert(*id, offset + at)),
            Some(&was) => push_update(old[was], *id, rows, steps),
        }
    }
}

fn push_update(old: RowId, new: RowId, rows: &Rows, steps: &mut Vec<Step>) {
    if old != new && !rows.get(old).same(rows.get(new)) {
        steps.push(Step::Update { old, new });
    }
}

/// Where a key stands. Every key that is looked for is in the list: `working` holds exactly
/// the keys of `kept`.
fn place(working: &[&Key], key: &Key) -> usize {
    working
        .iter()
        .position(|other| *other == key)
        .unwrap_or(working.len())
}

/// Which elements belong to one longest strictly increasing subsequence.
fn longest_increasing(sequence: impl ExactSizeIterator<Item = usize>) -> Vec<bool> {
    let values: Vec<usize> = sequence.collect();
    let mut tails: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; values.len()];
    for (at, &value) in values.iter().enumerate() {
        let length = tails.partition_point(|&tail| values[tail] < value);
        before[at] = length.checked_sub(1).map(|shorter| tails[shorter]);
        if length == tails.len() {
            tails.push(at);
        } else {
            tails[length] = at;
        }
    }
    let mut chosen = vec![false; values.len()];
    let mut next = tails.last().copied();
    while let Some(at) = next {
        chosen[at] = true;
        next = before[at];
    }
    chosen
}
