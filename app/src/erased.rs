//! Views of which the type is forgotten: what a component ends in, so that its callers are not
//! compiled with every element of it.
//!
//! On the server that is leptos' own [`AnyView`]. In the browser it is one that can do less:
//! leptos' also holds what makes a page interactive bit by bit, behind views that are awaited,
//! and what copies a view that borrows. This page has neither, and compiled for each view they
//! were more than a quarter of the wasm.

use std::sync::Arc;

use leptos::{children::ToChildren, prelude::*};

pub use any::{Erase, Erased};

#[cfg(not(feature = "hydrate"))]
mod any {
    use leptos::prelude::*;

    /// A view of any type.
    pub type Erased = AnyView;

    /// Forgets a view's type.
    pub trait Erase: Sized {
        /// The view.
        fn erased(self) -> Erased;

        /// The view, which the browser alone makes: it is in no page that the server sends.
        fn made_here(self) -> Erased {
            self.erased()
        }

        /// The view, which is made once: where it is made again the new one takes its place, as
        /// that of a page's parts when the reader goes to another page.
        fn settled(self) -> Erased {
            self.erased()
        }

        /// The view, which the browser alone makes, and which is made once.
        fn here_once(self) -> Erased {
            self.erased()
        }
    }

    impl<T: IntoView + 'static> Erase for T {
        fn erased(self) -> Erased {
            self.into_any()
        }
    }
}

#[cfg(feature = "hydrate")]
mod any {
    use std::{
        any::{Any, TypeId},
        future::Future,
    };

    use leptos::{
        prelude::*,
        tachys::{
            html::attribute::any_attribute::AnyAttribute,
            hydration::Cursor,
            no_attrs,
            renderer::{
                Rndr,
                types::{Element, Node, Placeholder},
            },
            view::{Mountable, Position, PositionState, Render, RenderHtml},
        },
    };

    /// A view of any type.
    pub struct Erased(Box<dyn Unmade>);

    /// Forgets a view's type.
    pub trait Erase: Sized {
        /// The view.
        fn erased(self) -> Erased;

        /// The view, which the browser alone makes: it is in no page that the server sends.
        fn made_here(self) -> Erased;

        /// The view, which is made once: where it is made again the new one takes its place, as
        /// that of a page's parts when the reader goes to another page.
        fn settled(self) -> Erased;

        /// The view, which the browser alone makes, and which is made once.
        fn here_once(self) -> Erased;
    }

    impl<T: IntoView + 'static> Erase for T
    where
        T::State: 'static,
    {
        fn erased(self) -> Erased {
            Erased(Box::new(Sent(self)))
        }

        fn made_here(self) -> Erased {
            Erased(Box::new(MadeHere(self)))
        }

        fn settled(self) -> Erased {
            Erased(Box::new(Settled(self)))
        }

        fn here_once(self) -> Erased {
            Erased(Box::new(HereOnce(self)))
        }
    }

    /// A view that is not in the page yet. What does not depend on its type is not here, but
    /// where it is called, for these are compiled for each.
    trait Unmade: Send {
        /// Its type, if what is in the page of it can become another of that type.
        fn view(&self) -> Option<TypeId>;

        /// Whether it is anything: what is nothing needs something that holds its place.
        fn exists(&self) -> bool;

        fn build(self: Box<Self>) -> Box<dyn Made>;

        fn hydrate(self: Box<Self>, cursor: &Cursor, position: &PositionState) -> Box<dyn Made>;

        /// Of `made` by a view of the same [`Unmade::view`].
        fn rebuild(self: Box<Self>, made: &mut dyn Any);
    }

    /// What of a view's state is asked for without knowing its type.
    trait Made {
        fn unmount(&mut self);

        fn mount(&mut self, parent: &Element, marker: Option<&Node>);

        fn insert_before_this(&self, child: &mut dyn Mountable) -> bool;

        /// The state, if it can become another's.
        fn any(&mut self) -> Option<&mut dyn Any>;
    }

    /// The state of a view that can become another.
    struct Kept<S>(S);

    /// The state of a view that is made once.
    struct Fixed<S>(S);

    impl<S: Mountable + 'static> Made for Kept<S> {
        fn unmount(&mut self) {
            self.0.unmount();
        }

        fn mount(&mut self, parent: &Element, marker: Option<&Node>) {
            self.0.mount(parent, marker);
        }

        fn insert_before_this(&self, child: &mut dyn Mountable) -> bool {
            self.0.insert_before_this(child)
        }

