//! A part of the page that is loaded when it is first wanted (see [`crate::parts`]).

use std::{future::Future, pin::Pin, sync::Arc};

use leptos::{prelude::*, task::spawn_local};

/// Loads a part and begins it. Whether that worked out.
pub type Loading = Pin<Box<dyn Future<Output = bool>>>;

/// How far loading is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// Nobody has wanted it yet.
    #[default]
    Unasked,
    /// It is on its way.
    Loading,
    /// It is there.
    Loaded,
    /// It did not come. To want it again tries again.
    Failed,
}

/// The part. What it makes lives as long as the component that made this.
#[derive(Clone, Copy)]
pub struct Lazy {
    progress: RwSignal<Progress>,
    load: StoredValue<Arc<dyn Fn() -> Loading + Send + Sync>>,
    owner: StoredValue<Owner>,
}

impl Lazy {
    /// A part that `load` loads and begins.
    pub fn new(load: impl Fn() -> Loading + Send + Sync + 'static) -> Self {
        Self {
            progress: RwSignal::default(),
            load: StoredValue::new(Arc::new(load)),
            owner: StoredValue::new(Owner::current().unwrap_or_default()),
        }
    }

    /// How far it is.
    pub fn progress(self) -> Progress {
        self.progress.get()
    }

    /// Has it loaded, unless it is there or on its way.
    pub fn want(self) {
        // The page may have been left by now.
        let now = self.progress.try_get_untracked();
        if !matches!(now, Some(Progress::Unasked | Progress::Failed)) {
            return;
        }
        self.progress.set(Progress::Loading);
        let (load, owner) = (self.load.get_value(), self.owner.get_value());
        spawn_local(async move {
            let loaded = owner.with(|| ScopedFuture::new(load())).await;
            // The page may have been left meanwhile.
            let _ = self.progress.try_set(if loaded {
                Progress::Loaded
            } else {
                Progress::Failed
            });
        });
    }
}
