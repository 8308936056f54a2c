//! A bar that says how far a part is, where somebody looks at it.

use std::io::{IsTerminal, Write, stderr};

const WIDTH: usize = 30;

/// A progress bar on the terminal; silent where standard error is none.
pub struct Progress {
    part: &'static str,
    steps: u64,
    done: u64,
    is_shown: bool,
}

impl Progress {
    /// Of a part that takes so many steps.
    pub fn new(part: &'static str, steps: u64) -> Self {
        Self {
            part,
            steps: steps.max(1),
            done: 0,
            is_shown: stderr().is_terminal(),
        }
    }

    /// Says what is being done now.
    pub fn say(&self, what: &str) {
        if !self.is_shown {
            return;
        }
        let share = self.done.min(self.steps) * WIDTH as u64 / self.steps;
        let bar: String = (0..WIDTH as u64)
            .map(|at| if at < share { '█' } else { '·' })
            .collect();
        let percent = self.done.min(self.steps) * 100 / self.steps;
        // Nothing depends on whether it can be shown.
        let _ = write!(
            stderr(),
            "\r\x1b[2K{} {bar} {percent:>3} %  {what}",
            self.part
        );
        let _ = stderr().flush();
    }

    /// So many steps more are done.
    pub fn advance(&mut self, steps: u64, what: &str) {
        self.done += steps;
        self.say(what);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            let _ = write!(stderr(), "\r\x1b[2K");
            let _ = stderr().flush();
        }
    }
}
