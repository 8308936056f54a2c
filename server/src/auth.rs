//! Who may use the server.
//!
//! Every request has an [`Identity`]: [`gate`] finds it by the request's session cookie or API
//! token and turns away whoever needs one and has none. [`Accounts`] remembers identities in
//! memory; every change of an account, made here, by another server or in SQL, is told by the
//! database and replaces what is remembered, and what is connected hears of it by its
//! [`Standing`].

pub mod absent;
pub mod account;
pub mod cookie;
pub mod device;
pub mod follow;
pub mod gate;
pub mod identity;
mod known;
pub mod link;
pub mod linked;
pub mod lockout;
mod look_up;
pub mod next;
pub mod openid;
pub mod password;
pub mod provided;
pub mod rights;
pub mod secret;
pub mod session;
pub mod sign_in;
mod standing;
pub mod tidy;
pub mod token;

pub use self::{
    identity::{AccountId, Credential, Identity, Scope},
    known::Accounts,
    standing::Standing,
};
