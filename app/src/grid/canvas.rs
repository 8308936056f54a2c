//! Where rows stand on the canvas that scrolls, and which of them are in the document.
//!
//! Every row is as high as every other. The canvas is as high as all rows together, unless
//! that is more than browsers can scroll: then it shows a part, which `offset` says, small
//! steps move through that part as they would, large ones through the whole.

use std::ops::Range;

/// The highest canvas, in CSS pixels. Browsers give up at 17 to 33 million device pixels, and
/// a page may be zoomed to four times its size.
pub const HIGHEST: f64 = 8_000_000.0;
/// Up to so many rows all are in the document.
const FEW: usize = 100;
/// Rows come into the document and leave it by so many.
const BLOCK: i64 = 10;

/// The canvas, as it stands. The default one isn't measured yet: all rows are in it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Canvas {
    /// How high a row is, in CSS pixels; 0 as long as that isn't known.
    pub row: f64,
    /// How many rows there are.
    pub rows: i64,
    /// How far below the first row's top the canvas begins, in CSS pixels.
    pub offset: f64,
    /// Positions of the rows to have in the document.
    pub from: i64,
    /// Their end.
    pub to: i64,
}

/// A part of what is in the document, from top to bottom.
#[derive(Clone, Debug, PartialEq)]
pub enum Segment {
    /// Room without rows, so many CSS pixels high.
    Gap(f64),
    /// Rows, by their positions in the list that is shown.
    Rows(Range<usize>),
}

impl Canvas {
    /// How high all rows are together.
    pub fn content(&self) -> f64 {
        self.rows as f64 * self.row
    }

    /// How high the canvas is.
    pub fn height(&self) -> f64 {
        self.content().min(HIGHEST)
    }

    /// The reader has scrolled the canvas from `was` to `top`, looking at `view` pixels.
    /// A leap to an end of the canvas is one to that end of the rows, whatever room they have
    /// there. Where the canvas shows a part, a large step goes as far through the whole.
    pub fn scroll(&mut self, was: f64, top: f64, view: f64) {
        let (content, step) = (self.content(), (top - was).abs());
        if step > view && top < 1.0 {
            self.offset = -top;
        } else if step > view && top > self.height() - view - 1.0 {
            self.offset = content - view - top;
        } else if content > HIGHEST && step > view * 8.0 {
            let share = top / (HIGHEST - view);
            self.offset = share.clamp(0.0, 1.0) * (content - view) - top;
        }
    }

    /// The offset with which the rows at `at`, from the first row's top, are best shown: there
    /// is room before and after them to scroll through.
    pub fn best_offset(&self, at: f64, view: f64) -> f64 {
        let content = self.content();
        let near = HIGHEST / 4.0;
        if content <= HIGHEST || at < near {
            0.0
        } else if content - at < near {
            content - HIGHEST
        } else {
            at - at / (content - view) * (HIGHEST - view)
        }
    }

    /// Whether the reader, at `top`, comes to an end of the canvas where there is more.
    pub fn runs_out(&self, top: f64, view: f64) -> bool {
        let after = self.content() - self.offset - self.height();
        self.offset > 0.0 && top < view
            || self.offset < 0.0 && top + self.offset < 0.0
            || after > 0.0 && self.height() - top < 2.0 * view
    }

    /// Positions of the rows that are seen at `top`.
    pub fn seen(&self, top: f64, view: f64) -> Range<i64> {
        if self.row <= 0.0 {
            return 0..self.rows;
        }
        let at = top + self.offset;
        (at / self.row).floor() as i64..((at + view) / self.row).ceil() as i64
    }

    /// Chooses the rows to have in the document, of `len` rows that begin at `first`.
    pub fn choose(&mut self, seen: &Range<i64>, first: i64, len: usize) {
        if len <= FEW {
            (self.from, self.to) = (first, first + len as i64);
            return;
        }
        let begin = ((self.offset / self.row).ceil() as i64).max(first);
        self.from = ((seen.start - BLOCK).div_euclid(BLOCK) * BLOCK).max(begin);
        self.to = ((seen.end + BLOCK).div_euclid(BLOCK) * BLOCK + BLOCK).min(first + len as i64);
    }

