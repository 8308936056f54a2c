//! Up to where the log was looked at, and how much of it is looked at next.

use rowcast_protocol::PgSnapshot;

/// The first transaction that is beyond a part of the log.
pub const NO_END: u64 = u64::MAX;

/// What has been seen by whoever stood at `from` and has now taken in what `to` shows of the
/// transactions below `end`.
pub fn advanced(from: &PgSnapshot, to: &PgSnapshot, end: u64) -> PgSnapshot {
    let xmax = from.xmax.max(to.xmax.min(end));
    let is_seen = |xid: u64| from.sees(xid) || xid < end && to.sees(xid);
    let mut running: Vec<u64> = from
        .running
        .iter()
        .chain(&to.running)
        .copied()
        .filter(|xid| *xid < xmax && !is_seen(*xid))
        .collect();
    running.sort_unstable();
    running.dedup();
    PgSnapshot {
        xmin: running.first().copied().unwrap_or(xmax),
        xmax,
        running,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(text: &str) -> PgSnapshot {
        text.parse().expect("a snapshot")
    }

    #[test]
    fn each_transaction_is_taken_in_once_wherever_the_log_is_cut() {
        let from = snapshot("10:20:10,14,17");
        let to = snapshot("14:30:14,22,25");
        for end in (5..35).chain([NO_END]) {
            let at = advanced(&from, &to, end);
            assert_eq!(at.to_string().parse(), Ok(at.clone()), "a snapshot");
            for xid in 1..40 {
                let is_new = to.sees(xid) && !from.sees(xid);
                let is_taken = is_new && xid < end;
                assert_eq!(at.sees(xid), from.sees(xid) || is_taken, "{xid} at {end}");
            }
            // What is left is taken in by going on.
            assert_eq!(advanced(&at, &to, NO_END), to, "{end}");
        }
    }
}
