//! Scrolling on while cells are chosen by a drag that goes past the edge of the rows.

use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use crate::erased::effect;

/// How often in a second as much is scrolled as the pointer is past the edge, and how many CSS
/// pixels a second at most.
const SPEED: f64 = 15.0;
const FASTEST: f64 = 3600.0;

/// What counts as the time between two frames, in milliseconds, at the least, which is what the
/// first one has, and at the most, where the page could not keep up.
const FRAME: (f64, f64) = (16.0, 250.0);

/// Where the pointer is while the button is down, and the box that it may leave.
#[derive(Clone, Copy)]
pub struct Autoscroll {
    scroller: NodeRef<html::Main>,
    pointer: StoredValue<Option<(f64, f64)>>,
    /// Whether there is a next frame.
    runs: StoredValue<bool>,
    /// When the last frame was, in milliseconds.
    last: StoredValue<f64>,
}

impl Autoscroll {
    /// Scrolls the box while a drag is past one of its edges, and tells `reach` of what is under
    /// the edge then.
    pub fn new(scroller: NodeRef<html::Main>, reach: impl Fn(&Element) + Copy + 'static) -> Self {
        let scroll = Self {
            scroller,
            pointer: StoredValue::new(None),
            runs: StoredValue::new(false),
            last: StoredValue::new(0.0),
        };
        effect(move || {
            let moved = window_event_listener(ev::mousemove, move |event| {
                if scroll.pointer.get_value().is_none() {
                    return;
                }
                if event.buttons() & 1 == 0 {
                    scroll.end();
                    return;
                }
                let at = (f64::from(event.client_x()), f64::from(event.client_y()));
                scroll.pointer.set_value(Some(at));
                if !scroll.runs.get_value() {
                    scroll.last.set_value(js_sys::Date::now());
                }
                scroll.run(reach);
            });
            let up = window_event_listener(ev::mouseup, move |_| scroll.end());
            on_cleanup(move || {
                moved.remove();
                up.remove();
            });
        });
        scroll
    }

    /// A drag begins.
    pub fn begin(self, event: &web_sys::MouseEvent) {
        let at = (f64::from(event.client_x()), f64::from(event.client_y()));
        self.pointer.set_value(Some(at));
    }

    fn end(self) {
        self.pointer.set_value(None);
    }

    fn run(self, reach: impl Fn(&Element) + Copy + 'static) {
        if self.runs.get_value() || self.step(reach).is_none() {
            return;
        }
        self.runs.set_value(true);
        request_animation_frame(move || {
            // The page may have been left meanwhile.
            if self.runs.try_set_value(false).is_none() {
                self.run(reach);
            }
        });
    }

    /// Scrolls by one frame's worth; `None` if the pointer is not past an edge.
    fn step(self, reach: impl Fn(&Element)) -> Option<()> {
        let (x, y) = self.pointer.get_value()?;
        let scroller = self.scroller.get_untracked()?;
        let inside = inside(&scroller);
        let (right, down) = (past(x, inside.0, inside.1), past(y, inside.2, inside.3));
        if (right, down) == (0.0, 0.0) {
            return None;
        }
        let now = js_sys::Date::now();
        let elapsed = (now - self.last.get_value()).clamp(FRAME.0, FRAME.1);
        self.last.set_value(now);
        scroller.scroll_by_with_x_and_y(distance(right, elapsed), distance(down, elapsed));
        let at = document().element_from_point(
            within(x, inside.0, inside.1) as f32,
            within(y, inside.2, inside.3) as f32,
        );
        if let Some(at) = at {
            reach(&at);
        }
        Some(())
    }
}

/// The edges of what is seen of the rows, without the head and the figures: left, right, top,
/// bottom.
fn inside(scroller: &HtmlElement) -> (f64, f64, f64, f64) {
    let frame = scroller.get_bounding_client_rect();
    let height = |part: &str| {
        let part = scroller.query_selector(part).ok().flatten();
        let part = part.and_then(|part| part.dyn_into::<HtmlElement>().ok());
        part.map_or(0.0, |part| f64::from(part.offset_height()))
    };
    let (left, top) = (frame.left(), frame.top() + height("thead"));
    let right = frame.left() + f64::from(scroller.client_width()) - 1.0;
    let bottom = frame.top() + f64::from(scroller.client_height()) - height("tfoot") - 1.0;
    (left, right.max(left), top, bottom.max(top))
}

/// The place between the edges that is nearest.
fn within(at: f64, first: f64, last: f64) -> f64 {
    at.min(last).max(first)
}

/// How far past the edges a place is: negative before the first, positive behind the last.
fn past(at: f64, first: f64, last: f64) -> f64 {
    at - within(at, first, last)
}

/// How far is scrolled in so many milliseconds, for a pointer so far past an edge: whole pixels,
/// for less than one is none to the browser.
fn distance(past: f64, elapsed: f64) -> f64 {
    let speed = (past.abs() * SPEED).min(FASTEST);
    let distance = (speed * elapsed / 1000.0).ceil();
    if past < 0.0 { -distance } else { distance }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_further_the_pointer_is_past_an_edge_the_faster_it_goes() {
        assert_eq!(past(50.0, 10.0, 100.0), 0.0);
        assert_eq!(past(4.0, 10.0, 100.0), -6.0);
        assert_eq!(past(108.0, 10.0, 100.0), 8.0);
        assert_eq!(distance(0.0, 100.0), 0.0);
        assert_eq!(distance(1.0, 16.0), 1.0);
        assert_eq!(distance(-8.0, 100.0), -12.0);
        assert_eq!(distance(10_000.0, 1000.0), FASTEST);
    }
}
