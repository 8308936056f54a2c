//! What a person has done in a page, to be taken back and made again.

use super::change::Change;

/// The most steps that can be taken back.
const DEPTH: usize = 200;

/// Changes that were made together.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What they are called, as in “Undo: delete 3 rows”.
    pub label: String,
    /// What takes them back, or makes them again.
    pub changes: Vec<Change>,
}

/// The steps to take back, and those taken back, each with the newest last.
#[derive(Debug, Default)]
pub struct Journal {
    undo: Vec<Step>,
    redo: Vec<Step>,
}

/// Which way through the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Taking back.
    Undo,
    /// Making again.
    Redo,
}

impl Journal {
    /// Notes what takes back something new. What was taken back before can't be made again.
    pub fn done(&mut self, inverse: Step) {
        self.redo.clear();
        push(&mut self.undo, inverse);
    }

    /// Takes the next step out. If it succeeds, [`Journal::turned`] notes what turns it round;
    /// a step that is refused is gone, for what it expects is.
    pub fn take(&mut self, way: Way) -> Option<Step> {
        match way {
            Way::Undo => self.undo.pop(),
            Way::Redo => self.redo.pop(),
        }
    }

    /// Puts back a step that could not be tried.
    pub fn put_back(&mut self, way: Way, step: Step) {
        match way {
            Way::Undo => push(&mut self.undo, step),
            Way::Redo => push(&mut self.redo, step),
        }
    }

    /// Notes what turns round a step that was taken out and made.
    pub fn turned(&mut self, way: Way, inverse: Step) {
        match way {
            Way::Undo => push(&mut self.redo, inverse),
            Way::Redo => push(&mut self.undo, inverse),
        }
    }
}

fn push(stack: &mut Vec<Step>, step: Step) {
    if stack.len() == DEPTH {
        stack.remove(0);
    }
    stack.push(step);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(label: &str) -> Step {
        Step {
            label: label.to_owned(),
            changes: Vec::new(),
        }
    }

    #[test]
    fn steps_are_taken_back_and_made_again_in_turn() {
        let mut journal = Journal::default();
        journal.done(step("a"));
        journal.done(step("b"));
        assert_eq!(journal.take(Way::Undo), Some(step("b")));
        journal.turned(Way::Undo, step("b again"));
        assert_eq!(journal.take(Way::Redo), Some(step("b again")));
        journal.turned(Way::Redo, step("b"));
        assert_eq!(journal.take(Way::Undo), Some(step("b")));
        assert_eq!(journal.take(Way::Undo), Some(step("a")));
        assert_eq!(journal.take(Way::Undo), None);
    }

    #[test]
    fn something_new_ends_what_could_be_made_again() {
        let mut journal = Journal::default();
        journal.done(step("a"));
        journal.take(Way::Undo);
        journal.turned(Way::Undo, step("a again"));
        journal.done(step("c"));
        assert_eq!(journal.take(Way::Redo), None);
        assert_eq!(journal.take(Way::Undo), Some(step("c")));
    }

    #[test]
    fn the_oldest_steps_are_forgotten() {
        let mut journal = Journal::default();
        for n in 0..=DEPTH {
            journal.done(step(&n.to_string()));
        }
        let mut last = None;
        while let Some(step) = journal.take(Way::Undo) {
            last = Some(step);
        }
        assert_eq!(last, Some(step("1")));
    }
}
