//! The feed: channels, and the posts in them.
//!
//! The page is whole without a script: plain markup, in which what is written is sent by forms. Where
//! scripts run, a part that is loaded after the page takes its place, which is made of the same markup
//! and follows what it shows by live queries.

#[cfg(feature = "hydrate")]
mod chip;
#[cfg(feature = "hydrate")]
mod composer;
#[cfg(feature = "hydrate")]
pub(crate) mod dot;
#[cfg(feature = "hydrate")]
pub(crate) mod kept;
mod link;
#[cfg(feature = "hydrate")]
pub(crate) mod live;
mod markdown;
mod post;
mod posts;
mod sidebar;
#[cfg(feature = "hydrate")]
mod unread;
#[cfg(feature = "hydrate")]
mod window;

pub use link::{FeedLink, News};
#[cfg(feature = "ssr")]
pub use markdown::named_in;
pub use post::{Answered, Post, Reaction};
pub(crate) use posts::Place;
#[cfg(feature = "ssr")]
pub(crate) use posts::found;
pub use sidebar::Channel;
#[cfg(feature = "hydrate")]
pub(crate) use {
    live::clock,
    markdown::brief,
    post::text,
    posts::{Shown, list as live_list},
};
#[cfg(feature = "ssr")]
pub(crate) use {posts::list, posts::shown_here, sidebar::sidebar};

/// The reactions that there are.
pub const EMOJI: [&str; 8] = ["👍", "❤️", "😄", "🎉", "👀", "✅", "🙏", "👎"];

/// The longest post, in characters.
pub const LONGEST: usize = 10_000;
