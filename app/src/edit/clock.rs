//! The reader's clock, as the browser knows it.

use js_sys::Date;
use wasm_bindgen::JsValue;

use super::draft::Clock;
use crate::format::time;

/// The clock of the zone that the browser is set to.
pub struct ReaderClock;

impl Clock for ReaderClock {
    fn offset(&self, civil: &str) -> Option<i32> {
        // JavaScript reads a date and time without a zone as local.
        let date = Date::new(&JsValue::from_str(civil));
        // Where the clock jumps over an hour, it shows no time in it: JavaScript's date is
        // then another than was asked for, and PostgreSQL decides.
        let whole = date.get_timezone_offset();
        (!date.get_time().is_nan()).then_some(-(whole as i32))
    }

    fn show(&self, instant: &str) -> Option<String> {
        time::reader(instant)
    }
}

/// The zone's name, such as `Europe/Berlin`.
pub fn zone_name() -> String {
    let format = js_sys::Intl::DateTimeFormat::new(&js_sys::Array::new(), &js_sys::Object::new());
    let options = format.resolved_options();
    js_sys::Reflect::get(&options, &JsValue::from_str("timeZone"))
        .ok()
        .and_then(|name| name.as_string())
        .unwrap_or_default()
}
