//! Of which version it is what a standby gave.

pub use rowcast_protocol::PgSnapshot;

use super::standing::TIMELINE;

/// How many transactions a standby may be ahead of the barrier: each is named.
const MOST: u64 = 10_000;

/// What the statement that reads tells beside the rows: the timeline; whether the log has
/// everything since the barrier; and which transactions since then it sees in it.
pub fn columns_sql(barrier: &PgSnapshot, mut push: impl FnMut(String) -> String) -> String {
    let (xmin, xmax) = (
        push(barrier.xmin.to_string()),
        push(barrier.xmax.to_string()),
    );
    let running: Vec<String> = barrier.running.iter().map(u64::to_string).collect();
    let running = push(format!("{{{}}}", running.join(",")));
    format!(
        "{TIMELINE}, \
         coalesce((SELECT s.purged_below <= {xmin}::xid8 AND s.source = 'triggers' \
                     FROM rowcast.state s), false), \
         ARRAY(SELECT DISTINCT c.xid::text FROM rowcast.change_log c \
                WHERE c.xid >= {xmax}::xid8 OR c.xid = ANY ({running}::xid8[]) LIMIT {limit})",
        limit = MOST + 1
    )
}

/// The version that shows what `barrier` does, and these transactions beside. Any other that has
/// ended since changed no row that is followed, so it may count as one that still runs.
/// `None` if they are too many to be named.
pub fn with(barrier: &PgSnapshot, seen: &[u64]) -> Option<PgSnapshot> {
    let mut seen = seen.to_vec();
    seen.sort_unstable();
    let xmax = seen.last().map_or(0, |last| last + 1).max(barrier.xmax);
    if seen.len() as u64 > MOST || xmax - barrier.xmax > MOST {
        return None;
    }
    let earlier = barrier.running.iter().copied();
    let running: Vec<u64> = earlier
        .chain(barrier.xmax..xmax)
        .filter(|xid| seen.binary_search(xid).is_err())
        .collect();
    Some(PgSnapshot {
        xmin: running.first().copied().unwrap_or(xmax),
        xmax,
        running,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(text: &str) -> PgSnapshot {
        text.parse().expect("a snapshot")
    }

    #[test]
    fn what_the_standby_sees_beside_is_part_of_the_version_and_nothing_else() {
        let barrier = snapshot("5:10:5,8");
        for (seen, whole) in [
            (&[][..], "5:10:5,8"),
            (&[8], "5:10:5"),
            (&[5, 8], "10:10:"),
            (&[10], "5:11:5,8"),
            (&[13, 5], "8:14:8,10,11,12"),
            (&[5, 8, 10], "11:11:"),
        ] {
            let version = with(&barrier, seen).expect("few");
            assert_eq!(version.to_string(), whole);
            assert_eq!(version.to_string().parse(), Ok(version.clone()));
            assert!(version.covers(&barrier));
            for xid in 0..20 {
                assert_eq!(
                    version.sees(xid),
                    barrier.sees(xid) || seen.contains(&xid),
                    "{xid} of {version}"
                );
            }
        }
    }

    #[test]
    fn a_standby_that_is_far_ahead_is_not_believed() {
        let barrier = snapshot("5:10:5");
        assert!(with(&barrier, &[10 + MOST - 1]).is_some());
        assert!(with(&barrier, &[10 + MOST]).is_none());
    }
}