        fn any(&mut self) -> Option<&mut dyn Any> {
            Some(&mut self.0)
        }
    }

    impl<S: Mountable> Made for Fixed<S> {
        fn unmount(&mut self) {
            self.0.unmount();
        }

        fn mount(&mut self, parent: &Element, marker: Option<&Node>) {
            self.0.mount(parent, marker);
        }

        fn insert_before_this(&self, child: &mut dyn Mountable) -> bool {
            self.0.insert_before_this(child)
        }

        fn any(&mut self) -> Option<&mut dyn Any> {
            None
        }
    }

    /// A view that is in the page.
    pub struct ErasedState {
        /// The view's type, not the state's, which elements of other names share; none if it
        /// can't become another.
        view: Option<TypeId>,
        made: Box<dyn Made>,
        /// What holds the place of a view that is nothing.
        placeholder: Option<Placeholder>,
    }

    /// A view that may be in a page that the server sends.
    struct Sent<T>(T);

    /// A view that the browser alone makes.
    struct MadeHere<T>(T);

    /// A view that is made once.
    struct Settled<T>(T);

    /// A view that the browser alone makes, and once.
    struct HereOnce<T>(T);

    fn rebuild<T: IntoView>(view: T, made: &mut dyn Any)
    where
        T::State: 'static,
    {
        if let Some(state) = made.downcast_mut::<T::State>() {
            view.rebuild(state);
        }
    }

    impl<T: IntoView + 'static> Unmade for Sent<T>
    where
        T::State: 'static,
    {
        fn view(&self) -> Option<TypeId> {
            Some(TypeId::of::<T>())
        }

        fn exists(&self) -> bool {
            T::EXISTS
        }

        fn build(self: Box<Self>) -> Box<dyn Made> {
            Box::new(Kept(self.0.build()))
        }

        fn hydrate(self: Box<Self>, cursor: &Cursor, position: &PositionState) -> Box<dyn Made> {
            Box::new(Kept(self.0.hydrate::<true>(cursor, position)))
        }

        fn rebuild(self: Box<Self>, made: &mut dyn Any) {
            rebuild(self.0, made);
        }
    }

    impl<T: IntoView + 'static> Unmade for MadeHere<T>
    where
        T::State: 'static,
    {
        fn view(&self) -> Option<TypeId> {
            Some(TypeId::of::<T>())
        }

        fn exists(&self) -> bool {
            T::EXISTS
        }

        fn build(self: Box<Self>) -> Box<dyn Made> {
            Box::new(Kept(self.0.build()))
        }

        fn hydrate(self: Box<Self>, _: &Cursor, _: &PositionState) -> Box<dyn Made> {
            unreachable!("no server has made this view")
        }

        fn rebuild(self: Box<Self>, made: &mut dyn Any) {
            rebuild(self.0, made);
        }
    }

    impl<T: IntoView + 'static> Unmade for Settled<T>
    where
        T::State: 'static,
    {
        fn view(&self) -> Option<TypeId> {
            None
        }

        fn exists(&self) -> bool {
            T::EXISTS
        }

        fn build(self: Box<Self>) -> Box<dyn Made> {
            Box::new(Fixed(self.0.build()))
        }

        fn hydrate(self: Box<Self>, cursor: &Cursor, position: &PositionState) -> Box<dyn Made> {
            Box::new(Fixed(self.0.hydrate::<true>(cursor, position)))
        }

        fn rebuild(self: Box<Self>, _: &mut dyn Any) {
            unreachable!("it can't become another")
        }
    }

    impl<T: IntoView + 'static> Unmade for HereOnce<T>
    where
        T::State: 'static,
    {
        fn view(&self) -> Option<TypeId> {
            None
        }

        fn exists(&self) -> bool {
            T::EXISTS
        }

        fn build(self: Box<Self>) -> Box<dyn Made> {
            Box::new(Fixed(self.0.build()))
        }

        fn hydrate(self: Box<Self>, _: &Cursor, _: &PositionState) -> Box<dyn Made> {
            unreachable!("no server has made this view")
        }

        fn rebuild(self: Box<Self>, _: &mut dyn Any) {
            unreachable!("it can't become another")
        }
    }

    impl Render for Erased {
        type State = ErasedState;

        fn build(self) -> ErasedState {
            let (view, exists) = (self.0.view(), self.0.exists());
            ErasedState {
                view,
                made: self.0.build(),
                placeholder: (!exists).then(Rndr::create_placeholder),
            }
        }

        fn rebuild(self, state: &mut ErasedState) {
            let of_one_type = state.view.is_some() && self.0.view() == state.view;
            if let Some(made) = state.made.any().filter(|_| of_one_type) {
                self.0.rebuild(made);
            } else {
                let mut new = self.build();
                state.insert_before_this(&mut new);
                state.unmount();
                *state = new;
            }
        }
    }

    impl Mountable for ErasedState {
        fn unmount(&mut self) {
            self.made.unmount();
            if let Some(placeholder) = &mut self.placeholder {
                placeholder.unmount();
            }
        }

        fn mount(&mut self, parent: &Element, marker: Option<&Node>) {
            self.made.mount(parent, marker);
            if let Some(placeholder) = &mut self.placeholder {
                placeholder.mount(parent, marker);
            }
        }

        fn insert_before_this(&self, child: &mut dyn Mountable) -> bool {
            self.made.insert_before_this(child)
                || self
                    .placeholder
                    .as_ref()
                    .is_some_and(|placeholder| placeholder.insert_before_this(child))
        }

        /// None: it is asked for by views alone to which attributes are given from outside.
        fn elements(&self) -> Vec<Element> {
            Vec::new()
        }
    }

    // An attribute that is written on a component goes to no element of it.
    no_attrs!(Erased);

    impl RenderHtml for Erased {
        type AsyncOutput = Self;
        type Owned = Self;

        const MIN_LENGTH: usize = 0;

        fn dry_resolve(&mut self) {}

        fn resolve(self) -> impl Future<Output = Self> + Send {
            std::future::ready(self)
        }

        fn to_html_with_buf(
            self,
            _: &mut String,
            _: &mut Position,
            _: bool,
            _: bool,
            _: Vec<AnyAttribute>,
        ) {
            unreachable!("the server alone makes HTML")
        }

        fn hydrate<const FROM_SERVER: bool>(
            self,
            cursor: &Cursor,
            position: &PositionState,
        ) -> ErasedState {
            let (view, exists) = (self.0.view(), self.0.exists());
            ErasedState {
                view,
                made: self.0.hydrate(cursor, position),
                placeholder: (!exists).then(|| cursor.next_placeholder(position)),
            }
        }

        fn into_owned(self) -> Self {
            self
        }
    }
}

