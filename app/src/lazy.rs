//! A part of the page that is loaded when it is first asked for.

use leptos::prelude::*;

#[cfg(feature = "hydrate")]
use crate::parts::NotLoaded;

/// What such a part has given, once it is there.
pub struct Lazy<T: 'static> {
    /// What it has given.
    pub value: RwSignal<Option<T>>,
    /// Whether it could not be loaded when it was last tried.
    pub failed: RwSignal<bool>,
    #[cfg_attr(not(feature = "hydrate"), expect(dead_code))]
    asked: StoredValue<bool>,
}

impl<T> Clone for Lazy<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Lazy<T> {}

impl<T: Clone + Send + Sync + 'static> Lazy<T> {
    /// Nothing yet.
    #[expect(
        clippy::new_without_default,
        reason = "it belongs to the owner that it is made in"
    )]
    pub fn new() -> Self {
        Self {
            value: RwSignal::new(None),
            failed: RwSignal::new(false),
            asked: StoredValue::new(false),
        }
    }

    /// Loads the part, unless it is there or on its way.
    #[cfg(feature = "hydrate")]
    pub fn load(self, part: impl Future<Output = Result<T, NotLoaded>> + 'static) {
        if self.asked.get_value() {
            return;
        }
        self.asked.set_value(true);
        self.failed.set(false);
        leptos::task::spawn_local(async move {
            let loaded = part.await;
            // The page may have been left meanwhile: then nobody is told.
            match loaded {
                Ok(value) => drop(self.value.try_set(Some(value))),
                Err(_) => {
                    let _ = self.asked.try_set_value(false);
                    let _ = self.failed.try_set(true);
                }
            }
        });
    }
}
