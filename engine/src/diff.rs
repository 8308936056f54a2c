//! The steps from one list to another.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::record::{Key, Record};

/// One step, applied to the list as the step before left it.
#[derive(Clone, Debug)]
pub enum Step {
    /// The row leaves.
    Remove(Arc<Record>),
    /// The row goes to this index, counted after the move.
    Move(Arc<Record>, usize),
    /// The row enters at this index.
    Insert(Arc<Record>, usize),
    /// The row changes where it stands.
    Update {
        /// As the list held it.
        old: Arc<Record>,
        /// As it is now.
        new: Arc<Record>,
    },
}

/// The steps that turn `old` into `new`, with as few moves as possible.
///
/// A row that stands in both lists is moved only if it is not part of a longest run of rows
/// that kept their relative order. Keys are unique within a list.
pub fn diff(old: &[Arc<Record>], new: &[Arc<Record>]) -> Vec<Step> {
    let mut steps = Vec::new();
    let prefix = old
        .iter()
        .zip(new)
        .take_while(|(a, b)| a.key() == b.key())
        .count();
    let suffix = old[prefix..]
        .iter()
        .rev()
        .zip(new[prefix..].iter().rev())
        .take_while(|(a, b)| a.key() == b.key())
        .count();
    let old_middle = &old[prefix..old.len() - suffix];
    let new_middle = &new[prefix..new.len() - suffix];
    if !old_middle.is_empty() || !new_middle.is_empty() {
        rearrange(prefix, old_middle, new_middle, &mut steps);
    }

    let updates_outside = old[..prefix].iter().zip(&new[..prefix]).chain(
        old[old.len() - suffix..]
            .iter()
            .zip(&new[new.len() - suffix..]),
    );
    for (old, new) in updates_outside {
        push_update(old, new, &mut steps);
    }
    steps
}

fn rearrange(offset: usize, old: &[Arc<Record>], new: &[Arc<Record>], steps: &mut Vec<Step>) {
    let old_places: FxHashMap<&Key, usize> = old
        .iter()
        .enumerate()
        .map(|(at, record)| (record.key(), at))
        .collect();
    let new_places: FxHashMap<&Key, usize> = new
        .iter()
        .enumerate()
        .map(|(at, record)| (record.key(), at))
        .collect();

    let mut working: Vec<&Key> = Vec::with_capacity(old.len());
    for record in old {
        if new_places.contains_key(record.key()) {
            working.push(record.key());
        } else {
            steps.push(Step::Remove(Arc::clone(record)));
        }
    }

    // Rows of both lists, in the new order, by their old places: those outside a longest
    // increasing run have to move. Each goes right behind its predecessor, so that after
    // each move the rows handled so far stand in their new relative order.
    let kept: Vec<(&Arc<Record>, usize)> = new
        .iter()
        .filter_map(|record| old_places.get(record.key()).map(|&at| (record, at)))
        .collect();
    let stays = longest_increasing(kept.iter().map(|(_, at)| *at));
    let mut predecessor: Option<&Key> = None;
    for (nth, (record, _)) in kept.iter().enumerate() {
        if !stays[nth] {
            let from = place(&working, record.key());
            working.remove(from);
            let to = predecessor.map_or(0, |key| place(&working, key) + 1);
            working.insert(to, record.key());
            steps.push(Step::Move(Arc::clone(record), offset + to));
        }
        predecessor = Some(record.key());
    }

    for (at, record) in new.iter().enumerate() {
        match old_places.get(record.key()) {
            None => steps.push(Step::Insert(Arc::clone(record), offset + at)),
            Some(&was) => push_update(&old[was], record, steps),
        }
    }
}

fn push_update(old: &Arc<Record>, new: &Arc<Record>, steps: &mut Vec<Step>) {
    if !old.same(new) {
        steps.push(Step::Update {
            old: Arc::clone(old),
            new: Arc::clone(new),
        });
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
