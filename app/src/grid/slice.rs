//! Which slice of the result the page follows while it is scrolled through.

use std::ops::Range;

use rowcast_protocol::query::MAX_LIMIT;

/// Slices begin at multiples of this, so that readers near each other share one.
const STEP: i64 = 50;
/// The smallest slice that is asked for.
const SMALLEST: i64 = 200;
/// How many rows before and after those seen are to be there, at least.
const MARGIN: i64 = 20;

/// A part of a result, by positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// How many rows come before.
    pub offset: u64,
    /// How many rows it has at most.
    pub limit: u32,
}

/// The slice to follow instead of `now`, where a reader sees the rows at `seen` of `total`;
/// `None` if `now` does.
pub fn next(now: Slice, seen: &Range<i64>, total: u64) -> Option<Slice> {
    let total = i64::try_from(total).unwrap_or(i64::MAX);
    let seen = seen.start.clamp(0, total)..seen.end.clamp(0, total);
    let length = seen.end - seen.start;
    let margin = (length / 2).max(MARGIN);
    let wanted = (seen.start - margin).max(0)..(seen.end + margin).min(total);
    let offset = i64::try_from(now.offset).unwrap_or(i64::MAX);
    if offset <= wanted.start && wanted.end <= offset.saturating_add(now.limit.into()) {
        return None;
    }
    let limit = (length * 6 + STEP - 1) / STEP * STEP;
    let limit = limit.clamp(SMALLEST, MAX_LIMIT.into());
    let middle = seen.start + length / 2;
    let begin = (middle - limit / 2).max(0) / STEP * STEP;
    let next = Slice {
        offset: u64::try_from(begin).unwrap_or(0),
        limit: u32::try_from(limit).unwrap_or(MAX_LIMIT),
    };
    (next != now).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Slice = Slice {
        offset: 0,
        limit: 50,
    };

    #[test]
    fn the_first_rows_do_until_the_reader_goes_on() {
        assert_eq!(next(FIRST, &(0..25), 100_000), None);
        assert_eq!(next(FIRST, &(0..25), 30), None);
        assert_eq!(next(FIRST, &(20..45), 45), None);
        assert_eq!(
            next(FIRST, &(10..35), 100_000),
            Some(Slice {
                offset: 0,
                limit: 200
            })
        );
    }

    #[test]
    fn a_slice_is_followed_until_its_margin_is_reached_and_holds_what_is_seen() {
        let mut now = FIRST;
        let mut slices = 0;
        for start in 0..5_000 {
            if let Some(slice) = next(now, &(start..start + 25), 5_025) {
                now = slice;
                slices += 1;
            }
            let end = now.offset as i64 + i64::from(now.limit);
            assert!(now.offset as i64 <= start && start + 25 <= end);
            assert_eq!(now.offset % 50, 0);
        }
        assert!(slices <= 100, "{slices} slices");
    }

    #[test]
    fn a_high_screen_gets_more_and_never_more_than_the_server_gives() {
        let slice = next(FIRST, &(0..120), 100_000).map(|slice| slice.limit);
        assert_eq!(slice, Some(750));
        let slice = next(FIRST, &(0..400), 100_000).map(|slice| slice.limit);
        assert_eq!(slice, Some(1_000));
    }
}
