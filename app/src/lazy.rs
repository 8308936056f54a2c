//! A part of the page that is loaded when it is first wanted (see [`crate::parts`]).

use std::{future::Future, pin::Pin, sync::Arc};

use futures::future::abortable;
use leptos::{prelude::*, task::spawn_local};

use crate::erased::effect;

/// Loads a part, begins it and says what it gives; nothing if it can't be loaded.
pub type Loading<T> = Pin<Box<dyn Future<Output = Option<T>>>>;

/// How far loading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Unasked,
    Loading,
    Loaded,
    Failed,
}

/// The part. What it makes lives as long as the component that made this.
pub struct Lazy<T: 'static> {
    progress: RwSignal<Progress>,
    value: RwSignal<Option<T>>,
    load: StoredValue<Arc<dyn Fn() -> Loading<T> + Send + Sync>>,
    /// Where a browser runs. On the server nothing is loaded, and a page whose answer nobody takes
    /// would be kept by what is its own.
    owner: StoredValue<Option<Owner>>,
}

impl<T> Clone for Lazy<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Lazy<T> {}

impl<T: Clone + Send + Sync + 'static> Lazy<T> {
    /// A part that `load` loads and begins: see [`part`].
    pub fn new(load: impl Fn() -> Loading<T> + Send + Sync + 'static) -> Self {
        Self {
            progress: RwSignal::new(Progress::Unasked),
            value: RwSignal::new(None),
            load: StoredValue::new(Arc::new(load)),
            owner: StoredValue::new(Owner::current().filter(|_| cfg!(feature = "hydrate"))),
        }
    }

    /// What it gives, once it is there.
    pub fn get(self) -> Option<T> {
        self.value.get()
    }

    /// What it gives, if it is there now.
    pub fn ready(self) -> Option<T> {
        // The page may have been left by now.
        self.value.try_get_untracked().flatten()
    }

    /// Has `ended` told each time loading is over: what it gives, or nothing where it failed.
    pub fn on_end(self, ended: impl Fn(Option<T>) + 'static) {
        effect(move || match self.progress.get() {
            Progress::Loaded => untrack(|| ended(self.value.get())),
            Progress::Failed => untrack(|| ended(None)),
            Progress::Unasked | Progress::Loading => {}
        });
    }

    /// Whether it could not be loaded when it was last wanted.
    pub fn failed(self) -> bool {
        self.progress.get() == Progress::Failed
    }

    /// Has it loaded, unless it is there or on its way. Where it failed this tries again.
    pub fn want(self) {
        // The page may have been left by now.
        let now = self.progress.try_get_untracked();
        if !matches!(now, Some(Progress::Unasked | Progress::Failed)) {
            return;
        }
        self.progress.set(Progress::Loading);
        let load = self.load.get_value();
        let owner = self.owner.get_value().unwrap_or_default();
        // Nothing is begun of a page that has been left while its part was on the way. That goes on to
        // be loaded, for whoever wants it next.
        let (loading, abort) = abortable(owner.with(|| ScopedFuture::new_untracked(load())));
        owner.with(|| on_cleanup(move || abort.abort()));
        spawn_local(async move {
            let Ok(loaded) = loading.await else { return };
            let progress = match loaded {
                Some(_) => Progress::Loaded,
                None => Progress::Failed,
            };
            // The page may have been left meanwhile: then nobody is told.
            let _ = self.value.try_set(loaded);
            let _ = self.progress.try_set(progress);
        });
    }
}

/// What loads a part for [`Lazy::new`]. Where no browser runs nothing is loaded.
macro_rules! part {
    ($name:ident($($arg:ident),*)) => {
        move || {
            #[cfg(feature = "hydrate")]
            let loading = async move { $crate::parts::$name($($arg),*).await.ok() };
            #[cfg(not(feature = "hydrate"))]
            let loading = {
                let _ = ($($arg),*);
                std::future::ready(None)
            };
            Box::pin(loading) as $crate::lazy::Loading<_>
        }
    };
}

pub(crate) use part;
