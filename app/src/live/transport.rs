//! How messages get to the page and back.

use std::rc::Rc;

use rowcast_protocol::message::ServerMessage;

use super::connection::Subscription;

/// A way to the server. It begins to open when it is made, reports by its [`Listener`], and
/// is given up by dropping it; nothing is reported after that.
pub trait Transport {
    /// Asks for a query's changes, from where the page stands.
    fn subscribe(&mut self, id: u32, subscription: &Subscription);

    /// Ends a subscription.
    fn unsubscribe(&mut self, id: u32);
}

/// What a transport reports.
pub enum Signal {
    /// It takes subscriptions now.
    Opened,
    /// The server has accepted; changes will arrive.
    Following,
    /// The server said something.
    Message(ServerMessage),
    /// It has ended.
    Closed(Closed),
}

/// Why a transport ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It never opened.
    Refused,
    /// It was open, and was lost.
    Lost,
    /// The server is of another build than the page.
    OtherBuild,
    /// Whoever reads the page is not signed in any more.
    SignedOut,
}

/// Who hears of it.
pub type Listener = Rc<dyn Fn(Signal)>;
