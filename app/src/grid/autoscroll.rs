//! Scrolling on while cells are chosen by a drag that goes past the edge of the rows.

use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

/// How much of what the pointer is past the edge is scrolled with each frame, and how many CSS
/// pixels at most.
const SPEED: f64 = 0.25;
const FASTEST: f64 = 60.0;

/// Where the pointer is while the button is down, and the box that it may leave.
#[derive(Clone, Copy)]
pub struct Autoscroll {
    scroller: NodeRef<html::Main>,
    pointer: StoredValue<Option<(f64, f64)>>,
    /// Whether there is a next frame.
    runs: StoredValue<bool>,
}

impl Autoscroll {
    /// Scrolls the box while a drag is past one of its edges, and tells `reach` of what is under
    /// the edge then.
    pub fn new(scroller: NodeRef<html::Main>, reach: impl Fn(&Element) + Copy + 'static) -> Self {
        let scroll = Self {
            scroller,
            pointer: StoredValue::new(None),
            runs: StoredValue::new(false),
        };
        Effect::new(move || {
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
        scroller.scroll_by_with_x_and_y(speed(right), speed(down));
        let at = document().element_from_point(
            x.clamp(inside.0, inside.1) as f32,
            y.clamp(inside.2, inside.3) as f32,
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

/// How far past the edges a place is: negative before the first, positive behind the last.
fn past(at: f64, first: f64, last: f64) -> f64 {
    at - at.clamp(first, last)
}

/// How far is scrolled in a frame, for a pointer so far past an edge: whole pixels, for less
/// than one is none to the browser.
fn speed(past: f64) -> f64 {
    let speed = (past.abs() * SPEED).ceil().min(FASTEST);
    if past < 0.0 { -speed } else { speed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_further_the_pointer_is_past_an_edge_the_faster_it_goes() {
        assert_eq!(past(50.0, 10.0, 100.0), 0.0);
        assert_eq!(past(4.0, 10.0, 100.0), -6.0);
        assert_eq!(past(108.0, 10.0, 100.0), 8.0);
        assert_eq!(speed(0.0), 0.0);
        assert_eq!(speed(1.0), 1.0);
        assert_eq!(speed(-8.0), -2.0);
        assert_eq!(speed(10_000.0), FASTEST);
    }
}