/// Runs `run` in the browser, now and whenever a signal changes that it has read. Nothing runs
/// on the server.
#[track_caller]
pub fn effect(run: impl FnMut() + 'static) {
    Effect::new(Box::new(run) as Box<dyn FnMut()>);
}

/// A part of a view that is made again whenever a signal changes that making it has read. In the
/// browser all of these are of one type.
#[cfg(feature = "hydrate")]
pub fn changing<V: IntoView + 'static>(
    mut make: impl FnMut() -> V + Send + 'static,
) -> Box<dyn FnMut() -> Erased + Send> {
    Box::new(move || make().erased())
}

/// A part of a view that is made again whenever a signal changes that making it has read.
#[cfg(not(feature = "hydrate"))]
pub fn changing<V: IntoView + 'static>(
    make: impl FnMut() -> V + Send + 'static,
) -> impl FnMut() -> V + Send + 'static {
    make
}

/// What an attribute says, again whenever a signal changes that saying it has read; without it
/// the element does not have the attribute. All of these are of one type.
pub fn said(
    say: impl FnMut() -> Option<String> + Send + 'static,
) -> Box<dyn FnMut() -> Option<String> + Send> {
    Box::new(say)
}

/// Whether something is so, again whenever a signal changes that telling it has read. All of
/// these are of one type.
pub fn whether(tell: impl FnMut() -> bool + Send + 'static) -> Box<dyn FnMut() -> bool + Send> {
    Box::new(tell)
}

/// What hears an event. Those of one event are all of one type.
pub fn handler<E>(hear: impl FnMut(E) + 'static) -> Box<dyn FnMut(E)> {
    Box::new(hear)
}

/// What makes a view in the browser, as often as it is asked to.
#[derive(Clone)]
pub struct MakeView(Arc<dyn Fn() -> Erased + Send + Sync>);

impl MakeView {
    /// Makes one.
    pub fn run(&self) -> Erased {
        (self.0)()
    }
}

impl<F, T> From<F> for MakeView
where
    F: Fn() -> T + Send + Sync + 'static,
    T: IntoView + 'static,
{
    fn from(make: F) -> Self {
        Self(Arc::new(move || make().made_here()))
    }
}

/// What a component is given to hold, written between its tags.
pub struct Content(Box<dyn FnOnce() -> Erased + Send>);

impl Content {
    /// Makes it.
    pub fn make(self) -> Erased {
        (self.0)()
    }
}

impl<F, T> ToChildren<F> for Content
where
    F: FnOnce() -> T + Send + 'static,
    T: IntoView + 'static,
{
    fn to_children(content: F) -> Self {
        Self(Box::new(move || content().erased()))
    }
}
