//! The time zone that timestamps are shown in.

use leptos::prelude::*;

use crate::erased::effect;

/// Which zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// UTC: what the server renders, for it does not know the reader's.
    Utc,
    /// The one the browser is set to.
    Reader,
}

/// The zone that a page shows, as a context.
///
/// It starts as UTC on both sides, so that hydration finds what the server rendered, and
/// becomes the reader's right after.
#[derive(Clone, Copy)]
pub struct ReaderZone(RwSignal<Zone>);

impl ReaderZone {
    /// Provides the context.
    pub fn provide() {
        let zone = Self(RwSignal::new(Zone::Utc));
        provide_context(zone);
        effect(move || zone.0.set(Zone::Reader));
    }

    /// The zone now. Whoever asks is run again when it changes.
    pub fn get(self) -> Zone {
        self.0.get()
    }
}