    /// What the document holds of `len` rows that begin at `first`. The row at `extra` is in
    /// it wherever it stands: it has the focus.
    pub fn segments(&self, first: i64, len: usize, extra: Option<usize>) -> Vec<Segment> {
        if self.row <= 0.0 {
            return vec![Segment::Rows(0..len)];
        }
        let end = first + len as i64;
        let rows = self.from.clamp(first, end)..self.to.clamp(first, end);
        let mut parts = Vec::with_capacity(2);
        if !rows.is_empty() {
            parts.push(rows.clone());
        }
        if let Some(extra) = extra.filter(|extra| *extra < len) {
            let extra = first + extra as i64;
            if !rows.contains(&extra) {
                let at = usize::from(extra > rows.start && !parts.is_empty());
                parts.insert(at, extra..extra + 1);
            }
        }
        let mut out = Vec::with_capacity(5);
        let mut down = self.offset;
        let gap = |to: f64, down: f64, out: &mut Vec<Segment>| {
            if to - down >= 0.5 {
                out.push(Segment::Gap(to - down));
            }
        };
        for part in parts {
            let (top, bottom) = (part.start as f64 * self.row, part.end as f64 * self.row);
            // What stands before the canvas begins has no place in it.
            if top < down - 0.5 {
                continue;
            }
            gap(top, down, &mut out);
            let place = |at: i64| usize::try_from(at - first).unwrap_or(0);
            out.push(Segment::Rows(place(part.start)..place(part.end)));
            down = bottom;
        }
        gap(self.offset + self.height(), down, &mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canvas(rows: i64) -> Canvas {
        Canvas {
            row: 30.0,
            rows,
            ..Canvas::default()
        }
    }

    #[test]
    fn few_rows_are_all_there() {
        let mut small = canvas(80);
        small.choose(&(0..20), 0, 80);
        assert_eq!(small.segments(0, 80, None), [Segment::Rows(0..80)]);
    }

    #[test]
    fn of_many_rows_those_near_the_eyes_are_there_and_all_heights_add_up() {
        let mut many = canvas(5_000);
        let seen = many.seen(30_000.0, 600.0);
        assert_eq!(seen, 1000..1020);
        many.choose(&seen, 900, 200);
        let segments = many.segments(900, 200, Some(3));
        assert_eq!(
            segments,
            [
                Segment::Gap(903.0 * 30.0),
                Segment::Rows(3..4),
                Segment::Gap(86.0 * 30.0),
                Segment::Rows(90..140),
                Segment::Gap(30.0 * (5_000.0 - 1_040.0)),
            ]
        );
    }

    #[test]
    fn a_million_rows_are_reached_by_small_steps_and_by_large_ones() {
        let mut canvas = canvas(1_000_000);
        let view = 600.0;
        // A small step is what it is.
        canvas.scroll(0.0, 90.0, view);
        assert_eq!(canvas.seen(90.0, view).start, 3);
        // The end of the scrollbar is the last row.
        let top = HIGHEST - view;
        canvas.scroll(90.0, top, view);
        assert_eq!(canvas.seen(top, view), 999_980..1_000_000);
        // Its middle is the middle.
        canvas.scroll(top, top / 2.0, view);
        let middle = canvas.seen(top / 2.0, view);
        assert!((middle.start - 499_990).abs() <= 1, "{middle:?}");
        // From there every row can be reached by small steps: the canvas is put elsewhere
        // under the reader before it ends, and nothing seen moves.
        let mut top = top / 2.0;
        let mut at = top + canvas.offset;
        let mut steps = 0;
        while at > 0.0 {
            let step = 500.0_f64.min(at);
            canvas.scroll(top, top - step, view);
            top -= step;
            at -= step;
            assert!((top + canvas.offset - at).abs() < 0.5);
            assert!(top >= 0.0, "the canvas ends at {at}");
            if canvas.runs_out(top, view) {
                canvas.offset = canvas.best_offset(at, view);
                top = at - canvas.offset;
            }
            steps += 1;
        }
        assert!(steps > 29_000);
    }

    #[test]
    fn a_leap_to_an_end_is_one_to_that_end_whatever_came_or_went_meanwhile() {
        let view = 600.0;
        for rows in [120, 1_000_000] {
            let before = canvas(rows);
            let end = before.height() - view;
            for came in [7, -7] {
                // Rows came, or went, before those seen, and have no room of their own yet.
                let mut now = canvas(rows + came);
                now.offset = came as f64 * now.row;
                let mut up = now;
                up.scroll(900.0, 0.0, view);
                assert_eq!(up.seen(0.0, view).start, 0);
                let mut down = now;
                let bottom = now.height() - view;
                down.scroll(end - 900.0, bottom, view);
                assert_eq!(down.seen(bottom, view).end, rows + came);
                // A step is what it is.
                let mut step = now;
                step.scroll(400.0, 300.0, view);
                assert_eq!(step, now);
            }
        }
    }

    #[test]
    fn rows_before_the_canvas_begins_are_not_in_it() {
        let mut part = canvas(1_000_000);
        part.offset = 15_000_010.0;
        let seen = part.seen(0.0, 600.0);
        part.choose(&seen, 499_900, 300);
        let segments = part.segments(499_900, 300, Some(0));
        assert_eq!(segments[0], Segment::Gap(20.0));
        assert_eq!(segments[1], Segment::Rows(101..140));
    }
}
