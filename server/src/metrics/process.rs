//! What the process takes of the machine, as Linux tells it.

use std::fs;

use rustix::param::{clock_ticks_per_second, page_size};

/// What the process takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Process {
    /// Bytes of memory that are in use.
    pub resident: u64,
    /// Seconds of processor time, ever.
    pub cpu: f64,
    /// Files and connections that are open.
    pub open: usize,
}

impl Process {
    /// What this one takes now; `None` where the system does not tell.
    pub fn now() -> Option<Self> {
        let memory = fs::read_to_string("/proc/self/statm").ok()?;
        let pages: u64 = memory.split(' ').nth(1)?.parse().ok()?;
        let times = fs::read_to_string("/proc/self/stat").ok()?;
        Some(Self {
            resident: pages * page_size() as u64,
            cpu: ticks(&times)? as f64 / clock_ticks_per_second() as f64,
            open: fs::read_dir("/proc/self/fd").ok()?.count(),
        })
    }
}

/// Processor time, in ticks. What stands before the last bracket is a name, which may hold
/// anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11);
    let user: u64 = times.next()?.parse().ok()?;
    let system: u64 = times.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_brackets_and_spaces() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("nonsense"), None);
    }

    #[test]
    fn this_process_takes_something() {
        let process = Process::now().unwrap();
        assert!(process.resident > 1 << 20 && process.open > 0);
    }
}
